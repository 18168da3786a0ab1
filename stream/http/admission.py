"""Which HTTP connections are taken when places are few: one that waits for a request gives way to one that comes.

Nobody has to ask anything before that, so that slow clients, or many idle ones, cannot keep health from being asked.
"""

from typing import Final, Protocol

from stream.service.load import Field, Load
from stream.service.session import STRANGERS

SPARED: Final = 16  # places that streams leave to those who ask
MAX_BODIES: Final = 64 << 20  # bytes of bodies that are under way, of all readers


class Client(Protocol):
    """A connection, as far as it takes a place."""

    @property
    def is_answered(self) -> bool: ...
    def finish(self) -> None: ...
    def abort(self) -> None: ...


class Admission:
    """The connections of an endpoint, those that have waited longest for a request first.

    Args:
        most: Connections at most, of all readers together; one in eight is for clients of other machines that have given
            no password so far.
        load: Of this reader and of those beside it.
    """

    def __init__(self, most: int, load: Load) -> None:
        self._load = load
        self.clients: dict[Client, None] = {}
        self._strangers: dict[Client, None] = {}
        self._most, self._most_strangers = most, max(1, most // STRANGERS)
        self._most_streams = most - min(SPARED, most // 8)
        self._streams: set[Client] = set()
        self._held: dict[Client, int] = {}  # bytes of bodies
        self._bytes, self._most_bytes = 0, MAX_BODIES // load.readers

    def enter(self, client: Client, known: bool) -> bool:
        """Take a client if there is room or one that waits for a request makes some, a stranger first.

        Args:
            known: Whether it is of this machine.
        """
        full = len(self.clients) + self._load.others(Field.HTTP_CLIENTS) >= self._most
        strangers = len(self._strangers) + self._load.others(Field.HTTP_STRANGERS)
        if full or (not known and strangers >= self._most_strangers):
            idle = self._idle(self._strangers) or (self._idle(self.clients) if full else None)
            if idle is None and (full or self._strangers):
                return False
            if idle is not None:
                self.leave(idle)
                idle.abort()
        self.clients[client] = None
        if not known:
            self._strangers[client] = None
        self._count()
        return True

    def know(self, client: Client) -> None:
        """Count a client as known, as it has given a password."""
        self._strangers.pop(client, None)
        self._count()

    def rest(self, client: Client) -> None:
        """Count a client that was answered as the one that has waited least."""
        for some in (self.clients, self._strangers):
            if client in some:
                del some[client]
                some[client] = None

    def leave(self, client: Client) -> None:
        """Remove a client that has disconnected."""
        self.clients.pop(client, None)
        self._strangers.pop(client, None)
        self._streams.discard(client)
        self._count()

    def stream(self, client: Client) -> bool:
        """Let the reply to a client stream, if some places are left for those who only ask."""
        if len(self._streams) + self._load.others(Field.HTTP_STREAMS) >= self._most_streams:
            return False
        self._streams.add(client)
        self._count()
        return True

    def hold(self, client: Client, size: int) -> bool:
        """Note how many bytes of a body a client has sent, 0 once it is done with; False when all hold too many."""
        self._bytes += size - self._held.pop(client, 0)
        if size:
            self._held[client] = size
        return self._bytes <= self._most_bytes

    def _count(self) -> None:
        """Tell the other readers how many clients there are."""
        self._load.set(Field.HTTP_CLIENTS, len(self.clients))
        self._load.set(Field.HTTP_STRANGERS, len(self._strangers))
        self._load.set(Field.HTTP_STREAMS, len(self._streams))

    @staticmethod
    def _idle(some: dict[Client, None]) -> Client | None:
        return next((client for client in some if not client.is_answered), None)
