"""Request time and memory against sizes, in process: users, items, the length of a history, k."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.bench.report.plan import COMMON, EACH, Plan
from deploy.config.room import graph_settings, tgn_settings
from deploy.config.schema import Config
from deploy.machine.folder import folder_for
from stream.generation.generation import Limits

if TYPE_CHECKING:
    from stream.generation.generation import Generation

STEP = 8_192  # events a batch
LEARNED = 8  # batches that are learned from, so that vectors and the ranker are no zeros
SHARE = 0.05  # of their events that are described
LEAST = 5 * COMMON  # events of a table
K = 20
WARM = 50  # requests before those that count
START_MS = 1_700_000_000_000
Row = dict[str, Any]


class Filled:
    """Tables of so many users and items, filled by random events as ingest fills them.

    Args:
        users, items: How many rows there will be at most.
        learned: Batches that are learned from, None for all.
    """

    def __init__(
        self, config: Config, place: Path, users: int, items: int, learned: int | None = LEARNED
    ) -> None:
        from stream.generation.generation import Generation
        from stream.ingest.writer import Writer
        from stream.learning.learning import Learning

        self.settings = graph_settings(config), tgn_settings(config), Limits(users + 1, items + 1)
        self.place, self.chance, self.count = place, np.random.default_rng(0), 0
        self.generation = Generation(*self.settings, live=place)
        self.writer, self.learning = Writer(self.generation), Learning(self.generation)
        self.writer.share = SHARE
        self.learned, self.batches = learned, 0

    def feed(self, user: np.ndarray, item: np.ndarray) -> None:
        """Apply events of these users on these items, int64 [n] each, a second apart."""
        from stream.event.batch import Batch

        for at in range(0, user.shape[0], STEP):
            rows = slice(at, at + STEP)
            n = user[rows].shape[0]
            offset = np.arange(self.count, self.count + n)
            batch = Batch(
                [f"user {one}" for one in user[rows].tolist()], [f"item {one}" for one in item[rows].tolist()],
                START_MS + 1_000 * offset, np.zeros(n, np.int8), np.ones(n, np.float32), np.zeros(n, np.int32),
                offset, np.zeros(n, np.int64), {0: self.count + n},
            )  # fmt: skip
            learns = self.learned is None or self.batches < self.learned
            self.writer.learn(batch, self.learning.take if learns else lambda job: None)
            self.batches += 1
            self.count += n

    def draw(self, users: int, items: int, events: int) -> None:
        """Apply events that name every user and every item, the early items most often."""
        user = np.arange(events) % users
        item = (items * self.chance.random(events) ** 2).astype(np.int64)
        item[:items] = self.chance.permutation(items)
        self.feed(user, item)

    def published(self) -> Generation:
        """Return the tables as a reader sees them; the learned ranker serves."""
        from stream.generation.generation import Generation
        from stream.generation.status import RANKERS

        # After the last lesson: on random events popularity does as well, and the guard lets it serve.
        self.generation.quality["serving"] = RANKERS.index("riverwalk")
        self.generation.publish()
        return Generation(*self.settings, live=self.place, number=self.generation.number, write=False)


def _asked(reader: Generation, users: Sequence[str], requests: int, ks: Sequence[int] = (K,)) -> list[Row]:
    """Return the time of a request at each k: median and 99th percentile, in microseconds."""
    from stream.answer.recommender import Recommender
    from stream.answer.request import Recommend
    from stream.generation.status import RANKERS

    answers, rows = Recommender(reader), []
    draw = np.random.default_rng(1)
    for k in ks:
        who = [users[one] for one in draw.integers(0, len(users), requests + WARM)]
        took = np.zeros(len(who))
        for at, user in enumerate(who):
            request = Recommend(user, k, explore=0.0)
            begin = time.perf_counter()
            answers.recommend(request)
            took[at] = time.perf_counter() - begin
        p50, p99 = np.percentile(1e6 * took[WARM:], [50, 99])
        rows.append(
            {
                "p50_us": round(float(p50), 1),
                "p99_us": round(float(p99), 1),
                "ranker": RANKERS[int(reader.quality["serving"])],
            }
        )
    return rows


def tables(config: Config, plan: Plan, done: Callable[[], None] = lambda: None) -> dict[str, list[Row]]:
    """Measure request time, k = 20, against the number of users, and against that of items.

    Args:
        done: Called after each size.
    """
    found: dict[str, list[Row]] = {"users": [], "items": []}
    sizes = [(users, min(COMMON, max(plan.items, default=COMMON)), "users") for users in plan.users]
    sizes += [(min(COMMON, max(plan.users, default=COMMON)), items, "items") for items in plan.items]
    for users, items, name in sizes:
        with folder_for("bench") as place:
            filled = Filled(config, place, users, items)
            filled.draw(users, items, max(LEAST if users >= COMMON else 0, 2 * users, 2 * items))
            names = [f"user {one}" for one in range(0, users, max(1, users // COMMON))]
            times = _asked(filled.published(), names, plan.requests)[0]
        found[name].append({name: users if name == "users" else items, **times, "load": _load()})
        done()
    return found


def requests(config: Config, plan: Plan) -> dict[str, list[Row]]:
    """Measure request time against the length of the user's history, and against k."""
    users = min(COMMON, max(plan.users, default=COMMON))
    longest = max(plan.history, default=1)
    items, some = max(COMMON if users == COMMON else users, 2 * longest), 50
    found: dict[str, list[Row]] = {"history": [], "k": []}
    with folder_for("bench") as place:
        filled = Filled(config, place, users + some * len(plan.history), items)
        filled.draw(users, items, max(5 * users, items))
        first = {}
        for at, length in enumerate(plan.history):
            first[length] = users + some * at
            who = np.tile(np.arange(first[length], first[length] + some), length)
            what = np.concatenate([filled.chance.permutation(items)[:length] for _ in range(some)])
            filled.feed(who, what.reshape(some, length).T.ravel())  # their items are all different
        reader = filled.published()
        for length, begin in first.items():
            names = [f"user {one}" for one in range(begin, begin + some)]
            found["history"].append({"history": length, **_asked(reader, names, plan.requests)[0]})
        names = [f"user {one}" for one in range(users)]
        if plan.k:
            rows = _asked(reader, names, plan.requests, plan.k)
            found["k"] = [{"k": k, **row} for k, row in zip(plan.k, rows, strict=True)]
    return found


