"""Messages of a stream of server-sent events, as bytes.

Source: HTML Living Standard, section 9.2 (server-sent events).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

KIND: Final = "text/event-stream"
RETRY: Final = b"retry: 2000\n\n"  # ms until a client that lost its line comes again
BEAT: Final = b": \n\n"  # a comment, which clients skip: it keeps the line open


def message(value: Any, identity: str = "", kind: str = "") -> bytes:
    """Return a value as a message.

    Args:
        identity: What the client says as Last-Event-ID when it comes again.
        kind: The event; `message` when left out.
    """
    head = (f"id: {identity}\n" if identity else "") + (f"event: {kind}\n" if kind else "")
    return head.encode() + b"data: " + msgspec.json.encode(value) + b"\n\n"
