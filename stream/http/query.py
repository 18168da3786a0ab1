"""What follows the `?` of a question over HTTP; a route takes the options it knows, and the rest is refused."""

from typing import Final
from urllib.parse import parse_qsl

from stream.error import BadRequest
from stream.service import argument

YES: Final = {"true": True, "1": True, "yes": True, "": True, "false": False, "0": False, "no": False}


def options_of(query: str) -> dict[str, str]:
    """The options by name."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=16, errors="strict")
    except ValueError as exc:
        raise BadRequest(f"what follows the ? cannot be read: {exc}") from exc
    options = dict(pairs)
    if len(options) < len(pairs):
        raise BadRequest("an option is given twice")
    return options


def k(options: dict[str, str]) -> int:
    """How many items are wanted."""
    return argument.count(options.pop("k", "10").encode())


def yes(what: str, word: str) -> bool:
    """Whether an option says yes."""
    if word.lower() in YES:
        return YES[word.lower()]
    raise BadRequest(f"{what} is {word[:64]!r}; wanted true or false")


def all_known(options: dict[str, str], wanted: str) -> None:
    """Refuse options that nobody has taken."""
    if options:
        raise BadRequest(f"{next(iter(options))[:64]!r} is no option here; options are: {wanted}")


def rules(options: dict[str, str]) -> dict[bytes, bytes]:
    """The options that say what items of a list must be, taken and named as on the socket."""
    words = [word for word in ("filter", "category") if word in options]
    return {word.upper().encode(): options.pop(word).encode() for word in words}
