"""A subscriber's connection, as small as one can be, so that a thousand of them take little of the machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

K = 10


class Line(asyncio.Protocol):
    """Subscribes to the list of a user and hands on what comes.

    Args:
        member: Whose it is; its `user` is subscribed to.
        hear: Takes the member and a message's JSON.
    """

    def __init__(self, member: Any, hear: Callable[[Any, bytes], None]) -> None:
        self._member, self._hear = member, hear
        self._rest = b""
        self._ready = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, port: int, member: Any, hear: Callable[[Any, bytes], None]) -> Line:
        """Connect and subscribe."""
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(lambda: cls(member, hear), "127.0.0.1", port)
        await made._ready
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._asked(str(self._member.user)))

    def _asked(self, user: str) -> bytes:
        return f"SUBSCRIBE recommendations:{user}?k={K}\r\n".encode()

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        for line in lines:
            if line.startswith(b"{"):
                self._hear(self._member, line)
            elif line.startswith(b"-") and not self._ready.done():
                self._ready.set_exception(ConnectionError(line.decode()))
            elif line == b":1" and not self._ready.done():
                self._ready.set_result(None)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


class EventLine(Line):
    """The same over HTTP, as server-sent events."""

    def _asked(self, user: str) -> bytes:
        return f"GET /v1/stream/recommendations/{user}?k={K} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

    def data_received(self, data: bytes) -> None:
        """Find the messages among the chunks of a reply that does not end."""
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        for line in lines:
            at = line.find(b"data: ")
            if at >= 0:
                self._hear(self._member, line[at + 6 :])
            elif line.startswith(b"HTTP/1.1 "):
                if line.startswith(b"HTTP/1.1 200"):
                    self._ready.set_result(None)
                else:
                    self._ready.set_exception(ConnectionError(line.decode()))
