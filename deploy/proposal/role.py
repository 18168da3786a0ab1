"""Which place of a record holds what: by the names in use, and by the values that stand there."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import numpy as np

from deploy.proposal.shape import Shape
from stream.error import BadEvent
from stream.event.event import KINDS
from stream.file.column import ALIASES, plain
from stream.file.format import known_kind
from stream.file.unit import iso, unit

MORE: Final = {
    "user": "shopper subject actor session sessionid device deviceid anonymousid distinctid profile profileid contactid "
    "guest guestid reader viewer owner uuid who by",
    "item": "content contentid offer offerid listing listingid object objectid target targetid page pageid url course "
    "courseid post postid document documentid doc variant variantid what",
    "t": "occurredat happenedat eventts tsms at when servertime clienttime receivedat sentat createdon orderdate loggedat "
    "unixtimestamp epoch",
    "type": "name eventname kind verb activity op",
    "value": "weight quantity qty price amount total duration dwell seconds",
    "id": "messageid insertid eventuuid uuid guid",
}
NAMES: Final = {
    role: [*ALIASES[role].split(), *MORE.get(role, "").split()]
    for role in ("user", "item", "t", "type", "value", "id")
}
GENERIC: Final = (
    "id",
    "key",
    "code",
    "uuid",
    "name",
    "number",
    "no",
)  # of which the name above says what it is of
LEAST: Final = 0.2  # confidence that is proposed
MOST_KINDS: Final = 40
_PART = re.compile(r"[^a-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")


class Found(NamedTuple):
    """A place for a role, and how sure that is, 0 to 1."""

    place: str
    confidence: float


def found(shape: Shape, now_ms: int) -> dict[str, Found]:
    """Return the place of each role, as far as there is one; the surest of all first, each place once."""
    scored = [
        (name * share * _fits(role, shape.values[place], now_ms), role, place)
        for place in shape.values
        for role in NAMES
        if (share := shape.share(place)) and (name := named(role, place))
    ]
    chosen: dict[str, Found] = {}
    for confidence, role, place in sorted(scored, key=lambda one: -one[0]):
        taken = {one.place for one in chosen.values()}
        if role not in chosen and place not in taken and confidence >= LEAST:
            chosen[role] = Found(place, confidence)
    return chosen


def named(role: str, place: str) -> float:
    """Return how well a name is one of a role, 0 to 1."""
    parts = [part for part in place.split(".") if not part.isdigit()]
    last, above = plain(parts[-1]), plain(parts[-2]) if len(parts) > 1 else ""
    depth = 0.97 ** (len(parts) - 1)
    if last in GENERIC and above:
        if above in NAMES[role] or above + last in NAMES[role]:
            return 0.95 * depth
        if role in ("user", "item"):
            return 0.0
    if last in NAMES[role]:
        at = NAMES[role].index(last)
        usual = at < len(ALIASES[role].split())
        return (1.0 - 0.004 * at if usual else 0.7 - 0.004 * at) * depth
    words = [word.lower() for word in _PART.split(parts[-1]) if word]
    ends = {"".join(words[k:]) for k in range(1, len(words))}
    if role == "t" and words[-1:] in (["at"], ["time"], ["ts"], ["timestamp"], ["date"]):
        return 0.75 * depth
    if any(len(end) > 3 and end in NAMES[role] for end in ends):
        return 0.65 * depth
    heads = {"".join(words[:k]) for k in range(1, len(words))}
    return (
        0.45 * depth
        if role in ("user", "item") and any(len(one) > 3 and one in NAMES[role] for one in heads)
        else 0.0
    )


def _fits(role: str, values: list[Any], now_ms: int) -> float:
    """Return which share of the values may be of a role."""
    if role == "t":
        return 1.0 if time_unit(values, now_ms) else 0.0
    if role == "value":
        return _share(values, lambda one: isinstance(one, int | float))
    if role == "type":
        distinct = set(map(str, values))
        known = sum(bool(known_kind(one) or known_kind(one.rpartition(".")[2])) for one in distinct)
        few = len(distinct) <= MOST_KINDS and (len(distinct) <= 3 or len(distinct) <= 0.5 * len(values))
        texts = _share(values, lambda one: isinstance(one, str))
        return texts * (0.6 + 0.4 * known / len(distinct)) if few or known else 0.0
    if role == "id":
        return 1.0 if len(set(map(str, values))) == len(values) > 1 else 0.0
    ids = _share(values, lambda one: isinstance(one, int) or (isinstance(one, str) and len(one) <= 256))
    return ids if time_unit(values, now_ms) != "iso" else 0.0


def time_unit(values: list[Any], now_ms: int) -> str:
    """Return the unit of times, "iso" for text; empty where they are none."""
    numbers, texts = list[float](), 0
    for value in values:
        try:
            numbers.append(float(value))
        except ValueError:
            try:
                iso(str(value))
            except BadEvent:
                continue
            texts += 1
    if texts > 0.9 * len(values):
        return "iso"
    if len(numbers) < 0.9 * len(values) or not np.isfinite(numbers).all():
        return ""
    usual = unit(np.array(numbers), "ms", now_ms)
    low = min(numbers)
    return (usual or "") if low > 4e8 else ""


def kinds(values: list[Any]) -> tuple[dict[str, str], dict[str, int]]:
    """Return their types in ours where that is known by another name, and how often each that is not known occurs."""
    told: dict[str, str] = {}
    strange: dict[str, int] = {}
    for value in map(str, values):
        if value in KINDS:
            continue
        ours = known_kind(value) or known_kind(value.rpartition(".")[2])
        if ours:
            told[value] = ours
        else:
            strange[value] = strange.get(value, 0) + 1
    return told, strange


def _share(values: list[Any], test: Any) -> float:
    return sum(map(bool, map(test, values))) / len(values)
