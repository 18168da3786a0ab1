"""The command line: fast where it can be, and clear when it cannot go on."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperCommand as Command
from typer.core import TyperGroup
from typer.main import get_command

from deploy.bench.bench import NAMES
from deploy.cli.option import duration, settings
from deploy.config.schema import BadConfig
from deploy.data.dataset import GENERATED, KNOWN
from deploy.main import app

RIVERWALK = (sys.executable, "-P", "-m", "deploy.main")


def riverwalk(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A finished command."""
    return subprocess.run([*RIVERWALK, *words], capture_output=True, text=True, cwd=folder, check=False)


def test_the_version_is_the_installed_one() -> None:
    from importlib.metadata import version

    assert riverwalk("version").stdout == f"riverwalk {version('riverwalk')}\n"
    assert riverwalk("--version").stdout == riverwalk("version").stdout
    assert json.loads(riverwalk("version", "--json").stdout)["version"] == version("riverwalk")


@pytest.mark.parametrize("words", [["version"], ["--help"], ["serve", "--help"], ["config", "show"]])
def test_what_needs_no_engine_loads_none(words: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv[0] = 'riverwalk'\n"
        "from deploy.main import main\n"
        "try: main()\n"
        "finally: print('loaded:', *({'torch', 'numba', 'numpy', 'confluent_kafka'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=tmp_path)

    assert done.stdout.splitlines()[-1] == "loaded:"


def test_every_command_of_the_manual_is_there() -> None:
    text = riverwalk("--help").stdout
    names = (
        "serve",
        "demo",
        "produce",
        "replay",
        "evaluate",
        "compare",
        "train",
        "query",
        "doctor",
        "bench",
        "config",
        "version",
    )

    for name in (*names, "kafka", "dlq"):
        assert f" {name} " in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["serve", "--set", "serve.prot=1"], "did you mean serve.port"),
        (["serve", "--set", "serve"], "section.key=value"),
        (["serve", "--config", "gone.toml"], "gone.toml: cannot be read"),
        (["demo", "--for", "soon"], "no duration"),
        (["config", "show", "--set", "serve.port=-1"], "serve.port = '-1' (flag)"),
    ],
)
def test_a_wrong_configuration_is_one_line_and_status_2(
    words: list[str], message: str, tmp_path: Path
) -> None:
    done = riverwalk(*words, folder=tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith("riverwalk: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


@pytest.mark.parametrize("words", [["swim"], ["serve", "--prot", "1"], ["query", "recommend"]])
def test_a_wrong_command_is_status_2_without_a_traceback(words: list[str]) -> None:
    done = riverwalk(*words)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_state_folder_that_cannot_be_is_one_line_and_status_1(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = riverwalk("serve", "--state", str(tmp_path / "file"), "--kafka", "127.0.0.1:9", folder=tmp_path)

    assert done.returncode == 1
    assert "the state folder cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_config_show_tells_values_and_sources_and_hides_secrets(tmp_path: Path) -> None:
    (tmp_path / "riverwalk.toml").write_text('[serve]\npassword = "hunter2"\n')

    done = riverwalk("config", "show", "--json", "--set", "learn.seed=3", folder=tmp_path)

    shown = {row["setting"]: row for row in json.loads(done.stdout)}
    assert shown["learn.seed"] == {"setting": "learn.seed", "value": 3, "from": "flag"}
    assert shown["serve.password"]["from"] == "file riverwalk.toml"
    assert "hunter2" not in done.stdout


def test_config_check_says_yes(tmp_path: Path) -> None:
    done = riverwalk("config", "check", folder=tmp_path)

    assert (done.returncode, done.stdout) == (0, "the configuration is right\n")


@pytest.mark.parametrize(("text", "seconds"), [("90", 90.0), ("90s", 90.0), ("1.5m", 90.0), ("1h", 3600.0)])
def test_durations_are_written_the_usual_ways(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 day", "nan"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadConfig, match="is no duration"):
        duration(text)


def test_a_named_flag_wins_over_set_only_where_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert settings(None, ["serve.port=5"], serve__port=None).config.serve.port == 5


def commands(group: TyperGroup, *words: str) -> Iterator[tuple[tuple[str, ...], Command]]:
    """Every command with its words."""
    for name, one in group.commands.items():
        if isinstance(one, TyperGroup):
            yield from commands(one, *words, name)
        else:
            yield (*words, name), one


COMMANDS = dict(commands(get_command(app)))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_help_has_examples_that_the_command_takes(words: tuple[str, ...]) -> None:
    command = COMMANDS[words]
    lines = (command.epilog or "").split("\n\n")

    assert lines[0] == "Examples:"
    for line in lines[1:]:
        name, *given = shlex.split(line)
        assert (name, *given[: len(words)]) == ("riverwalk", *words)
        command.make_context(" ".join(words), given[len(words) :])


@pytest.mark.parametrize("words", [["demo"], ["produce"]])
def test_help_names_the_data_sets(words: list[str]) -> None:
    shown = " ".join(riverwalk(*words, "--help").stdout.replace("│", " ").split())

    assert all(one.name in shown for one in KNOWN)
    assert GENERATED in shown


@pytest.mark.parametrize("words", [["evaluate"], ["compare"], ["train"]])
def test_help_names_the_data_sets_a_command_reads(words: list[str]) -> None:
    shown = " ".join(riverwalk(*words, "--help").stdout.replace("│", " ").split())

    assert all(one.name in shown for one in KNOWN)
    assert GENERATED not in shown


def test_help_names_the_benchmarks() -> None:
    shown = " ".join(riverwalk("bench", "--help").stdout.replace("│", " ").split())

    assert ", ".join(NAMES) in shown
