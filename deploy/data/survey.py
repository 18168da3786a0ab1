"""One pass over a log: how many events, users and items, and where a good part to show begins."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import msgspec

from deploy.data.dataset import Dataset
from stream.error import BadEvent

SLICES = 60  # parts of the stream a lively user is seen in


class Survey(msgspec.Struct, frozen=True):
    """What one look through a data set tells: how many events, and who is worth following."""

    count: int
    user: str
    bad: str = ""  # in a line, what was left out because it is no event


def survey(found: Dataset, limit: int | None = None) -> Survey:
    """Look through a data set once; the user seen in the most parts of the stream is the one to follow."""
    bad: list[BadEvent] = []
    users = [event.user for event in islice(found.events(bad.append), limit)]
    wide = max(1, len(users) // SLICES)
    parts: Counter[str] = Counter()
    for start in range(0, len(users), wide):
        parts.update(set(users[start : start + wide]))
    # ties go to the name, not to the order of a set
    best = max(parts.items(), key=lambda one: (one[1], one[0]), default=("", 0))
    left_out = f"{len(bad):,} lines are no events and left out; the first: {bad[0]}" if bad else ""
    return Survey(len(users), best[0], left_out)
