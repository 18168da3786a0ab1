"""Requests own their room: several threads that ask at once get what one gets."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from state.record.setting import GraphSettings
from stream.answer.reader import Reader
from stream.answer.request import Rank, Recommend, Similar, Trending
from stream.answer.rule import parse as seen
from stream.catalogue.filter import parse
from tests.fixture.pair import HOUR, LIMITS, Pair, shop
from tgn.inference.layout import TgnSettings

THREADS, ROUNDS = 8, 6


def questions(reader: Reader) -> list[Callable[[], Any]]:
    """Requests of every kind, each with rules of its own."""
    asked: list[Callable[[], Any]] = []
    for k in range(40):
        user = f"u{k}"
        for request in (
            Recommend(user, 10, with_reasons=True),
            Recommend(user, 5, exclude=[f"i{k}", f"i{k + 1}"], filter=parse(f"price < {k + 3}")),
            Recommend(user, 7, seen=seen("purchase"), per_category=2),
            Recommend(user, 6, include_seen=True, diversity=0.5),
            Recommend("", 6, visited=[f"i{k}", f"i{k // 2}"]),
        ):
            asked.append(lambda request=request: reader.recommend(request))  # type: ignore[misc]
        asked.append(lambda user=user, k=k: reader.rank(Rank(user, [f"i{k + j}" for j in range(9)])))  # type: ignore[misc]
        asked.append(lambda user=user, k=k: reader.explain(user, f"i{k % 20}", parse("price > 2")))  # type: ignore[misc]
        asked.append(lambda k=k: reader.similar(Similar(f"i{k % 20}", 5, all_time=k % 2 == 0, category="c1")))  # type: ignore[misc]
        asked.append(lambda k=k: reader.trending(Trending(5, HOUR * k, category=f"c{k % 3}")))  # type: ignore[misc]
    return asked


def test_threads_that_ask_at_once_get_what_one_gets(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.learn(shop(1_500))
    generation = pair.writer.generation
    for k in range(60):
        row = generation.items.row.get(f"i{k}", 0)
        if row:
            hidden = ', "hidden": true' if k == 13 else ""
            generation.metadata.put(
                row, f'{{"price": {k}, "category": "c{k % 3}"{hidden}}}'.encode(), k == 13
            )
    reader = Reader(GraphSettings(), TgnSettings(), LIMITS, tmp_path, version="1")
    while reader.recommender is not None and reader.recommender.items.catch_up():
        pass
    asked = questions(reader)
    alone = [ask() for ask in asked]
    tables = [table.bytes.tobytes() for table in generation.world.tables]
    with ThreadPoolExecutor(THREADS) as pool:
        together = [list(pool.map(lambda ask: ask(), asked)) for _ in range(ROUNDS)]

    assert all(answers == alone for answers in together)
    assert [table.bytes.tobytes() for table in generation.world.tables] == tables
    assert not any("i13" in answer.items for k, answer in enumerate(alone) if k % 9 < 5), "it is hidden"
