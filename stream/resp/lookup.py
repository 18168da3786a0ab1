"""The commands HISTORY, GRAPH, USER and FIND; `stream.service.parameter` has their arguments.

HISTORY and GRAPH reply with an array, a map for each item or edge; USER and FIND with a map.  In RESP2 a map is a flat
array of names and values, so that a field that is added later moves no other.
"""

from __future__ import annotations

from stream.resp.codec import Reply
from stream.resp.option import GRAMMARS
from stream.resp.recommend import fields
from stream.service.session import Session


def history(session: Session, args: list[bytes]) -> Reply:
    """Reply with what a user had, the newest first."""
    return fields(session.service.backend.history(**GRAMMARS["HISTORY"].read(args)))["items"]


def graph(session: Session, args: list[bytes]) -> Reply:
    """Reply with the co-watch edges of an item, the strongest first."""
    return fields(session.service.backend.graph(**GRAMMARS["GRAPH"].read(args)))["edges"]


def user(session: Session, args: list[bytes]) -> Reply:
    """Reply with what is known of a user."""
    return fields(session.service.backend.user(**GRAMMARS["USER"].read(args)))


async def find(session: Session, args: list[bytes]) -> Reply:
    """Reply with items and users that a text finds."""
    return fields(await session.service.backend.find(**GRAMMARS["FIND"].read(args)))
