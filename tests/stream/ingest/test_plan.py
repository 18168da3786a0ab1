"""The order taken is kept in the store until it is in the state, and after."""

from pathlib import Path

from state.storage.store import Store
from stream.ingest import plan as module
from stream.ingest.plan import Plan


def test_batches_that_are_not_saved_are_pending_in_order(tmp_path: Path) -> None:
    store = Store(tmp_path)
    plan = Plan(store, "events")
    for ends in ({0: 5, 1: 2}, {1: 9}, {0: 7, 1: 10}):
        plan.put(ends)
    store.close()

    again = Plan(Store(tmp_path), "events")

    assert again.taken == [{0: 5, 1: 2}, {1: 9}, {0: 7, 1: 10}]
    assert again.pending({0: 5, 1: 2}) == [{1: 9}, {0: 7, 1: 10}]
    assert again.pending({0: 7, 1: 10}) == []


def test_the_order_of_another_topic_is_not_repeated(tmp_path: Path) -> None:
    store = Store(tmp_path)
    Plan(store, "events").put({0: 5})

    other = Plan(store, "orders")
    assert other.pending({}) == []
    other.put({0: 3})
    assert Plan(store, "events").taken == [{0: 5}]


def test_the_oldest_are_written_over(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    store = Store(tmp_path)
    plan = Plan(store, "events")
    for n in range(8):
        plan.put({0: n})

    assert Plan(store, "events").taken == [{0: 5}, {0: 6}, {0: 7}]
    assert len(store.records(module.PREFIX)) == 3
