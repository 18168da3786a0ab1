"""The commands EVENT, ITEM, HIDE, UNHIDE and FORGET."""

from __future__ import annotations

import re
import time
from typing import Final

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

_OPTIONS: Final = {one.word.encode(): one.field for one in COMMANDS["EVENT"].options}


async def event(session: Session, args: list[bytes]) -> Reply:
    """Publish an event; the reply is its position in the topic, partition:offset."""
    words, options = _parted(args)
    if not 2 <= len(words) <= 5:
        raise BadRequest(f"wanted {COMMANDS['EVENT'].syntax}")
    backend, now_ms = session.service.backend, session.service.clock()
    return _position(await backend.publish(happened(words, options, now_ms, backend)))


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


def _parted(args: list[bytes]) -> tuple[list[bytes], dict[str, str]]:
    """Return the arguments of EVENT, and its options by field."""
    at = next((i for i in range(2, len(args)) if args[i].upper() in _OPTIONS), len(args))
    options: dict[str, str] = {}
    for i in range(at, len(args), 2):
        field = _OPTIONS.get(args[i].upper(), "")
        if not field or field in options or i + 1 == len(args):
            raise BadRequest(
                f"{short(args[i])} is no option here; wanted {COMMANDS['EVENT'].syntax}, each option once"
            )
        options[field] = text(field, args[i + 1])
    return args[:at], options


def happened(args: list[bytes], options: dict[str, str], now_ms: int, backend: Backend) -> Event:
    """The event that the words of EVENT describe; the same reading as that of a record decides what is one.

    Args:
        now_ms: The wall clock.
        backend: Knows its time where no word says one, and how far ahead it may be.
    """
    words = [text("user, item, type, value or t", word) for word in args]
    fields: dict[str, str | float | int] = {
        "user": words[0],
        "item": words[1],
        "t": backend.event_time(now_ms),
        **options,
    }
    if len(words) > 2:
        fields["type"] = words[2].lower()
    if len(words) > 3:
        fields["value"] = number("value", words[3])
    if len(words) > 4:
        fields["t"] = int(words[4]) if re.fullmatch(r"-?\d{1,18}", words[4], re.ASCII) else words[4]
    if fields.get("type") == FORGOTTEN:
        raise BadRequest("EVENT forgets nobody; wanted FORGET user")
    try:
        return decode(msgspec.json.encode(fields), now_ms, backend.future_ms)
    except BadEvent as exc:
        raise BadRequest(f"no event: {exc}") from exc
