"""The registry of socket commands, and the dispatch of a request to its reply."""

import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple

import structlog

from stream import metric
from stream.error import BadFrame, BadRequest, BadSource, Loading
from stream.event.identifier import short
from stream.resp import discover, handshake, item, lookup, recommend, transaction
from stream.resp.codec import Error, Reply, Status, encode
from stream.resp.manual import documented, explained
from stream.resp.server import keyspace, subscribe
from stream.service import parameter
from stream.service.access import Role
from stream.service.session import Session

log = structlog.get_logger()

Function = Callable[[Session, list[bytes]], Reply | Coroutine[Any, Any, Reply]]
NO_AUTH: Final = Error("Authentication required.", "NOAUTH")
BROKEN: Final = Error("this should not have happened; the server's log says what did")
WRITES: Final = frozenset((b"EVENT", b"ITEM", b"HIDE", b"UNHIDE", b"FORGET"))
RIGHTS: Final = dict.fromkeys(WRITES, Role.ADMIN) | {b"EVENT": Role.WRITER}
BEFORE_LOGIN: Final = frozenset((b"AUTH", b"HELLO", b"QUIT", b"RESET"))
HTTP: Final = frozenset((b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"CONNECT"))


class Command(NamedTuple):
    """A command: what it does, the words it takes, and one line about it."""

    function: Function
    syntax: str
    summary: str
    label: str  # in metrics


def commands(session: Session, args: list[bytes]) -> Reply:
    """What commands there are, in the forms that Redis clients ask for."""
    sub, *names = [arg.upper() for arg in args] or [b""]
    if sub == b"COUNT" and not names:
        return len(COMMANDS)
    if sub == b"LIST" and not names:
        return [name.decode().lower() for name in COMMANDS]
    asked = names or list(COMMANDS)
    if sub in (b"", b"INFO"):
        return [_shape(name) for name in asked]
    if sub == b"DOCS":
        return {name.decode().lower(): _manual(name) for name in asked if name in COMMANDS}
    raise BadRequest(f"COMMAND {short(args[0])} is not known here; wanted COUNT, LIST, INFO or DOCS")


def help(session: Session, args: list[bytes]) -> Reply:
    """What commands there are, or how one of them is given, in lines."""
    if not args:
        head = "HELP command tells its arguments and options; COMMAND DOCS tells them to programs."
        return [head, *(f"{name.decode()}: {command.summary}" for name, command in COMMANDS.items())]
    name = args[0].upper()
    if len(args) > 1 or name not in COMMANDS:
        raise BadRequest(
            f"there is no help on {short(b' '.join(args))}; wanted HELP, or HELP with one of {_names()}"
        )
    command, known = COMMANDS[name], parameter.COMMANDS.get(name.decode())
    lines: list[Reply] = [f"{name.decode()} {command.syntax}".rstrip(), command.summary]
    return lines + ([] if known is None else explained(known))


def _shape(name: bytes) -> Reply:
    """What COMMAND says of a command: name, how many words (at least, when negative), flags, no keys."""
    if name not in COMMANDS:
        return None
    required = 1 + sum(not part.startswith("[") for part in _parts(COMMANDS[name].syntax))
    arity = -required if "[" in COMMANDS[name].syntax else required
    flags: list[Reply] = [Status("write" if name in WRITES else "readonly"), Status("fast")]
    return [name.decode().lower(), arity, flags, 0, 0, 0, [Status("@all")], [], [], []]


def _manual(name: bytes) -> Reply:
    """What COMMAND DOCS says of a command; redis-cli makes its hints of it, and ends when a flag is
    anything but a status."""
    command = COMMANDS[name]
    known = parameter.COMMANDS.get(name.decode())
    arguments = documented(known) if known is not None else [_word(part) for part in _parts(command.syntax)]
    return {"summary": command.summary, "since": "0.1.0", "group": "riverwalk", "arguments": arguments}


def _word(part: str) -> Reply:
    optional = part.startswith("[")
    word = part[1:-1] if optional else part
    argument: dict[str, Reply] = {"name": word, "type": "string", "display_text": word}
    return argument | {"flags": [Status("optional")]} if optional else argument


def _parts(syntax: str) -> list[str]:
    """The words of a syntax, those in brackets together."""
    parts, depth = [""], 0
    for letter in syntax:
        depth += (letter == "[") - (letter == "]")
        if letter == " " and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part]


def _command(function: Function, syntax: str = "") -> Command:
    summary = (function.__doc__ or "").splitlines()[0]
    label = "command" if function is commands else function.__name__
    return Command(function, syntax, summary, label)


def _asked(function: Function) -> Command:
    """A command of the table of parameters."""
    found = parameter.COMMANDS[function.__name__.upper()]
    return Command(function, found.syntax.partition(" ")[2], found.summary, function.__name__)


