"""Render the reference of commands as Markdown: `python -m deploy.cli.reference > deploy/docs/commands.md`."""

from __future__ import annotations

from typing import Final

from stream.service.parameter import TABLE, Command, Parameter

INTRODUCTION: Final = """\
# Commands

Every command is asked on the socket with any Redis client, with `riverwalk query`, and most over HTTP, which replies
in JSON:

    redis-cli -p 7878 RECOMMEND ann 5 WITHSCORES FILTER 'price < 5'
    riverwalk query recommend ann -k 5 --filter 'price < 5'
    curl 'http://127.0.0.1:7879/recommend/ann?k=5&filter=price%3C5'

On the socket, words are taken in any case, options in any order after the arguments, and one with a value once. A
list of items ends where the rest of the words reads as options. Over HTTP, several items are separated by commas, and a
switch is `true` or `false`; scores are always in the reply, reasons unless `reasons=false`. `riverwalk query` always
shows both. A duration is a number and one of `s m h d w`, such as `90s`, `1.5h` or `7d`.

Requests may be pipelined; replies come in order. Up to 1024 EVENTs in a row are published together; any other command begins
once those before it have their replies. `MULTI`, `EXEC` and `DISCARD` queue requests and run them, as the default `pipeline()` of
redis-py does: a request that is not known or not permitted makes `EXEC` run nothing, and other clients may be answered in between.

`HISTORY` and `GRAPH` reply with a map for each entry, `USER` and `FIND` with one, and so do answers with `WITHMETA` or `CURSOR`: names
and values, in RESP2 one after the other. [Clients](clients.md) has programs in several languages, and says how `SUBSCRIBE
recommendations:<user>` tells of changes and how pages work. `HELP` lists every command, `HELP RECOMMEND` what one takes.
"""


def markdown() -> str:
    """Return the reference: for each command what it does, its syntax, and a table of what it takes."""
    return "\n".join([INTRODUCTION, *(_section(command) for command in TABLE)])


def _section(command: Command) -> str:
    lines = [f"## {command.name}", "", command.summary, "", f"    {command.syntax}"]
    method, _, path = command.path.rpartition(" ")
    if path:
        lines.append(f"    {method or 'GET'} {path}")
    arguments = " ".join(_on_command_line(one) for one in command.arguments if not one.flag)
    lines += [f"    riverwalk query {command.name.lower()} {arguments}".rstrip(), ""]
    lines += ["| socket | HTTP | CLI | meaning | default |", "|---|---|---|---|---|"]
    lines += [_row(command, one) for one in (*command.arguments, *command.options)]
    return "\n".join([*lines, ""])


def _on_socket(command: Command, one: Parameter) -> str:
    if one in command.arguments and one.word:
        return f"{one.metavar}, or {one.word} {one.metavar}"
    return f"{one.word} {f'n {one.metavar} …' if one.many and one.word else one.metavar}".strip()


def _row(command: Command, one: Parameter) -> str:
    socket = _on_socket(command, one)
    http = _over_http(one) if one.http or command.path else ""
    cli = f"`{one.flag}`" if one.flag else "argument" if one in command.arguments else "always"
    default = one.default or ("required" if one.required else "")
    return f"| `{socket}` | {http} | {cli} | {one.help.replace('|', chr(92) + '|')} | {default} |"


def _over_http(one: Parameter) -> str:
    if one.http:
        return f"`{one.http}=`"
    if one.word:
        return "always"
    return "in the path" if one.required else ""


def _on_command_line(one: Parameter) -> str:
    word = one.metavar.strip("{}").upper()
    word = f"{word}…" if one.many else word
    return word if one.required else f"[{word}]"


if __name__ == "__main__":
    print(markdown(), end="")
