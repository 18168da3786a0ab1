"""The feature columns of a candidate by name: group, unit, scale and meaning of each, in the order of the matrix.

"log" is log(1 + value), a scale is what that is divided by, so that values are of order one.
"""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """One feature of a candidate."""

    name: str
    group: str  # blend, own, user, popularity, age (of the item) or graph: what an explanation or an ablation takes out together
    unit: str
    scale: str
    meaning: str


TABLE = (
    Column("blend", "blend", "log probability", "/ 4", "fixed mixture of own, popular and co-watched items"),
    Column("own", "own", "0 or 1", "", "among the user's last items"),
    Column("own_recency", "own", "1 / rank", "", "recency rank among the user's last items, from 1"),
    Column("own_last", "own", "0 or 1", "", "the user's last item"),
    Column("own_before", "own", "0 or 1", "", "the user's last item but one"),
    Column("own_count", "own", "log events", "/ 4", "events of the user on the item"),
    Column("own_share", "own", "share", "", "of the user's events"),
    Column("own_age", "own", "log s", "/ 12", "since the user's last event on the item"),
    Column("own_gap", "own", "1 / events", "", "of the user since that event"),
    Column("own_run", "own", "log events", "/ 4", "in a row on the item, where it is the last one"),
    Column("own_mine", "own", "0 or 1", "", "nobody else has taken the item since"),
    Column("own_others", "own", "log events", "/ 6", "of others on the item since"),
    Column("own_visits", "own", "log runs", "/ 3", "runs of the user's events on the item"),
    Column("own_visit_share", "own", "share", "", "those runs per event of the user"),
    Column("own_dec_short", "own", "log events", "/ 3", "of the user on the item, decayed by the short half-life"),
    Column("own_dec_long", "own", "log events", "/ 3", "of the user on the item, decayed by the long half-life"),
    Column("own_had", "own", "0 or 1", "", "the user has seen the item at any time"),
    Column("user_n", "user", "log events", "/ 6", "of the user"),
    Column("user_gap", "user", "log s", "/ 12", "since the user's last event"),
    Column("user_repeat", "user", "share", "", "running, of the user's events that repeat the last item"),
    Column("user_sticky", "user", "share", "", "how often the user's last item is repeated by its users"),
    Column("user_session", "user", "log events", "/ 4", "of the user's session, 0 once it has ended"),
    Column("user_had", "user", "share", "", "running, of the user's events on items taken before"),
    Column("user_new", "user", "0 or 1", "", "the user has no event yet"),
    Column("user_pace", "user", "log s", "/ 12", "the gap against the user's usual one, a difference of logs"),
    Column("pop_0", "popularity", "log share", "/ 6", "of all events, decayed by half-life 0"),
    Column("pop_1", "popularity", "log share", "/ 6", "of all events, decayed by half-life 1"),
    Column("pop_2", "popularity", "log share", "/ 6", "of all events, decayed by half-life 2"),
    Column("pop_3", "popularity", "log share", "/ 6", "of all events, decayed by half-life 3"),
    Column("pop_4", "popularity", "log share", "/ 6", "of all events, decayed by half-life 4"),
    Column("pop_total", "popularity", "log events", "/ 8", "on the item"),
    Column("pop_age", "popularity", "log s", "/ 12", "since anybody's last event on the item"),
    Column("pop_sticky", "popularity", "share", "", "how often the item is repeated by its users"),
    Column("pop_pace", "popularity", "log s", "/ 12", "that age against the item's usual gap, a difference of logs"),
    Column("pop_run", "popularity", "log events", "/ 4", "in a row by the item's last user"),
    Column("pop_born", "age", "log s", "/ 12", "since the item's first event"),
    Column("pop_users", "popularity", "share", "", "distinct users per event"),
    Column("fresh_0", "popularity", "log share", "/ 6", "of newcomers' events, decayed by half-life 1"),
    Column("fresh_1", "popularity", "log share", "/ 6", "of newcomers' events, decayed by half-life 2"),
    Column("fresh_2", "popularity", "log share", "/ 6", "of newcomers' events, decayed by half-life 3"),
    Column("fresh_3", "popularity", "log share", "/ 6", "of newcomers' events, decayed by half-life 4"),
    Column("switch_0", "popularity", "log share", "/ 6", "of users' switches to another item, decayed by half-life 1"),
    Column("switch_1", "popularity", "log share", "/ 6", "of users' switches to another item, decayed by half-life 2"),
    Column("switch_2", "popularity", "log share", "/ 6", "of users' switches to another item, decayed by half-life 3"),
    Column("switch_3", "popularity", "log share", "/ 6", "of users' switches to another item, decayed by half-life 4"),
    Column("next_last", "graph", "share", "", "of transitions from the user's last item"),
    Column("push", "graph", "log 1e3 weight", "/ 6", "one-hop edge weight from the user's last items"),
    Column("push_share", "graph", "share", "", "of that weight on all items reached"),
    Column("walk", "graph", "log 1e3 share", "/ 6", "of the visits of random walks"),
    Column("near", "graph", "log 4 weight", "/ 2", "paths through the last users of the user's last items"),
    Column("push_all", "graph", "log 1e3 weight", "/ 6", "one-hop edge weight from the whole remembered history"),
    Column("push_all_share", "graph", "share", "", "of that weight on all items reached"),
    Column("start", "graph", "share", "", "of newcomers' first items"),
    Column("heir_repeat", "popularity", "share", "", "running, of repeats by the item's last user"),
    Column("heir_here", "popularity", "0 or 1", "", "the item is still the last one of its last user"),
    Column("heir_n", "popularity", "log events", "/ 6", "of the item's last user"),
)  # fmt: skip
NAMES = tuple(column.name for column in TABLE)
FEATURES = len(TABLE)

(
    BLEND, OWN, OWN_RECENCY, OWN_LAST, OWN_BEFORE, OWN_COUNT, OWN_SHARE, OWN_AGE, OWN_GAP, OWN_RUN, OWN_MINE,
    OWN_OTHERS, OWN_VISITS, OWN_VISIT_SHARE, OWN_DEC_SHORT, OWN_DEC_LONG, OWN_HAD, USER_N, USER_GAP,
    USER_REPEAT, USER_STICKY, USER_SESSION, USER_HAD, USER_NEW, USER_PACE, POP_0, POP_1, POP_2, POP_3, POP_4,
    POP_TOTAL, POP_AGE, POP_STICKY, POP_PACE, POP_RUN, POP_BORN, POP_USERS, FRESH_0, FRESH_1, FRESH_2, FRESH_3,
    SWITCH_0, SWITCH_1, SWITCH_2, SWITCH_3, NEXT_LAST, PUSH, PUSH_SHARE, WALK, NEAR, PUSH_ALL, PUSH_ALL_SHARE,
    START, HEIR_REPEAT, HEIR_HERE, HEIR_N,
) = range(FEATURES)  # fmt: skip


def of(*groups: str) -> list[int]:
    """Return the columns of some groups, ascending."""
    return [k for k, column in enumerate(TABLE) if column.group in groups]
