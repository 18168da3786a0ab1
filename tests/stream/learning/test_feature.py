"""Explicit features: filled in as names appear, and read from files that a command names."""

from pathlib import Path

import numpy as np
import pytest

from deploy.config.schema import BadConfig
from deploy.evaluate.backtest import Backtest, BacktestSettings
from state.record.setting import GraphSettings
from stream.generation.generation import Generation, Limits
from stream.ingest.writer import Writer
from stream.learning.feature import Explicit
from stream.learning.learning import Learning
from tests.fixture.pair import batch
from tests.fixture.ring import evaluate, ring
from tgn.inference.layout import TgnSettings


def test_columns_are_filled_in_as_names_appear() -> None:
    generation = Generation(
        GraphSettings(), TgnSettings(dim=8, columns=3), Limits(max_users=50, max_items=50)
    )
    a, c, u = (np.array(x, np.float32) for x in ([1, 0, 0], [0, 0, 1], [0, 1, 0]))
    writer = Writer(generation)
    teach = Learning(generation, explicit=Explicit(generation, {"a": a, "c": c}, {"ann": u})).take
    item, user = generation.learned["item_column"], generation.learned["user_column"]
    writer.learn(batch([("ann", "a", 1_000), ("bob", "b", 2_000)]), teach)
    first = {name: item.array[row].tolist() for name, row in generation.items.row.items()}
    writer.learn(batch([("bob", "c", 3_000)], 2), teach)

    assert first["a"] == [1, 0, 0]
    assert first["b"] == [0, 0, 0]
    assert item.array[generation.items.row["c"]].tolist() == [0, 0, 1]
    assert user.array[generation.users.row["ann"]].tolist() == [0, 1, 0]


def test_a_backtest_carries_the_columns_into_every_table(tmp_path: Path) -> None:
    from deploy.evaluate.protocol import split

    draw = np.random.default_rng(0)
    lines = [f"u{draw.integers(30)},i{k},{k}\n" for k in range(900)]
    (tmp_path / "e.csv").write_text("user,item,timestamp\n" + "".join(lines))
    log = split(tmp_path / "e.csv", "stream", None)
    settings = BacktestSettings(tgn=TgnSettings(dim=8, columns=2), learn_until=2)
    item = np.zeros((log.n_items, 2), np.float32)
    item[:, 0] = 1
    run = Backtest(log, settings, (item, np.zeros((log.n_users, 2), np.float32)))
    run.run()

    assert run.generation.learned["item_column"].array[1 : log.n_items + 1, 0].all()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"item_columns": "nowhere.csv"}, "--item-columns: nowhere.csv"),
        ({"loss": "softmx"}, "did you mean softmax?"),
        ({"negatives": "easy"}, "--negatives easy: no such kind"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_runs(
    tmp_path: Path, options: dict[str, str], wanted: str
) -> None:
    log = ring(tmp_path / "chain.csv", 200)

    with pytest.raises(BadConfig, match=wanted.replace("?", r"\?")):
        evaluate(str(log), models="riverwalk", **options)  # type: ignore[arg-type]
