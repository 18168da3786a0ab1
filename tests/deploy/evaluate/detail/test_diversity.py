"""Measures of lists, against the words of their definitions, and the lists themselves."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from deploy.evaluate import report, runner
from deploy.evaluate.backtest import Backtest, BacktestSettings, _chunks
from deploy.evaluate.detail import diversity, recall
from deploy.evaluate.detail import list as answer
from deploy.evaluate.protocol import split
from deploy.evaluate.split import BANDS, Split
from tests.fixture.ring import evaluate
from tgn.inference.layout import TgnSettings

DAY = 86_400


def written(path: Path, seed: int = 3, n: int = 500) -> Path:
    """Events of 9 users on 50 items, three of a stamp, half a day between stamps."""
    chance = np.random.default_rng(seed)
    rows = [f"u{chance.integers(9)},{int(50 * chance.random() ** 2)},{k // 3 * DAY // 2}\n" for k in range(n)]
    path.write_text("user,item,timestamp\n" + "".join(rows))
    return path


@pytest.fixture
def log(tmp_path: Path) -> Split:
    return split(written(tmp_path / "e.csv"), "stream", "strict", new_only=True)


def told(log: Split, lists: answer.Lists, shares: np.ndarray | None, part: int = 1) -> dict:
    return diversity.figures(answer.table(lists), np.array(list(lists)), log, part, shares)


def test_figures_are_what_their_words_say(log: Split) -> None:
    chance = np.random.default_rng(0)
    lists = answer.drawn(log, 25)
    for i in lists:
        alive = np.unique(log.items[: log.begins()[i]])
        lists[i] = chance.permutation(alive)[: chance.integers(2, 21)].tolist()
    shares = np.eye(4)[chance.integers(0, 4, log.n_items)]
    found = told(log, lists, shares)

    upto = log.part <= 1
    had = {k: set(log.users[upto & (log.items == k)]) for k in range(log.n_items)}
    mine = {i: items for i, items in lists.items() if log.part[i] == 1}
    similar, entropy, age, place = [], [], [], []
    for i, items in mine.items():
        pairs = list(itertools.combinations(items, 2))
        similar.append(sum(len(had[a] & had[b]) / len(had[a] | had[b]) for a, b in pairs) / len(pairs))
        share = [sum(shares[k, c] for k in items) / len(items) for c in range(4)]
        entropy.append(-sum(p * math.log2(p) for p in share if p))
        count = np.bincount(log.items[: log.begins()[i]], minlength=log.n_items)
        age += [(log.t[i] - log.t[log.items == k].min()) / 86_400_000 for k in items]
        place += [1 + int((count > count[k]).sum()) for k in items]
    alive = len(set(log.items[: log.begins()[max(mine)]]))

    assert found["lists"] == len(mine) > 15
    assert found["similarity"] == pytest.approx(np.mean(similar), abs=1e-5)
    assert found["entropy"] == pytest.approx(np.mean(entropy), abs=1e-5)
    assert found["coverage"] == pytest.approx(len(set().union(*mine.values())) / alive, abs=1e-5)
    assert found["age_days"]["median"] == pytest.approx(np.median(age), abs=0.01)
    assert found["age_days"]["mean"] == pytest.approx(np.mean(age), abs=1e-5)
    assert found["popularity_rank"] == pytest.approx(np.mean(place), abs=1e-5)


def test_lists_of_nothing_have_no_figures(log: Split) -> None:
    found = told(log, answer.drawn(log, 3), None)

    assert (found["lists"], found["similarity"], found["entropy"], found["coverage"]) == (3, None, None, 0.0)
    assert found["age_days"] == {"median": None, "mean": None}


def test_what_is_drawn_is_judged_and_the_same_every_time(log: Split) -> None:
    one, two = answer.drawn(log, 10), answer.drawn(log, 10)

    assert list(one) == list(two) == sorted(one)
    assert [int(log.part[i]) for i in one] == [1] * 10 + [2] * 10
    assert log.judged[list(one)].all()


def test_a_baselines_list_is_its_best_that_may_compete(log: Split) -> None:
    lists = answer.drawn(log, 10)
    runner.baseline(log, runner.MAKERS["popularity"](log), lists=lists)

    for i, items in lists.items():
        begin = int(log.begins()[i])
        count = np.bincount(log.items[:begin], minlength=log.n_items)
        own = set(log.items[:begin][log.users[:begin] == log.users[i]])
        order = sorted(np.flatnonzero(count), key=lambda k: -count[k])
        assert items == [k for k in order if k not in own][:20]


def test_riverwalks_list_is_an_answer_of_the_engine_and_asking_changes_no_rank(log: Split) -> None:
    lists = answer.drawn(log, 10)
    settings = BacktestSettings(tgn=TgnSettings(dim=16))
    quiet, run = Backtest(log, settings).run(), Backtest(log, settings)
    asked = run.run(before=answer.asker(run, log, lists))

    assert np.array_equal(quiet.riverwalk, asked.riverwalk, equal_nan=True)
    begins = {i: begin for begin, end in _chunks(log) for i in range(begin, end)}
    for i, items in lists.items():
        before = slice(0, begins[i])
        own = set(log.items[before][log.users[before] == log.users[i]])
        assert items
        assert len(items) == len(set(items))
        assert set(items) <= set(log.items[before]) - own


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "item,price,genres\n1,2,Drama|War\n2,3,\n3,1,War\n"),
        (
            "a.jsonl",
            '{"item": "1", "categories": ["Drama", "War"]}\n{"item": 2}\n{"item": 3, "categories": "War"}\n',
        ),
    ],
)
def test_categories_come_from_a_file_of_explicit_features(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    shares = diversity.categories(tmp_path / "e.csv", ["3", "1", "2", "4"], str(tmp_path / name))

    assert shares is not None
    assert shares.tolist() == [[0, 1], [0.5, 0.5], [0, 0], [0, 0]]


def test_categories_are_the_genres_of_films_that_lie_beside_the_log(tmp_path: Path) -> None:
    flags = "|".join("1" if k in (3, 4) else "0" for k in range(19))
    (tmp_path / "u.item").write_bytes(f"7|Caf\xe9 (1990)|01-Jan-1990||http://x|{flags}\n".encode("latin-1"))

    assert diversity.categories(tmp_path / "u.data", ["7", "8"]).tolist() == [[0.5, 0.5], [0, 0]]
    assert diversity.categories(tmp_path / "gone" / "u.data", ["7"]) is None


def test_details_tell_of_candidates_newcomers_and_lists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = written(tmp_path / "e.csv")
    log = split(path, "stream", "strict").until(1)
    found = evaluate(str(path), protocol="stream", part="validation", models="popularity", details=True)
    report.show(found, True)
    text = capsys.readouterr().out
    row, ranks = found["rows"][0], runner.baseline(log, runner.MAKERS["popularity"](log))

    places = recall.places(log)[log.judged]
    told = {"limit": 100, "recall": round(float(np.isfinite(places).mean()), 5)}
    assert found["candidates"] == {"validation": {**told, "popularity": 1.0, "decayed_popularity": 1.0}}
    assert [row["model"] for row in found["rows"]] == ["popularity"]
    assert list(row["newcomers"]) == list(BANDS)
    assert row["diversity"]["lists"] == int(log.judged.sum()) == np.isfinite(ranks).sum()
    assert "the next item among the first 100" in text
    assert "coverage" in text
