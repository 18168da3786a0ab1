"""Errors as responses: below /v1 `application/problem+json` of RFC 9457, elsewhere `{"error": …}`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from stream.error import BadRequest, BadSource, Loading
from stream.http.message import NONE, Header, HttpResponse
from stream.service.session import Late

PROBLEM: Final = "application/problem+json"
V1: Final = "/v1"
MOST: Final = 200  # letters of a path in an error


class Missing(BadRequest):
    """There is nothing of that name."""


class Refused(BadRequest):
    """A request that is answered with a status of its own, and maybe more fields than its message."""

    def __init__(self, status: int, message: str, *headers: Header, fields: Mapping[str, Any] = NONE) -> None:
        super().__init__(message)
        self.status, self.headers, self.fields = status, headers, fields


def error(
    path: str, status: int, message: str, *headers: Header, fields: Mapping[str, Any] = NONE
) -> HttpResponse:
    """Return the response that says what is wrong with a request for a path.

    Args:
        fields: More of them; below /v1 alone.
    """
    if path != V1 and not path.startswith(f"{V1}/"):
        return HttpResponse(status, msgspec.json.encode({"error": message}) + b"\n", headers=headers)
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": message,
        "instance": path[:MOST],
        **fields,
    }
    return HttpResponse(status, msgspec.json.encode(problem) + b"\n", PROBLEM, headers)


def of(path: str, exc: BadRequest | BadSource, ready: bool) -> HttpResponse:
    """Return the response to a request that cannot be answered.

    Args:
        ready: Whether the instance is; what it does not know while it is not may yet come, and the paths without a version
            say so.  Below /v1 it is not known now; only without any state is nothing answered.
    """
    if isinstance(exc, Refused):
        return error(path, exc.status, str(exc), *exc.headers, fields=exc.fields)
    status = 400
    if isinstance(exc, Late):
        status = (
            409 if path.startswith(f"{V1}/") else 504
        )  # below /v1 a status from 500 on is a fault of the server
    elif isinstance(exc, Loading | BadSource):
        status = 503
    elif isinstance(exc, Missing):
        status = 404 if ready or path.startswith(f"{V1}/") else 503
    again = (("Retry-After", "1"),) if status in (409, 503) else ()
    return error(path, status, str(exc), *again)
