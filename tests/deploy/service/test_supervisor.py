"""The life of an instance, with real processes, real signals, and tiny jobs inside them."""

import os
import re
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.config.schema import (
    BadConfig,
    Config,
    Kafka,
    Serve,
    State,
    encode,
)
from deploy.service.folder import METRIC
from deploy.service.supervisor import DRAIN_S, BadService
from state.error import BadStore
from tests.fixture.service import child
from tests.fixture.service.instance import WAIT_S, Instance, each, settings


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    it = Instance(settings(tmp_path))
    with it.service:
        yield it


class Process:
    """A supervisor in a process of its own."""

    def __init__(self, config: Config) -> None:
        self.process = subprocess.Popen(
            [*child.COMMAND, "supervise"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(encode(config) + b"\n")
        self.process.stdin.close()
        self.output = self.process.stdout

    def until(self, pattern: str) -> re.Match[str]:
        """The first line from here on that matches."""
        for line in self.output:
            found = re.search(pattern, line.decode())
            if found:
                return found
        raise AssertionError(f"ended without a line like {pattern}")

    def children(self) -> list[int]:
        """The process ids of ingest, the learner and serve, once all are ready."""
        lines = (line.decode() for line in self.output)
        found = each(lines, [rf"^{role}: ready pid (\d+)" for role in ("ingest", "learner", "serve")])
        return [int(one[1]) for one in found]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Process]:
    it = Process(settings(tmp_path))
    yield it
    if it.process.poll() is None:
        it.process.terminate()
    it.process.wait(WAIT_S)
    it.output.close()


def ended(pid: int) -> bool:
    """Whether a process that is not our child ends within the time of a test."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], WAIT_S)[0])
    finally:
        os.close(handle)


def test_all_processes_are_ready_before_start_returns(instance: Instance) -> None:
    instance.each(r"^ingest: looking around", r"^ingest: ready", r"^serve: ready")

    assert instance.answer().startswith("answered by")


def test_ingest_gives_way_to_the_servers(instance: Instance) -> None:
    own = os.nice(0)

    ingest, serve = instance.each(r"^ingest: ready .* nice (\d+)", r"^serve: ready .* nice (\d+)")

    assert ingest[1] == str(min(19, own + 5))
    assert serve[1] == str(own)


def test_a_clean_end_lets_ingest_save_and_clears_the_shared_tables(tmp_path: Path) -> None:
    it = Instance(settings(tmp_path))
    it.service.start()
    shared = Path(it.service.config.state.live).parent
    assert shared.joinpath(METRIC).is_dir()

    it.service.close()

    assert (tmp_path / "state" / "saved").read_text() == "whole"
    assert not shared.exists()
    assert all(child.pid is None for child in it.service.children.values())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_the_instance_and_the_exit_status_is_0(
    supervisor: Process, tmp_path: Path, number: signal.Signals
) -> None:
    ingest, _, serve = supervisor.children()

    supervisor.process.send_signal(number)

    assert supervisor.process.wait(10.0) == 0
    assert (tmp_path / "state" / "saved").exists()
    assert ended(ingest)
    assert ended(serve)


def test_no_child_outlives_a_killed_supervisor(supervisor: Process) -> None:
    ingest, _, serve = supervisor.children()

    supervisor.process.kill()

    assert ended(ingest)
    assert ended(serve)


def test_a_second_instance_on_one_state_folder_is_told_who_holds_it(
    supervisor: Process, tmp_path: Path
) -> None:
    supervisor.until(r"^serve: ready")

    with pytest.raises(BadStore, match=rf"in use by riverwalk, process {supervisor.process.pid}.*--state"):
        Instance(settings(tmp_path)).service.start()


def test_the_folder_is_free_again_after_a_kill(supervisor: Process, tmp_path: Path) -> None:
    children = supervisor.children()
    supervisor.process.kill()
    supervisor.process.wait()  # its children may end before it has: one thread's end is enough for them
    assert all(ended(child) for child in children)

    with Instance(settings(tmp_path)).service as service:
        assert service.children["serve"].ready


def test_a_taken_port_is_named_with_what_to_change(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config = Config(
            kafka=Kafka(address="127.0.0.1:9"),
            state=State(folder=str(tmp_path / "state"), live=str(tmp_path)),
            serve=Serve(port=0, http_port=port),
        )

        with pytest.raises(
            BadConfig,
            match=rf"port {port} .*taken.*--http-port, RIVERWALK_SERVE_HTTP_PORT or serve.http_port",
        ):
            Instance(config).service.start()


def test_a_process_that_does_not_end_is_ended_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DRAIN_S, "ingest", 0.2)
    it = Instance(settings(tmp_path, ingest="hang"))
    it.service.start()

    with pytest.raises(BadService, match="ingest took too long to end and was killed"):
        it.service.close()


def test_no_secret_is_in_an_argument_or_the_environment_of_a_child(tmp_path: Path) -> None:
    config = settings(tmp_path, secret="hunter2")
    with Instance(config).service as service:
        for child in service.children.values():
            process = Path("/proc", str(child.pid))

            assert b"hunter2" not in process.joinpath("cmdline").read_bytes()
            assert b"hunter2" not in process.joinpath("environ").read_bytes()
