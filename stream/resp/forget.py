"""The command FORGET."""

from __future__ import annotations

import time

from stream.error import BadRequest
from stream.event.identifier import name
from stream.resp.codec import Reply
from stream.service.argument import timeout
from stream.service.erasure import WAIT_MS, erased
from stream.service.session import Session


async def forget(session: Session, args: list[bytes]) -> Reply:
    """Remove all that is remembered of a user; the reply is a receipt."""
    if len(args) not in (1, 3) or (len(args) == 3 and args[1].upper() != b"TIMEOUT"):
        raise BadRequest("wanted FORGET user [TIMEOUT ms]")
    wait_ms = timeout(args[2]) if len(args) == 3 else WAIT_MS
    began = time.perf_counter()
    told = await erased(session.service, name("user", args[0]), wait_ms)
    session.wait_s = time.perf_counter() - began
    return told
