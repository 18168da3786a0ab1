"""SUBSCRIBE and UNSUBSCRIBE: a message whenever a user's list changes, as pub/sub of Redis clients knows it.

    SUBSCRIBE recommendations:ann recommendations:bob?k=5&reasons=true
    → message, recommendations:ann, {"user": "ann", "items": [{"item": "i7", "score": 1.5}], "as_of": …, "offsets": {"0": 42}}

After a channel's `?` may come k (10), titles and reasons; a `?` with anything else behind it is a part of the user's id.
A change comes as one message at most so many times a second; of changes in between the last list is told.  To a client
that does not read, nothing is written while 256 KiB wait for it: then it hears of each list as it is by that time, or is
dropped as any slow client.  In RESP2 a client that has subscribed gives no other commands than PING, RESET and QUIT.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from stream.answer.request import Recommend
from stream.error import BadRequest
from stream.event.identifier import name, short, text
from stream.resp.codec import Push, Reply, Several, encode
from stream.service.argument import count
from stream.service.session import Session
from stream.service.subscription import Subscription, Update

PREFIX: Final = "recommendations:"
WANTED: Final = "recommendations:<user>, or recommendations:<user>?k=5&titles=true&reasons=true"
CHANNELS: Final = 1_000  # of a client at most
ALLOWED: Final = frozenset(
    (b"SUBSCRIBE", b"UNSUBSCRIBE", b"PSUBSCRIBE", b"PUNSUBSCRIBE", b"PING", b"QUIT", b"RESET")
)  # what a client that has subscribed may still say in RESP2
_OPTIONS: Final = re.compile(r"\?((?:k|titles|reasons)=[^&?]*(?:&(?:k|titles|reasons)=[^&?]*)*)$")
_YES: Final = {"true": True, "1": True, "false": False, "0": False}
_PATTERNS: Final = (
    "patterns are not taken: a list is computed for a user who is named; wanted SUBSCRIBE " + WANTED
)


class Mailbox:
    """The channels of one client, and what waits until it reads on.

    Args:
        push: Writes to the client, False where it has too much to read already.
    """

    def __init__(self, session: Session, push: Callable[[bytes], bool]) -> None:
        self._session, self._push = session, push
        self.channels: dict[str, Subscription] = {}
        self._pending: dict[str, Update] = {}  # by channel, the newest

    def __len__(self) -> int:
        return len(self.channels)

    def open(self, channel: str) -> None:
        """Subscribe to a channel.

        Raises:
            BadRequest: There is no such channel, or there are too many.
        """
        if channel in self.channels:
            return
        if len(self.channels) >= CHANNELS:
            raise BadRequest(
                f"{CHANNELS} channels are subscribed to by this client; unsubscribe from some, or use another connection"
            )
        request = requested(channel)
        hub = self._session.service.subscriptions
        self.channels[channel] = hub.subscribe(channel, request, lambda update: self._tell(channel, update))

    def leave(self, channel: str) -> None:
        """Unsubscribe from a channel."""
        found = self.channels.pop(channel, None)
        if found is not None:
            self._session.service.subscriptions.cancel(found)
            self._pending.pop(channel, None)

    def close(self) -> None:
        """Unsubscribe from all channels."""
        for channel in list(self.channels):
            self.leave(channel)

    def flush(self) -> None:
        """Tell what waited, as the client reads on."""
        pending, self._pending = self._pending, {}
        for channel, update in pending.items():
            self._tell(channel, update)

    def _tell(self, channel: str, update: Update) -> None:
        protocol = self._session.protocol
        frame = update.encoded.get(f"resp{protocol}")
        if frame is None:
            frame = update.encoded[f"resp{protocol}"] = encode(
                Push(["message", channel, payload(update)]), protocol
            )
        if self._pending or not self._push(frame):
            self._pending.pop(channel, None)
            self._pending[channel] = update


def requested(channel: str) -> Recommend:
    """Return what a channel asks for.

    Raises:
        BadRequest: There is no such channel.
    """
    if not channel.startswith(PREFIX) or len(channel) == len(PREFIX):
        raise BadRequest(f"there is no channel {short(channel.encode())}; wanted {WANTED}")
    rest = channel.removeprefix(PREFIX)
    found = _OPTIONS.search(rest)
    options: dict[str, Any] = {}
    if found is not None and found.start():
        rest = rest[: found.start()]
        for option, value in parse_qsl(found[1], keep_blank_values=True):
            if option == "k":
                options["k"] = count("k", value.encode())
            elif value.lower() in _YES:
                options[f"with_{option}"] = _YES[value.lower()]
            else:
                raise BadRequest(f"{option} is {value[:64]!r}; wanted true or false")
    return Recommend(name("user", rest.encode()), **options)


def payload(update: Update) -> bytes:
    """Return a message as JSON: the list, and the moment it is as of."""
    answer, request = update.answer, update.request
    rows: list[dict[str, Any]] = [
        {"item": item, "score": score} for item, score in zip(answer.items, answer.scores, strict=True)
    ]
    for field, values, asked in (
        ("reason", answer.reasons, request.with_reasons),
        ("title", answer.titles, request.with_titles),
    ):
        if asked:
            for row, value in zip(rows, values, strict=True):
                row[field] = value
    return msgspec.json.encode(
        {"user": request.user, "items": rows, "as_of": answer.as_of, "offsets": answer.offsets}
    )


def subscribe(session: Session, args: list[bytes]) -> Reply:
    """Hear of a user's list whenever it changes: SUBSCRIBE recommendations:<user>."""
    if not args:
        raise BadRequest(f"wanted SUBSCRIBE channel [channel …]; a channel is {WANTED}")
    channels = [text("channel", word) for word in args]
    for channel in channels:
        requested(channel)  # all of them, or none
    if session.mailbox is None:
        session.mailbox = Mailbox(session, session.push)
    told: list[Reply] = []
    for channel in channels:
        session.mailbox.open(channel)
        told.append(Push(["subscribe", channel, len(session.mailbox)]))
    return Several(told)


