"""Who may ask what over HTTP: passwords and tokens, names of this machine, and pages of other sites.

Health is open to everyone.  Without a password everything else is for this machine alone, under its own names: a
page of another site that has its name point here gets nothing.  With one, metrics are open to everyone, as they name
no user and no item, and the rest wants a password, `curl -u default:PASSWORD`, or a token, `Authorization: Bearer TOKEN`.

A page of another site is answered where `origins` has its origin (CORS), and changes nothing where it has not: a browser
sends what a page posts whether or not the page may read the reply.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from stream.http.message import Header, HttpRequest, HttpResponse
from stream.http.problem import error
from stream.service.access import Role
from stream.service.address import is_loopback
from stream.service.session import Service

ANYONE: Final = "*"
SAFE: Final = ("GET", "HEAD", "OPTIONS")
SENT: Final = "authorization, content-encoding, content-type, last-event-id"  # headers a page may send
KEEP_S: Final = 600  # how long a browser may keep what a preflight said
CHALLENGES: Final[tuple[Header, ...]] = (
    ("WWW-Authenticate", 'Basic realm="riverwalk", charset="UTF-8"'),
    ("WWW-Authenticate", 'Bearer realm="riverwalk"'),
)


class Gate:
    """Decides whether a request is answered.

    Args:
        origins: Of pages that may ask, such as https://shop.example, or `*` for all.
    """

    def __init__(self, service: Service, origins: Sequence[str] = ()) -> None:
        self._service, self._origins = service, frozenset(origins)

    def refusal(self, request: HttpRequest, wanted: Role, open_to_all: bool = False) -> HttpResponse | None:
        """Return why a request is not answered, None where it is.  Passwords are looked at once a request.

        Args:
            wanted: The least role that may ask this.
            open_to_all: Whether no password is wanted for it, where there is one.
        """
        path = request.path
        if not self._service.access.needed:
            if not request.local:
                return error(
                    path,
                    403,
                    "no password is set, so only clients on this machine are answered; set serve.password",
                )
            if not _own_name(request.host):
                return error(
                    path,
                    403,
                    f"{request.host[:100]!r} is no name of this machine; ask 127.0.0.1 or localhost",
                )
        elif not open_to_all:
            role = self._role(request)
            if role is Role.STRANGER:
                return self._stranger(request)
            if role < wanted:
                who = f"{wanted.name.lower()} and admin" if wanted < Role.ADMIN else "default and admin"
                return error(path, 403, f"user {role.name.lower()} may not do this; {who} may")
        return self._foreign(request)

    def _stranger(self, request: HttpRequest) -> HttpResponse:
        if self._service.access.locked(request.client):
            return error(
                request.path,
                429,
                "too many wrong passwords from this address; wait a minute",
                ("Retry-After", "60"),
            )
        message = "wanted the password of user default, or a token: Authorization: Basic … or Bearer …"
        return error(request.path, 401, message, *CHALLENGES)

    def _role(self, request: HttpRequest) -> Role:
        scheme, _, code = request.login.partition(" ")
        access, code = self._service.access, code.strip()
        if scheme.lower() == "bearer" and code:
            return access.bearer(code.encode("latin-1", "replace"), request.client)
        if scheme.lower() != "basic":
            return Role.STRANGER
        try:
            user, _, password = base64.b64decode(code, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return Role.STRANGER
        return access.role(user, password, request.client)

    def _foreign(self, request: HttpRequest) -> HttpResponse | None:
        """Return why a page of another site changes nothing here."""
        origin = request.headers.get("origin", "")
        if not origin or request.method in SAFE or self._allowed(origin) or _same_site(origin, request.host):
            return None
        return error(
            request.path, 403, f"pages of {origin[:100]!r} may not change anything here; serve.cors_origins says which may"
        )  # fmt: skip

    def _allowed(self, origin: str) -> bool:
        return origin in self._origins or ANYONE in self._origins

    def headers(self, request: HttpRequest) -> tuple[Header, ...]:
        """Return the headers that let a browser show a reply to the page that asked."""
        if not self._origins:
            return ()
        origin = request.headers.get("origin", "")
        if not origin or not self._allowed(origin):
            return (("Vary", "Origin"),)
        shown = ("Access-Control-Expose-Headers", "allow, location, retry-after, www-authenticate")
        return (("Vary", "Origin"), ("Access-Control-Allow-Origin", origin), shown)

    def preflight(self, request: HttpRequest, methods: Sequence[str]) -> HttpResponse:
        """Return what OPTIONS replies: the methods of a path, and to a page that may ask, that it may."""
        allow = ("Allow", ", ".join([*methods, "OPTIONS"]))
        origin, method = (
            request.headers.get(name, "") for name in ("origin", "access-control-request-method")
        )
        if not origin or not method or not self._allowed(origin):
            return HttpResponse(204, headers=(allow,))
        granted = (
            ("Access-Control-Allow-Methods", ", ".join(methods)),
            ("Access-Control-Allow-Headers", SENT),
            ("Access-Control-Max-Age", str(KEEP_S)),
        )
        return HttpResponse(204, headers=(allow, *granted))


def _own_name(host: str) -> bool:
    """Whether a Host header names this machine without asking anybody: an address, localhost, or nothing at all."""
    bare = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return bare in ("", "localhost") or is_loopback(bare.strip("[]"))


def _same_site(origin: str, host: str) -> bool:
    """Whether an origin is what a request was sent to."""
    return origin.partition("://")[2] == host != ""
