"""Benchmark of one answer in process, by the rules of the request: 100 000 described items, no socket."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from deploy.bench import harness
from deploy.config.room import graph_settings, tgn_settings
from deploy.config.schema import Config
from deploy.machine.folder import folder_for
from stream.generation.generation import Limits

if TYPE_CHECKING:
    from stream.answer.request import Recommend
    from stream.generation.generation import Generation

ITEMS, USERS, EVENTS = 100_000, 20_000, 600_000
LIMITS = Limits(max_users=USERS + 1, max_items=ITEMS + 1)
LEARNED = 40  # steps of learning, so that vectors and the ranker are no zeros
REQUESTS, K = 2_000, 20
FILTER = 'category = "c1" or price < 50 and age < 300d'


def answer(config: Config) -> harness.Figures:
    """Measure RECOMMEND, 20 of 100 000 items, plain, with each rule by itself, and with all of them."""
    import torch

    from stream.answer.recommender import Recommender
    from stream.generation.generation import Generation

    torch.set_num_threads(1)
    chance = np.random.default_rng(0)
    with folder_for("bench") as place:
        written = _catalogue(config, place, chance)
        begin = time.perf_counter()
        graph, tgn = graph_settings(config), tgn_settings(config)
        reader = Recommender(Generation(graph, tgn, LIMITS, live=place, number=written.number, write=False))
        while reader.items.catch_up(10_000):
            pass
        figures: harness.Figures = {
            "items": ITEMS, "events": EVENTS, "requests": REQUESTS, "k": K, "filter": FILTER,
            "catalogue_s": round(time.perf_counter() - begin, 2),
        }  # fmt: skip
        asked = [f"user {k}" for k in chance.integers(0, USERS, REQUESTS)]
        for name, request in _requests().items():
            took = np.zeros(REQUESTS)
            for k, who in enumerate(asked):
                wanted = request(who)
                begin = time.perf_counter()
                reader.items.catch_up()
                reader.recommend(wanted)
                took[k] = time.perf_counter() - begin
            figures |= _middle(name, took)
        return figures


def _middle(name: str, took: np.ndarray) -> harness.Figures:
    """Return the median and the 99th percentile of seconds, in ms, without the first hundred."""
    p50, p99 = np.percentile(1_000 * took[100:], [50, 99])
    return {f"{name}_p50_ms": round(float(p50), 3), f"{name}_p99_ms": round(float(p99), 3)}


def _names() -> list[str]:
    return [f"item {row}" for row in range(1, ITEMS + 1)]


def _catalogue(config: Config, place: Path, chance: np.random.Generator) -> Generation:
    """Return a published generation that has learned random events on described items; the learned ranker serves."""
    from stream.event.batch import Batch
    from stream.generation.generation import Generation
    from stream.generation.status import RANKERS
    from stream.ingest.writer import Writer
    from stream.learning.learning import Learning

    generation = Generation(graph_settings(config), tgn_settings(config), LIMITS, live=place)
    writer, learning, names = Writer(generation), Learning(generation), _names()
    generation.items.rows(names)
    item = chance.permutation(ITEMS)[(ITEMS * chance.random(EVENTS) ** 3).astype(np.int64)]
    user = (USERS * chance.random(EVENTS) ** 2).astype(np.int64)
    t = 1_700_000_000_000 + 1_000 * np.arange(EVENTS, dtype=np.int64)
    step = EVENTS // LEARNED
    for at in range(0, EVENTS, step):
        rows = slice(at, at + step)
        n = len(item[rows])
        writer.learn(
            Batch(
                [f"user {k}" for k in user[rows].tolist()], [names[k] for k in item[rows].tolist()], t[rows],
                np.zeros(n, np.int8), np.ones(n, np.float32), np.zeros(n, np.int32), np.arange(at, at + n),
                np.zeros(n, np.int64), {0: at + n},
            ),
            learning.take,
        )  # fmt: skip
    for row in range(1, ITEMS + 1):
        fields = {
            "title": f"Lamp {row % 977} of {row}", "category": f"c{row % 40}", "price": float(row % 100),
            "tags": [f"t{row % 100}", f"s{row % 37}"], "created": int(t[-1]) - 10_000 * row,
        }  # fmt: skip
        generation.metadata.put(row, msgspec.json.encode(fields))
    generation.quality["serving"] = RANKERS.index("riverwalk")  # on random events popularity would do as well
    generation.publish()
    return generation


def _requests() -> dict[str, Callable[[str], Recommend]]:
    """Return requests by what is asked for in them."""
    from stream.answer.request import Recommend
    from stream.catalogue.filter import parse

    passed, names = parse(FILTER), _names()
    return {
        "plain": lambda who: Recommend(who, K, explore=0.0),
        "reasons": lambda who: Recommend(who, K, explore=0.0, with_reasons=True),
        "explore": lambda who: Recommend(who, K, explore=0.05),
        "filter": lambda who: Recommend(who, K, explore=0.0, filter=passed),
        "per_category": lambda who: Recommend(who, K, explore=0.0, per_category=3),
        "diversity": lambda who: Recommend(who, K, explore=0.0, diversity=0.3),
        "all": lambda who: Recommend(
            who, K, with_reasons=True, filter=passed, per_category=3, diversity=0.3, explore=0.05,
            exclude=names[:5],
        ),
    }  # fmt: skip


RANKED, CATALOGUE = 100_000, 5_000


RANKINGS, CANDIDATES = 3_000, 64


def rank(config: Config) -> harness.Figures:
    """Measure one ranking in process: candidates, features, temporal and slow scores, ranker, names; no socket."""
    import torch

    from stream.answer.recommender import Recommender
    from stream.answer.request import Recommend
    from stream.event.batch import Batch
    from stream.generation.generation import Generation, Limits
    from stream.ingest.writer import Writer
    from stream.learning.learning import Learning

    torch.set_num_threads(1)
    found = harness.events(RANKED, users=20_000, items=CATALOGUE)
    limits = Limits(max_users=50_000, max_items=20_000)
    with folder_for("bench") as place:
        graph, tgn = graph_settings(config), tgn_settings(config)
        generation = Generation(graph, tgn, limits, live=place)
        writer, learning = Writer(generation), Learning(generation)
        zero = np.zeros(1_024, np.int64)
        for at in range(0, RANKED, 1_024):
            rows = slice(at, at + 1_024)
            n = len(found.user[rows])
            writer.share = 0.2
            writer.learn(
                Batch(
                    found.user[rows], found.item[rows], found.t[rows], found.kind[rows], found.value[rows],
                    zero[:n].astype(np.int32), np.arange(at, at + n), zero[:n], {0: at + n},
                ),
                learning.take,
            )  # fmt: skip
        generation.publish()
        figures: harness.Figures = {
            "events": RANKED,
            "items": len(generation.items) - 1,
            "requests": RANKINGS,
        }
        reader = Recommender(
            Generation(graph, tgn, limits, live=Path(place), number=generation.number, write=False)
        )
        draw = np.random.default_rng(0)
        asked = [Recommend(user=found.user[int(k)], k=20) for k in draw.integers(0, RANKED, RANKINGS)]
        for name, limit in (("candidates_all", 0), (f"candidates_{CANDIDATES}", CANDIDATES)):
            reader.candidates = limit or reader.candidates
            took = np.zeros(RANKINGS)
            for k, request in enumerate(asked):
                begin = time.perf_counter()
                reader.recommend(request)
                took[k] = time.perf_counter() - begin
            figures |= _middle(name, took)
        return figures
