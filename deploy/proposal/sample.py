"""The newest records of the events topic, or the first of a file, to look at; nothing is committed."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from deploy.config.broker import describe_broker, with_address
from deploy.config.schema import BadConfig, Config
from stream.broker import Source, open_source
from stream.event.batch import Record
from stream.file.text import text_lines

WAIT_S: Final = 10.0  # for records that the topic says are there


class Sample(NamedTuple):
    """Records, the oldest first, and where they are from, for people."""

    records: list[Record]
    where: str


def from_topic(config: Config, count: int) -> Sample:
    """Return the newest records of all partitions.

    Raises:
        BadSource: No broker, no log, no topic.
    """
    config = with_address(config)
    kafka, name = config.kafka, config.kafka.topic
    at_end = open_source(kafka.address, name, {}, start="latest", extra=kafka.options)
    try:
        ends = dict(at_end.offsets.next)
    finally:
        at_end.close()
    begins = {partition: max(0, end - count) for partition, end in ends.items()}
    source = open_source(kafka.address, name, begins, on_gap="skip", extra=kafka.options)
    try:
        records = _read(source, ends)
    finally:
        source.close()
    newest = sorted(records, key=lambda record: (record.produced_ms, record.partition, record.offset))[
        -count:
    ]
    return Sample(newest, f"topic {name}, {describe_broker(config)}")


def from_file(path: Path, count: int) -> Sample:
    """Return the first records of a file of JSON lines, or of one JSON array.

    Raises:
        BadConfig: It is no such file.
        BadSource: It is damaged.
    """
    if not path.is_file():
        raise BadConfig(f"--from {path}: no such file; wanted records, one JSON object a line")
    now_ms = time.time_ns() // 1_000_000
    lines = (line for line in text_lines(path) if not line.isspace())
    first = next(lines, "")
    if first.lstrip()[:1] == "[":
        try:
            objects = msgspec.json.decode("".join([first, *lines]), type=list[msgspec.Raw])
        except msgspec.DecodeError as exc:
            raise BadConfig(f"--from {path}: no JSON array ({exc}); wanted one JSON object a line") from exc
        payloads = [bytes(one) for one in objects[:count]]
    else:
        written = [first, *islice(lines, count - 1)] if first else []
        payloads = [line.rstrip("\r\n").encode("utf-8", "surrogateescape") for line in written]
    if payloads and payloads[0].lstrip()[:1] != b"{":
        raise BadConfig(
            f"--from {path}: its first line is no JSON object; a table goes to the topic as it is: riverwalk produce {path}"
        )
    records = [Record(0, line, payload, now_ms) for line, payload in enumerate(payloads)]
    return Sample(records, f"file {path}")


def _read(source: Source, ends: dict[int, int]) -> list[Record]:
    """Return the records before these offsets."""
    records, until = list[Record](), time.monotonic() + WAIT_S
    while any(source.offsets.next[p] < end for p, end in ends.items()) and time.monotonic() < until:
        records += source.poll(10_000, 0.1)
    return [record for record in records if record.offset < ends.get(record.partition, 0)]
