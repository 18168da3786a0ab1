"""The work of the two child processes: ingest writes, serve answers.

Ingest loads torch and everything learned; serve imports neither this side's engine room nor torch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import msgspec

from deploy.config.schema import BadConfig, Config
from state.record.setting import GraphSettings
from stream.file.feature import BadColumn, read
from stream.generation.generation import Generation, Limits, current
from stream.ingest.feature import Explicit
from tgn.inference.layout import TgnSettings

TABLES = "tables"  # the folder in `state.live` where generations lie
SWITCH_SECONDS = 30.0  # readers switch to a new generation after so long even if it is still behind


def graph_settings(config: Config) -> GraphSettings:
    """Return how counts decay and edges live."""
    graph = config.graph
    return GraphSettings(
        pace_seconds=config.decay.pace_seconds,
        half_lives=config.decay.half_lives,
        edge_half_life=graph.half_life_paces,
        window_hours=graph.window_hours,
        aging_month_days=graph.aging_month_days,
        aging_share=graph.aging_share,
        aging_every_days=graph.aging_every_days,
        hub_lift=graph.hub_lift,
        walk=graph.walk,
        steps=graph.walk_steps,
        restart=graph.walk_restart,
        seeds=graph.walk_seeds,
        seed_decay=graph.walk_seed_decay,
        seeds_by=graph.walk_seeds_by,
        hops=graph.walk_hops,
        boost=graph.walk_boost,
        stop_items=graph.walk_stop_items,
        stop_visits=graph.walk_stop_visits,
    )


def tgn_settings(config: Config) -> TgnSettings:
    """Return the sizes of what is learned."""
    learn = config.learn
    return TgnSettings(
        seed=learn.seed,
        loss=learn.loss,
        negatives=learn.negatives,
        node_memory=learn.memory,
        columns=learn.columns if learn.item_columns or learn.user_columns else 0,
    )


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


def limits(config: Config) -> Limits:
    """Return the ceilings of the tables."""
    return Limits(max_users=config.state.max_users, max_items=config.state.max_items)


def clock_ms() -> int:
    """Return the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


def ingest(config: Config, stop: threading.Event, ready: Callable[[str], None]) -> None:
    """Load what is remembered, then read, learn and save until `stop`."""
    import torch

    from state.storage.store import Store
    from stream.ingest.ingest import Ingest
    from stream.ingest.item import Items
    from stream.ingest.writer import Engine
    from stream.kafka.source import DeadLetter, Source, ensure_topic, identity
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
    engine = Engine(
        generation,
        store=store,
        topic=topic,
        samples=config.learn.events_per_batch,
        explicit=explicit(config, generation),
    )
    learning = Learning(generation, seed=config.learn.seed, background=True) if config.learn.enabled else None
    engine.warm()
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
        engine,
        learning,
        source,
        letters,
        clock=clock_ms,
        limit=config.batch.events,
        wait_s=config.batch.wait_ms / 1000,
        save_seconds=config.learn.save_seconds,
        sync_seconds=config.state.sync_seconds if config.state.sync == "interval" else None,
        items=Items(engine, catalogue, item_letters, described),
    )
    if not offsets and config.kafka.start == "latest":
        offsets = dict(source.places.next)
        engine.save(offsets)  # a crash before the first event must not begin at the end of another day
    for partition, offset in offsets.items():
        generation.status["applied"][partition] = generation.status["saved"][partition] = offset
    generation.status["ready"] = 1
    if before:
        loop.publish_at(_goal(config, live, before), time.monotonic() + SWITCH_SECONDS)
    else:
        generation.publish()
    ready(
        f"ready in {time.monotonic() - begin:.1f} s: {generation.users.named:,} users, "
        f"{generation.items.named - 1:,} items, {int(engine.state.world[0]['events']):,} events remembered"
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


def serve(config: Config, stop: threading.Event, ready: Callable[[str], None]) -> None:
    """Answer requests until `stop`."""
    from stream import server
    from stream.answer.reader import Reader
    from stream.answer.rule import AnswerSettings, ttl
    from stream.kafka.source import Sink

    begin = time.monotonic()
    sink = Sink(config.kafka.address, config.kafka.topic, extra=config.kafka.options)
    describer = Sink(config.kafka.address, config.kafka.items, extra=config.kafka.options)
    number = version("riverwalk")
    reader = Reader(
        graph_settings(config),
        tgn_settings(config),
        limits(config),
        Path(config.state.live) / TABLES,
        publisher=sink,
        describer=describer,
        ready_lag=config.serve.ready_lag,
        version=number,
        ttl=ttl(msgspec.structs.asdict(config.seen)),
        answers=AnswerSettings(**msgspec.structs.asdict(config.answer)),
    )
    reader.warm()
    s = config.serve
    try:
        server.run(
            reader,
            stop=stop,
            ready=lambda port, http: ready(f"ready in {time.monotonic() - begin:.1f} s"),
            host=s.host,
            port=s.port,
            http_port=s.http_port,
            tls=server.context(s.tls_cert, s.tls_key) if s.tls_cert else None,
            max_clients=s.max_clients,
            password=s.password or None,
            unix=s.unix or None,
            version=number,
        )
    finally:
        sink.close()
        describer.close()
