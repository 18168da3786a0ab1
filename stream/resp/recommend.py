"""The commands that ask about users and items, and the one that tells what happened.

    RECOMMEND user [k] [WITHSCORES] [WITHREASONS] [INCLUDESEEN | SEEN rule] [EXCLUDE n item …] [FILTER expression]
        [PERCATEGORY n] [DIVERSITY share] [TAIL share] [EXPLORE share] [AFTER partition:offset [TIMEOUT ms]]
    SESSION k item [item …] [WITHSCORES] [WITHREASONS]
    RANK user item [item …] [WITHSCORES]
    EVENT user item [type] [value] [t]
    ITEM item [{json}]
    HIDE item
    UNHIDE item

RECOMMEND replies with items, best first; with scores or reasons they stand between the items: item, score, reason,
item, score, reason.  SESSION answers a visitor without a name, who has looked at these items, the newest last; RANK
orders the items it is given.  An item that is called as an option is one only where no option may stand.  AFTER replies once the event at that offset, as EVENT told it, is in the answer.  When that
takes longer than TIMEOUT (1 s unless told), the reply is an error that says how far the partition is applied, and
the question may be asked again.
"""

import re
from collections.abc import Coroutine
from typing import Any

import msgspec

from stream.answer.request import MAX_K, Answer, Rank, Recommend
from stream.answer.rule import parse as rule
from stream.catalogue.catalogue import decode as described
from stream.catalogue.filter import parse
from stream.error import BadEvent, BadRequest
from stream.event.event import FORGOTTEN, Event, decode
from stream.resp.codec import Reply
from stream.service.argument import (
    count,
    name,
    number,
    place,
    share,
    short,
    text,
    timeout,
)
from stream.service.session import Session

OPTIONS = (
    "WITHSCORES, WITHREASONS, INCLUDESEEN, SEEN rule, EXCLUDE n item …, FILTER expression, PERCATEGORY n, "
    "DIVERSITY share, TAIL share, EXPLORE share, AFTER partition:offset [TIMEOUT ms]"
)
SHARES = {b"DIVERSITY": "diversity", b"TAIL": "tail", b"EXPLORE": "explore"}


def recommend(session: Session, args: list[bytes]) -> Reply | Coroutine[Any, Any, Reply]:
    """Items for a user, best first."""
    request = recommendation(args)
    if request.after is None:
        return shown(session.service.backend.recommend(request), request)
    return _recommend_after(session, request)


async def _recommend_after(session: Session, request: Recommend) -> Reply:
    session.wait_s = await session.service.reach(request)
    return shown(session.service.backend.recommend(request), request)


async def event(session: Session, args: list[bytes]) -> Reply:
    """Publish an event; the reply is its place in the topic, partition:offset."""
    if not 2 <= len(args) <= 5:
        raise BadRequest("wanted EVENT user item [type] [value] [t]")
    return _place(await session.service.backend.publish(happened(args, session.service.clock())))


async def item(session: Session, args: list[bytes]) -> Reply:
    """What an item is; with a JSON object of fields, tell it: all of them, `null` for nothing any more."""
    if not 1 <= len(args) <= 2:
        raise BadRequest("wanted ITEM item [{json}]")
    backend, which = session.service.backend, name("item", args[0])
    if len(args) == 1:
        found = backend.item(which)
        return None if found is None else dict(found)  # type: ignore[arg-type]
    try:
        fields = described(args[1])
    except BadEvent as exc:
        raise BadRequest(f"no description of an item: {exc}") from exc
    return _place(await backend.describe(which, fields))


async def hide(session: Session, args: list[bytes]) -> Reply:
    """Leave an item out of every answer, from the next one on."""
    return await _hidden(session, args, True)


async def unhide(session: Session, args: list[bytes]) -> Reply:
    """Let an item be in answers again."""
    return await _hidden(session, args, False)


async def _hidden(session: Session, args: list[bytes], hidden: bool) -> Reply:
    if len(args) != 1:
        raise BadRequest(f"wanted {'HIDE' if hidden else 'UNHIDE'} item")
    backend, which = session.service.backend, name("item", args[0])
    fields = {key: value for key, value in (backend.item(which) or {}).items() if key != "hidden"}
    if hidden:
        fields["hidden"] = True
    return _place(await backend.describe(which, fields or None))


def _place(place: tuple[int, int]) -> str:
    return f"{place[0]}:{place[1]}"


def happened(args: list[bytes], now_ms: int) -> Event:
    """The event that the words of EVENT describe; the same reading as that of a record decides what is one."""
    words = [text("user, item, type, value or t", word) for word in args]
    fields: dict[str, str | float | int] = {"user": words[0], "item": words[1], "t": now_ms}
    if len(words) > 2:
        fields["type"] = words[2].lower()
    if len(words) > 3:
        fields["value"] = number("value", words[3])
    if len(words) > 4:
        fields["t"] = int(words[4]) if re.fullmatch(r"-?\d{1,18}", words[4], re.ASCII) else words[4]
    if fields.get("type") == FORGOTTEN:
        raise BadRequest("EVENT forgets nobody; wanted FORGET user")
    try:
        return decode(msgspec.json.encode(fields), now_ms)
    except BadEvent as exc:
        raise BadRequest(f"no event: {exc}") from exc


