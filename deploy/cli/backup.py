"""The commands `backup` and `restore`: their options."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.configured import configured
from deploy.cli.option import Json
from deploy.config.schema import Config
from deploy.terminal.output import show


@configured("state.folder", "kafka.topic")
def backup(
    config: Config,
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    json: Json = False,
) -> None:
    """Copy the state of an instance, while it runs or not: what it remembers and has learned, and its log."""
    from deploy.backup import backup as body

    show(body.backup(config, folder), json)


@configured("state.folder")
def restore(
    config: Config,
    folder: Annotated[Path, typer.Argument(help="A folder that `riverwalk backup` has made.")],
    json: Json = False,
) -> None:
    """Make a state folder of a backup, for `riverwalk serve` to go on from."""
    from deploy.backup import restore as body

    show(body.restore(folder, Path(config.state.folder)), json)
