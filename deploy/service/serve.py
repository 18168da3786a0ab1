"""The serving process: answer requests until SIGTERM."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import msgspec

from deploy.config.room import graph_settings, limits, tgn_settings
from deploy.config.schema import Config
from deploy.service.folder import TABLES
from stream.broker import open_sink

PUBLISH_S = 1.8  # how long a record a client sends may wait to be written: the client hears of it within 2 s


def serve(config: Config, stop: threading.Event, ready: Callable[[str], None]) -> None:
    """Answer requests until `stop`."""
    from deploy.start.opening import Opening
    from stream import server
    from stream.answer.reader import Reader, ReaderSettings
    from stream.answer.rule import ttl

    begin = time.monotonic()
    kafka = config.kafka
    sink, describer = (
        open_sink(kafka.address, name, timeout_s=PUBLISH_S, extra=kafka.options)
        for name in (kafka.topic, kafka.items)
    )
    number = version("riverwalk")
    reader = Reader(
        graph_settings(config),
        tgn_settings(config),
        limits(config),
        Path(config.state.live) / TABLES,
        publisher=sink,
        describer=describer,
        version=number,
        settings=ReaderSettings(
            ready_lag=config.serve.ready_lag,
            future_ms=round(config.kafka.future_minutes * 60_000),
            health=Path(config.state.live),
            ttl=ttl(msgspec.structs.asdict(config.seen)),
            answers=config.answer,
            closed=True,
        ),
    )
    opening = Opening(config, reader, stop, lambda: ready(f"ready in {time.monotonic() - begin:.1f} s"))
    s = config.serve
    try:
        server.run(
            reader,
            server.Listen(
                host=s.host,
                port=s.port,
                http_port=s.http_port,
                password=s.password,
                unix=s.unix,
                tls=server.context(s.tls_cert, s.tls_key) if s.tls_cert else None,
                max_clients=s.max_clients,
                reader_password=s.reader_password,
                writer_password=s.writer_password,
                idle_s=s.idle_seconds,
            ),
            stop=stop,
            ready=lambda port, http: opening.start(),
            version=number,
        )
        opening.check()
    finally:
        sink.close()
        describer.close()
