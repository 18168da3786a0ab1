"""Feature columns: each has a name, one writer, and the values it had when models were trained on it."""

import ast
from pathlib import Path

import numpy as np
import pytest

import state.ranking
from state.ranking import column
from state.ranking.attribution import parts
from state.ranking.column import FEATURES, NAMES, TABLE
from state.ranking.feature import describe
from state.ranking.sample import replay
from state.record.setting import GraphSettings
from state.record.world import World
from state.retrieval.candidate import CANDIDATES, close, gather

MEANS = {
    "blend": -1.56457, "own": 0.1, "own_recency": 0.0126828, "own_last": 0.003125, "own_before": 0.003125,
    "own_count": 0.0211706, "own_share": 0.00230959, "own_age": 0.10093, "own_gap": 0.0110378, "own_run": 0.000647111,
    "own_mine": 0.0177083, "own_others": 0.0251367, "own_visits": 0.0256981, "own_visit_share": 0.00195849, "own_dec_short": 0.00110523,
    "own_dec_long": 0.0171065, "own_had": 0.128125, "user_n": 0.414056, "user_gap": 0.384135, "user_repeat": 0.110026,
    "user_sticky": 0.0550001, "user_session": 0.0346573, "user_had": 0.239472, "user_new": 0.4, "user_pace": 0.00361527,
    "pop_0": 0.473469, "pop_1": 0.495432, "pop_2": 0.586858, "pop_3": 0.597925, "pop_4": 0.591201,
    "pop_total": 0.319981, "pop_age": 0.851639, "pop_sticky": 0.110328, "pop_pace": 0.0354885, "pop_run": 0.195048,
    "pop_born": 1.12053, "pop_users": 0.795533, "fresh_0": 0.769187, "fresh_1": 0.769193, "fresh_2": 0.757202,
    "fresh_3": 0.404901, "switch_0": 0.50187, "switch_1": 0.588683, "switch_2": 0.598102, "switch_3": 0.590277,
    "next_last": 0.003125, "push": 0.192108, "push_share": 0.00498667, "walk": 0.193513, "near": 0.0247898,
    "push_all": 0.14002, "push_all_share": 0.00278354, "start": 0.00515998, "heir_repeat": 0.129571, "heir_here": 0.225,
    "heir_n": 0.686757,
}  # fmt: skip
USERS, ITEMS, N = 60, 300, 4_000
WRITERS = {
    "own_columns": {"own"},
    "user_columns": {"user"},
    "popularity_columns": {"popularity", "age"},
    "graph_columns": {"graph"},
    "describe": {"blend"},
}


@pytest.fixture(scope="module")
def made() -> World:
    it = World(GraphSettings(aging_every_days=3.0), max_users=USERS + 9, max_items=ITEMS + 1)
    draw = np.random.default_rng(4)
    it.state.world[0]["items"], it.state.world[0]["users"] = ITEMS + 1, USERS + 9
    users, items = draw.integers(0, USERS, N), 1 + (ITEMS * draw.random(N) ** 2).astype(int)
    items[1::7], users[1::7] = items[::7][: items[1::7].shape[0]], users[::7][: users[1::7].shape[0]]
    t = 1_600_000_000_000 + np.cumsum(draw.integers(0, 400_000, N))
    kinds = draw.choice(np.array([0, 0, 0, 0, 1, 2, 5, 4, 5, 6]), N)
    replay(it, it.scratch(), users, items, t, kinds)
    return it


def described(made: World, u: int) -> np.ndarray:
    """Features of the candidates of a user, own items among them, float32 [n, FEATURES]."""
    scratch, cand = made.scratch(), np.zeros(CANDIDATES, np.int32)
    x, t = np.zeros((CANDIDATES, FEATURES), np.float32), int(made.state.world[0]["t"]) + 60_000
    n = gather(made.state, scratch, u, t, True, cand)
    describe(made.state, scratch, u, t, cand, n, x)
    close(scratch, cand, n)
    return x[:n]


def means(made: World) -> np.ndarray:
    """Mean of each column over the candidates of a guest, a newcomer, and users with and without a session now."""
    now = int(made.state.users["last_t"].argmax())
    return np.mean([described(made, u).mean(axis=0) for u in (-1, USERS + 2, 3, 17, now)], axis=0)


def test_every_name_is_a_constant_of_its_column() -> None:
    assert [getattr(column, name.upper()) for name in NAMES] == list(range(FEATURES))
    assert len({*NAMES}) == FEATURES


def test_every_column_is_written_by_the_function_of_its_group_alone() -> None:
    folder = Path(state.ranking.__path__[0])
    written: dict[str, set[str]] = {name: set() for name in WRITERS}
    parts = [
        (part, getattr(part, "name", "")) for part in ast.parse((folder / "feature.py").read_text()).body
    ]
    parts += [(part, "popularity_columns") for part in ast.parse((folder / "popularity.py").read_text()).body]
    for part, name in parts:
        for node in ast.walk(part):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "column"
            ):
                written[name].add(node.attr.lower())
    groups = {one.name: one.group for one in TABLE}

    for function_name, names in written.items():
        read = {"own_had"} if function_name == "describe" else set()
        assert {groups[name] for name in names - read} == WRITERS[function_name]


def test_no_column_is_addressed_by_a_number() -> None:
    top = Path(state.ranking.__path__[0]).parents[1]
    literal = [
        f"{path.relative_to(top)}:{node.lineno}"
        for room in ("state", "stream", "tgn", "deploy")
        for path in top.joinpath(room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Subscript) and _features(node.value) and _number(node.slice)
    ]

    assert not literal


def _features(node: ast.expr) -> bool:
    """Whether an expression is a matrix of features, by the name it has everywhere."""
    return (isinstance(node, ast.Name) and node.id == "x") or (
        isinstance(node, ast.Attribute) and node.attr == "x"
    )


def _number(index: ast.expr) -> bool:
    last = index.elts[-1] if isinstance(index, ast.Tuple) and len(index.elts) > 1 else None
    return isinstance(last, ast.Constant) and isinstance(last.value, int)


def test_columns_have_the_values_that_models_were_trained_on(made: World) -> None:
    assert dict(zip(NAMES, means(made).tolist(), strict=True)) == pytest.approx(MEANS, rel=1e-4, abs=1e-6)


def test_the_blend_is_the_log_of_its_parts(made: World) -> None:
    scratch, cand = made.scratch(), np.zeros(CANDIDATES, np.int32)
    t = int(made.state.world[0]["t"]) + 60_000
    n, x = gather(made.state, scratch, 5, t, True, cand), np.zeros((CANDIDATES, FEATURES), np.float32)
    describe(made.state, scratch, 5, t, cand, n, x)
    close(scratch, cand, n)
    own, new, popular, walked = (out := np.zeros((n, 4))).T
    parts(made.state, 5, t, cand[:n], x, out)

    assert x[:n, column.BLEND] == pytest.approx(np.log(own + new * (popular + walked) + 1e-7) / 4, abs=1e-5)
