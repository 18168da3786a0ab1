"""Events of several partitions are taken in the order of their time, whatever polls bring."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream.event.batch import Record
from stream.event.event import Event, encode
from stream.ingest import order as module
from stream.ingest.order import Order

DAY = 86_400_000


class Topic:
    """A topic in memory; `polls` says from which partition each poll reads, and how many records."""

    def __init__(
        self, logs: list[list[bytes]], polls: list[tuple[int, int]], begin: Mapping[int, int] | None = None
    ) -> None:
        self.logs, self.polls = logs, polls
        self.next = {p: (begin or {}).get(p, 0) for p in range(len(logs))}
        self.paused: set[int] = set()
        self.stuck: set[int] = set()

    def poll(self, limit: int, wait_s: float) -> list[Record]:
        open_ = [
            p
            for p, log in enumerate(self.logs)
            if self.next[p] < len(log) and p not in self.paused | self.stuck
        ]
        if not open_:
            return []
        which, many = self.polls.pop(0) if self.polls else (0, limit)
        p = open_[which % len(open_)]
        end = min(len(self.logs[p]), self.next[p] + min(many, limit))
        found = [Record(p, offset, self.logs[p][offset], DAY) for offset in range(self.next[p], end)]
        self.next[p] = end
        return found

    def waiting(self) -> dict[int, int]:
        return {p: len(log) - self.next[p] for p, log in enumerate(self.logs)}

    def only(self, partitions: set[int] | None) -> None:
        self.paused = set() if partitions is None else set(range(len(self.logs))) - partitions


def log(times: list[int | None], partition: int) -> list[bytes]:
    """Records with these times, None for one that is no event."""
    return [
        b"nonsense" if t is None else encode(Event(f"u{partition}", f"i{partition}-{n}", t))
        for n, t in enumerate(times)
    ]


def expected(logs: list[list[int | None]]) -> list[str]:
    """The earliest of the next events, of equal ones that of the lowest partition, again and again."""
    heads = [[(t, f"i{p}-{n}") for n, t in enumerate(times) if t is not None] for p, times in enumerate(logs)]
    out = []
    while any(heads):
        p = min((p for p in range(len(heads)) if heads[p]), key=lambda p: (heads[p][0][0], p))
        out.append(heads[p].pop(0)[1])
    return out


def drained(
    topic: Topic, order: Order, limit: int = 50
) -> tuple[list[str], dict[int, int], int, list[dict[int, int]]]:
    """What is taken until nothing more is: items, next offsets, how many were no events, and the batches' ends."""
    items, ends, bad, plan, idle = list[str](), dict[int, int](), 0, list[dict[int, int]](), 0
    while idle < 3:
        taken = order.take(limit, 0.0)
        if taken is None:
            idle += not any(topic.waiting().values())
            continue
        idle = 0
        assert taken.batch.size <= limit
        items += taken.batch.item
        bad += len(taken.rejected)
        for partition, end in taken.batch.ends.items():
            assert end >= ends.get(partition, 0)
        ends |= taken.batch.ends
        plan.append(taken.batch.ends)
    return items, ends, bad, plan


times = st.lists(st.one_of(st.integers(0, 30), st.none()), max_size=25)
polls = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), max_size=60)


def order(topic: Topic, pending: list[dict[int, int]] | None = None) -> Order:
    return Order(topic, lambda: DAY, DAY, pending or [])


@settings(max_examples=300)
@given(st.lists(times, min_size=2, max_size=4), polls, st.integers(1, 12))
def test_a_backlog_is_taken_in_one_order_however_it_is_read(
    logs: list[list[int | None]], polls: list, limit: int
) -> None:
    topic = Topic([log(times, p) for p, times in enumerate(logs)], polls)

    items, ends, bad, _ = drained(topic, order(topic), limit)

    assert items == expected(logs)
    assert bad == sum(times.count(None) for times in logs)
    assert ends == {p: len(times) for p, times in enumerate(logs) if times}


@settings(max_examples=300)
@given(st.lists(times, min_size=2, max_size=4), polls, polls, st.integers(0, 12))
def test_a_restart_goes_on_in_the_same_order(
    logs: list[list[int | None]], polls: list, again: list, batches: int
) -> None:
    records = [log(times, p) for p, times in enumerate(logs)]
    first, items, ends = order(Topic(records, polls)), list[str](), dict[int, int]()
    for _ in range(batches):
        if (taken := first.take(4, 0.0)) is not None:
            items += taken.batch.item
            ends |= taken.batch.ends

    topic = Topic(records, again, ends)
    rest, *_ = drained(topic, order(topic))

    assert items + rest == expected(logs)


@settings(max_examples=300)
@given(st.lists(times, min_size=2, max_size=3), polls, polls, polls)
@example([[], [None] * 8, [0]], [], [], [(1, 1), (1, 1)])
def test_what_was_taken_of_a_live_stream_is_repeated(
    logs: list[list[int | None]], polls: list, again: list, arrivals: list
) -> None:
    """Records arrive while events are taken, so that the order is one of many; the plan alone gives it back."""
    records = [log(times, p) for p, times in enumerate(logs)]
    live = Topic([[] for _ in logs], polls)
    first, items, plan = order(live), list[str](), list[dict[int, int]]()
    for which, many in [*arrivals, *((p, 99) for p in range(len(logs)))]:
        p = which % len(logs)
        at = len(live.logs[p])
        live.logs[p] += records[p][at : at + many]
        while (taken := first.take(5, 0.0)) is not None:
            items += taken.batch.item
            plan.append(taken.batch.ends)

    topic = Topic(records, again)
    repeated, *_ = drained(topic, order(topic, plan), 1_000)

    assert repeated == items


def test_a_partition_whose_records_do_not_come_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic = Topic([log([1, 2], 0), log([0], 1)], [])
    topic.stuck = {1}
    one = order(topic)

    assert one.take(10, 0.0) is None
    monkeypatch.setattr(module, "PATIENCE_S", -1.0)
    taken = one.take(10, 0.0)
    assert taken is not None
    assert taken.batch.item == ["i0-0", "i0-1"]
    topic.stuck = set()
    assert drained(topic, one)[0] == ["i1-0"]


def test_a_partition_that_is_far_ahead_is_not_read_into_memory_as_a_whole() -> None:
    late, early = [1_000] * 500, list(range(500))
    topic = Topic([log(late, 0), log(early, 1)], [(0, 500)] * 20)
    one, most = order(topic), 0
    items = list[str]()
    while len(items) < 1_000:
        if (taken := one.take(10, 0.0)) is not None:
            items += taken.batch.item
        most = max(most, topic.next[0] - sum(item.startswith("i0") for item in items))

    assert items == expected([late, early])
    assert most <= 60


def test_one_partition_is_handed_on_as_it_is_read() -> None:
    topic = Topic([log([5, 3, None, 4], 0)], [])
    one = order(topic)

    items, ends, bad, _ = drained(topic, one)

    assert items == ["i0-0", "i0-1", "i0-3"]
    assert (ends, bad) == ({0: 4}, 1)
    assert not one.several
