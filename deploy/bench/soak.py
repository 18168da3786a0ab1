"""Soak: an endless stream of ever new users and items through a fixed budget; memory must stop growing.

The writer of ingest and its store, as an instance runs them, without the network and without learning: what is left is
what could grow without bound.  Names come in the order in which a service meets them: new ones all the time, and
others again, the late ones more often, some of them evicted meanwhile.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import numpy as np

from deploy.bench import harness
from deploy.config.room import graph_settings, tgn_settings
from deploy.config.schema import BadConfig, Config
from deploy.machine.folder import folder_for
from deploy.machine.memory import anonymous_mib, rss_mib
from deploy.service.folder import SHARED_MEMORY
from deploy.terminal.progress import Bars
from state.storage.store import Store
from stream.event.batch import Batch
from stream.event.event import DISLIKE
from stream.generation.generation import Generation, Limits
from stream.ingest.writer import Writer
from stream.lane.job import Job

START_MS: Final = 1_700_000_000_000
STEP_MS: Final = 1_000
USERS_AN_ITEM: Final = 4  # of users and of the budget
SAVE_S: Final = 1.0  # between two saves
IDENTIFIED: Final = 10  # one event of so many has an id
MARKS: Final = 40  # samples of a run
GROWTH, SLACK_MIB = 0.05, 8.0  # by which the last quarter of a run may exceed the one before

Positive = Annotated[int, msgspec.Meta(ge=1)]


class Soak(msgspec.Struct, frozen=True):
    """How long a run is, how many users come, and for how many of them there is room."""

    events: Positive = 1_000_000
    users: Positive = 200_000
    budget: Positive = 40_000


def run(config: Config, soak: Soak) -> harness.Figures:
    """Run it; `flat` says whether memory stood still in the second half.

    Raises:
        BadConfig: The budget is not reached before the second half, so that nothing would be shown.
    """
    if soak.users < 3 * soak.budget:
        raise BadConfig(
            f"bench soak: {soak.users:,} users do not fill a budget of {soak.budget:,} well before the second half; "
            f"let at least {3 * soak.budget:,} come, or make the budget smaller"
        )
    limits = Limits(max_users=soak.budget, max_items=max(100, soak.budget // USERS_AN_ITEM))
    top = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK | os.X_OK) else None
    with (
        folder_for("bench") as place,
        tempfile.TemporaryDirectory(prefix="riverwalk-soak-", dir=top) as shared,
    ):
        live = Path(shared)
        generation, store = _opened(config, limits, live, place)
        writer = Writer(generation, store=store, samples=config.learn.events_per_batch)
        writer.warm()
        samples, spent = _followed(writer, soak, config.batch.events, live, place)
        world = generation.world.state.world[0]
        gone = {kind: int(world[f"{kind}_let_go"]) for kind in ("users", "items")}
        store.close()
        begin = time.perf_counter()
        again, store = _opened(config, limits, live, place, number=2)
        restart_s = time.perf_counter() - begin
        same = _same(generation, again)
        store.close()
    grown = {name: growth(samples, name) for name in ("resident_mib", "anonymous_mib", "shared_mib")}
    seconds = samples[-1]["seconds"]
    flat = same and all(one <= GROWTH for one in grown.values())
    return {
        "verdict": "flat in the second half" if flat else "it grows in the second half, or a restart differs",
        "flat": flat, "events": soak.events,
        "seconds": seconds, "events_per_s": round(soak.events / seconds), "seconds_by_step": spent,
        "users_let_go": gone["users"], "items_let_go": gone["items"],
        "growth": grown, "restart_s": round(restart_s, 2), "restart_same": same, "samples": samples,
        "measured": "ingest's writer and its store in this process, learning off, batches as in a backlog, saved every second; "
        "growth: the most of the last quarter over the most of the quarter before, less 8 MiB; resident counts touched pages of the shared tables",
    }  # fmt: skip


def _opened(
    config: Config, limits: Limits, live: Path, place: Path, number: int = 1
) -> tuple[Generation, Store]:
    """Return tables in shared memory, filled from the store."""
    generation = Generation(graph_settings(config), tgn_settings(config), limits, live=live, number=number)
    store = Store(place / "store", sync=config.state.sync == "batch")
    store.load([*generation.world.tables, *generation.metadata.tables], [generation.users, generation.items])
    return generation, store


def _same(one: Generation, other: Generation) -> bool:
    """Return whether two generations know the same, byte by byte."""
    pairs = [
        (getattr(one.world, name), getattr(other.world, name))
        for name in ("world", "users", "items", "edges", "boards")
    ]
    return all(np.array_equal(ours.bytes, theirs.bytes) for ours, theirs in pairs)


def _followed(
    writer: Writer, soak: Soak, size: int, live: Path, place: Path
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Feed the writer; return what was measured on the way, and the seconds of each step of a batch."""
    size = min(size, max(1, soak.events // MARKS))
    samples, done, begin = list[dict[str, Any]](), 0, time.perf_counter()
    spent: dict[str, float] = {}
    saved = begin

    def teach(job: Job) -> None:
        for kind, gone in job.gone.items():
            writer.generation.clear(kind, gone)

    with Bars() as bars:
        step = bars.watch(f"{soak.events:,} events")
        for batch in _batches(soak, size):
            writer.learn(batch, teach)
            if time.perf_counter() - saved >= SAVE_S:
                writer.save()
                saved = time.perf_counter()
            spent = {name: spent.get(name, 0.0) + one for name, one in writer.seconds.items()}
            done += batch.size
            step(done, soak.events)
            if done * MARKS >= (len(samples) + 1) * soak.events:
                samples.append(_sample(writer, done, time.perf_counter() - begin, live, place))
                if len(samples) % (MARKS // 8) == 0:
                    bars.say(_line(samples[-1]))
    writer.save()
    return samples, {name: round(seconds, 1) for name, seconds in spent.items()}


def _line(sample: dict[str, Any]) -> str:
    sizes = " ".join(f"{name} {sample[name + '_mib']:.0f}" for name in ("resident", "shared", "disk"))
    return f"{sample['events']:>12,} events {sample['seconds']:>6.0f} s {sample['users']:>9,} users  MiB: {sizes}"


def _sample(writer: Writer, done: int, seconds: float, live: Path, place: Path) -> dict[str, Any]:
    """Measure."""
    own = os.getpid()
    return {
        "events": done, "seconds": round(seconds, 1),
        "users": writer.generation.users.named, "items": writer.generation.items.named,
        "resident_mib": round(rss_mib(own), 1), "anonymous_mib": round(anonymous_mib(own), 1),
        "shared_mib": round(_bytes(live) / 2**20, 1), "disk_mib": round(_bytes(place) / 2**20, 1),
    }  # fmt: skip


def _batches(soak: Soak, size: int) -> Iterator[Batch]:
    """Yield the stream: of every batch some users are new, others are of those who came lately."""
    chance = np.random.default_rng(17)
    for first in range(0, soak.events, size):
        count = min(size, soak.events - first)
        number = first + np.arange(count)
        user = _names(chance, number, soak.users / soak.events, 2 * soak.budget)
        item = _names(
            chance, number, soak.users / USERS_AN_ITEM / soak.events, 2 * soak.budget // USERS_AN_ITEM
        )
        kind = chance.choice(np.array([0, 0, 0, 0, 1, 2, DISLIKE, 4, 5, 6], np.int8), count)
        keys = np.zeros((count, 2), np.uint64)
        keys[number % IDENTIFIED == 0] = chance.integers(1, 2**63, ((number % IDENTIFIED == 0).sum(), 2))
        t = START_MS + STEP_MS * number.astype(np.int64)
        yield Batch(
            [f"user-{one:09d}" for one in user.tolist()], [f"item-{one:09d}" for one in item.tolist()],
            t, kind, np.ones(count, np.float32), np.zeros(count, np.int32), number, t, {0: first + count}, keys,
        )  # fmt: skip


def _names(chance: np.random.Generator, number: np.ndarray, new: float, back: int) -> np.ndarray:
    """Return which name each event is of: a new one in the share `new`, else one of about `back` last ones, int64 [n]."""
    newest: np.ndarray = np.floor(number * new).astype(np.int64)
    fresh = np.diff(newest, prepend=newest[0] - 1) > 0
    behind = np.floor(back * chance.random(number.shape[0]) ** 3).astype(np.int64)
    found: np.ndarray = np.where(fresh, newest, np.maximum(0, newest - behind))
    return found


def growth(samples: list[dict[str, Any]], name: str) -> float:
    """Return by which part the most of the last quarter of a run exceeds that of the one before, beyond some MiB."""
    values = [float(sample[name]) for sample in samples]
    half, last = values[len(values) // 2 : 3 * len(values) // 4], values[3 * len(values) // 4 :]
    return round(max(0.0, max(last) - max(half) - SLACK_MIB) / max(half), 4)


def _bytes(folder: Path) -> int:
    """Return what the files of a folder take, holes left out; RocksDB removes some at any time."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total
