"""A user's history as the tables hold it: the user's row, its overflow blocks, and the seen list beyond them.

Plain reading, without a kernel: a page or a person asks, not a ranker, and nothing is to be compiled for it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from state.record.layout import BLOCK, HISTORY, INLINE, KINDS, START
from state.record.world import State
from stream.answer.item import Items
from stream.answer.lookup.request import History, Person, Visit
from stream.answer.recommender import Recommender
from stream.event.event import KINDS as NAMES

FEW: Final = 5  # of the items of a user, where the user is asked about


class Entry:
    """An item a user had: its row, time in ms, kinds of events, the last kind (-1: unknown) and how many (0: unknown)."""

    __slots__ = ("item", "kind", "mask", "t", "times")

    def __init__(self, item: int, t: int, mask: int, kind: int = -1, times: int = 0) -> None:
        self.item, self.t, self.mask, self.kind, self.times = item, t, mask, kind, times


def recent(state: State, u: int) -> list[Entry]:
    """Return what the row of user `u` and its overflow blocks hold, newest first.

    A block that has gone to another user in between ends the list.
    """
    user = state.users[u].copy()
    slots, block = min(int(user["slots"]), HISTORY), int(user["overflow"])
    found = _entries(user, min(slots, INLINE))
    while len(found) < slots and 0 < block < state.history.shape[0]:
        over = state.history[block].copy()
        if int(over["owner"]) != u + 1:
            break
        found += _entries(over, min(slots - len(found), INLINE))
        block = int(over["next"])
    return found


def _entries(rows: Any, n: int) -> list[Entry]:
    columns = [rows[name][:n].tolist() for name in ("item", "t", "mask", "kind", "count")]
    return [
        Entry(item, t, mask, kind, max(1, round(count)))
        for item, t, mask, kind, count in zip(*columns, strict=True)
        if item > START
    ]


def older(state: State, u: int, known: set[int]) -> list[Entry]:
    """Return what the seen list of user `u` holds beside items that are known, the newest first."""
    user = state.users[u].copy()
    block, left = int(user["seen_head"]), int(user["seen_n"])
    found: list[Entry] = []
    while 0 < block < state.seen.shape[0] and left > 0:
        inside = left - ((left - 1) // BLOCK) * BLOCK
        row = state.seen[block].copy()
        columns = [row[name][:inside].tolist() for name in ("item", "t", "mask")]
        found += [
            Entry(item, 1_000 * t, mask, _single(mask))
            for item, t, mask in zip(*columns, strict=True)
            if item > START and item not in known
        ]
        block, left = int(row["next"]), left - inside
    found.sort(key=lambda one: -one.t)
    return found


def _single(mask: int) -> int:
    """Return the kind of a mask that has one, -1 otherwise."""
    return mask.bit_length() - 1 if mask and mask & (mask - 1) == 0 else -1


def shown(items: Items, found: list[Entry], n: int, t: int) -> list[Visit]:
    """Return the first `n` entries with names; hidden and evicted items are left out.

    Args:
        t: Stream time in ms.
    """
    rows = [one.item for one in found if not items.hidden[one.item]]
    names = dict(zip(rows, items.names(rows), strict=True))
    return [
        Visit(
            item=names[one.item],
            title=items.told_title(one.item),
            type=NAMES[one.kind] if 0 <= one.kind < KINDS else "",
            types=[NAMES[kind] for kind in range(KINDS) if one.mask >> kind & 1],
            t=one.t,
            age_ms=max(0, t - one.t),
            times=one.times,
        )
        for one in found
        if names.get(one.item)
    ][:n]


def history(recommender: Recommender, user: str, n: int) -> History:
    """Return what a user had, the newest first."""
    u = recommender.generation.users.row.get(user, -1)
    if u < 0:
        return History(user, False, [])
    state = recommender.state
    found = recent(state, u)
    if n > len(found):
        found += older(state, u, {one.item for one in found})
    visits = shown(recommender.items, found, n, int(state.world[0]["t"]))
    return History(user, int(state.users[u]["n"]) > 0, visits)


def person(recommender: Recommender, user: str) -> Person:
    """Return what is known of a user."""
    u = recommender.generation.users.row.get(user, -1)
    if u < 0:
        return Person(user, False)
    state = recommender.state
    row = state.users[u].copy()
    return Person(
        user,
        int(row["n"]) > 0,
        events=int(row["n"]),
        session_events=int(row["session_n"]),
        first_ms=int(row["first_t"]),
        last_ms=int(row["last_t"]),
        seen=max(int(row["seen_n"]), int(row["slots"])),
        last=shown(recommender.items, recent(state, u), FEW, int(state.world[0]["t"])),
    )


def events_of(state: State, rows: list[int]) -> np.ndarray:
    """Return how many events users had, and when the last was, int64 [n, 2]."""
    users = state.users[np.array(rows, np.int64)]
    return np.stack([users["n"], users["last_t"]], axis=1)


def stamps(state: State, rows: list[int]) -> list[int]:
    """Return a number for each user row, -1 for nobody, that changes with every event of the user."""
    place = np.array(rows, np.int64)
    users = state.users
    told = users["n"][place] * 1_000_003 + users["shown_n"][place] * 8_191 + (place + 1)
    return np.where(place < 0, 0, told).tolist()  # type: ignore[no-any-return]
