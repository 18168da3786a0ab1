"""State of the service and of each client session; plain values, no socket."""

import asyncio
import hmac
import itertools
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from stream.answer.request import Recommend
from stream.error import BadRequest
from stream.service.backend import Backend
from stream.service.wait import Waiting

LOGIN_TRIES = 5  # wrong passwords before a client is hung up on


class Late(BadRequest):
    """The event that a request waits for is not applied in time; the request may be sent again."""


def wall_clock_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Client(Protocol):
    """A connection, as far as the service deals with it."""

    @property
    def unsent(self) -> int: ...
    def finish(self) -> None: ...
    def abort(self) -> None: ...


class Service:
    """What all clients of a server share.

    Args:
        backend: Answers the questions.
        password: What AUTH wants; empty asks for none.
        version: Of the program, for HELLO.
        max_clients: Connections at most.
        clock: Wall clock in milliseconds, the time of an EVENT that names none.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        password: str = "",
        version: str = "",
        max_clients: int = 1024,
        clock: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self.backend = backend
        self.password = password.encode()
        self.version = version
        self.max_clients = max_clients
        self.clock = clock
        self.waiting = Waiting(backend.applied)
        self.clients: set[Client] = set()
        self.empty = asyncio.Event()  # set when the last client has gone
        self.accepted = 0  # connections over the server's life, and below what became of some
        self.answered = 0
        self.refused = 0
        self.dropped = 0
        self.numbers = itertools.count(1)

    def leave(self, client: Client) -> None:
        """Remove a client that has disconnected."""
        self.clients.discard(client)
        if not self.clients:
            self.empty.set()

    async def drain(self, grace_s: float) -> None:
        """Send the replies under way, for `grace_s` at most, and hang up on every client."""
        self.empty.clear()
        for client in list(self.clients):
            client.finish()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while self.clients:
                    await self.empty.wait()
                    self.empty.clear()
        for client in list(self.clients):
            client.abort()

    def opens(self, password: bytes) -> bool:
        """Whether this is the password; takes as long whatever is wrong with it."""
        return hmac.compare_digest(password, self.password)

    async def reach(self, request: Recommend) -> float:
        """Wait for the event a request comes after; how many seconds that took.

        Raises:
            Late: It takes longer than the request allows.
        """
        if request.after is None:
            return 0.0
        began = time.perf_counter()
        partition, offset = request.after
        if not await self.waiting.reach(partition, offset, request.timeout_ms):
            applied = self.backend.applied(partition)
            known = f"applied up to offset {applied - 1}" if applied else "not applied at all yet"
            raise Late(
                f"event {partition}:{offset} is not applied after {request.timeout_ms} ms; "
                f"partition {partition} is {known}; ask again or with a longer TIMEOUT"
            )
        return time.perf_counter() - began


class Session:
    """The state of one client, from connecting to hanging up.

    `wait_s` is set by a command that waited for an event: seconds that are not its own work.  Between MULTI and EXEC
    `queueing` is set, and `spoiled` once a request could not be queued; EXEC moves what was queued to `released`, to be
    answered before anything else.
    """

    __slots__ = (
        "address",
        "closing",
        "library",
        "name",
        "number",
        "protocol",
        "queued",
        "queued_bytes",
        "queueing",
        "released",
        "service",
        "spoiled",
        "tries",
        "trusted",
        "wait_s",
    )

    def __init__(self, service: Service, number: int, address: str = "") -> None:
        self.service = service
        self.number = number
        self.address = address
        self.library = ""
        self.tries = 0
        self.closing = False  # hang up once the reply is sent
        self.wait_s = 0.0
        self.released: deque[list[bytes]] = deque()
        self.reset()

    def reset(self) -> None:
        """Forget what the client has said so far."""
        self.protocol = 2
        self.name = ""
        self.trusted = not self.service.password
        self.discard()

    def discard(self) -> None:
        """Leave MULTI, and drop what was queued."""
        self.queueing = self.spoiled = False
        self.queued: list[list[bytes]] = []
        self.queued_bytes = 0

    def login(self, user: bytes, password: bytes) -> bool:
        """Trust the client if it knows the password; hang up on one that guesses."""
        if user == b"default" and self.service.opens(password):
            self.trusted = True
            self.tries = 0
            return True
        self.tries += 1
        self.closing = self.tries >= LOGIN_TRIES
        return False
