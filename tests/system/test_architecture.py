"""The architecture: who may import whom, how large a file and a folder may be, and what nobody writes."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

TOP = Path(__file__).parents[2]
ROOMS = ("state", "tgn", "stream", "deploy")
LINES, FILES = 300, 12  # of a file, of a folder
WORDS = ("utils", "helpers", "common", "manager", "base")
WORLD = {"socket", "time", "subprocess", "urllib", "http", "requests", "pathlib", "os", "io", "datetime"}


class Rule(NamedTuple):
    """What a sub-package, or a file on its own in a room, may import beside itself and the standard library.

    own: Sub-packages of the same room, * for all.  rooms: Other rooms, or sub-packages of them.  packages: Installed ones.
    """

    own: str = ""
    rooms: str = ""
    packages: str = ""


TABLE = {
    "state/error": Rule(),
    "state/file": Rule(),
    "state/storage": Rule("error file", "", "rocksdict numpy numba"),
    "state/record": Rule("storage", "", "numpy numba msgspec"),
    "state/graph": Rule("record storage", "", "numpy numba"),
    "state/counter": Rule("graph record storage", "", "numpy numba"),
    "state/retrieval": Rule("counter graph record", "", "numpy numba"),
    "state/ranking": Rule("retrieval counter graph record", "", "numpy numba"),
    "tgn/inference": Rule("", "", "numpy numba msgspec"),
    "tgn/network": Rule("inference", "", "torch torch_geometric numpy numba"),
    "tgn/training": Rule("network inference", "", "torch numpy numba msgspec"),
    "tgn/metric": Rule("", "", "numpy numba"),
    "tgn/baseline": Rule("", "", "torch torch_geometric numpy numba scipy pymetis msgspec"),
    "stream/error": Rule(),
    "stream/histogram": Rule(),
    "stream/metric": Rule("histogram", "", "prometheus_client numpy"),
    "stream/event": Rule("error", "", "numpy msgspec"),
    "stream/catalogue": Rule("event error", "", "numpy msgspec"),
    "stream/dead_letter": Rule("event metric error", "state/file", "msgspec structlog"),
    "stream/registry": Rule("event error", "", "fastavro google grpc_tools"),
    "stream/kafka": Rule("event error", "", "confluent_kafka"),
    "stream/log": Rule("kafka event error", "state/file"),
    "stream/broker": Rule("kafka log dead_letter event error"),
    "stream/generation": Rule("", "state/error state/storage state/record state/ranking tgn/inference", "numpy msgspec"),
    "stream/health": Rule("metric", "state/error", "msgspec structlog"),
    "stream/file": Rule("event catalogue generation error", "", "numpy msgspec pyarrow"),
    "stream/lane": Rule("", "state/ranking state/error", "numpy msgspec"),
    "stream/learning": Rule(
        "lane generation health event metric", "state tgn/training tgn/inference", "numpy msgspec structlog"
    ),
    "stream/ingest": Rule("lane health generation catalogue dead_letter event metric error", "state", "numpy msgspec structlog"),
    "stream/answer": Rule(
        "lane health generation catalogue event metric error", "state tgn/inference", "numpy msgspec structlog"
    ),
    "stream/service": Rule("answer catalogue event error", "", "msgspec"),
    "stream/resp": Rule("service answer catalogue event metric error", "", "msgspec structlog"),
    "stream/http": Rule("service answer catalogue event metric histogram error", "", "h11 msgspec structlog"),
    "stream/server": Rule("resp http service metric", "", "msgspec uvloop structlog"),
    "deploy/config": Rule("", "state/record stream/event stream/answer stream/generation stream/lane stream/broker stream/registry tgn/inference", "msgspec"),
    "deploy/terminal": Rule("", "", "rich"),
    "deploy/client": Rule("config", "", "redis msgspec"),
    "deploy/chart": Rule("config", "", "matplotlib numpy"),
    "deploy/data": Rule("config terminal", "stream/file stream/event stream/catalogue stream/broker stream/error", "numpy msgspec"),
    "deploy/machine": Rule("", "stream/generation state/error", "numba structlog"),
    "deploy/start": Rule("machine config terminal", "stream", "msgspec rich torch"),
    "deploy/service": Rule("start machine config", "stream state/storage state/error state/file", "msgspec structlog torch"),
    "deploy/dlq": Rule(
        "config",
        "stream/dead_letter stream/broker stream/catalogue stream/generation stream/event stream/error",
        "msgspec",
    ),
    "deploy/kafka": Rule("config", "stream/kafka"),
    "deploy/doctor": Rule("service machine config terminal", "state/storage state/error stream/broker stream/health", "msgspec"),
    "deploy/proposal": Rule("config terminal", "stream/broker stream/event stream/file stream/error", "msgspec numpy"),
    "deploy/produce": Rule("client data config terminal", "stream/broker stream/event stream/error", "rich msgspec"),
    "deploy/train": Rule("machine service data config terminal", "stream state/storage", "torch msgspec rich"),
    "deploy/evaluate": Rule("machine service chart data config terminal", "stream state tgn", "torch numpy msgspec rich structlog matplotlib"),
    "deploy/compare": Rule(
        "evaluate chart data config terminal", "stream/event stream/file stream/error tgn/metric", "numpy msgspec rich matplotlib"
    ),
    "deploy/demo": Rule("produce service client data config terminal", "stream/broker stream/event stream/answer", "rich msgspec"),
    "deploy/bench": Rule(
        "machine evaluate service data client chart config terminal kafka",
        "stream state tgn",
        "torch torch_geometric numba numpy msgspec matplotlib",
    ),
    "deploy/chaos": Rule("backup machine service config terminal", "stream state tgn", "msgspec"),
    "deploy/backup": Rule("service config terminal", "stream/broker stream/log stream/error state", "msgspec"),
    "deploy/cli": Rule("*", "stream/error stream/event stream/service state/error", "typer msgspec"),
    "deploy/main": Rule("*", "stream/error state/error", "typer"),
}  # fmt: skip
ONE_FILE = {  # a package that a room keeps behind a single file
    "rocksdict": {"state/storage/database.py"},
    "prometheus_client": {"stream/metric.py"},
    "uvloop": {"stream/server.py"},
    "h11": {"stream/http/connection.py"},
    "pyarrow": {"stream/file/parquet.py"},
    "sqlite3": {"stream/log/database.py"},
}


def files(room: str) -> list[Path]:
    return sorted(TOP.joinpath(room).rglob("*.py"))


SOURCES = [path for room in ROOMS for path in files(room)]


def name(path: Path) -> str:
    return path.relative_to(TOP).as_posix()


def member(parts: list[str]) -> str:
    """Return the row of the table a module belongs to: room/folder, or room/file where the file has no folder."""
    return "/".join(parts[:2])


def module(path: Path) -> str:
    return ".".join(path.relative_to(TOP).with_suffix("").parts)


MODULES = {module(path) for path in SOURCES}


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted names a file imports, wherever in the file; of our own, the module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}: imports name the room"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES or node.module not in MODULES else str(node.module)


def top(dotted: str) -> str:
    return dotted.partition(".")[0]


@pytest.mark.parametrize("row", TABLE)
def test_who_may_import_whom(row: str) -> None:
    rule, room = TABLE[row], row.partition("/")[0]
    own = {f"{room}/{one}" for one in rule.own.split()} | {row}
    rooms, packages = set(rule.rooms.split()), set(rule.packages.split())
    paths = files(row) or [TOP / f"{row}.py"]
    over: list[str] = []
    for path in paths:
        for dotted in imports(path):
            target = member(dotted.split("."))
            if top(dotted) in ROOMS:
                fine = target in own | rooms or top(dotted) in rooms
                fine |= rule.own == "*" and top(dotted) == room
            else:
                fine = top(dotted) in packages or top(dotted) in sys.stdlib_module_names
            over += [] if fine else [f"{name(path)} imports {dotted}"]

    assert not over


def test_the_table_has_every_folder() -> None:
    rows = {member(module(path).split(".")) for path in SOURCES if path.parent.name not in ROOMS}
    alone = {module(path).replace(".", "/") for path in SOURCES if path.parent.name in ROOMS}

    assert rows | {one for one in alone if not one.endswith("__init__")} == set(TABLE)


@pytest.mark.parametrize("package", ONE_FILE)
def test_some_packages_stay_behind_one_file(package: str) -> None:
    assert {name(path) for path in SOURCES if package in map(top, imports(path))} == ONE_FILE[package]


def test_no_files_import_each_other_in_a_circle() -> None:
    """Every import counts, also those inside functions."""
    graph = {module(path): {d for d in imports(path) if d in MODULES} - {module(path)} for path in SOURCES}
    while free := {one for one, needs in graph.items() if not needs & graph.keys()}:
        graph = {one: needs for one, needs in graph.items() if one not in free}

    assert not graph, f"a circle among {', '.join(sorted(graph))}"


def test_what_is_learned_knows_no_disk_no_network_and_no_clock() -> None:
    for path in files("tgn"):
        over = set(map(top, imports(path))) & WORLD

        assert not over, f"{name(path)} imports {', '.join(sorted(over))}"


def test_the_init_of_a_package_is_empty() -> None:
    assert not [name(path) for path in SOURCES if path.name == "__init__.py" and path.read_text().strip()]


def test_no_file_is_longer_than_a_person_reads_at_once() -> None:
    everything = [*SOURCES, *files("tests")]
    long = {name(path): n for path in everything if (n := len(path.read_text().splitlines())) > LINES}

    assert not long


def test_no_folder_holds_more_than_a_person_sees_at_once() -> None:
    folders = {path.parent for path in [*SOURCES, *files("tests")]}
    full = {
        name(folder): n
        for folder in folders
        if (n := sum(path.name != "__init__.py" for path in folder.glob("*.py"))) > FILES
    }

    assert not full


def test_no_file_is_named_after_what_holds_everything() -> None:
    assert not [name(path) for path in SOURCES if path.stem in WORDS]


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_is_unpickled_evaluated_or_given_to_a_shell(room: str) -> None:
    for path in files(room):
        over = set(map(top, imports(path))) & {"pickle", "cPickle", "dill", "marshal", "shelve", "joblib"}
        assert not over, name(path)
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            where = f"{name(path)}:{node.lineno}"
            assert not (isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}), where
            assert ast.unparse(node.func) not in {"os.system", "os.popen", "torch.load"}, where
            words = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert words.get("shell", "False") == "False", where
            assert words.get("allow_pickle", "False") == "False", where
