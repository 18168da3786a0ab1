"""The command FORGET."""

from __future__ import annotations

import time

from stream.resp.codec import Reply
from stream.resp.option import GRAMMARS
from stream.service.erasure import erased
from stream.service.session import Session


async def forget(session: Session, args: list[bytes]) -> Reply:
    """Remove all that is remembered of a user; the reply is a receipt."""
    given = GRAMMARS["FORGET"].read(args)
    began = time.perf_counter()
    receipt = await erased(session.service, **given)
    session.wait_s = time.perf_counter() - began
    return {**receipt}  # type: ignore[dict-item]  # lists of text are replies, too
