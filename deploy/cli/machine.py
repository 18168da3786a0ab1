"""`riverwalk doctor` and `riverwalk warm`: what is to be known and done before the first start."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.configured import configured
from deploy.cli.option import Json
from deploy.config.schema import Config
from deploy.terminal.output import complain, show

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


def warm(json: Json = False) -> None:
    """Compile every kernel now, so that the first start takes no longer than others; does nothing where that is done."""
    from deploy.start import ahead

    try:
        told = ahead.compile_all()
    except ahead.BadKernel as exc:
        complain(exc)
        raise typer.Exit(1) from exc
    if json:
        show(told, True)
    elif told["compiled"]:
        print(f"compiled {told['compiled']} kernels in {told['seconds']} s, kept in {told['folder']}")
    else:
        print(f"all {told['kernels']} kernels are compiled, in {told['folder']}")
