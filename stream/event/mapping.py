"""Which field of a record is what, where a topic is written in other names, units and types than ours.

[event]
user = "customer.id"          a dot goes into an object, or a list by number; "" is none
item = "product.sku"
t = "created_at"              "@timestamp": the record's own time
time_unit = "s"
type = "action"

[event.kinds]
add_to_cart = "click"         theirs = ours; "ignore" leaves such a record out
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from stream.event.event import CODE, FORGOTTEN, KINDS

STAMP: Final = "@timestamp"  # as a field's name: the time of the record itself
IGNORE: Final = "ignore"  # as a kind: no event, and nothing is wrong with it
ROLES: Final = ("user", "item", "t", "type", "value", "id", "source")
Unit = Literal["s", "ms", "us", "ns", "iso"]
Envelope = Literal["auto", "none", "cloudevents", "debezium"]

WORDS: Final = {
    "s": "seconds since 1970",
    "ms": "milliseconds since 1970",
    "us": "microseconds since 1970",
    "ns": "nanoseconds since 1970",
}


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How records of the events topic are read; as it stands, as ours.

    Args:
        user, item, t, type, value, id, source: The name of each field; of those that may be missing, empty for none.
        time_unit: Of times that are numbers; ISO 8601 text is always read.
        kinds: Their types in ours, or "ignore"; a type that is one of ours need not be named.
        missing_type: What a record is that says no type.
        weights: The value of records by their type, where they have none.
        envelope: What the event stands in: found out by itself, or always the same.
        registry: The address of a schema registry, for records in Confluent's framing.
        registry_user, registry_password: To log in there.
    """

    user: str = "user"
    item: str = "item"
    t: str = "t"
    type: str = "type"
    value: str = "value"
    id: str = "id"
    source: str = "source"
    time_unit: Unit = "ms"
    kinds: dict[str, str] = {}
    missing_type: str = "view"
    weights: dict[str, float] = {}
    envelope: Envelope = "auto"
    registry: str = ""
    registry_user: str = ""
    registry_password: str = ""

    @property
    def paths(self) -> dict[str, str]:
        """Return the name of each field by role; a usual name that is another one's field is nobody's."""
        told = {role: getattr(self, role) for role in ROLES}
        moved = {name for role, name in told.items() if name != role}
        return {role: "" if name == role and name in moved else name for role, name in told.items()}

    @property
    def usual(self) -> bool:
        """Whether names and units are ours, so that a record of ours is read like any other."""
        return self.time_unit == "ms" and all(getattr(self, role) == role for role in ROLES)


NATIVE: Final = Mapping()


def fault(mapping: Mapping) -> tuple[str, Any, str] | None:
    """Return what is wrong with a mapping: a setting, its value, what was wanted; None where nothing is."""
    for role in ("user", "item", "t"):
        if not getattr(mapping, role):
            return role, "", "the name of a field, such as customer.id"
    for role, path in mapping.paths.items():
        if path and any(not part for part in path.split(".")) and path != STAMP:
            return role, path, "names with dots between them, such as customer.id"
        if path == STAMP and role != "t":
            return role, path, f"the name of a field; only t may be {STAMP}"
    places = [path for path in (mapping.paths[role] for role in ("user", "item", "t")) if path]
    if len(set(places)) < len(places):
        return "item", mapping.item, "three different fields for user, item and t"
    wanted = (*KINDS, FORGOTTEN, IGNORE)
    for theirs, ours in mapping.kinds.items():
        if ours not in wanted:
            return "kinds", f"{theirs} = {ours!r}", f"one of {', '.join(wanted)}"
    if mapping.missing_type not in (*KINDS, IGNORE, ""):
        return (
            "missing_type",
            mapping.missing_type,
            f"one of {', '.join(KINDS)}, {IGNORE}, or nothing to refuse them",
        )
    for kind, weight in mapping.weights.items():
        if not -1e30 < weight < 1e30:
            return "weights", f"{kind} = {weight}", "finite numbers"
    if mapping.registry and not mapping.registry.startswith(("http://", "https://")):
        return "registry", mapping.registry, "an address such as http://registry:8081"
    return None


def ours(mapping: Mapping, kind: str) -> str:
    """Return the type of ours that one of theirs is, "ignore" for none; empty where it is not known."""
    return mapping.kinds.get(kind) or (kind if kind in CODE else "")
