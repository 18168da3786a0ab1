"""EXPLAIN, and reasons in answers: where an item stands, what led there, and why another is not shown."""

from pathlib import Path

import numpy as np
import pytest

from state.graph.walk import seeds
from state.ranking.attribution import parts, shares
from state.ranking.column import BLEND, FEATURES, POP_BORN
from state.record.layout import BOARD
from state.record.profile import profiles
from state.record.setting import GraphSettings
from stream.answer.explanation import COLUMNS, GROUPS, explained
from stream.answer.reader import Reader
from stream.answer.request import Recommend
from stream.catalogue.filter import parse
from stream.generation.generation import Generation, Limits
from stream.ingest.writer import Writer
from tests.fixture.pair import (
    HOUR,
    LIMITS,
    Pair,
    batch,
    shop,
)
from tgn.inference import ranker as forward
from tgn.inference.layout import TgnSettings, unpack

DAY = 24 * HOUR


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def reader(pair: Pair, limits: Limits = LIMITS) -> Reader:
    return Reader(GraphSettings(), TgnSettings(), limits, pair.folder, version="1")


def tell(pair: Pair, item: str, fields: str) -> None:
    generation = pair.writer.generation
    row = generation.items.add(item)
    generation.world.state.world[0]["items"] = len(generation.items)
    generation.metadata.put(row, fields.encode(), '"hidden": true' in fields)


def reasons(pair: Pair, user: str) -> dict[str, str]:
    answer = pair.reader.recommend(Recommend(user, 1_000, include_seen=True, with_reasons=True))
    return dict(zip(answer.items, answer.reasons, strict=True))


def test_the_rank_is_the_place_in_the_answer(pair: Pair) -> None:
    pair.learn(shop())
    one = reader(pair)
    for user in ("u1", "nobody"):
        for place, item in enumerate(one.recommend(Recommend(user, 10)).items, start=1):
            told = one.explain(user, item)
            assert told["rank"] == str(place)
            assert told["shown"] == f"yes, in place {place}"
            assert told["because"].startswith(f"{item} is in place {place} of {told['candidates']}, ")
            assert float(told["score"]) == pytest.approx(
                float(told["blend"]) + float(told["learned"]), abs=2e-4
            )


def test_an_item_that_is_not_shown_says_all_that_stands_against_it(pair: Pair) -> None:
    pair.learn([("ann", "tea", 1), ("bob", "tea", 2), ("bob", "cup", 3), ("bob", "rug", 4)])
    tell(pair, "cup", '{"hidden": true, "price": 9}')
    tell(pair, "vase", '{"price": 3}')
    one = reader(pair)

    def shown(item: str, rule: str = "") -> str:
        return one.explain("ann", item, parse(rule) if rule else None)["shown"]

    assert shown("tea") == "no: ann has had it (INCLUDESEEN shows it)"
    assert shown("cup") == "no: it is hidden"
    assert shown("cup", "price < 5") == "no: it is hidden; the filter refuses it"
    assert shown("vase") == "no: no event has named it yet"
    assert shown("rug", "price < 5") == "no: the filter refuses it"
    assert shown("rug") == "yes, in place 1"
    assert one.explain("ann", "cup")["because"].startswith("cup is not shown: it is hidden.")


def test_an_item_that_is_not_available_says_so(pair: Pair) -> None:
    pair.learn([("ann", "tea", 1), ("bob", "cup", 2)])
    generation = pair.writer.generation
    generation.metadata.put(generation.items.row["cup"], b'{"available": false}', True)

    assert reader(pair).explain("ann", "cup")["shown"] == "no: it is not available"


def test_a_hidden_item_is_named_in_no_reason_and_no_explanation_of_another(pair: Pair) -> None:
    pair.learn([(f"u{k}", item, k * HOUR + j) for k in range(20) for j, item in enumerate(("tea", "cup"))])
    pair.learn([("ann", "tea", 22 * HOUR)])
    one = reader(pair)
    assert (
        one.recommend(Recommend("ann", 1, with_reasons=True)).reasons[0].startswith("because you viewed tea ")
    )
    tell(pair, "tea", '{"title": "Green tea", "hidden": true}')
    answers = [
        one.recommend(Recommend("ann", 9, with_reasons=True, include_seen=True)),
        one.recommend(Recommend("", 9, with_reasons=True, visited=["tea"])),
    ]
    told = one.explain("ann", "cup")

    for answer in answers:
        assert answer.items == ["cup"]
        assert answer.reasons == ["because you viewed another item just now: often taken right after it"]
    assert (told["seed_1"], told["seed_1_title"], told["seed_1_events"]) == ("(hidden)", "another item", "1")
    assert "tea" not in " ".join(told.values())
    assert one.explain("ann", "tea")["shown"].startswith("no: it is hidden")


