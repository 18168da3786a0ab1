"""A training job: a run of events as they were just before they happened, some of them described, and the rows evicted after them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from state.ranking.sample import Sample

Gone = dict[str, np.ndarray]
"""Rows int64 [n] that were evicted, by kind: item, user, and of the users those who asked to be forgotten."""
KINDS = ("item", "user", "forgotten")
STEP = 256  # events of a step of the network


class Job(NamedTuple):
    """Events in order, samples of some of them, and the rows evicted after the last event.

    Shapes:
        - sample: the first `samples` rows are in use, in the order of their events
        - at: int32 [samples], the number of each sample's event
        - user, item: int32 [n]; t: int64 [n] ms; kind: int8 [n]; value: float32 [n]
        - hist: int32 [n, K], the user's last items before the event, newest first, -1 where unused
        - age: int64 [n, K] ms
        - taken: bool [n], whether the event may be learned from
        - known: bool [n], whether its item had events before
        - partition: int32 [n]; offset: int64 [n], where it came from
        - items: item rows in use
    """

    sample: Sample
    samples: int
    at: np.ndarray
    user: np.ndarray
    item: np.ndarray
    t: np.ndarray
    kind: np.ndarray
    value: np.ndarray
    hist: np.ndarray
    age: np.ndarray
    taken: np.ndarray
    known: np.ndarray
    partition: np.ndarray
    offset: np.ndarray
    items: int
    gone: Gone = {}  # noqa: RUF012


Teach = Callable[[Job], object]
