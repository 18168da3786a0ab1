"""The documentation: every command runs as written, and what is shown below it comes back."""

import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from deploy.data import synthetic
from stream.http.v1.operation import OPERATIONS
from tests.fixture.documentation import TOP, Block, Instance, blocks, shape

DOCS = TOP / "deploy/docs"
PAGES = [TOP / "README.md", TOP / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
ORDER = [
    "quick-start",
    "events",
    "clients",
    "http",
    "commands",
    "answers",
    "configuration",
    "evaluation",
    "operation",
]
RETAIL = "online-retail"
APART = {  # what does not run in this test, and why; it is looked at in the tests below
    r"make ": "installs, downloads, or runs until Ctrl-C",
    r"git |\.ci/run": "acts on a clone, or runs everything",
    r"python3 -m venv ": "asks a package index",
    r"(\.venv/bin/)?python -m pytest": "runs these tests",
    r"(\.venv/bin/)?riverwalk (demo|serve)\b": "runs until Ctrl-C; it is what the other commands ask",
    r"curl --no-buffer ": "listens until Ctrl-C",
    r"riverwalk (evaluate|bench) ": "measures for minutes to hours",
    r"RIVERWALK_PASSWORD=\S+ docker compose ": "needs Docker",
}


def apart(command: str) -> bool:
    return any(re.match(pattern, command) for pattern in APART)


def commands(pattern: str) -> list[str]:
    every = [one for page in PAGES for block in blocks(page) for one in block.commands]
    return [one.partition("  #")[0].strip() for one in every if re.match(pattern, one)]


def follow(instance: Instance, block: Block) -> None:
    """Run what can run of a block and compare what comes back with what is shown."""
    todo = [one for one in block.commands if not apart(one)]
    if not any(todo):
        return
    where = f"{block.page}:{block.line}"
    if block.shown is None:
        instance.run(["\n".join(todo)])
        if "riverwalk produce" in "".join(todo) or "riverwalk replay" in "".join(todo):
            instance.settle()
        return
    for command, shown, out in zip(block.commands, block.shown, instance.run(block.commands), strict=True):
        came = out.strip().splitlines()
        assert [*map(shape, came)] == [*map(shape, shown)], f"{where}: {command}\n{out}"


@pytest.fixture
def tools() -> None:
    for tool in ("redis-cli", "curl", "bash"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not here; the documentation's commands are not run")


@pytest.fixture
def demo(tmp_path: Path, tools: None) -> Iterator[Instance]:
    """The demo the README shows, over as soon as it can be."""
    data = Path(os.environ.get("RIVERWALK_DATA") or TOP.parent / "shared/data")
    if not (data / RETAIL).is_dir():
        pytest.skip(f"no {RETAIL} in {data}; set RIVERWALK_DATA to the folder that holds it")
    words = ["demo", "--data", str(data / RETAIL), "--plain", "--speed", "max"]
    instance = Instance(tmp_path, words, "Ctrl-C ends it")
    yield instance
    instance.close()


@pytest.fixture
def shop(tmp_path: Path, tools: None) -> Iterator[Instance]:
    """What quick start begins with, and a log to train on."""
    with gzip.open(tmp_path / "events.csv.gz", "wt") as log:
        log.write("user,item,timestamp\n")
        log.writelines(f"{one.user},{one.item},{one.t / 1000}\n" for one in islice(synthetic.events(), 1_000))
    instance = Instance(tmp_path, ["serve"], "serve: ready")
    yield instance
    instance.close()


@pytest.mark.slow
def test_the_readme_is_true_of_the_demo_it_shows(demo: Instance) -> None:
    shown = list(blocks(TOP / "README.md"))
    users = {
        one
        for block in shown
        for command in block.commands
        for one in re.findall(r"(?:RECOMMEND|EVENT) (\S+)", command)
    }

    assert users == set(re.findall(r"redis-cli -p \d+ RECOMMEND (\S+) 5 WITHREASONS", demo.said))
    for block in shown:
        follow(demo, block)


@pytest.mark.slow
def test_the_documentation_runs_as_written_from_the_quick_start_on(shop: Instance) -> None:
    for name in [one for one in ORDER if (DOCS / f"{one}.md").exists()]:
        for block in blocks(DOCS / f"{name}.md"):
            follow(shop, block)


def test_every_page_with_commands_is_run() -> None:
    assert {page.stem for page in DOCS.glob("*.md") if any(blocks(page))} <= set(ORDER)


def test_what_is_typed_to_riverwalk_exists() -> None:
    """Commands and flags of those that are not run."""
    for command in commands(r"(\.venv/bin/)?riverwalk "):
        words = shlex.split(command)[1:]
        help = subprocess.run(
            [sys.executable, "-P", "-m", "deploy.main", words[0], "--help"],
            env={**os.environ, "COLUMNS": "200", "PYTHONPATH": str(TOP)},
            capture_output=True,
            text=True,
        )
        assert help.returncode == 0, command
        if words[0] in ("query", "config", "kafka", "dlq"):
            assert words[1] in help.stdout, command
            continue
        for flag in (word for word in words if word.startswith("--")):
            assert flag in help.stdout, f"{command}: {flag}"


@pytest.mark.parametrize("command", commands(r"curl --no-buffer "))
def test_the_streams_that_are_listened_to_exist(command: str) -> None:
    path = command.partition("7879")[2].strip("'").partition("?")[0]

    assert any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one.path), path) for one in OPERATIONS)


@pytest.mark.parametrize("command", commands(r"make "))
def test_what_make_is_asked_for_exists(command: str) -> None:
    assert (
        subprocess.run(
            ["make", "--dry-run", *shlex.split(command)[1:]], cwd=TOP, capture_output=True
        ).returncode
        == 0
    )


def test_the_files_that_commands_name_exist() -> None:
    for command in [*commands(r"RIVERWALK_PASSWORD"), *commands(r"\.ci/run"), *commands(r"python3 -m venv")]:
        for word in shlex.split(command):
            if re.fullmatch(r"(deploy/|\.ci/|constraints)\S+", word):
                assert (TOP / word).is_file(), command


def test_urls_with_a_query_are_quoted() -> None:
    for command in commands(r"curl "):
        assert not re.search(r" [^'\s]*\?", command), command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        aim = (page.parent / name) if name else page
        assert aim.exists(), target
        heads = re.findall(r"^#+ (.+)$", aim.read_text(), re.M) if anchor else []
        assert not anchor or anchor in [
            re.sub(r"[^\w-]", "", head.lower().replace(" ", "-")) for head in heads
        ]


def test_the_index_names_every_page() -> None:
    index = (DOCS / "index.md").read_text()

    assert [
        page.name for page in DOCS.glob("*.md") if page.name != "index.md" and f"({page.name})" not in index
    ] == []


def test_the_readme_begins_with_one_screen() -> None:
    assert (TOP / "README.md").read_text().splitlines().index("## Read on") <= 60


def test_the_files_that_contributing_names_exist() -> None:
    text = (TOP / "CONTRIBUTING.md").read_text()

    assert not [
        one
        for one in re.findall(r"`((?:state|tgn|stream|deploy|tests)/[\w/.]+)`", text)
        if not (TOP / one).exists()
    ]