def recommendation(args: list[bytes]) -> Recommend:
    """The request that the words of RECOMMEND describe."""
    if not args:
        raise BadRequest(f"wanted RECOMMEND user [k] [options]; options are {OPTIONS}")
    request = Recommend(name("user", args[0]))
    if len(args) == 1:
        return request
    at = 1
    if not args[1][:1].isalpha():
        request.k = count(args[1])
        at = 2
    limited = False
    while at < len(args):
        option = args[at].upper()
        at += 1
        if option == b"WITHSCORES":
            request.with_scores = True
        elif option == b"WITHREASONS":
            request.with_reasons = True
        elif option == b"INCLUDESEEN":
            request.include_seen = True
        elif option == b"EXCLUDE" and not request.exclude:
            n = _size(args[at] if at < len(args) else b"", len(args) - at - 1)
            request.exclude = [name("item", word) for word in args[at + 1 : at + 1 + n]]
            at += 1 + n
        elif option == b"FILTER" and request.filter is None:
            request.filter = parse(text("FILTER", args[at] if at < len(args) else b""))
            at += 1
        elif option == b"PERCATEGORY" and not request.per_category:
            request.per_category = count(args[at] if at < len(args) else b"", what="PERCATEGORY")
            at += 1
        elif option == b"SEEN" and request.seen is None:
            request.seen = rule(text("SEEN", args[at] if at < len(args) else b""))
            at += 1
        elif option in SHARES and getattr(request, SHARES[option]) is None:
            setattr(request, SHARES[option], share(option.decode(), args[at] if at < len(args) else b""))
            at += 1
        elif option == b"AFTER" and request.after is None:
            request.after = place(args[at]) if at < len(args) else place(b"")
            at += 1
        elif option == b"TIMEOUT" and not limited:
            request.timeout_ms = timeout(args[at] if at < len(args) else b"")
            at += 1
            limited = True
        else:
            raise BadRequest(
                f"{short(args[at - 1])} is no option here; wanted [k] and, each once, of {OPTIONS}"
            )
    if limited and request.after is None:
        raise BadRequest("TIMEOUT goes with AFTER partition:offset")
    if request.include_seen and request.seen is not None:
        raise BadRequest(
            "INCLUDESEEN lets every item come again; SEEN says which ones may not: wanted one of them"
        )
    return request


def _size(word: bytes, most: int) -> int:
    """How many items follow EXCLUDE."""
    if word.isdigit() and len(word) <= 6 and 1 <= (n := int(word)) <= min(most, MAX_K):
        return n
    raise BadRequest(
        f"EXCLUDE {short(word)}; wanted how many items follow, a whole number from 1 to {MAX_K}, and so many items"
    )


def _items(words: list[bytes], syntax: str) -> list[str]:
    """The items of a list."""
    if not 1 <= len(words) <= MAX_K:
        raise BadRequest(f"wanted {syntax}, with 1 to {MAX_K} items; got {len(words)}")
    return [name("item", word) for word in words]


def session(session: Session, args: list[bytes]) -> Reply:
    """Items for a visitor without a name, by what they have looked at, the newest last."""
    syntax = "SESSION k item [item …] [WITHSCORES] [WITHREASONS]"
    words, request = list(args), Recommend("")
    while len(words) > 2 and (option := words[-1].upper()) in (b"WITHSCORES", b"WITHREASONS"):
        request.with_scores |= option == b"WITHSCORES"
        request.with_reasons |= option == b"WITHREASONS"
        words.pop()
    if not words:
        raise BadRequest(f"wanted {syntax}")
    request.k = count(words[0])
    request.visited = _items(words[1:], syntax)
    return shown(session.service.backend.recommend(request), request)


def rank(session: Session, args: list[bytes]) -> Reply:
    """The items it is given, in the order this user would want them."""
    syntax = "RANK user item [item …] [WITHSCORES]"
    if not args:
        raise BadRequest(f"wanted {syntax}")
    scored = len(args) > 2 and args[-1].upper() == b"WITHSCORES"
    request = Rank(name("user", args[0]), _items(args[1 : len(args) - scored], syntax), scored)
    answer = session.service.backend.rank(request)
    return shown(answer, Recommend("", with_scores=scored))


def shown(answer: Answer, request: Recommend) -> Reply:
    """An answer as a list: items, each with its score and its reason after it where they were asked for."""
    if not request.with_scores and not request.with_reasons:
        return list(answer.items)
    columns: list[list[str] | list[float]] = [answer.items]
    if request.with_scores:
        columns.append(answer.scores)
    if request.with_reasons:
        columns.append(answer.reasons)
    return [value for row in zip(*columns, strict=True) for value in row]
