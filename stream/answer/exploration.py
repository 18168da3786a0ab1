"""Exploration: a small share of an answer for new items that are described and have hardly been shown.

An item nobody has taken yet has no edge, no count and no vector; what the catalogue says of it is all there is.  So it
is found by its words: the texts and lists of its fields, and the words of its title.  A new item is like an item of
the user's as much as they have rare words in common.  Where the user has no items, the newest come.

Each serving process counts how often it has shown an item in such a place; an item that has been shown so often, or
taken so often, leaves the shelves, and the next one comes.
"""

from __future__ import annotations

import re
import zlib
from sys import intern
from threading import RLock
from typing import Final

import numpy as np

from state.retrieval.exploration import FRONT, Exposure, Front, fitting
from stream.answer.setting import AnswerSettings
from stream.catalogue.catalogue import Catalogue
from stream.catalogue.record import Value

SHELF: Final = 1_024  # new items a word remembers at least, the newest
LOOK: Final = 8  # of those that fit a request is told
RARE: Final = 4  # words of an item a request looks at, the rarest
REMEMBERED: Final = 100_000  # items whose words are kept at hand
SEEDS: Final = 3  # of the user's items a request looks at
KEEP: Final = 0.75  # weight of an item of the history against the next newer one
WORDS: Final = 24  # of an item at most
LONGEST: Final = 48  # characters of a word
_TITLE: Final = re.compile(r"\w{3,}")
_SILENT: Final = frozenset(("description", "image", "url", "link", "created"))  # fields without words


def words(fields: dict[str, Value] | None) -> tuple[str, ...]:
    """Return what an item is found by, each once."""
    found: dict[str, None] = {}
    for name, value in (fields or {}).items():
        if name in _SILENT:
            continue
        for text in value if isinstance(value, list) else (value,):
            if not isinstance(text, str):
                continue
            if name in ("title", "name"):
                found.update((intern(f"title={word}"), None) for word in _TITLE.findall(text.lower()))
            elif len(text) <= LONGEST:
                found[intern(f"{name}={text.lower()}")] = None
    return tuple(found)[:WORDS]


class _Shelf:
    """New items that have a word in common."""

    __slots__ = ("number", "rows")

    def __init__(self, number: int) -> None:
        self.number = number
        self.rows: list[int] = []  # the newest last


