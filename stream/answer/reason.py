"""Reasons in words that a person can be shown: what they did, with what, how long ago, and how that leads here."""

from __future__ import annotations

from typing import Final

from state.ranking.attribution import (
    AGAIN,
    ALIKE,
    NEAR,
    NEW,
    NEWCOMER,
    NEXT,
    POPULARITY,
    RISE,
    TOGETHER,
)
from stream.event.event import KINDS

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
LONGEST: Final = 80  # letters of a title

DID: Final = dict(
    zip(KINDS, ("viewed", "clicked", "liked", "disliked", "bought", "watched", "were shown"), strict=True)
)
PATH: Final = {
    NEXT: "often taken right after it",
    TOGETHER: "often taken together",
    ALIKE: "others who took it took this, too",
    NEAR: "close to what goes with it",
}
ALONE: Final = {
    NEWCOMER: "newcomers take it first",
    RISE: "rising now",
    POPULARITY: "popular",
    NEW: "new or rarely taken",
}
ANOTHER: Final = "another item"
_UNITS: Final = (
    (MINUTE_MS, HOUR_MS, "minute"),
    (HOUR_MS, DAY_MS, "hour"),
    (DAY_MS, 14 * DAY_MS, "day"),
    (7 * DAY_MS, 61 * DAY_MS, "week"),
    (30 * DAY_MS, 730 * DAY_MS, "month"),
    (365 * DAY_MS, 1 << 62, "year"),
)


def did(kind: int) -> str:
    """What a user did, by the number of the event's type; -1 where that is not known."""
    return DID[KINDS[kind]] if 0 <= kind < len(KINDS) else "had"


def ago(ms: int) -> str:
    """How long ago something was; `yesterday` is 24 to 48 hours ago."""
    if ms < MINUTE_MS:
        return "just now"
    if DAY_MS <= ms < 2 * DAY_MS:
        return "yesterday"
    unit, _, name = next(found for found in _UNITS if ms < found[1])
    count = ms // unit
    return f"{count} {name}{'s' if count > 1 else ''} ago"


def short(title: str) -> str:
    """A title in one line of at most 80 letters."""
    line = " ".join(title.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"


def sentence(cause: int, kind: int, age_ms: int, seed: str) -> str:
    """Why an item is in an answer.

    Args:
        cause: One of `state.ranking.attribution`.
        kind: Number of the type of the user's last event on the item that led here, -1 where that is not known.
        age_ms: How long ago that was.
        seed: What that item is called, empty where it is not to be named.
    """
    if cause == AGAIN:
        return f"you {did(kind)} it {ago(age_ms)}"
    if cause in PATH:
        return f"because you {did(kind)} {seed or ANOTHER} {ago(age_ms)}: {PATH[cause]}"
    return ALONE[cause]
