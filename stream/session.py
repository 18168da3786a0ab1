"""What is known of a service and of each client that talks to it; plain values, no socket."""

import hmac
import time
from collections.abc import Callable

from stream.request import Backend
from stream.wait import Waiting

LOGIN_TRIES = 5  # wrong passwords before a client is hung up on


def wall_clock_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


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
        self.clients: set[object] = set()
        self.accepted = 0  # connections over the server's life, and below what became of some
        self.answered = 0
        self.refused = 0
        self.dropped = 0

    def opens(self, password: bytes) -> bool:
        """Whether this is the password; takes as long whatever is wrong with it."""
        return hmac.compare_digest(password, self.password)


class Session:
    """One client, from connecting to hanging up.

    `wait_s` is set by a command that waited for an event: seconds that are not its own work.
    """

    __slots__ = (
        "address",
        "closing",
        "library",
        "name",
        "number",
        "protocol",
        "service",
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
        self.reset()

    def reset(self) -> None:
        """Forget what the client has said so far."""
        self.protocol = 2
        self.name = ""
        self.trusted = not self.service.password

    def login(self, user: bytes, password: bytes) -> bool:
        """Trust the client if it knows the password; hang up on one that guesses."""
        if user == b"default" and self.service.opens(password):
            self.trusted = True
            self.tries = 0
            return True
        self.tries += 1
        self.closing = self.tries >= LOGIN_TRIES
        return False
