"""Which column of a file holds what: found by names in use, or as `user=visitorid,item=sku,t=ts:s,type=event` says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from stream.error import BadRequest
from stream.file.unit import FACTOR

ALIASES = {
    "user": "user userid u uid username visitor visitorid customer customerid member memberid client clientid "
    "account accountid buyer buyerid person personid",
    "item": "item itemid i iid movie movieid sku product productid article articleid asin parentasin stockcode book "
    "bookid isbn track trackid song songid artist artistid video videoid business businessid game gameid",
    "t": "t timestamp time ts datetime date eventtime eventtimestamp timestampms timems unixtime unixreviewtime "
    "createdat invoicedate",
    "type": "type event eventtype action actiontype behavior behaviour behaviortype",
    "value": "value rating ratings score stars",
    "id": "eventid",
}
"""What each role is called, letters and digits alone, in the order of preference."""

ROLES = tuple(ALIASES)
UNITS = (*FACTOR, "iso")
FILMS = ("movieid", "movie")  # a column of these names is of MovieLens: its events are `watch`, as in u.data

_OTHER = re.compile(r"[^a-z0-9]")
_ALIASES = {role: names.split() for role, names in ALIASES.items()}
_ROLE = {name: role for role, names in _ALIASES.items() for name in names}


class Selection(NamedTuple):
    """The columns that were named: role -> name, empty for none; and the unit of their times, empty for found."""

    names: tuple[tuple[str, str], ...] = ()
    unit: str = ""


ANY = Selection()


class Layout(NamedTuple):
    """Where each role stands in a row, None where it does not; `width` cells a row, 0 for any number."""

    delimiter: str
    user: int
    item: int
    t: int
    type: int | None = None
    value: int | None = None
    id: int | None = None
    width: int = 0
    names: tuple[str, ...] = ()
    kind: str = "view"  # of events whose type is not said
    usual: str = "s"  # unit of times that count from a beginning of their own

    @property
    def places(self) -> tuple[int, ...]:
        """Of the columns that are read."""
        roles = (self.user, self.item, self.t, self.type, self.value, self.id)
        return tuple(place for place in roles if place is not None)


def selection(text: str | None) -> Selection:
    """The selection in `user=visitorid,item=sku,t=ts:s,type=event`; a unit is s, ms, us, ns or iso.

    Raises:
        BadRequest: It is none.
    """
    names: dict[str, str] = {}
    unit = ""
    for part in text.split(",") if text else ():
        word, _, name = (one.strip() for one in part.partition("="))
        role = word if word in ROLES else _ROLE.get(plain(word), "")
        if "=" not in part or not role or role in names:
            raise BadRequest(
                f"{part.strip()!r}: write each of {', '.join(ROLES)} at most once, as user=visitorid,item=sku,t=ts:s"
            )
        if role == "t":
            name, unit = _timed(name)
        names[role] = name.strip().lower()
    return Selection(tuple(names.items()), unit)


def _timed(text: str) -> tuple[str, str]:
    """The name and the unit in `ts:s`; no unit where none is given."""
    name, colon, unit = text.rpartition(":")
    if not colon:
        return text, ""
    if unit.lower() not in UNITS:
        raise BadRequest(f"{text!r}: {unit!r} is no unit; expected one of {', '.join(UNITS)}")
    return name, unit.lower()


def plain(name: str) -> str:
    """A name in lower case, of letters and digits alone."""
    return _OTHER.sub("", name.lower())


def find(names: Sequence[str], chosen: Selection) -> dict[str, str]:
    """The name that each role has among these, as far as there is one; what is selected comes first."""
    told = dict(chosen.names)
    by_plain: dict[str, str] = {}
    for name in names:
        by_plain.setdefault(plain(name), name)
    found = {}
    for role, aliases in _ALIASES.items():
        if role in told:
            if told[role] in names:
                found[role] = told[role]
            continue
        free = (by_plain[one] for one in aliases if one in by_plain and by_plain[one] not in told.values())
        if name := next(free, ""):
            found[role] = name
    return found


def layout(names: list[str], delimiter: str, chosen: Selection) -> Layout | str:
    """Where everything stands under a header of these names; else the role that is not there."""
    found = find(names, chosen)
    for role in ("user", "item", "t", *(one for one, name in chosen.names if name)):
        if role not in found:
            return role
    place = {role: names.index(name) for role, name in found.items()}
    return Layout(
        delimiter,
        place["user"],
        place["item"],
        place["t"],
        place.get("type"),
        place.get("value"),
        place.get("id"),
        len(names),
        tuple(names),
        "watch" if plain(found["item"]) in FILMS else "view",
        "ms" if found["t"] == "t" or found["t"].endswith("ms") else "s",
    )
