"""`riverwalk query`: ask a running instance over its socket, and show the reply as a table or as JSON.

The questions people ask have commands of their own; `ask` sends the words of any other as they are.
"""

from typing import Annotated, Any

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

app = typer.Typer(help="Ask a running instance.", no_args_is_help=True)
Row = dict[str, Any]
Filter = Annotated[
    str | None, typer.Option("--filter", help='What items must be: category = "cup" and price < 5.')
]
Category = Annotated[str | None, typer.Option("--category", help="Of which category items must be.")]


@app.command()
def recommend(
    user: str,
    k: Number = 10,
    include_seen: Annotated[bool, typer.Option("--include-seen", help="Items the user had, too.")] = False,
    filter: Annotated[
        str | None, typer.Option("--filter", help="What items must be, such as 'price < 5 and age < 7d'.")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", help="Not this item; repeatable.")] = None,
    per_category: Annotated[
        int | None, typer.Option("--per-category", min=1, max=1000, help="Items of a category at most.")
    ] = None,
    after: Annotated[
        str | None, typer.Option("--after", help="Answer once this event is applied: partition:offset.")
    ] = None,
    json: Json = False,
    config: File = None,
    host: Host = None,
    port: Port = None,
    set: Set = None,
) -> None:
    """Recommend items to a user."""
    words = ["WITHSCORES", "WITHREASONS", *(["INCLUDESEEN"] if include_seen else [])]
    words += ["EXCLUDE", str(len(exclude)), *exclude] if exclude else []
    words += ["FILTER", filter] if filter is not None else []
    words += ["PERCATEGORY", str(per_category)] if per_category else []
    words += ["AFTER", after] if after else []
    reply = _ask(_serve(config, host, port, set), "RECOMMEND", user, k, *words)
    show(rows(reply, "item", "score", "reason"), json)


@app.command()
def session(
    items: Annotated[list[str], typer.Argument(help="What was looked at, the newest last.")],
    k: Number = 10,
    json: Json = False,
    config: File = None,
    host: Host = None,
    port: Port = None,
    set: Set = None,
) -> None:
    """Recommend items to a visitor without a name."""
    reply = _ask(_serve(config, host, port, set), "SESSION", k, *items, "WITHSCORES", "WITHREASONS")
    show(rows(reply, "item", "score", "reason"), json)


@app.command()
def rank(
    user: str,
    items: Annotated[list[str], typer.Argument(help="What to put in order.")],
    json: Json = False,
    config: File = None,
    host: Host = None,
    port: Port = None,
    set: Set = None,
) -> None:
    """Put items in the order this user would want them."""
    reply = _ask(_serve(config, host, port, set), "RANK", user, *items, "WITHSCORES")
    show(rows(reply, "item", "score"), json)


@app.command()
def similar(
    item: str,
    k: Number = 10,
    all_time: Annotated[
        bool, typer.Option("--all-time", help="What the same users have had at any time.")
    ] = False,
    filter: Filter = None,
    category: Category = None,
    json: Json = False,
    config: File = None,
    host: Host = None,
    port: Port = None,
    set: Set = None,
) -> None:
    """The items nearest to an item."""
    words = ["WITHSCORES", *(["ALLTIME"] if all_time else []), *_rules(filter, category)]
    show(rows(_ask(_serve(config, host, port, set), "SIMILAR", item, k, *words), "item", "score"), json)


@app.command()
def trending(
    k: Number = 10,
    half_life: Annotated[
        str | None, typer.Option("--half-life", help="How fast counts decay: 30m, 1h, 7d.")
    ] = None,
    filter: Filter = None,
    category: Category = None,
    json: Json = False,
    config: File = None,
    host: Host = None,
    port: Port = None,
    set: Set = None,
) -> None:
    """The items that rise now."""
    words = ["WITHSCORES", *(["HALFLIFE", half_life] if half_life else []), *_rules(filter, category)]
    show(rows(_ask(_serve(config, host, port, set), "TRENDING", k, *words), "item", "score"), json)


@app.command()
def explain(
    user: str,
    item: str,
    filter: Filter = None,
    json: Json = False,
    config: File = None,
    host: Host = None,
    port: Port = None,
    set: Set = None,
) -> None:
    """Why an item stands where it stands for a user, or is not shown."""
    words = _rules(filter, None)
    show(fields(_ask(_serve(config, host, port, set), "EXPLAIN", user, item, *words)), json)


@app.command()
def info(
    json: Json = False, config: File = None, host: Host = None, port: Port = None, set: Set = None
) -> None:
    """How the instance is."""
    reply = str(_ask(_serve(config, host, port, set), "INFO"))
    lines = (line.partition(":") for line in reply.splitlines() if line and not line.startswith("#"))
    show({name: number(value) for name, _, value in lines}, json)


@app.command()
def event(
    user: str,
    item: str,
    type: Annotated[
        str, typer.Argument(help="view, click, like, dislike, purchase, watch, impression.")
    ] = "view",
    value: Annotated[float, typer.Argument(help="How much it counts.")] = 1.0,
    t: Annotated[int | None, typer.Argument(help="Event time in ms; the wall clock when left out.")] = None,
    json: Json = False,
    config: File = None,
    host: Host = None,
    port: Port = None,
    set: Set = None,
) -> None:
    """Publish an event; prints where it stands in the topic, to be given to `recommend --after`."""
    time = [] if t is None else [t]
    reply = _ask(_serve(config, host, port, set), "EVENT", user, item, type, value, *time)
    show({"position": str(reply)}, json)


@app.command()
def item(
    item: str,
    fields: Annotated[
        str | None, typer.Argument(help="What it is from now on: a JSON object; null forgets it.")
    ] = None,
    json: Json = False,
    config: File = None,
    host: Host = None,
    port: Port = None,
    set: Set = None,
) -> None:
    """What an item is; with a JSON object of fields, tell it."""
    serve = _serve(config, host, port, set)
    if fields is not None:
        show({"position": str(_ask(serve, "ITEM", item, fields))}, json)
        return
    reply = _ask(serve, "ITEM", item, protocol=3)
    if not isinstance(reply, dict):
        raise BadAnswer(f"nothing is known of item {item!r}; `riverwalk query item {item} JSON` tells it")
    show(reply, json)


@app.command()
def hide(
    item: str,
    json: Json = False,
    config: File = None,
    host: Host = None,
    port: Port = None,
    set: Set = None,
) -> None:
    """Leave an item out of every answer."""
    show({"position": str(_ask(_serve(config, host, port, set), "HIDE", item))}, json)


@app.command()
def unhide(
    item: str,
    json: Json = False,
    config: File = None,
    host: Host = None,
    port: Port = None,
    set: Set = None,
) -> None:
    """Let an item be in answers again."""
    show({"position": str(_ask(_serve(config, host, port, set), "UNHIDE", item))}, json)


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


def _rules(filter: str | None, category: str | None) -> list[str]:
    return [*(["FILTER", filter] if filter else []), *(["CATEGORY", category] if category else [])]


def _serve(config: Any, host: str | None, port: int | None, assignments: list[str] | None) -> Serve:
    return settings(config, assignments, serve__host=host, serve__port=port).config.serve


def _ask(serve: Serve, *words: str | int | float, protocol: int = 2) -> Reply:
    with Client(serve) as client:
        if protocol == 3:
            client.ask("HELLO", 3)
        return client.ask(*words)
