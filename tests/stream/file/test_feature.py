"""Explicit features: what a file of them becomes, and what is learned from them."""

import gzip
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from stream.file.feature import BadColumn, read
from tgn.inference.layout import TgnSettings, layout, net
from tgn.training.learner import Learner

torch.set_num_threads(1)

SHOP = """item,title,price,stock
a,Red paper lantern,2.5,10
b,red PAPER star,3.5,10
c,"Tea towel, blue",12,10
d,,,10
"""


def made(tmp_path, text, name="items.csv"):
    path = tmp_path / name
    path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
    return path


def likeness(rows, one, other):
    return float(rows[one] @ rows[other])


def test_rows_have_length_one_and_what_shares_words_is_alike(tmp_path):
    rows = read(made(tmp_path, SHOP), 64)

    assert list(rows) == ["a", "b", "c", "d"]
    assert all(row.shape == (64,) and row.dtype == np.float32 for row in rows.values())
    assert all(np.linalg.norm(row) == pytest.approx(1, abs=1e-6) for row in rows.values())
    assert likeness(rows, "a", "b") > likeness(rows, "a", "c") + 0.2


def test_numbers_come_first_standardised_and_an_empty_one_is_the_mean(tmp_path):
    rows = read(made(tmp_path, "id,price,weight\nx,1,7\ny,2,\nz,3,9\n"), 3)
    step = math.sqrt(1.5) / math.sqrt(2)

    ratio = {name: row[:2] / row[2] for name, row in rows.items()}

    assert ratio["x"] == pytest.approx([-step, -1 / math.sqrt(2)], abs=1e-6)
    assert ratio["y"] == pytest.approx([0, 0])
    assert ratio["z"] == pytest.approx([step, 1 / math.sqrt(2)], abs=1e-6)


def test_a_number_far_out_does_not_drown_the_others(tmp_path):
    lines = "".join(f"i{k},{k % 3}\n" for k in range(1_000))

    rows = read(made(tmp_path, "id,price\n" + lines + "huge,1e9\n"), 2)

    assert rows["huge"][0] / rows["huge"][1] == pytest.approx(3)


def test_one_line_that_is_no_number_makes_a_column_one_of_words(tmp_path):
    rows = read(made(tmp_path, "id,size\nx,10\ny,10\nz,large\n"), 32)

    assert likeness(rows, "x", "y") == pytest.approx(1)
    assert abs(likeness(rows, "x", "z")) < 0.9


def test_the_same_word_in_two_columns_is_two_words(tmp_path):
    rows = read(made(tmp_path, "id,colour,name\nx,red,\ny,,red\n"), 64)

    assert abs(likeness(rows, "x", "y")) < 0.9


def test_a_row_that_says_nothing_is_zero(tmp_path):
    rows = read(made(tmp_path, "id,title,price\nx,tea,1\ny,,\n"), 8)

    assert not rows["y"].any()


def test_json_lines_say_the_same_as_csv(tmp_path):
    lines = (
        '{"item": "a", "title": "Red paper lantern", "price": 2.5, "stock": 10}\n'
        '\n{"item": "b", "title": "red PAPER star", "price": 3.5, "stock": 10}\n'
        '{"title": "Tea towel, blue", "item": "c", "price": 12, "stock": 10}\n'
        '{"item": "d", "title": null, "stock": 10}\n'
    )

    one, other = read(made(tmp_path, SHOP), 64), read(made(tmp_path, lines, "items.jsonl"), 64)

    assert list(one) == list(other)
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_lists_count_as_their_members_and_ids_may_be_whole_numbers(tmp_path):
    lines = (
        '{"id": 7, "genre": ["Crime", "War"]}\n{"id": 8, "genre": ["War", "Crime"]}\n{"id": 9, "genre": []}\n'
    )

    rows = read(made(tmp_path, lines, "films.ndjson"), 16)

    assert np.array_equal(rows["7"], rows["8"])
    assert not rows["9"].any()


def test_gzip_and_a_byte_order_mark_are_read_through(tmp_path):
    packed = made(tmp_path, gzip.compress(b"\xef\xbb\xbf" + SHOP.encode()), "items.csv.gz")

    rows, plain = read(packed, 64), read(made(tmp_path, SHOP), 64)

    assert all(np.array_equal(rows[name], plain[name]) for name in plain)