def unsubscribe(session: Session, args: list[bytes]) -> Reply:
    """Hear no more of these channels, or of any."""
    mailbox = session.mailbox
    channels = [text("channel", word) for word in args] or (
        list(mailbox.channels) if mailbox is not None else []
    )
    if not channels:
        return Push(["unsubscribe", None, 0])
    told: list[Reply] = []
    for channel in channels:
        if mailbox is not None:
            mailbox.leave(channel)
        told.append(Push(["unsubscribe", channel, 0 if mailbox is None else len(mailbox)]))
    return Several(told)


def psubscribe(session: Session, args: list[bytes]) -> Reply:
    """Refused: lists are computed for users who are named."""
    raise BadRequest(_PATTERNS)


def punsubscribe(session: Session, args: list[bytes]) -> Reply:
    """There are no patterns to unsubscribe from."""
    left = 0 if session.mailbox is None else len(session.mailbox)
    return Push(["punsubscribe", args[0] if args else None, left])


def pubsub(session: Session, args: list[bytes]) -> Reply:
    """What channels of this reader have subscribers, and how many."""
    hub = session.service.subscriptions
    match [args[0].upper() if args else b"", *args[1:]]:
        case [b"CHANNELS"]:
            return list(hub.watched)
        case [b"CHANNELS", pattern]:
            return [key for key in hub.watched if fnmatchcase(key, text("pattern", pattern))]
        case [b"NUMSUB", *channels]:
            names = [text("channel", word) for word in channels]
            return [value for one in names for value in (one, hub.receivers(one))]
        case [b"NUMPAT"]:
            return 0
    raise BadRequest("wanted PUBSUB CHANNELS, PUBSUB NUMSUB [channel …] or PUBSUB NUMPAT")
