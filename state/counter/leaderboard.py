"""Leaderboards: the items with the largest decayed counts, kept up exactly.

Counts with one half-life keep their order while nothing happens, so a board changes only when an item's count
grows: it then moves up, or replaces the last one.  An item that was displaced can only come back by growing, so the
board always holds exactly the largest counts (until the stream's pace, and with it the half-life, is measured anew:
then scores are computed again for the items on the board).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.record.layout import BOARD, TOTAL, Row, Rows
from state.record.selection import insert
from state.record.world import Marks, State
from state.storage.table import mark


@njit(nogil=True, cache=True)
def score(count: float, t: int, t0: int, half: float) -> float:
    """Return a count's score: log2 of the count, moved to the landmark `t0`."""
    return np.log2(count) + (t - t0) / half


@njit(nogil=True, cache=True)
def _low(board: Row) -> float:
    low, scores = np.inf, board.score
    for k in range(board.n):
        if scores[k] < low:
            low = scores[k]
    return low


@njit(nogil=True, cache=True)
def raise_to(state: State, marks: Marks, b: int, row: int, value: float) -> None:
    """Give item `row` its new score on board `b`."""
    board = state.boards[b]
    items = state.items
    bit = 1 << b
    item, scores = board.item, board.score
    if items[row].board & bit:
        for k in range(board.n):
            if item[k] == row:
                scores[k] = value
                mark(marks.boards, b)
                return
    if board.n < BOARD:
        item[board.n] = row
        scores[board.n] = value
        board.n += 1
        items[row].board |= bit
        board.low = -np.inf
        mark(marks.boards, b)
        return
    if value <= board.low:
        return
    board.low = _low(board)
    mark(marks.boards, b)
    if value <= board.low:
        return
    for k in range(BOARD):
        if scores[k] == board.low:
            items[item[k]].board &= ~bit
            mark(marks.items, item[k])
            item[k] = row
            scores[k] = value
            items[row].board |= bit
            return


@njit(nogil=True, cache=True)
def rescore(boards: Rows, b: int, items: Rows, column: int, t0: int, half: float) -> None:
    """Compute all scores of board `b` again after its half-life changed."""
    board = boards[b]
    for k in range(board.n):
        item = items[board.item[k]]
        count = (
            np.float64(item.n)
            if b == TOTAL
            else (np.float64(item.fresh[column]) if b == 2 else np.float64(item.pop[column]))
        )
        board.score[k] = np.log2(count + 1e-30) + (0.0 if b == TOTAL else (item.last_t - t0) / half)
    board.low = -np.inf


@njit(nogil=True, cache=True)
def leaders(board: Row, out: np.ndarray, limit: int) -> int:
    """Write the rows of a board's first `limit` items into `out`, best first; return how many."""
    kept = np.empty(BOARD)
    item, scores = board.item, board.score
    n = 0
    for k in range(board.n):
        n = insert(out, kept, n, limit, item[k], scores[k])
    return n
