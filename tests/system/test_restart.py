"""A clean restart changes no answer: what decides it is state, which comes back."""

from pathlib import Path

from state.record.setting import GraphSettings
from stream.answer.reader import Reader
from stream.answer.request import Recommend
from stream.generation.generation import Limits
from tests.fixture.events import StoredWriter, Topic, event
from tgn.inference.layout import TgnSettings

LIMITS = Limits(max_users=300, max_items=200)


def answers(folder: Path) -> tuple[list[object], dict[str, object]]:
    """What 30 users and a newcomer are told, and what decides it."""
    reader = Reader(GraphSettings(), TgnSettings(), LIMITS, folder / "live", version="1")
    told = [reader.recommend(Recommend(f"u{k}", 20, with_reasons=True)) for k in range(31)]
    info = reader.info()
    names = [name for name in info if name.startswith(("live_", "ranker", "learned", "source_", "pace"))]
    return [(one.items, one.scores, one.reasons) for one in told], {name: info[name] for name in names}


def test_answers_and_live_quality_are_those_of_before(tmp_path: Path) -> None:
    """Everybody takes the popular items, so that after some hundred events popularity serves."""
    topic = Topic()
    topic.payloads += [
        event(f"u{(7 * k) % 30}", f"i{(k * k) % 11 if k % 5 else 11 + k % 90}", 60_000 * k)
        for k in range(1_500)
    ]
    first = StoredWriter(tmp_path, topic, LIMITS, live=True, learn=True)
    first.read(limit=100)
    first.close()
    before = answers(tmp_path)
    second = StoredWriter(tmp_path, topic, LIMITS, live=True, learn=True)
    after = answers(tmp_path)
    second.drop()

    assert int(before[1]["learned_events"]) > 100  # type: ignore[call-overload]
    assert after == before
