"""Examples of every command, shown below its help."""

from typing import Final

import typer
from typer.models import CommandInfo

EXAMPLES: Final = {  # by the words of the command
    "serve": (
        "riverwalk serve",
        "riverwalk serve --kafka host:9092 --topic clicks --state /var/lib/riverwalk",
        "riverwalk serve --port 0 --http-port 0 --set answer.diversity=0.2",
    ),
    "demo": (
        "riverwalk demo",
        "riverwalk demo --data ml-100k --speed 2000/s",
        "riverwalk demo --data generated --for 60s --plain",
    ),
    "top": ("riverwalk top", "riverwalk top ann ben --port 7878 --for 60s"),
    "produce": (
        "riverwalk produce events.csv",
        "riverwalk produce online-retail --kafka host:9092 --speed 60s",
    ),
    "replay": ("riverwalk replay events.csv --speed 100",),
    "train": (
        "riverwalk train events.csv --state trained",
        "riverwalk train ml-100k --state trained --share 0.1 --limit 50000",
        "riverwalk train --state trained --fresh-weights",
    ),
    "evaluate": (
        "riverwalk evaluate online-retail",
        "riverwalk evaluate ml-100k --models riverwalk,edgebank,ease --plot quality.svg",
        "riverwalk evaluate events.csv --new-only --seeds 3 --details",
        "riverwalk evaluate events.csv --part validation --ablate --json",
    ),
    "compare": (
        "riverwalk compare events.csv",
        "riverwalk compare events.csv --quick",
        "riverwalk compare ml-100k --protocol chronological --ladder short --report compare-report",
        "riverwalk compare events.csv --items items.csv --models ease,mf-side,graphsage,riverwalk --seeds 3 --json",
    ),
    "backup": (
        "riverwalk backup /backup/monday",
        "riverwalk backup /backup/monday --state /var/lib/riverwalk --json",
    ),
    "restore": ("riverwalk restore /backup/monday --state restored",),
    "chaos": (
        "riverwalk chaos",
        "riverwalk chaos --kills 1000 --instances 40 --broker kafka --partitions 4",
    ),
    "warm": ("riverwalk warm", "riverwalk warm --json"),
    "doctor": (
        "riverwalk doctor",
        "riverwalk doctor --sample 100 --kafka host:9092 --topic clicks",
        "riverwalk doctor --kafka host:9092 --json",
    ),
    "bench": (
        "riverwalk bench ingest",
        "riverwalk bench all --report bench-report",
        "riverwalk bench serve --json",
        "riverwalk bench aging --plot aging.png",
        "riverwalk bench fidelity --rate 2000 --json",
        "riverwalk bench lightgcn",
        "riverwalk bench soak --events 10000000 --users 2000000 --budget 500000",
    ),
    "version": ("riverwalk version --json",),
    "config show": ("riverwalk config show", "riverwalk config show --config riverwalk.toml --json"),
    "config check": ("riverwalk config check --config riverwalk.toml",),
    "kafka start": ("riverwalk kafka start --port 9092",),
    "kafka stop": ("riverwalk kafka stop",),
    "dlq list": ("riverwalk dlq list", "riverwalk dlq list --reason json --since 2h --json"),
    "dlq replay": ("riverwalk dlq replay --dry-run", "riverwalk dlq replay --reason future --since 7d"),
    "query recommend": ("riverwalk query recommend ann -k 5", "riverwalk query recommend ann --json"),
    "query session": ("riverwalk query session cup-7 cup-9",),
    "query rank": ("riverwalk query rank ann cup-7 cup-9",),
    "query similar": ("riverwalk query similar cup-7 -k 5",),
    "query trending": ("riverwalk query trending -k 5",),
    "query explain": ("riverwalk query explain ann cup-7",),
    "query history": ("riverwalk query history ann",),
    "query graph": ("riverwalk query graph cup-7",),
    "query user": ("riverwalk query user ann --json",),
    "query find": ("riverwalk query find cup",),
    "query info": ("riverwalk query info --json",),
    "query event": ("riverwalk query event ann cup-7",),
    "query item": ("riverwalk query item cup-7",),
    "query hide": ("riverwalk query hide cup-7",),
    "query unhide": ("riverwalk query unhide cup-7",),
    "query forget": ("riverwalk query forget ann",),
    "query ask": ("riverwalk query ask RECOMMEND ann 5",),
}


def add_examples(app: typer.Typer, *words: str) -> None:
    """Put the examples of an app's commands below their help."""
    for command in app.registered_commands:
        lines = EXAMPLES.get(" ".join((*words, _name(command))), ())
        command.epilog = "\n\n".join(("Examples:", *lines)) if lines else None
    for group in app.registered_groups:
        assert group.typer_instance is not None
        add_examples(group.typer_instance, *words, str(group.name))


def _name(command: CommandInfo) -> str:
    assert command.callback is not None
    return command.name or command.callback.__name__
