"""Events by id: one that comes again inside a window counts once.

    row 0 | - | events that came again | ids so far |        row 1 + n % window | hash of the id, 16 bytes | time of the record |

The last ids are kept in a ring, which is saved like every table; where each of them stands is found by a hash
table with linear probing, which this process makes again when it starts.  Nothing but the hash of an id is kept.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.record.layout import ONCE, Rows
from state.storage.table import Mark, Table, mark


@njit(nogil=True, cache=True)
def _find(ring: Rows, places: np.ndarray, a: int, b: int) -> int:
    """Return the place of an id in the hash table, or the free one where it belongs."""
    last = places.shape[0] - 1
    at = np.int64(a & np.uint64(last))
    while places[at] != 0:
        row = ring[places[at]]
        if row.a == a and row.b == b:
            break
        at = (at + 1) & last
    return int(at)


@njit(nogil=True, cache=True)
def _remove(ring: Rows, places: np.ndarray, at: int) -> None:
    """Free a place, and move those behind it up that belong before."""
    last = places.shape[0] - 1
    hole, at = at, (at + 1) & last
    while places[at] != 0:
        home = np.int64(ring[places[at]].a & np.uint64(last))
        if ((at - home) & last) >= ((at - hole) & last):
            places[hole] = places[at]
            hole = at
        at = (at + 1) & last
    places[hole] = 0


@njit(nogil=True, cache=True)
def _load(ring: Rows, places: np.ndarray) -> None:
    window = ring.shape[0] - 1
    for number in range(max(0, ring[0].t - window), ring[0].t):
        row = 1 + number % window
        if ring[row].a != 0 or ring[row].b != 0:
            places[_find(ring, places, ring[row].a, ring[row].b)] = row


@njit(nogil=True, cache=True)
def _admit(
    ring: Rows, marks: Mark, places: np.ndarray, keys: np.ndarray, t: np.ndarray, window: int, out: np.ndarray
) -> None:
    """Note ids in order and write whether each event counts."""
    for i in range(keys.shape[0]):
        a, b = keys[i, 0], keys[i, 1]
        if a == 0 and b == 0:
            continue
        at = _find(ring, places, a, b)
        if places[at] != 0:
            row = ring[places[at]]
            if t[i] - row.t <= window:
                out[i] = False
                ring[0].b += np.uint64(1)
                mark(marks, 0)
                continue
            mark(marks, places[at])
            _remove(ring, places, at)
            row.a, row.b = np.uint64(0), np.uint64(0)
        slot = 1 + ring[0].t % (ring.shape[0] - 1)
        oldest = ring[slot]
        if oldest.a != 0 or oldest.b != 0:
            _remove(ring, places, _find(ring, places, oldest.a, oldest.b))
        oldest.a, oldest.b, oldest.t = a, b, t[i]
        places[_find(ring, places, a, b)] = slot
        ring[0].t += 1
        mark(marks, slot)
        mark(marks, 0)


class Once:
    """Tells which events have come before, in the writer.

    Args:
        table: The ring, filled from the store.
        window_ms: How long after its first record an id counts as having come before.
    """

    def __init__(self, table: Table, window_ms: int) -> None:
        assert table.dtype == ONCE
        self._table, self._window_ms = table, window_ms
        self._places = np.zeros(1 << (2 * table.capacity).bit_length(), np.int32)  # at most half full
        _load(table.array, self._places)

    def admit(self, keys: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Note the ids of events in order; return which of them count, bool [n].

        Shapes:
            - keys: uint64 [n, 2], hashes of ids, zeros for none; t: int64 [n] ms, times of the records
        """
        out = np.ones(keys.shape[0], bool)
        if keys.any():
            _admit(self._table.array, self._table.marks, self._places, keys, t, self._window_ms, out)
        return out

    @property
    def repeated(self) -> int:
        """How many events came again so far."""
        return int(self._table.array["b"][0])
