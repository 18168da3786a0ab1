"""The routes of the HTTP endpoint; only DELETE changes anything.

    GET /recommend/{user}               items for a user
    GET /session/{item}/{item}…         items for a visitor who looked at these, the newest last
    GET /rank/{user}/{item}/{item}…     these items in the user's order
    GET /similar/{item}     GET /trending     GET /explain/{user}/{item}     GET /item/{item}
    DELETE /user/{user}     what FORGET does and replies
    GET /info               what INFO tells of the stream and the state
    GET /health/live        200 while the process lives
    GET /health/ready       200 when answers are fresh enough to be used, else 503
    GET /metrics            of all processes of the instance, for Prometheus
    GET /                   a page to look around

`stream.service.parameter` has the options of each.

Health is open to everyone.  Without a password everything else is for this machine alone, under its own names: a
page of another site that has its name point here gets nothing.  With one, metrics are open to everyone, as they name
no user and no item, and the rest wants a password: `curl -u default:PASSWORD`.  Users are those of the socket.
"""

import asyncio
import base64
import binascii
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec
import structlog

from stream import metric
from stream.answer.request import Answer, Rank, Recommend, Similar, Trending
from stream.error import BadFilter, BadRequest, Loading
from stream.event import identifier
from stream.http.page import POLICY, page
from stream.http.query import fits, no_options, values_of
from stream.service.access import Role
from stream.service.address import is_loopback
from stream.service.erasure import erased
from stream.service.parameter import COMMANDS, Command
from stream.service.session import Late, Service

log = structlog.get_logger()

JSON: Final = "application/json"
METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"


class HttpRequest(NamedTuple):
    """A request: method, target with its query string, the headers that matter, whether it is from this machine, and
    the address of the client."""

    method: str
    target: str
    host: str = ""
    login: str = ""
    local: bool = True
    client: str = ""


class HttpResponse(NamedTuple):
    """A response."""

    status: int
    body: bytes
    kind: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    known: bool = False  # the client gave a password


class Missing(BadRequest):
    """There is nothing of that name."""


Asked = Callable[[dict[str, Any]], Coroutine[Any, Any, Any]]


