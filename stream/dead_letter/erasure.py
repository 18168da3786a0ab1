"""Erase what is left of users in the dead letters of a topic that can be changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from stream.dead_letter.letter import erased, pack, unpack
from stream.dead_letter.mention import ESCAPE, Mention
from stream.event.batch import Record
from stream.event.message import Headers


class Erased(NamedTuple):
    """How many dead letters of each user were erased, and the Kafka topic that keeps its own, if any."""

    letters: dict[str, int]
    beyond: str


def erase(
    records: Callable[[Sequence[bytes], Callable[[Record], Headers | None]], Any], mention: Mention
) -> dict[str, int]:
    """Erase the letters that name users; return how many of each.

    Args:
        records: Erases the records of the topic that hold one of some texts and for which there are other headers.
    """
    counts: dict[str, int] = {}

    def blank(record: Record) -> Headers | None:
        letter = unpack(record)
        users = mention.users(letter)
        for user in users:
            counts[user] = counts.get(user, 0) + 1
        return pack(erased(letter)).headers if users else None

    records([*mention.texts, ESCAPE], blank)
    return counts
