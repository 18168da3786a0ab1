"""The commands that ask for lists that are for everybody, and for reasons.

    SIMILAR item [k] [ALLTIME] [WITHSCORES] [FILTER expression] [CATEGORY name]
    TRENDING [k] [HALFLIFE duration] [WITHSCORES] [FILTER expression] [CATEGORY name]
    EXPLAIN user item [FILTER expression]

SIMILAR replies with what goes with an item lately; with ALLTIME, with what the same users have had at any time.
TRENDING replies with the items that have the largest decayed counts; HALFLIFE (30m, 1h, 7d) says how fast they decay, as
far as such counts are kept.  With scores each item is followed by its own.  CATEGORY is the item's `category`, or the
first of its `categories`.  EXPLAIN replies with names and values, see `stream.answer.explanation`.
"""

from typing import Final

from stream.answer.request import Recommend, Similar, Trending
from stream.catalogue.filter import parse
from stream.error import BadRequest
from stream.event.identifier import name, short, text
from stream.resp.codec import Reply
from stream.resp.reply import shown
from stream.service.argument import count, half_life, narrow
from stream.service.session import Session

SIMILAR: Final = "item [k] [ALLTIME] [WITHSCORES] [FILTER expression] [CATEGORY name]"
TRENDING: Final = "[k] [HALFLIFE duration] [WITHSCORES] [FILTER expression] [CATEGORY name]"
EXPLAIN: Final = "user item [FILTER expression]"


def similar(session: Session, args: list[bytes]) -> Reply:
    """Items near an item, nearest first."""
    syntax = f"SIMILAR {SIMILAR}"
    if not args:
        raise BadRequest(f"wanted {syntax}")
    words = list(args[1:])
    request = Similar(name("item", args[0]), _k(words))
    found = _options(words, {b"ALLTIME", b"WITHSCORES"}, {b"FILTER", b"CATEGORY"}, syntax)
    request.all_time, request.with_scores = b"ALLTIME" in found, b"WITHSCORES" in found
    narrow(request, found)
    return shown(session.service.backend.similar(request), Recommend("", with_scores=request.with_scores))


def trending(session: Session, args: list[bytes]) -> Reply:
    """Items that rise, first the one that rises most."""
    words = list(args)
    request = Trending(_k(words))
    found = _options(words, {b"WITHSCORES"}, {b"HALFLIFE", b"FILTER", b"CATEGORY"}, f"TRENDING {TRENDING}")
    request.with_scores = b"WITHSCORES" in found
    if b"HALFLIFE" in found:
        request.half_life_ms = half_life(found[b"HALFLIFE"])
    narrow(request, found)
    return shown(session.service.backend.trending(request), Recommend("", with_scores=request.with_scores))


def explain(session: Session, args: list[bytes]) -> Reply:
    """Why an item stands where it stands for a user, or is not shown: names and values."""
    if len(args) < 2:
        raise BadRequest(f"wanted EXPLAIN {EXPLAIN}")
    found = _options(args[2:], set(), {b"FILTER"}, f"EXPLAIN {EXPLAIN}")
    filter = parse(text("FILTER", found[b"FILTER"])) if b"FILTER" in found else None
    return dict(session.service.backend.explain(name("user", args[0]), name("item", args[1]), filter))


def _k(words: list[bytes]) -> int:
    """How many items are wanted, taken from the front of the words where it stands there."""
    return count(words.pop(0)) if words and not words[0][:1].isalpha() else count()


def _options(words: list[bytes], flags: set[bytes], valued: set[bytes], syntax: str) -> dict[bytes, bytes]:
    """The options of a command by name, each once at most, with what follows those that have a value."""
    found: dict[bytes, bytes] = {}
    left = iter(words)
    for word in left:
        option = word.upper()
        if option in found or option not in flags | valued:
            raise BadRequest(f"{short(word)} is no option here; wanted {syntax}, each option once")
        found[option] = next(left, b"") if option in valued else b""
    return found
