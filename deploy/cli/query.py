"""`riverwalk query`: ask a running instance over its socket, and show the reply as a table or as JSON.

The commands of `stream.service.parameter` are commands here, with its arguments and options; `ask` sends the words of
any other as they are.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import typer

from deploy.cli.option import (
    File,
    Host,
    Json,
    Number,
    Port,
    Set,
    settings,
)
from deploy.client.client import BadAnswer, Client, Reply
from deploy.config.schema import Serve
from deploy.terminal.output import show
from stream.service.parameter import TABLE, Command, Parameter

app = typer.Typer(help="Ask a running instance.", no_args_is_help=True)
Row = dict[str, Any]
TYPES: Final[dict[str, type]] = {
    "switch": bool, "count": int, "timeout": int, "time": int, "share": float, "number": float
}  # fmt: skip
BOUNDS: Final[dict[str, dict[str, float]]] = {
    "count": {"min": 1, "max": 1000}, "timeout": {"min": 0, "max": 60_000}, "share": {"min": 0, "max": 1}
}  # fmt: skip
MAPS: Final = ("HISTORY", "GRAPH", "USER", "FIND", "FORGET")  # commands whose replies are by name
SHARED: Final[dict[str, tuple[Any, Any]]] = {
    "json": (Json, False), "config": (File, None), "host": (Host, None), "port": (Port, None), "set": (Set, None)
}  # fmt: skip


def words(command: Command, values: Mapping[str, Any]) -> list[str | int | float]:
    """The words of the socket for the values of flags and arguments; what has no flag is always asked for."""
    found: list[Any] = [command.name]
    for one in command.arguments:
        value = values[one.field]
        found += value if one.many else [] if value is None else [value]
    for one in command.options:
        found += _option(one, values[one.field] if one.flag else True)
    return found


def _option(one: Parameter, value: Any) -> list[str | int | float]:
    """The words of an option, none where it is not asked for."""
    if value is None or value is False or value == []:
        return []
    if one.many:
        return [one.word, len(value), *value]
    return [one.word] if one.kind == "switch" else [one.word, value]


def _parameter(one: Parameter, argument: bool) -> inspect.Parameter:
    """A parameter of a command of typer: an argument, a flag, or how many."""
    kind: Any = list[str] if one.many else TYPES.get(one.kind, str)
    default: Any = None
    if one.field == "k":
        kind, default = Number, int(one.default)
    else:
        if kind is bool:
            default = False
        elif one.required:
            default = inspect.Parameter.empty
        else:
            kind = kind | None
        kind = Annotated[kind, _described(one, argument)]
    return inspect.Parameter(one.field, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _described(one: Parameter, argument: bool) -> Any:
    """What typer is to say of a parameter."""
    bounds: dict[str, Any] = {**BOUNDS.get(one.kind, {})}
    if not argument:
        more = "; repeatable" if one.many else ""
        return typer.Option(one.flag, help=f"{one.help.removesuffix('.')}{more}.", **bounds)
    if one.many:
        bounds["metavar"] = "ITEM..."
    return typer.Argument(help=f"{one.help.removesuffix('.')}.", **bounds)


def _run(command: Command) -> Callable[..., None]:
    """A command of the table as one of typer."""

    def run(*, json: bool, config: Any, host: str | None, port: int | None, set: Any, **values: Any) -> None:
        serve = settings(config, set, serve__host=host, serve__port=port).config.serve
        wait_s = (values.get("timeout_ms") or values.get("wait_ms") or 0) / 1000
        by_name = (
            command.name in MAPS
            or _reads_item(command, values)
            or values.get("with_meta")
            or values.get("cursor")
        )
        protocol = 3 if by_name else 2
        reply = _ask(serve, *words(command, values), protocol=protocol, wait_s=wait_s)
        show(shown(command, values, reply), json)

    own = [_parameter(one, argument=not one.flag) for one in command.arguments]
    own += [_parameter(one, argument=False) for one in command.options if one.flag]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in SHARED.items()
    ]
    run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in [*own, *shared]}
    run.__doc__ = command.summary
    return run


for _command in TABLE:
    app.command(_command.name.lower())(_run(_command))


def shown(command: Command, values: Mapping[str, Any], reply: Reply) -> list[Row] | Row:
    """The reply of a command of the table as rows, or as one thing by name."""
    columns = {"with_scores": "score", "with_reasons": "reason", "with_titles": "title"}
    asked = [one for one in command.options if not one.flag or values.get(one.field)]
    found = [columns[one.field] for one in asked if one.field in columns]
    if found and isinstance(reply, dict):
        return {**reply, "items": rows(reply["items"], "item", *found)}
    if found:
        return rows(reply, "item", *found)
    if command.name == "EXPLAIN":
        return fields(reply)
    if command.name in ("HISTORY", "GRAPH") and isinstance(reply, list):
        return [{str(name): value for name, value in one.items()} for one in reply if isinstance(one, dict)]
    if command.name == "EVENT" and isinstance(reply, dict):
        return {"position": reply["place"], "t": reply["t"], "clock": reply["clock"]}
    if command.name in MAPS or _reads_item(command, values):
        if isinstance(reply, dict):
            return reply
        item = values.get("item")
        raise BadAnswer(f"nothing is known of item {item!r}; `riverwalk query item {item} JSON` tells it")
    return {"position": str(reply)}


def _reads_item(command: Command, values: Mapping[str, Any]) -> bool:
    return command.name == "ITEM" and values["fields"] is None


@app.command()
def info(
    json: Json = False, config: File = None, host: Host = None, port: Port = None, set: Set = None
) -> None:
    """How the instance is."""
    reply = str(_ask(_serve(config, host, port, set), "INFO"))
    lines = (line.partition(":") for line in reply.splitlines() if line and not line.startswith("#"))
    show({name: number(value) for name, _, value in lines}, json)


@app.command(context_settings={"ignore_unknown_options": True})
def ask(
    words: Annotated[list[str], typer.Argument(help="A command of the socket and its words.")],
    json: Json = False,
    config: File = None,
    host: Host = None,
    port: Port = None,
    set: Set = None,
) -> None:
    """Send any command of the socket as it is."""
    reply = _ask(_serve(config, host, port, set), *words, protocol=3)
    if json or isinstance(reply, dict):
        show(reply, json)  # type: ignore[arg-type]  # JSON takes any reply
    else:
        for one in reply if isinstance(reply, list) else [reply]:
            print("" if one is None else one)


def rows(reply: Reply, *columns: str) -> list[Row]:
    """A flat list of groups as ranked rows; scores are numbers."""
    if not isinstance(reply, list) or len(reply) % len(columns):
        raise BadAnswer(f"the reply was {reply!r}; groups of {', '.join(columns)} were expected")
    made = []
    for start in range(0, len(reply), len(columns)):
        row: Row = {"rank": start // len(columns) + 1}
        row |= zip(columns, reply[start : start + len(columns)], strict=True)
        if "score" in row:
            row["score"] = number(str(row["score"]))
        made.append(row)
    return made


def fields(reply: Reply) -> Row:
    """A flat list of names and values by name."""
    if not isinstance(reply, list) or len(reply) % 2:
        raise BadAnswer(f"the reply was {reply!r}; pairs of a name and a value were expected")
    return {str(name): value for name, value in zip(reply[::2], reply[1::2], strict=True)}


def number(text: str) -> str | int | float:
    """A number where the text is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _serve(config: Any, host: str | None, port: int | None, assignments: list[str] | None) -> Serve:
    return settings(config, assignments, serve__host=host, serve__port=port).config.serve


def _ask(serve: Serve, *words: str | int | float, protocol: int = 2, wait_s: float = 0.0) -> Reply:
    with Client(serve, 10.0 + wait_s, protocol=protocol) as client:
        return client.ask(*words)
