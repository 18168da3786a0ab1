"""Connection and server commands of Redis: PING, ECHO, HELLO, AUTH, CLIENT, SELECT, RESET, QUIT, INFO."""

import os
from collections.abc import Callable, Mapping

from stream.error import BadRequest
from stream.event.identifier import short, text
from stream.resp.codec import (
    OK,
    Error,
    Reply,
    Status,
    Text,
)
from stream.service.load import Field, resident_bytes
from stream.service.session import Service, Session

MAX_NAME_BYTES = 256
REDIS = "7.2.0"  # whose protocol and commands for clients are answered, for tools that ask by version
_WRONG = Error("invalid username-password pair or user is disabled.", "WRONGPASS")
_LOCKED = Error("too many wrong passwords from this address; wait a minute.", "WRONGPASS")
_NO_PASSWORD = (
    "AUTH called without any password configured; leave the password out, or set serve.password on the server"
)
_FLAGS = {b"NO-EVICT", b"NO-TOUCH"}


def ping(session: Session, args: list[bytes]) -> Reply:
    """PONG, or the message that was sent."""
    if len(args) > 1:
        raise BadRequest("wanted PING [message]")
    if session.listens and session.protocol == 2:
        return ["pong", args[0] if args else ""]
    return args[0] if args else Status("PONG")


def echo(session: Session, args: list[bytes]) -> Reply:
    """The message that was sent."""
    if len(args) != 1:
        raise BadRequest("wanted ECHO message")
    return args[0]


def hello(session: Session, args: list[bytes]) -> Reply:
    """Choose the protocol, 2 or 3, perhaps with a password and a name; the reply says who answers."""
    protocol = session.protocol
    if args:
        if args[0] not in (b"2", b"3"):
            return Error("unsupported protocol version; wanted 2 or 3", "NOPROTO")
        protocol = int(args[0])
    login, label = _hello_options(args[1:])
    if (
        login is not None
        and (session.service.access.needed or login[0] != b"default")
        and not session.login(*login)
    ):
        return _wrong(session)
    if not session.trusted:
        return Error("HELLO must be called with the password: HELLO 3 AUTH default <password>", "NOAUTH")
    session.protocol = protocol
    if label is not None:
        session.name = label
    return {
        "server": "riverwalk",
        "version": session.service.version,
        "proto": protocol,
        "id": session.number,
        "mode": "standalone",
        "role": "master",
        "modules": [],
    }


def _hello_options(rest: list[bytes]) -> tuple[tuple[bytes, bytes] | None, str | None]:
    """The user and the password, and the name, that HELLO came with."""
    login, label = None, None
    while rest:
        option = rest[0].upper()
        if option == b"AUTH" and len(rest) >= 3:
            login, rest = (rest[1], rest[2]), rest[3:]
        elif option == b"SETNAME" and len(rest) >= 2:
            label, rest = _label(rest[1]), rest[2:]
        else:
            raise BadRequest(f"wanted HELLO [2|3 [AUTH user password] [SETNAME name]], got {short(rest[0])}")
    return login, label


def auth(session: Session, args: list[bytes]) -> Reply:
    """Give the password; users are default (or admin), writer and reader."""
    if not 1 <= len(args) <= 2:
        raise BadRequest("wanted AUTH [user] password")
    if not session.service.access.needed:
        raise BadRequest(_NO_PASSWORD)
    user = args[0] if len(args) == 2 else b"default"
    return OK if session.login(user, args[-1]) else _wrong(session)


def _wrong(session: Session) -> Error:
    return _LOCKED if session.service.access.locked(session.host) else _WRONG


