"""Exploration: a small share of an answer for new items that are described and have hardly been shown.

An item nobody has taken yet has no edge, no count and no vector; what the catalogue says of it is all there is.  So it
is found by its words: the texts and lists of its fields, and the words of its title.  A new item is like an item of
the user's as much as they have rare words in common.  Where the user has no items, the newest come.

Each serving process counts how often it has shown an item in such a place; an item that has been shown so often, or
taken so often, leaves the shelves, and the next one comes.
"""

from __future__ import annotations

import heapq
import math
import re
import zlib
from operator import itemgetter
from typing import Final

import numpy as np

from stream.catalogue import Catalogue, Value
from stream.rule import AnswerSettings

SHELF: Final = 1_024  # new items a word remembers at least, the newest
LOOK: Final = 8  # of them a request looks at
RARE: Final = 4  # words of an item a request looks at, the rarest
REMEMBERED: Final = 50_000  # items whose words are kept at hand
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
                found.update((f"title={word}", None) for word in _TITLE.findall(text.lower()))
            elif len(text) <= LONGEST:
                found[f"{name}={text.lower()}"] = None
    return tuple(found)[:WORDS]


class Exploration:
    """The shelves of new items by word, for one serving process.

    Args:
        settings: How much is explored, and what is new.
        catalogue: What items are.
    """

    def __init__(self, settings: AnswerSettings, catalogue: Catalogue) -> None:
        self.settings, self.catalogue = settings, catalogue
        self.shelves: dict[str, list[int]] = {}  # by word, the newest last; "" holds all
        self.spread: dict[str, int] = {}  # new items ever put on each shelf
        self.exposures: dict[int, int] = {}
        self.total = 0  # places given away
        self._words: dict[int, tuple[str, ...]] = {}  # of items users have had

    def put(self, row: int, fields: dict[str, Value] | None, events: int) -> None:
        """Take in what an item is, where it is new."""
        self._words.pop(row, None)
        if fields is None:
            self.exposures.pop(row, None)
        if fields is None or events >= self.settings.explore_events or self.settings.explore <= 0:
            return
        for word in ("", *words(fields)):
            shelf = self.shelves.setdefault(word, [])
            if row in shelf[-LOOK:]:
                continue
            shelf.append(row)
            self.spread[word] = self.spread.get(word, 0) + 1
            if len(shelf) > 2 * SHELF:
                del shelf[:SHELF]

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
        scores: dict[int, float] = {}
        because: dict[int, int] = {}
        weight = 1.0
        for seed in seeds[:SEEDS]:
            for word, spread in self._rare(seed):
                worth = weight / math.log2(2.0 + spread)
                for row in self._new(word, taken):
                    if row not in scores:
                        because[row], scores[row] = seed, worth
                    else:
                        scores[row] += worth
            weight *= KEEP
        if not scores:
            scores = dict.fromkeys(self._new("", taken), 1.0)
        shown = self.exposures.get
        found = heapq.nlargest(LOOK, scores, key=lambda row: scores[row] / (1.0 + 0.1 * shown(row, 0)))
        return [(row, because.get(row, -1)) for row in found]

    def show(self, row: int) -> None:
        """Count that an item was given a place."""
        self.exposures[row] = self.exposures.get(row, 0) + 1
        self.total += 1

    def _rare(self, seed: int) -> list[tuple[str, int]]:
        """Return the words of an item that the fewest new items have, and how many have them."""
        found = self._words.get(seed)
        if found is None:
            if len(self._words) >= REMEMBERED:
                self._words.clear()
            found = self._words[seed] = words(self.catalogue.get(seed))
        known = [(word, self.spread[word]) for word in found if word in self.shelves]
        return sorted(known, key=itemgetter(1))[:RARE]

    def _new(self, word: str, taken: np.ndarray) -> list[int]:
        """Return the newest items on a shelf; those that are new no longer are taken off it."""
        shelf, most = self.shelves.get(word, []), self.settings
        found: list[int] = []
        old: set[int] = set()
        for row in reversed(shelf):
            if taken.item(row) >= most.explore_events or self.exposures.get(row, 0) >= most.explore_exposures:
                old.add(row)
            else:
                found.append(row)
                if len(found) == LOOK:
                    break
        if old:
            shelf[:] = [row for row in shelf if row not in old]
            if not shelf:
                del self.shelves[word]
        return found
