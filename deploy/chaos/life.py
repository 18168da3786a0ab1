"""One life of ingest without servers, in a forked process: open the store, read the topic, apply, save."""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from deploy.service.ingest import clock_ms
from state.record.setting import GraphSettings
from state.storage import crash
from state.storage.store import Store
from stream.broker import open_source
from stream.dead_letter.erasure import Erased
from stream.event.batch import Record, decode_batch
from stream.event.event import Event, encode
from stream.generation.generation import Generation, Limits
from stream.ingest.ingest import Ingest, IngestSettings
from stream.ingest.writer import Writer
from tgn.inference.layout import TgnSettings

LIMITS = Limits(max_users=2_000, max_items=1_000)
IDLE = 200  # polls without a record after which everything is read


class Letters:
    """Dead letters that nobody reads."""

    def put(self, record: Record, reason: str, message: str) -> None:
        """Drop it."""

    def flush(self) -> None:
        """Nothing waits."""

    def erase(self, users: Iterable[str]) -> Erased:
        """There is nothing to erase."""
        return Erased({}, "")


class Place(NamedTuple):
    """Where a run's events and state are."""

    address: str
    topic: str
    folder: Path  # of the store
    name: str = "chaos"  # under which the store keeps the topic's offsets

    def generation(self) -> Generation:
        """Return empty tables."""
        return Generation(GraphSettings(), TgnSettings(), LIMITS)

    def loaded(self) -> tuple[Generation, Store]:
        """Return tables as the store has them."""
        made, store = self.generation(), Store(self.folder, sync=False)
        store.load([*made.world.tables, *made.metadata.tables], [made.users, made.items])
        return made, store


def forked(work: Callable[[], object]) -> int:
    """Run in a forked process; return its number."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(child: int) -> int:
    """Wait for a forked process; return its exit status, minus the signal's number where one ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def warm(place: Place) -> None:
    """Load every kernel a life needs, once for all that are forked."""
    writer = Writer(place.generation(), samples=64)
    records = [Record(0, n, encode(Event(f"u{n % 3}", f"i{n % 5}", n, id=str(n))), 1) for n in range(20)]
    writer.learn(decode_batch(records, 1)[0], lambda _: None)


def _learn_beside(place: Place, loop: Ingest) -> None:
    """Have a life learn too, and save what it learns in a store of its own."""
    from stream.learning.learning import Learning
    from stream.learning.store import open_learned, save

    generation = loop.writer.generation
    store = open_learned(place.folder.with_name("learned"), generation.taught)
    loop.teach = Learning(generation).take
    loop.chores.append(lambda: save(store, generation.taught, place.name, loop.ends))


def live(place: Place, *, point: str = "", count: int = 1, learn: bool = False, whole: bool = False) -> None:
    """Read, apply and save until killed, or until a point is passed for the `count`-th time.

    Args:
        whole: Read all that is there and end cleanly instead.
    """
    crash.arm(point, count)
    generation, store = place.loaded()
    source = open_source(place.address, place.topic, store.offsets(place.name))
    writer = Writer(generation, store=store, topic=place.name, samples=64)
    loop = Ingest(
        writer,
        None,
        source,
        Letters(),
        clock=clock_ms,
        settings=IngestSettings(limit=200, wait_s=0.005, save_seconds=0.3, save_ms=50),
    )
    if learn:
        _learn_beside(place, loop)
    idle, steps = 0, 0

    def over() -> bool:
        nonlocal idle, steps
        idle = 0 if any(source.waiting().values()) or loop.order.held else idle + 1
        steps += 1
        if point == "checkpoint" and steps % 5 == 0:
            copy = place.folder.parent / "checkpoint"
            shutil.rmtree(copy, ignore_errors=True)
            store.checkpoint(copy)
        return idle > IDLE if whole else point == "stop" and steps > count

    loop.run(over)
    source.close()
    store.close()
