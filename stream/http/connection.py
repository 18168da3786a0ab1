"""A connection of the HTTP endpoint: bytes in and out over h11; the routes are in `stream.http.route`.

Requests of a connection are answered one after the other.  A client has `PATIENCE_S` to send a request, to take its
reply and to think of the next one.  A request is looked at once its head is there: what is refused has no body read.
A reply that streams is the last of its connection; its client is dropped when it takes less than is sent.
"""

import asyncio
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, cast

import h11

from stream.http import problem
from stream.http.admission import Admission
from stream.http.message import Feed, Header, HttpRequest, HttpResponse
from stream.http.query import origin_form
from stream.http.route import Admitted, Routes
from stream.service import address
from stream.service.listener import LINGER_S

PATIENCE_S: Final = 30.0
MAX_HEAD: Final = 16 * 1024  # bytes of a request line with its headers
MAX_SKIPPED: Final = 64 * 1024  # bytes of a body that are read and thrown away where none is taken
MAX_UNSENT: Final = 256 * 1024  # bytes of a stream that wait for its client before it is dropped
_ALWAYS: Final = [("X-Content-Type-Options", "nosniff"), ("Server", "riverwalk")]
_UNSTORED: Final[Header] = ("Cache-Control", "no-store")
FULL: Final = "other requests are large, too; send this again in a moment"
STREAMS: Final = "too many clients listen to streams; serve.max_clients sets how many clients there may be"
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
        self._admitted = Admitted(_BUSY)
        self._body: list[bytes] = []
        self._size = self._most = 0  # bytes of the body so far, and how many are taken
        self._feed_on: Feed | None = None  # what sends a reply that streams
        self._full = False  # the client does not take what was written
        self._refused = False
        self._paused = False
        self._left = False  # what still comes is thrown away until the line is closed

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
        if self._left:
            return None
        if self._refused or self._feed_on is not None:  # nothing is asked behind a reply that streams
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
        if self._refused or self._feed_on is not None:
            return False
        self._feed(b"")
        return self._task is not None and self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        self._admission.leave(self)
        if self._patience is not None:
            self._patience.cancel()
        self._admission.hold(self, 0)
        if self._task is not None:
            self._task.cancel()
        if self._feed_on is not None:
            self._feed_on.close()

    @property
    def is_answered(self) -> bool:
        """Whether a request is being answered."""
        return self._task is not None or self._feed_on is not None

    def finish(self) -> None:
        """Hang up after the reply that is under way, if any; one that streams ends."""
        if self._feed_on is not None:
            self.end()
        elif self._task is None:
            self._transport.close()

    def abort(self) -> None:
        """Hang up at once."""
        self._transport.abort()

    def send(self, data: bytes) -> None:
        """Send a message of a reply that streams, or drop a client that does not take them."""
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self._routes.service.dropped += 1
            self._transport.abort()
            return
        self._transport.write(self._wire.send(h11.Data(data=data)) or b"")

    def end(self) -> None:
        """End a reply that streams."""
        if not self._transport.is_closing():
            self._transport.write(self._wire.send(h11.EndOfMessage()) or b"")
            self._transport.close()

    def _busy(self) -> bool:
        return self._full or self._task is not None or self._feed_on is not None

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
        while not self._busy() and not self._left and not self._transport.is_closing():
            event = self._wire.next_event()
            if isinstance(event, h11.Request):
                self._begin(event)
            elif isinstance(event, h11.Data):
                self._take(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage) and self._request is not None:
                request = self._request._replace(body=b"".join(self._body))
                self._body = []
                self._task = self._loop.create_task(self._reply(request))
                return
            elif isinstance(event, h11.ConnectionClosed):
                self._transport.close()
            else:
                return

    def _begin(self, event: h11.Request) -> None:
        """Decide on a request by its head, and have its body come, if any."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
        target, host = origin_form(event.target.decode("ascii"), headers.get("host", ""))
        login = headers.get("authorization", "")
        method = event.method.decode("ascii")
        self._request = HttpRequest(method, target, host, login, self._local, self._host, headers)
        self._admitted = self._routes.admit(self._request)
        self._body, self._size = [], 0
        self._most = self._admitted.most or MAX_SKIPPED
        waits = self._wire.they_are_waiting_for_100_continue
        length = int(headers.get("content-length", "0"))
        if self._admitted.reply is not None and (waits or length > MAX_SKIPPED):
            self._turn_away(self._admitted.reply)
        elif length > self._most:
            raise self._too_long()
        elif waits:
            self._transport.write(self._wire.send(h11.InformationalResponse(status_code=100, headers=[])))

    def _take(self, data: bytes) -> None:
        """Take a part of a body, or throw it away where none is taken."""
        self._size += len(data)
        if self._size > self._most:
            raise self._too_long()
        if self._admitted.most:
            self._body.append(data)
            if not self._admission.hold(self, self._size) and self._request is not None:
                self._turn_away(problem.error(self._request.path, 503, FULL, ("Retry-After", "1")))

    def _turn_away(self, reply: HttpResponse) -> None:
        """Reply before the body has come, and hang up; what comes of it is read a while, or the reply would be lost."""
        self._write(reply)
        self._left = True
        self._admission.hold(self, 0)
        self._body = []
        self._loop.call_later(LINGER_S, self._transport.close)

    async def _reply(self, request: HttpRequest) -> None:
        response = await self._routes.answer(request, self._admitted)
        self._task = None
        self._admission.hold(self, 0)
        if response.known:
            self._admission.know(self)
        self._admission.rest(self)
        if response.feed is not None and request.method != "HEAD":
            if self._admission.stream(self):
                self._stream(response, response.feed)
                return
            response = problem.error(request.path, 503, STREAMS, ("Retry-After", "10"))
        self._write(response, request.method == "HEAD")
        if self._wire.our_state is h11.MUST_CLOSE:
            self._transport.close()
            return
        self._wire.start_next_cycle()
        self._wait()
        self._feed()

    def _stream(self, response: HttpResponse, feed: Feed) -> None:
        """Send the head of a reply that streams, and have the rest follow."""
        self._feed_on = feed
        self._transport.write(self._head(response))
        if self._paused:  # to hear of its leaving
            self._paused = False
            self._transport.resume_reading()
        self._wait()
        feed.open(self)

    def _head(self, response: HttpResponse) -> bytes:
        headers: list[Header] = [("Date", formatdate(usegmt=True)), *_ALWAYS, *response.headers]
        if response.status != HTTPStatus.NO_CONTENT:
            headers.append(("Content-Type", response.kind))
            if response.feed is None:
                headers.append(("Content-Length", str(len(response.body))))
        if not any(name == "Cache-Control" for name, _ in response.headers):
            headers.append(_UNSTORED)
        reason = HTTPStatus(response.status).phrase.encode()
        return (
            self._wire.send(h11.Response(status_code=response.status, reason=reason, headers=headers)) or b""
        )

    def _write(self, response: HttpResponse, head_only: bool = False) -> None:
        data = [self._head(response)]
        if not head_only:
            data.append(self._wire.send(h11.Data(data=response.body)) or b"")
        data.append(self._wire.send(h11.EndOfMessage()) or b"")
        self._transport.write(b"".join(data))

    def _broken(self, exc: h11.RemoteProtocolError) -> None:
        if self._wire.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            text = str(exc).replace("\\", "").replace('"', "'")
            path = self._request.path if self._request is not None else ""
            self._write(problem.error(path, exc.error_status_hint, text))
        self._transport.close()

    def _too_long(self) -> h11.RemoteProtocolError:
        wanted = f"at most {self._most} bytes are read" if self._admitted.most else "nothing here takes one"
        return h11.RemoteProtocolError(f"the body is too long; {wanted}", 413)

    def _wait(self) -> None:
        """Give the client its time, anew."""
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self._loop.call_later(self._patience_s, self._end_patience)

    def _end_patience(self) -> None:
        waits = self._transport.get_write_buffer_size() == 0
        if self._task is not None or (self._feed_on is not None and waits):  # it waits for us
            self._wait()
        elif not waits:
            self._transport.abort()
        else:
            self._transport.close()
