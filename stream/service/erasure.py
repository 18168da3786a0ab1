"""Erasure: FORGET user, and DELETE /user/{id}.

The request becomes a record of the topic, in the user's partition, so that it is applied like an event: in order, once,
and again when the topic is replayed.  The reply is a receipt, once it is applied:

    user, place         who, and the record's position in the topic, partition:offset
    stream_time_ms      events of the user up to this time, the newest heard of so far, are dropped from now on, should
                        they come again
    found               1 when anything was known of the user
    history_items, seen_items, events, memory     how much there was
    dead_letters        how many dead letters that named the user were erased: on disk, and in our own log
    removed             what is gone
    not_reached         where records of the user stay, each until its retention takes them
    not_removed         what is kept, because it is about nobody in particular or lies elsewhere

In memory all of it is gone then; on the disk it is removed with the next save, and old bytes leave the store's files
when those are written anew, which begins within `learn.save_seconds`.
"""

from __future__ import annotations

from typing import Any, Final

from stream.service.session import Late, Service

WAIT_MS: Final = 5_000
NOT_REMOVED: Final = (
    "counts of items, co-watch edges and network weights, which name no user; the topic's own records until its "
    "retention takes them; the file of explicit columns; a salted hash that keeps a replay from bringing the user back"
)
ITSELF: Final = "the topic of events: its own records, until its retention takes them"
Receipt = dict[str, str | int | list[str]]  # JSON, and a reply of the socket


async def erased(service: Service, user: str, wait_ms: int = WAIT_MS) -> Receipt:
    """Have a user forgotten and return the receipt.

    Raises:
        BadRequest: This instance publishes nothing.
        Late: It is accepted, and not applied within `wait_ms`.
    """
    partition, offset = await service.backend.forget(user, service.clock())
    if not await service.waiting.reach(partition, offset, wait_ms):
        raise Late(
            f"accepted as {partition}:{offset} and not applied after {wait_ms} ms; it will be, once ingest gets there, "
            "and FORGET may be sent again"
        )
    counts = service.backend.receipt(partition, offset)
    if counts is None:
        raise Late(
            f"{partition}:{offset} is applied; its receipt went to a later one, so FORGET may be sent again"
        )
    return {"user": user, "place": f"{partition}:{offset}", **_listed(counts)}


def _listed(counts: dict[str, Any]) -> Receipt:
    """A receipt of the writer in words."""
    kinds = {
        "history": f"a history of {counts['history']} items with their counts and times",
        "seen": f"a list of {counts['seen']} items had",
        "events": f"counts of {counts['events']} events",
        "memory": "what was learned of the user",
        "letters": f"what {counts['letters']} dead letters held",
    }
    beyond = [f"Kafka topic {counts['beyond']}: dead letters, until its retention takes them"]
    removed = [words for field, words in kinds.items() if counts[field]]
    return {
        "stream_time_ms": counts["t"],
        "found": counts["found"],
        "history_items": counts["history"],
        "seen_items": counts["seen"],
        "events": counts["events"],
        "memory": counts["memory"],
        "dead_letters": counts["letters"],
        "removed": [*removed, "the id"] if counts["found"] else removed,
        "not_reached": [ITSELF, *(beyond if counts["beyond"] else [])],
        "not_removed": NOT_REMOVED,
    }