def test_an_item_that_is_no_candidate_is_scored_beside_them(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    rare = [(f"r{k}", f"i{k}", k * HOUR) for k in range(100)]
    common = [(f"u{k % 50}", f"i{100 + k % 180}", (100 + k) * HOUR) for k in range(2_000)]
    pair.learn(rare + common)
    told = reader(pair).explain("u3", "i0")

    assert told["shown"] == f"no: it is not among the {told['candidates']} candidates"
    assert told["rank"] == f"not among the {told['candidates']} candidates"
    assert np.isfinite(float(told["score"]))
    assert told["sources"] == "none"


def test_the_seeds_are_named_with_their_events_their_age_and_the_edge(pair: Pair) -> None:
    pair.learn([(f"u{k}", item, k * HOUR + j) for k in range(20) for j, item in enumerate(("tea", "cup"))])
    pair.learn([("ann", "rug", 10 * HOUR + 7), ("ann", "tea", 21 * HOUR), ("ann", "tea", 22 * HOUR)])
    pair.learn([("eve", "rug", 25 * HOUR)])
    tell(pair, "tea", '{"title": "Green   tea"}')
    one = reader(pair)
    told = one.explain("ann", "cup")
    state, row = pair.writer.state, pair.writer.generation.items.row
    edge = state.edges[row["tea"]]
    weight = sum(2.0 ** (-(25 * HOUR - k * HOUR - 1) / edge["half"]) for k in range(20))

    assert (told["seed_1"], told["seed_1_title"], told["seed_1_events"]) == ("tea", "Green tea", "2")
    assert (told["seed_1_last"], told["seed_1_ago"], told["seed_1_did"]) == (
        str(22 * HOUR),
        "3 hours ago",
        "viewed",
    )
    assert float(told["seed_1_edge"]) == pytest.approx(weight, rel=0.05)
    assert told["seed_1_edge_last"] == str(19 * HOUR)
    assert float(told["seed_1_share"]) > 0.5
    assert told["reason"] == "because you viewed Green tea 3 hours ago: often taken right after it"
    assert (
        "Green tea: 2 events of this user, the last 3 hours ago; both were last taken together 6 hours ago"
        in told["because"]
    )
    assert "push 1" in told["sources"].split(", ")
    assert "next 1" in told["sources"].split(", ")


def test_a_seed_that_a_user_had_ten_items_ago_is_named_with_its_event(pair: Pair) -> None:
    pair.learn([(f"u{k}", item, k * HOUR + j) for k in range(20) for j, item in enumerate(("tea", "cup"))])
    pair.learn([("ann", "tea", 21 * HOUR), *(("ann", f"other-{k}", (22 + k) * HOUR) for k in range(9))])
    told = reader(pair).explain("ann", "cup")
    seed = next(name for name in ("seed_1", "seed_2", "seed_3") if told.get(name) == "tea")

    assert (told[f"{seed}_events"], told[f"{seed}_last"]) == ("1", str(21 * HOUR))


def test_the_shares_of_the_seeds_are_those_of_the_first_two_steps(pair: Pair) -> None:
    pair.learn(shop())
    state, size = pair.reader.state, int(pair.writer.state.world[0]["items"])
    step = np.zeros((size, size))
    for src in range(size):
        edge = state.edges[src]
        n = int(edge["slots"])
        step[src, edge["dst"][:n]] = edge["w"][:n] / edge["total"] if n else 0
    scratch = pair.writer.generation.world.scratch()
    pick, share = np.zeros(BOARD, np.int32), np.zeros(BOARD)
    u = pair.writer.generation.users.row["u3"]
    n = seeds(state, profiles(state, np.array([u]))[0], scratch.pick, scratch.weight)
    reached = step + (1 - float(state.rates[0]["restart"])) * step @ step
    for row in range(1, size):
        wanted = scratch.weight[:n] * reached[scratch.pick[:n], row]
        m = shares(state, pair.writer.generation.world.scratch(), u, row, pick, share)

        assert m == n
        assert share[:n] == pytest.approx(wanted / max(wanted.sum(), 1e-30), abs=1e-5)


def test_reasons_tell_the_path(pair: Pair) -> None:
    pair.learn([("u1", "rug", 0), ("u1", "tea", 3 * DAY)])  # too far apart to go together
    pair.learn([("u2", "milk", 3 * DAY + 1), ("u2", "tea", 3 * DAY + 2)])
    pair.learn([("u3", "tea", 3 * DAY + 3), ("u3", "lemon", 3 * DAY + 4)])
    pair.learn([("u4", "milk", 3 * DAY + 5), ("u4", "cake", 3 * DAY + 6), ("u5", "cup", 3 * DAY + 7)])
    pair.learn([("ann", "tea", 5 * DAY), ("u5", "cup", 6 * DAY + HOUR)])
    told = reasons(pair, "ann")

    assert told == {
        "tea": "you viewed it yesterday",
        "lemon": "because you viewed tea yesterday: often taken right after it",
        "milk": "because you viewed tea yesterday: often taken together",
        "rug": "because you viewed tea yesterday: others who took it took this, too",
        "cake": "because you viewed tea yesterday: close to what goes with it",
        "cup": "newcomers take it first",
    }
    assert set(reasons(pair, "nobody").values()) <= {"newcomers take it first", "rising now"}


def test_what_rises_and_what_is_popular_is_said_where_nothing_else_leads_there(pair: Pair) -> None:
    first = [(f"u{k}", f"i{k}", k) for k in range(130)]
    later = [("u0", f"j{k}", 3 * DAY * (k + 1)) for k in range(3)]
    pair.learn(first + later)
    told = reasons(pair, "nobody")

    assert told["j2"] == "rising now"
    assert told["i0"] == "new or rarely taken"
    assert told["i129"] == "newcomers take it first"


def test_the_parts_of_the_blend_make_the_blend(pair: Pair) -> None:
    pair.learn(shop())
    one = pair.reader
    t = int(one.state.world[0]["t"])
    for user in ("u1", "nobody"):
        u = one.generation.users.row.get(user, -1)
        with one.retrieval(u) as room:
            n = room.find(True, one.candidates)
            out = np.zeros((n, 4))
            parts(room.state, u, t, room.cand[:n], room.x[:n], out)
            whole = np.log(out[:, 0] + out[:, 1] * (out[:, 2] + out[:, 3]) + 1e-7) / 4

            assert whole == pytest.approx(room.x[:n, BLEND], abs=1e-4)


def test_a_share_is_the_score_less_the_score_without_the_group(pair: Pair) -> None:
    pair.learn(shop())
    ranker = pair.writer.generation.learned["ranker"].array
    ranker[0] = 0.1 * np.random.default_rng(3).normal(size=ranker.shape[1])
    told = reader(pair).explain("u1", "i2")
    one = pair.reader
    with one.retrieval(one.generation.users.row["u1"]) as room:
        n = room.find(told["shown"].startswith("no"), one.candidates)
        score = room.score(n)
        at = int(np.flatnonzero(room.cand[:n] == one.generation.items.row["i2"])[0])
        room.x[at, POP_BORN] = room.x[:n, POP_BORN].mean()
        without = room.judge(n)[at]

    assert float(told["share_item_age"]) == pytest.approx(score[at] - without, abs=2e-4)
    assert abs(float(told["share_popularity"])) > 0
    assert told["share_content"] == "+0.0000"
    percents = [int(part.split()[-2]) for part in told["shares"].split(", ")]
    assert sum(map(abs, percents)) in range(97, 104)


def test_every_input_of_the_ranker_belongs_to_one_group() -> None:
    columns = sorted(column for group in GROUPS for column in COLUMNS[group])

    assert columns == list(range(1, FEATURES + 6))


def test_explaining_writes_nothing(pair: Pair) -> None:
    pair.learn(shop())
    tell(pair, "i3", '{"hidden": true, "price": 9}')
    generation, one = pair.writer.generation, pair.reader
    one.items.catch_up()
    tables = [*generation.world.tables, *generation.learned.values(), *generation.metadata.tables]
    before = [table.bytes.tobytes() for table in tables]
    told = [
        explained(one, user, generation.items.row[item], parse("price < 5"))
        for _ in range(2)
        for user in ("u1", "nobody")
        for item in ("i1", "i3", "i9")
    ]
    with one.retrieval() as room:
        scratch = room.scratch

    assert [table.bytes.tobytes() for table in tables] == before
    assert told[:6] == told[6:]
    assert not scratch.found.any()
    assert not scratch.where.any()
    assert not scratch.seen.any()
    assert np.flatnonzero(scratch.barred).tolist() == [generation.items.row["i3"]]


def test_explicit_features_have_a_share_of_their_own(tmp_path: Path) -> None:
    tgn = TgnSettings(columns=2)
    made = Generation(GraphSettings(), tgn, LIMITS, live=tmp_path)
    writer = Writer(made, samples=64)
    made.publish()
    writer.learn(batch(shop()), lambda job: None)
    learned, row = made.learned, made.items.row["i2"]
    learned["item_column"].array[row] = 1.0
    learned["item_output"].array[1 : len(made.items), -1] = 5.0  # all have been learned from
    learned["net_moment"].array[0, -1] = 1.0
    unpack(learned["net"].array[0], tgn)["output_item_column"][:, -1] = 0.5
    forward.unpack(learned["ranker"].array[0], FEATURES)[5][0] = 1.0
    told = Reader(GraphSettings(), tgn, LIMITS, tmp_path).explain("nobody", "i2")

    assert float(told["share_content"]) > 0.3
    assert float(told["share_temporal_memory"]) >= float(told["share_content"])
    assert told["share_slow_vectors"] == "+0.0000"
