"""Check that a port is free, and pick one for 0."""

import errno
import socket

from deploy.config.schema import BadConfig


def claim(host: str, port: int, setting: str, flag: str) -> int:
    """Return the port when nobody listens there, a free one for 0; else raise BadConfig that says what to change."""
    variable = f"RIVERWALK_{setting.replace('.', '_').upper()}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except socket.gaierror as exc:
        raise BadConfig(f"serve.host = {host!r}: no such address ({exc.strerror})") from exc
    except OSError as exc:
        what = (
            "is taken by another program"
            if exc.errno == errno.EADDRINUSE
            else f"cannot be used ({exc.strerror})"
        )
        raise BadConfig(
            f"port {port} on {host} {what}; choose another with {flag}, {variable} or {setting} (0 picks a free one)"
        ) from exc
