"""Events that come through a pipe."""

import os
import threading
from pathlib import Path

import pytest

from deploy.config.schema import BadConfig
from deploy.data.dataset import find
from deploy.data.pipe import is_pipe

TEXT = b"user,item,timestamp\nb,y,1600000060\na,x,1600000000\n"


def test_a_named_pipe_is_read_once_and_its_events_more_than_once(tmp_path: Path) -> None:
    path = tmp_path / "events"
    os.mkfifo(path)
    thread = threading.Thread(target=path.write_bytes, args=(TEXT,))
    thread.start()

    found = find(str(path))

    thread.join(timeout=10)
    for _ in range(2):
        assert [event.user for event in found.events()] == ["a", "b"]


def test_a_pipe_through_which_nothing_comes_is_a_named_error(tmp_path: Path) -> None:
    path = tmp_path / "events"
    os.mkfifo(path)
    thread = threading.Thread(target=path.write_bytes, args=(b"",))
    thread.start()

    with pytest.raises(BadConfig, match="nothing came"):
        find(str(path))
    thread.join(timeout=10)


def test_files_and_folders_are_no_pipes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(TEXT)

    assert not is_pipe(str(tmp_path))
    assert not is_pipe(str(tmp_path / "a.csv"))
    assert not is_pipe(str(tmp_path / "none"))
    assert is_pipe("-")
