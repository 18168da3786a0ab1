"""One pass over a log: how many events, users and items, and where a good part to show begins."""

from __future__ import annotations

import heapq
from collections import Counter
from itertools import islice

import msgspec

from deploy.data.dataset import Dataset
from stream.error import BadEvent, BadSource

SLICES = 60  # parts of the stream a lively user is seen in
LIVELY = 40  # how many users are kept


class Survey(msgspec.Struct, frozen=True):
    """Summary of a data set: how many events, and which users are worth following, the best first."""

    count: int
    user: str
    bad: str = ""  # in a line, what was left out because it is no event
    users: tuple[str, ...] = ()
    latest: int = 0  # the newest time, milliseconds


def survey(found: Dataset, limit: int | None = None) -> Survey:
    """Look through a data set once; the user seen in the most parts of the stream is the one to follow.

    Raises:
        BadSource: It holds no event.
    """
    bad = _Bad()
    users, latest = list[str](), 0
    for event in islice(found.events(bad), limit):
        users.append(event.user)
        latest = max(latest, event.t)
    if not users:
        raise BadSource(_nothing(found, bad))
    wide = max(1, len(users) // SLICES)
    parts: Counter[str] = Counter()
    for start in range(0, len(users), wide):
        parts.update(set(users[start : start + wide]))
    # ties go to the name, not to the order of a set
    best = [user for user, _ in heapq.nlargest(LIVELY, parts.items(), key=lambda one: (one[1], one[0]))]
    left_out = f"{bad.count:,} lines are no events and left out; the first: {bad.first}" if bad.count else ""
    return Survey(len(users), best[0], left_out, tuple(best), latest)


class _Bad:
    """Counts the lines that are no events, and keeps the first."""

    def __init__(self) -> None:
        self.count = 0
        self.first: BadEvent | None = None
        self.reasons: Counter[str] = Counter()

    def __call__(self, bad: BadEvent) -> None:
        self.count += 1
        self.reasons[bad.reason] += 1
        self.first = self.first or bad


def _nothing(found: Dataset, bad: _Bad) -> str:
    if not bad.count:
        return f"{found.path}: holds no event; name a file that does"
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in bad.reasons.most_common())
    return f"{found.path}: none of its {bad.count:,} lines is an event ({reasons}); the first: {bad.first}"
