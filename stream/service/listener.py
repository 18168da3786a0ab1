"""Listening sockets, and the readers that share them: the one with the fewest clients takes the next.

Readers inherit the same listening sockets (`open_tcp`, `open_unix`), so a port is taken once, by the supervisor, for as
long as the instance lives; a client that comes while a reader is being started again waits for it, or is taken by another.
All of them wake when a client comes.  One that has more clients than another leaves it to that one for a while:

    woken ─► fewest clients? ─yes─► accept one ─► TLS ─► Connection
                   └─no─► look away, look again every ms; after 50 ms take it all the same: the other one is busy

SO_REUSEPORT would give each client to a reader by a hash of its address instead: of 16 connections some reader of two
gets 11 or more in one of five runs, and those that wait for a reader that dies are lost with it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
import ssl
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from stream.service.load import Field, Load

BACKLOG: Final = 512
LOOK_S: Final = 0.001  # how often one that has more clients looks whether others have taken the next
PATIENCE_S: Final = 0.05  # and how long it leaves the next to them
LINGER_S: Final = (
    0.1  # how long a client that is refused may take to send what would make a close lose the reason
)
SLACK: Final = 16  # one client in so many is no difference: many that come at once do not wait for each other
FULL_S: Final = 1.0  # until the next try where the system has no descriptor or memory
FULL: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
NOT_HERE: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def open_tcp(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of a host, all on the same port, a free one for 0; raises OSError (gaierror is one)."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    opened: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            try:
                opened.append(_listen(family, (address[0], port, *address[2:])))
            except OSError as exc:
                if not opened or exc.errno not in NOT_HERE:
                    raise
            port = opened[0].getsockname()[1]
    except BaseException:
        for one in opened:
            one.close()
        raise
    return opened


def _listen(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(BACKLOG)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def open_unix(path: str) -> socket.socket:
    """Listen on a Unix socket that its owner alone may use; one that a killed server left behind is replaced.

    Raises:
        OSError: Somebody listens there, or something else lies there.
    """
    _sweep(path)
    made = socket.socket(socket.AF_UNIX)
    try:
        made.bind(path)
        os.chmod(path, stat.S_IRUSR | stat.S_IWUSR)
        made.listen(BACKLOG)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def _sweep(path: str) -> None:
    """Remove the socket a killed server left behind; one that somebody listens on stays."""
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise FileExistsError(
            errno.EEXIST, "is no socket and stays where it is; choose another serve.unix", path
        )
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            os.unlink(path)
            return
    raise OSError(errno.EADDRINUSE, "another server listens there; choose another serve.unix", path)


def _has_come(one: socket.socket) -> bool:
    """Whether a client waits to be taken."""
    looked = select.poll()
    looked.register(one, select.POLLIN)
    return bool(looked.poll(0))


class Listener:
    """Takes clients from listening sockets, which it closes when it is closed; `port` is the TCP port, 0 without one.

    Args:
        make: Makes the protocol of a client.
        tls: What TCP sockets speak; a Unix socket never does.
        load: Of this reader and of those beside it.
        here, coming: The numbers of `load` that count these clients; whoever makes them keeps `here`.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        make: Callable[[], asyncio.Protocol],
        *,
        tls: ssl.SSLContext | None,
        load: Load,
        here: Field,
        coming: Field,
    ) -> None:
        self._sockets, self._make, self._tls, self._load = sockets, make, tls, load
        self._here, self._coming = here, coming
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._later: dict[socket.socket, asyncio.TimerHandle] = {}
        tcp = [one for one in sockets if one.family != socket.AF_UNIX]
        self.port = int(tcp[0].getsockname()[1]) if tcp else 0
        for one in sockets:
            self._loop.add_reader(one, self._woken, one)

    def close(self) -> None:
        """Take no more clients."""
        sockets, self._sockets = self._sockets, ()
        for one in sockets:
            self._loop.remove_reader(one)
            if one in self._later:
                self._later.pop(one).cancel()
            one.close()
        for task in self._tasks:
            task.cancel()

    def _woken(self, one: socket.socket) -> None:
        """Take the client that has come, or leave it to a reader that has fewer."""
        if self._is_mine():
            self._accept(one)
        else:
            self._loop.remove_reader(one)
            self._wait(one, LOOK_S, self._look, one, self._loop.time() + PATIENCE_S)

    def _is_mine(self) -> bool:
        least = self._load.least(self._here, self._coming)
        mine = self._load.own(self._here) + self._load.own(self._coming)
        return least is None or mine - least <= mine // SLACK

    def _look(self, one: socket.socket, end: float) -> None:
        """Look whether others have taken it; after `end` it is taken here."""
        if _has_come(one):
            if not self._is_mine() and self._loop.time() < end:
                self._wait(one, LOOK_S, self._look, one, end)
                return
            if not self._accept(one):
                return
        self._watch(one)

    def _wait(
        self, one: socket.socket, seconds: float, call: Callable[..., None], *arguments: object
    ) -> None:
        self._later[one] = self._loop.call_later(seconds, call, *arguments)

    def _watch(self, one: socket.socket) -> None:
        self._later.pop(one, None)
        self._loop.add_reader(one, self._woken, one)

    def _accept(self, one: socket.socket) -> bool:
        """Take one client, if it is still there; False where the system has no room for it: then later."""
        try:
            client, _ = one.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return True
        except OSError as exc:
            if exc.errno not in FULL:
                raise
            self._loop.call_exception_handler(
                {"message": "no client can be taken; the next try is in a second", "exception": exc}
            )
            self._loop.remove_reader(one)
            self._wait(one, FULL_S, self._watch, one)
            return False
        client.setblocking(False)
        task = self._loop.create_task(self._greet(client, one.family != socket.AF_UNIX))
        self._tasks.add(task)
        self._load.set(self._coming, len(self._tasks))
        task.add_done_callback(self._greeted)
        return True

    async def _greet(self, client: socket.socket, tcp: bool) -> None:
        with suppress(
            OSError, asyncio.CancelledError
        ):  # it hung up, or it speaks no TLS (SSLError is an OSError)
            await self._loop.connect_accepted_socket(
                self._make, client, ssl=self._tls if tcp and self._tls is not None else None
            )
            return
        client.close()

    def _greeted(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._load.set(self._coming, len(self._tasks))
