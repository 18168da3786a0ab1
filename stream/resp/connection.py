"""One connection of the socket: bytes in, replies out in the order of the requests.

    came ─► parser ─► answer ─► written          a turn: up to 2 ms or 64 KiB, then others have theirs
                        │
                        └─► waits (EVENT, AFTER): the requests behind it wait too, other connections do not;
                            up to 1024 EVENTs in a row wait together

From a client that does not read its replies no more requests are answered once 256 KiB wait for it, and it is dropped
when they still wait after `slow_s`.  Requests not parsed yet are bounded as well: then nothing more is read from it.
"""

import asyncio
import time
from typing import Final, cast

import structlog

from stream.error import BadFrame
from stream.resp.codec import MAX_ARGS, MAX_BULK, MAX_FRAME, Error, Parser, encode
from stream.resp.command import answer
from stream.resp.pipeline import Pipeline
from stream.resp.server.refusal import DENIED, FULL, HOLDS
from stream.service import address
from stream.service.listener import LINGER_S
from stream.service.session import Service, Session
from stream.service.timer import Timers

log = structlog.get_logger()

TURN_S: Final = 0.002
TURN_BYTES: Final = 64 * 1024
HIGH_BYTES: Final = 256 * 1024  # replies that wait for a client to take them
HELD_BYTES: Final = 1024 * 1024  # requests that wait for their turn
EVENT_BYTES: Final = 1024  # what an EVENT that begins counts for in a turn: its work is done after it
STRANGER_ARGS: Final = 16  # words, and bytes of one, of a request before the password is given
STRANGER_BYTES: Final = 16 * 1024


