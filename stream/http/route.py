"""What is asked over HTTP and what is replied; only DELETE changes anything.

    GET /recommend/{user}   ?k= &include_seen=true &reasons=false &after=partition:offset &timeout=ms
    GET /similar/{item}     ?k= &alltime=true &filter= &category=
    GET /trending           ?k= &half_life=1h &filter= &category=
    GET /explain/{user}/{item}  ?filter=
    DELETE /user/{user}     what FORGET does and replies
    GET /info               what INFO tells of the stream and the state
    GET /health/live        200 while the process lives
    GET /health/ready       200 when answers are fresh enough to be used, else 503
    GET /metrics            of all processes of the instance, for Prometheus
    GET /                   a page to look around

Health is told to everyone.  Without a password everything else is for this machine alone, under its own names: a
page of another site that has its name point here gets nothing.  With one, metrics are told to everyone, as they name
no user and no item, and the rest wants the password: `curl -u default:PASSWORD`.
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
from stream.answer.request import Answer, Recommend, Similar, Trending
from stream.answer.rule import parse as rule
from stream.catalogue.filter import parse
from stream.error import BadRequest
from stream.event import identifier
from stream.http.page import POLICY, page
from stream.http.query import (
    all_known,
    k,
    options_of,
    rules,
    yes,
)
from stream.service import argument
from stream.service.address import is_loopback
from stream.service.argument import half_life, narrow
from stream.service.erasure import erased
from stream.service.session import Late, Service

log = structlog.get_logger()

JSON: Final = "application/json"
METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"


class Question(NamedTuple):
    """A request as it came: the path and what follows the `?`, the headers that matter, who asks."""

    method: str
    target: str
    host: str = ""
    login: str = ""
    local: bool = True


class Page(NamedTuple):
    """A reply."""

    status: int
    body: bytes
    kind: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


class Missing(BadRequest):
    """There is nothing of that name."""


Asked = Callable[[list[str], dict[str, str]], Coroutine[Any, Any, Any]]


class Site:
    """Answers questions from the backend of a service.

    Args:
        port: Of the socket, as the page tells it.
    """

    def __init__(self, service: Service, port: int = 7878) -> None:
        self._service = service
        self._backend = service.backend
        self._page = page(port)
        self._routes: dict[tuple[str, int], Asked] = {
            ("recommend", 1): self._recommend,
            ("similar", 1): self._similar,
            ("trending", 0): self._trending,
            ("explain", 2): self._explain,
            ("item", 1): self._item,
            ("user", 1): self._forget,
            ("info", 0): self._info,
        }

    async def answer(self, question: Question) -> Page:
        """The reply to a question; what goes wrong is a reply, too."""
        try:
            return await self._answer(question)
        except Exception:
            log.exception("a request failed", target=question.target[:100])
            return _error(500, "this should not have happened; the server's log says what did")

    async def _answer(self, question: Question) -> Page:
        path, _, query = question.target.partition("?")
        deletes = path.startswith("/user/")
        if question.method not in (("DELETE",) if deletes else ("GET", "HEAD")):
            allowed = "DELETE" if deletes else "GET, HEAD"
            return _error(
                405, f"{question.method} is not taken; wanted {allowed.split(',')[0]}", ("Allow", allowed)
            )
        if path == "/health/live":
            return _json(200, {"live": True})
        if path == "/health/ready":
            ready, why = self._backend.ready()
            return _json(200 if ready else 503, {"ready": ready, "reason": why})
        refusal = self._refusal(question, path)
        if refusal is not None:
            return refusal
        if path == "/":
            return Page(200, self._page, "text/html; charset=utf-8", (("Content-Security-Policy", POLICY),))
        if path == "/metrics":
            metric.flush()
            return Page(200, await asyncio.to_thread(metric.page), METRICS)
        return await self._asked(path, query)

    def _refusal(self, question: Question, path: str) -> Page | None:
        """Why this one may not ask this, if so."""
        if not self._service.password:
            if not question.local:
                return _error(
                    403,
                    "no password is set, so only clients on this machine are answered; set serve.password",
                )
            if not _own_name(question.host):
                return _error(
                    403, f"{question.host[:100]!r} is no name of this machine; ask 127.0.0.1 or localhost"
                )
        elif path != "/metrics" and not self._knows_password(question.login):
            return _error(
                401, "wanted the password of user default", ("WWW-Authenticate", 'Basic realm="riverwalk"')
            )
        return None

    def _knows_password(self, login: str) -> bool:
        scheme, _, code = login.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            user, _, password = base64.b64decode(code.strip(), validate=True).partition(b":")
        except binascii.Error:
            return False
        return user == b"default" and self._service.opens(password)

    async def _asked(self, path: str, query: str) -> Page:
        """The reply of a route, counted under its name."""
        began = time.perf_counter()
        head, *rest = path.removeprefix("/").split("/")
        route = self._routes.get((head, len(rest)))
        if route is None:
            return _error(404, f"nothing is at {path[:100]!r}; / tells what is")
        try:
            parts = [identifier.text("path", unquote_to_bytes(part)) for part in rest]
            reply, result = _json(200, await route(parts, options_of(query))), "ok"
        except BadRequest as exc:
            reply, result = _error(self._status(exc), str(exc)), "error"
        except Exception:
            log.exception("a request failed", path=path)
            reply, result = (
                _error(500, "this should not have happened; the server's log says what did"),
                "failed",
            )
        if "after=" not in query and head != "user":  # the seconds of one that waits are not its own
            metric.request(f"http_{head}", result, time.perf_counter() - began)
        self._service.answered += 1
        return reply

    def _status(self, exc: BadRequest) -> int:
        if isinstance(exc, Late):
            return 504
        if isinstance(exc, Missing):
            return 404 if self._backend.ready()[0] else 503
        return 400

    async def _recommend(self, parts: list[str], options: dict[str, str]) -> Any:
        request = Recommend(
            identifier.name("user", parts[0].encode()),
            k=k(options),
            include_seen=yes("include_seen", options.pop("include_seen", "no")),
            with_scores=True,
            with_reasons=yes("reasons", options.pop("reasons", "yes")),
        )
        if "after" in options:
            request.after = argument.place(options.pop("after").encode())
            request.timeout_ms = argument.timeout(options.pop("timeout", "1000").encode())
        request.exclude = [
            identifier.name("item", word.encode()) for word in options.pop("exclude", "").split(",") if word
        ]
        if "filter" in options:
            request.filter = parse(options.pop("filter"))
        if "per_category" in options:
            request.per_category = argument.count(options.pop("per_category").encode(), what="per_category")
        if "seen" in options:
            request.seen = rule(options.pop("seen"))
        for name in ("diversity", "tail", "explore"):
            if name in options:
                setattr(request, name, argument.share(name, options.pop(name).encode()))
        if request.include_seen and request.seen is not None:
            raise BadRequest("include_seen lets every item come again; seen says which ones may not")
        known = (
            "k, include_seen, seen, reasons, exclude, filter, per_category, diversity, tail, explore, after, "
            "timeout (with after)"
        )
        all_known(options, known)
        await self._service.reach(request)
        return {"user": request.user, **_listed(self._backend.recommend(request))}

    async def _similar(self, parts: list[str], options: dict[str, str]) -> Any:
        request = Similar(identifier.name("item", parts[0].encode()), k(options))
        request.all_time = yes("alltime", options.pop("alltime", "no"))
        narrow(request, rules(options))
        all_known(options, "k, alltime, filter, category")
        with _missing():
            return {"item": request.item, **_listed(self._backend.similar(request))}

    async def _trending(self, parts: list[str], options: dict[str, str]) -> Any:
        request = Trending(k(options))
        if "half_life" in options:
            request.half_life_ms = half_life(options.pop("half_life").encode(), "half_life")
        narrow(request, rules(options))
        all_known(options, "k, half_life, filter, category")
        return _listed(self._backend.trending(request))

    async def _explain(self, parts: list[str], options: dict[str, str]) -> Any:
        user, item = identifier.name("user", parts[0].encode()), identifier.name("item", parts[1].encode())
        filter = parse(options.pop("filter")) if "filter" in options else None
        all_known(options, "filter")
        with _missing():
            return self._backend.explain(user, item, filter)

    async def _item(self, parts: list[str], options: dict[str, str]) -> Any:
        item = identifier.name("item", parts[0].encode())
        all_known(options, "none")
        found = self._backend.item(item)
        if found is None:
            raise Missing(
                f"nothing is known of item {item!r}; the items topic, or ITEM on the socket, tells it"
            )
        return {"item": item, "fields": found}

    async def _forget(self, parts: list[str], options: dict[str, str]) -> Any:
        user = identifier.name("user", parts[0].encode())
        all_known(options, "none")
        return await erased(self._service, user)

    async def _info(self, parts: list[str], options: dict[str, str]) -> Any:
        all_known(options, "none")
        return self._backend.info()


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
    except BadRequest as exc:
        raise Missing(str(exc)) from exc


def _own_name(host: str) -> bool:
    """Whether a Host header names this machine without asking anybody: an address, localhost, or nothing at all."""
    bare = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return bare in ("", "localhost") or is_loopback(bare.strip("[]"))


def _json(status: int, value: Any) -> Page:
    return Page(status, msgspec.json.encode(value) + b"\n")


def _error(status: int, message: str, *headers: tuple[str, str]) -> Page:
    return Page(status, msgspec.json.encode({"error": message}) + b"\n", JSON, headers)
