"""A decoder of plain JSON made for one mapping: names and nesting are those of a struct, read in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Map
from operator import attrgetter
from typing import Any, Final, Literal

import msgspec

from stream.event.mapping import ROLES, Mapping

NEEDED: Final = ("user", "item", "t", "op", "schema")
ENVELOPES: Final = {
    "none": ("",),
    "auto": ("", "after", "payload.after"),
    "debezium": ("after", "payload.after"),
}
"""Where the event may stand in a record; around a row, `op` says that it is one."""
SIGNS: Final = {
    ("auto", ""): ("specversion", "op", "payload"),
    ("auto", "after"): ("specversion", "payload"),
    ("auto", "payload.after"): ("specversion",),
    ("debezium", "after"): ("payload",),
}
"""Fields beside which a record may be in another envelope, so that it is not read in one pass."""
TYPES: Final[Map[str, Any]] = {
    "user": str | int,
    "item": str | int,
    "t": int | float | str,
    "type": str | None,
    "value": float | None,
    "id": str | int | None,
    "source": Any,
    "op": Literal["c", "u", "r"],
    "schema": Any,
}


def flat(mapping: Mapping, envelope: str = "") -> Callable[[bytes], Sequence[Any]] | None:
    """Return what reads the seven fields of a record of JSON, in the order of `ROLES`; None where names cross or count.

    Raises:
        ValueError: The record is not as the mapping says, or no JSON.
    """
    above = envelope.split(".") if envelope else []
    signs = SIGNS.get((mapping.envelope, envelope), ())
    paths = {role: [*above, *path.split(".")] for role, path in mapping.paths.items() if path}
    if above:
        paths["op"] = [*above[:-1], "op"]
    if len(above) > 1:
        paths["schema"] = ["schema"]  # beside the payload of a change
    told = [".".join(path) for path in paths.values()]
    crossed = len(set(told)) < len(told) or any(other.startswith(one + ".") for one in told for other in told)
    if crossed or any(path[0] in signs for path in paths.values()):
        return None
    if any(part.isdigit() for path in paths.values() for part in path):
        return None
    types = {**TYPES, **({"t": str} if mapping.time_unit == "iso" else {})}
    places = dict[str, str]()
    root = _struct([(path, role) for role, path in paths.items()], types, places, "", signs)
    read: Callable[[bytes], Any] = msgspec.json.Decoder(root).decode
    order = [role for role in ROLES if role in places]
    get = attrgetter(*(places[role] for role in order))

    def whole(payload: bytes) -> Sequence[Any]:
        return get(read(payload))  # type: ignore[no-any-return]

    def filled(payload: bytes) -> Sequence[Any]:
        found = dict(zip(order, get(read(payload)), strict=True))
        return [found.get(role) for role in ROLES]

    return whole if len(order) == len(ROLES) and not above else filled


def _struct(
    paths: list[tuple[list[str], str]],
    types: Map[str, Any],
    places: dict[str, str],
    above: str,
    signs: Sequence[str] = (),
) -> type:
    """Return a struct of these paths, without the fields `signs`, and note in `places` where each role stands in it."""
    groups = dict[str, list[tuple[list[str], str]]]()
    for path, role in paths:
        groups.setdefault(path[0], []).append((path[1:], role))
    fields, names = list[tuple[str, Any] | tuple[str, Any, Any]](), dict[str, str]()
    for number, (name, inner) in enumerate(groups.items()):
        field = f"f{number}"
        names[field] = name
        needed = any(role in NEEDED for _, role in inner)
        if inner[0][0]:
            below = _struct(inner, types, places, f"{above}{field}.")
            fields.append((field, below) if needed else (field, below, msgspec.field(default_factory=below)))
            continue
        role = inner[0][1]
        places[role] = above + field
        fields.append((field, types[role]) if needed else (field, types[role], None))
    for number, name in enumerate(signs):
        names[f"s{number}"] = name
        fields.append((f"s{number}", None, None))
    return msgspec.defstruct("Record", fields, rename=names, kw_only=True, gc=False)