class Connection(asyncio.Protocol):
    """A client connection.

    Args:
        slow_s: Seconds that replies may wait for the client to take them.
        login_s: Seconds within which a password has to come, where there is one.
        idle_s: Seconds of silence after which it is hung up on; 0 waits for ever.
    """

    def __init__(self, service: Service, *, slow_s: float, login_s: float, idle_s: float = 0.0) -> None:
        self._service = service
        self._slow_s, self._login_s, self._idle_s = slow_s, login_s, idle_s
        self._session = Session(service, next(service.numbers))
        self._loop = asyncio.get_running_loop()
        self._parser = Parser()
        self._limited = False
        self._task: asyncio.Task[None] | None = None  # writes the replies of what waits
        self._pipeline = Pipeline(self._loop)
        self._next: asyncio.Handle | None = None  # of the turn to come
        self._full = False
        self._paused = False
        self._ended = False  # the client sends no more
        self._counted = 0  # bytes of `held` that the service knows of
        self._heard = 0.0  # when something came or went last
        self._timers = Timers(self._loop)
        self._session.push = self._push

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        service, session = self._service, self._session
        service.accepted += 1
        session.address, session.host = address.peer(transport), address.host(transport)
        local = address.is_local(transport)
        if not service.access.needed and not local:
            return self._refuse(DENIED, LINGER_S)
        if not service.enter(self, known=local):
            return self._refuse(FULL, LINGER_S)
        self._transport.set_write_buffer_limits(high=HIGH_BYTES)
        address.keep_alive(transport)
        self._limit()
        if not session.trusted:
            self._timers.start("login", self._login_s, self._login_expired)
        if self._idle_s:
            self._look_idle()
        return None

    def data_received(self, data: bytes) -> None:
        if self._session.closing:
            return self._timers.now("linger")
        self._parser.feed(data)
        self._heard = self._loop.time()
        if not self._busy():
            self._turn()
        elif self._parser.held > HELD_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._count()

    def eof_received(self) -> bool:
        self._ended = True
        if not self._busy() and not self._pipeline:
            self._hang_up()
        return self._transport.get_extra_info("sslcontext") is None  # with TLS there is no half-closed line

    def pause_writing(self) -> None:
        self._full = True
        self._timers.start("slow", self._slow_s, self._drop)

    def resume_writing(self) -> None:
        self._full = False
        session = self._session
        if not session.closing:
            self._timers.stop("slow")
        if session.mailbox:
            session.mailbox.flush()
        if not self._busy():
            self._turn()

    def connection_lost(self, exc: Exception | None) -> None:
        self._session.closing = True
        self._session.hear_no_more()
        self._timers.close()
        if self._next is not None:
            self._next.cancel()
        if self._task is not None and self._pipeline.abandon():
            self._task.cancel()
        self._service.hold(-self._counted)
        self._counted = 0
        self._service.leave(self)

    @property
    def held(self) -> int:
        """Bytes of requests that are not whole, wait for their turn, or are queued by MULTI."""
        return self._parser.held + self._session.queued_bytes + self._session.released_bytes

    @property
    def unsent(self) -> int:
        """Bytes of replies that wait for the client to take them."""
        return self._transport.get_write_buffer_size()

    def finish(self) -> None:
        """Hang up after the reply that is under way, if any."""
        self._session.closing = True
        if self._task is None:
            self._hang_up()

    def abort(self) -> None:
        """Hang up at once."""
        self._transport.abort()

    def shed(self) -> None:
        """Hang up, as it holds more than any other client while all of them hold too much."""
        if not self._session.closing:
            self._refuse(HOLDS)

    def give_way(self) -> None:
        """Hang up, as others need the place."""
        self._refuse(FULL)

    def _push(self, data: bytes) -> bool:
        """Write what is no reply, unless the client has too much to read already."""
        if self._full or self._session.closing:
            return False
        self._transport.write(data)
        return True

    def _count(self) -> None:
        """Tell the service how much is held."""
        if not self._session.closing and (more := self.held - self._counted):
            self._counted += more
            self._service.hold(more)

    def _busy(self) -> bool:
        return self._full or self._next is not None or self._session.closing or not self._pipeline.may_begin()

    def _turn(self) -> None:
        """Answer what has come, for a while."""
        session, parser = self._session, self._parser
        replies: list[bytes] = []
        size = 0
        end = time.perf_counter() + TURN_S
        try:
            while (words := self._request()) is not None:
                if not self._begin(words, replies):
                    break
                size += EVENT_BYTES if self._pipeline else len(replies[-1])
                if (parser.held or session.released) and (size > TURN_BYTES or time.perf_counter() > end):
                    self._next = self._loop.call_soon(self._take_turn)
                    break
        except BadFrame as exc:
            self._reply(encode(Error(f"Protocol error: {exc}")), replies)
            session.closing = True
        if replies:
            self._transport.write(replies[0] if len(replies) == 1 else b"".join(replies))
        if self._pipeline and self._task is None:
            self._task = self._loop.create_task(self._write_waiting())
        self._after_turn()

    def _begin(self, words: list[bytes], replies: list[bytes]) -> bool:
        """Answer a request, or let it wait; whether another one may follow."""
        if self._pipeline.hold(words):
            return False
        reply = answer(self._session, words, self._parser.inline)
        if not isinstance(reply, bytes):
            self._pipeline.begin(words, reply)
            return self._pipeline.may_begin()
        self._reply(reply, replies)
        if self._session.trusted is self._limited:
            self._limit()
        return not self._session.closing

    def _reply(self, reply: bytes, replies: list[bytes]) -> None:
        """Add a reply, behind those that are waited for."""
        if self._pipeline:
            self._pipeline.add(reply)
        else:
            replies.append(reply)

    def _request(self) -> list[bytes] | None:
        """The next request: one held back, one that EXEC released, or one that came."""
        words, self._pipeline.held = self._pipeline.held, None
        released = words is None and self._session.released
        return self._session.release() if released else words or self._parser.next()

    def _take_turn(self) -> None:
        self._next = None
        if not self._busy():
            self._turn()

    async def _write_waiting(self) -> None:
        """Write the replies of requests that wait, and go on with what came meanwhile."""
        while self._pipeline:
            replies = await self._pipeline.replies()
            self._heard = self._loop.time()
            if not self._transport.is_closing():
                self._transport.write(b"".join(replies))
            if self._pipeline and not self._busy():
                self._turn()
        self._task = None
        if not self._busy():
            self._turn()
        else:
            self._after_turn()

    def _after_turn(self) -> None:
        """After a turn: hang up, or read on."""
        if self._transport.is_closing():
            return
        if self._task is None and (self._session.closing or (self._ended and not self._busy())):
            self._hang_up()
            return
        self._count()
        if self._paused and self._parser.held <= HELD_BYTES:
            self._paused = False
            self._transport.resume_reading()

    def _limit(self) -> None:
        """Take little from a client that has not given the password."""
        self._limited = not self._session.trusted
        parser = self._parser
        parser.max_args = STRANGER_ARGS if self._limited else MAX_ARGS
        parser.max_bulk = STRANGER_BYTES if self._limited else MAX_BULK
        parser.max_frame = STRANGER_BYTES if self._limited else MAX_FRAME
        if not self._limited:
            self._timers.stop("login")
            self._service.know(self)

    def _refuse(self, why: Error, linger_s: float = 0.0) -> None:
        """Hang up with a reason; on one that has just come, once its first request is here or after a while."""
        self._service.refused += 1
        log.warning("a client was refused", client=self._session.address, error=why.message)
        self._session.closing = True
        self._transport.write(encode(why))
        self._timers.start("linger", linger_s, self._hang_up) if linger_s else self._hang_up()

    def _login_expired(self) -> None:
        if not self._session.trusted:
            self._service.refused += 1
            self._transport.write(encode(Error(f"no password within {self._login_s:g} s", "NOAUTH")))
            self._hang_up()

    def _look_idle(self) -> None:
        """Hang up on a client that was silent for too long, or look again when that may be."""
        now = self._loop.time()
        self._heard = self._heard or now
        if self._pipeline or self.unsent or self._session.listens:
            self._heard = now
        left = self._heard + self._idle_s - now
        self._hang_up() if left <= 0 else self._timers.again("idle", left, self._look_idle)

    def _drop(self) -> None:
        if not self._session.closing:
            self._service.dropped += 1
            log.warning("a slow client was dropped", client=self._session.address, unsent_bytes=self.unsent)
        self._transport.abort()

    def _hang_up(self) -> None:
        """Close once what was written is taken, or after a while."""
        self._session.closing = True
        self._transport.close()
        self._timers.start("slow", self._slow_s, self._drop)
