"""The `train` command: its options."""

import os
from typing import Annotated

import typer

from deploy.cli.configured import configured
from deploy.cli.option import ColumnNames, Json
from deploy.config.schema import BadConfig, Config


@configured("state.folder")
def command(
    config: Config,
    log: Annotated[
        str | None,
        typer.Argument(
            metavar="LOG",
            help="A file of events, a folder that holds one, or a data set on this machine: online-retail, ml-100k, jodie-wikipedia or ciao.",
        ),
    ] = None,
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
    columns: ColumnNames = None,
    json: Json = False,
) -> None:
    """Learn from a file of events as the service does from a topic: one pass, in order, saved as it goes.

    Killed or stopped, the same command goes on after the last saved event.

    `riverwalk serve --state FOLDER` takes over what it leaves.
    """
    if log is None and not fresh_weights:
        raise BadConfig("train what? name a file of events: riverwalk train LOG --state FOLDER")
    from deploy.machine.process import ENVIRONMENT

    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from deploy.train import progress as body
    from deploy.train.setting import TrainSettings

    how = TrainSettings(share, limit, append, fresh_weights, strict)
    body.run(config, log, how, columns=columns, as_json=json)
