"""The arguments of a command as `COMMAND DOCS` tells them, in the form that Redis has for its own."""

from __future__ import annotations

from typing import Final

from stream.resp.codec import Reply, Status
from stream.service.parameter import Command, Parameter

_TYPES: Final = {
    "switch": "pure-token", "count": "integer", "timeout": "integer", "time": "integer", "share": "double", "number": "double"
}  # fmt: skip


def documented(command: Command) -> list[Reply]:
    """Return the arguments, then the options; an option that goes with another stands inside it."""
    inner = {one.within: one for one in command.options if one.within}
    arguments: list[Reply] = [_argument(one) for one in command.arguments]
    for one in command.options:
        if not one.within:
            arguments.append(_option(one, inner.get(one.field)))
    return arguments


def _argument(one: Parameter) -> dict[str, Reply]:
    flags: list[Reply] = [] if one.required else [Status("optional")]
    if one.many:
        flags.append(Status("multiple"))
    return _plain(one, flags)


def _option(one: Parameter, inner: Parameter | None) -> dict[str, Reply]:
    optional: list[Reply] = [Status("optional")]
    if not one.many and inner is None:
        return _plain(one, optional) | {"token": one.word}
    several: list[Reply] = [Status("multiple")] if one.many else []
    parts: list[Reply] = [_plain(one, several)]
    if one.many:
        parts.insert(0, {"name": "n", "type": "integer", "display_text": "n"})
    if inner is not None:
        parts.append(_option(inner, None))
    return {
        "name": one.word.lower(),
        "type": "block",
        "token": one.word,
        "flags": optional,
        "arguments": parts,
    }


def _plain(one: Parameter, flags: list[Reply]) -> dict[str, Reply]:
    name = one.metavar or one.word.lower()
    kind = _TYPES.get(one.kind, "string")
    plain: dict[str, Reply] = {"name": name, "type": kind, "display_text": name}
    return plain | {"flags": flags} if flags else plain


def explained(command: Command) -> list[Reply]:
    """Return a line for each argument and option: how it is given, what it means, and what holds without it."""
    shown = []
    for one in (*command.arguments, *command.options):
        given = f"{one.word} {f'n {one.metavar} …' if one.many and one.word else one.metavar}".strip()
        default = "required" if one.required else f"default: {one.default}" if one.default else ""
        shown.append((given, f"{one.help} ({default})" if default else one.help))
    width = max((len(given) for given, _ in shown), default=0)
    return [f"  {given:<{width}}  {meaning}" for given, meaning in shown]
