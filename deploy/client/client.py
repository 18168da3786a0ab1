"""A connection to a running instance over redis-py, for the command line: one command, one reply."""

from __future__ import annotations

import ssl
from types import TracebackType
from typing import Any, NoReturn

from deploy.config.schema import BadConfig, Serve

Reply = str | int | float | None | list["Reply"] | dict[str, "Reply"]


class BadAnswer(Exception):
    """The instance cannot be reached, or says no: tell the person, end with status 1."""


class Client:
    """A connection to a running instance; use it as `with Client(config.serve) as client`.

    Args:
        serve: Where it listens: a Unix socket when one is set, else TCP, with TLS when a certificate is set.
        timeout_s: Seconds to wait for a connection, and for a reply.
        protocol: RESP 2, or 3, where replies keep their kinds: numbers, true and false, names with values.

    Raises:
        BadAnswer: Nothing answers there, or the password is wrong.
        BadConfig: The certificate cannot be used.
    """

    def __init__(self, serve: Serve, timeout_s: float = 10.0, *, protocol: int = 2) -> None:
        import redis  # here, so that --help need not load it

        self._redis: Any = redis
        self._where = serve.unix or f"{serve.host}:{serve.port}"
        self._connection = _connection(serve, timeout_s, protocol)
        try:
            self._connection.connect()
        except redis.RedisError as exc:
            if isinstance(exc, redis.ResponseError | redis.AuthenticationError | redis.InvalidResponse):
                self._fail(exc)
            cause = exc.__cause__ or exc.__context__
            why = (cause.strerror if isinstance(cause, OSError) else None) or exc
            raise BadAnswer(
                f"nothing answers on {self._where} ({why}); start an instance with `riverwalk serve`, "
                "or name another with --host and --port"
            ) from exc

    def ask(self, *words: str | int | float) -> Reply:
        """Send one command and return its reply; an error reply is raised as BadAnswer."""
        try:
            self._connection.send_command(*words, check_health=False)
            reply: Reply = self._connection.read_response()
        except self._redis.RedisError as exc:
            self._fail(exc)
        return reply

    def close(self) -> None:
        """Hang up."""
        self._connection.disconnect()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fail(self, exc: Exception) -> NoReturn:
        """Raise what went wrong with a reply, in our words."""
        if isinstance(exc, self._redis.InvalidResponse):
            raise BadAnswer(f"{self._where}: this is no RESP server ({exc})") from exc
        if isinstance(exc, self._redis.TimeoutError):
            raise BadAnswer(f"{self._where}: no reply (timed out)") from exc
        if isinstance(exc, self._redis.ConnectionError) and not isinstance(
            exc, self._redis.AuthenticationError
        ):
            raise BadAnswer(f"{self._where}: hung up in the middle of a reply") from exc
        raise BadAnswer(str(exc).removeprefix("ERR ")) from exc


def _connection(serve: Serve, timeout_s: float, protocol: int) -> Any:
    """A connection that sends nothing of its own but HELLO and AUTH, and trusts an instance's own certificate."""
    import redis.connection
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    kind: Any = redis.connection  # its constructors are not typed
    options: dict[str, Any] = {
        "password": serve.password or None,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "decode_responses": True,
        "encoding_errors": "replace",
        "protocol": protocol,
        "driver_info": None,
        "retry": Retry(NoBackoff(), 0),
    }
    if serve.unix:
        return kind.UnixDomainSocketConnection(path=serve.unix, **options)
    if not serve.tls_cert:
        return kind.Connection(host=serve.host, port=serve.port, **options)
    try:
        ssl.create_default_context(cafile=serve.tls_cert)
    except (OSError, ssl.SSLError) as exc:
        raise BadConfig(f"serve.tls_cert = {serve.tls_cert!r}: cannot be used ({exc})") from exc
    return kind.SSLConnection(
        host=serve.host, port=serve.port, ssl_ca_certs=serve.tls_cert, ssl_check_hostname=False, **options
    )
