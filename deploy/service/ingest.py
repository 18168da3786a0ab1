"""The ingest process: read events, learn, save and publish.  Torch is loaded here and not in the serving process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.config.room import graph_settings, limits, tgn_settings
from deploy.config.schema import BadConfig, Config
from deploy.service.folder import TABLES
from deploy.service.retention import Retention
from deploy.service.topic import Sources, Topics, open_sources, open_topics
from stream.file.feature import BadColumn, read
from stream.generation.generation import Generation, current
from stream.ingest.feature import Explicit

if TYPE_CHECKING:
    from state.storage.store import Store
    from stream.ingest.ingest import Ingest
    from stream.ingest.writer import Writer

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
    """Load what is stored, then read, learn and save until `stop`."""
    import torch

    from stream.ingest.writer import Writer

    torch.set_num_threads(1)
    begin = time.monotonic()

    # 1. A new generation of shared tables, filled from the store
    live = Path(config.state.live) / TABLES
    live.mkdir(parents=True, exist_ok=True)
    before = current(live)
    generation = _generation(config, live, before + 1)
    store = open_store(config, generation)

    # 2. What learns
    topics = open_topics(config)
    writer = Writer(
        generation,
        store=store,
        topic=topics.events,
        samples=config.learn.events_per_batch,
        explicit=explicit(config, generation),
        once_ms=round(config.kafka.once_hours * 3_600_000),
    )
    writer.warm()

    # 3. Topics, read on from the stored offsets
    sources = open_sources(config, store, topics)
    loop = _loop(config, writer, sources, topics)

    # 4. Readers switch to this generation, at once or when it has caught up with the one before
    begin_offsets(config, writer, sources, store.offsets(topics.events))
    if before:
        loop.publish_at(_goal(config, live, before), time.monotonic() + SWITCH_SECONDS)
    else:
        generation.publish()
    ready(
        f"ready in {time.monotonic() - begin:.1f} s: {generation.users.named:,} users, "
        f"{generation.items.named - 1:,} items, {int(writer.state.world[0]['events']):,} events remembered"
    )
    retention = Retention(config, generation.status["saved"])
    try:
        loop.run(stop.is_set)
    finally:
        retention.close()
        for end in (sources.events, sources.items, sources.rejected):
            end.close()
        store.close()


def open_store(config: Config, generation: Generation) -> Store:
    """Open the store and load the tables of a generation from it."""
    from state.storage.store import Store
    from stream.learning import guard

    store = Store(Path(config.state.folder) / "store", sync=config.state.sync == "batch")
    store.load(
        [*generation.world.tables, *generation.learned.values(), *generation.metadata.tables],
        [generation.users, generation.items],
    )
    guard.restore(generation.status, store.meta(guard.NAME))
    return store


def begin_offsets(config: Config, writer: Writer, sources: Sources, offsets: dict[int, int]) -> None:
    """Report the offsets a generation begins at, and save them where an empty state begins at the end of a topic."""
    if not offsets and config.kafka.start == "latest":
        offsets = dict(sources.events.offsets.next)
        writer.save(offsets)  # a crash before the first event must not begin at the end of another day
    status = writer.generation.status
    for partition, offset in offsets.items():
        status["applied"][partition] = status["saved"][partition] = offset
    status["ready"] = 1


def _loop(config: Config, writer: Writer, sources: Sources, topics: Topics) -> Ingest:
    from stream.ingest.ingest import Ingest, IngestSettings
    from stream.ingest.item import ItemsTopic
    from stream.learning.learning import Learning

    learn = config.learn
    return Ingest(
        writer,
        Learning(writer.generation, seed=learn.seed, background=True) if learn.enabled else None,
        sources.events,
        sources.rejected,
        clock=clock_ms,
        settings=IngestSettings(
            limit=config.batch.events,
            wait_s=config.batch.wait_ms / 1000,
            save_seconds=learn.save_seconds,
            future_ms=round(config.kafka.future_minutes * 60_000),
            sync_seconds=config.state.sync_seconds if config.state.sync == "interval" else None,
        ),
        items=ItemsTopic(writer, sources.items, sources.rejected_items, topics.items),
    )


def _generation(config: Config, live: Path, number: int, write: bool = True) -> Generation:
    return Generation(
        graph_settings(config), tgn_settings(config), limits(config), live=live, number=number, write=write
    )


def _goal(config: Config, live: Path, number: int) -> dict[int, int]:
    """Return the offsets readers can see in an old generation: a new one takes over when it has reached them."""
    old = _generation(config, live, number, write=False)
    applied = old.status["applied"]
    return {p: int(applied[p]) for p in range(applied.shape[0]) if applied[p]}
