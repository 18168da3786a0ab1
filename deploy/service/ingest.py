"""The ingest process: read events, count, hand them to the learner, save and publish.  No torch is loaded here."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.config.event import decoder
from deploy.config.room import graph_settings, lane_settings, limits, tgn_settings
from deploy.config.schema import Config
from deploy.machine import kernel, memory
from deploy.service.checkpoint import Checkpoints
from deploy.service.child import CONNECTED
from deploy.service.folder import STORE, TABLES
from deploy.service.retention import Retention
from deploy.service.topic import FACT, Sources, Topics, open_sources, open_topics
from stream.broker import offsets_name
from stream.error import BadSource
from stream.generation import room
from stream.generation.generation import Generation, current
from stream.generation.learned import Learned
from stream.health.page import HEALTH, LOADING, RUNNING, WAITING, Health, Page
from stream.health.pulse import Pulse
from stream.lane.pair import Sender

if TYPE_CHECKING:
    from state.storage.store import Store
    from stream.ingest.ingest import Ingest
    from stream.ingest.writer import Writer

FIRST_S, MOST_S = 1.0, 10.0  # between two tries to connect, doubling
SWITCH_SECONDS = 30.0  # readers switch to a new generation after so long even if it is still behind


def clock_ms() -> int:
    """Return the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


def ingest(config: Config, stop: threading.Event, ready: Callable[[str], None]) -> None:
    """Load what is stored, then read, count and save until `stop`."""
    from stream.ingest.writer import Writer

    begin = time.monotonic()
    pulse = Pulse(Page(Path(config.state.live) / HEALTH, Health, write=True))
    kernel.watch(pulse.compile)

    # 1. A new generation of shared tables, filled from the store
    pulse.enter(LOADING)
    live = Path(config.state.live) / TABLES
    live.mkdir(parents=True, exist_ok=True)
    before = current(live)
    generation = _generation(config, live, before + 1)
    store = open_store(config, generation, ready)
    writer = Writer(
        generation,
        store=store,
        topic=config.kafka.topic,
        samples=config.learn.events_per_batch,
        once_ms=round(config.kafka.once_hours * 3_600_000),
    )
    writer.warm()
    lanes = Sender(live / str(generation.number), generation.tgn.history, lane_settings(config), pulse.beat)
    generation.begin()

    # 2. Readers switch to it, unless they see more than was stored: then when it has caught up
    goal = _goal(config, live, before) if before else {}
    stored = _stored(config, store)
    if all(stored.get(partition, 0) >= offset for partition, offset in goal.items()):
        generation.publish()
        goal = {}
    ready(
        f"ready in {time.monotonic() - begin:.1f} s: {generation.users.named:,} users, "
        f"{generation.items.named - 1:,} items, {int(writer.state.world[0]['events']):,} events remembered"
    )

    # 3. Topics, read on from the stored offsets, as soon as they answer
    try:
        found = connect(config, store, pulse, stop, ready)
        if found is not None:
            _read(config, _loop(config, writer, lanes, *found, pulse), found[1], goal, stop)
    finally:
        store.close()


def _read(
    config: Config, loop: Ingest, sources: Sources, goal: dict[int, int], stop: threading.Event
) -> None:
    """Read, count and save until `stop`."""
    retention = None
    try:
        begin_offsets(config, loop.writer, sources)
        if goal:
            loop.publish_at(goal, time.monotonic() + SWITCH_SECONDS)
        retention = Retention(config, loop.status["saved"])
        loop.chores.append(Checkpoints(Path(config.state.folder), loop.checkpoint).step)
        loop.pulse.enter(RUNNING)
        loop.run(stop.is_set)
    finally:
        if retention is not None:
            retention.close()
        for end in (sources.events, sources.items, sources.rejected):
            end.close()


def open_store(config: Config, generation: Generation, say: Callable[[str], None] = lambda _: None) -> Store:
    """Open the store and load the tables of a generation from it.

    Raises:
        NoMemory: Shared memory has no room for what is stored.
    """
    from state.storage.store import Store

    store = Store(Path(config.state.folder) / STORE, sync=config.state.sync == "batch")
    if warning := memory.check(generation, store.count):
        say(warning)
    store.load(
        [*generation.world.tables, *generation.metadata.tables],
        [generation.users, generation.items],
    )
    room.reserve_loaded(generation)
    return store


