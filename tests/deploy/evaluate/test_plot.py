"""The report as a picture and as tables."""

import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Any

import pytest

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
        "compare": [{**pair, "low": -0.25, "high": -0.15, "significant": True}],
    }


def drawn(found: dict[str, Any]) -> xml.Element:
    return xml.fromstring(plot.svg(found))


def words(picture: xml.Element) -> list[str]:
    return [one.text or "" for one in picture.iter("{http://www.w3.org/2000/svg}text")]


def bars(picture: xml.Element, fill: str) -> list[dict[str, str]]:
    return [one.attrib for one in picture.iter("{http://www.w3.org/2000/svg}rect") if one.get("fill") == fill]


def test_a_bar_is_as_long_as_its_figure(found: dict[str, Any]) -> None:
    picture = drawn(found)
    own, other = (float(bars(picture, fill)[0]["width"]) for fill in (plot.OWN, plot.OTHER))

    assert own == pytest.approx(2 * other, abs=0.2)


def test_names_are_text_whatever_they_hold(found: dict[str, Any]) -> None:
    text = words(drawn(found))

    assert "<baseline>" in text
    assert any(line.startswith("a&b · stream") for line in text)


def test_a_kind_without_events_is_left_out(found: dict[str, Any]) -> None:
    text = words(drawn(found))

    assert "50 events" in text
    assert report.KINDS["new_item"] not in text


def test_everything_stands_inside_the_picture(found: dict[str, Any]) -> None:
    found["rows"] += [row(f"riverwalk-minus-{k}", "test", 0.01 * k) for k in range(20)]
    found["rows"] += [{**one, "part": "validation"} for one in found["rows"]]
    picture = drawn(found)
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])

    for one in picture.iter():
        assert 0 <= float(one.get("x", 0)) + float(one.get("width", 0)) <= width
        assert 0 <= float(one.get("y", 0)) + float(one.get("height", 0)) <= height


def test_figures_of_nothing_are_drawn_too(found: dict[str, Any]) -> None:
    for one in found["rows"]:
        one["mrr"] = one["mrr_std"] = 0.0
        one["by_kind"] = {name: {**kind, "mrr": 0.0} for name, kind in one["by_kind"].items()}

    assert float(bars(drawn(found), plot.OWN)[0]["width"]) == 0


@pytest.mark.parametrize(
    ("path", "says"), [("a.png", "only SVG is drawn; write a.svg"), ("gone/a.svg", "make it first")]
)
def test_what_cannot_be_drawn_is_refused_at_once(tmp_path: Path, path: str, says: str) -> None:
    with pytest.raises(BadConfig, match=says):
        plot.check(str(tmp_path / path))


@pytest.mark.parametrize("details", [False, True])
def test_a_narrow_terminal_shows_the_rest_when_asked(
    found: dict[str, Any], details: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    report.show(found, details)
    text = capsys.readouterr().out

    assert "0.4000 ±0.0100" in text
    assert ("-0.2000 [-0.2500, -0.1500]" in text) == details
    assert ("new to the user" in text) == details
