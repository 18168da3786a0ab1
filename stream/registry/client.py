"""A schema registry: what a schema is, by its id; asked once for each.

    GET /schemas/ids/7                      {"schemaType": "AVRO", "schema": "…", "references": [{"name", "subject", "version"}]}
    GET /subjects/shop/versions/3           {"id": 8, "schema": "…"}

Source: Confluent Schema Registry, "API Reference", sections Schemas and Subjects; Apicurio, Karapace and Redpanda answer the same.
"""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Final, NamedTuple

from stream.error import Away, BadEvent, BadSource

TIMEOUT_S: Final = 3.0
PAUSE_S: Final = 1.0  # after a registry did not answer, before it is asked again
MISSING_S: Final = 10.0  # after it did not have a schema
MOST_BYTES: Final = 8 << 20
DEEPEST: Final = 16  # references of references


class Schema(NamedTuple):
    """A schema as its author wrote it, and what it refers to: name -> schema, in the order they are needed."""

    kind: str  # AVRO, PROTOBUF or JSON
    text: str
    references: tuple[tuple[str, str], ...] = ()


class Client:
    """Asks a registry.

    Args:
        address: Such as http://registry:8081.
        user, password: To log in; empty for none.
    """

    def __init__(self, address: str, user: str = "", password: str = "") -> None:
        self._address = address.rstrip("/")
        self._headers = {"Accept": "application/vnd.schemaregistry.v1+json, application/json"}
        if user or password:
            login = base64.b64encode(f"{user}:{password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {login}"
        self._missing: dict[int, float] = {}
        self._away, self._away_until = "", 0.0

    def schema(self, number: int) -> Schema:
        """Return the schema of an id.

        Raises:
            BadEvent: There is none.
            Away: The registry does not answer now.
            BadSource: It refuses us.
        """
        now = time.monotonic()
        if self._missing.get(number, 0.0) > now:
            raise self._none(number)
        try:
            told = self._get(f"/schemas/ids/{number}")
        except LookupError as exc:
            self._missing[number] = now + MISSING_S
            raise self._none(number) from exc
        found: dict[str, str] = {}
        self._refer(told, found, 0)
        return Schema(
            str(told.get("schemaType") or "AVRO"), str(told.get("schema", "")), tuple(found.items())
        )

    def _refer(self, told: dict[str, Any], found: dict[str, str], depth: int) -> None:
        """Add what a schema refers to, what that refers to before it."""
        if depth > DEEPEST:
            raise BadEvent("schema", f"{self._address}: a schema refers to others more than {DEEPEST} deep")
        for one in told.get("references") or ():
            if one["name"] in found:
                continue
            subject = urllib.parse.quote(str(one["subject"]), safe="")
            try:
                other = self._get(f"/subjects/{subject}/versions/{int(one['version'])}")
            except LookupError as exc:
                raise BadEvent(
                    "schema",
                    f"{self._address} has no version {one['version']} of {one['subject']}, to which a schema refers",
                ) from exc
            self._refer(other, found, depth + 1)
            found[one["name"]] = str(other.get("schema", ""))

    def _none(self, number: int) -> BadEvent:
        return BadEvent("schema", f"{self._address} has no schema {number}, with which the record is written")

    def _get(self, path: str) -> dict[str, Any]:
        """Ask; LookupError where there is no such thing."""
        now = time.monotonic()
        if now < self._away_until:
            raise Away(self._away)
        request = urllib.request.Request(self._address + path, headers=self._headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:
                told = json.loads(reply.read(MOST_BYTES))
        except urllib.error.HTTPError as exc:
            with exc:
                if exc.code == 404:
                    raise LookupError(path) from exc
                if exc.code in (401, 403):
                    raise BadSource(
                        f"{self._address}: the schema registry refuses us ({exc.code}); "
                        "set event.registry_user and event.registry_password"
                    ) from exc
                raise self._gone(f"it answers {exc.code} to {path}") from exc
        except (OSError, ValueError) as exc:
            raise self._gone(str(getattr(exc, "reason", exc))) from exc
        if not isinstance(told, dict):
            raise self._gone(f"its answer to {path} is no object")
        return told

    def _gone(self, why: str) -> Away:
        self._away = (
            f"{self._address}: the schema registry does not answer ({why}); records wait until it does: "
            "start it, or correct event.registry"
        )
        self._away_until = time.monotonic() + PAUSE_S
        return Away(self._away)
