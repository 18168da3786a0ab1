"""The commands EVENT, ITEM, HIDE, UNHIDE and FORGET."""

from __future__ import annotations

import re
import time
from typing import Any, Final

import msgspec

from stream.catalogue.record import decode as described
from stream.error import BadEvent, BadRequest
from stream.event.event import FORGOTTEN, Event, decode
from stream.event.identifier import name, short, text
from stream.resp.codec import Reply
from stream.resp.option import GRAMMARS
from stream.service.argument import number
from stream.service.backend import Backend
from stream.service.erasure import erased
from stream.service.parameter import COMMANDS
from stream.service.session import Session

_ARGUMENTS: Final = tuple(one.field for one in COMMANDS["EVENT"].arguments)
_OPTIONS: Final = {
    one.word.encode(): one.field
    for one in (*COMMANDS["EVENT"].arguments, *COMMANDS["EVENT"].options)
    if one.word
}
_SWITCHES: Final = frozenset(one.field for one in COMMANDS["EVENT"].options if one.kind == "switch")


async def event(session: Session, args: list[bytes]) -> Reply:
    """Publish an event; the reply is its position in the topic, partition:offset."""
    given = _parted(args)
    with_meta = given.pop("with_meta", False)
    backend, now_ms = session.service.backend, session.service.clock()
    made = happened(given, now_ms, backend)
    place = _position(await backend.publish(made))
    if not with_meta:
        return place
    clock = "given" if "t" in given else "wall" if made.t == now_ms else "stream"
    return {"place": place, "t": made.t, "clock": clock}


async def item(session: Session, args: list[bytes]) -> Reply:
    """Reply with an item's fields; with a JSON object, replace them all, and with `null` remove them."""
    if not 1 <= len(args) <= 2:
        raise BadRequest(f"wanted {COMMANDS['ITEM'].syntax}")
    backend, which = session.service.backend, name("item", args[0])
    if len(args) == 1:
        found = backend.item(which)
        return None if found is None else dict(found)  # type: ignore[arg-type]
    try:
        fields = described(args[1])
    except BadEvent as exc:
        raise BadRequest(f"no description of an item: {exc}") from exc
    return _position(await backend.describe(which, fields))


async def hide(session: Session, args: list[bytes]) -> Reply:
    """Leave an item out of every answer, from the next one on; what it is stays as it is."""
    return await _hidden(session, args, True)


async def unhide(session: Session, args: list[bytes]) -> Reply:
    """Let an item be in answers again."""
    return await _hidden(session, args, False)


async def _hidden(session: Session, args: list[bytes], hidden: bool) -> Reply:
    which: str = GRAMMARS["HIDE" if hidden else "UNHIDE"].read(args)["item"]
    return _position(await session.service.backend.hide(which, hidden))


async def forget(session: Session, args: list[bytes]) -> Reply:
    """Remove all that is remembered of a user; the reply is a receipt."""
    given = GRAMMARS["FORGET"].read(args)
    began = time.perf_counter()
    receipt = await erased(session.service, **given)
    session.wait_s = time.perf_counter() - began
    return {**receipt}  # type: ignore[dict-item]  # lists of text are replies, too


def _position(position: tuple[int, int]) -> str:
    return f"{position[0]}:{position[1]}"


def _parted(args: list[bytes]) -> dict[str, Any]:
    """Return the words of EVENT by field, as text: arguments by their place or by their words, then options."""
    at = next((i for i in range(2, len(args)) if args[i].upper() in _OPTIONS), len(args))
    if not 2 <= at <= len(_ARGUMENTS):
        raise BadRequest(f"wanted {COMMANDS['EVENT'].syntax}")
    given: dict[str, Any] = {
        field: text(field, word) for field, word in zip(_ARGUMENTS, args[:at], strict=False)
    }
    while at < len(args):
        field = _OPTIONS.get(args[at].upper(), "")
        switch = field in _SWITCHES
        if not field or field in given or (at + 1 == len(args) and not switch):
            raise BadRequest(
                f"{short(args[at])} is no option here; wanted {COMMANDS['EVENT'].syntax}, each value once"
            )
        given[field] = True if switch else text(field, args[at + 1])
        at += 1 if switch else 2
    return given


def happened(given: dict[str, str], now_ms: int, backend: Backend) -> Event:
    """The event that the words of EVENT describe; the same reading as that of a record decides what is one.

    Args:
        given: Its fields as text.
        now_ms: The wall clock.
        backend: Knows its time where no word says one, and how far ahead it may be.
    """
    fields: dict[str, str | float | int] = {"t": backend.event_time(now_ms), **given}
    if "type" in given:
        fields["type"] = given["type"].lower()
    if "value" in given:
        fields["value"] = number("value", given["value"])
    if "t" in given and re.fullmatch(r"-?\d{1,18}", given["t"], re.ASCII):
        fields["t"] = int(given["t"])
    if fields.get("type") == FORGOTTEN:
        raise BadRequest("EVENT forgets nobody; wanted FORGET user")
    try:
        return decode(msgspec.json.encode(fields), now_ms, backend.future_ms)
    except BadEvent as exc:
        raise BadRequest(f"no event: {exc}") from exc
