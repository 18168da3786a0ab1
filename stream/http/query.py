"""Read the path and the query string of a request by the table of arguments and options; any other is refused."""

import re
from typing import Any, Final
from urllib.parse import unquote_plus

from stream.error import BadRequest
from stream.service.argument import READERS, agree
from stream.service.parameter import Command, Parameter

MAX_OPTIONS: Final = 16
_ABSOLUTE: Final = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
YES: Final = {"true": True, "1": True, "yes": True, "": True, "false": False, "0": False, "no": False}


def origin_form(target: str, host: str) -> tuple[str, str]:
    """The path and query of a target, and the host it is of; `http://host/path`, as sent to a proxy, names both."""
    found = _ABSOLUTE.match(target)
    if found is None:
        return target, host
    rest = target[found.end() :]
    return rest if rest.startswith("/") else f"/{rest}", found[1].rpartition("@")[2]


def options_of(query: str) -> dict[str, list[str]]:
    """The values of each option by name, as they were encoded."""
    options: dict[str, list[str]] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        options.setdefault(_decoded(name), []).append(value)
    if len(options) > MAX_OPTIONS:
        raise BadRequest(f"what follows the ? cannot be read: over {MAX_OPTIONS} options")
    return options


def _decoded(text: str) -> str:
    try:
        return unquote_plus(text, errors="strict")
    except ValueError as exc:
        raise BadRequest(f"what follows the ? cannot be read: {exc}") from exc


def values_of(command: Command, parts: list[str], query: str) -> dict[str, Any]:
    """The arguments and options of a request by field, from the rest of its path and what follows the `?`.

    Raises:
        BadRequest: It says what was wanted.
    """
    options = options_of(query)
    values = _of_path(command, parts)
    taken = [one for one in (*command.arguments, *command.options) if one.http]
    for one in taken:
        if one.http in options:
            values[one.field] = _value(one, options.pop(one.http))
    if options:
        raise BadRequest(f"{next(iter(options))[:64]!r} is no option here; options are: {_listed(taken)}")
    agree(values, {one.field: one.http for one in taken})
    return values


def _of_path(command: Command, parts: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    left = iter(parts)
    for one in command.arguments:
        if one.http or not one.required:
            continue
        words = [
            READERS[one.kind](one.metavar, part.encode()) for part in (left if one.many else [next(left)])
        ]
        values[one.field] = words if one.many else words[0]
    return values


def fits(command: Command, parts: int) -> bool:
    """Whether a path with so many parts after its first names the arguments of a command."""
    wanted = [one for one in command.arguments if one.required and not one.http]
    return parts >= len(wanted) if any(one.many for one in wanted) else parts == len(wanted)


def no_options(query: str) -> None:
    """Refuse any option."""
    if options := options_of(query):
        raise BadRequest(f"{next(iter(options))[:64]!r} is no option here; options are: none")


def _value(one: Parameter, given: list[str]) -> Any:
    """The value of an option; of a list, commas separate members, and an encoded comma belongs to one."""
    read = READERS.get(one.kind)
    if one.many and read is not None:
        parts = [_decoded(part) for value in given for part in value.split(",") if part]
        return [read(one.metavar, part.encode()) for part in parts]
    if len(given) > 1:
        raise BadRequest("an option is given twice")
    word = _decoded(given[0])
    return yes(one.http, word) if read is None else read(one.http, word.encode())


def _listed(taken: list[Parameter]) -> str:
    within = {one.field: one.http for one in taken}
    names = [f"{one.http} (with {within[one.within]})" if one.within else one.http for one in taken]
    return ", ".join(names) or "none"


def yes(what: str, word: str) -> bool:
    """Whether an option says yes."""
    if word.lower() in YES:
        return YES[word.lower()]
    raise BadRequest(f"{what} is {word[:64]!r}; wanted true or false")
