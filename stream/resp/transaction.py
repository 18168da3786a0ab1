"""Queue requests between MULTI and EXEC, and answer them in order.

EXEC replies with an array of as many replies as there are requests; each runs as if it came by itself, one after the
other, so what waits (EVENT, AFTER, FORGET) waits here too.  Requests of other clients may come between them, and one
that fails does not keep the rest from running, as in Redis.  A request that cannot be queued makes EXEC fail with
EXECABORT, and nothing runs.  There are no keys to watch: WATCH and UNWATCH reply OK.
"""

from __future__ import annotations

from typing import Final

from stream.error import BadRequest
from stream.resp.codec import OK, Error, Head, Reply, Status
from stream.service.session import Session

MAX_BYTES: Final = 4 * 1024 * 1024  # of the requests that are queued, `COST` more for each
COST: Final = 64
QUEUED: Final = Status("QUEUED")
ABORTED: Final = Error("Transaction discarded because of previous errors.", "EXECABORT")
AT_ONCE: Final = frozenset((b"MULTI", b"EXEC", b"DISCARD", b"WATCH", b"RESET", b"QUIT"))
_ALONE: Final = frozenset((b"AUTH", b"HELLO", b"SUBSCRIBE", b"UNSUBSCRIBE", b"PSUBSCRIBE", b"PUNSUBSCRIBE"))


def queue(session: Session, words: list[bytes]) -> Reply:
    """Keep a known request until EXEC."""
    if words[0].upper() in _ALONE:
        return refused(session, Error(f"{words[0].decode().upper()} is not taken between MULTI and EXEC"))
    size = COST + sum(map(len, words))
    if session.queued_bytes + size > MAX_BYTES:
        return refused(session, Error(f"over {MAX_BYTES} bytes between MULTI and EXEC; send fewer at once"))
    session.queued_bytes += size
    session.queued.append(words)
    return QUEUED


def refused(session: Session, error: Error) -> Error:
    """Have EXEC fail, as a request was not queued."""
    session.spoiled = True
    return error


def multi(session: Session, args: list[bytes]) -> Reply:
    """Queue what comes until EXEC."""
    _alone("MULTI", args)
    if session.queueing:
        raise BadRequest("MULTI calls can not be nested")
    session.queueing = True
    return OK


def execute(session: Session, args: list[bytes]) -> Reply:
    """Answer what was queued since MULTI, in order, as one array."""
    _alone("EXEC", args)
    if not session.queueing:
        raise BadRequest("EXEC without MULTI")
    if session.spoiled:
        session.discard()
        return ABORTED
    return Head(session.execute())


def discard(session: Session, args: list[bytes]) -> Reply:
    """Drop what was queued since MULTI."""
    _alone("DISCARD", args)
    if not session.queueing:
        raise BadRequest("DISCARD without MULTI")
    session.discard()
    return OK


def watch(session: Session, args: list[bytes]) -> Reply:
    """Reply OK; there are no keys to watch."""
    if not args:
        raise BadRequest("wanted WATCH key [key …]")
    if session.queueing:
        raise BadRequest("WATCH inside MULTI is not allowed")
    return OK


def unwatch(session: Session, args: list[bytes]) -> Reply:
    """Reply OK; there are no keys to watch."""
    _alone("UNWATCH", args)
    return OK


def _alone(name: str, args: list[bytes]) -> None:
    if args:
        raise BadRequest(f"wanted {name} alone")
