"""Benchmark of the co-watch graph in process: upkeep, walks, aging."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numba import njit

from deploy.bench import harness
from deploy.config.room import graph_settings
from deploy.config.schema import Config
from state.counter.update import link_all
from state.graph.aging import ROWS, age
from state.graph.walk import seeds, top, visits
from state.ranking.sample import replay
from state.record.layout import EDGE, HISTORY, SLOTS
from state.record.profile import profile
from state.record.world import WALKED, Marks, Scratch, State, World
from state.retrieval.candidate import close

ITEMS, USERS, EVENTS = 100_000, 200_000, 3_000_000
SKEW = 0.75  # item of popularity rank r is taken in proportion to r ** -SKEW
STEPS, K, BACK = 1_000, 50, 8
WALKS, BLOCKS, BLOCK = 4_000, 600, 50
DAY = 86_400_000


@njit(nogil=True)
def _walk(state: State, scratch: Scratch, u: int, steps: int, out: np.ndarray, weight: np.ndarray) -> int:
    m = seeds(state, profile(state, u), scratch.pick, scratch.weight)
    visits(state, scratch, m, steps, u + 2)
    n = top(scratch, WALKED, out, weight, out.shape[0], False)
    close(scratch, out, 0)
    return n


@njit(nogil=True)
def _upkeep(state: State, marks: Marks, users: np.ndarray, items: np.ndarray, t: np.ndarray) -> None:
    for i in range(users.shape[0]):
        user = state.users[users[i]]
        link_all(state, marks, user, items[i], t[i], user.session_n == 0)


def _stream(n: int) -> tuple[np.ndarray, ...]:
    """Return users, items and times, one event in 10 ms; popularity by Zipf's law, row numbers tell nothing of it."""
    draw = np.random.default_rng(7)
    chance = np.cumsum(np.arange(1, ITEMS + 1) ** -SKEW)
    rank = np.minimum(np.searchsorted(chance, draw.random(n) * chance[-1]), ITEMS - 1)
    items = (draw.permutation(ITEMS)[rank] + 1).astype(np.int32)
    users = draw.integers(0, USERS, n).astype(np.int32)
    return users, items, 1_700_000_000_000 + 10 * np.arange(n, dtype=np.int64)


def _took(call: Callable[[int], object], n: int) -> np.ndarray:
    """Return the seconds of each of `n` calls, float64 [n]; a first one, which compiles, is left out."""
    call(0)
    took = np.zeros(n)
    for k in range(n):
        begin = time.perf_counter()
        call(k)
        took[k] = time.perf_counter() - begin
    return took


def _middle(name: str, took: np.ndarray, scale: float) -> harness.Figures:
    """Return median and 99th percentile, in seconds times `scale`."""
    p50, p99 = np.percentile(scale * took, [50, 99])
    name, unit = name.rsplit("_", 1)
    return {f"{name}_p50_{unit}": round(float(p50), 4), f"{name}_p99_{unit}": round(float(p99), 4)}


def walk(config: Config) -> harness.Figures:
    """Measure walks, upkeep and aging of a full graph: 100 000 items with 64 edges each, filled by events."""
    world = World(graph_settings(config), max_users=USERS, max_items=ITEMS + 1)
    state, marks, scratch = world.state, world.marks, world.scratch()
    row, rates = state.world[0], state.rates
    row["items"], row["users"] = ITEMS + 1, USERS
    users, items, t = _stream(EVENTS + BLOCKS * BLOCK)
    kinds = np.zeros(BLOCK, np.int8)
    for begin in range(0, EVENTS, 100_000):
        part = slice(begin, begin + 100_000)
        replay(world, scratch, users[part], items[part], t[part], np.zeros(100_000, np.int8))
    edges = state.edges[1 : ITEMS + 1]
    figures: harness.Figures = {
        "items": ITEMS, "edges": int(row["edges"]), "slots": SLOTS,
        "slots_full": round(float(edges["slots"].mean()) / SLOTS, 4), "events": EVENTS, "users": USERS,
    }  # fmt: skip

    out, weight = np.zeros(K, np.int32), np.zeros(K, np.float32)
    busy = users[np.isin(users, np.flatnonzero(state.users["slots"] >= BACK))]
    asked = np.unique(busy)[:: max(1, np.unique(busy).shape[0] // WALKS)].tolist()
    default = int(rates[0]["steps"])
    for name, steps in (("walk_ms", STEPS), (f"walk_{default}_steps_ms", default)):
        took = _took(lambda k, s=steps: _walk(state, scratch, asked[k], s, out, weight), len(asked))  # type: ignore[misc]
        figures |= _middle(name, took, 1e3)
    figures |= {"walk_steps": STEPS, "walk_top": K, "walks": len(asked)}

    draw = np.random.default_rng(1)
    some = draw.permutation(busy)[: BLOCKS * BLOCK].astype(np.int32)
    new = draw.permutation(items)[: BLOCKS * BLOCK]
    now = np.full(BLOCK, int(row["t"]) + 1)

    def block(k: int) -> slice:
        return slice(k * BLOCK, (k + 1) * BLOCK)

    took = _took(lambda k: _upkeep(state, marks, some[block(k)], new[block(k)], now), BLOCKS)
    figures |= _middle("upkeep_us", took, 1e6 / BLOCK)
    late = slice(EVENTS, None)
    u, i, at = users[late], items[late], t[late]
    took = _took(lambda k: replay(world, scratch, u[block(k)], i[block(k)], at[block(k)], kinds), BLOCKS)
    figures |= _middle("event_us", took, 1e6 / BLOCK)
    figures["upkeep_history"] = BACK

    slot = sum(EDGE[name].itemsize for name in ("dst", "w", "at")) // SLOTS
    figures |= {"bytes_per_slot": slot, "bytes_per_item": EDGE.itemsize}
    figures |= _aging(state, marks)
    figures["measured"] = (
        f"walk: from one call to its end, {K} items taken from what was visited, the call itself about 0.012 ms of "
        f"it; upkeep: edges of one event of a user with {HISTORY} remembered items, the last {BACK} of them linked both ways; "
        f"event: all that an event changes; both by blocks of {BLOCK} events a call; rows come from memory, not from a cache"
    )
    return figures


def _aging(state: State, marks: Marks) -> harness.Figures:
    """Measure passes over all rows at once, and the part that goes with an event."""
    row, rates = state.world[0], state.rates

    def whole(days: int) -> float:
        row["t"] += days * DAY
        row["epoch"] = -1
        begin = time.perf_counter()
        age(state, marks, ITEMS + 1)
        return time.perf_counter() - begin

    figures: harness.Figures = {}
    share = float(rates[0]["share"])
    age(state, marks, 0)
    row["unaged"] = 0
    for name, days in (("young", 0), ("old", 200)):
        rates["share"] = 1e-9  # so that each pass finds the same edges
        took = np.array([whole(days if k == 0 else 0) for k in range(5)])
        figures[f"aging_pass_{name}_ms"] = round(float(np.median(took)) * 1e3, 1)
    rates["share"] = share
    row["epoch"] = -1
    calls = (ITEMS + 1) // (ROWS * BLOCK)
    took = _took(lambda k: age(state, marks, ROWS * BLOCK), calls)
    figures |= _middle("aging_event_us", took, 1e6 / BLOCK)
    return figures | {"aging_rows_per_event": ROWS}
