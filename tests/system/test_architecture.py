"""The rooms of the house: who may import whom, how long a file may be, and what nobody writes."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
ROOMS = ("stream", "tgn", "state", "deploy")
OWN = {"stream": {"tgn", "state"}, "tgn": set(), "state": set(), "deploy": {"stream", "tgn", "state"}}
OUTSIDE = {
    "stream": {"msgspec", "numpy", "numba", "structlog"},
    "tgn": {"torch", "torch_geometric", "numpy", "numba", "msgspec"},
    "state": {"numpy", "numba", "msgspec"},
}
ONE_FILE = {  # a package that a room keeps behind a single file, or behind its server files
    "confluent_kafka": {"stream/kafka/source.py"},
    "prometheus_client": {"stream/metric.py"},
    "rocksdict": {"state/storage/store.py"},
    "uvloop": {"stream/server.py", "stream/http/connection.py", "stream/tls.py"},
    "h11": {"stream/http/connection.py"},
}
READER = (
    "tgn/inference/user.py",
    "tgn/inference/ranker.py",
    "tgn/inference/layout.py",
)  # what a serving process takes from tgn
WORLD = {"socket", "time", "subprocess", "urllib", "http", "requests", "pathlib", "os", "io", "datetime"}
LINES = 300
WORDS = ("utils", "helpers", "common", "manager", "base")


def files(room: str) -> list[Path]:
    return sorted(TOP.joinpath(room).rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(TOP).as_posix()


def imports(path: Path) -> Iterator[str]:
    """The full dotted names a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, (
                f"{name(path)}: imports name the room; write `from {path.parent.name} import …`"
            )
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(path: Path) -> set[str]:
    return {dotted.partition(".")[0] for dotted in imports(path)}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    for path in files(room):
        over = packages(path) & set(ROOMS) - OWN[room] - {room}

        assert not over, f"{name(path)} imports {', '.join(sorted(over))}"


@pytest.mark.parametrize("room", OUTSIDE)
def test_a_room_imports_only_its_own_packages(room: str) -> None:
    for path in files(room):
        allowed = OUTSIDE[room] | {package for package, places in ONE_FILE.items() if name(path) in places}
        over = packages(path) - set(sys.stdlib_module_names) - set(ROOMS) - allowed

        assert not over, f"{name(path)} imports {', '.join(sorted(over))}"


def test_what_is_learned_knows_no_disk_no_network_and_no_clock() -> None:
    for path in files("tgn"):
        over = packages(path) & WORLD

        assert not over, f"{name(path)} imports {', '.join(sorted(over))}"


@pytest.mark.parametrize("place", READER)
def test_what_a_reader_takes_from_tgn_is_free_of_torch(place: str) -> None:
    seen: set[str] = set()
    waiting = [place]
    while waiting:
        path = TOP / waiting.pop()
        if not path.exists() or name(path) in seen:
            continue
        seen.add(name(path))
        assert not packages(path) & {"torch", "torch_geometric"}, (
            f"{place} reaches torch through {name(path)}"
        )
        for dotted in imports(path):
            parts = dotted.split(".")
            waiting += ["/".join(parts[:length]) + ".py" for length in range(2, len(parts) + 1)]


@pytest.mark.parametrize("room", ROOMS)
def test_the_init_of_a_package_imports_nothing(room: str) -> None:
    for path in TOP.joinpath(room).rglob("__init__.py"):
        assert not packages(path), name(path)


def test_no_file_is_longer_than_a_person_reads_at_once() -> None:
    for room in (*ROOMS, "tests"):
        long = {name(path): n for path in files(room) if (n := len(path.read_text().splitlines())) > LINES}

        assert not long


def test_no_file_is_named_after_what_holds_everything() -> None:
    assert not [name(path) for room in ROOMS for path in files(room) if path.stem in WORDS]


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_is_unpickled_evaluated_or_given_to_a_shell(room: str) -> None:
    for path in files(room):
        assert not packages(path) & {"pickle", "cPickle", "dill", "marshal", "shelve", "joblib"}, name(path)
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            where = f"{name(path)}:{node.lineno}"
            assert not (isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}), where
            assert ast.unparse(node.func) not in {"os.system", "os.popen", "torch.load"}, where
            words = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert words.get("shell", "False") == "False", where
            assert words.get("allow_pickle", "False") == "False", where


def test_rooms_do_not_import_in_circles() -> None:
    """Among modules, counting only imports made when a module is loaded."""
    graph: dict[str, set[str]] = {}
    known = {".".join(path.relative_to(TOP).with_suffix("").parts) for room in ROOMS for path in files(room)}
    for room in ROOMS:
        for path in files(room):
            own = ".".join(path.relative_to(TOP).with_suffix("").parts)
            top = [n for n in ast.parse(path.read_text()).body if isinstance(n, ast.Import | ast.ImportFrom)]
            named = {
                full
                for node in top
                for alias in node.names
                for full in (
                    f"{getattr(node, 'module', '')}.{alias.name}",
                    getattr(node, "module", alias.name),
                )
            }
            graph[own] = named & known - {own}

    while free := {module for module, needs in graph.items() if not needs & graph.keys()}:
        graph = {module: needs for module, needs in graph.items() if module not in free}
    assert not graph, f"a circle among {', '.join(sorted(graph))}"
