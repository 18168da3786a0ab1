"""The `chaos` command: its options."""

from typing import Annotated

import typer

from deploy.cli.option import Json


def chaos(
    kills: Annotated[
        int, typer.Option(min=1, help="Of ingest, servers, supervisors, producers and brokers.")
    ] = 100,
    instances: Annotated[int, typer.Option(min=0, help="Of them, kills of parts of whole instances.")] = 4,
    broker: Annotated[str, typer.Option(help="log, or kafka: a real one of its own.")] = "log",
    partitions: Annotated[int, typer.Option(min=1, max=64, help="Of the topic.")] = 1,
    learn: Annotated[
        bool, typer.Option("--learn", help="Learn as well; counted tables are compared.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the events and of what is killed when.")] = 0,
    json: Json = False,
) -> None:
    """Kill again and again, then recompute the state from the topic and compare; status 1 when anything differs."""
    from deploy.chaos import chaos as body
    from deploy.chaos.report import Chaos
    from deploy.machine import logging
    from deploy.terminal.output import show

    logging.setup("error", "console", "chaos")
    how = Chaos(
        kills=kills,
        instances=min(instances, kills),
        broker=broker,
        partitions=partitions,
        learn=learn,
        seed=seed,
    )
    report = body.run(how)
    show(report.row(), json)
    if not report.verdict.right:
        raise typer.Exit(1)
