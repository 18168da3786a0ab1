"""What comes in from a client and what goes back, and what a reader must be able to do."""

from __future__ import annotations

import msgspec
import numpy as np

from stream.answer.lookup.request import Meta
from stream.catalogue.syntax import Filter

MAX_K = 1_000


class Recommend(msgspec.Struct):
    """A request for the best items of a user now.

    `after` is (partition, offset): answer once that event is applied, or fail after `timeout_ms`.
    """

    user: str
    k: int = 10
    include_seen: bool = False
    with_scores: bool = False
    with_reasons: bool = False
    after: tuple[int, int] | None = None
    timeout_ms: int = 1_000
    exclude: list[str] = []
    filter: Filter | None = None  # what the items of the answer must be
    per_category: int = 0  # items of one category at most, 0 for any number; items without one are free
    visited: list[str] | None = (
        None  # what a visitor without a name has looked at, the newest last; `user` is not asked
    )
    seen: np.ndarray | None = None  # how long events of each kind keep an item out, see `rule.parse`
    diversity: float | None = None  # these three: None for the configuration's, see `setting.AnswerSettings`
    tail: float | None = None
    explore: float | None = None
    with_titles: bool = False
    with_meta: bool = False
    cursor: str = ""  # of the page before, see `lookup.cursor`


class Rank(msgspec.Struct):
    """A request for an order of the items the caller brings."""

    user: str
    items: list[str]
    with_scores: bool = False
    with_titles: bool = False
    with_meta: bool = False


class Similar(msgspec.Struct):
    """A request for the items like an item: lately, or over all time."""

    item: str
    k: int = 10
    all_time: bool = False
    with_scores: bool = False
    filter: Filter | None = None
    category: str = ""
    with_titles: bool = False
    with_meta: bool = False


class Trending(msgspec.Struct):
    """A request for the items with the largest decayed counts."""

    k: int = 10
    half_life_ms: int = 0  # 0 for the usual one
    with_scores: bool = False
    filter: Filter | None = None
    category: str = ""
    with_titles: bool = False
    with_meta: bool = False


class Answer(msgspec.Struct):
    """Items, best first, with a score each and, when asked for, a reason each.

    `as_of` is the stream time in ms the answer was given at; `offsets` the next offset of each partition
    that it does not include.  `shortfall` tells, where fewer than k items are in it, how many items there are and how
    many of them are out for each reason (an item may be out for several); in an answer to RANK, of those that were
    brought.  `half_life_ms` is that of the counts which are the scores of what trends.
    `titles` and `meta` are there where the request asks for them; an item without a title has an empty one.
    `cursor` leads to the next page, where one was asked for.
    """

    items: list[str]
    scores: list[float]
    reasons: list[str]
    as_of: int
    offsets: dict[int, int]
    shortfall: dict[str, int] = {}
    half_life_ms: int = 0
    titles: list[str] = []
    cursor: str = ""
    meta: Meta | None = None
