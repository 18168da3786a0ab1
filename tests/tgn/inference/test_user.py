"""The compiled twin that readers use says what torch says."""

import subprocess
import sys

import msgspec
import numpy as np
import pytest

from tgn.inference.layout import TgnSettings, layout
from tgn.inference.user import UserEncoder
from tgn.training.learner import Learner

ITEMS, USERS = 80, 30


def events(settings, n, seed):
    rng = np.random.default_rng(seed)
    hist = rng.integers(1, ITEMS, (n, settings.history)).astype(np.int32)
    length = rng.integers(0, settings.history + 1, n)
    hist[np.arange(settings.history) >= length[:, None]] = -1
    age = np.sort(rng.integers(0, 10**10, hist.shape), axis=1)
    user = rng.integers(-1, USERS, n).astype(np.int32)
    return hist, age, user, rng.integers(1, ITEMS, n).astype(np.int32)


SMALL = TgnSettings(dim=16, heads=2, history=5, memory=4)
KINDS = {
    "usual": TgnSettings(),
    "small": SMALL,
    "no memory": msgspec.structs.replace(SMALL, node_memory=False),
    "columns": msgspec.structs.replace(SMALL, columns=3),
    "columns, no memory": msgspec.structs.replace(SMALL, columns=3, node_memory=False),
}


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS.keys())
def learner(request):
    settings = request.param
    count = {"user": USERS, "item": ITEMS, "one": 1}
    tables = {
        name: np.zeros((count[kind], *shape), dtype)
        for name, (kind, dtype, shape) in layout(settings).items()
    }
    for name in ("item_column", "user_column") if settings.columns else ():
        tables[name][::2] = np.random.default_rng(5).normal(0, 1, tables[name][::2].shape)
    learner = Learner(tables, settings)
    for k in range(12):
        hist, age, user, item = events(settings, 64, k)
        user = np.maximum(user, 0)
        learner.step(hist, age, user, item)
        t = 1_700_000_000_000 + k * 10**6 + np.arange(64)
        learner.remember(user, item, t, np.zeros(64, np.int8), np.ones(64, np.float32))
    return learner


def test_the_twin_and_torch_give_equal_scores(learner):
    twin = UserEncoder(learner.tables, learner.settings)
    hist, age, user, _ = events(learner.settings, 50, 99)
    cand = np.tile(np.arange(ITEMS, dtype=np.int32), (50, 1))

    score, known = learner.score_known(hist, age, user, cand)

    for k in range(50):
        mine, mine_known = twin.score_known(hist[k], age[k], int(user[k]), cand[k])
        assert np.allclose(mine, score[k], atol=1e-4)
        assert np.array_equal(mine_known, known[k])


def test_whether_an_item_is_known_is_whether_anything_is(learner):
    twin = UserEncoder(learner.tables, learner.settings)
    hist, age, user, _ = events(learner.settings, 2, 98)
    cand = np.tile(np.append(np.arange(ITEMS), -1).astype(np.int32), (2, 1))

    score, known = learner.score_known(hist, age, user, cand)
    plain, flag = learner.score(hist, age, user, cand)
    _, mine_flag = twin.score(hist[0], age[0], int(user[0]), cand[0])

    assert known.dtype == np.float32
    assert np.array_equal(plain, score)
    assert np.array_equal(flag, known > 0)
    assert mine_flag.dtype == np.bool_
    assert np.array_equal(mine_flag, flag[0])
    assert not flag[:, -1].any()


def test_the_twin_sees_what_is_learned_after_it_was_made(learner):
    twin = UserEncoder(learner.tables, learner.settings)
    hist, age, user, item = events(learner.settings, 64, 7)
    before, _ = twin.user_vector(hist[0], age[0], int(user[0]))

    learner.step(hist, age, np.maximum(user, 0), item)
    score, _ = learner.score(hist[:1], age[:1], user[:1], item[None, :5])
    mine, _ = twin.score(hist[0], age[0], int(user[0]), item[:5])

    assert not np.array_equal(before, twin.user_vector(hist[0], age[0], int(user[0]))[0])
    assert np.allclose(mine, score[0], atol=1e-4)


def test_the_twin_writes_nothing(learner):
    tables = {name: table.copy() for name, table in learner.tables.items()}
    for table in tables.values():
        table.flags.writeable = False
    hist, age, user, item = events(learner.settings, 1, 3)

    score, _ = UserEncoder(tables, learner.settings).score(hist[0], age[0], int(user[0]), item)

    assert np.isfinite(score).all()


def test_the_twin_loads_no_torch():
    code = "import sys, tgn.inference.user, tgn.inference.layout; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
