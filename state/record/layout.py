"""Row layouts: what is remembered of a user, an item, an edge.

Rows are C structs (numpy records, native alignment) so that a row is one run of bytes: what the kernels
read, what shared memory holds and what the store writes are the same bytes.  Fields are zero until first
written, and zero means "nothing known".  Times are integer milliseconds of event time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

HISTORY = 32  # distinct items of a user that are remembered in full, newest first
INLINE = 8  # of them in the user's row; as many in each overflow block, see `state.counter.history`
SLOTS = 64  # co-watch edges of an item
SHOWN = 8  # items shown to a user since the last one taken
NEXT = 12  # direct transitions of an item
RECENT = 8  # last users of an item
BLOCK = 31  # items in a block of the seen list
NEW_ITEMS = 64  # newest items remembered
BOARD = 128  # items on a leaderboard
KINDS = 7  # event types, see `stream.event.event.KINDS`
HALF = 5  # half-lives of popularity
FRESH = 4  # half-lives of newcomers' counts: the last four of popularity's
SOURCES = 8  # of candidates, see `mixture`
TOUCHED = 65_535  # items that the walks of a request reach at most

REPEATABLE, KEPT_OUT = 1, 2  # whether an item that a user has seen may be a candidate
FOREVER = 2**62
START = 0  # the item row that stands for "nothing watched yet"

RISING, POPULAR, FIRST, TOTAL = 0, 1, 2, 3  # rows of the board table

WORLD = np.dtype(
    [
        ("events", "i8"),  # interactions applied
        ("impressions", "i8"),
        ("t", "i8"),  # stream time: the newest event time applied
        ("heard", "i8"),  # the newest time of an impression
        ("t0", "i8"),  # the first event's time, landmark of the boards
        ("users", "i8"),  # user rows that have been in use
        ("items", "i8"),  # item rows that have been in use, START included
        ("edges", "i8"),
        ("late", "i8"),
        ("blocks", "i8"),  # seen blocks in use
        ("rejected", "i8"),  # records that were no events
        ("pace", "f8"),  # mean milliseconds between two events of one item
        ("gap_sum", "f8"),
        ("gap_n", "f8"),
        ("had", "f8"),  # running share of events on an item the user already had
        ("repeat", "f8"),  # running share of events that repeat the user's last item
        ("check", "i8"),  # event number of the next look at the pace
        ("epoch", "i8"),  # last aging epoch
        ("aged", "i8"),  # edges dropped by aging
        ("evicted", "i8"),  # edges dropped for a stronger one
        ("items_let_go", "i8"),  # item rows evicted for others
        ("users_let_go", "i8"),
        ("forgotten", "i8"),  # users forgotten on request
        ("dropped", "i8"),  # events that came later and were older than that
        ("tot", "f8", (HALF,)),  # decayed counts of all events
        ("ftot", "f8", (FRESH,)),  # decayed counts of first-time users' events
        ("stot", "f8", (FRESH,)),  # decayed counts of switches
        ("tot_t", "i8"),
        (
            "credit",
            "f8",
            (2, SOURCES),
        ),  # what sources of candidates have found, decayed: for newcomers, for others
        ("news", "i8"),  # items that have had a first event
        ("new", "i4", (NEW_ITEMS,)),  # the last of them, the newest over the oldest
        ("longest", "i8"),  # longest gap, ms, since the pace was measured
        ("unaged", "i8"),  # rows of edges that the aging pass under way has still to visit
        ("overflows", "i8"),  # overflow blocks that have been in use
    ],
    align=True,
)


def _slots(n: int) -> list[tuple[Any, ...]]:
    """Return the fields of `n` distinct items of a user, newest first."""
    return [
        ("item", "i4", (n,)),
        ("index", "i4", (n,)),  # the user's event number at the last visit
        ("at", "i4", (n,)),  # the item's event number at the last visit
        ("count", "f4", (n,)),
        ("visits", "f4", (n,)),  # runs on the item
        ("dec", "f4", (n, 2)),  # count decayed by time, short and long
        ("t", "i8", (n,)),
        ("mask", "u1", (n,)),  # bit k: by an event of kind k
        ("kind", "i1", (n,)),  # of the last event on it
    ]


_HABITS: list[tuple[Any, ...]] = [
    ("n", "i8"),
    ("last_t", "i8"),
    ("first_t", "i8"),
    ("session_t", "i8"),
    ("slots", "i4"),  # items remembered in full, those in overflow blocks included
    ("session_n", "i4"),
    ("run", "i4"),  # events in a row on the last item
    ("seen_n", "i4"),  # distinct items in the seen list
    ("seen_head", "i4"),  # newest block, 0 is none
    ("repeat", "f4"),  # running share of events that repeat the last item
    ("had", "f4"),  # running share of events on items had before
    ("gap", "f4"),  # running mean of log(1 + gap in seconds)
    ("shown_n", "i4"),  # impressions since the last interaction
    ("shown", "i4", (SHOWN,)),  # their items, the newest over the oldest
]

# What the tables hold of a user: a row, and as many overflow blocks as the history needs.
USER = np.dtype([*_HABITS, ("overflow", "i4"), *_slots(INLINE)], align=True)  # its first block, 0 is none
OVERFLOW = np.dtype(
    [
        ("owner", "i4"),  # row of the user + 1, 0 where the block is free
        ("next", "i4"),
        *_slots(INLINE),
    ],
    align=True,
)

# A user with the whole history in one piece, as requests read it; stores of format 3 hold users so.
PROFILE = np.dtype([*_HABITS, *_slots(HISTORY)], align=True)

ITEM = np.dtype(
    [
        ("n", "i8"),
        ("users", "i8"),  # distinct users, as far as the seen lists reach
        ("first_t", "i8"),
        ("last_t", "i8"),
        ("last_user", "i4"),
        ("last_run", "i4"),  # events in a row by the last user
        ("head", "i4"),
        ("sticky", "f4"),  # how often the next event of its user is on it again
        ("gap", "f4"),  # running mean of log(1 + gap in seconds)
        ("board", "i4"),  # bit b: on board b
        ("pop", "f4", (HALF,)),
        ("fresh", "f4", (FRESH,)),
        ("switch", "f4", (FRESH,)),
        ("user", "i4", (RECENT,)),
        ("user_t", "i8", (RECENT,)),
    ],
    align=True,
)

# Weights are inflated: an edge reinforced at t adds 2**((t - t0) / half) so that no row decays on a read and
# edges of a row compare as they stand.  The row is brought down when the exponent grows past 40.
EDGE = np.dtype(
    [
        ("t0", "i8"),
        ("half", "f8"),  # half-life in ms the row's weights are inflated with
        ("total", "f4"),
        ("next_total", "f4"),
        ("slots", "i4"),
        ("nexts", "i4"),
        ("dst", "i4", (SLOTS,)),
        ("w", "f4", (SLOTS,)),
        ("at", "u4", (SLOTS,)),  # seconds of event time, last reinforced
        ("next", "i4", (NEXT,)),
        ("next_w", "f4", (NEXT,)),
    ],
    align=True,
)

# `t` and `mask` are as of when the item left the user's row, which knows better as long as it holds it.
SEEN = np.dtype(
    [
        ("next", "i4"),
        ("item", "i4", (BLOCK,)),
        ("t", "u4", (BLOCK,)),  # seconds of event time, last event
        ("mask", "u1", (BLOCK,)),  # bit k: by an event of kind k
    ],
    align=True,
)

# A score is log2(decayed count) + (t - t0) / half-life: invariant as time goes by.
LEADER = np.dtype(
    [("n", "i4"), ("low", "f8"), ("item", "i4", (BOARD,)), ("score", "f8", (BOARD,))], align=True
)


# Row 0 counts: `b` events that came again, `t` ids so far.  A row of zeros before that many is an id noted anew since.
ONCE = np.dtype([("a", "u8"), ("b", "u8"), ("t", "i8")])  # hash of an event's id; ms, time of its record


Row = Any  # one record: numba knows its fields, the type checker does not
Rows = Any  # an array of records

RATES = np.dtype(
    [  # one row: the settings as kernels read them, see `state.record.setting`
        ("pop", "f8", (HALF,)),
        ("user", "f8", (2,)),
        ("edge", "f8"),
        ("pace", "f8"),  # fixed pace in ms, 0 to follow the stream
        ("window", "f8"),  # ms within which two events are co-watched
        ("reach", "i8"),  # how many of the user's last items an event is linked to
        ("backward", "f8"),  # weight of the edge from the later item back to the earlier one
        ("closeness", "f8"),  # weight of an edge a position further back
        ("month", "f8"),  # ms; unit of edge aging
        ("share", "f8"),  # share of old edges dropped a month
        ("session", "f8"),  # ms of silence that end a session
        ("seen_max", "i8"),  # items a user's seen list holds at most
        ("steps", "i8"),
        ("restart", "f8"),
        ("seeds", "i8"),
        ("seed_decay", "f8"),
        ("clusters", "i8"),  # 1: walks start from one item of each cluster of a history
        ("every", "f8"),  # ms between two aging passes
    ]
)
