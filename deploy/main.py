"""The command line. Every command imports what it needs when it runs, so that the others stay fast.

Exit status: 0 done, 1 it went wrong while running, 2 the command or the configuration is wrong.
"""

import os
import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import Annotated

import typer

from deploy.bench.bench import NAMES
from deploy.cli import backup, chaos, compare, dlq, evaluate, machine, query, train
from deploy.cli.configured import configured
from deploy.cli.example import add_examples
from deploy.cli.option import ColumnNames, File, Json, Set, duration, settings
from deploy.client.client import BadAnswer
from deploy.config.schema import BadConfig, Config
from deploy.machine import kernel
from deploy.service.supervisor import BadService
from deploy.terminal.output import complain, show
from state.error import BadStore
from stream.error import BadSource

app = typer.Typer(
    name="riverwalk",
    help="A streaming temporal-graph recommender: Kafka in, fresh recommendations out within milliseconds.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(help="Show or check the configuration.", no_args_is_help=True)
kafka_app = typer.Typer(
    help="A real Apache Kafka for development, from its Maven jars.", no_args_is_help=True
)
app.add_typer(query.app, name="query")
app.add_typer(dlq.app, name="dlq")
app.add_typer(config_app, name="config")
app.add_typer(kafka_app, name="kafka")

DATA = (
    "A FILE, a folder, or a data set: generated, online-retail (default), movielens or ml-100k, wikipedia or "
    "jodie-wikipedia, ciao."
)
Data = Annotated[str | None, typer.Argument(help=DATA)]
Described = Annotated[
    Path | None,
    typer.Option("--items", help="What items are, csv or JSON lines. Default: what lies beside the events."),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Stop after so many events.")]
Ends = Annotated[str | None, typer.Option("--for", help="End by itself after, for example, 60s.")]
Plain = Annotated[bool, typer.Option("--plain", help="Plain lines instead of the live screen.")]
Place = Annotated[Path, typer.Option("--folder", help="The folder of the broker.")]
KAFKA_FOLDER = Path(".kafka")
SPEEDS = "5000/s, 60s (all in that time), 100x (of their own time), or max."


def _print_version(asked: bool) -> None:
    if asked:
        print(f"riverwalk {installed('riverwalk')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


SERVED = ("kafka.address", "kafka.topic", "state.folder", "serve.port", "serve.http_port")


@app.command()
@configured(*SERVED[:3], "serve.host", *SERVED[3:])
def serve(config: Config) -> None:
    """Consume events, learn, keep state and answer, until Ctrl-C or SIGTERM."""
    from deploy.service import supervisor

    supervisor.run(config, lambda line: print(line, flush=True))


@app.command()
@configured(*SERVED)
def demo(
    config: Config,
    data: Annotated[str | None, typer.Option("--data", help=DATA)] = None,
    speed: Annotated[str | None, typer.Option(help=f"{SPEEDS} Default: 60s.")] = None,
    ends: Ends = None,
    user: Annotated[str | None, typer.Option("--user", help="The user to follow.")] = None,
    items: Described = None,
    columns: ColumnNames = None,
    plain: Plain = False,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the page in a browser.")] = False,
) -> None:
    """Watch recommendations change as real events arrive."""
    seconds = duration(ends)
    from deploy.demo import demo as body

    body.run(
        config,
        data=data,
        items=items,
        columns=columns,
        speed=speed,
        for_seconds=seconds,
        user=user,
        plain=plain,
        browse=not no_open,
    )


@app.command()
@configured("serve.host", *SERVED[3:])
def top(
    config: Config,
    users: Annotated[
        list[str] | None,
        typer.Argument(help="Whom to look at. Default: the busiest users."),
    ] = None,
    ends: Ends = None,
    plain: Plain = False,
) -> None:
    """Watch a running instance: events, freshness, live quality, one user's recommendations. It only asks."""
    seconds = duration(ends)
    from deploy.demo import top as body

    body.run(config, users or (), for_seconds=seconds, plain=plain)


@app.command()
@configured(*SERVED[:3])
def produce(
    config: Config,
    data: Data = None,
    speed: Annotated[str, typer.Option(help=SPEEDS)] = "max",
    limit: Limit = None,
    items: Described = None,
    columns: ColumnNames = None,
) -> None:
    """Send what items are and the events of a file to their topics, events in the order of their time."""
    _produce(config, data, speed, limit, items, columns)


@app.command()
@configured(*SERVED[:3])
def replay(
    config: Config,
    data: Data = None,
    speed: Annotated[float, typer.Option(min=0.001, help="So many times faster than it happened.")] = 1.0,
    limit: Limit = None,
    items: Described = None,
    columns: ColumnNames = None,
) -> None:
    """Send what items are, then the events of a file with the pauses they had when they happened."""
    _produce(config, data, f"{speed:.9g}x", limit, items, columns)


app.command("train")(train.command)
app.command()(evaluate.evaluate)
app.command()(compare.compare)
app.command()(backup.backup)
app.command()(backup.restore)
app.command()(chaos.chaos)
app.command()(machine.warm)
app.command()(machine.doctor)


@app.command()
@configured("kafka.address")
def bench(
    config: Config,
    name: Annotated[str, typer.Argument(help=f"What to measure: {', '.join(NAMES)}.")],
    plot: Annotated[
        str | None, typer.Option(metavar="FILE.svg|FILE.png", help="Draw the figures (aging; extra `plot`).")
    ] = None,
    large: Annotated[bool, typer.Option("--large", help="Also what takes minutes (log).")] = False,
    events: Annotated[int | None, typer.Option(min=1000, help="How many come (soak, fidelity).")] = None,
    users: Annotated[int | None, typer.Option(min=300, help="Of how many users (soak).")] = None,
    budget: Annotated[int | None, typer.Option(min=100, help="For how many there is room (soak).")] = None,
    data: Annotated[str, typer.Option(metavar="LOG", help="What goes through the service (fidelity).")] = "",
    rate: Annotated[int | None, typer.Option(min=1, help="Events a second (fidelity).")] = None,
    report: Annotated[
        str, typer.Option(metavar="FOLDER", help="Where the report goes (all). Default: bench-report.")
    ] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Smaller sizes, under two minutes (all).")] = False,
    json: Json = False,
) -> None:
    """Measure this machine: a figure with its unit, and a peer measured in the same run."""
    from deploy.bench import bench as body
    from deploy.machine import logging

    logging.setup(config.log.level, config.log.format, "bench")  # reports go to stderr, figures to stdout
    sizes = {"events": events, "users": users, "budget": budget, "rate": rate}
    told = {key: size for key, size in sizes.items() if size is not None}
    figures = body.run(name, config, plot, large, told, data, report, quick)
    show({name: one for name, one in figures.items() if json or name != "samples"}, json)
    if figures.get("flat") is False:
        raise typer.Exit(1)


@app.command()
def version(json: Json = False) -> None:
    """Print the version."""
    if json:
        show({"version": installed("riverwalk"), "python": sys.version.split()[0]}, True)
    else:
        _print_version(True)


@config_app.command("show")
def config_show(json: Json = False, config: File = None, set: Set = None) -> None:
    """Every setting, its value, and where it came from; secrets are hidden."""
    from deploy.config.loader import NAMES, masked

    loaded = settings(config, set)
    shown = [
        {"setting": name, "value": masked(loaded.config, name), "from": loaded.origin[name]} for name in NAMES
    ]
    show(shown, json)


@config_app.command("check")
def config_check(config: File = None, set: Set = None) -> None:
    """Read the configuration and say whether it is right; status 2 when it is not."""
    from deploy.config.loader import strangers

    settings(config, set)
    for name in strangers(os.environ):
        complain(f"the environment's {name} sets nothing")
    print("the configuration is right")


@kafka_app.command("start")
def kafka_start(
    folder: Place = KAFKA_FOLDER, port: Annotated[int, typer.Option(help="Its port.")] = 9092
) -> None:
    """Start it in the background, fetching its jars the first time; prints its address."""
    from deploy import kafka as body

    print(body.start(folder, port))


@kafka_app.command("stop")
def kafka_stop(folder: Place = KAFKA_FOLDER) -> None:
    """Stop it."""
    from deploy import kafka as body

    print("stopped" if body.stop(folder) else "it was not running")


add_examples(app)


def _produce(
    config: Config,
    data: str | None,
    speed: str,
    limit: int | None,
    items: Path | None,
    columns: str | None,
) -> None:
    from deploy.produce import producer as body

    body.run(config, data=data, items=items, columns=columns, speed=speed, limit=limit)


def main() -> None:
    """The entry point: one clear line for what the operator can fix, a traceback for what is our mistake."""
    kernel.keep()
    try:
        app()
    except BadConfig as exc:
        complain(exc)
        sys.exit(2)
    except (BadStore, BadSource, BadService, BadAnswer) as exc:
        complain(exc)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
