"""What is asked of the tables as they are, and what comes back: histories, neighbours, users, names, and the moment.

Times are milliseconds of event time since 1970, ages milliseconds before stream time.  Every answer has a `meta` that says
which events it includes; an item's `title` is empty where the items topic tells none.  Hidden items are in no answer.
"""

from __future__ import annotations

import msgspec


class Meta(msgspec.Struct, frozen=True):
    """The moment an answer is as of.

    Fields:
        offsets: By partition, the next offset that is not in the answer yet.
        stream_time_ms: The newest event time it includes; 0 before the first event.
        generation: Of the tables; it changes when ingest starts anew.
        age_ms: The wall clock less stream time, at least 0: how old the newest event is.
        lag: Events of the topic that are not in it yet, -1 where that is not known.
    """

    offsets: dict[int, int]
    stream_time_ms: int
    generation: int
    age_ms: int
    lag: int = -1


NOWHERE = Meta({}, 0, 0, 0)


class Visit(msgspec.Struct, frozen=True):
    """An item that a user had, at the last event on it.

    Fields:
        type: Of the last event; empty where only `types` are known, of an item that has left the newest 32.
        types: Of all events on it, in the order of `KINDS`.
        times: Events on it; 0 where that is not known any more.
    """

    item: str
    title: str
    type: str
    types: list[str]
    t: int
    age_ms: int
    times: int


class History(msgspec.Struct, frozen=True):
    """What a user had, an entry for each item, the newest first; older than the newest 32 items, times are whole seconds."""

    user: str
    known: bool
    items: list[Visit]
    meta: Meta = NOWHERE


class Edge(msgspec.Struct, frozen=True):
    """An edge of the co-watch graph, as of now.

    Fields:
        weight: Decayed; an event that links the two items at this moment counts 1.
        share: Of the weight of all edges of the item, 0 to 1.
        last_ms, age_ms: When an event last strengthened it, to a second.
        all_time: How alike the two are by all users' lists (what SIMILAR ALLTIME orders by), None before that is fitted.
    """

    item: str
    title: str
    weight: float
    share: float
    last_ms: int
    age_ms: int
    all_time: float | None = None


class Link(msgspec.Struct, frozen=True):
    """An edge between two of the neighbours."""

    source: str
    target: str
    weight: float
    age_ms: int


class Neighbourhood(msgspec.Struct, frozen=True):
    """The co-watch edges of an item, the strongest first, and those among the items they lead to."""

    item: str
    title: str
    events: int
    users: int
    last_ms: int
    edges: list[Edge]
    links: list[Link]
    meta: Meta = NOWHERE


class Person(msgspec.Struct, frozen=True):
    """What is known of a user.

    Fields:
        events: Interactions; impressions are none.
        session_events: Of them since the last long pause.
        seen: Distinct items on the user's lists.
        last: The newest few of them.
    """

    user: str
    known: bool
    events: int = 0
    session_events: int = 0
    first_ms: int = 0
    last_ms: int = 0
    seen: int = 0
    last: list[Visit] = []
    meta: Meta = NOWHERE


class Busy(msgspec.Struct, frozen=True):
    """A user who is active now: events within the window, and the last of them."""

    user: str
    events: int
    last_ms: int
    item: str
    title: str


class Happened(msgspec.Struct, frozen=True):
    """An event that was applied; `number` counts those this process saw, from 1."""

    number: int
    user: str
    item: str
    title: str
    type: str
    value: float
    t: int
    place: str


class FoundItem(msgspec.Struct, frozen=True):
    """An item that a search found; `by` says whether by its id or by its title."""

    item: str
    title: str
    events: int
    by: str


class FoundUser(msgspec.Struct, frozen=True):
    """A user that a search found."""

    user: str
    events: int
    last_ms: int


class Found(msgspec.Struct, frozen=True):
    """What a search found: an exact id first, then by events; `whole` is False where it stopped before the end."""

    text: str
    items: list[FoundItem]
    users: list[FoundUser]
    whole: bool = True
    meta: Meta = NOWHERE
