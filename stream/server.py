"""The server: listens on TCP, TLS and a Unix socket, keeps the backend up to date, and shuts down cleanly."""

import asyncio
import gc
import os
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec
import structlog
import uvloop

from stream import metric
from stream.http import endpoint
from stream.resp.connection import Connection
from stream.service.access import GUESSES, Access, Role
from stream.service.backend import About, Backend
from stream.service.listener import Listener, open_tcp, open_unix
from stream.service.load import Field, Load, resident_bytes
from stream.service.session import LOGIN_TRIES, Service, wall_clock_ms
from stream.service.subscription import RATE

log = structlog.get_logger()

TICK_S: Final = 0.05
TELL_S: Final = 1.0  # between two looks at this process itself
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
        admin_token, writer_token, reader_token: Of roles, for HTTP, beside `password`; empty for none.
        cors_origins: Of pages of other sites that may ask over HTTP.
        idle_s: Seconds of silence after which a client is hung up on; 0 waits for ever.
        rate: Messages a second about one list that clients subscribed to, at most.
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
    admin_token: str = ""
    writer_token: str = ""
    reader_token: str = ""
    cors_origins: tuple[str, ...] = ()
    rate: float = RATE


class Sockets(NamedTuple):
    """Sockets that listen already, inherited from the supervisor and shared with the other readers."""

    resp: Sequence[socket.socket]
    http: Sequence[socket.socket]


class Server:
    """Listening sockets and their clients.  `port` is the TCP port in use.

    Args:
        unix: Path of a socket that is removed with the server.
    """

    def __init__(self, service: Service, listener: Listener, unix: str = "") -> None:
        self.service, self.port, self.unix = service, listener.port, unix
        self._listener = listener
        self._ticker: asyncio.Task[None] | None = None
        self._told_s = 0.0
        self._answered = service.answered

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
            self._tell()
            await asyncio.sleep(TICK_S)

    def _tell(self) -> None:
        """Bring metrics, and what other readers see of this one, up to date."""
        service = self.service
        service.tell()
        metric.flush()
        if (now := time.monotonic()) - self._told_s >= TELL_S:
            self._told_s = now
            number = str(service.load.reader + 1)
            metric.gauge("reader_clients", len(service.clients), number)
            metric.gauge("reader_resident_bytes", resident_bytes(), number)
            metric.add("reader_commands", service.answered - self._answered, number)
            self._answered = service.answered

    async def close(self, grace_s: float = GRACE_S) -> None:
        """Take no more clients, let replies under way be sent, hang up."""
        self._listener.close()
        await self.service.drain(grace_s)
        if self._ticker is not None:
            self._ticker.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticker
        self._tell()
        self.service.load.end()
        if self.unix:
            with suppress(FileNotFoundError):
                os.unlink(self.unix)


async def serve(
    backend: Backend,
    listen: Listen | None = None,
    *,
    version: str = "",
    clock: Callable[[], int] = wall_clock_ms,
    sockets: Sequence[socket.socket] = (),
    load: Load | None = None,
    about: About | None = None,
) -> Server:
    """Start to answer clients on the socket.

    Args:
        backend: What answers; it is asked from this loop's thread alone.
        clock: Wall clock in milliseconds, for events that come without a time.
        sockets: Listen already, in place of the addresses in `listen`.
        load: Of this reader and of those beside it.
        about: What an operator who asks is told of this instance.
    """
    listen, load = listen or Listen(), load or Load()
    guesses = max(LOGIN_TRIES, GUESSES // load.readers)
    tokens = {
        Role.ADMIN: listen.admin_token,
        Role.WRITER: listen.writer_token,
        Role.READER: listen.reader_token,
    }
    access = Access(
        listen.password or "", listen.reader_password, listen.writer_password, guesses=guesses, tokens=tokens
    )
    service = Service(
        backend,
        access=access,
        version=version,
        max_clients=listen.max_clients,
        clock=clock,
        load=load,
        about=about,
        rate=listen.rate,
    )

    def make() -> Connection:
        return Connection(service, slow_s=listen.slow_s, login_s=listen.login_s, idle_s=listen.idle_s)

    own = not sockets
    listener = Listener(
        sockets or opened(listen), make, tls=listen.tls, load=load, here=Field.CLIENTS, coming=Field.COMING
    )
    server = Server(service, listener, listen.unix if own else "")
    load.begin()
    server.tick()
    return server


def opened(listen: Listen) -> list[socket.socket]:
    """Open the sockets that clients of the Redis protocol come to; raises OSError."""
    sockets = open_tcp(listen.host, listen.port)
    try:
        return [*sockets, open_unix(listen.unix)] if listen.unix else sockets
    except BaseException:
        for one in sockets:
            one.close()
        raise


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
    sockets: Sockets | None = None,
    load: Load | None = None,
    about: About | None = None,
) -> None:
    """Run the serving process: socket and HTTP on uvloop until `stop` is set, then a clean end.

    Args:
        ready: Called once with both ports in use, when clients can connect.
        sockets, load: Shared with other readers; left out, the addresses in `listen` are this process's alone.
        about: What an operator who asks is told of this instance.
    """
    listen = msgspec.structs.replace(listen, max_clients=_room_for(listen.max_clients))

    async def live() -> None:
        resp, http = sockets or ((), open_tcp(listen.host, listen.http_port))
        server = await serve(backend, listen, version=version, sockets=resp, load=load, about=about)
        try:
            site = await endpoint.serve(
                server.service, http, socket_port=server.port, tls=listen.tls, origins=listen.cors_origins
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
