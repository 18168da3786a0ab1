"""When events happen, as nodes of a graph."""

from datetime import UTC, datetime

import numpy as np
import pytest

from tgn.baseline.graph.context import contexts, season, weekday


def ms(*day: int) -> np.ndarray:
    return np.array([int(datetime(*day, tzinfo=UTC).timestamp() * 1000)])  # type: ignore[misc, arg-type]


@pytest.mark.parametrize("day", [(1969, 12, 30), (1970, 1, 1), (2000, 2, 29), (2024, 7, 14, 23, 59)])
def test_weekdays_are_those_of_the_calendar(day: tuple[int, ...]) -> None:
    assert weekday(ms(*day))[0] == datetime(*day).weekday()  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ((2023, 3, 3), 0),
        ((2023, 5, 20), 0),
        ((2023, 6, 20), 1),
        ((2023, 10, 1), 2),
        ((2023, 12, 24), 3),
        ((2024, 2, 20), 3),
    ],
)
def test_seasons_begin_with_spring(day: tuple[int, int, int], expected: int) -> None:
    assert season(ms(*day))[0] == expected


@pytest.mark.parametrize(
    ("days", "expected"), [(0, []), (10, []), (14, ["weekday"]), (365, ["weekday", "season"])]
)
def test_a_context_is_learned_from_logs_that_span_it(days: int, expected: list[str]) -> None:
    assert contexts(np.array([0, 86_400_000 * days])) == expected


def test_a_log_without_events_has_no_context() -> None:
    assert contexts(np.zeros(0, np.int64)) == []
