"""What happens now: the newest events, and who is busy, read from the lane that ingest writes for the learner.

A reader looks at it some times a second and never holds it up: it takes the newest events of what came since the last
look, at most so many, and counts the rest without looking at them.  Who is busy is counted in slices of a minute.
"""

from __future__ import annotations

from collections import Counter, deque
from pathlib import Path
from typing import Final

import numpy as np
import structlog

from state.error import BadStore, NoMemory
from stream.answer.item import Items
from stream.answer.lookup.request import Busy, Happened
from stream.answer.recommender import Recommender
from stream.event.event import KINDS
from stream.lane.lane import Lane
from stream.lane.layout import EVENT, ITEM_GONE, PAGE, event

log = structlog.get_logger()

FILE: Final = "events.lane"
AT_ONCE: Final = 2_048  # events of one look that are looked at, the newest
NEWEST: Final = 200  # events that are remembered
SLICES: Final = 15  # of a minute each, in which users are counted
MINUTE_S: Final = 60.0
USERS: Final = 50_000  # of a slice; later ones are not counted in it


class Activity:
    """Follows the events that are applied, for one reader; `look` is called some times a second.

    Fields:
        number: Events seen to have been applied since this process follows them; those that were only counted included.
    """

    def __init__(self) -> None:
        self.number = 0
        self._lane: Lane | None = None
        self._generation = 0
        self._position = 0
        self._newest: deque[tuple[int, np.void]] = deque(maxlen=NEWEST)
        self._slices: deque[Counter[int]] = deque([Counter()], maxlen=SLICES)
        self._last: dict[int, tuple[int, int]] = {}  # row of a user -> time and item of the last event
        self._began_s = 0.0  # of the slice under way

    def look(self, recommender: Recommender, now_s: float) -> None:
        """Take in what happened since the last look.

        Args:
            now_s: A clock in seconds.
        """
        generation = recommender.generation
        if self._generation != generation.number:
            self._open(generation.live, generation.number, generation.tgn.history)
        if self._lane is None:
            return
        if now_s - self._began_s >= MINUTE_S:
            self._turn(now_s)
        lane, begin = self._lane, self._position
        head = self._position = lane.head
        if head == begin:
            return
        if head - begin > lane.capacity // 2:
            self._forget_all()  # which rows went to others meanwhile may be written over already
        else:
            slots = np.arange(begin, head) % lane.capacity
            self._drop(lane.record[slots[lane.record["what"][slots] != EVENT]])
        found = lane.get(max(begin, head - AT_ONCE), head)
        if found is not None:
            found = found[found["what"] == EVENT]
            self.number += max(found.shape[0], head - begin - AT_ONCE)
            self._take(found)

    def _drop(self, gone: np.ndarray) -> None:
        """Forget rows that were evicted, or forgotten on request."""
        if not gone.shape[0]:
            return
        items = set(gone["item"][gone["what"] == ITEM_GONE].tolist())
        users = set(gone["user"][gone["what"] != ITEM_GONE].tolist())
        kept = [one for one in self._newest if one[1]["item"] not in items and one[1]["user"] not in users]
        self._newest = deque(kept, maxlen=NEWEST)
        self._last = {
            user: last for user, last in self._last.items() if user not in users and last[1] not in items
        }
        for counts in self._slices:
            for user in users:
                counts.pop(user, None)

    def _forget_all(self) -> None:
        """Forget all rows."""
        self._newest.clear()
        self._slices = deque([Counter()], maxlen=SLICES)
        self._last.clear()

    def _take(self, found: np.ndarray) -> None:
        first = self.number - found.shape[0] + 1
        newest = found[-NEWEST:]
        begin = found.shape[0] - newest.shape[0]
        self._newest.extend((first + begin + k, newest[k]) for k in range(newest.shape[0]))
        counts = self._slices[-1]
        users, items, times = (found[name].tolist() for name in ("user", "item", "t"))
        if len(counts) < USERS:
            counts.update(users)
            self._last.update(zip(users, zip(times, items, strict=True), strict=True))

    def _turn(self, now_s: float) -> None:
        """Begin another minute; what is older than the window goes, also after a pause."""
        minutes = min(SLICES, int((now_s - self._began_s) // MINUTE_S)) if self._began_s else 1
        for _ in range(minutes):
            self._slices.append(Counter())
        self._began_s = now_s
        kept = set().union(*self._slices)
        self._last = {user: last for user, last in self._last.items() if user in kept}

    def _open(self, live: Path | None, number: int, history: int) -> None:
        """Follow the lane of a generation from its end on."""
        self._generation, self._lane = number, None
        self._forget_all()  # rows may be of others in another generation
        if live is None:
            return
        path, record = live / str(number) / FILE, event(history)
        try:
            capacity = (path.stat().st_size - 2 * PAGE) // record.itemsize
            self._lane = Lane(path, record, capacity, write=False)
        except FileNotFoundError:
            return  # ingest without a learner beside it writes none
        except (BadStore, NoMemory) as exc:
            log.warning("the newest events cannot be followed", error=str(exc))
            return
        self._position = max(0, self._lane.head - min(AT_ONCE, capacity))

    def busiest(self, recommender: Recommender, n: int) -> list[Busy]:
        """Return the users with most events in the last minutes."""
        total: Counter[int] = Counter()
        for one in self._slices:
            total.update(one)
        names, items = recommender.generation.users.text, recommender.items
        found = []
        for row, events in sorted(total.items(), key=lambda one: (-one[1], one[0])):
            user = names[row] if row < len(names) else ""
            last = self._last.get(row)
            if user and last is not None:
                name, title = _named(items, last[1])
                found.append(Busy(user, events, last[0], name, title))
            if len(found) == n:
                break
        return found

    def newest(self, recommender: Recommender, n: int, after: int = 0) -> list[Happened]:
        """Return the last events, newest first, of those with a number above `after`; hidden items are left out."""
        names, items = recommender.generation.users.text, recommender.items
        found: list[Happened] = []
        for number, one in reversed(self._newest):
            if number <= after or len(found) == n:
                break
            user, item = int(one["user"]), int(one["item"])
            name, title = _named(items, item)
            if user < len(names) and names[user] and name:
                kind, place = KINDS[int(one["kind"])], f"{int(one['partition'])}:{int(one['offset'])}"
                value, t = float(one["value"]), int(one["t"])
                found.append(Happened(number, names[user], name, title, kind, value, t, place))
        return found


def _named(items: Items, row: int) -> tuple[str, str]:
    """Return the id and the title of an item, both empty for one that is hidden."""
    return ("", "") if items.hidden[row] else (items.name(row), items.told_title(row))
