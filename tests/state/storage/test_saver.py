"""The saver writes while the other thread rests, and does not wait for that for ever."""

import threading
from pathlib import Path

import numpy as np
import pytest

from state.storage import saver
from state.storage.saver import Saver
from state.storage.store import Store
from state.storage.table import Table


def table() -> Table:
    return Table("count", np.dtype("i8"), capacity=50)


@pytest.mark.parametrize("rests", [True, False])
def test_blocks_are_written_once_the_other_thread_rests_or_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rests: bool
) -> None:
    monkeypatch.setattr(saver, "HELD_S", 3_600 if rests else 0.01)
    counts, rest = table(), threading.Event()
    counts.array[:] = np.arange(50)
    counts.touch(np.arange(50))
    store = Store(tmp_path)
    it = Saver(store, rest)
    it.begin(store.snapshot([counts], {}, {"events": {0: 7}}))
    if rests:
        assert it.end(0.1) is None
        assert it.busy
        assert store.offsets("events") == {}
        rest.set()
    written = it.end(30)
    it.close()
    store.close()

    again, store = table(), Store(tmp_path)
    store.load([again], [])
    assert written is not None
    assert written.failure is None
    assert again.array.tolist() == list(range(50))
    assert store.offsets("events") == {0: 7}
    store.close()
