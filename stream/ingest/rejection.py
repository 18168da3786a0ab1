"""Records that are no events, and what becomes of them when their user is forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
import structlog

from stream import metric
from stream.dead_letter.erasure import Erased
from stream.event.batch import Batch, Record, Rejected
from stream.event.event import FORGET

log = structlog.get_logger()


class Letters(Protocol):
    """Where records go that are no events."""

    def put(self, record: Record, reason: str, message: str) -> None: ...
    def flush(self) -> None: ...
    def erase(self, users: Iterable[str]) -> Erased: ...


def reject(letters: Letters, rejected: Sequence[Rejected]) -> None:
    """Put bad records among the dead letters, before their offsets are saved."""
    if not rejected:
        return
    for item in rejected:
        letters.put(item.record, item.reason, item.message)
        metric.rejected(item.reason)
    letters.flush()
    last = rejected[-1]
    log.warning(  # without the message: it quotes the record, and users are to be forgotten here, too
        "bad records",
        count=len(rejected),
        reason=last.reason,
        partition=last.record.partition,
        offset=last.record.offset,
        next="riverwalk dlq list",
    )


def erase(letters: Letters, batch: Batch) -> Erased:
    """Erase the dead letters of users whom a batch forgets, before it does; a crash before the save does it again."""
    return letters.erase({batch.user[k] for k in np.flatnonzero(batch.kind == FORGET).tolist()})
