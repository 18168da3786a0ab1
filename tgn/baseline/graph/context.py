"""When events happen, as nodes of a graph: the weekday and the season of a stamp."""

from __future__ import annotations

import numpy as np

DAY_MS = 86_400_000
SEASON_DAYS = 365.25 / 4
MARCH = 59  # days from new year to the first of March
SIZES = {"weekday": 7, "season": 4}


def weekday(t: np.ndarray) -> np.ndarray:
    """Return the weekday in UTC, 0 for Monday, of stamps in ms."""
    return (np.asarray(t) // DAY_MS + 3) % 7


def season(t: np.ndarray) -> np.ndarray:
    """Return the season, a quarter of the year from the first of March on, 0 for spring, of stamps in ms."""
    day = (np.asarray(t) / DAY_MS - MARCH) % 365.25
    return np.minimum(day // SEASON_DAYS, 3).astype(np.int64)


def contexts(t: np.ndarray) -> list[str]:
    """Return which contexts a log is long enough to learn: weekdays from two weeks on, seasons from a year on."""
    span = float(np.ptp(t)) / DAY_MS if t.shape[0] else 0.0
    return [name for name, days in (("weekday", 14), ("season", 365)) if span >= days]


def numbers(name: str, t: np.ndarray) -> np.ndarray:
    """Return the context of a name of each stamp, int64, as many as stamps."""
    return weekday(t) if name == "weekday" else season(t)