class Exploration:
    """The shelves of new items by word, for one serving process.

    Args:
        settings: How much is explored, and what is new.
        catalogue: What items are.
    """

    def __init__(self, settings: AnswerSettings, catalogue: Catalogue) -> None:
        self.settings, self.catalogue = settings, catalogue
        self.shelves: dict[str, _Shelf] = {}  # by word; "" holds all
        self.front = np.zeros((1024, FRONT), np.int32)  # see `state.retrieval.exploration.fitting`
        self.spread = np.zeros(1024, np.int64)  # new items ever put on a shelf
        self.exposures = np.zeros(1024, np.int32)  # by row
        self.total = 0  # places given away
        self._lock = RLock()  # requests tidy shelves and count exposures
        self._words: dict[int, tuple[str, ...]] = {}  # of items users have had

    def put(self, row: int, fields: dict[str, Value] | None, events: int) -> None:
        """Take in what an item is, where it is new."""
        with self._lock:
            self._put(row, fields, events)

    def _put(self, row: int, fields: dict[str, Value] | None, events: int) -> None:
        self._words.pop(row, None)
        found = words(fields)
        if len(self._words) < REMEMBERED:
            self._words[row] = found
        if row >= self.exposures.shape[0]:
            self.exposures = np.append(self.exposures, np.zeros(row, np.int32))
        if fields is None:
            self.exposures[row] = 0
        if fields is None or events >= self.settings.explore_events or self.settings.explore <= 0:
            return
        for word in ("", *found):
            shelf = self._shelf(word)
            if row in shelf.rows[-FRONT:]:
                continue
            shelf.rows.append(row)
            self.spread[shelf.number] += 1
            self.front[shelf.number, 0] = -1
            if len(shelf.rows) > 2 * SHELF:
                del shelf.rows[:SHELF]

    def _shelf(self, word: str) -> _Shelf:
        """Return the shelf of a word, a new one where there is none."""
        shelf = self.shelves.get(word)
        if shelf is None:
            shelf = self.shelves[word] = _Shelf(len(self.shelves))
            if shelf.number == self.front.shape[0]:
                self.front = np.append(self.front, np.zeros_like(self.front), axis=0)
                self.spread = np.append(self.spread, np.zeros_like(self.spread))
        return shelf

    def places(self, user: str, events: int, k: int, share: float) -> int:
        """Return how many of k places are given away; a fraction is a chance, which user and state decide."""
        whole, part = divmod(share * k, 1.0)
        return min(k, int(whole) + (zlib.crc32(f"{user}:{events}".encode()) / 2**32 < part))

    def near(self, seeds: list[int], taken: np.ndarray) -> list[tuple[int, int]]:
        """Return new items, the most fitting first, each with the item of the user's it is like (-1: none).

        Args:
            seeds: The user's last items, newest first.
            taken: int64 [items], events by row.
        """
        with self._lock:
            return self._near(seeds, taken)

    def _near(self, seeds: list[int], taken: np.ndarray) -> list[tuple[int, int]]:
        shelves: list[_Shelf] = []
        turn: list[int] = []
        for k, seed in enumerate(seeds[:SEEDS]):
            rare = self._rare(seed)
            shelves += rare
            turn += [k] * len(rare)
        found = self._fitting(shelves, turn, taken)
        if found:
            return [(row, seeds[turn[place]]) for row, place in found]
        return [(row, -1) for row, _ in self._fitting([self.shelves[""]], [0], taken)] if self.shelves else []

    def show(self, row: int) -> None:
        """Count that an item was given a place."""
        with self._lock:
            self.exposures[row] += 1
            self.total += 1

    def _rare(self, seed: int) -> list[_Shelf]:
        """Return the shelves an item would stand on that had the fewest new items."""
        found = self._words.get(seed)
        if found is None:
            if len(self._words) >= REMEMBERED:
                self._words.clear()
            found = self._words[seed] = words(self.catalogue.get(seed))
        known = [shelf for word in found if (shelf := self.shelves.get(word)) is not None and shelf.rows]
        return sorted(known, key=lambda shelf: self.spread.item(shelf.number))[:RARE]

    def _fitting(self, shelves: list[_Shelf], turn: list[int], taken: np.ndarray) -> list[tuple[int, int]]:
        """Return the items on some shelves that fit most, each with the place of the first shelf it is on."""
        exposure = Exposure(
            taken, self.exposures, self.settings.explore_events, self.settings.explore_exposures
        )
        out, because = np.zeros(LOOK, np.int32), np.zeros(LOOK, np.int64)
        asked = np.array([[shelf.number for shelf in shelves], turn], np.int64)
        while True:
            n = fitting(Front(self.front, self.spread), asked, KEEP, exposure, out, because)
            if n >= 0:
                return list(zip(out[:n].tolist(), because[:n].tolist(), strict=True))
            self._tidy(shelves[-1 - n], taken)

    def _tidy(self, shelf: _Shelf, taken: np.ndarray) -> None:
        """Take off a shelf those of the newest items that are new no longer, and write its front."""
        most, found = self.settings, np.zeros(FRONT, np.int32)
        old: set[int] = set()
        n = 0
        for row in reversed(shelf.rows):
            if taken.item(row) >= most.explore_events or self.exposures.item(row) >= most.explore_exposures:
                old.add(row)
            else:
                found[n] = row
                n += 1
                if n == FRONT:
                    break
        if old:
            shelf.rows[:] = [row for row in shelf.rows if row not in old]
        self.front[shelf.number] = found
