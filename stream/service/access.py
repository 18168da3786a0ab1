"""Users, their passwords and rights, and a limit to guesses.

    reader    asks
    writer    asks, and publishes with EVENT
    admin     does everything: also ITEM with fields, HIDE, UNHIDE and FORGET; `default` is the same user

Without a password there are no users: every client of this machine is an admin, and others are refused.
"""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Final

GUESSES: Final = 20  # wrong passwords from an address within a minute
MINUTE_S: Final = 60.0
ADDRESSES: Final = 10_000  # whose guesses are counted; the oldest count goes first


class Role(IntEnum):
    """What a client may do; each role includes those before it."""

    STRANGER = 0
    READER = 1
    WRITER = 2
    ADMIN = 3


class Access:
    """Who a client is.

    Args:
        password: Of the users admin and default; empty for no passwords at all.
        reader, writer: Passwords of these users; empty for no such user.
        tokens: Of roles, for HTTP alone; an empty one is none.
        clock: Seconds.
        guesses: Wrong passwords that an address may give within a minute.
    """

    def __init__(
        self,
        password: str = "",
        reader: str = "",
        writer: str = "",
        clock: Callable[[], float] = time.monotonic,
        guesses: int = GUESSES,
        tokens: Mapping[Role, str] | None = None,
    ) -> None:
        self.needed = bool(password)
        self._guesses = guesses
        self._clock = clock
        admin = (Role.ADMIN, password.encode())
        self._users: dict[bytes, tuple[Role, bytes]] = {
            b"default": admin,
            b"admin": admin,
            b"writer": (Role.WRITER, writer.encode()),
            b"reader": (Role.READER, reader.encode()),
        }
        self._tokens = [(role, token.encode()) for role, token in (tokens or {}).items() if token]
        self._wrong: dict[str, tuple[float, int]] = {}  # address -> the end of its minute, guesses

    @property
    def first(self) -> Role:
        """The role of a client that has given no password."""
        return Role.STRANGER if self.needed else Role.ADMIN

    def role(self, user: bytes, password: bytes, host: str) -> Role:
        """The role of a user who gives this password; STRANGER for a wrong one, and for any while `locked`."""
        role, wanted = self._users.get(user, (Role.STRANGER, b""))
        right = hmac.compare_digest(password, wanted) and bool(wanted)
        return self._granted(role if right else Role.STRANGER, host)

    def bearer(self, token: bytes, host: str) -> Role:
        """The role of one who gives this token; STRANGER for a wrong one, and for any while `locked`."""
        right = [role for role, wanted in self._tokens if hmac.compare_digest(token, wanted)]  # looks at all
        return self._granted(max(right, default=Role.STRANGER), host)

    def _granted(self, role: Role, host: str) -> Role:
        """A role where the address may still guess; a wrong guess is counted."""
        if role is Role.STRANGER:
            self._count(_network(host))
        return Role.STRANGER if self.locked(host) else role

    def locked(self, host: str) -> bool:
        """Whether passwords from an address are not looked at, as too many were wrong."""
        end, guesses = self._wrong.get(_network(host), (0.0, 0))
        return guesses >= self._guesses and self._clock() < end

    def _count(self, network: str) -> None:
        now = self._clock()
        end, guesses = self._wrong.pop(network, (0.0, 0))
        self._wrong[network] = (end, guesses + 1) if now < end else (now + MINUTE_S, 1)
        if len(self._wrong) > ADDRESSES:
            del self._wrong[next(iter(self._wrong))]


def _network(host: str) -> str:
    """The address whose guesses are counted together: of IPv6, the network of 64 bits."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    inner = address.ipv4_mapped
    return str(inner) if inner is not None else str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
