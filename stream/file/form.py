"""What form a file of events has, and where each part of an event stands in it.

csv         a header that names a user, an item and a time, parted by , ; | or tabs (`stream/file/column.py`)
jodie       u,i,ts,label…   or   user_id,item_id,timestamp,state_label,…      times in seconds; other columns are not read
movielens   user, item, rating and time, numbers without a header, parted by tabs or ::      the rating is the value
json        one event a line, as on the topic, or with a name of the same columns
npz         arrays user, item, ts, optional user_ids, item_ids, rating
parquet     columns as of csv; timestamps and dates say their own unit
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from stream.error import BadSource
from stream.file import column, parquet
from stream.file.column import ANY, Layout, Selection
from stream.file.table import DELIMITERS, header, twice
from stream.file.text import text_lines

FORMATS = ("jodie", "movielens", "csv", "json", "npz", "parquet")
JODIE = Layout(",", 0, 1, 2)
FILMS = {"\t": Layout("\t", 0, 1, 3, value=2, width=4, kind="watch")}
FILMS["::"] = FILMS["\t"]._replace(delimiter="::")
WANTED = "a header such as user,item,timestamp[,type][,value]"

_NUMBER = re.compile(r"\s*\d+(\.\d+)?\s*")
_JODIE = ("u,i,ts,label", "u,i,ts,state_label", "user_id,item_id,timestamp,state_label")


class Form(msgspec.Struct, frozen=True):
    """The format of a file; where everything stands, if it is a table; JSON names by role, if they are not the usual."""

    name: str
    layout: Layout = JODIE
    headed: bool = False
    keys: tuple[tuple[str, str], ...] = ()
    unread: tuple[str, ...] = ()  # names of what is not read
    unit: str = ""  # of its times, where their type says it


def first_line(path: Path) -> str:
    """The first line that holds something; empty without any."""
    return next((line for line in text_lines(path) if not line.isspace()), "").lstrip("\ufeff")


def form_of(path: Path, wanted: str | None = None, chosen: Selection = ANY) -> Form:
    """The form of a file: the format asked for, else found by its name or its first line.

    Raises:
        BadSource: It is none, or lacks a column, or names one twice.
    """
    if wanted is not None and wanted not in FORMATS:
        raise BadSource(f"format {wanted!r} is not known; expected one of {', '.join(FORMATS)}")
    name = wanted or ("npz" if path.name.endswith(".npz") else None)
    if name == "npz":
        return Form("npz")
    if name == "parquet" or (name is None and parquet.is_parquet(path)):
        return _parquet(path, chosen)
    head = first_line(path)
    if not head:
        raise BadSource(f"{path}: the file is empty; expected events")
    name = name or _name(head, chosen)
    if name == "json":
        return _json(head, chosen)
    if name == "jodie":
        return Form("jodie", JODIE, headed=True)
    if name == "movielens":
        return Form("movielens", FILMS["::" if "::" in head else "\t"])
    return _table(path, head, chosen)


def _name(head: str, chosen: Selection) -> str:
    """The format that a first line is of."""
    if head.lstrip().startswith("{"):
        return "json"
    if head.startswith(_JODIE) and not chosen.names:
        return "jodie"
    numbers = any(
        len(parts) == 4 and all(map(_NUMBER.fullmatch, parts)) for parts in (head.split(one) for one in FILMS)
    )
    return "movielens" if numbers else "csv"


def _table(path: Path, head: str, chosen: Selection) -> Form:
    laid = {delimiter: column.layout(header(head, delimiter), delimiter, chosen) for delimiter in DELIMITERS}
    found = next((one for one in laid.values() if isinstance(one, Layout)), None)
    if found is None:
        # the delimiter under which most is found says best what is not
        delimiter = max(
            DELIMITERS, key=lambda one: (len(column.find(header(head, one), chosen)), head.count(one))
        )
        names, lacking = header(head, delimiter), str(laid[delimiter])
        if not chosen.names and not {"user", "item"} & column.find(names, chosen).keys():
            raise BadSource(
                f"{path}: unknown format, first line {head.strip()[:80]!r}; expected {WANTED}, JODIE csv, "
                "MovieLens u.data, or JSON lines; --columns user=NAME,item=NAME,t=NAME says which columns to read"
            )
        name = dict(chosen.names).get(lacking, lacking)
        raise BadSource(
            f"{path}:1: no column {name!r} in the header {head.strip()[:200]!r}; expected {WANTED}, or say which "
            f"column it is: --columns {lacking}=NAME"
        )
    return Form("csv", _once(path, found), headed=True, unread=_unread(found))


def _parquet(path: Path, chosen: Selection) -> Form:
    names = parquet.names(path)
    found = column.layout(names, ",", chosen)
    if not isinstance(found, Layout):
        name = dict(chosen.names).get(found, found)
        raise BadSource(
            f"{path}: no column {name!r} among {', '.join(names)[:200]}; expected a user, an item and a time, or say which "
            f"column it is: --columns {found}=NAME"
        )
    if told := parquet.compound(path, found.places):
        raise BadSource(
            f"{path}: the column {told} holds no single values; expected text, numbers or timestamps"
        )
    unit = "ms" if parquet.is_stamped(path, found.t) else ""
    return Form("parquet", _once(path, found), unread=_unread(found), unit=unit)


def _once(path: Path, found: Layout) -> Layout:
    if same := twice(list(found.names)):
        raise BadSource(f"{path}:1: the header names the column {same!r} twice; name each column once")
    return found


def _unread(found: Layout) -> tuple[str, ...]:
    return tuple(name for k, name in enumerate(found.names) if k not in found.places and name)


def _json(head: str, chosen: Selection) -> Form:
    try:
        fields = msgspec.json.decode(head.strip().encode("utf-8", "surrogateescape"), type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError):
        fields = {}
    by_lower, told = {name.lower(): name for name in fields}, dict(chosen.names)
    found = {role: by_lower[name] for role, name in column.find(list(by_lower), chosen).items()}
    found |= {role: role for role in column.ROLES if role in fields and role not in told}
    found |= {role: name for role, name in told.items() if name and role not in found}
    usual = all(role == name for role, name in found.items())
    unread = tuple(name for name in fields if name not in found.values() and name not in column.ROLES)
    return Form("json", JODIE._replace(usual="ms"), keys=() if usual else tuple(found.items()), unread=unread)
