"""Exploration: the shelves tell what going through all new items by their words would tell."""

import heapq
import math

import numpy as np
import pytest

from stream.answer.exploration import (
    KEEP,
    LOOK,
    RARE,
    Exploration,
    words,
)
from stream.answer.setting import AnswerSettings
from stream.catalogue.catalogue import Catalogue
from stream.catalogue.record import Value

ITEMS, MOST = 300, AnswerSettings(explore_exposures=3)


def fields(chance: np.random.Generator) -> dict[str, Value]:
    return {"category": f"c{chance.integers(4)}", "tags": [f"t{k}" for k in chance.integers(0, 30, 3)]}


class Slow:
    """The same by the definition: a dict of lists, each gone through anew."""

    def __init__(self, told: Exploration, taken: np.ndarray) -> None:
        self.told, self.taken = told, taken
        self.shelves: dict[str, list[int]] = {}

    def put(self, row: int, found: dict[str, Value]) -> None:
        for word in ("", *words(found)):
            self.shelves.setdefault(word, []).append(row)

    def fresh(self, word: str) -> list[int]:
        shown = self.told.exposures
        return [
            row
            for row in reversed(self.shelves[word])
            if self.taken[row] < MOST.explore_events and shown[row] < MOST.explore_exposures
        ]

    def near(self, seeds: list[int]) -> list[tuple[int, int]]:
        scores: dict[int, float] = {}
        because: dict[int, int] = {}
        for place, seed in enumerate(seeds):
            known = [word for word in words(self.told.catalogue.get(seed)) if word in self.shelves]
            for word in sorted(known, key=lambda word: len(self.shelves[word]))[:RARE]:
                for row in self.fresh(word)[:LOOK]:
                    because.setdefault(row, seed)
                    worth = KEEP**place / math.log2(2 + len(self.shelves[word]))
                    scores[row] = scores.get(row, 0.0) + worth
        scores = scores or dict.fromkeys(self.fresh("")[:LOOK], 1.0)
        shown = self.told.exposures
        found = heapq.nlargest(LOOK, scores, key=lambda row: scores[row] / (1 + 0.1 * shown[row]))
        return [(row, because.get(row, -1)) for row in found]


@pytest.mark.parametrize("seed", range(3))
def test_the_items_that_fit_most_are_found_as_they_come_are_shown_and_are_taken(seed: int) -> None:
    chance = np.random.default_rng(seed)
    catalogue, taken = Catalogue(), np.zeros(ITEMS, np.int64)
    told = Exploration(MOST, catalogue)
    slow = Slow(told, taken)
    for row in range(1, ITEMS):
        found = fields(chance)
        catalogue.put(row, found)
        if row % 3:
            told.put(row, found, 0)
            slow.put(row, found)
        seeds = chance.integers(1, row + 1, chance.integers(0, 4)).tolist()
        near = told.near(seeds, taken)

        assert near == slow.near(seeds)
        for other, _ in near[:2]:
            told.show(other)
        taken[chance.integers(1, ITEMS, 2)] += 2
