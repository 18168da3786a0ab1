"""The unit of the times in a file, found by their values: seconds, milliseconds, microseconds, nanoseconds, or text.

Times since 1970 of the years from 1985 to today have another size in each unit, so that the bulk of a file tells its unit.
Smaller ones count from a beginning of their own, as in JODIE: they are in the unit that is usual for their column.
"""

import re
from array import array
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from stream.error import BadEvent
from stream.event.event import DAY_MS

FACTOR = {"s": 1000.0, "ms": 1.0, "us": 1e-3, "ns": 1e-6}  # milliseconds in one
WORD = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "iso": "ISO 8601",
    "date": "dates as YYYYMMDD",
}
_MISTAKES = (
    "a thousandth of what the others are, as seconds among milliseconds",
    "a millionth of what the others are, as seconds among microseconds",
    "a billionth of what the others are, as seconds among nanoseconds",
)
EARLY_MS = 473_385_600_000  # 1985

COMMA = re.compile(r"[+-]?\d+,\d+")  # a number with a decimal comma

_NAN = float("nan")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SLASHED = re.compile(r"\d{4}/\d\d/\d\d")
_DATE = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")

Clock = Callable[[str], int]
"""Reads a time as milliseconds since 1970.  BadEvent: It is none."""


class Times:
    """The times of a whole file as they are written, to find their unit and their order."""

    def __init__(self) -> None:
        self._number, self._iso = array("d"), array("d")  # NaN where it is the other, or none at all
        self._dates = True

    def add(self, text: str | float) -> None:
        """Take the next time, in the order of lines."""
        try:
            self._number.append(float(text))
            self._iso.append(_NAN)
        except ValueError:
            self._number.append(_NAN)
            try:
                self._iso.append(iso(str(text)))
            except BadEvent:
                self._iso.append(_NAN)
        else:
            if self._dates:
                self._dates = isinstance(text, str) and bool(_DATE.fullmatch(text))

    def unit(self, usual: str, now_ms: int) -> str | None:
        """The unit of most of the numbers; None where none makes them times of the past.

        Args:
            usual: The unit of times that count from a beginning of their own.
        """
        number = np.frombuffer(self._number)
        number = number[np.isfinite(number)]
        if not number.size:
            return "iso" if np.isfinite(np.frombuffer(self._iso)).any() else usual
        if self._dates:
            return "date"
        return unit(number, usual, now_ms)

    def recent(self, unit: str) -> bool:
        """Whether most of the numbers are times from 1985 on."""
        number = np.frombuffer(self._number)
        number = number[np.isfinite(number)]
        place = int(0.05 * (number.size - 1))
        return bool(
            unit in FACTOR and number.size and np.partition(number, place)[place] * FACTOR[unit] >= EARLY_MS
        )

    def late(self, unit: str, now_ms: int) -> int:
        """How many of the times are before one of an earlier line."""
        number, t = np.frombuffer(self._number), np.frombuffer(self._iso)
        if unit in FACTOR:
            t = np.where(np.isfinite(number), np.round(number * FACTOR[unit]), t)
        elif unit == "date":
            t = np.where(np.isfinite(number), number, t)
        with np.errstate(invalid="ignore"):
            t = t[(t >= 0) & (t <= now_ms + DAY_MS)]
        return int((t < np.maximum.accumulate(t)).sum())


def unit(number: np.ndarray, usual: str, now_ms: int) -> str | None:
    """The unit that makes most of these numbers times of the past; None where none does.

    Shapes: number float64 [n], finite, n > 0.
    """
    last = number.size - 1
    low, high = np.partition(number, (int(0.05 * last), int(0.95 * last)))[
        [int(0.05 * last), int(0.95 * last)]
    ]
    latest = now_ms + DAY_MS
    for one, factor in FACTOR.items():
        if low * factor >= EARLY_MS and high * factor <= latest:
            return one
    high_ms = high * FACTOR[usual]
    mixed = high_ms >= EARLY_MS and mistaken(low * FACTOR[usual], now_ms)
    return usual if high_ms <= latest and not mixed else None


def mistaken(t: float, now_ms: int) -> str:
    """What is wrong with a time of about 1970 that is a later one in another unit; empty where nothing is.

    Units: t in milliseconds.
    """
    if not t or t >= EARLY_MS:
        return ""
    for power, what in enumerate(_MISTAKES, 1):
        if EARLY_MS <= t * 1000.0**power <= now_ms + DAY_MS:
            return f"the time {t:.0f} ms is of 1970, {what}; write all times of a file in one unit"
    return ""


def clock(unit: str, now_ms: int, recent: bool = False) -> Clock:
    """What reads times in this unit; ISO 8601 text is read beside numbers, too.

    Args:
        recent: Whether most times are from 1985 on, so that one of 1970 is in another unit.
    """
    latest = now_ms + DAY_MS
    factor = FACTOR.get(unit)
    early = EARLY_MS if recent else 0

    def read(text: str) -> int:
        try:
            number = float(text)
        except ValueError:
            return _checked(iso(text), latest)
        if factor is None:
            return _checked(iso(text), latest)
        t = round(number * factor) if -1e300 < number < 1e300 else number
        return t if early <= t <= latest else _checked(t, latest, recent)  # type: ignore[return-value]

    return read


def iso(text: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 time; without an offset it is UTC."""
    written = text.strip().removesuffix("UTC").strip()
    if _SLASHED.match(written):
        written = written.replace("/", "-", 2)
    try:
        stamp = datetime.fromisoformat(written)
        if stamp.tzinfo is None:
            stamp = stamp.replace(tzinfo=UTC)
        return (stamp - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError) as exc:
        if not text:
            raise BadEvent("missing", "the timestamp is empty") from exc
        raise BadEvent("type", f"the timestamp {text[:40]!r} is no number and no ISO 8601 time") from exc


def _checked(t: float, latest: int, recent: bool = False) -> int:
    if t != t or t in (float("inf"), float("-inf")):
        raise BadEvent("nan", f"the timestamp is {t}, expected a finite number")
    if t < 0:
        raise BadEvent("time", f"the time {t / 1000:.0f} s is not possible; expected a time since 1970")
    if t > latest:
        raise BadEvent(
            "future", f"t is {t:.0f} ms, more than a day after now; seconds and milliseconds mixed?"
        )
    if recent and (what := mistaken(t, latest - DAY_MS)):
        raise BadEvent("time", what)
    return int(t)