def test_another_process_with_another_hash_seed_gives_the_same_bytes(tmp_path):
    path = made(tmp_path, SHOP)
    code = "import sys; from pathlib import Path; from stream.file.feature import read\n"
    code += "sys.stdout.buffer.write(b''.join(row.tobytes() for row in read(Path(sys.argv[1]), 64).values()))"

    out = [
        subprocess.run(
            [sys.executable, "-c", code, str(path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert out[0] == out[1] == b"".join(row.tobytes() for row in read(path, 64).values())


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("i.csv", "id,title\na,tea\na,cup\n", r"i\.csv:3: id a stands on line 2 already"),
        ("i.csv", "id,title\na,tea\nb,cup,2\n", r"i\.csv:3: 3 fields, the header names 2"),
        ("i.csv", "id,title\n,tea\n", r"i\.csv:2: id '' is no id"),
        ("i.csv", "id,title,title\na,b,c\n", r"i\.csv:1: header id,title,title"),
        ("i.csv", 'id,title\na,"tea\n', r"i\.csv:2: not CSV"),
        ("i.csv", b"id,title\na,tea\nb,caf\xe9\n", r"i\.csv:3: not UTF-8"),
        ("i.csv", "id,price\na,1\nb,inf\n", r"i\.csv:3: price inf is too large"),
        ("i.csv", "id,x,y\na,1,2\n", r"2 columns of numbers \(x, y\) do not fit a width of 2; ask for 3"),
        ("i.csv", "", r"no rows"),
        ("i.jsonl", '{"id": "a"}\n{"id": \n', r"i\.jsonl:2: not a JSON object"),
        ("i.jsonl", '{"id": "a"}\n[1]\n', r"i\.jsonl:2: not a JSON object"),
        ("i.jsonl", '{"id": 1.5}\n', r"i\.jsonl:1: id 1\.5 is no id"),
        ("i.jsonl", '{"id": "a", "size": {"w": 1}}\n', r"i\.jsonl:1: size is an object"),
        ("i.csv.gz", "id,title\na,tea\n", r"i\.csv\.gz: cannot be read"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(tmp_path, name, text, said):
    with pytest.raises(BadColumn, match=said):
        read(made(tmp_path, text, name), 2)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BadColumn, match=r"none\.csv: cannot be read"):
        read(tmp_path / "none.csv", 8)


def test_in_a_real_catalogue_hearts_are_like_hearts():
    path = Path(os.environ.get("RIVERWALK_DATA", "../shared/data")) / "online-retail" / "items.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not here; set RIVERWALK_DATA to the folder of data sets")

    rows = read(path, 64)  # 22469 and 22470 are wicker hearts, 10080 an inflatable cactus

    assert len(rows) > 3_600
    assert np.allclose(np.linalg.norm(np.stack(list(rows.values())), axis=1), 1, atol=1e-5)
    assert likeness(rows, "22469", "22470") > 0.5 > likeness(rows, "22469", "10080") + 0.3


SIZES = TgnSettings(dim=16, heads=2, history=4, memory=8, columns=4)
USERS, ITEMS, BATCH = 60, 40, 64


def room(settings=SIZES):
    """Tables in which items are of four kinds by their explicit features, row 0 of none; so are users."""
    count = {"user": USERS, "item": ITEMS, "one": 1}
    tables = {
        name: np.zeros((count[kind], *shape), dtype)
        for name, (kind, dtype, shape) in layout(settings).items()
    }
    for name in ("item_column", "user_column"):
        rows = np.arange(tables[name].shape[0])
        tables[name][rows, rows % 4] = 1
    tables["item_column"][0] = 0
    return tables


def batch(rng, low, high):
    """One item of the history, whose kind tells what follows."""
    hist = np.full((BATCH, 4), -1, np.int32)
    hist[:, 0] = rng.integers(low, high, BATCH)
    return (
        hist,
        np.zeros((BATCH, 4), np.int64),
        np.full(BATCH, -1, np.int32),
        (1 + hist[:, 0] % 4).astype("i4"),
    )


def test_an_item_nobody_has_had_is_scored_by_its_explicit_features():
    """Users of a kind take items of that kind; items from 30 on are never taken."""
    learner, rng = Learner(room(), SIZES), np.random.default_rng(0)
    empty, age = np.full((BATCH, 4), -1, np.int32), np.zeros((BATCH, 4), np.int64)
    asked = empty[:4], age[:4], np.arange(4, dtype=np.int32)
    new = np.arange(30, ITEMS, dtype=np.int32)
    _, before = learner.score(*asked, np.tile(new, (4, 1)))
    for _ in range(150):
        user = rng.integers(0, USERS, BATCH).astype(np.int32)
        item = (4 * rng.integers(1, 7, BATCH) + user % 4).astype(np.int32)
        learner.step(empty, age, user, item)

    score, known = learner.score_known(*asked, np.tile(new, (4, 1)))

    assert not before.any()
    assert np.allclose(known, 1 / 11)
    for kind in range(4):
        assert score[kind, new % 4 == kind].min() > score[kind, new % 4 != kind].max() + 1


def test_an_item_of_the_history_speaks_by_its_explicit_features():
    """The last items asked about were never met while it learned."""
    learner, rng = Learner(room(), SIZES), np.random.default_rng(0)
    for _ in range(150):
        learner.step(*batch(rng, 1, 30))
    hist, age, user, item = batch(rng, 30, ITEMS)

    score, _ = learner.score(hist, age, user, np.tile(np.arange(5, dtype=np.int32), (BATCH, 1)))

    assert (score[:, 1:].argmax(1) + 1 == item).mean() > 0.9


def test_items_without_explicit_features_are_not_known_by_them():
    tables = room()
    tables["item_column"][35] = 0
    learner = Learner(tables, SIZES)
    hist, age, user, item = batch(np.random.default_rng(0), 1, 30)
    learner.step(hist, age, user, item)

    _, known = learner.score(hist[:1], age[:1], user[:1], np.array([[34, 35, 36]], np.int32))

    assert known[0].tolist() == [True, False, True]


def test_explicit_features_are_frozen_and_heal_when_no_arithmetic_can_use_them():
    tables, rng = room(), np.random.default_rng(0)
    before = {name: tables[name].copy() for name in ("item_column", "user_column")}
    learner = Learner(tables, SIZES)
    for _ in range(5):
        learner.step(*batch(rng, 1, 30))

    assert all(np.array_equal(tables[name], column) for name, column in before.items())
    assert not set(before) & set(learner.dirty())

    hist, age, user, item = batch(rng, 1, 30)
    tables["item_column"][item[0]] = np.nan

    assert math.isnan(learner.step(hist, age, user, item))
    assert learner.dirty()["item_column"].tolist() == [item[0]]
    assert math.isfinite(learner.step(hist, age, user, item))


def test_no_columns_add_no_table_and_no_weight():
    none = TgnSettings()

    assert not [name for name in (*layout(none), *net(none)) if "column" in name]
    assert {"item_column", "user_column"} < set(layout(SIZES))
