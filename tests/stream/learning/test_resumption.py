"""A learner that comes back: from its store, at its place in the lane, and nothing is learned from twice."""

from pathlib import Path

import numpy as np

from stream.generation.generation import Limits
from stream.learning.follower import Seen, picked
from tests.fixture.events import StoredWriter, Topic, event, followed
from tests.stream.lane.test_pair import jobs

ROOM = Limits(max_users=300, max_items=200)
LOG = [event(f"u{k % 7}", f"i{k % 50}", 60_000 * k) for k in range(2_000)]


def learned(writer: StoredWriter) -> int:
    return int(writer.generation.quality["learned"])


def test_a_learner_that_dies_takes_up_the_lane_where_its_store_is(tmp_path: Path) -> None:
    topic = Topic(LOG[:1_000])
    it = StoredWriter(tmp_path, topic, ROOM, learn=True)
    it.read(limit=100)
    assert it.follower is not None
    it.follower.run(lambda: True)
    saved = learned(it)
    topic.payloads += LOG[1_000:]
    while topic.lag():
        it.ingest.step(lambda: False)
    it.follower.save_seconds = 1e9
    it.follower.step(patience_s=0)  # this much is learned and not saved
    it.follower.store.close()

    it.follower = followed(tmp_path, it.generation)
    again = it.follower.lanes.waiting
    it.follower.run(lambda: True)
    it.drop()

    assert saved == 1_000
    assert again == 1_000
    assert learned(it) == 2_000


def test_what_was_seen_of_a_topic_is_known_again_when_ingest_connects_after_the_learner(
    tmp_path: Path,
) -> None:
    it = StoredWriter(tmp_path, Topic(LOG[:1_000]), ROOM, learn=True)
    assert it.ingest.lanes is not None
    it.ingest.lanes.events.topic = 5
    it.read(limit=100)
    it.close()

    it = StoredWriter(tmp_path, Topic(), ROOM, learn=True)
    assert it.ingest.lanes is not None
    assert it.follower is not None
    it.ingest.lanes.events.topic = 5
    before = learned(it)
    for job in jobs():
        it.ingest.lanes.put(job)
    it.follower.run(lambda: True)
    it.drop()

    assert before == 1_000
    assert it.follower.seen.next == {0: 1_000}
    assert learned(it) == 1_000


def test_events_that_a_restarted_ingest_repeats_are_left_out() -> None:
    seen, every = Seen({}), jobs()
    first = [seen.new(job) for job in every[:6]]
    again = [seen.new(job) for job in every[3:9]]

    assert [job.user.shape[0] for job in first] == [50] * 6
    assert [job.user.shape[0] for job in again] == [0, 0, 0, 50, 50, 50]
    assert seen.next == {0: 450}


def test_some_events_of_a_job_keep_their_own_samples() -> None:
    job = next(job for job in jobs() if job.samples > 5)
    rows = np.sort(np.random.default_rng(0).permutation(job.user.shape[0])[:25])
    some = picked(job, rows, {})

    kept = [k for k in range(job.samples) if int(job.at[k]) in rows.tolist()]
    assert some.samples == len(kept) > 0
    assert some.sample.user.tolist() == [int(job.sample.user[k]) for k in kept]
    assert [int(some.user[at]) for at in some.at] == some.sample.user.tolist()
