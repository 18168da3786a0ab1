"""Benchmark of edge aging and decay: freshness of lists on a stream with drift.

The same stream passes through four states: with and without aging, with and without decay of edges.  On the way
drawn users are given twenty items they have not had, by the fixed blend, just before they take a new one.  Asked of
every list: how many days ago the first event of its middle item was, and whether the item that is taken stands in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from msgspec.structs import replace

from deploy.chart import line
from deploy.chart.figure import check, save
from deploy.config.room import graph_settings
from deploy.config.schema import Config
from deploy.data import drift
from state.ranking.column import BLEND, FEATURES
from state.ranking.request import View, prepare
from state.ranking.sample import replay
from state.record.layout import HISTORY
from state.record.setting import GraphSettings
from state.record.world import World
from state.retrieval.candidate import CANDIDATES
from stream.file.event import Columns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EVENTS, USERS, ITEMS, MONTHS = 400_000, 6_000, 6_000, 15
LISTS = 100  # a week
K = 20
WEEK_MS = 7 * drift.DAY_MS
NEVER = 1e9  # a half-life no stream lives to see, in multiples of its pace
NAMES = ("aging and decay", "decay alone", "aging alone", "neither")


class Course(NamedTuple):
    """Measures of one state over the stream, a row a week: float64 [weeks] each."""

    age_days: np.ndarray  # mean over lists of the median days since the first event of an item
    hit_rate: np.ndarray  # share of lists that hold the item taken next
    edges: np.ndarray  # held at the end of the week


def run(config: Config, picture: str | None = None) -> dict[str, Any]:
    """Measure and, where a picture is asked for, draw it.

    Raises:
        BadConfig: The picture cannot be written there.
    """
    if picture is not None:
        check(picture)
    stream = drift.columns(EVENTS, users=USERS, items=ITEMS, months=MONTHS)
    courses = {name: follow(stream, graph) for name, graph in settings(graph_settings(config)).items()}
    if picture is not None:
        save(drawn(courses), picture)
    later = slice(MONTHS * drift.MONTH // 14, None)  # the second half, when there is something to forget
    return {
        "events": EVENTS, "users": USERS, "items": ITEMS, "days": MONTHS * drift.MONTH, "lists_a_week": LISTS,
        "age_days": {name: round(float(np.nanmean(one.age_days[later])), 1) for name, one in courses.items()},
        "hit_rate_20": {name: round(float(np.nanmean(one.hit_rate[later])), 4) for name, one in courses.items()},
        "edges": {name: int(one.edges[-1]) for name, one in courses.items()},
        "unit": "days since an item's first event, median of a list; share of lists; edges at the end",
        "measured": "lists of 20 not had, by the fixed blend, for drawn users just before their next new item; means of the second half",
    }  # fmt: skip


def settings(graph: GraphSettings) -> dict[str, GraphSettings]:
    """Return the graph's settings with aging and decay, and without one of them or both."""
    still = replace(graph, half_life_paces=NEVER)
    both = (graph, replace(graph, aging_share=0.0), still, replace(still, aging_share=0.0))
    return dict(zip(NAMES, both, strict=True))


def follow(stream: Columns, graph: GraphSettings, lists: int = LISTS, seed: int = 0) -> Course:
    """Pass a stream through a state of its own and ask it `lists` times a week."""
    users, items = _numbered(stream.user), _numbered(stream.item) + np.int32(1)
    world = World(graph, max_users=int(users.max()) + 1, max_items=int(items.max()) + 2)
    state, scratch = world.state, world.scratch()
    state.world[0]["users"], state.world[0]["items"] = users.max() + 1, items.max() + 1
    cand, x = np.zeros(CANDIDATES, np.int32), np.zeros((CANDIDATES, FEATURES), np.float32)
    view = View(cand, x, np.full(HISTORY, -1, np.int32), np.zeros(HISTORY, np.int64))
    week = (stream.t - stream.t[0]) // WEEK_MS
    asked = _asked(users, items, week, lists, seed)
    rows: list[tuple[float, float, float]] = []
    at = 0
    for own in asked:
        ages, hits = [], []
        for i in own.tolist():
            part, t = slice(at, i), int(stream.t[i])
            replay(world, scratch, users[part], items[part], stream.t[part], stream.kind[part])
            at = i
            n = prepare(state, scratch, int(users[i]), t, False, view)
            best = cand[:n][np.argsort(-x[:n, BLEND], kind="stable")[:K]]
            ages.append(np.median(t - state.items["first_t"][best]) / drift.DAY_MS if n else np.nan)
            hits.append(float(items[i] in best))
        rows.append((float(np.nanmean(ages)), float(np.mean(hits)), float(state.world[0]["edges"])))
    return Course(*np.array(rows).T)


def _asked(users: np.ndarray, items: np.ndarray, week: np.ndarray, lists: int, seed: int) -> list[np.ndarray]:
    """Return the events before which users are asked, each week's in order: first ones of a user on an item."""
    key = users.astype(np.int64) * (int(items.max()) + 1) + items
    first = np.zeros(key.shape[0], bool)
    first[np.unique(key, return_index=True)[1]] = True
    chance = np.random.default_rng(seed)
    weeks = [np.flatnonzero(first & (week == k)) for k in range(1, int(week[-1]))]
    return [np.sort(chance.choice(own, min(lists, own.shape[0]), replace=False)) for own in weeks]


def _numbered(names: list[str]) -> np.ndarray:
    rows: dict[str, int] = {}
    return np.fromiter((rows.setdefault(name, len(rows)) for name in names), np.int32, len(names))


def drawn(courses: dict[str, Course]) -> Figure:
    """Return the picture: a panel a measure, a line a state, over the weeks."""
    panels = [
        line.Panel("Days since the first event of a list's middle item", {name: one.age_days for name, one in courses.items()}),
        line.Panel("Lists that hold the item taken next", {name: _smooth(one.hit_rate) for name, one in courses.items()}),
        line.Panel("Edges held", {name: one.edges for name, one in courses.items()}),
    ]  # fmt: skip
    return line.draw(
        "Edge aging and decay on a stream whose taste shifts",
        f"{EVENTS:,} events of {USERS:,} users on {ITEMS:,} items; {LISTS} lists of {K} a week, by the fixed blend; "
        "hit rate over five weeks",
        "weeks of the stream",
        panels,
    )


def _smooth(values: np.ndarray, wide: int = 5) -> np.ndarray:
    """Return means over `wide` values, fewer at the ends, float64 [n]."""
    one = np.ones(wide)
    return np.convolve(values, one, "same") / np.convolve(np.ones_like(values), one, "same")
