"""Which HTTP connections are taken when places are few: one that waits for a request gives way to one that comes.

Nobody has to ask anything before that, so that slow clients, or many idle ones, cannot keep health from being asked.
"""

from typing import Protocol

from stream.service.session import STRANGERS


class Client(Protocol):
    """A connection, as far as it takes a place."""

    @property
    def is_answered(self) -> bool: ...
    def finish(self) -> None: ...
    def abort(self) -> None: ...


class Admission:
    """The connections of an endpoint, those that have waited longest for a request first.

    Args:
        most: Connections at most; one in eight is for clients of other machines that have given no password so far.
    """

    def __init__(self, most: int) -> None:
        self.clients: dict[Client, None] = {}
        self._strangers: dict[Client, None] = {}
        self._most, self._most_strangers = most, max(1, most // STRANGERS)

    def enter(self, client: Client, known: bool) -> bool:
        """Take a client if there is room or one that waits for a request makes some, a stranger first.

        Args:
            known: Whether it is of this machine.
        """
        full = len(self.clients) >= self._most
        if full or (not known and len(self._strangers) >= self._most_strangers):
            idle = self._idle(self._strangers) or (self._idle(self.clients) if full else None)
            if idle is None:
                return False
            self.leave(idle)
            idle.abort()
        self.clients[client] = None
        if not known:
            self._strangers[client] = None
        return True

    def know(self, client: Client) -> None:
        """Count a client as known, as it has given a password."""
        self._strangers.pop(client, None)

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

    @staticmethod
    def _idle(some: dict[Client, None]) -> Client | None:
        return next((client for client in some if not client.is_answered), None)
