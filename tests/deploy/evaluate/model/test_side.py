"""What is known beside the events, by rows of the log."""

from pathlib import Path

import numpy as np
import pytest

from deploy.config.schema import BadConfig
from deploy.evaluate.model import side
from deploy.evaluate.model.side import Files

USERS, ITEMS = ["ann", "bob", "cem"], [f"i{k}" for k in range(6)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "events.csv").write_text("user,item,timestamp\n")
    return tmp_path / "events.csv"


def test_fields_become_columns_and_those_of_few_words_kinds(log: Path) -> None:
    rows = "".join(f"i{k},{'tea' if k % 2 else 'cup'},{k}.5,\n" for k in range(6))
    (log.parent / "items.csv").write_text(f"item,category,price,title\n{rows}stranger,pot,1,\n")
    found = side.side(log, side.files(log), USERS, ITEMS)

    assert found.item_columns is not None
    assert found.item_columns.shape == (6, side.WIDTH)
    assert np.isfinite(found.item_columns).all()
    assert found.item_kinds is not None
    assert list(found.item_kinds) == ["category"]
    assert found.item_kinds["category"].tolist() == [0, 1] * 3
    assert found.user_columns is None
    assert found.trust is None


def test_items_that_a_file_does_not_name_have_no_kind_and_no_columns(log: Path) -> None:
    (log.parent / "items.jsonl").write_text(
        "".join(f'{{"item": "i{k}", "genres": ["{"ab"[k % 2]}", "z"]}}\n' for k in range(6))
    )
    found = side.side(log, side.files(log), USERS, ["i9", *ITEMS])

    assert found.item_kinds is not None
    assert found.item_kinds["genres"].tolist() == [-1, 0, 1, 0, 1, 0, 1]
    assert found.item_columns is not None
    assert not found.item_columns[0].any()
    assert found.item_columns[1:].any(1).all()


def test_trust_is_of_users_of_the_log_alone(log: Path) -> None:
    (log.parent / "trust.csv").write_text("user,trusts\nann,bob\nann,bob\nbob,zoe\ncem,ann\nbob,bob\n")
    found = side.side(log, side.files(log), USERS, ITEMS).trust

    assert found is not None
    assert found.tolist() == [[0, 2], [1, 0]]


def test_trust_in_arrays_goes_by_the_rows_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "events.npz"
    np.savez(
        log, user=np.array([0, 1, 2, 2]), item=np.array([0, 0, 1, 0]), ts=np.arange(4), user_ids=np.array([30, 10, 20]),
        item_ids=np.array([7, 8]), category=np.array([5, 5, 9, 5]),
    )  # fmt: skip
    np.savez(tmp_path / "trust.npz", src=np.array([0, 2, 99]), dst=np.array([1, 0, 0]))
    found = side.side(log, side.files(log), ["30", "10", "20"], ["7", "8"])

    assert found.trust is not None
    assert found.trust.tolist() == [[0, 2], [1, 0]]
    assert found.item_kinds is not None
    assert found.item_kinds["category"].tolist() == [0, 1]


def test_a_sample_of_a_log_may_lack_those_who_are_named(log: Path) -> None:
    (log.parent / "trust.csv").write_text("x,y\n")
    files = Files(trust=log.parent / "trust.csv")

    found = side.side(log, files, USERS, ITEMS, sampled=True).trust
    assert found is not None
    assert found.shape == (2, 0)
    with pytest.raises(BadConfig, match=r"it has 'x', the log 'ann'; write ids as the events do"):
        side.side(log, files, USERS, ITEMS)
