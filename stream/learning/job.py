"""A training job: samples of a run of events, and the rows evicted after them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from state.ranking.sample import Sample

Gone = dict[str, np.ndarray]  # rows int64 [n] that were evicted, by kind: item, user


class Job(NamedTuple):
    """Samples described just before their events, all events of the run, and the rows evicted after them."""

    sample: Sample  # the first `samples` rows are in use
    samples: int
    user: np.ndarray  # int32 [n], all events
    item: np.ndarray  # int32 [n]
    t: np.ndarray  # int64 [n]
    kind: np.ndarray  # int8 [n]
    value: np.ndarray  # float32 [n]
    items: int  # item rows in use
    gone: Gone = {}  # noqa: RUF012
