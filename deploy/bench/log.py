"""Benchmark of the log of the state folder: appends in groups, and single records until they are on the disk."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from deploy.bench import harness
from deploy.config.schema import Config
from deploy.machine.folder import folder_for
from stream.broker import ensure_topic, log_address, open_sink

APPENDED = 200_000
RATE, SECONDS = 1_000, 10
LARGE = 10_000_000
BEGIN = 10_000
TOPIC = "events"


def run(config: Config, large: bool = False) -> harness.Figures:
    """Measure appends and publishing, and the log's size.

    Args:
        large: Measure the same again after ten million records.
    """
    with folder_for("bench") as place:
        address = log_address(place)
        ensure_topic(address, TOPIC)
        stream = harness.events(APPENDED)
        made = list(harness.payloads(stream))
        append(address, made[:BEGIN])
        figures: harness.Figures = {
            "append_per_s": append(address, made),
            "unit": "records/s",
            **publish(address, made),
            "bytes_per_record": round(_size(place) / (APPENDED + BEGIN + RATE * SECONDS), 1),
            "measured": f"{APPENDED:,} events appended in groups of up to 4 096 with an fsync each; then {RATE:,} a second published one by one, each from the call to its offset",
        }
        if large:
            for _ in range(LARGE // APPENDED):
                append(address, made)
            figures["after"] = LARGE
            figures["append_per_s_after"] = append(address, made)
            figures |= {f"{name}_after": value for name, value in publish(address, made).items()}
            figures["gib_after"] = round(_size(place) / 2**30, 2)
        return figures


def append(address: str, made: list[tuple[bytes, bytes]]) -> int:
    """Append records as fast as they are taken; return how many a second."""
    sink = open_sink(address, TOPIC)
    begin = time.perf_counter()
    for key, payload in made:
        sink.send(key, payload)
    sink.flush(60)
    seconds = time.perf_counter() - begin
    sink.close()
    return round(len(made) / seconds)


def publish(address: str, made: list[tuple[bytes, bytes]]) -> harness.Figures:
    """Publish records at a steady rate; return the milliseconds until each has its offset."""
    sink = open_sink(address, TOPIC)
    took: list[float] = []

    async def one(key: bytes, payload: bytes) -> None:
        begin = time.perf_counter()
        await sink.publish(key, payload)
        took.append(1000 * (time.perf_counter() - begin))

    async def everything() -> None:
        begin, tasks = time.perf_counter(), []
        for n, (key, payload) in enumerate(made[: RATE * SECONDS]):
            wait = begin + n / RATE - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(one(key, payload)))
        await asyncio.gather(*tasks)

    asyncio.run(everything())
    sink.close()
    took.sort()
    return {
        "publish_p50_ms": round(took[len(took) // 2], 2),
        "publish_p99_ms": round(took[int(len(took) * 0.99)], 2),
    }


def _size(place: Path) -> int:
    return sum(os.stat(file).st_blocks * 512 for file in place.rglob("*") if file.is_file())
