"""The `train` command: its options."""

import os
from typing import Annotated

import typer

from deploy.cli.option import (
    File,
    Folder,
    Json,
    Set,
    settings,
)
from deploy.config.schema import BadConfig


def command(
    log: Annotated[
        str | None, typer.Argument(metavar="LOG", help="A file of events, or a folder that holds one.")
    ] = None,
    state: Folder = None,
    share: Annotated[
        float,
        typer.Option(min=0, max=1, help="Of the events that are learned from; all of them change the state."),
    ] = 1.0,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many events; the next run goes on there.")
    ] = None,
    append: Annotated[
        bool,
        typer.Option("--append", help="Learn this log after the events the folder holds of another one."),
    ] = False,
    fresh_weights: Annotated[
        bool,
        typer.Option(
            "--fresh-weights", help="Drop what was learned and keep the state; LOG may be left out."
        ),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Stop at the first line that is no event, instead of counting it."),
    ] = False,
    json: Json = False,
    config: File = None,
    set: Set = None,
) -> None:
    """Learn from a file of events as the service does from a topic: one pass, in order, saved as it goes.

    Killed or stopped, the same command goes on after the last saved event.

    `riverwalk serve --state FOLDER` takes over what it leaves.
    """
    loaded = settings(config, set, state__folder=state)
    if log is None and not fresh_weights:
        raise BadConfig("train what? name a file of events: riverwalk train LOG --state FOLDER")
    from deploy.service.child import ENVIRONMENT

    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from deploy.train import progress as body

    body.run(
        loaded.config,
        log,
        share=share,
        limit=limit,
        append=append,
        fresh_weights=fresh_weights,
        strict=strict,
        as_json=json,
    )
