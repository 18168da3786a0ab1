"""Deferred lessons: events that the network passed over while more came than it keeps up with, learned when nothing waits.

They stay in the lane until they are written over, as they were just before they happened; every event has reached node
memory in its turn.  The oldest come first.  Once rows were evicted, what is deferred is dropped: a row may be another's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from stream.event.batch import hashed
from stream.lane.lane import Lane
from stream.lane.layout import EVENT
from stream.lane.pair import KNOWN, TAKEN


class Span(NamedTuple):
    """Records of the lane from `begin` to `end`; events with a hash below `share` are learned from already."""

    begin: int
    end: int
    share: float

    @property
    def events(self) -> int:
        """How many are left of it, an estimate."""
        return int((1 - self.share) * (self.end - self.begin))


class Deferred:
    """What is deferred of one lane.

    Args:
        kept: What `spans` was before, where the learner was away.
    """

    def __init__(self, lane: Lane, kept: Iterable[Sequence[float]] = ()) -> None:
        self.lane = lane
        self._spans = deque(Span(int(begin), int(end), share) for begin, end, share in kept)

    @property
    def spans(self) -> list[Span]:
        """What is deferred, to be kept with what was learned; the oldest first."""
        return list(self._spans)

    @property
    def count(self) -> int:
        """How many events are deferred, an estimate."""
        return sum(span.events for span in self._spans)

    def put(self, begin: int, end: int, share: float) -> None:
        """Note that of the records from `begin` to `end` only a share was learned from."""
        if share >= 1 or begin >= end:
            return
        while self._spans and self._spans[0].end <= self._oldest:
            self._spans.popleft()
        last = self._spans[-1] if self._spans else None
        if last is not None and last.end == begin and last.share == share:
            self._spans[-1] = last._replace(end=end)
        else:
            self._spans.append(Span(begin, end, share))

    def clear(self) -> None:
        """Drop everything."""
        self._spans.clear()

    def take(self, most: int) -> np.ndarray | None:
        """Return the next records to learn from, `most` where there are so many; None where nothing is deferred."""
        found: list[np.ndarray] = []
        left = most
        while left and (some := self._next(left)) is not None:
            found.append(some)
            left -= some.shape[0]
        return np.concatenate(found) if found else None

    def _next(self, most: int) -> np.ndarray | None:
        """Return the records to learn from among the next ones of a span, at most `most`; None where there is no span."""
        while self._spans:
            span = self._spans.popleft()
            begin = max(span.begin, self._oldest)
            end = min(span.end, begin + most)
            if end < span.end:
                self._spans.appendleft(span._replace(begin=end))
            if begin >= end:
                continue
            found = self.lane.get(begin, end)
            if found is not None:
                good = (found["what"] == EVENT) & (found["known"] & (TAKEN | KNOWN) == TAKEN | KNOWN)
                rows: np.ndarray = found[good & (hashed(found["offset"], found["partition"]) >= span.share)]
                return rows
        return None

    @property
    def _oldest(self) -> int:
        """The oldest record that is not written over."""
        return self.lane.head - self.lane.capacity
