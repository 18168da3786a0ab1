"""Take posted events and descriptions of items: each is read as a record of its topic is, and written there.

Records that are wrong are told by line and reason.  Lines are taken one by one, the good ones all the same; an array is
taken as a whole, or not at all.  `strict` says otherwise, true or false:

    200    all were taken
    207    some were; `places` has null where one was not, `errors` says why
    400    none was taken: all of them are wrong, or one is and the request is strict
    503    some could not be written; those with a place were, the others may be sent again

An event that may be sent twice should have an `id`: with it, it counts once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final, TypeVar

import msgspec

from stream.catalogue import record as item_record
from stream.catalogue.describer import Description
from stream.catalogue.record import Value
from stream.error import BadEvent, BadRequest, BadSource
from stream.event import identifier
from stream.event.event import FORGOTTEN, Event, decode
from stream.http.message import HttpRequest, HttpResponse, json
from stream.http.problem import Refused
from stream.http.reply import Taken, Wrong
from stream.http.v1.body import Numbered, packed, records
from stream.service.backend import Backend
from stream.service.session import Service

SMALL: Final = 256 << 10  # bytes of a body that is read at once
AT_ONCE: Final = 4  # larger ones, and packed ones, that are under way
SLICE: Final = 128  # records read before other requests get their turn
MOST_ITEMS: Final = 1_000
Place = tuple[int, int]
Read = TypeVar("Read")


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    """An item as it is posted."""

    item: str | int
    fields: msgspec.Raw


_read_item: Final = msgspec.json.Decoder(_Item).decode
_read_any: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Intake:
    """Takes what clients post."""

    def __init__(self, service: Service) -> None:
        self._service, self._backend = service, service.backend
        self._large = asyncio.Semaphore(AT_ONCE)

    async def _records(self, request: HttpRequest) -> list[Numbered]:
        """Return the records of a request; a large body is unpacked apart from the requests of others."""
        if len(request.body) <= SMALL:
            return records(request)
        return await asyncio.to_thread(records, request)

    async def events(self, request: HttpRequest, strict: bool) -> HttpResponse:
        """Write the events of a request."""
        now_ms, backend = self._service.clock(), self._backend
        async with self._turn(request):
            found = await self._records(request)
            made = await _read(found, lambda payload: event(payload, now_ms, backend), strict)
            return await _written(made, backend.publish_all)

    async def items(self, request: HttpRequest, strict: bool) -> HttpResponse:
        """Write what the items of a request are."""
        async with self._turn(request):
            found = await self._records(request)
            if len(found) > MOST_ITEMS:
                raise Refused(
                    400, f"the body has more than {MOST_ITEMS} items; send them in several requests"
                )
            return await _written(await _read(found, description, strict), self._backend.describe_all)

    def _turn(self, request: HttpRequest) -> AbstractAsyncContextManager[Any]:
        """What a large request waits for: many of them at once would fill the memory once they are unpacked."""
        large = len(request.body) > SMALL or packed(request)
        return self._large if large else nullcontext()


async def _read(
    found: list[Numbered], read: Callable[[bytes], Read], strict: bool
) -> tuple[list[int], list[Read], list[Wrong], int]:
    """Read records; return the places of the good ones among all, these, what is wrong with the others, and how many there are."""
    at, good, wrong = list[int](), list[Read](), list[Wrong]()
    for k, (line, payload) in enumerate(found):
        try:
            good.append(read(payload))
            at.append(k)
        except BadEvent as exc:
            wrong.append(Wrong(line, exc.reason, str(exc)))
        if k % SLICE == SLICE - 1:
            await asyncio.sleep(0)
    if wrong and (strict or not good):
        first = wrong[0]
        more = f"{len(wrong)} of {len(found)} records are wrong, " if len(found) > 1 else ""
        why = "so none was taken; " if strict and good else ""
        raise Refused(
            400,
            f"{more}{why}line {first.line}: {first.detail}",
            fields={"errors": wrong, "places": [None] * len(found)},
        )
    return at, good, wrong, len(found)


async def _written(
    made: tuple[list[int], list[Read], list[Wrong], int],
    write: Callable[[Sequence[Read]], Awaitable[list[Place | BadSource]]],
) -> HttpResponse:
    at, good, wrong, count = made
    places: list[str | None] = [None] * count
    failed: BadSource | None = None
    outcome = await write(good)
    for k, one in zip(at, outcome, strict=True):
        if isinstance(one, BadSource):
            failed = failed or one
        else:
            places[k] = f"{one[0]}:{one[1]}"
    if failed is not None:
        written = count - places.count(None)
        raise Refused(
            503,
            f"{written} of {count} records were written, the others may be sent again: {failed}",
            ("Retry-After", "1"),
            fields={"errors": wrong, "places": places},
        )
    return json(207 if wrong else 200, Taken(len(good), len(wrong), places, wrong))


def event(payload: bytes, now_ms: int, backend: Backend) -> Event:
    """Read an event as a record of the topic is read; one without a time happens now.

    Raises:
        BadEvent: It is none.
    """
    try:
        made = decode(payload, now_ms, backend.future_ms)
    except BadEvent as exc:
        timed = _timed(payload, now_ms, backend) if exc.reason == "missing" else None
        if timed is None:
            raise
        made = decode(timed, now_ms, backend.future_ms)
    if made.type == FORGOTTEN:
        raise BadEvent("type", "a user is forgotten by DELETE /v1/user/{user}, not by an event")
    return made


def _timed(payload: bytes, now_ms: int, backend: Backend) -> bytes | None:
    """Return an event that says no time with one, None where that is not what it lacks."""
    try:
        fields: dict[str, Any] = _read_any(payload)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if "t" in fields or "specversion" in fields:
        return None
    return msgspec.json.encode({**fields, "t": backend.event_time(now_ms)})


def description(payload: bytes) -> Description:
    """Read an item and its fields.

    Raises:
        BadEvent: It is none.
    """
    try:
        payload.decode()
        found = _read_item(payload)
        item = identifier.name("item", str(found.item).encode())
    except UnicodeError as exc:
        raise BadEvent("utf8", f"it is not UTF-8: {exc}") from exc
    except msgspec.ValidationError as exc:
        raise BadEvent(
            "missing" if "missing" in str(exc) else "type",
            f"{exc}; wanted an object of item and fields".replace("`", ""),
        ) from exc
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise BadEvent("json", f"it is no JSON object: {exc}") from exc
    except BadRequest as exc:
        raise BadEvent("size", str(exc)) from exc
    fields: dict[str, Value] | None = item_record.decode(bytes(found.fields))
    return item, fields
