"""Ask a running instance over HTTP."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from typing import Any, Final

from deploy.config.schema import Serve

TIMEOUT_S: Final = 2.0


def get(serve: Serve, path: str) -> bytes | None:
    """Return what a path answers; None where it does not, or with an error."""
    scheme, context = "http", None
    if serve.tls_cert:
        scheme, context = "https", ssl.create_default_context(cafile=serve.tls_cert)
        context.check_hostname = False
    request = urllib.request.Request(f"{scheme}://{serve.host}:{serve.http_port}{path}")
    if serve.password:
        login = base64.b64encode(f"default:{serve.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=context) as reply:
            return bytes(reply.read())
    except (OSError, urllib.error.URLError):
        return None


def get_object(serve: Serve, path: str) -> dict[str, Any]:
    """Return the JSON object that a path answers, empty where it answers none."""
    try:
        found = json.loads(get(serve, path) or b"null")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
