"""What is at a path of the HTTP endpoint, for a method: who answers, and who may ask."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple

from stream.error import BadRequest
from stream.http.message import HttpRequest, HttpResponse
from stream.service.access import Role

GET: Final = "GET"


class Target(NamedTuple):
    """Who answers a request.

    Fields:
        name: Under which requests are counted; empty where they are not.
        role: The least that may ask.
        open_to_all: Whether no password is wanted, where there is one.
        most: Bytes of a body that is read.
        unacceptable: Why a body is not read, by the head of the request.
    """

    name: str
    answer: Callable[[HttpRequest], Coroutine[Any, Any, HttpResponse]]
    role: Role = Role.READER
    open_to_all: bool = False
    most: int = 0
    unacceptable: Callable[[HttpRequest], BadRequest | None] | None = None


Targets = dict[str, Target]  # by method
