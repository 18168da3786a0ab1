"""The address of a client: as text, local or not, and TCP keep-alive."""

import asyncio
import ipaddress
import socket


def peer(transport: asyncio.BaseTransport) -> str:
    """The address of the client: host:port, or `unix` for a Unix socket."""
    name = transport.get_extra_info("peername")
    if isinstance(name, tuple):
        return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
    return "unix"


def host(transport: asyncio.BaseTransport) -> str:
    """The address of the client without its port; empty for a Unix socket."""
    name = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) else ""


def is_local(transport: asyncio.BaseTransport) -> bool:
    """Whether the client is on this machine: a loopback address or a Unix socket."""
    name = transport.get_extra_info("peername")
    if not isinstance(name, tuple):
        return bool(transport.get_extra_info("socket").family == socket.AF_UNIX)
    return is_loopback(name[0])


def is_loopback(host: str) -> bool:
    """Whether this is an address of the machine itself, IPv4 inside IPv6 included; a name is none."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (inner or address).is_loopback


def keep_alive(transport: asyncio.BaseTransport) -> None:
    """Turn on TCP keep-alive, so that the kernel notices a client that vanished."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
