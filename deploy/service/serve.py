"""A reader, one of the serving processes: answer requests until SIGTERM."""

from __future__ import annotations

import platform
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from deploy.config.loader import shown
from deploy.config.room import graph_settings, limits, tgn_settings
from deploy.config.schema import Config
from deploy.service.folder import TABLES
from deploy.service.port import HTTP, RESP
from stream.broker import open_sink
from stream.service.backend import About, Setting
from stream.service.load import FILE as LOAD
from stream.service.load import Load

PUBLISH_S = 1.8  # how long a record a client sends may wait to be written: the client hears of it within 2 s

PACKAGES = (
    "riverwalk",
    "confluent-kafka",
    "rocksdict",
    "numpy",
    "numba",
    "torch",
)  # whose versions an operator asks for


def serve(
    config: Config,
    stop: threading.Event,
    ready: Callable[[str], None],
    *,
    reader: int,
    sockets: Mapping[str, Sequence[socket.socket]],
) -> None:
    """Answer requests until `stop`.

    Args:
        reader: Which of the instance's readers this is, from 0.
        sockets: What it takes clients from, together with the others; see `port.inherited`.
    """
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
    backend = Reader(
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
    opening = Opening(config, backend, stop, lambda: ready(f"ready in {time.monotonic() - begin:.1f} s"))
    s = config.serve
    try:
        server.run(
            backend,
            server.Listen(
                password=s.password,
                tls=server.context(s.tls_cert, s.tls_key) if s.tls_cert else None,
                max_clients=s.max_clients,
                reader_password=s.reader_password,
                writer_password=s.writer_password,
                idle_s=s.idle_seconds,
                admin_token=s.admin_token,
                writer_token=s.writer_token,
                reader_token=s.reader_token,
                cors_origins=s.cors_origins,
                rate=s.messages_per_second,
            ),
            stop=stop,
            ready=lambda port, http: opening.start(),
            version=number,
            sockets=server.Sockets(sockets[RESP], sockets[HTTP]),
            load=Load(reader, s.readers, Path(config.state.live) / LOAD),
            about=_about(config),
        )
        opening.check()
    finally:
        sink.close()
        describer.close()


def _about(config: Config) -> About:
    """What an operator is told of this instance."""
    settings = [Setting(name, value, usual, value != usual) for name, value, usual in shown(config)]
    return About(
        settings, {"python": platform.python_version()} | dict(filter(None, map(_version, PACKAGES)))
    )


def _version(package: str) -> tuple[str, str] | None:
    try:
        return package, version(package)
    except PackageNotFoundError:
        return None
