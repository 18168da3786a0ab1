"""Lists of items that users would have been recommended just before some of the judged events.

The events are drawn with a seed, the same for every model.  Riverwalk's lists are the engine's own answers,
rules and all, as of the start of the step the event stands in, which is at most a step's events earlier; a
baseline's are its best items that may compete.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from deploy.evaluate.split import Split
from stream.answer.recommender import Recommender
from stream.answer.request import Recommend

if TYPE_CHECKING:  # it brings torch
    from deploy.evaluate.backtest import Backtest

K = 20  # items of a list
DRAWN = 1_000  # lists a part

Lists = dict[int, list[int]]  # by number of the event: items, best first


def drawn(log: Split, count: int = DRAWN, seed: int = 0) -> Lists:
    """Return an empty list for each of at most `count` judged events of each part, in the log's order."""
    chance = np.random.default_rng(seed)
    picked: list[int] = []
    for part in (1, 2):
        rows = np.flatnonzero(log.judged & (log.part == part))
        picked += np.sort(chance.choice(rows, min(count, rows.shape[0]), replace=False)).tolist()
    return {row: [] for row in picked}


def table(lists: Lists) -> np.ndarray:
    """Return lists as int32 [m, K], -1 where a list is shorter."""
    out = np.full((len(lists), K), -1, np.int32)
    for row, items in zip(out, lists.values(), strict=True):
        row[: len(items)] = items
    return out


def best(score: np.ndarray, barred: np.ndarray) -> list[int]:
    """Return the K items of the highest finite scores that are not barred, best first; of equals the first.

    Shapes:
        - score: float64 [items]; barred: bool [items]
    """
    open_ = np.flatnonzero(~barred & np.isfinite(score))
    chosen: list[int] = open_[np.argsort(-score[open_], kind="stable")[:K]].tolist()
    return chosen


def asker(run: Backtest, log: Split, lists: Lists) -> Callable[[int, int], None]:
    """Return what fills the lists of the events of a step when it is called before that step."""
    generation = copy.copy(run.generation)
    generation.users.rows([str(user) for user in range(log.n_users)])
    generation.items.rows(
        [str(item) for item in range(log.n_items)]
    )  # from row 1 on, as the backtest numbers them
    recommender = Recommender(generation)

    def ask(begin: int, end: int) -> None:
        for i in range(begin, end):
            if i in lists:
                request = Recommend(user=str(log.users[i]), k=K, include_seen=not log.exclude_seen)
                lists[i] = [int(item) for item in recommender.recommend(request).items]

    return ask
