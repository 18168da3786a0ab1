"""The learner fails, and ingest goes on counting."""

from pathlib import Path

from stream.generation.generation import Limits
from stream.lane.job import Job
from stream.learning.guard import Judged
from stream.learning.learning import Learning
from tests.fixture.events import StoredWriter, Topic, event


class Broken(Learning):
    """Learning that fails as long as it is broken."""

    broken = True

    def take(self, job: Job, share: float = 1.0, *, hurried: bool = False) -> Judged:
        if self.broken:
            raise RuntimeError("weights of another shape")
        return super().take(job, share, hurried=hurried)


def test_events_are_counted_while_learning_fails_and_learned_from_when_it_works_again(tmp_path: Path) -> None:
    topic = Topic()
    topic.payloads += [event(f"u{k % 7}", f"i{k % 50}", 60_000 * k) for k in range(1_200)]
    it = StoredWriter(tmp_path, topic, Limits(max_users=300, max_items=200), learn=True)
    assert it.follower is not None
    learning = it.follower.learning = Broken(it.generation)
    it.read(limit=200, stop=600)
    during = dict(it.follower.pulse.health.troubles)
    counted = int(it.writer.state.world[0]["events"])
    learning.broken = False
    it.read(limit=200)
    after, learned = dict(it.follower.pulse.health.troubles), int(it.generation.quality["learned"])
    it.drop()

    assert during == {
        "learning": "learning has stopped (RuntimeError: weights of another shape); events are counted, not learned"
    }
    assert 600 <= counted < 1_200
    assert after == {}
    assert learned > 0
    assert int(it.writer.state.world[0]["events"]) == 1_200
