"""What a model costs: seconds of training, milliseconds a query, bytes to keep; and how it learned."""

from __future__ import annotations

import sys
import time
from array import array
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from deploy.evaluate.split import Split

K = 20  # items of a list
ASKED = 200  # queries that are timed


class Cost(msgspec.Struct):
    """Of one model.

    Fields:
        train_s: Of computing: the fit, or counting the training part.
        cut: Whether the fit ended for want of time.
        query_ms: Scores of all items and the first 20, a mean over drawn requests; 0 where it was not measured.
        bytes: Of what has to be kept to answer.
        cold_users, cold_items: What those without training events are scored by.
        curve: Epoch, seconds, loss and recall@20 of held events of each point; NaN becomes null.
        smoothness: Mean pairwise cosine of node vectors by layer.
    """

    train_s: float = 0.0
    cut: bool = False
    query_ms: float = 0.0
    bytes: int = 0
    cold_users: str = "cannot"
    cold_items: str = "cannot"
    curve: list[tuple[int, float, float | None, float | None]] = []
    smoothness: list[float] = []


def requests(log: Split, count: int = ASKED) -> np.ndarray:
    """Return some of the judged events, int64 [m], the same for every model."""
    rows = np.flatnonzero(log.judged)
    return np.random.default_rng(0).choice(rows, min(count, rows.shape[0]), replace=False)


def query_ms(log: Split, score: Callable[[int, int], np.ndarray]) -> float:
    """Return the milliseconds that scores of all items and the first of them take."""
    rows = requests(log)
    if not rows.shape[0]:
        return 0.0
    users, t = log.users[rows].tolist(), log.t[rows].tolist()
    score(users[0], t[0])  # what is made once is no part of a query
    begin = time.perf_counter()
    for user, at in zip(users, t, strict=True):
        first(score(user, at))
    return 1000 * (time.perf_counter() - begin) / len(users)


def first(score: np.ndarray, k: int = K) -> np.ndarray:
    """Return the items of the highest scores, best first, int64 [k]."""
    if score.shape[0] <= k:
        return np.argsort(-score)
    top = np.argpartition(-score, k)[:k]
    return top[np.argsort(-score[top])]


def held(thing: Any) -> int:
    """Return the bytes that a counted model keeps: its arrays, and its Python objects with what they hold."""
    known: set[int] = set()
    waiting, total = [thing], 0
    while waiting:
        one = waiting.pop()
        if id(one) in known:
            continue
        known.add(id(one))
        if isinstance(one, np.ndarray):
            total += one.nbytes
        elif isinstance(one, array):
            total += len(one) * one.itemsize
        else:
            total += sys.getsizeof(one) if not hasattr(one, "__dict__") else 0
            if isinstance(one, dict):
                waiting += [*one.keys(), *one.values()]
            elif isinstance(one, list | tuple | deque | set):
                waiting += list(one)
            elif hasattr(one, "__dict__") and not callable(one):
                waiting += list(vars(one).values())
    return total
