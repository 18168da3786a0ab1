"""What can go wrong in the stream: one exception for each thing the caller does about it."""


class BadEvent(Exception):
    """A record that is no event: count it under `reason`, put it in the dead-letter topic, go on."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Ignored(BadEvent):
    """A record that is no event and need not be one, such as a deleted row: count it, go on."""

    def __init__(self, message: str) -> None:
        super().__init__("ignored", message)


class BadRequest(Exception):
    """A request that cannot be answered: tell the client why, keep the line."""


class Loading(BadRequest):
    """The state is not there yet, or what answers from it: ask again in a moment."""


class BadFilter(BadRequest):
    """A filter on a field that no item has: the request is wrong, whatever item or user it is about."""


class BadFrame(Exception):
    """Bytes that are no request: tell the client why, hang up."""


class BadSource(Exception):
    """The topic cannot be read or written as promised: stop the stream rather than lose or repeat an event."""


class Away(BadSource):
    """Something that records are read with does not answer now: keep them, say so, try again."""
