"""Lines over time: a panel a measure, every value where it belongs, the same file every time."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from deploy.chart import line
from deploy.chart.figure import check, save
from deploy.config.schema import BadConfig

VALUES = {"a": np.array([0.0, 2.0, np.nan, 4.0]), "b<$c_d$": np.full(4, 1.0)}


def picture() -> Figure:
    return line.draw("t", "s", "weeks", [line.Panel("one", VALUES), line.Panel("two", VALUES)])


def test_a_panel_has_a_line_a_name_through_its_values() -> None:
    for axes in picture().axes:
        drawn = {one.get_label(): one.get_ydata() for one in axes.get_lines()}

        assert list(drawn) == list(VALUES)
        for name, values in VALUES.items():
            assert np.array_equal(drawn[name], values, equal_nan=True)


def test_the_same_figures_make_the_same_file_with_words_in_it(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        save(picture(), str(tmp_path / name))
    text = (tmp_path / "one.svg").read_text()

    assert text == (tmp_path / "two.svg").read_text()
    assert ">b&lt;$c_d$</text>" in text


def test_a_png_is_one(tmp_path: Path) -> None:
    save(picture(), str(tmp_path / "one.png"))

    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_message_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)

    with pytest.raises(BadConfig, match=r"not installed; pip install 'riverwalk\[plot\]'"):
        check(str(tmp_path / "a.svg"))
