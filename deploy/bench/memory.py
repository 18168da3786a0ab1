"""Benchmarks of memory: with many more items than the budget, and after a whole log."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from deploy.bench import harness
from deploy.bench.harness import paced, steps
from deploy.client.client import Client
from deploy.config.schema import Config
from deploy.machine.folder import folder_for
from deploy.machine.memory import anonymous_mib, proportional_mib, rss_mib
from stream.event.event import Event, encode

BUDGET, USERS = 100_000, 50_000
MARKS = (100_000, 200_000, 500_000, 1_000_000)  # distinct items
NEW, LAST = (
    0.8,
    2_000,
)  # the share of events on an item never seen; the others are on one of so many last ones
START_MS = 1_700_000_000_000


def _stream() -> Iterator[tuple[int, Event]]:
    """Yield the number of distinct items so far and the next event."""
    chance = np.random.default_rng(11)
    items, k = 0, 0
    while True:
        new = chance.random(4096) < NEW
        back = (LAST * chance.random(4096) ** 2).astype(int)
        users = (USERS * chance.random(4096) ** 2).astype(int)
        for fresh, behind, user in zip(new.tolist(), back.tolist(), users.tolist(), strict=True):
            items += fresh
            item = items if fresh else max(1, items - behind)
            yield items, Event(user=f"u{user}", item=f"item-{item:08d}", t=START_MS + 1_000 * k)
            k += 1


def _bytes(folder: Path) -> int:
    """Return what the files of a folder take, holes left out."""
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())


def _user_bytes(live: Path) -> int:
    """Return what the tables with rows of users take: rows, seen lists, histories, names, and what is learned."""
    files = [file for file in live.rglob("*.table") if file.name.startswith("user")]
    files += [file for name in ("seen", "history") for file in live.rglob(f"{name}.table")]
    return sum(file.stat().st_blocks * 512 for file in files)


def budget(config: Config) -> harness.Figures:
    """Measure an instance with room for 100 000 items while a million stream through."""
    with folder_for("bench") as place:
        ready = replace(harness.prepared(config, place), kafka=replace(config.kafka, address=""))
        ready = replace(ready, state=replace(ready.state, max_items=BUDGET))
        found: list[harness.Figures] = []
        with open(place / "log", "wb") as log, harness.instance(ready, log) as service:
            with Client(service.config.serve) as client:
                sink = paced(service, client)
                events, count, before = _stream(), 0, 0
                for mark in MARKS:
                    begin = time.perf_counter()
                    for distinct, event in events:
                        sink.send(event.user.encode(), encode(event))
                        count += 1
                        if distinct == mark:
                            break
                    sink.flush(60)
                    harness.wait_for(client, count)
                    seconds = time.perf_counter() - begin
                    pid, known = service.children["ingest"].pid or 0, harness.info(client)
                    spent = steps(service.config)
                    found.append({
                        "distinct_items": mark,
                        "events": count,
                        "events_per_s": round((count - before) / seconds),
                        "ingest_rss_mib": round(rss_mib(pid), 1),
                        "ingest_anonymous_mib": round(anonymous_mib(pid), 1),
                        "shared_mib": round(_bytes(Path(service.config.state.live)) / 2**20, 1),
                        "store_mib": round(_bytes(Path(ready.state.folder)) / 2**20, 1),
                        "items": harness.number(known, "items"),
                        "items_let_go": harness.number(known, "items_let_go"),
                        "sweep_share": round(spent.get("sweep", 0.0) / max(sum(spent.values()), 1e-9), 4),
                    })  # fmt: skip
                    before = count
                    print(found[-1], file=sys.stderr, flush=True)
                time.sleep(
                    ready.learn.save_seconds + 5
                )  # what was learned is saved, so that the end is quick
        return {
            "unit": "MiB", "budget": BUDGET, "users": USERS, "marks": found,
            "measured": "a whole instance, learning on, events in the log of the state folder; at each mark VmRSS and RssAnon of ingest, blocks of the shared tables and of the store; sweep_share is of ingest's time in batches so far",
        }  # fmt: skip


def memory(config: Config) -> harness.Figures:
    """Measure resident memory after the Wikipedia log, or the generated stream where that is not found."""
    from deploy.data.dataset import find
    from stream.file.event import events

    with folder_for("bench") as place:
        ready = replace(harness.prepared(config, place), kafka=replace(config.kafka, address=""))
        ready = replace(
            ready,
            state=replace(ready.state, max_users=config.state.max_users, max_items=config.state.max_items),
        )
        found = find("wikipedia")
        count = 0
        with tempfile.TemporaryFile() as log, harness.instance(ready, log) as service:
            with Client(service.config.serve) as client:
                from stream.event.event import encode

                sink = paced(service, client)
                for event in events(str(found.path)):
                    sink.send(event.user.encode(), encode(event))
                    count += 1
                sink.flush(60)
                harness.wait_for(client, count)
                for k in range(200):
                    client.ask("RECOMMEND", str(k), 20)
                pids = {role: child.pid for role, child in service.children.items()}
                figures = {role: round(rss_mib(pid), 1) for role, pid in pids.items() if pid}
                own = {role: round(proportional_mib(pid), 1) for role, pid in pids.items() if pid}
                known = harness.info(client)
                shared = _user_bytes(Path(service.config.state.live)) / max(1, harness.number(known, "users"))
                size = sum(
                    file.stat().st_size for file in Path(ready.state.folder).rglob("*") if file.is_file()
                )
        return {
            "unit": "MiB", "data": found.name, "events": count, "ingest_rss_mib": figures["ingest"], "reader_rss_mib": figures["serve"],
            "ingest_pss_mib": own["ingest"], "reader_pss_mib": own["serve"], "store_mib": round(size / 2**20, 1), "shared_bytes_a_user": round(shared),
            "users": harness.number(known, "users"), "items": harness.number(known, "items"),
            "measured": "VmRSS and Pss of both processes after the whole log and 200 requests; shared_bytes_a_user are blocks of the tables with rows of users, what is reserved ahead included",
        }  # fmt: skip
