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

from collections.abc import Coroutine
from typing import Any

from stream.answer.request import MAX_K, Rank, Recommend
from stream.answer.rule import parse as rule
from stream.catalogue.filter import parse
from stream.error import BadRequest
from stream.event.identifier import name, short, text
from stream.resp.codec import Reply
from stream.resp.reply import shown
from stream.service.argument import count, place, share, timeout
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
