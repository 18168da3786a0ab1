"""The doctor finds what is broken, and says what to do about it."""

import json
import socket
import zlib
from pathlib import Path

import pytest
from msgspec.structs import replace

from deploy.config.schema import Config, Kafka, Serve, State
from deploy.doctor import Finding, examine, report
from deploy.service.child import machine_cores
from deploy.service.folder import TABLE, Lock, live_path
from state.storage.store import Store
from stream.health.page import HEALTH, RUNNING, SUPERVISION, Health, Page, Supervision, now_ms


def config(folder: Path, port: int = 0, kafka: str = "") -> Config:
    return Config(
        kafka=Kafka(address=kafka), state=State(folder=str(folder)), serve=Serve(port=port, http_port=0)
    )


def by_name(config: Config) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine(config)}


def test_this_machine_is_fit_to_run_and_the_state_folder_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    findings = examine(config(tmp_path / "state"))

    assert report(findings, False)
    assert capsys.readouterr().out.endswith("fit to run\n")
    assert not (tmp_path / "state").exists()


def test_a_taken_port_an_unreachable_broker_and_a_file_for_a_folder_are_broken(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as idle:
        idle.bind(("127.0.0.1", 0))
        closed = idle.getsockname()[1]

        found = by_name(config(tmp_path / "file", taken.getsockname()[1], f"127.0.0.1:{closed}"))

    assert found["serve.port"].state == "broken"
    assert "--port" in found["serve.port"].advice
    assert found["kafka"].state == "broken"
    assert found["state folder"].state == "broken"


def test_a_broker_without_a_port_is_told_how_to_write_it(tmp_path: Path) -> None:
    found = by_name(config(tmp_path, kafka="localhost"))["kafka"]

    assert (found.state, found.advice) == ("broken", "write --kafka host:port")


def test_a_folder_in_use_is_a_note_naming_the_holder(tmp_path: Path) -> None:
    lock = Lock(tmp_path, "riverwalk, process 5")
    found = by_name(config(tmp_path))["state"]
    lock.close()

    assert found.state == "note"
    assert "in use by riverwalk, process 5" in found.found


def test_a_store_in_another_format_is_broken_and_one_of_ours_is_not(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.close()
    assert by_name(config(tmp_path))["state"].state == "ok"

    store = Store(tmp_path / "store")
    value = b"999"
    store.base.db[b"meta\0format"] = zlib.crc32(value).to_bytes(4, "little") + value
    store.close()
    found = by_name(config(tmp_path))["state"]

    assert found.state == "broken"
    assert "format 999" in found.found
    assert "restore a backup" in found.advice


def test_a_program_reads_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    well = report([Finding("a", "ok", "1"), Finding("b", "broken", "2", "mend it")], True)

    value = json.loads(capsys.readouterr().out)
    assert not well
    assert value["ok"] is False
    assert value["checks"][1] == {"check": "b", "state": "broken", "found": "2", "advice": "mend it"}


def test_a_damaged_log_is_broken_and_none_is_fine(tmp_path: Path) -> None:
    assert by_name(config(tmp_path))["kafka"].state == "ok"
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "log.db").write_bytes(b"no log")

    assert by_name(config(tmp_path))["kafka"].state == "broken"


def test_an_instance_that_runs_is_as_it_says_itself(tmp_path: Path) -> None:
    made = Config(
        state=State(folder=str(tmp_path / "state"), live=str(tmp_path)), serve=Serve(port=0, http_port=0)
    )
    lock = Lock(tmp_path / "state", "riverwalk, process 5")
    tables = live_path(tmp_path / "state", made.state.live) / TABLE
    tables.mkdir(parents=True)
    Page(tables / SUPERVISION, Supervision, write=True).write(Supervision(since_ms=now_ms()))
    health = Page(tables / HEALTH, Health, write=True)
    health.beat()
    health.write(Health(phase=RUNNING, lag=0))
    well = by_name(made)["instance"]
    health.beat()
    health.write(Health(phase=RUNNING, lag=0, troubles={"disk": "the disk is full"}))
    found = by_name(made)["instance"]
    lock.close()

    assert (well.state, well.found) == ("ok", "ready")
    assert (found.state, found.found) == ("broken", "the disk is full")


def test_more_readers_than_cores_are_a_note_and_one_is_always_right(tmp_path: Path) -> None:
    one = config(tmp_path)
    many = replace(one, serve=replace(one.serve, readers=64))

    assert by_name(one)["readers"].state == "ok"
    found = by_name(many)["readers"]
    assert found.state == ("note" if machine_cores() <= 64 else "ok")
    assert "lower serve.readers" in found.advice
