"""The rules of an answer: what a user's having had an item means for it, variety, the tail, exploration.

A seen rule says of each kind of event how long an item stays out of the user's answers after it: `forever`, `never`
(it does not keep the item out at all) or a duration such as `30d`; units are s m h d w.  Time counts from the user's
last event on the item, whatever its kind, in stream time.

    SEEN purchase,like=30d     for one request: only what was bought, or liked within 30 days, stays out
    SEEN none                  nothing stays out, as INCLUDESEEN
"""

from __future__ import annotations

from typing import Final

import numpy as np

from state.record.layout import FOREVER, KINDS
from stream.error import BadRequest
from stream.event.duration import milliseconds
from stream.event.event import KINDS as NAMES

SYNTAX: Final = (
    "none, or kinds of event with commas between them, each with =forever or a duration such as =30d"
)


def parse(text: str) -> np.ndarray:
    """Return the seen rule of one request, int64 [KINDS] ms.

    Raises:
        BadRequest: It is none.
    """
    if text.strip().lower() == "none":
        return np.zeros(KINDS, np.int64)
    given: dict[str, str] = {}
    for part in text.split(","):
        kind, _, span = part.strip().partition("=")
        if kind.lower() in given:
            raise BadRequest(f"SEEN names {kind} twice; wanted {SYNTAX}")
        given[kind.lower()] = span if _ else "forever"
    return ttl(given)


def ttl(given: dict[str, str]) -> np.ndarray:
    """Return a seen rule as the kernels read it, int64 [KINDS] ms; kinds that are not named keep nothing out.

    Raises:
        BadRequest: It names the kind and what is wanted.
    """
    row = np.zeros(KINDS, np.int64)
    for kind, span in given.items():
        if kind not in NAMES or kind == "impression":
            raise BadRequest(
                f"SEEN: {kind[:40]!r} is no kind of event that has an item; wanted {', '.join(NAMES[:-1])}"
            )
        row[NAMES.index(kind)] = milliseconds(f"SEEN: {kind}", span, forever=FOREVER)
    return row
