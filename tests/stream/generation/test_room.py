"""A batch for which shared memory has no room changes nothing, and answers go on; with room it is applied."""

import numpy as np
import pytest

from deploy.machine.memory import check
from state.error import NoMemory
from state.record.setting import GraphSettings
from stream.event.batch import Batch
from stream.generation import room
from stream.generation.generation import Generation, Limits
from stream.ingest.writer import Writer
from stream.lane.job import Job
from tests.fixture.pair import batch
from tests.fixture.service.tmpfs import Memory, small
from tgn.inference.layout import TgnSettings

__all__ = ["small"]

LIMITS = Limits(max_users=1_000_000, max_items=100_000)


@pytest.fixture
def writer(small: Memory) -> Writer:
    small.grow(16)
    return Writer(Generation(GraphSettings(), TgnSettings(), LIMITS, live=small.folder / "live"), samples=64)


def events(users: int, start: int = 0) -> list[tuple[str, str, int]]:
    return [(f"user {start + k}", f"item {k % 500}", 60_000 * (start + k)) for k in range(users)]


def test_a_batch_without_room_is_refused_whole_and_applied_once_there_is(
    small: Memory, writer: Writer
) -> None:
    jobs: list[Job] = []
    writer.learn(batch(events(200)), jobs.append)
    small.fill()
    with pytest.raises(NoMemory, match=r"table \w+.*more; make it larger"):
        writer.learn(batch(events(20_000, 200), start=200), jobs.append)
    world = writer.state.world[0]
    before = int(world["events"]), len(writer.generation.users), int(writer.generation.status["applied"][0])
    small.empty()
    small.grow(200)
    writer.learn(batch(events(20_000, 200), start=200), jobs.append)

    assert before == (200, 200, 200)
    assert (int(world["events"]), len(writer.generation.users)) == (20_200, 20_200)


def test_events_of_those_known_are_applied_where_memory_is_full(small: Memory, writer: Writer) -> None:
    jobs: list[Job] = []
    writer.learn(batch(events(200)), jobs.append)
    small.fill()
    for turn in range(1, 9):
        writer.learn(batch(events(200), start=200 * turn), jobs.append)

    assert int(writer.state.world[0]["events"]) == 1_800


def test_everything_a_writer_touches_was_reserved(small: Memory, writer: Writer) -> None:
    """Every table holds memory for the rows that are in use."""
    jobs: list[Job] = []
    writer.learn(batch(events(3_000)), jobs.append)
    generation = writer.generation
    for kind, rows in (("user", 3_000), ("item", 501)):
        for table in room.tables(generation, kind):
            assert table.held >= 4096 + rows * table.row_bytes
    used = np.flatnonzero(generation.world.seen.bytes[:8_000].any(1)).max(initial=0)

    overflows = int(writer.state.world[0]["overflows"])
    assert generation.world.history.held >= 4096 + (overflows + 1) * generation.world.history.row_bytes
    assert generation.world.seen.held >= 4096 + (used + 1) * generation.world.seen.row_bytes


def test_histories_that_grow_wait_for_room(small: Memory, writer: Writer) -> None:
    jobs: list[Job] = []
    writer.learn(batch(events(500)), jobs.append)
    history, world = writer.generation.world.history, writer.state.world[0]
    small.fill()

    def more(turn: int) -> Batch:
        some = [(f"user {k}", f"item {(k + turn) % 500}", 60_000 * (500 * turn + k)) for k in range(500)]
        return batch(some, start=500 * turn)

    def until_full() -> None:
        for turn in range(1, 100):
            writer.learn(more(turn), jobs.append)
            assert history.held >= 4096 + (1 + int(world["overflows"])) * history.row_bytes

    with pytest.raises(NoMemory, match=r"table (seen|history) needs"):
        until_full()
    small.empty()
    small.grow(200)
    for turn in range(100, 120):
        writer.learn(more(turn), jobs.append)

    assert int(world["overflows"]) >= 500
    assert history.held >= 4096 + (1 + int(world["overflows"])) * history.row_bytes


def test_what_an_item_is_waits_for_room(small: Memory, writer: Writer) -> None:
    names = [f"item {k}" for k in range(300)]
    room.reserve_described(writer.generation, names, 300)
    small.fill()

    with pytest.raises(NoMemory, match="records that describe items may need"):
        room.reserve_described(writer.generation, names, 300)


def test_a_start_says_how_many_rows_fit_or_that_what_is_stored_does_not(
    small: Memory, writer: Writer
) -> None:
    few = {"user": 100, "item": 50}
    many = {"user": 1_000_000}
    told = check(writer.generation, lambda name: few.get(name, 0))

    assert "beside 100 users and 50 items there is room for about" in told
    with pytest.raises(NoMemory, match=r"MiB free, what is stored needs [\d,]+ MiB; make it larger"):
        check(writer.generation, lambda name: many.get(name, 0))
    small.grow(16_000)
    assert check(writer.generation, lambda name: 0) == ""
