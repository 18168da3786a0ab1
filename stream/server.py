"""The server: listens on TCP, TLS and a Unix socket, keeps the backend up to date, and shuts down cleanly."""

import asyncio
import errno
import gc
import os
import resource
import socket
import ssl
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec
import structlog
import uvloop

from stream import metric
from stream.http import connection
from stream.resp.connection import Connection
from stream.service.access import Access
from stream.service.backend import Backend
from stream.service.session import Service, wall_clock_ms

log = structlog.get_logger()

TICK_S: Final = 0.05
GRACE_S: Final = 3.0  # for replies under way when the server ends
OWN_FILES: Final = 128  # descriptors beside those of clients


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses to listen on, and limits of clients.

    Args:
        host, port, http_port: Of TCP; port 0 picks a free one.
        password: Of the users default and admin; without one, clients of other machines are refused.
        reader_password, writer_password: Of users with fewer rights, beside `password`; empty for no such user.
        unix: Path of a Unix socket to listen on as well.
        tls: Makes the TCP ports speak TLS (`context` makes one).
        slow_s: Seconds that 256 KiB of replies may wait for a client to take them before it is dropped.
        login_s: Seconds within which a client has to give the password.
        idle_s: Seconds of silence after which a client is hung up on; 0 waits for ever.
    """

    host: str = "127.0.0.1"
    port: int = 7878
    http_port: int = 7879
    password: str = ""
    reader_password: str = ""
    writer_password: str = ""
    unix: str = ""
    tls: ssl.SSLContext | None = None
    max_clients: int = 1024
    slow_s: float = 5.0
    login_s: float = 30.0
    idle_s: float = 0.0


class Server:
    """Listening sockets and their clients.  `port` is the TCP port in use."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.port = 0
        self.unix = ""
        self._listening: list[asyncio.Server] = []
        self._ticker: asyncio.Task[None] | None = None

    async def listen(
        self, host: str, port: int, tls: ssl.SSLContext | None, make: Callable[[], Connection]
    ) -> None:
        """Listen on TCP; with `tls`, on TLS alone."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(make, host, port, ssl=tls, backlog=512)
        self._listening.append(server)
        self.port = server.sockets[0].getsockname()[1]

    async def listen_unix(self, path: str, make: Callable[[], Connection]) -> None:
        """Listen on a Unix socket that its owner alone may use."""
        _sweep(path)
        line = socket.socket(socket.AF_UNIX)
        try:
            line.bind(path)
            os.chmod(path, stat.S_IRUSR | stat.S_IWUSR)
            server = await asyncio.get_running_loop().create_unix_server(make, sock=line, backlog=512)
        except BaseException:
            line.close()
            raise
        self._listening.append(server)
        self.unix = path

    def tick(self) -> None:
        """Begin to keep the backend and the metrics up to date."""
        self._ticker = asyncio.get_running_loop().create_task(self._tick())

    async def _tick(self) -> None:
        backend, reported = self.service.backend, ""
        while True:
            try:
                backend.tick()
                reported = ""
            except Exception as exc:  # whatever it is, clients still get the answers there are
                if reported != repr(exc):
                    log.exception("the state could not be brought up to date; the next try is at once")
                reported = repr(exc)
            metric.flush()
            await asyncio.sleep(TICK_S)

    async def close(self, grace_s: float = GRACE_S) -> None:
        """Take no more clients, let replies under way be sent, hang up."""
        for server in self._listening:
            server.close()
        await self.service.drain(grace_s)
        for server in self._listening:
            await server.wait_closed()
        if self._ticker is not None:
            self._ticker.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticker
        metric.flush()
        if self.unix:
            with suppress(FileNotFoundError):
                os.unlink(self.unix)


async def serve(
    backend: Backend,
    listen: Listen | None = None,
    *,
    version: str = "",
    clock: Callable[[], int] = wall_clock_ms,
) -> Server:
    """Start to answer clients on the socket.

    Args:
        backend: What answers; it is asked from this loop's thread alone.
        clock: Wall clock in milliseconds, for events that come without a time.
    """
    listen = listen or Listen()
    access = Access(listen.password or "", listen.reader_password, listen.writer_password)
    service = Service(backend, access=access, version=version, max_clients=listen.max_clients, clock=clock)

    def make() -> Connection:
        return Connection(service, slow_s=listen.slow_s, login_s=listen.login_s, idle_s=listen.idle_s)

    server = Server(service)
    try:
        await server.listen(listen.host, listen.port, listen.tls, make)
        if listen.unix:
            await server.listen_unix(listen.unix, make)
    except BaseException:
        await server.close(0.0)
        raise
    server.tick()
    return server


def context(cert: str, key: str) -> ssl.SSLContext:
    """Make a TLS context from PEM files; raises OSError (ssl.SSLError is one) when they cannot be used."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(cert, key or None)
    return made


def run(
    backend: Backend,
    listen: Listen,
    *,
    stop: threading.Event,
    ready: Callable[[int, int], None],
    version: str = "",
) -> None:
    """Run the serving process: socket and HTTP on uvloop until `stop` is set, then a clean end.

    Args:
        ready: Called once with both ports in use, when clients can connect.
    """
    listen = msgspec.structs.replace(listen, max_clients=_room_for(listen.max_clients))

    async def live() -> None:
        server = await serve(backend, listen, version=version)
        try:
            site = await connection.serve(
                server.service, listen.host, listen.http_port, socket_port=server.port, tls=listen.tls
            )
            try:
                gc.collect()
                gc.freeze()  # what is here now stays; the collector need not look at it again
                ready(server.port, site.port)
                while not stop.is_set():
                    await asyncio.sleep(TICK_S)
            finally:
                await site.close()
        finally:
            await server.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(live())


def _room_for(clients: int) -> int:
    """The number of clients there are file descriptors for, after the limit is raised as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * clients + OWN_FILES  # socket and HTTP
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < wanted:
            clients = max(1, (soft - OWN_FILES) // 2)
            log.warning("fewer clients are taken: the system allows too few open files", max_clients=clients)
    return clients


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
