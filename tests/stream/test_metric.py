"""Metrics: what is counted is on the page, of all processes together, and cheaply."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
START = "import sys\nfrom pathlib import Path\nfrom stream import metric\n"
INGEST = """
metric.setup(Path(sys.argv[1]))
metric.events(5)
metric.rejected("json")
metric.gauge("lag", 7)
metric.stream_time(1.5)
metric.live("blend", 0.5, 0.75, True)
metric.table("users", 3, 192)
metric.edges("0-1 months", 9)
metric.pruned("evicted", 2)
metric.batch_seconds("state", 0.002)
for seconds in (0.0001, 0.002, 100.0):
    metric.freshness(seconds)
metric.ingest_restart()
metric.store_error()
metric.flush()
"""
SERVE = """
metric.setup(Path(sys.argv[1]))
metric.gauge("ready", 1)
for seconds in (0.0001, 0.0002, 100.0):
    metric.request("recommend", "ok", seconds)
metric.request("recommend", "error", 0.0002)
metric.flush()
print(metric.page().decode())
"""

EDGES = """
from state.record.setting import GraphSettings
from state.record.world import World
from stream.ingest.edge import PART, REST_S, Edges
world = World(GraphSettings(), max_users=2, max_items=20_000)
row, edges = world.state.world[0], world.state.edges
row["items"], row["t"], row["aged"] = 20_000, 100 * 86_400_000, 5
edges["slots"][:] = 2
edges["at"][:, 0], edges["at"][:, 1] = 99 * 86_400, 5 * 86_400
metric.setup(None)
it, parts = Edges(world.state), -(-20_000 // PART)
assert parts > 1
for _ in range(parts - 1):
    it.step(0.0)
assert 'age="3-6 months"' not in metric.page().decode()
row["aged"] = 12
it.step(0.2)
edges["slots"][:] = 1
it.step(REST_S)
print(metric.page().decode())
for _ in range(parts):
    it.step(REST_S + 0.2)
print(metric.page().decode())
"""


def run(code: str, *arguments: str) -> str:
    """What a process of its own prints: the library keeps one set of metrics a process."""
    words = [sys.executable, "-c", START + code, *arguments]
    done = subprocess.run(words, capture_output=True, text=True, cwd=TOP)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the serving process, after an ingest process has lived."""
    folder = str(tmp_path_factory.mktemp("metrics") / "new")
    run(INGEST, folder)
    return run(SERVE, folder)


@pytest.mark.parametrize(
    "line",
    [
        "riverwalk_events_total 5.0",
        'riverwalk_rejected_total{reason="json"} 1.0',
        "riverwalk_lag 7.0",
        'riverwalk_edges{age="0-1 months"} 9.0',
        'riverwalk_edges_pruned_total{reason="evicted"} 2.0',
        "riverwalk_stream_time_seconds 1.5",
        'riverwalk_live_mrr{ranker="blend"} 0.5',
        'riverwalk_live_recall10{ranker="blend"} 0.75',
        'riverwalk_serving_ranker{ranker="blend"} 1.0',
        'riverwalk_table_rows{table="users"} 3.0',
        'riverwalk_table_bytes{table="users"} 192.0',
        'riverwalk_batch_seconds_count{step="state"} 1.0',
        'riverwalk_freshness_seconds_bucket{le="0.0001"} 1.0',
        'riverwalk_freshness_seconds_bucket{le="0.0025"} 2.0',
        'riverwalk_freshness_seconds_bucket{le="+Inf"} 3.0',
        "riverwalk_freshness_seconds_sum 100.0021",
        "riverwalk_ingest_restarts_total 1.0",
        "riverwalk_store_errors_total 1.0",
        "riverwalk_ready 1.0",
        'riverwalk_requests_total{command="recommend",result="ok"} 3.0',
        'riverwalk_requests_total{command="recommend",result="error"} 1.0',
        'riverwalk_request_seconds_count{command="recommend"} 4.0',
    ],
)
def test_metrics_of_every_process_are_on_the_page_of_one(page: str, line: str) -> None:
    assert line in page.splitlines()


def test_counting_many_requests_at_once_is_counting_each() -> None:
    code = """
metric.setup(None)
from prometheus_client import CollectorRegistry, Histogram, generate_latest
registry = CollectorRegistry()
plain = Histogram("riverwalk_request_seconds", "x", ["command"], buckets=metric.SECONDS, registry=registry)
for seconds in (0.0, 0.0001, 0.00011, 0.3, 59.0, 60.0, 61.0):
    plain.labels("ping").observe(seconds)
    metric.request("ping", "ok", seconds)
metric.flush()
metric.flush()
wanted = [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line and line[0] != "#"]
found = metric.page().decode().splitlines()
print([line for line in wanted if line not in found], len(wanted) > 20)
"""

    assert run(code).strip() == "[] True"


def test_nothing_is_counted_before_setup() -> None:
    code = 'metric.request("ping", "ok", 0.1); metric.events(3); metric.flush(); print("prometheus_client" in sys.modules)'

    assert run(code).strip() == "False"


def test_edges_are_counted_by_age_a_part_at_a_time_and_after_a_rest() -> None:
    page = run(EDGES).splitlines()

    assert [line.split()[-1] for line in page if line.startswith('riverwalk_edges{age="0-1 months"}')] == [
        "20000.0",
        "20000.0",
    ]
    assert [line.split()[-1] for line in page if line.startswith('riverwalk_edges{age="3-6 months"}')] == [
        "20000.0",
        "0.0",
    ]
    assert 'riverwalk_edges_pruned_total{reason="aged"} 7.0' in page
    assert 'riverwalk_edges_pruned_total{reason="evicted"} 0.0' in page


def test_how_values_of_all_processes_spread_is_read_without_the_page(tmp_path: Path) -> None:
    folder = str(tmp_path / "new")
    run(INGEST, folder)

    told = run(SERVE.rpartition("print")[0] + "print(metric.spread('freshness_seconds'))", folder)

    counts = json.loads(told.splitlines()[-1])
    assert counts[0] == 1
    assert sum(counts) == 3
    assert counts[-1] == 1  # slower than the last bound
