"""Folders of an instance: whose they are, and what is left of them."""

import os
import time
from pathlib import Path

import pytest

from deploy.service.folder import YOUNG_S, Live, Lock
from state.error import BadStore


def test_a_lock_is_held_once_and_free_again_after_it(tmp_path: Path) -> None:
    lock = Lock(tmp_path, "the first")
    with pytest.raises(BadStore, match="in use by the first"):
        Lock(tmp_path, "the second")
    lock.close()

    Lock(tmp_path, "the third").close()


def test_the_folder_of_shared_tables_is_never_one_the_operator_filled(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")

    live = Live(tmp_path / "state", str(tmp_path))
    assert live.path.parent == tmp_path
    live.close()

    assert (tmp_path / "precious").read_text() == "mine"
    assert not live.path.exists()


def test_shared_tables_of_a_killed_instance_are_removed_and_those_of_a_running_one_are_not(
    tmp_path: Path,
) -> None:
    family = f"riverwalk-{os.getuid()}-"
    left, running, young = (tmp_path / (family + name) for name in ("left", "running", "young"))
    for path in (left, running, young):
        path.mkdir()
    lock = Lock(running, "somebody")
    for path in (left, running):
        os.utime(path, (0.0, time.time() - 2 * YOUNG_S))

    Live(tmp_path / "state", str(tmp_path)).close()
    lock.close()

    assert not left.exists()
    assert running.exists()
    assert young.exists()
