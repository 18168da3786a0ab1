"""State of the service and of each client session; plain values, no socket."""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from stream.answer.request import Recommend
from stream.error import BadRequest
from stream.service.access import Access, Role
from stream.service.backend import About, Backend
from stream.service.load import Field, Load
from stream.service.subscription import RATE, Mailbox, Subscriptions
from stream.service.wait import Waiting

STRANGERS = 8  # one place in so many is for clients of other machines without a password so far
MAX_UNFINISHED = 64 * 1024 * 1024
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
    @property
    def held(self) -> int: ...
    def give_way(self) -> None: ...
    def shed(self) -> None: ...
    def finish(self) -> None: ...
    def abort(self) -> None: ...


class Service:
    """What all clients of a server share.

    Args:
        backend: Answers the questions.
        access: Users and passwords; without one there are none.
        version: Of the program, for HELLO.
        max_clients: Connections at most, of all readers together.
        clock: Wall clock in milliseconds, the time of an EVENT that names none.
        load: Of this reader and of those beside it; alone when left out.
        rate: Messages a second about one list that clients subscribed to, at most.
        about: Settings in force and versions, for an operator.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        access: Access | None = None,
        version: str = "",
        max_clients: int = 1024,
        clock: Callable[[], int] = wall_clock_ms,
        load: Load | None = None,
        rate: float = RATE,
        about: About | None = None,
    ) -> None:
        self.load = load = load or Load()
        self.backend = backend
        self.access = access or Access()
        self.version = version
        self.about = about or About()
        self.max_clients = max_clients
        self.clock = clock
        self.waiting = Waiting(backend.applied)
        self.subscriptions = Subscriptions(backend, rate=rate)
        self.clients: set[Client] = set()
        # Of other machines, without a password so far; the oldest first.
        self.strangers: dict[Client, None] = {}
        self.max_strangers = max(1, max_clients // STRANGERS)
        self.unfinished = 0  # bytes of requests that are not whole or wait, of all clients
        self.max_unfinished = MAX_UNFINISHED // load.readers
        self.empty = asyncio.Event()  # set when the last client has gone
        self.accepted = load.own(Field.ACCEPTED)  # connections so far, and below what became of some
        self.answered = load.own(Field.ANSWERED)
        self.refused = load.own(Field.REFUSED)
        self.dropped = load.own(Field.DROPPED)
        # Of clients: no two readers give the same one, nor does a reader that was started again.
        self.numbers = itertools.count(1 + load.reader + self.accepted * load.readers, load.readers)

    def enter(self, client: Client, known: bool) -> bool:
        """Take a client if there is room: where others need theirs, the oldest of the strangers makes room.

        Args:
            known: Whether it is of this machine.
        """
        load = self.load
        full = len(self.clients) + load.others(Field.CLIENTS) >= self.max_clients
        strangers = len(self.strangers) + load.others(Field.STRANGERS)
        if full or (not known and strangers >= self.max_strangers):
            if self.strangers:
                oldest = next(iter(self.strangers))
                self.leave(oldest)
                oldest.give_way()
            elif full:
                return False
        self.clients.add(client)
        if not known:
            self.strangers[client] = None
        self._count()
        load.set(Field.ACCEPTED, self.accepted)
        return True

    def know(self, client: Client) -> None:
        """Count a client as known, as it has given a password."""
        self.strangers.pop(client, None)
        self._count()

    def _count(self) -> None:
        """Tell the other readers how many clients there are."""
        self.load.set(Field.CLIENTS, len(self.clients))
        self.load.set(Field.STRANGERS, len(self.strangers))

    def tell(self) -> None:
        """Tell the other readers what this one does, some times a second."""
        load = self.load
        load.set(Field.ACCEPTED, self.accepted)
        load.set(Field.ANSWERED, self.answered)
        load.set(Field.REFUSED, self.refused)
        load.set(Field.DROPPED, self.dropped)
        load.set(Field.BLOCKED, len(self.waiting))
        load.set(Field.UNFINISHED, self.unfinished)
        load.set(Field.UNSENT, self.unsent)

    @property
    def unsent(self) -> int:
        """Bytes of replies that wait for this reader's clients to take them."""
        return sum(one.unsent for one in self.clients)

    def hold(self, change: int) -> None:
        """Count bytes that clients hold; when they are too many, the client that holds most is hung up on."""
        self.unfinished += change
        if change > 0 and self.unfinished > self.max_unfinished and self.clients:
            max(self.clients, key=lambda client: client.held).shed()

    def leave(self, client: Client) -> None:
        """Remove a client that has disconnected."""
        self.clients.discard(client)
        self.strangers.pop(client, None)
        self._count()
        if not self.clients:
            self.empty.set()

    async def drain(self, grace_s: float) -> None:
        """Send the replies under way, for `grace_s` at most, and hang up on every client."""
        self.subscriptions.close()
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
    answered before anything else.  `push` writes what is no reply, and is False where the client has much to read already;
    `mailbox` has its channels once it has subscribed to one.
    """

    __slots__ = (
        "address",
        "closing",
        "host",
        "library",
        "mailbox",
        "name",
        "number",
        "protocol",
        "push",
        "queued",
        "queued_bytes",
        "queueing",
        "released",
        "released_bytes",
        "role",
        "service",
        "spoiled",
        "tries",
        "wait_s",
    )

    def __init__(self, service: Service, number: int, address: str = "", host: str = "") -> None:
        self.service = service
        self.push: Callable[[bytes], bool] = lambda data: False
        self.mailbox: Mailbox | None = None
        self.number = number
        self.address, self.host = address, host
        self.library = ""
        self.tries = 0
        self.closing = False  # hang up once the reply is sent
        self.wait_s = 0.0
        self.released: deque[list[bytes]] = deque()
        self.released_bytes = 0
        self.reset()

    def reset(self) -> None:
        """Forget what the client has said so far."""
        self.protocol = 2
        self.name = ""
        self.role = self.service.access.first
        self.hear_no_more()
        self.discard()

    def hear_no_more(self) -> None:
        """Leave every channel."""
        if self.mailbox is not None:
            self.mailbox.close()

    @property
    def listens(self) -> bool:
        """Whether the client has subscribed to anything."""
        return bool(self.mailbox)

    def discard(self) -> None:
        """Leave MULTI, and drop what was queued."""
        self.queueing = self.spoiled = False
        self.queued: list[list[bytes]] = []
        self.queued_bytes = 0

    def execute(self) -> int:
        """Leave MULTI and have what was queued answered next; how many requests that are."""
        count = len(self.queued)
        self.released.extend(self.queued)
        self.released_bytes += self.queued_bytes
        self.discard()
        return count

    def release(self) -> list[bytes]:
        """Take the next request that EXEC released."""
        words = self.released.popleft()
        if not self.released:
            self.released_bytes = 0
        return words

    @property
    def trusted(self) -> bool:
        """Whether the client may ask anything at all."""
        return self.role > Role.STRANGER

    def login(self, user: bytes, password: bytes) -> bool:
        """Give the client its role if it knows the password; hang up on one that guesses."""
        role = self.service.access.role(user, password, self.host)
        if role:
            self.role = role
            self.tries = 0
            return True
        self.tries += 1
        self.closing = self.tries >= LOGIN_TRIES
        return False
