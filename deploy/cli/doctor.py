"""`riverwalk doctor`: check this machine and configuration, or look at the records of a topic."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.configured import configured
from deploy.cli.option import Json
from deploy.config.schema import Config

Count = Annotated[
    int | None,
    typer.Option(
        min=1, max=100_000, metavar="N", help="Read the newest N records instead, and propose [event]."
    ),
]
Source = Annotated[
    Path | None, typer.Option("--from", metavar="FILE", help="The first N of a file of records, JSON lines.")
]


@configured("kafka.address", "kafka.topic", "state.folder", "serve.port", "serve.http_port")
def doctor(config: Config, sample: Count = None, source: Source = None, json: Json = False) -> None:
    """Check whether this machine and this configuration are fit to run; status 1 when something is broken.

    With --sample, look at the records of the topic, without committing, and propose how to read them.
    """
    if sample is None and source is None:
        from deploy import doctor as body

        well = body.report(body.examine(config), json)
    else:
        from deploy.proposal import proposal, report
        from deploy.proposal import sample as samples

        count = sample or 100
        taken = samples.from_topic(config, count) if source is None else samples.from_file(source, count)
        well = report.report(proposal.propose(config, taken), json)
    if not well:
        raise typer.Exit(1)
