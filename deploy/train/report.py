"""What a run of training came to."""

from __future__ import annotations

import msgspec


class Live(msgspec.Struct, frozen=True):
    """Ranking quality over the last some thousand events, each judged before it was learned."""

    mrr: float
    recall10: float


class Report(msgspec.Struct, frozen=True):
    """What a run came to."""

    log: str
    state: str
    begin: int  # offset of the first event of this run
    end: int  # offset to go on from
    events: int
    seconds: float
    events_per_second: float
    ended: str  # "end" of the log, "limit" or "stopped"
    learned: int
    share_learned: float
    rejected: dict[str, int]
    last_bad: str
    live: dict[str, Live]  # by ranker; empty where nothing was judged
    serving: str
    users: int
    items: int
    events_remembered: int
