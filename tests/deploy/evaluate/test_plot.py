"""The report as a picture and as tables."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.text import Text

from deploy.chart.figure import check, save
from deploy.config.schema import BadConfig
from deploy.evaluate import plot, report

KINDS = {"repeat": 30, "known_user_new_item": 50, "new_user": 20, "new_item": 0, "cold": 5, "newcomer": 40}


def row(model: str, part: str, mrr: float, seeds: int = 1) -> dict[str, Any]:
    figures = {"10": mrr, "20": mrr}
    kinds = {name: {"n": n, "mrr": mrr, "r10": mrr, "r20": mrr} for name, n in KINDS.items()}
    spread = 0.01 if seeds > 1 else 0.0
    return {
        **{"model": model, "part": part, "mrr": mrr, "recall": figures, "ndcg": figures, "by_kind": kinds},
        **{"seeds": seeds, "mrr_std": spread, "recall_std": {"10": spread, "20": spread}},
        **{"seconds": 1.0, "events_per_s": 10, "peak_rss_mib": 100.0},
    }


@pytest.fixture
def found() -> dict[str, Any]:
    """Riverwalk, three seeds, before a <baseline> that is half as good."""
    pair = {"model": "<baseline>", "against": "riverwalk", "part": "test", "mrr_difference": -0.2}
    return {
        **{"data": "a&b", "protocol": "stream", "visible": "strict", "learning": "online", "new_only": False},
        **{"seeds": 3, "events": {"train": 700, "validation": 150, "test": 150}},
        "rows": [row("riverwalk", "test", 0.4, 3), row("<baseline>", "test", 0.2)],
        "times": {"train": ["2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"]},
        "legend": {"riverwalk": "all of it"},
        "left_out": {"edgebank": "it ranks items the user had"},
        "verdict": ["Riverwalk's MRR is .4000: 100 % [90, 110] above <baseline>."],
        "compare": [{**pair, "low": -0.25, "high": -0.15, "significant": True}],
    }


def words(found: dict[str, Any]) -> list[str]:
    picture = plot.draw(found)
    return [one.get_text() for one in picture.findobj(Text)]


def bars(found: dict[str, Any]) -> list[float]:
    """The lengths of the bars above, in the order of the rows."""
    return [one.get_width() for one in plot.draw(found).axes[0].patches]


def test_a_bar_is_as_long_as_its_figure(found: dict[str, Any]) -> None:
    assert bars(found) == [0.4, 0.2]


def test_names_are_text_whatever_they_hold(found: dict[str, Any], tmp_path: Path) -> None:
    found["rows"][1]["model"] = "<base$line$>"
    text = words(found)
    save(plot.draw(found), str(tmp_path / "a.svg"))

    assert "<base$line$>" in text
    assert any(line.startswith("a&b · stream") for line in text)
    assert "&lt;base$line$&gt;" in (tmp_path / "a.svg").read_text()


def test_a_kind_without_events_is_left_out(found: dict[str, Any]) -> None:
    text = words(found)

    assert f"{report.KINDS['known_user_new_item']}\n50 events" in text
    assert not any(report.KINDS["new_item"] in line for line in text)


def test_many_models_make_a_higher_picture(found: dict[str, Any], tmp_path: Path) -> None:
    low = plot.draw(found).get_figheight()
    found["rows"] += [row(f"riverwalk-minus-{k}", "test", 0.01 * k) for k in range(20)]
    found["rows"] += [{**one, "part": "validation"} for one in found["rows"]]
    picture = plot.draw(found)
    save(picture, str(tmp_path / "a.png"))

    assert picture.get_figheight() > low + 5
    assert len(picture.axes[0].patches) == 44


def test_figures_of_nothing_are_drawn_too(found: dict[str, Any]) -> None:
    for one in found["rows"]:
        one["mrr"] = one["mrr_std"] = 0.0
        one["by_kind"] = {name: {**kind, "mrr": 0.0} for name, kind in one["by_kind"].items()}

    assert bars(found) == [0, 0]


@pytest.mark.parametrize(
    ("path", "says"),
    [("a.gif", "only SVG and PNG are drawn; write a.svg or a.png"), ("gone/a.svg", "make it first")],
)
def test_what_cannot_be_drawn_is_refused_at_once(tmp_path: Path, path: str, says: str) -> None:
    with pytest.raises(BadConfig, match=says):
        check(str(tmp_path / path))


@pytest.mark.parametrize("details", [False, True])
def test_a_narrow_terminal_shows_the_rest_when_asked(
    found: dict[str, Any], details: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    report.show(found, details)
    text = capsys.readouterr().out

    assert "0.4000 ±0.0100" in text
    assert "100 % [90, 110] above <baseline>" in text
    assert "left out: edgebank: it ranks items the user had" in text
    assert "train 2026-01-01T00:00:00+00:00 – 2026-02-01" in text
    assert ("-0.2000 [-0.2500, -0.1500]" in text) == details
    assert ("new to the user" in text) == details