def connect(
    config: Config, store: Store, pulse: Pulse, stop: threading.Event, say: Callable[[str], None]
) -> tuple[Topics, Sources] | None:
    """Connect to the topics, trying again for as long as it takes; None when it is to end meanwhile."""
    pulse.enter(WAITING)
    copies = Checkpoints(Path(config.state.folder), store.checkpoint)
    began, pause, told = time.monotonic(), FIRST_S, ""
    while not stop.is_set():
        pulse.beat()
        try:
            topics = open_topics(config)
            found = topics, open_sources(config, store, topics)
        except BadSource as exc:
            if str(exc) != told:
                told = str(exc)
                say(f"waiting for the topic, answers come from what is remembered: {told}")
                pulse.trouble(
                    "source", f"waiting for the topic, answers come from what is remembered: {told}"
                )
            _pause(pulse, stop, pause, copies.step)
            pause = min(MOST_S, 2 * pause)
            continue
        if told:
            say(f"the topic is read now, after {time.monotonic() - began:.0f} s")
        pulse.trouble("source", "")
        say(CONNECTED)
        return found
    return None


def _pause(pulse: Pulse, stop: threading.Event, seconds: float, chore: Callable[[], None]) -> None:
    """Wait, unless it is to end."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not stop.wait(0.2):
        pulse.beat()
        chore()


def _stored(config: Config, store: Store) -> dict[int, int]:
    """Return the offsets that are stored of the events topic, whichever it was."""
    name = config.kafka.topic
    return store.offsets(offsets_name(name, str(store.meta(FACT + name) or "")))


def begin_offsets(config: Config, writer: Writer, sources: Sources) -> None:
    """Report the offsets a generation begins at, and save them where an empty state begins at the end of a topic."""
    assert writer.store is not None
    offsets = writer.store.offsets(writer.topic)
    if not offsets and config.kafka.start == "latest":
        offsets = dict(sources.events.offsets.next)
        writer.reached(writer.topic, offsets)
        writer.save()  # a crash before the first event must not begin at the end of another day
    status = writer.generation.status
    for partition, offset in offsets.items():
        status["applied"][partition] = status["saved"][partition] = offset
    status["ready"] = 1


def _loop(
    config: Config, writer: Writer, lanes: Sender, topics: Topics, sources: Sources, pulse: Pulse
) -> Ingest:
    from stream.ingest.ingest import Ingest, IngestSettings
    from stream.ingest.item import ItemsTopic

    writer.topic = topics.events
    lanes.events.topic = zlib.crc32(topics.events.encode())
    return Ingest(
        writer,
        None,
        sources.events,
        sources.rejected,
        clock=clock_ms,
        settings=IngestSettings(
            limit=config.batch.events,
            wait_s=config.batch.wait_ms / 1000,
            pace_s=config.batch.pace_ms / 1000,
            save_seconds=config.learn.save_seconds,
            save_ms=config.state.save_ms,
            future_ms=round(config.kafka.future_minutes * 60_000),
            decode=decoder(config),
            sync_seconds=config.state.sync_seconds if config.state.sync == "interval" else None,
        ),
        items=ItemsTopic(writer, sources.items, sources.rejected_items, topics.items),
        pulse=pulse,
        lanes=lanes,
    )


def _generation(config: Config, live: Path, number: int, write: bool = True) -> Generation:
    tgn = tgn_settings(config)
    return Generation(
        graph_settings(config),
        tgn,
        limits(config),
        live=live,
        number=number,
        write=write,
        learned=Learned(tgn, 1, 1),
    )


def _goal(config: Config, live: Path, number: int) -> dict[int, int]:
    """Return the offsets readers can see in an old generation: a new one takes over when it has reached them."""
    old = _generation(config, live, number, write=False)
    applied = old.status["applied"]
    return {p: int(applied[p]) for p in range(applied.shape[0]) if applied[p]}
