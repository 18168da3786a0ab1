"""What ends is started again, what stands still is ended, and servers go on answering."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from deploy.config.schema import BadConfig, Config
from deploy.service.folder import METRIC
from deploy.service.supervisor import BadService, Supervisor
from state.error import BadStore
from tests.fixture.service.instance import WAIT_S, Instance, settings, told


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    it = Instance(settings(tmp_path))
    with it.service:
        yield it


def restarts(config: Config) -> float:
    """What the metrics of an instance say about restarts of ingest."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(Path(config.state.live).parent / METRIC))
    return registry.get_sample_value("riverwalk_ingest_restarts_total") or 0.0


def test_a_killed_ingest_is_started_again_while_the_same_server_answers(instance: Instance) -> None:
    first = instance.until(r"^ingest: ready pid (\d+)")[1]
    before = instance.answer()

    os.kill(int(first), signal.SIGKILL)
    instance.until(r"ingest ended \(killed by SIGKILL\); starting it again")
    during = instance.answer()
    second = instance.until(r"^ingest: ready pid (\d+)")[1]

    assert before == during == instance.answer()
    assert first != second
    assert restarts(instance.service.config) == 1


def test_a_killed_server_is_started_again_on_the_same_port(instance: Instance) -> None:
    first = instance.until(r"^serve: ready pid (\d+)")[1]

    os.kill(int(first), signal.SIGKILL)
    second = instance.until(r"^serve: ready pid (\d+)")[1]

    assert instance.answer() == f"answered by {second}\n"


def test_an_error_with_a_name_at_the_first_start_ends_it_with_that_error(tmp_path: Path) -> None:
    with pytest.raises(BadStore, match="row 7: checksum is wrong"):
        Instance(settings(tmp_path, ingest="fail")).service.start()


def test_an_ingest_that_crashes_at_every_start_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(BadService, match="ingest does not start: exit status 3"):
        Instance(settings(tmp_path, ingest="crash")).service.start()


def test_the_same_error_again_and_again_shows_and_the_server_goes_on(tmp_path: Path) -> None:
    it = Instance(settings(tmp_path, ingest="fail later"))
    with it.service as service:
        for _ in range(8):
            it.until(r"ingest ended \(events: offset 5 is gone\); starting it again in .* s; answers go on")
        verdict = told(service.config)

        assert it.answer().startswith("answered by")
        assert verdict.ingest == "restarting"
        assert re.search(
            r"again and again, \d+ times now, last with: events: offset 5 is gone", verdict.reason
        )


def test_settings_that_turn_out_wrong_before_they_ever_worked_end_it(tmp_path: Path) -> None:
    def live_long(service: Supervisor) -> None:
        service.start()
        service.wait(WAIT_S)

    with pytest.raises(BadConfig, match="no such option"):
        live_long(Instance(settings(tmp_path, ingest="wrong later")).service)


def test_an_ingest_that_stands_still_is_seen_so_ended_and_started_again(tmp_path: Path) -> None:
    it = Instance(settings(tmp_path, hang_seconds=1.0))
    with it.service as service:
        first = int(it.until(r"^ingest: ready pid (\d+)")[1])
        os.kill(first, signal.SIGSTOP)
        it.until(r"ingest ended \(killed by SIGKILL: it had not moved for \d s\); starting it again")
        second = int(it.until(r"^ingest: ready pid (\d+)")[1])

        assert second != first
        assert it.answer().startswith("answered by")
        assert told(service.config).restarts == 1


def test_a_killed_ingest_shows_until_the_next_one_works(instance: Instance) -> None:
    first = int(instance.until(r"^ingest: ready pid (\d+)")[1])
    os.kill(first, signal.SIGKILL)
    instance.until(r"ingest ended")
    dead = told(instance.service.config)
    instance.until(r"^ingest: ready pid")

    assert not dead.ready
    assert (dead.ingest, dead.reason) == ("dead", "ingest has ended (killed by SIGKILL) and is started again")


def test_servers_go_on_when_the_disk_is_full(tmp_path: Path) -> None:
    it = Instance(settings(tmp_path, ingest="disk full later"))
    with it.service:
        for _ in range(5):
            it.until(r"ingest ended \(ingest: the disk is full; free some space\)")

        assert it.answer().startswith("answered by")
