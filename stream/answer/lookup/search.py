"""Find items and users by the beginning of their ids, and items by words of their titles, whatever the case.

Names are looked at a slice at a time, and other requests are answered in between, so that a search through a million
names holds nobody up for longer than a millisecond.  It ends where enough is found; one search runs at a time.
"""

from __future__ import annotations

import asyncio
from typing import Final

import numpy as np

from state.storage.ids import Ids
from stream.answer.lookup.history import events_of
from stream.answer.lookup.request import Found, FoundItem, FoundUser
from stream.answer.recommender import Recommender

SLICE: Final = 4_000  # names looked at before others have their turn
ENOUGH: Final = 16  # times as many as are wanted: of these, those with most events are told
MOST: Final = 1_000_000  # names of a kind looked at for one search


class Search:
    """Searches the names of a reader, one search at a time."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def find(self, recommender: Recommender, text: str, n: int) -> Found:
        """Return at most `n` items and `n` users."""
        wanted = " ".join(text.split()).casefold()
        async with self._turn:
            enough = ENOUGH * n
            generation, items = recommender.generation, recommender.items
            users, all_users = await _by_id(generation.users, text, wanted, enough)
            by_id, all_items = await _by_id(generation.items, text, wanted, enough)
            by_title, all_titles = await _by_title(recommender, wanted, enough)
        counts = recommender.state.items["n"]
        found: dict[int, str] = dict.fromkeys(by_title, "title") | dict.fromkeys(by_id, "id")
        exact = generation.items.row.get(text, -1)
        rows = sorted(found, key=lambda row: (row != exact, -int(counts[row]), row))
        shown = [row for row in rows if row > 0 and not items.hidden[row]][:n]
        return Found(
            text,
            [
                FoundItem(name, items.told_title(row), int(counts[row]), found[row])
                for row, name in zip(shown, items.names(shown), strict=True)
                if name
            ],
            _users(recommender, users, text, n),
            all_users and all_items and all_titles,
        )


def _users(recommender: Recommender, rows: list[int], text: str, n: int) -> list[FoundUser]:
    if not rows:
        return []
    names, exact = recommender.generation.users.text, recommender.generation.users.row.get(text, -1)
    known = zip(rows, events_of(recommender.state, rows).tolist(), strict=True)
    order = sorted(known, key=lambda one: (one[0] != exact, -one[1][0], one[0]))
    return [FoundUser(names[row], events, last) for row, (events, last) in order[:n] if names[row]]


async def _by_id(ids: Ids, text: str, wanted: str, enough: int) -> tuple[list[int], bool]:
    """Return rows whose id begins with a text, the exact one first, and whether every id was looked at."""
    exact = ids.row.get(text)
    found = [] if exact is None else [exact]
    end = min(len(ids.text), MOST)
    for begin in range(0, end, SLICE):
        some = ids.text[begin : min(end, begin + SLICE)]
        found += [
            begin + k
            for k, name in enumerate(some)
            if name.casefold().startswith(wanted) and begin + k != exact
        ]
        if len(found) >= enough:
            return found[:enough], begin + SLICE >= len(ids.text)
        await asyncio.sleep(0)
    return found, end == len(ids.text)


async def _by_title(recommender: Recommender, wanted: str, enough: int) -> tuple[list[int], bool]:
    """Return rows whose title has each of some words, and whether every title was looked at."""
    column = recommender.items.catalogue.column("title")
    words = wanted.split()
    if column is None or not column.members or not words:
        return [], True
    texts, codes = column.words.text, column.members[0]
    end, found = min(len(texts), MOST), 0
    fits = np.zeros(len(texts), bool)
    for begin in range(0, end, SLICE):
        some = [text.casefold() for text in texts[begin : min(end, begin + SLICE)]]
        for k, title in enumerate(some):
            if title and all(word in title for word in words):
                fits[begin + k] = True
                found += 1
        if found >= enough:
            break
        await asyncio.sleep(0)
    rows = np.flatnonzero(fits[np.where(codes < len(fits), codes, 0)])
    counts = recommender.state.items["n"][rows]
    most = np.argsort(-counts, kind="stable")[:enough]
    return rows[most].tolist(), end == len(texts) and found < enough