def client(session: Session, args: list[bytes]) -> Reply:
    """What a client says of itself, and what it may ask about itself."""
    if not args:
        raise BadRequest("wanted CLIENT ID|INFO|LIST|GETNAME|SETNAME|SETINFO|NO-EVICT|NO-TOUCH")
    match args[0].upper(), *args[1:]:
        case [b"ID"]:
            return session.number
        case [b"GETNAME"]:
            return session.name or None
        case [b"SETNAME", label]:
            session.name = _label(label)
            return OK
        case [b"SETINFO", option, value] if option.lower() in (b"lib-name", b"lib-ver"):
            session.library = f"{session.library} {_label(value)}".strip()[:MAX_NAME_BYTES]
            return OK
        case [b"INFO"] | [b"LIST"]:
            library, _, release = session.library.partition(" ")
            channels = 0 if session.mailbox is None else len(session.mailbox)
            return Text(
                f"id={session.number} addr={session.address} name={session.name} db=0 sub={channels} "
                f"user={session.role.name.lower()} resp={session.protocol} lib={session.library.replace(' ', '/')} "
                f"lib-name={library} lib-ver={release.replace(' ', '/')}\n"
            )
        case [flag, switch] if flag in _FLAGS and switch.upper() in (b"ON", b"OFF"):
            return OK
    raise BadRequest(
        f"CLIENT {short(args[0])} with {len(args) - 1} more words is not known here; wanted ID, INFO, LIST, GETNAME, "
        "SETNAME name, SETINFO lib-name|lib-ver value, NO-EVICT ON|OFF or NO-TOUCH ON|OFF"
    )


def select(session: Session, args: list[bytes]) -> Reply:
    """There is one database, 0."""
    if len(args) != 1:
        raise BadRequest("wanted SELECT 0")
    if args[0] != b"0":
        raise BadRequest(f"DB index {short(args[0])} is out of range; wanted 0, the only one")
    return OK


def reset(session: Session, args: list[bytes]) -> Reply:
    """Be again as after connecting: RESP2, no name, no password given."""
    if args:
        raise BadRequest("wanted RESET alone")
    session.reset()
    return Status("RESET")


def quit(session: Session, args: list[bytes]) -> Reply:
    """Say good-bye; the server hangs up."""
    session.closing = True
    return OK


def info(session: Session, args: list[bytes]) -> Reply:
    """How the instance is: lines of field:value in sections, all of them or those that are named."""
    wanted = {text("section", word).lower() for word in args}
    if wanted & {"all", "everything", "default"}:
        wanted = set()
    shown = [
        f"# {title}\r\n" + "".join(f"{field}:{_one_line(value)}\r\n" for field, value in told().items())
        for title, told in _sections(session.service).items()
        if not wanted or title.lower() in wanted
    ]
    return Text("\r\n".join(shown))


def _sections(service: Service) -> dict[str, Callable[[], Mapping[str, str | int | float]]]:
    """Return what tells each section of INFO: only those that are wanted are looked at."""
    load = service.load
    others = load.others
    return {
        "Server": lambda: {
            "redis_version": REDIS,
            "redis_mode": "standalone",
            "server_name": "riverwalk",
            "process_id": os.getpid(),
            "arch_bits": 64,
            "role": "master",
        },
        "Riverwalk": service.backend.info,
        "Readers": lambda: {
            "readers": load.readers,
            "readers_up": load.up(),
            "reader": load.reader + 1,
            "reader_clients": len(service.clients),
        },
        "Clients": lambda: {
            "connected_clients": len(service.clients) + others(Field.CLIENTS),
            "maxclients": service.max_clients,
            "blocked_clients": len(service.waiting) + others(Field.BLOCKED),
            "unfinished_bytes": service.unfinished + others(Field.UNFINISHED),
            "unsent_bytes": service.unsent + others(Field.UNSENT),
        },
        "Stats": lambda: {
            "total_connections_received": service.accepted + others(Field.ACCEPTED),
            "total_commands_processed": service.answered + others(Field.ANSWERED),
            "rejected_connections": service.refused + others(Field.REFUSED),
            "slow_clients_dropped": service.dropped + others(Field.DROPPED),
        },
        "Memory": lambda: {"used_memory": resident_bytes()},
        "Keyspace": dict,
    }


def _one_line(value: str | int | float) -> str:
    return " ".join(value.splitlines()) if isinstance(value, str) else str(value)


def _label(word: bytes) -> str:
    """A name a client gives: printable, without blanks, as it is shown in a list of clients."""
    label = text("name", word)
    if len(word) > MAX_NAME_BYTES or " " in label or not (label.isprintable() or not label):
        raise BadRequest(
            f"{short(word)} is no name; wanted up to {MAX_NAME_BYTES} printable bytes without blanks"
        )
    return label
