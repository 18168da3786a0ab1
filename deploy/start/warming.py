"""Compile kernels ahead: `python -m deploy.start.warming ingest|serve|rest|learn…`, a line of JSON for each kernel.

Tables of a few rows are enough, as what is compiled hangs on the types of tables and not on their sizes.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from deploy.config.room import graph_settings, tgn_settings
from deploy.config.schema import Config
from deploy.machine import kernel
from deploy.machine.process import die_with_parent

if TYPE_CHECKING:
    from stream.generation.generation import Generation, Limits
    from stream.lane.job import Job

ROWS = 1_000  # of tables
NOW_MS = 1_700_000_000_000
EVENTS = 1_500  # that they are fed with: some lessons


def ingest(config: Config) -> None:
    """Compile what ingest needs before it is ready."""
    from stream.ingest.writer import Writer

    with _tables(config, write=True) as generation:
        Writer(generation).warm()


def serve(config: Config) -> None:
    """Compile what a reader needs before it is ready: for RECOMMEND, TRENDING and INFO."""
    from stream.answer.non_personalized import warm_trending
    from stream.answer.recommender import Recommender

    with _tables(config) as generation:
        recommender = Recommender(generation)
        recommender.warm()
        warm_trending(recommender)


def rest(config: Config) -> None:
    """Compile what is asked for more rarely: RANK, SIMILAR, EXPLAIN, and rules that few requests have.

    The item that is explained has events, so that all of EXPLAIN is worked out.
    """
    from stream.answer.explanation import explained
    from stream.answer.non_personalized import warm_similar
    from stream.answer.recommender import Recommender

    with _tables(config, write=True) as generation:
        _feed(generation, lambda job: None)
        recommender = Recommender(_read(config, generation))
        recommender.warm_rest()
        warm_similar(recommender)
        explained(recommender, "u1", generation.items.row["i1"], None)


def learn(config: Config) -> None:
    """Compile what lessons need, and what ingest does now and then."""
    import torch

    from stream.ingest.edge import Edges
    from stream.learning.learning import Learning

    torch.set_num_threads(1)
    with _tables(config, write=True) as generation:
        _feed(generation, Learning(generation).take)
        Edges(generation.world.state).step(0.0)


PARTS: dict[str, Callable[[Config], None]] = {
    kernel.INGEST: ingest,
    kernel.SERVE: serve,
    kernel.REST: rest,
    kernel.LEARN: learn,
}


@contextmanager
def _tables(config: Config, write: bool = False) -> Iterator[Generation]:
    """Give a generation while the block runs, as its writer or as a reader sees it."""
    from stream.generation.generation import Generation

    with tempfile.TemporaryDirectory(prefix="riverwalk-warming-") as folder:
        generation = Generation(
            graph_settings(config), tgn_settings(config), _limits(), live=Path(folder), number=1
        )
        yield generation if write else _read(config, generation)


def _read(config: Config, generation: Generation) -> Generation:
    """Return the tables of a generation as a reader has them: not to be written."""
    from stream.generation.generation import Generation

    return Generation(
        graph_settings(config), tgn_settings(config), _limits(), live=generation.live, number=1, write=False
    )


def _limits() -> Limits:
    from stream.generation.generation import Limits

    return Limits(max_users=ROWS, max_items=ROWS)


def _feed(generation: Generation, teach: Callable[[Job], object]) -> None:
    """Apply events of every kind, enough for a lesson; one user is forgotten."""
    from stream.event.batch import Record, decode_batch
    from stream.event.event import Event, encode, forget
    from stream.ingest.writer import Writer

    writer, kinds = Writer(generation), ("view", "purchase", "dislike", "impression")
    events = [
        Event(f"u{n % 7}", f"i{n % 50}", NOW_MS + n, type=kinds[max(0, n % 40 - 36)], id=str(n))
        for n in range(EVENTS)
    ]
    records = [Record(0, n, encode(event), NOW_MS) for n, event in enumerate(events)]
    records.append(Record(0, EVENTS, forget("u0", NOW_MS + EVENTS), NOW_MS))
    writer.learn(decode_batch(records, NOW_MS)[0], teach)
    writer.hand(teach)


def main(parts: list[str]) -> int:
    """Compile the kernels of some parts."""
    die_with_parent()
    kernel.keep()
    from deploy.machine import compiler

    compiler.install()
    told = os.dup(1)
    os.dup2(2, 1)  # whatever prints, stdout holds our lines alone

    def tell(done: compiler.Done) -> None:
        os.write(told, msgspec.json.encode(done._asdict()) + b"\n")

    compiler.watch(tell)
    for part in parts:
        PARTS[part](Config())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
