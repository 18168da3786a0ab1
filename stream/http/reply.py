"""What questions are answered with over HTTP: JSON objects, and the schemas that OpenAPI shows of them."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from stream.answer.lookup.request import Busy, Happened, Meta
from stream.answer.request import Answer
from stream.catalogue.record import Value

Fields = dict[str, Value]


class Row(msgspec.Struct):
    """An item of a list; `reason` and `title` are there where they were asked for and there is one.

    Fields:
        score: None of an item to rank that nothing is known of.
    """

    item: str
    score: float | None
    reason: str | UnsetType = UNSET
    title: str | UnsetType = UNSET


class Listed(msgspec.Struct):
    """Items, best first.

    Fields:
        as_of: Stream time in ms that the answer was given at.
        offsets: By partition, the next offset that is not in the answer yet.
        shortfall: Where fewer than k items are in it, how many there are and which rule left how many out.
        half_life_ms: Of the counts that are the scores of what trends.
        cursor: Of the next page, where a page was asked for; 0 after the last.
        meta: The moment the answer is as of.
    """

    items: list[Row]
    as_of: int
    offsets: dict[str, int]
    user: str | UnsetType = UNSET
    item: str | UnsetType = UNSET
    shortfall: dict[str, int] | UnsetType = UNSET
    half_life_ms: int | UnsetType = UNSET
    cursor: str | UnsetType = UNSET
    meta: Meta | UnsetType = UNSET


class Described(msgspec.Struct):
    """What an item is: text, numbers, truth values and lists of text by name."""

    item: str
    fields: dict[str, str | float | bool | list[str]]


class Users(msgspec.Struct):
    """The users with most events in the last 15 minutes."""

    users: list[Busy]


class Events(msgspec.Struct):
    """The newest events, the newest first."""

    events: list[Happened]


class Accepted(msgspec.Struct):
    """A request that is written and not applied yet."""

    user: str
    detail: str


class Wrong(msgspec.Struct):
    """A record that was not taken.

    Fields:
        line: Where it stands: of lines the number, of an array the place, both from 1.
        reason: In a word: json, missing, type, time, future, size, utf8, nan; `log` where it is fine and could not be written.
    """

    line: int
    reason: str
    detail: str


class Taken(msgspec.Struct):
    """What became of posted records.

    Fields:
        places: Of each record, in order, its partition:offset; null for one that was not taken.
    """

    accepted: int
    rejected: int
    places: list[str | None]
    errors: list[Wrong] = []


class Problem(msgspec.Struct):
    """What is wrong with a request (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Wrong] | UnsetType = UNSET
    places: list[str | None] | UnsetType = UNSET


def listed(answer: Answer, **about: str) -> Listed:
    """Return an answer as a reply.

    Args:
        about: The user or the item that it is of.
    """
    none = [""] * len(answer.items)
    columns = zip(answer.items, answer.scores, answer.reasons or none, answer.titles or none, strict=True)
    return Listed(
        [Row(item, score, reason or UNSET, title or UNSET) for item, score, reason, title in columns],
        answer.as_of,
        {str(partition): offset for partition, offset in answer.offsets.items()},
        shortfall=answer.shortfall or UNSET,
        half_life_ms=answer.half_life_ms or UNSET,
        cursor=answer.cursor or UNSET,
        meta=answer.meta or UNSET,
        **about,
    )
