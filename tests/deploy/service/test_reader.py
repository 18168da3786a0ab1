"""Several readers of one instance: they share its ports, and one that dies is started again while others answer."""

import os
import signal
import socket
from pathlib import Path

import pytest
from msgspec.structs import replace

from deploy.config.schema import BadConfig, Config
from deploy.service.child import SPARED, reader_number, reader_roles
from tests.fixture.service.instance import WAIT_S, Instance, settings


def several(folder: Path, readers: int, unix: str = "") -> Config:
    config = settings(folder)
    return replace(config, serve=replace(config.serve, readers=readers, unix=unix))


def test_there_is_a_reader_for_each_core_but_two_and_at_least_one() -> None:
    cores = len(os.sched_getaffinity(0))

    assert len(reader_roles(0)) == min(64, max(1, cores - SPARED))
    assert reader_roles(3) == ["serve", "serve-2", "serve-3"]
    assert [reader_number(role) for role in ("ingest", *reader_roles(3))] == [None, 0, 1, 2]


def test_a_dead_reader_is_started_again_while_the_others_answer(tmp_path: Path) -> None:
    it = Instance(several(tmp_path, 2))
    with it.service as service:
        dead, other = (service.children[role].pid for role in ("serve", "serve-2"))
        assert dead is not None
        os.kill(dead, signal.SIGKILL)

        assert "1 more answers meanwhile" in it.until(r"^serve ended \(killed by SIGKILL\).*")[0]
        answers = {it.answer().strip() for _ in range(4)}
        it.until(r"^serve: ready")

        assert f"answered by {other}" in answers
        assert f"answered by {dead}" not in answers


def test_a_client_that_comes_while_the_only_reader_is_dead_waits_for_the_next(tmp_path: Path) -> None:
    it = Instance(several(tmp_path, 1))
    with it.service as service:
        dead = service.children["serve"].pid
        assert dead is not None
        os.kill(dead, signal.SIGKILL)
        it.until(r"^serve ended .*clients wait for it")

        assert it.answer().startswith("answered by")


def test_a_unix_socket_is_taken_by_the_readers_and_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    it = Instance(several(tmp_path, 2, str(path)))
    with it.service:
        assert path.stat().st_mode & 0o777 == 0o600

    assert not path.exists()


def test_a_unix_socket_that_is_a_file_is_named_with_what_to_change(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine")

    with pytest.raises(BadConfig, match=r"serve.unix.*choose another serve.unix"):
        Instance(several(tmp_path, 1, str(path))).service.start()

    assert path.read_text() == "mine"


def test_ports_are_free_again_when_the_instance_has_ended(tmp_path: Path) -> None:
    it = Instance(several(tmp_path, 2))
    it.service.start()
    serve = it.service.config.serve
    it.service.close()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((serve.host, serve.port), timeout=WAIT_S)
