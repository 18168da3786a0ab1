"""Tables of the command line."""

import pytest

from deploy.terminal.output import table


def test_a_table_is_aligned_plain_text_with_whole_cells(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    long = "[bold]" + "x" * 300
    table([{"name": long, "score": 0.5, "why": ["a", "b"]}, {"name": "y", "score": 12, "why": None}])
    head, first, second = capsys.readouterr().out.splitlines()

    assert head == f"{'name':<306}  score  why"
    assert first == f"{long}    0.5  a, b"
    assert second == f"{'y':<306}     12"


def test_no_rows_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    table([])

    assert capsys.readouterr().out == "nothing\n"
