"""The dashboard and the alerts ask for metrics that exist, and a real Prometheus has answers to every panel."""

import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

TOP = Path(__file__).parents[2] / "deploy"
DASHBOARD = json.loads((TOP / "grafana" / "riverwalk.json").read_text())
QUERIES = {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
}
WAIT_S = 60.0


@pytest.fixture(scope="module")
def exported() -> set[str]:
    """Every name the metrics have on /metrics."""
    code = "from stream import metric; metric.setup(None); print(metric.page().decode())"
    page = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    names = set()
    for name, kind in re.findall(r"^# TYPE (riverwalk_\w+) (\w+)$", page, re.MULTILINE):
        names |= {name + end for end in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))}
    return names


@pytest.mark.parametrize("title", QUERIES)
def test_a_panel_asks_for_metrics_that_exist(exported: set[str], title: str) -> None:
    asked = set(re.findall(r"riverwalk_\w+", QUERIES[title]))

    assert asked
    assert asked <= exported


def test_the_alerts_ask_for_metrics_that_exist(exported: set[str]) -> None:
    text = (TOP / "prometheus" / "rules.yml").read_text()
    expressions = re.findall(r"expr: (?:\|\n)?((?:.|\n)*?)\n +(?:for|labels):", text)

    assert len(expressions) == text.count("- alert:")
    assert set(re.findall(r"riverwalk_\w+", " ".join(expressions))) <= exported


def test_every_metric_has_its_place_on_the_dashboard(exported: set[str]) -> None:
    asked = set(re.findall(r"riverwalk_\w+", " ".join(QUERIES.values())))
    families = {
        re.sub(r"_(bucket|sum|count)$", "", name) for name in exported if not name.endswith("_created")
    }

    assert {name for name in families if not any(one.startswith(name) for one in asked)} == set()


def test_panels_have_titles_descriptions_and_room_of_their_own() -> None:
    places = set()
    for panel in DASHBOARD["panels"]:
        grid = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert panel["title"]
        assert panel["description"]
        assert grid["x"] + grid["w"] <= 24
        assert not cells & places
        places |= cells


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_takes_the_files() -> None:
    done = subprocess.run(
        ["promtool", "check", "config", str(TOP / "prometheus" / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


class Instance:
    """`riverwalk serve` in a process of its own, on free ports."""

    def __init__(self, folder: Path) -> None:
        words = ["serve", "--state", str(folder / "state"), "--port", "0", "--http-port", "0"]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "deploy.main", *words], stdout=subprocess.PIPE, stderr=log
            )
        assert self.process.stdout is not None
        self.output = self.process.stdout
        text = ""
        while "/metrics" not in text and (line := self.output.readline()):
            text += line.decode()
        if "/metrics" not in text:
            self.close()
            pytest.fail(text + (folder / "log").read_text())
        self.log = re.search(r"^log (\S+),", text, re.MULTILINE)[1]  # type: ignore[index]
        self.port = int(re.search(r"-p (\d+)", text)[1])  # type: ignore[index]
        self.http = re.search(r"http://([\d.]+:\d+)/", text)[1]  # type: ignore[index]

    def close(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(15.0)
        finally:
            self.output.close()


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    it = Instance(tmp_path_factory.mktemp("instance"))
    yield it
    it.close()


class Prometheus:
    """A real Prometheus that scrapes one instance every second."""

    def __init__(self, folder: Path, target: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            f"rule_files: ['{TOP / 'prometheus' / 'rules.yml'}']\n"
            "scrape_configs:\n"
            f"  - {{job_name: riverwalk, static_configs: [{{targets: ['{target}']}}]}}\n"
        )
        self.log = (folder / "prometheus.log").open("wb")
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address={self.address}",
            ],
            stdout=self.log,
            stderr=self.log,
        )

    def ask(self, query: str) -> list[dict[str, object]]:
        """The series that answer now; raises while it is not up."""
        line = http.client.HTTPConnection(self.address, timeout=5.0)
        try:
            line.request("GET", "/api/v1/query?query=" + quote(query))
            answer = line.getresponse()
            if answer.status == http.HTTPStatus.SERVICE_UNAVAILABLE:
                raise ConnectionError(answer.read())
            value = json.loads(answer.read())
        finally:
            line.close()
        assert value["status"] == "success", value
        return list(value["data"]["result"])

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(15.0)
        self.log.close()


@pytest.fixture(scope="module")
def prometheus(instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    it = Prometheus(tmp_path_factory.mktemp("prometheus"), instance.http)
    yield it
    it.close()


def load(instance: Instance, second: int) -> None:
    """A moment of load: good events, one bad one, every kind of question."""
    from deploy.client.client import Client
    from deploy.config.schema import Serve
    from stream.event.event import Event, encode
    from stream.log.sink import Sink

    now = int(time.time() * 1000)
    sink = Sink(instance.log, "events")
    for n in range(200):
        event = Event(user=f"u{n % 23}", item=f"i{(n * 7 + second) % 41}", t=now + n)
        sink.send(event.user.encode(), encode(event))
    sink.send(b"x", b"no event")
    sink.flush(10.0)
    sink.close()
    with Client(Serve(port=instance.port)) as client:
        for n in range(20):
            client.ask("RECOMMEND", f"u{n}", 5)
        client.ask("TRENDING", 5)


def test_every_panel_has_an_answer_while_an_instance_works(
    instance: Instance, prometheus: Prometheus
) -> None:
    waiting = {
        title: query.replace("$__rate_interval", "10s").replace("$instance", ".*")
        for title, query in QUERIES.items()
    }
    until = time.monotonic() + WAIT_S
    second = 0
    while waiting and time.monotonic() < until:
        load(instance, second)
        second += 1
        try:
            answers = {title: prometheus.ask(query) for title, query in waiting.items()}
        except OSError:
            time.sleep(0.2)  # Prometheus is not up yet
            continue
        for title, series in answers.items():
            values = [str(one["value"][1]) for one in series]  # type: ignore[index]
            if any(value not in ("NaN", "+Inf", "-Inf") for value in values):
                del waiting[title]

    assert not waiting


def test_no_alert_fires_on_a_healthy_instance(instance: Instance, prometheus: Prometheus) -> None:
    firing = prometheus.ask('ALERTS{alertstate="firing"}')

    assert [one["metric"] for one in firing] == []
