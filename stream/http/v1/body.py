"""Read a posted body as records: one JSON object, an array of them, or one a line; compressed with gzip where it says so.

    Content-Type                                         records
    application/json, application/cloudevents+json       the object, or each of the array
    application/cloudevents-batch+json                   each of the array
    application/x-ndjson, application/jsonl and alike    each line; empty ones are skipped

A page of another site can post a form or plain text anywhere without asking first; so only what it has to ask for is read.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from stream.http.message import HttpRequest
from stream.http.problem import Refused

MAX_BODY: Final = 8 << 20  # bytes of a body as it is sent
MAX_PLAIN: Final = 16 << 20  # bytes of it once it is read, however small gzip made it
MAX_RECORDS: Final = 10_000
OBJECTS: Final = ("application/json", "application/cloudevents+json", "application/cloudevents-batch+json")
LINES: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/json-lines")  # fmt: skip
GZIP: Final = ("gzip", "x-gzip")
_raw: Final = msgspec.json.Decoder(list[msgspec.Raw])


class Numbered(NamedTuple):
    """A record and its line, or its place in an array, from 1."""

    line: int
    payload: bytes


def unacceptable(request: HttpRequest) -> Refused | None:
    """Return why the body of a request would not be read, by its headers alone."""
    kind, encoding = _kind(request), _encoding(request)
    if kind not in OBJECTS + LINES:
        found = repr(request.headers.get("content-type", "")[:100]) if kind else "missing"
        return Refused(
            415,
            f"Content-Type is {found}; wanted application/json for an object or an array, application/x-ndjson for lines",
            ("Accept-Post", ", ".join((OBJECTS[0], LINES[0]))),
        )
    charset = request.headers.get("content-type", "").lower().partition("charset=")[2].strip(' "')
    if charset not in ("", "utf-8", "utf8"):
        return Refused(415, f"the body is in {charset[:40]!r}; wanted UTF-8")
    if encoding not in ("", "identity", *GZIP):
        return Refused(
            415,
            f"Content-Encoding is {encoding[:40]!r}; wanted gzip or none",
            ("Accept-Encoding", "gzip, identity"),
        )
    return None


def records(request: HttpRequest) -> list[Numbered]:
    """Return the records of a request in order.

    Raises:
        Refused: It has none, or what it has cannot be read or is too much.
    """
    plain = _plain(request)
    found = list(_lines(plain) if in_lines(request) else _objects(plain))
    if not found:
        raise Refused(400, "the body is empty; wanted at least one record")
    if len(found) > MAX_RECORDS:
        raise Refused(400, f"the body has more than {MAX_RECORDS} records; send them in several requests")
    return found


def in_lines(request: HttpRequest) -> bool:
    """Whether a body is lines, each a record of its own, and no array."""
    return _kind(request) in LINES


def packed(request: HttpRequest) -> bool:
    """Whether a body is compressed."""
    return _encoding(request) in GZIP


def _kind(request: HttpRequest) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _encoding(request: HttpRequest) -> str:
    return request.headers.get("content-encoding", "").strip().lower()


def _plain(request: HttpRequest) -> bytes:
    """The body as it was before it was compressed."""
    if not packed(request):
        return request.body
    out, rest, size = list[bytes](), request.body, 0
    try:
        while rest:  # members that were put together are one file
            one = zlib.decompressobj(wbits=31)
            out.append(one.decompress(rest, MAX_PLAIN + 1 - size))
            size += len(out[-1])
            if size > MAX_PLAIN:
                raise Refused(
                    413, f"the body is over {MAX_PLAIN} bytes once it is unpacked; send it in parts"
                )
            if not one.eof:
                raise Refused(400, "the body ends within its gzip stream; wanted all of it")
            rest = one.unused_data
    except zlib.error as exc:
        raise Refused(400, f"the body says it is gzip and cannot be unpacked: {exc}") from exc
    return b"".join(out)


def _lines(plain: bytes) -> Iterator[Numbered]:
    most = MAX_RECORDS
    for line, payload in enumerate(plain.split(b"\n"), 1):
        if payload and not payload.isspace():
            most -= 1
            yield Numbered(line, payload.strip())
            if most < 0:
                return


def _objects(plain: bytes) -> Iterator[Numbered]:
    """The objects of an array, or the one object there is; what is neither is left to who reads the object."""
    body = plain.strip()
    if not body.startswith(b"["):
        if body:
            yield Numbered(1, body)
        return
    try:
        parts = _raw.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Refused(400, f"the body is no JSON array: {exc}") from exc
    for line, part in enumerate(parts, 1):
        yield Numbered(line, bytes(part))
