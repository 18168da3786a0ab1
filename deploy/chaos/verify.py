"""Recompute the state from the topic in the order taken, and compare bytes, counts and answers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec

from deploy.chaos.life import IDLE, Letters, Place
from deploy.service.ingest import clock_ms
from state.error import BadStore
from state.storage.store import Store
from stream.answer.recommender import Recommender
from stream.answer.request import Recommend
from stream.broker import open_source
from stream.event.event import DAY_MS
from stream.generation.generation import Generation
from stream.ingest.ingest import Ingest, IngestSettings
from stream.ingest.order import Order
from stream.ingest.plan import Plan
from stream.ingest.writer import Writer

GROUPS = (b"world", b"user", b"item", b"edge", b"seen", b"board", b"once", b"user.id", b"item.id", b"offset")
ASKED = 40  # users whose answers are compared


class Verdict(msgspec.Struct):
    """What a comparison found; all zero when nothing is wrong."""

    lost: int = 0
    twice: int = 0
    rows: int = 0
    rows_that_differ: int = 0
    answers_that_differ: int = 0
    first: str = ""

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.twice or self.rows_that_differ or self.answers_that_differ)


def rows(store: Store) -> dict[bytes, bytes]:
    """Return what is counted in a store."""
    return {key: value for key, value in store.rows() if key.split(b"\0")[0] in GROUPS}


def same(one: Place, other: Place) -> None:
    """Raise BadStore unless two stores hold the same records."""
    stores = Store(one.folder), Store(other.folder)
    if dict(stores[0].rows()) != dict(stores[1].rows()):
        raise BadStore(f"{other.folder}: holds other records than {one.folder}")


def counted(generation: Generation) -> Counter[str]:
    """Return how many events each user has."""
    users = generation.world.state.users
    return Counter(
        {name: int(users[row]["n"]) for name, row in generation.users.row.items() if users[row]["n"]}
    )


def recomputed(place: Place, plan: list[dict[int, int]], folder: Path) -> tuple[Generation, Store]:
    """Return the state that the topic gives in the order taken, computed in one go."""
    again = place._replace(folder=folder)
    generation, store = again.loaded()
    source = open_source(place.address, place.topic, {})
    writer = Writer(generation, store=store, topic=place.name, samples=64)
    loop = Ingest(writer, None, source, Letters(), clock=clock_ms, settings=IngestSettings(wait_s=0.005))
    loop.order = Order(source, clock_ms, DAY_MS, plan)
    idle = 0

    def over() -> bool:
        nonlocal idle
        idle = 0 if any(source.waiting().values()) or loop.order.held else idle + 1
        return idle > IDLE

    loop.run(over)
    source.close()
    return generation, store


def answers(generation: Generation) -> dict[str, list[str]]:
    """Return the answers to some users and to a stranger."""
    recommender = Recommender(generation)
    names = ["nobody", *sorted(generation.users.row)[:ASKED]]
    return {name: recommender.recommend(Recommend(name, 10)).items for name in names}


def verify(place: Place, expected: Counter[str], folder: Path, *, learned: bool = False) -> Verdict:
    """Compare what a store holds with what the topic gives.

    Args:
        expected: Events of each user.
        folder: For the store that is computed again; it is not there yet.
        learned: Whether the store also learned, so that its answers are its own.
    """
    generation, store = place.loaded()
    found = counted(generation)
    plan = Plan(store, place.name).taken
    computed, other = recomputed(place, plan, folder)
    one, two = rows(store), rows(other)
    differ = sorted(key for key in one.keys() | two.keys() if one.get(key) != two.get(key))
    mine, theirs = answers(generation), answers(computed)
    store.close()
    other.close()
    return Verdict(
        lost=sum((expected - found).values()),
        twice=sum((found - expected).values()),
        rows=len(one),
        rows_that_differ=len(differ),
        answers_that_differ=0 if learned else sum(mine[name] != theirs.get(name) for name in mine),
        first=repr(differ[0]) if differ else "",
    )
