"""Why a client is refused before it has said anything, or hung up on."""

from __future__ import annotations

from typing import Final

from stream.resp.codec import Error

DENIED: Final = Error(
    "Riverwalk is in protected mode: it has no password and answers only clients on its own machine. Set "
    "serve.password (and serve.tls_cert and serve.tls_key, so that nobody reads it on the way), or connect from there.",
    "DENIED",
)
FULL: Final = Error("max number of clients reached; serve.max_clients sets it")

HOLDS: Final = Error("unfinished requests of all clients hold too many bytes, and this client's most")