class Routes:
    """Answer requests from the backend of a service.

    Args:
        port: Of the socket, as the page tells it.
    """

    def __init__(self, service: Service, port: int = 7878) -> None:
        self._service = service
        self._backend = service.backend
        self._page = page(port)
        self._routes: dict[str, tuple[Command, Asked]] = {
            "recommend": (COMMANDS["RECOMMEND"], self._recommend),
            "session": (COMMANDS["SESSION"], self._session),
            "rank": (COMMANDS["RANK"], self._rank),
            "similar": (COMMANDS["SIMILAR"], self._similar),
            "trending": (COMMANDS["TRENDING"], self._trending),
            "explain": (COMMANDS["EXPLAIN"], self._explain),
            "item": (COMMANDS["ITEM"], self._item),
            "user": (COMMANDS["FORGET"], self._forget),
        }

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Return the response to a request, also where something goes wrong."""
        try:
            return await self._answer(request)
        except Exception:
            log.exception("a request failed", route=request.target.partition("?")[0].split("/")[1:2])
            return _error(500, "this should not have happened; the server's log says what did")

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        path, _, query = request.target.partition("?")
        deletes = path.startswith("/user/")
        if request.method not in (("DELETE",) if deletes else ("GET", "HEAD")):
            allowed = "DELETE" if deletes else "GET, HEAD"
            return _error(
                405, f"{request.method} is not taken; wanted {allowed.split(',')[0]}", ("Allow", allowed)
            )
        if path == "/health/live":
            return _json(200, {"live": True})
        if path == "/health/ready":
            ready, why = self._backend.ready()
            return _json(200 if ready else 503, {"ready": ready, "reason": why})
        refusal = self._refusal(request, path)
        if refusal is not None:
            return refusal
        if path == "/":
            return HttpResponse(
                200, self._page, "text/html; charset=utf-8", (("Content-Security-Policy", POLICY),)
            )
        if path == "/metrics":
            metric.flush()
            return HttpResponse(200, await asyncio.to_thread(metric.page), METRICS)
        return (await self._asked(path, query))._replace(known=self._service.access.needed)

    def _refusal(self, request: HttpRequest, path: str) -> HttpResponse | None:
        """Why this one may not ask this, if so."""
        if not self._service.access.needed:
            if not request.local:
                return _error(
                    403,
                    "no password is set, so only clients on this machine are answered; set serve.password",
                )
            if not _own_name(request.host):
                return _error(
                    403, f"{request.host[:100]!r} is no name of this machine; ask 127.0.0.1 or localhost"
                )
        elif path != "/metrics":
            role = self._role(request)
            if role is Role.STRANGER and self._service.access.locked(request.client):
                return _error(429, "too many wrong passwords from this address", ("Retry-After", "60"))
            if role is Role.STRANGER:
                wanted = ("WWW-Authenticate", 'Basic realm="riverwalk"')
                return _error(401, "wanted the password of user default", wanted)
            if request.method == "DELETE" and role < Role.ADMIN:
                return _error(403, f"user {role.name.lower()} may not forget users; default and admin may")
        return None

    def _role(self, request: HttpRequest) -> Role:
        scheme, _, code = request.login.partition(" ")
        if scheme.lower() != "basic":
            return Role.STRANGER
        try:
            user, _, password = base64.b64decode(code.strip(), validate=True).partition(b":")
        except binascii.Error:
            return Role.STRANGER
        return self._service.access.role(user, password, request.client)

    async def _asked(self, path: str, query: str) -> HttpResponse:
        """The reply of a route, counted under its name."""
        began = time.perf_counter()
        head, *rest = path.removeprefix("/").split("/")
        command, ask = self._routes.get(head, (None, None))
        if path != "/info" and (command is None or not fits(command, len(rest))):
            return _error(404, f"nothing is at {path[:100]!r}; / tells what is")
        try:
            parts = [identifier.text("path", unquote_to_bytes(part)) for part in rest]
            if command is None or ask is None:
                value = self._info(query)
            else:
                value = await ask(values_of(command, parts, query))
            reply, result = _json(200, value), "ok"
        except BadRequest as exc:
            reply, result = _error(self._status(exc), str(exc)), "error"
        except Exception:
            log.exception("a request failed", route=head)
            reply, result = (
                _error(500, "this should not have happened; the server's log says what did"),
                "failed",
            )
        if "after=" not in query and head != "user":  # the seconds of one that waits are not its own
            metric.request(f"http_{head}", result, time.perf_counter() - began)
        self._service.answered += 1
        return reply

    def _info(self, query: str) -> Any:
        no_options(query)
        return self._backend.info()

    def _status(self, exc: BadRequest) -> int:
        if isinstance(exc, Late):
            return 504
        if isinstance(exc, Loading):
            return 503
        if isinstance(exc, Missing):
            return 404 if self._backend.ready()[0] else 503
        return 400

    async def _recommend(self, values: dict[str, Any]) -> Any:
        request = Recommend(**{"with_scores": True, "with_reasons": True} | values)
        await self._service.reach(request)
        return {"user": request.user, **_listed(self._backend.recommend(request))}

    async def _session(self, values: dict[str, Any]) -> Any:
        request = Recommend("", **{"with_scores": True, "with_reasons": True} | values)
        return _listed(self._backend.recommend(request))

    async def _rank(self, values: dict[str, Any]) -> Any:
        request = Rank(**values)
        return {"user": request.user, **_listed(self._backend.rank(request))}

    async def _similar(self, values: dict[str, Any]) -> Any:
        request = Similar(**values)
        with _missing():
            return {"item": request.item, **_listed(self._backend.similar(request))}

    async def _trending(self, values: dict[str, Any]) -> Any:
        return _listed(self._backend.trending(Trending(**values)))

    async def _explain(self, values: dict[str, Any]) -> Any:
        with _missing():
            return self._backend.explain(**values)

    async def _item(self, values: dict[str, Any]) -> Any:
        item = values["item"]
        found = self._backend.item(item)
        if found is None:
            raise Missing(
                f"nothing is known of item {item!r}; the items topic, or ITEM on the socket, tells it"
            )
        return {"item": item, "fields": found}

    async def _forget(self, values: dict[str, Any]) -> Any:
        return await erased(self._service, **values)


def _listed(answer: Answer) -> dict[str, Any]:
    reasons = answer.reasons or [""] * len(answer.items)
    rows = [
        {"item": item, "score": score} | ({"reason": reason} if reason else {})
        for item, score, reason in zip(answer.items, answer.scores, reasons, strict=True)
    ]
    short = {"shortfall": answer.shortfall} if answer.shortfall else {}
    half = {"half_life_ms": answer.half_life_ms} if answer.half_life_ms else {}
    return {"items": rows, "as_of": answer.as_of, "offsets": answer.offsets} | short | half


@contextmanager
def _missing() -> Iterator[None]:
    """What the backend does not know is not there."""
    try:
        yield
    except (BadFilter, Loading):
        raise
    except BadRequest as exc:
        raise Missing(str(exc)) from exc


def _own_name(host: str) -> bool:
    """Whether a Host header names this machine without asking anybody: an address, localhost, or nothing at all."""
    bare = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return bare in ("", "localhost") or is_loopback(bare.strip("[]"))


def _json(status: int, value: Any) -> HttpResponse:
    return HttpResponse(status, msgspec.json.encode(value) + b"\n")


def _error(status: int, message: str, *headers: tuple[str, str]) -> HttpResponse:
    return HttpResponse(status, msgspec.json.encode({"error": message}) + b"\n", JSON, headers)