COMMANDS: Final[dict[bytes, Command]] = {
    b"RECOMMEND": _asked(recommend.recommend),
    b"SESSION": _asked(recommend.session),
    b"RANK": _asked(recommend.rank),
    b"SIMILAR": _asked(discover.similar),
    b"TRENDING": _asked(discover.trending),
    b"EXPLAIN": _asked(discover.explain),
    b"HISTORY": _asked(lookup.history),
    b"GRAPH": _asked(lookup.graph),
    b"USER": _asked(lookup.user),
    b"FIND": _asked(lookup.find),
    b"EVENT": _asked(item.event),
    b"ITEM": _asked(item.item),
    b"HIDE": _asked(item.hide),
    b"UNHIDE": _asked(item.unhide),
    b"FORGET": _asked(item.forget),
    b"INFO": _command(handshake.info, "[section]"),
    b"PING": _command(handshake.ping, "[message]"),
    b"ECHO": _command(handshake.echo, "message"),
    b"HELLO": _command(handshake.hello, "[protocol [AUTH user password] [SETNAME name]]"),
    b"AUTH": _command(handshake.auth, "[user] password"),
    b"CLIENT": _command(handshake.client, "subcommand [argument]"),
    b"COMMAND": _command(commands, "[COUNT|LIST|INFO|DOCS] [command]"),
    b"HELP": _command(help, "[command]"),
    b"SELECT": _command(handshake.select, "index"),
    b"MULTI": _command(transaction.multi),
    b"EXEC": _command(transaction.execute),
    b"DISCARD": _command(transaction.discard),
    b"WATCH": _command(transaction.watch, "key [key]"),
    b"UNWATCH": _command(transaction.unwatch),
    b"SUBSCRIBE": _command(subscribe.subscribe, "channel [channel]"),
    b"UNSUBSCRIBE": _command(subscribe.unsubscribe, "[channel]"),
    b"PSUBSCRIBE": _command(subscribe.psubscribe, "pattern [pattern]"),
    b"PUNSUBSCRIBE": _command(subscribe.punsubscribe, "[pattern]"),
    b"PUBSUB": _command(subscribe.pubsub, "CHANNELS|NUMSUB|NUMPAT [channel]"),
    b"RESET": _command(handshake.reset),
    b"QUIT": _command(handshake.quit),
} | {name.encode(): _command(*found) for name, found in keyspace.COMMANDS.items()}
_OTHER: Final = "other"  # the label of what is no command


def answer(session: Session, words: list[bytes], inline: bool = False) -> bytes | Coroutine[Any, Any, bytes]:
    """The reply to a request, or what will be it once the command has waited for something.

    Args:
        inline: Whether the request came as a line of words.

    Raises:
        BadFrame: The client speaks HTTP; a browser must not be led into sending commands.
    """
    began = time.perf_counter()
    found = COMMANDS.get(words[0]) or COMMANDS.get(words[0].upper())
    if found is None:
        if inline and _is_http(words):
            raise BadFrame("this port speaks the Redis protocol; HTTP is on another one (serve.http_port)")
        return _unknown(session, words[0], began)
    if session.role < Role.ADMIN and (refusal := _refusal(session, words)):
        return _told(session, refusal, found.label, "error", began)
    if session.listens and session.protocol == 2 and words[0].upper() not in subscribe.ALLOWED:
        return _told(session, _listening(words[0]), found.label, "error", began)
    if session.queueing and words[0].upper() not in transaction.AT_ONCE:
        return _told(session, transaction.queue(session, words), "queued", "ok", began)
    try:
        reply = found.function(session, words[1:])
    except Exception as exc:
        return _told(session, *_problem(exc, found.label), began)
    if isinstance(reply, Coroutine):
        return _later(session, reply, found.label, began)
    return _told(session, reply, found.label, "error" if isinstance(reply, Error) else "ok", began)


async def _later(session: Session, reply: Coroutine[Any, Any, Reply], label: str, began: float) -> bytes:
    """The reply of a command that waits; its waiting for an event is not counted as its work."""
    session.wait_s = 0.0
    try:
        value = await reply
    except Exception as exc:
        return _told(session, *_problem(exc, label), began + session.wait_s)
    return _told(session, value, label, "ok", began + session.wait_s)


def _told(session: Session, reply: Reply, label: str, result: str, began: float) -> bytes:
    session.service.answered += 1
    metric.request(label, result, time.perf_counter() - began)
    return encode(reply, session.protocol)


def _problem(exc: Exception, label: str) -> tuple[Error, str, str]:
    """The error reply for an exception, and its result in metrics: `error` is the client's, `failed` is ours."""
    if isinstance(exc, Loading):
        return Error(str(exc), "LOADING"), label, "error"
    if isinstance(exc, BadRequest):
        return Error(str(exc)), label, "error"
    if isinstance(exc, BadSource):
        log.error("an event could not be published", error=str(exc))
        return Error(f"the event is not published: {exc}"), label, "failed"
    log.exception("a request failed", command=label)
    return BROKEN, label, "failed"


def _refusal(session: Session, words: list[bytes]) -> Error | None:
    """Why this client may not give this command, if so; asking for an item's fields is a reader's right."""
    name, role = words[0].upper(), session.role
    if role is Role.STRANGER:
        return None if name in BEFORE_LOGIN else NO_AUTH
    if role >= RIGHTS.get(name, Role.READER) or (name == b"ITEM" and len(words) == 2):
        return None
    command = name.decode().lower()
    error = Error(f"User {role.name.lower()} has no permissions to run the '{command}' command", "NOPERM")
    return transaction.refused(session, error) if session.queueing else error


def _listening(word: bytes) -> Error:
    return Error(
        f"Can't execute '{word.decode(errors='replace').lower()}': only SUBSCRIBE / UNSUBSCRIBE / PING / QUIT / RESET are "
        "allowed in this context; use another connection, or RESP3 (HELLO 3)"
    )


def _is_http(words: list[bytes]) -> bool:
    """Whether a line begins a request of HTTP, or is its header Host."""
    first = words[0].upper()
    return first == b"HOST:" or (first in HTTP and words[-1].upper().startswith(b"HTTP/"))


def _unknown(session: Session, word: bytes, began: float) -> bytes:
    error = (
        NO_AUTH if not session.trusted else Error(f"unknown command {short(word)}; wanted one of {_names()}")
    )
    if session.queueing:
        transaction.refused(session, error)
    return _told(session, error, _OTHER, "error", began)


def _names() -> str:
    return ", ".join(name.decode() for name in COMMANDS)
