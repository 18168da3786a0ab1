"""What comes in from a client and what goes back, and what a reader must be able to do."""

from __future__ import annotations

from typing import Protocol

import msgspec

from stream.catalogue import Value
from stream.event import Event
from stream.filter import Filter

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


class Rank(msgspec.Struct):
    """A request for an order of the items the caller brings."""

    user: str
    items: list[str]
    with_scores: bool = False


class Answer(msgspec.Struct):
    """Items, best first, with a score each and, when asked for, a reason each.

    `as_of` is the stream time in ms the answer was given at; `offsets` the next offset of each partition
    that it does not include.  `shortfall` tells, where fewer than k items are in it, how many items there are and how
    many of them are out for each reason (an item may be out for several).
    """

    items: list[str]
    scores: list[float]
    reasons: list[str]
    as_of: int
    offsets: dict[int, int]
    shortfall: dict[str, int] = {}


class Backend(Protocol):
    """What the socket and the HTTP endpoint ask.  Every method but `tick` may raise BadRequest.

    `describe` publishes what an item is (None: nothing any more) and answers when it is in force.  `forget` publishes
    that a user is to be forgotten; once that is applied, `receipt` tells what was removed (see `receipt.RECEIPT`).
    """

    def recommend(self, request: Recommend) -> Answer: ...
    def rank(self, request: Rank) -> Answer: ...
    def similar(self, item: str, k: int) -> Answer: ...
    def trending(self, k: int) -> Answer: ...
    def explain(self, user: str, item: str) -> dict[str, str]: ...
    def info(self) -> dict[str, str | int | float]: ...
    def applied(self, partition: int) -> int: ...
    def ready(self) -> tuple[bool, str]: ...
    def item(self, item: str) -> dict[str, Value] | None: ...
    async def describe(self, item: str, fields: dict[str, Value] | None) -> tuple[int, int]: ...
    async def publish(self, event: Event) -> tuple[int, int]: ...
    async def forget(self, user: str, now_ms: int) -> tuple[int, int]: ...
    def receipt(self, partition: int, offset: int) -> dict[str, int] | None: ...
    def tick(self) -> None: ...
