"""The work of the two child processes: ingest writes, serve answers.

Ingest loads torch and everything learned; serve imports neither this side's engine room nor torch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from deploy.config.room import graph_settings, limits, tgn_settings
from deploy.config.schema import BadConfig, Config
from deploy.service.folder import TABLES
from stream.file.feature import BadColumn, read
from stream.generation.generation import Generation, current
from stream.ingest.feature import Explicit

SWITCH_SECONDS = 30.0  # readers switch to a new generation after so long even if it is still behind


def explicit(config: Config, generation: Generation) -> Explicit | None:
    """Return the explicit features of items and users that files name.

    Raises:
        BadConfig: A file that cannot be read.
    """
    learn = config.learn
    if not (learn.item_columns or learn.user_columns):
        return None
    try:
        items, users = (
            read(Path(name), learn.columns) if name else {}
            for name in (learn.item_columns, learn.user_columns)
        )
    except BadColumn as exc:
        raise BadConfig(str(exc)) from exc
    return Explicit(generation, items, users)


def clock_ms() -> int:
    """Return the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


def ingest(config: Config, stop: threading.Event, ready: Callable[[str], None]) -> None:
    """Load what is remembered, then read, learn and save until `stop`."""
    import torch

    from state.storage.store import Store
    from stream.ingest.ingest import Ingest
    from stream.ingest.item import ItemsTopic
    from stream.ingest.writer import Writer
    from stream.kafka.broker import ensure_topic, identity
    from stream.kafka.dead_letter import DeadLetter
    from stream.kafka.source import Source
    from stream.learning.learning import Learning

    torch.set_num_threads(1)
    begin = time.monotonic()
    live = Path(config.state.live) / TABLES
    live.mkdir(parents=True, exist_ok=True)
    before = current(live)
    store = Store(Path(config.state.folder) / "store", sync=config.state.sync == "batch")
    generation = Generation(
        graph_settings(config), tgn_settings(config), limits(config), live=live, number=before + 1
    )
    for name in (config.kafka.topic, config.kafka.dead_letter, config.kafka.items):
        ensure_topic(
            config.kafka.address, name, extra=config.kafka.options, compact=name == config.kafka.items
        )
    topic, described = (
        identity(config.kafka.address, name, config.kafka.options)
        for name in (config.kafka.topic, config.kafka.items)
    )
    store.load(
        [*generation.world.tables, *generation.learned.values(), *generation.metadata.tables],
        [generation.users, generation.items],
    )
    offsets = store.offsets(topic)
    writer = Writer(
        generation,
        store=store,
        topic=topic,
        samples=config.learn.events_per_batch,
        explicit=explicit(config, generation),
    )
    learning = Learning(generation, seed=config.learn.seed, background=True) if config.learn.enabled else None
    writer.warm()
    source = Source(
        config.kafka.address,
        config.kafka.topic,
        offsets,
        on_gap=config.kafka.on_gap,
        start=config.kafka.start,
        extra=config.kafka.options,
    )
    letters = DeadLetter(
        config.kafka.address, config.kafka.dead_letter, origin=config.kafka.topic, extra=config.kafka.options
    )
    catalogue = Source(
        config.kafka.address,
        config.kafka.items,
        store.offsets(described),
        on_gap="skip",  # of a compacted topic the last record of each item is enough
        extra=config.kafka.options,
    )
    item_letters = DeadLetter(
        config.kafka.address, config.kafka.dead_letter, origin=config.kafka.items, extra=config.kafka.options
    )
    loop = Ingest(
        writer,
        learning,
        source,
        letters,
        clock=clock_ms,
        limit=config.batch.events,
        wait_s=config.batch.wait_ms / 1000,
        save_seconds=config.learn.save_seconds,
        sync_seconds=config.state.sync_seconds if config.state.sync == "interval" else None,
        items=ItemsTopic(writer, catalogue, item_letters, described),
    )
    if not offsets and config.kafka.start == "latest":
        offsets = dict(source.places.next)
        writer.save(offsets)  # a crash before the first event must not begin at the end of another day
    for partition, offset in offsets.items():
        generation.status["applied"][partition] = generation.status["saved"][partition] = offset
    generation.status["ready"] = 1
    if before:
        loop.publish_at(_goal(config, live, before), time.monotonic() + SWITCH_SECONDS)
    else:
        generation.publish()
    ready(
        f"ready in {time.monotonic() - begin:.1f} s: {generation.users.named:,} users, "
        f"{generation.items.named - 1:,} items, {int(writer.state.world[0]['events']):,} events remembered"
    )
    try:
        loop.run(stop.is_set)
    finally:
        for end in (source, catalogue, letters, item_letters):
            end.close()
        store.close()


def _goal(config: Config, live: Path, number: int) -> dict[int, int]:
    """Return the offsets readers can see in an old generation: a new one takes over when it has reached them."""
    old = Generation(
        graph_settings(config), tgn_settings(config), limits(config), live=live, number=number, write=False
    )
    applied = old.status["applied"]
    return {p: int(applied[p]) for p in range(applied.shape[0]) if applied[p]}
