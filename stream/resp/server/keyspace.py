"""What desktop clients such as Redis Insight ask of a server: how large it is, what keys it has, how it is set.

There are no keys here, so they find an empty database 0, and go on to their command line, where everything else works.
"""

from __future__ import annotations

import time
from fnmatch import fnmatchcase
from typing import Final

from stream.error import BadRequest
from stream.event.identifier import short, text
from stream.resp.codec import OK, Error, Reply, Status, Text
from stream.service.session import Session

NO_CLUSTER: Final = Error("This instance has cluster support disabled")
_GONE: Final = -2  # what TTL says of a key that is not there


def dbsize(session: Session, args: list[bytes]) -> Reply:
    """How many keys there are: none."""
    return 0


def scan(session: Session, args: list[bytes]) -> Reply:
    """Look through the keys: there are none."""
    if not args or not args[0].isdigit():
        raise BadRequest("wanted SCAN cursor [MATCH pattern] [COUNT n] [TYPE type]")
    return ["0", []]


def keys(session: Session, args: list[bytes]) -> Reply:
    """The keys of a pattern: none."""
    return []


def type_of(session: Session, args: list[bytes]) -> Reply:
    """The type of a key: none."""
    return Status("none")


def exists(session: Session, args: list[bytes]) -> Reply:
    """How many of some keys there are: none."""
    return 0


def ttl(session: Session, args: list[bytes]) -> Reply:
    """How long a key lives: there is none."""
    return _GONE


def memory(session: Session, args: list[bytes]) -> Reply:
    """The memory of a key, which there is none, or how memory is."""
    match [word.upper() for word in args[:1]]:
        case [b"USAGE"]:
            return None
        case [b"DOCTOR"]:
            return Text("INFO memory and INFO readers say how much is used; the state lies in shared memory.")
        case [b"STATS"]:
            return {"keys.count": 0, "clients.normal": len(session.service.clients)}
    raise BadRequest("wanted MEMORY USAGE key, MEMORY STATS or MEMORY DOCTOR")


def module(session: Session, args: list[bytes]) -> Reply:
    """The modules that are loaded: none."""
    if [word.upper() for word in args] == [b"LIST"]:
        return []
    raise BadRequest("wanted MODULE LIST")


def config(session: Session, args: list[bytes]) -> Reply:
    """Some settings as Redis names them; those of Riverwalk are in its configuration file."""
    if len(args) < 2 or args[0].upper() != b"GET":
        raise BadRequest("wanted CONFIG GET pattern; settings are changed in riverwalk.toml, or with --set")
    known = {
        "databases": "1",
        "maxclients": str(session.service.max_clients),
        "maxmemory": "0",
        "maxmemory-policy": "noeviction",
        "appendonly": "no",
        "save": "",
        "notify-keyspace-events": "",
    }
    patterns = [text("pattern", word).lower() for word in args[1:]]
    return {name: value for name, value in known.items() if any(fnmatchcase(name, one) for one in patterns)}


def slowlog(session: Session, args: list[bytes]) -> Reply:
    """Slow commands: none are kept; /metrics has the times of all."""
    match [word.upper() for word in args[:1]]:
        case [b"GET"]:
            return []
        case [b"LEN"]:
            return 0
        case [b"RESET"]:
            return OK
    raise BadRequest("wanted SLOWLOG GET [count], SLOWLOG LEN or SLOWLOG RESET")


def latency(session: Session, args: list[bytes]) -> Reply:
    """Latency spikes: none are kept; /metrics has the times of all commands."""
    return []


def acl(session: Session, args: list[bytes]) -> Reply:
    """Who the client is."""
    if [word.upper() for word in args] == [b"WHOAMI"]:
        return session.role.name.lower()
    raise BadRequest(f"ACL {short(args[0]) if args else ''} is not known here; wanted ACL WHOAMI")


def cluster(session: Session, args: list[bytes]) -> Reply:
    """There is no cluster."""
    return NO_CLUSTER


def role(session: Session, args: list[bytes]) -> Reply:
    """The role of the instance: it has no replicas."""
    return ["master", 0, []]


def clock(session: Session, args: list[bytes]) -> Reply:
    """The wall clock: seconds, and microseconds of the second."""
    now = time.time_ns() // 1_000
    return [str(now // 1_000_000), str(now % 1_000_000)]


COMMANDS: Final = {
    "DBSIZE": (dbsize, ""),
    "SCAN": (scan, "cursor [MATCH pattern] [COUNT n] [TYPE type]"),
    "KEYS": (keys, "pattern"),
    "TYPE": (type_of, "key"),
    "EXISTS": (exists, "key [key]"),
    "TTL": (ttl, "key"),
    "PTTL": (ttl, "key"),
    "MEMORY": (memory, "USAGE|STATS|DOCTOR [key]"),
    "MODULE": (module, "LIST"),
    "CONFIG": (config, "GET pattern [pattern]"),
    "SLOWLOG": (slowlog, "GET|LEN|RESET [count]"),
    "LATENCY": (latency, "subcommand [argument]"),
    "ACL": (acl, "WHOAMI"),
    "CLUSTER": (cluster, "subcommand"),
    "ROLE": (role, ""),
    "TIME": (clock, ""),
}
