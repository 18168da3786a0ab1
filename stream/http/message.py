"""HTTP requests and responses as values: what routes read and return, and what a connection sends."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

import msgspec

JSON: Final = "application/json"
NONE: Final[Mapping[str, str]] = MappingProxyType({})
Header = tuple[str, str]


class HttpRequest(NamedTuple):
    """A request.

    Fields:
        target: With its query string.
        login: The Authorization header.
        local, client: Whether it is from this machine, and the address of the client.
        headers: By name in lower case; the last of several of one name.
        body: As it was sent, that is, still compressed where it was.
    """

    method: str
    target: str
    host: str = ""
    login: str = ""
    local: bool = True
    client: str = ""
    headers: Mapping[str, str] = NONE
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query string."""
        return self.target.partition("?")[0]


class Line(Protocol):
    """The connection of a client that is sent one message after the other."""

    def send(self, data: bytes) -> None:
        """Send a message; a client that does not take them is dropped."""

    def end(self) -> None:
        """End the reply, once what was sent is taken."""


class Feed(Protocol):
    """What goes on to send after the head of a response, until the client leaves or `Line.end`."""

    def open(self, line: Line) -> None:
        """Begin to send."""

    def close(self) -> None:
        """The client has left."""


class HttpResponse(NamedTuple):
    """A response; one with a feed has no other body."""

    status: int
    body: bytes = b""
    kind: str = JSON
    headers: tuple[Header, ...] = ()
    known: bool = False  # the client gave a password or a token
    feed: Feed | None = None


def json(status: int, value: Any) -> HttpResponse:
    """Return a value as a response."""
    return HttpResponse(status, msgspec.json.encode(value) + b"\n")
