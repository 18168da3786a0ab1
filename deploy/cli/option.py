"""The options commands share, and how they become a configuration."""

import re
from pathlib import Path
from typing import Annotated

import typer

from deploy.config.loader import Loaded, load
from deploy.config.schema import BadConfig
from stream.event.duration import duration as read_duration
from stream.event.duration import wanted

File = Annotated[Path | None, typer.Option("--config", help="A TOML file; else riverwalk.toml here, if any.")]
Kafka = Annotated[
    str | None, typer.Option("--kafka", help="host:port; without it events are kept in the state folder.")
]
Topic = Annotated[str | None, typer.Option("--topic", help="The topic of events.")]
Folder = Annotated[str | None, typer.Option("--state", help="The folder where state is kept.")]
Host = Annotated[str | None, typer.Option("--host", help="The address of the socket.")]
Port = Annotated[int | None, typer.Option("--port", help="The port of the socket; 0 picks a free one.")]
HttpPort = Annotated[int | None, typer.Option("--http-port", help="The port of HTTP; 0 picks a free one.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Any setting, section.key=value; repeatable.")]
ColumnNames = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="ROLE=NAME,…",
        help="Which columns hold user, item, t, type, value and id, as user=visitorid,item=sku,t=ts:s; "
        "the unit of t is s, ms, us, ns or iso. Default: found by names and values.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON value, for programs.")]
Number = Annotated[int, typer.Option("-k", "--k", min=1, max=1000, help="How many items.")]


def settings(file: Path | None, assignments: list[str] | None = None, **flags: object) -> Loaded:
    """The configuration of a command.

    Args:
        file: What --config gave.
        assignments: What --set gave.
        flags: What other flags gave, `section__key=value`; None was not given.
    """
    values = {name.replace("__", "."): value for name, value in flags.items()}
    for assignment in assignments or []:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise BadConfig(f"--set {assignment}: write it as section.key=value")
        values[name.strip()] = value.strip()
    return load(file, flags=values)


def duration(text: str | None) -> float | None:
    """Seconds of `90`, `90s`, `2m` or `1h`."""
    if text is None:
        return None
    bare = re.fullmatch(r"\d+(?:\.\d+)?", text.strip())
    found = read_duration(f"{text}s" if bare else text)
    if found is None or float(found) < 0:
        raise BadConfig(f"{text!r} is no duration; wanted {wanted()}")
    return float(found) / 1000
