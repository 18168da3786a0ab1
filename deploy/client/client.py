"""A small client of the socket, for the command line: one connection, one command, one reply.

Replies are RESP2; after `HELLO 3` they keep their kinds: numbers, true and false, names with values.
"""

import socket
import ssl
from types import TracebackType
from typing import BinaryIO

from deploy.config.schema import BadConfig, Serve

Reply = str | int | float | None | list["Reply"] | dict[str, "Reply"]


class BadAnswer(Exception):
    """The instance cannot be reached, or says no: tell the person, end with status 1."""


class Client:
    """A connection to a running instance; use it as `with Client(config.serve) as client`."""

    def __init__(self, serve: Serve, timeout_s: float = 10.0) -> None:
        where = serve.unix or f"{serve.host}:{serve.port}"
        try:
            self._socket = _connect(serve, timeout_s)
        except OSError as exc:
            raise BadAnswer(
                f"nothing answers on {where} ({exc.strerror or exc}); start an instance with `riverwalk serve`, "
                "or name another with --host and --port"
            ) from exc
        self._where = where
        self._read: BinaryIO = self._socket.makefile("rb")
        if serve.password:
            self.ask("AUTH", serve.password)

    def ask(self, *words: str | int | float) -> Reply:
        """Send one command and return its reply; an error reply is raised as BadAnswer."""
        encoded = [str(word).encode() for word in words]
        frame = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        try:
            self._socket.sendall(b"*%d\r\n%s" % (len(encoded), frame))
            return self._reply()
        except OSError as exc:
            raise BadAnswer(f"{self._where}: no reply ({exc.strerror or exc})") from exc

    def close(self) -> None:
        """Hang up."""
        self._read.close()
        self._socket.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reply(self) -> Reply:
        line = self._read.readline()
        if not line.endswith(b"\r\n"):
            raise BadAnswer(f"{self._where}: hung up in the middle of a reply")
        kind, rest = line[:1], line[1:-2].decode(errors="replace")
        if kind == b"+":
            return rest
        if kind == b"-":
            raise BadAnswer(rest.removeprefix("ERR "))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else self._bulk(int(rest))
        if kind == b"*":
            return None if rest == "-1" else [self._reply() for _ in range(int(rest))]
        if kind == b"%":
            return {str(self._reply()): self._reply() for _ in range(int(rest))}
        if kind == b"=":
            return self._bulk(int(rest))[4:]  # after txt:
        if kind in (b",", b"#", b"_"):
            return float(rest) if kind == b"," else rest == "t" if kind == b"#" else None
        raise BadAnswer(f"{self._where}: this is no RESP server; it answered {line[:40]!r}")

    def _bulk(self, size: int) -> str:
        data = self._read.read(size + 2)
        if len(data) != size + 2:
            raise BadAnswer(f"{self._where}: hung up in the middle of a reply")
        return data[:-2].decode(errors="replace")


def _connect(serve: Serve, timeout_s: float) -> socket.socket:
    """The line to an instance: a Unix socket when one is set, TLS trusting its own certificate when that is set."""
    if serve.unix:
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(timeout_s)
        line.connect(serve.unix)
        return line
    line = socket.create_connection((serve.host, serve.port), timeout_s)
    if not serve.tls_cert:
        return line
    try:
        context = ssl.create_default_context(cafile=serve.tls_cert)
    except (OSError, ssl.SSLError) as exc:
        raise BadConfig(f"serve.tls_cert = {serve.tls_cert!r}: cannot be used ({exc})") from exc
    context.check_hostname = False
    return context.wrap_socket(line)
