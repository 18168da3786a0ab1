"""An event that comes again with its id counts once, inside a window of numbers and of time."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from state.counter.once import Once
from state.record.layout import ONCE
from state.storage.table import Table

WINDOW, MS = 7, 50


def ring() -> Table:
    return Table("once", ONCE, capacity=1 + WINDOW)


def keys(ids: list[int]) -> np.ndarray:
    """Hashes that fall on few places, zeros for id 0."""
    return np.array([(one % 3 + 16 * one if one else 0, one) for one in ids], np.uint64).reshape(-1, 2)


def reference(events: list[tuple[int, int]]) -> list[bool]:
    """What an ordered dictionary says."""
    known: dict[int, tuple[int, int]] = {}  # id -> number, time
    number, out = 0, []
    for one, t in events:
        if one == 0:
            out.append(True)
            continue
        found = known.get(one)
        again = found is not None and number - found[0] <= WINDOW and t - found[1] <= MS
        out.append(not again)
        if not again:
            known[one] = number, t
            number += 1
    return out


streams = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 200)), max_size=80)


@given(streams, st.lists(st.integers(1, 9), min_size=1, max_size=40))
@settings(max_examples=200)
def test_it_says_what_a_dictionary_says_also_after_restarts(
    events: list[tuple[int, int]], cuts: list[int]
) -> None:
    table, out, at = ring(), list[bool](), 0
    for cut in [*cuts, len(events)]:
        part = events[at : at + cut]
        at += cut
        found = Once(table, MS).admit(
            keys([one for one, _ in part]), np.array([t for _, t in part], np.int64)
        )
        out += found.tolist()

    assert out == reference(events)
    assert Once(table, MS).repeated == out.count(False)


def test_rows_that_changed_are_saved_and_no_others() -> None:
    table = ring()
    once = Once(table, MS)
    once.admit(keys([1, 2]), np.array([5, 6]))
    assert sorted(table.dirty.tolist()) == [0, 1, 2]
    table.clean()

    once.admit(keys([0]), np.array([7]))
    assert table.dirty.tolist() == []
    once.admit(keys([2]), np.array([8]))
    assert table.dirty.tolist() == [0]
