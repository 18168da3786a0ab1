"""The HTTP endpoint: bytes in and out over h11; the routes are in `stream.http.route`.

Requests of a connection are answered one after the other.  A client has `PATIENCE_S` to send a request, to take its
reply and to think of the next one.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, cast

import h11

from stream.http.admission import Admission
from stream.http.query import origin_form
from stream.http.route import JSON, HttpRequest, HttpResponse, Routes
from stream.service import address
from stream.service.listener import LINGER_S, Listener
from stream.service.load import Field
from stream.service.session import Service

PATIENCE_S: Final = 30.0
GRACE_S: Final = 3.0
MAX_HEAD: Final = 16 * 1024  # bytes of a request line with its headers
MAX_BODY: Final = 64 * 1024  # bytes that are read and thrown away; nothing here takes a body
_ALWAYS: Final = [
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Server", "riverwalk"),
]
_BUSY: Final = HttpResponse(503, b'{"error":"too many clients; serve.max_clients sets how many"}\n')


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, routes: Routes, admission: Admission, patience_s: float) -> None:
        self._routes, self._admission = routes, admission
        self._patience_s = patience_s
        self._loop = asyncio.get_running_loop()
        self._wire = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._task: asyncio.Task[None] | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._request: HttpRequest | None = None
        self._body = 0
        self._full = False  # the client does not take what was written
        self._refused = False
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._local, self._host = address.is_local(transport), address.host(transport)
        address.keep_alive(transport)
        self._wait()
        if not self._admission.enter(self, known=self._local):
            self._refused = True
            self._write(_BUSY)
            self._loop.call_later(LINGER_S, self._transport.close)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return self._transport.close()
        self._feed(data)
        if self._busy() and not self._transport.is_closing():  # what comes now has to wait in the kernel
            self._paused = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._feed()

    def eof_received(self) -> bool:
        if self._refused:
            return False
        self._feed(b"")
        return self._task is not None and self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        self._admission.leave(self)
        if self._patience is not None:
            self._patience.cancel()
        if self._task is not None:
            self._task.cancel()

    @property
    def is_answered(self) -> bool:
        """Whether a request is being answered."""
        return self._task is not None

    def finish(self) -> None:
        """Hang up after the reply that is under way, if any."""
        if self._task is None:
            self._transport.close()

    def abort(self) -> None:
        """Hang up at once."""
        self._transport.abort()

    def _busy(self) -> bool:
        return self._full or self._task is not None

    def _feed(self, data: bytes | None = None) -> None:
        """Take what came, if anything, and go on."""
        if self._transport.is_closing():
            return
        try:
            if data is not None:
                self._wire.receive_data(data)
            self._go_on()
        except h11.RemoteProtocolError as exc:
            self._broken(exc)
        if self._paused and not self._busy() and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def _go_on(self) -> None:
        """Take the next whole request, unless one is being answered."""
        while not self._busy() and not self._transport.is_closing():
            event = self._wire.next_event()
            if isinstance(event, h11.Request):
                self._begin(event)
            elif isinstance(event, h11.Data):
                self._body += len(event.data)
                if self._body > MAX_BODY:
                    raise _too_long()
            elif isinstance(event, h11.EndOfMessage) and self._request is not None:
                self._task = self._loop.create_task(self._reply(self._request))
                return
            elif isinstance(event, h11.ConnectionClosed):
                self._transport.close()
            else:
                return

    def _begin(self, event: h11.Request) -> None:
        """Keep what matters of a request, and have its body come, if any."""
        headers = {name: value.decode("latin-1") for name, value in event.headers}
        target, host = origin_form(event.target.decode("ascii"), headers.get(b"host", ""))
        login = headers.get(b"authorization", "")
        self._request = HttpRequest(
            event.method.decode("ascii"), target, host, login, self._local, self._host
        )
        self._body = 0
        if int(headers.get(b"content-length", "0")) > MAX_BODY:
            raise _too_long()
        if self._wire.they_are_waiting_for_100_continue:
            self._transport.write(self._wire.send(h11.InformationalResponse(status_code=100, headers=[])))

    async def _reply(self, request: HttpRequest) -> None:
        response = await self._routes.answer(request)
        self._task = None
        if response.known:
            self._admission.know(self)
        self._admission.rest(self)
        self._write(response, request.method == "HEAD")
        if self._wire.our_state is h11.MUST_CLOSE:
            self._transport.close()
            return
        self._wire.start_next_cycle()
        self._wait()
        self._feed()

    def _write(self, response: HttpResponse, head_only: bool = False) -> None:
        headers = [
            ("Content-Type", response.kind),
            ("Content-Length", str(len(response.body))),
            ("Date", formatdate(usegmt=True)),
        ]
        head = h11.Response(
            status_code=response.status,
            reason=HTTPStatus(response.status).phrase.encode(),
            headers=[*headers, *_ALWAYS, *response.headers],
        )
        data = [self._wire.send(head)]
        if not head_only:
            data.append(self._wire.send(h11.Data(data=response.body)))
        data.append(self._wire.send(h11.EndOfMessage()))
        self._transport.write(b"".join(part for part in data if part))

    def _broken(self, exc: h11.RemoteProtocolError) -> None:
        if self._wire.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            text = str(exc).replace("\\", "").replace('"', "'")
            self._write(HttpResponse(exc.error_status_hint, f'{{"error":"{text}"}}\n'.encode(), JSON))
        self._transport.close()

    def _wait(self) -> None:
        """Give the client its time, anew."""
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self._loop.call_later(self._patience_s, self._end_patience)

    def _end_patience(self) -> None:
        if self._task is not None:  # it waits for us
            self._wait()
        elif self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()


def _too_long() -> h11.RemoteProtocolError:
    return h11.RemoteProtocolError("the body is too long; nothing here takes one", 413)


class Endpoint:
    """The listening socket and its clients.  `port` is the port in use."""

    def __init__(self, listener: Listener, admission: Admission) -> None:
        self._listener, self._connections = listener, admission.clients
        self.port = listener.port

    async def close(self, grace_s: float = GRACE_S) -> None:
        """Take no more clients, let replies under way be sent, hang up."""
        self._listener.close()
        for connection in list(self._connections):
            connection.finish()
        end = asyncio.get_running_loop().time() + grace_s
        while self._connections and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.01)
            for connection in list(self._connections):
                connection.finish()
        for connection in list(self._connections):
            connection.abort()


async def serve(
    service: Service,
    sockets: Sequence[socket.socket],
    *,
    socket_port: int = 7878,
    tls: ssl.SSLContext | None = None,
    patience_s: float = PATIENCE_S,
) -> Endpoint:
    """Start to answer over HTTP from the service of a server.

    Args:
        sockets: Listen already (see `listener.open_tcp`); they are closed with the endpoint.
        socket_port: Of the Redis socket, as the page tells it.
        tls: Makes it HTTPS.
        patience_s: Seconds a client has to send a request, and to take a reply.
    """
    admission = Admission(service.max_clients, service.load)
    routes = Routes(service, socket_port)
    listener = Listener(
        sockets, lambda: Connection(routes, admission, patience_s), tls=tls, load=service.load,
        here=Field.HTTP_CLIENTS, coming=Field.HTTP_COMING,
    )  # fmt: skip
    return Endpoint(listener, admission)
