"""`riverwalk top`: the live view of the demo on any running instance."""

from typing import Annotated

import typer

from deploy.cli.configured import configured
from deploy.cli.option import duration
from deploy.config.schema import Config


@configured("serve.host", "serve.port", "serve.http_port")
def top(
    config: Config,
    users: Annotated[
        list[str] | None,
        typer.Argument(metavar="[USER]…", help="Whom to look at. Default: the busiest users."),
    ] = None,
    ends: Annotated[str | None, typer.Option("--for", help="End by itself after, for example, 60s.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines instead of the live screen.")] = False,
) -> None:
    """Watch a running instance: events, freshness, live quality, one user's recommendations. It only asks."""
    seconds = duration(ends)
    from deploy.demo import top as body

    body.run(config, users or (), for_seconds=seconds, plain=plain)