def weight(config: Config, plan: Plan) -> Row:
    """Measure the shared memory one more active user takes, and one more item, all events learned from.

    An active user has five events here, and so has an item.
    """
    n = plan.rows
    base = max(1, n // 10)
    with folder_for("bench") as place:
        filled = Filled(config, place, base + n, base + n, learned=None)
        filled.draw(base, base, EACH * base)
        sizes = [_held(place)]
        more = np.arange(EACH * n)
        filled.feed(base + more // EACH, filled.chance.integers(0, base, EACH * n))
        sizes.append(_held(place))
        few = filled.chance.integers(0, min(base, 100), EACH * n)  # so that users take next to nothing more
        filled.feed(few, base + more % n)
        sizes.append(_held(place))
    return {
        "bytes_an_active_user": round((sizes[1] - sizes[0]) / n),
        "bytes_an_item": round((sizes[2] - sizes[1]) / n),
        "rows": n,
        "events_each": EACH,
        "measured": "blocks of the shared tables, between two numbers of rows; graph, names and what is reserved ahead included",
    }


def _held(place: Path) -> int:
    """Return the bytes the files of a folder hold, holes left out."""
    return sum(file.stat().st_blocks * 512 for file in place.rglob("*") if file.is_file())


def _load() -> float:
    return round(os.getloadavg()[0], 2)
