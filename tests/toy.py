"""A backend whose answers can be said aloud: items i1, i2, i3 … in order, each scored 1 / its number.

Users had nothing but `ann`, who had i1.  Events that are published are numbered by partition (0 for all) and are
applied when `apply` is called, not before.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio
import uvloop

from stream.catalogue import Value
from stream.error import BadRequest, BadSource
from stream.event import Event
from stream.filter import Filter
from stream.request import Answer, Rank, Recommend, Similar, Trending
from stream.server import Server, serve

NOW_MS = 1_700_000_000_000


class Toy:
    """Implements `request.Backend` over `size` items."""

    def __init__(self, size: int = 1000) -> None:
        self.items = [f"i{n}" for n in range(1, size + 1)]
        self.published: list[Event] = []
        self.asked: Similar | Trending | None = None  # the last of these
        self.described: dict[str, dict[str, Value] | None] = {}
        self.next = 0  # offset that is not applied yet
        self.ticks = 0
        self.is_ready = True
        self.broker_lives = True
        self.looked = asyncio.Event()  # set once somebody waits for an event

    def recommend(self, request: Recommend) -> Answer:
        if request.user == "crash":
            raise ZeroDivisionError("a bug")
        seen = request.user == "ann" and not request.include_seen
        out = {*request.exclude, *(request.visited or [])}
        items = [item for item in (self.items[1:] if seen else self.items) if item not in out]
        return self.answer(items[: request.k], request.with_reasons)

    def rank(self, request: Rank) -> Answer:
        return self.answer(sorted(request.items, key=lambda item: (item not in self.items, item)))

    def item(self, item: str) -> dict[str, Value] | None:
        return self.described.get(item)

    async def describe(self, item: str, fields: dict[str, Value] | None) -> tuple[int, int]:
        self.described[item] = fields
        return 0, len(self.described) - 1

    def similar(self, request: Similar) -> Answer:
        self.asked = request
        if request.item not in self.items:
            raise BadRequest(f"item {request.item!r} is not known; wanted an item some event has named")
        at = self.items.index(request.item)
        return self.answer(self.items[at + 1 : at + 1 + request.k])

    def trending(self, request: Trending) -> Answer:
        self.asked = request
        return self.answer(self.items[: request.k])

    def explain(self, user: str, item: str, filter: Filter | None = None) -> dict[str, str]:
        if item not in self.items:
            raise BadRequest(f"item {item!r} is not known; wanted an item some event has named")
        refused = {"filter": str(filter)} if filter else {}
        return {"user": user, "item": item, "reason": "popular"} | refused

    def info(self) -> dict[str, str | int | float]:
        return {"version": "1.2.3", "ready": int(self.is_ready), "applied_events": self.next, "share": 0.5}

    def applied(self, partition: int) -> int:
        self.looked.set()
        return self.next if partition == 0 else 0

    def ready(self) -> tuple[bool, str]:
        return self.is_ready, "ready" if self.is_ready else "the state is being loaded"

    async def publish(self, event: Event) -> tuple[int, int]:
        if not self.broker_lives:
            raise BadSource("127.0.0.1:9: topic events cannot be written; is the broker up?")
        self.published.append(event)
        return 0, len(self.published) - 1

    async def forget(self, user: str, now_ms: int) -> tuple[int, int]:
        return await self.publish(Event(user, "", now_ms, "forget"))

    def receipt(self, partition: int, offset: int) -> dict[str, int] | None:
        known = self.published[offset].user == "ann"
        names = ("found", "history", "seen", "events", "memory")
        return {"t": NOW_MS, **dict.fromkeys(names, int(known))}

    def tick(self) -> None:
        self.ticks += 1

    def apply(self, upto: int) -> None:
        """Have everything before the offset `upto` applied."""
        self.next = upto

    def answer(self, items: list[str], reasons: bool = False) -> Answer:
        scores = [1 / int(item[1:]) for item in items]
        return Answer(items, scores, ["popular"] * len(items) if reasons else [], NOW_MS, {0: self.next})


@asynccontextmanager
async def serving(toy: Any, host: str = "127.0.0.1", **options: Any) -> AsyncIterator[Server]:
    """A server of the toy, or of another backend, on a free port for as long as the block runs."""
    server = await serve(toy, host, 0, **{"version": "1.2.3", "clock": lambda: NOW_MS} | options)
    try:
        yield server
    finally:
        await server.close(grace_s=1.0)


def client(port: int, **options: Any) -> redis.asyncio.Redis:
    """redis-py, as its users make one."""
    return redis.asyncio.Redis(host="127.0.0.1", port=port, decode_responses=True, **options)


def on_loop(test: Callable[[], Any]) -> None:
    """Run a test's coroutine as the serving process runs."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(test(), 30))


async def ask(port: int, data: bytes, *, end: bytes | None = None) -> bytes:
    """What a raw connection replies to bytes, up to the end of the connection or to `end`."""
    read, write = await asyncio.open_connection("127.0.0.1", port)
    try:
        write.write(data)
        if end is not None:
            return await read.readuntil(end)
        write.write_eof()
        return await read.read()
    finally:
        write.close()
        await write.wait_closed()
