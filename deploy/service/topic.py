"""The topics of an instance: made, opened at the offsets of the store, and known again by their identity.

Offsets mean nothing in another topic of the same name.  So the store keeps beside them which topic they are of; one that
was made anew is an error, or read from its beginning where gaps are skipped.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from deploy.config.broker import ensure_topics, spool_folder
from deploy.config.schema import Config
from stream.broker import Source, identity, offsets_name, open_dead_letter, open_source

if TYPE_CHECKING:
    from state.storage.store import Store
    from stream.dead_letter.writer import Branch, DeadLetter

FACT: Final = "topic "  # with the topic's name after it: under which its identity is kept
ORDER: Final = b"order\0"  # where the store notes the order in which the events topic was taken

log = structlog.get_logger()


class Topics(NamedTuple):
    """Names under which the offsets of the two topics are kept."""

    events: str
    items: str


class Sources(NamedTuple):
    """What is read, and where rejected records go."""

    events: Source
    rejected: DeadLetter
    items: Source
    rejected_items: Branch


def open_topics(config: Config) -> Topics:
    """Make the topics that are missing.

    Raises:
        BadSource: Within seconds, with what to tell an operator: nobody answers, or does not make them.
    """
    ensure_topics(config)
    kafka = config.kafka
    return Topics(*(identity(kafka.address, name) for name in (kafka.topic, kafka.items)))


def open_sources(config: Config, store: Store, topics: Topics) -> Sources:
    """Connect to the topics at the offsets that the store holds, and keep there which topics they are.

    Raises:
        BadSource: Within seconds, with what to tell an operator: nobody answers, a topic was made anew, or lacks what comes next.
    """
    kafka, opened = config.kafka, list[Source]()
    try:
        name, on_gap, start = topics.events, kafka.on_gap, kafka.start
        opened.append(_open(config, store, kafka.topic, name, on_gap=on_gap, start=start, order=ORDER))
        # of a compacted topic the last record of each item is enough
        opened.append(_open(config, store, kafka.items, topics.items, on_gap="skip", start="earliest"))
    except BaseException:
        for source in opened:
            source.close()
        raise
    rejected = open_dead_letter(
        kafka.address, kafka.dead_letter, origin=kafka.topic, folder=spool_folder(config), extra=kafka.options
    )
    return Sources(opened[0], rejected, opened[1], rejected.of(kafka.items))


def _open(
    config: Config, store: Store, topic: str, name: str, *, on_gap: str, start: str, order: bytes = b""
) -> Source:
    """Open a topic.

    Args:
        name: The name its offsets are kept under.
        order: See `_begin`.
    """
    kafka, before = config.kafka, str(store.meta(FACT + topic) or "")
    if not any(store.offsets(offsets_name(topic, before)).values()):
        before = ""  # nothing was read of it: any other one is as good
    source = open_source(
        kafka.address,
        topic,
        store.offsets(name),
        on_gap=on_gap,
        start=start,
        topic_id=before,
        extra=kafka.options,
    )
    now = source.topic_id
    if now and now != before:
        try:
            if before:
                log.warning(
                    "topic was made anew, it is read from its beginning", topic=topic, before=before, now=now
                )
                _begin(store, topic, name, source, order)
            else:
                store.note(FACT + topic, now)
        except BaseException:
            source.close()
            raise
    return source


def _begin(store: Store, topic: str, name: str, source: Source, order: bytes) -> None:
    """Replace at once what the store knows of a topic by where another one begins.

    Args:
        order: Where the order is noted in which its records were taken; empty where none is.
    """
    offsets = dict(source.offsets.next)
    prefix = b"offset\0" + name.encode() + b"\0"
    gone = [key for key in store.records(prefix) if int.from_bytes(key[len(prefix) :], "big") not in offsets]
    more: dict[bytes, bytes | None] = dict.fromkeys((*gone, *(store.records(order) if order else ())))
    more[b"meta\0" + (FACT + topic).encode()] = json.dumps(source.topic_id).encode()
    store.save([], {}, name, offsets, more=more)
