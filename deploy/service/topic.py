"""The topics of an instance: made, and opened at the offsets of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deploy.config.broker import ensure_topics, spool_folder
from deploy.config.schema import Config
from stream.broker import Source, identity, open_dead_letter, open_source

if TYPE_CHECKING:
    from state.storage.store import Store
    from stream.dead_letter.writer import Branch, DeadLetter


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
    """Make the topics that are missing."""
    ensure_topics(config)
    kafka = config.kafka
    return Topics(*(identity(kafka.address, name) for name in (kafka.topic, kafka.items)))


def open_sources(config: Config, store: Store, topics: Topics) -> Sources:
    """Connect to the topics at the offsets that the store holds."""
    kafka = config.kafka
    extra = kafka.options
    rejected = open_dead_letter(
        kafka.address,
        kafka.dead_letter,
        origin=kafka.topic,
        folder=spool_folder(config),
        extra=extra,
    )
    return Sources(
        open_source(
            kafka.address,
            kafka.topic,
            store.offsets(topics.events),
            on_gap=kafka.on_gap,
            start=kafka.start,
            extra=extra,
        ),
        rejected,
        open_source(
            kafka.address,
            kafka.items,
            store.offsets(topics.items),
            on_gap="skip",  # of a compacted topic the last record of each item is enough
            extra=extra,
        ),
        rejected.of(kafka.items),
    )
