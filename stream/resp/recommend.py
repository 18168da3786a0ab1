"""The commands RECOMMEND, SESSION and RANK; `stream.service.parameter` has their arguments and options.

RECOMMEND replies with items, best first; with scores or reasons they stand between the items: item, score, reason,
item, score, reason.  SESSION answers a visitor without a name, who has looked at these items, the newest last; RANK
orders the items it is given.  AFTER replies once the event at that offset, as EVENT replied it, is in the answer; past
TIMEOUT the reply is an error that says how far the partition is applied, and the question may be asked again.
"""

from collections.abc import Coroutine
from typing import Any, Final

import msgspec

from stream.answer.request import Answer, Rank, Recommend, Similar, Trending
from stream.resp.codec import Reply
from stream.resp.option import GRAMMARS
from stream.service.session import Session

_RECOMMEND: Final = GRAMMARS["RECOMMEND"]
_SESSION: Final = GRAMMARS["SESSION"]
_RANK: Final = GRAMMARS["RANK"]


def recommend(session: Session, args: list[bytes]) -> Reply | Coroutine[Any, Any, Reply]:
    """Reply with items for a user, best first."""
    request = recommendation(args)
    if request.after is None:
        return shown(session.service.backend.recommend(request), request)
    return _recommend_after(session, request)


async def _recommend_after(session: Session, request: Recommend) -> Reply:
    session.wait_s = await session.service.reach(request)
    return shown(session.service.backend.recommend(request), request)


def recommendation(args: list[bytes]) -> Recommend:
    """The request that the words of RECOMMEND describe."""
    return Recommend(**_RECOMMEND.read(args))


def session(session: Session, args: list[bytes]) -> Reply:
    """Reply with items for a visitor without a name, by what they have looked at, the newest last."""
    request = Recommend("", **_SESSION.read(args))
    return shown(session.service.backend.recommend(request), request)


def rank(session: Session, args: list[bytes]) -> Reply:
    """Reply with the given items in the order this user would want them."""
    request = Rank(**_RANK.read(args))
    return shown(session.service.backend.rank(request), request)


def shown(answer: Answer, request: Recommend | Rank | Similar | Trending) -> Reply:
    """Return an answer as a flat list: items, each followed by its score, reason and title where asked for.

    With its moment or the next page asked for, the list and these by name.
    """
    columns: list[list[str] | list[float]] = [answer.items]
    if request.with_scores:
        columns.append(answer.scores)
    if isinstance(request, Recommend) and request.with_reasons:
        columns.append(answer.reasons)
    if request.with_titles:
        columns.append(answer.titles)
    flat: list[Reply]
    if len(columns) == 1:
        flat = list(answer.items)
    else:
        flat = [value for row in zip(*columns, strict=True) for value in row]
    if answer.meta is None and not answer.cursor:
        return flat
    named: dict[str, Reply] = {"items": flat}
    if answer.cursor:
        named["cursor"] = answer.cursor
    if answer.meta is not None:
        named["meta"] = fields(answer.meta)
    return named


def fields(told: msgspec.Struct) -> dict[str, Reply]:
    """Return a struct as a reply: names and values, whatever is in it."""
    made: dict[str, Reply] = msgspec.to_builtins(told, str_keys=True)
    return made
