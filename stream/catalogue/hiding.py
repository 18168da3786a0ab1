"""Hiding: whether an item may be in an answer, by what the last records of the items topic say.

    key                        value                              says
    | id |                     {"hidden": true or false, …}       it is hidden, or not, while this description stands
                               {"available": false, …}            it is in no answer while this description stands
    | 0 "hidden" 0 | id |      {"hidden": true}                   HIDE
                               {"hidden": false}                  UNHIDE

Of a description's `hidden` and HIDE or UNHIDE the later one counts; a description without the field says nothing, and so
leaves HIDE as it is.  An id holds no control character, so that no item has the key of another one's HIDE: the last
record of each key is enough to know everything, and a new description and a HIDE at once lose nothing.

A `"hidden": false` of `ITEM`, or of a file that is produced, is followed by the record of UNHIDE: it is shown also when
another description comes after.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stream.error import BadEvent

PREFIX: Final = b"\0hidden\0"


class _Switch(msgspec.Struct, forbid_unknown_fields=True):
    hidden: bool


_read = msgspec.json.Decoder(_Switch | None).decode


def key(item: str) -> bytes:
    """The key of the record that hides an item or shows it again."""
    return PREFIX + item.encode()


def record(hidden: bool) -> bytes:
    """The value of that record."""
    return msgspec.json.encode(_Switch(hidden))


def decode(payload: bytes) -> bool | None:
    """Whether such a record hides its item, None where it says nothing any more.

    Raises:
        BadEvent: It is no such record.
    """
    try:
        switch = _read(payload or b"null")
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        reason = "type" if isinstance(exc, msgspec.ValidationError) else "json"
        raise BadEvent(
            reason,
            f'a record that hides an item is {payload[:40]!r}: {exc}; wanted {{"hidden": true}} or false',
        ) from exc
    return None if switch is None else switch.hidden


def told(fields: Mapping[str, Any] | None) -> bool | None:
    """Whether a description says that its item is hidden, None where it says nothing of it."""
    hidden = (fields or {}).get("hidden")
    return hidden if isinstance(hidden, bool) else None


def available(fields: Mapping[str, Any] | None) -> bool:
    """Whether an item is available, as far as its description says."""
    return fields is None or fields.get("available") is not False


def settled(description: bool | None, switch: bool | None, description_later: bool) -> bool:
    """Whether an item is hidden, by what its description and its last HIDE or UNHIDE say."""
    if description is None or switch is None:
        return bool(switch if description is None else description)
    return description if description_later else switch
