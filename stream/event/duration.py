"""Durations as text: a number and one of s m h d w, such as `90s`, `30m`, `1.5h`, `7d` or `4w`.

    duration = number unit
    number   = [sign] digits [ "." digits ] [ "e" [sign] digits ]
    unit     = "s" | "m" | "h" | "d" | "w", in either case

`forever` and `never` are durations where a rule allows them.
"""

from __future__ import annotations

import math
import re
from typing import Final

import msgspec

from stream.error import BadRequest

UNIT_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
NUMBER: Final = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
PATTERN: Final = rf"(?:{NUMBER})[smhdwSMHDW]"
FOREVER_MS: Final = 36_500 * UNIT_MS["d"]  # what no half-life exceeds
MOST_MS: Final = 1_000_000 * UNIT_MS["w"]

_DURATION: Final = re.compile(rf"({NUMBER})\s*([smhdw])", re.ASCII | re.IGNORECASE)


class Duration(msgspec.Struct, frozen=True):
    """A duration in the unit it was given in; as a float it is in milliseconds, as text it reads back."""

    count: float
    unit: str

    def __float__(self) -> float:
        return self.count * UNIT_MS[self.unit]

    def __str__(self) -> str:
        return plain(self.count) + self.unit


def duration(text: str) -> Duration | None:
    """Read a duration; None where the text is none, or not finite."""
    found = _DURATION.fullmatch(text.strip()) if len(text) <= 64 else None
    if found is None:
        return None
    read = Duration(float(found[1]) + 0.0, found[2].lower())  # no -0
    return read if math.isfinite(float(read)) else None


def milliseconds(
    what: str, text: str, *, least: int = 0, most: int = MOST_MS, forever: int | None = None
) -> int:
    """Read a duration in whole milliseconds.

    Args:
        what: The name of the option, for the error.
        least, most: Bounds in milliseconds, inclusive.
        forever: What `forever` stands for; `never` is 0 then, and None allows neither word.

    Raises:
        BadRequest: `HALFLIFE is 'soon'; wanted a duration such as 90s, 30m, 1h, 7d or 4w`.
    """
    word = text.strip().lower()
    if forever is not None and word in ("forever", "never"):
        return forever if word == "forever" else 0
    read = duration(word)
    if read is not None and least <= (ms := round(float(read))) <= most:
        return ms
    raise BadRequest(f"{what} is {_short(text)}; wanted {wanted(most=most, words=forever is not None)}")


def wanted(*, most: int = MOST_MS, words: bool = False) -> str:
    """What an error says is a duration."""
    limit = f", at most {most // UNIT_MS['d']}d" if most < MOST_MS else ""
    return f"{'forever, never, or ' if words else ''}a duration such as 90s, 30m, 1h, 7d or 4w{limit}"


def plain(number: float) -> str:
    """A number as short text that reads back: no fraction where it is whole."""
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _short(text: str) -> str:
    return repr(text if len(text) <= 64 else text[:64] + "…")
