"""A backup is taken while an instance runs or not, and a restored one goes on from it."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest

from deploy.backup import manifest
from deploy.backup.backup import backup
from deploy.backup.restore import restore
from deploy.config.schema import BadConfig, Config, State
from deploy.service.checkpoint import Checkpoints, ask
from state.error import BadStore
from state.storage.store import Store
from stream.broker import log_address, open_sink, open_source
from stream.log.topic import ensure_topic
from tests.fixture.events import NOW, StoredWriter, Topic


def events(n: int, seed: int = 1) -> list[bytes]:
    draw = np.random.default_rng(seed)
    return [
        msgspec.json.encode({"user": f"u{draw.integers(20)}", "item": f"i{draw.integers(15)}", "t": NOW + k})
        for k in range(n)
    ]


def config(root: Path) -> Config:
    return Config(state=State(folder=str(root)))


def rows(root: Path) -> dict[bytes, bytes]:
    store = Store(root / "store")
    found = dict(store.rows())
    store.close()
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A state folder with a store, and a log with three records."""
    root = tmp_path / "state"
    one = StoredWriter(root, Topic(events(200)))
    one.read()
    one.close()
    ensure_topic(root / "log", "events")
    sink = open_sink(log_address(root), "events")
    for payload in events(3):
        sink.send(b"u", payload)
    sink.flush()
    sink.close()
    return root


def test_a_restored_backup_holds_the_same_records_and_the_same_log(root: Path, tmp_path: Path) -> None:
    done = backup(config(root), tmp_path / "copy")
    restore(tmp_path / "copy", tmp_path / "again")

    assert rows(tmp_path / "again") == rows(root)
    source = open_source(log_address(tmp_path / "again"), "events", {})
    assert [record.payload for record in source.poll(10, 1.0)] == events(3)
    source.close()
    assert done["offsets"] == {"0": 200}
    assert not list(root.glob("checkpoint*"))


def test_everything_in_a_backup_and_in_what_is_restored_is_private(root: Path, tmp_path: Path) -> None:
    backup(config(root), tmp_path / "copy")
    restore(tmp_path / "copy", tmp_path / "again")

    for top in (tmp_path / "copy", tmp_path / "again"):
        for path in (top, *top.rglob("*")):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_running_writer_is_copied_between_two_batches_and_goes_on(tmp_path: Path) -> None:
    root = tmp_path / "state"
    topic = Topic(events(300))
    one = StoredWriter(root, topic)
    one.read(limit=50, stop=150)
    before = one.state()
    made = Checkpoints(root, one.store.checkpoint)
    asked = threading.Thread(target=ask, args=(root, "checkpoint-1"))
    asked.start()
    while asked.is_alive():
        made.step()
    one.read()
    after = one.state()
    one.close()

    copy = StoredWriter(tmp_path / "other", Topic([]))
    copy.close()
    for path in (tmp_path / "other" / "store").iterdir():
        path.unlink()
    for path in (root / "checkpoint-1").iterdir():
        os.link(path, tmp_path / "other" / "store" / path.name)
    again = StoredWriter(tmp_path / "other", topic)
    assert again.state() == before
    again.read(limit=70)
    assert again.state() == after
    again.close()


def test_a_copy_that_cannot_be_made_is_told_to_who_asked(root: Path) -> None:
    made = Checkpoints(root, lambda folder: folder.mkdir())
    failures = list[str]()

    def want(name: str) -> None:
        try:
            ask(root, name)
        except BadStore as exc:
            failures.append(str(exc))

    for name in ("checkpoint-../x", "elsewhere"):
        asked = threading.Thread(target=want, args=(name,))
        asked.start()
        while asked.is_alive():
            made.step()

    assert ["names no folder" in failure for failure in failures] == [True, True]


def damaged(copy: Path, name: str) -> None:
    path = copy / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_backup_of_which_any_file_is_damaged_cut_or_missing_is_refused(root: Path, tmp_path: Path) -> None:
    backup(config(root), tmp_path / "copy")
    for name in manifest.read(tmp_path / "copy").files:
        whole = (tmp_path / "copy" / name).read_bytes()
        for harm in (
            damaged,
            lambda copy, name: os.truncate(copy / name, (copy / name).stat().st_size // 2),
            lambda copy, name: (copy / name).unlink(),
        ):
            if not whole and harm is damaged:
                continue
            harm(tmp_path / "copy", name)
            if not (tmp_path / "copy" / name).exists() or (tmp_path / "copy" / name).read_bytes() != whole:
                with pytest.raises(BadStore, match="take another backup"):
                    restore(tmp_path / "copy", tmp_path / "again")
                assert not (tmp_path / "again").exists()
            (tmp_path / "copy" / name).write_bytes(whole)


def test_nothing_is_written_over(root: Path, tmp_path: Path) -> None:
    backup(config(root), tmp_path / "copy")

    with pytest.raises(BadConfig, match="is there already"):
        backup(config(root), tmp_path / "copy")
    with pytest.raises(BadConfig, match="holds something"):
        restore(tmp_path / "copy", root)
    with pytest.raises(BadConfig, match="holds no state"):
        backup(config(tmp_path / "nowhere"), tmp_path / "other")
    with pytest.raises(BadStore, match="has made"):
        restore(root, tmp_path / "again")


def test_a_manifest_that_names_files_elsewhere_writes_none_there(root: Path, tmp_path: Path) -> None:
    backup(config(root), tmp_path / "copy")
    path = tmp_path / "copy" / manifest.NAME
    path.write_bytes(path.read_bytes().replace(b"store/CURRENT", b"../../CURRENT"))

    with pytest.raises(BadStore, match="lies elsewhere"):
        restore(tmp_path / "copy", tmp_path / "again")
    assert not (tmp_path.parent / "CURRENT").exists()
