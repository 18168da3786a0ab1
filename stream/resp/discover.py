"""The commands SIMILAR, TRENDING and EXPLAIN; `stream.service.parameter` has their arguments and options.

SIMILAR replies with what goes with an item lately; with ALLTIME, with what the same users chose at any time.
TRENDING replies with the items that have the largest decayed counts; HALFLIFE (30m, 1h, 7d) says how fast they decay, as
far as such counts are kept.  With scores each item is followed by its own.  CATEGORY is the item's `category`, or the
first of its `categories`.  EXPLAIN replies with names and values, see `stream.answer.explanation`.
"""

from stream.answer.request import Similar, Trending
from stream.resp.codec import Reply
from stream.resp.option import GRAMMARS
from stream.resp.recommend import shown
from stream.service.session import Session


def similar(session: Session, args: list[bytes]) -> Reply:
    """Reply with items near an item, nearest first."""
    request = Similar(**GRAMMARS["SIMILAR"].read(args))
    return shown(session.service.backend.similar(request), request)


def trending(session: Session, args: list[bytes]) -> Reply:
    """Reply with items that rise, first the one that rises most."""
    request = Trending(**GRAMMARS["TRENDING"].read(args))
    return shown(session.service.backend.trending(request), request)


def explain(session: Session, args: list[bytes]) -> Reply:
    """Reply with why an item stands where it stands for a user, or is not shown: names and values."""
    return dict(session.service.backend.explain(**GRAMMARS["EXPLAIN"].read(args)))
