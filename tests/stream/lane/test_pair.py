"""The lanes from ingest to the learner: what is handed over is what arrives, in order, and nothing is lost in silence."""

from pathlib import Path

import numpy as np
import pytest

from state.ranking.sample import Sample
from state.record.setting import GraphSettings
from stream.generation.generation import Generation, Limits
from stream.ingest.writer import Writer
from stream.lane.job import Job
from stream.lane.layout import VERSION, event, sample
from stream.lane.pair import COLUMNS, LaneSettings, Receiver, Sender
from tests.fixture.pair import batch, shop
from tgn.inference.layout import TgnSettings

SMALL = LaneSettings(events=256, samples=64, ranked=1.0, part=1.0)
LOG = shop(900)


def jobs(limit: int = 50, tight: bool = False) -> list[Job]:
    """Return the jobs of a small shop; tight: with rows evicted all the time."""
    limits = Limits(max_users=12, max_items=15) if tight else Limits(max_users=500, max_items=300)
    writer, made = Writer(Generation(GraphSettings(), TgnSettings(), limits), samples=16), []

    def keep(job: Job) -> None:
        made.append(job._replace(sample=Sample(*(column.copy() for column in job.sample))))

    for at in range(0, len(LOG), limit):
        writer.learn(batch(LOG[at : at + limit], start=at), keep)
    return made


def pair(folder: Path, settings: LaneSettings = SMALL) -> tuple[Sender, Receiver]:
    history = TgnSettings().history
    sender = Sender(folder, history, settings)
    return sender, Receiver(folder, history, settings)


@pytest.mark.parametrize("tight", [False, True])
def test_every_event_and_sample_and_evicted_row_arrives_once_and_in_order(
    tmp_path: Path, tight: bool
) -> None:
    made = jobs(tight=tight)
    sender, receiver = pair(tmp_path)
    got: list[Job] = []
    for number, job in enumerate(made):
        sender.put(job)
        if number % 3 == 2 or job is made[-1]:  # several at once, and the ring goes round
            while (job := receiver.take(37)) is not None:
                got.append(job)
                receiver.done()

    for name in (*COLUMNS, "taken", "known"):
        ours, theirs = (np.concatenate([getattr(job, name) for job in some]) for some in (made, got))
        assert np.array_equal(ours, theirs), name
    for kind in ("item", "user"):
        ours, theirs = (
            [row for job in some for row in job.gone.get(kind, np.zeros(0)).tolist()] for some in (made, got)
        )
        assert ours == theirs
    assert bool(ours) == tight
    described = [
        (job.sample.user[s], job.sample.t[s], job.user[job.at[s]], job.t[job.at[s]])
        for job in got
        for s in range(job.samples)
    ]
    assert len(described) == sum(job.samples for job in made) > 100
    assert all(user == of and t == at for user, t, of, at in described)
    for name in Sample._fields:
        ours, theirs = (
            [getattr(job.sample, name)[s] for job in some for s in range(job.samples)] for some in (made, got)
        )
        n = [int(job.sample.n[s]) for job in made for s in range(job.samples)]
        used = zip(ours, theirs, n, strict=True)
        wide = name in ("cand", "x", "shown")
        assert all(np.array_equal(x[:k] if wide else x, y[:k] if wide else y) for x, y, k in used), name
    assert receiver.missed == sender.skipped == 0


def test_a_sample_that_finds_no_room_is_skipped_and_counted_and_its_event_is_not(tmp_path: Path) -> None:
    made = jobs()
    sender, receiver = pair(tmp_path, LaneSettings(events=4_096, samples=32, ranked=1.0))
    for job in made:
        sender.put(job)
    got = []
    while (job := receiver.take(100)) is not None:
        got.append(job)

    assert sum(job.samples for job in got) == 32
    assert sender.skipped == sum(job.samples for job in made) - 32
    assert sum(job.user.shape[0] for job in got) == len(LOG)


def test_events_that_nobody_reads_are_written_over_and_the_reader_sees_how_many(tmp_path: Path) -> None:
    sender, receiver = pair(tmp_path)
    for job in jobs():  # the reader never looked: it is away, so the sender does not wait
        sender.put(job)
    got = []
    while (job := receiver.take(100)) is not None:
        got.append(job)
    rows = np.concatenate([job.offset for job in got])

    assert rows.tolist() == list(range(len(LOG) - rows.shape[0], len(LOG)))
    assert receiver.missed == len(LOG) - rows.shape[0]
    assert 0 < rows.shape[0] <= SMALL.events


def test_the_share_that_is_described_falls_in_a_straight_line_with_what_waits(tmp_path: Path) -> None:
    sender, _ = pair(tmp_path, LaneSettings(events=4_096, samples=64, ranked=0.4))
    shares = []
    for job in jobs():
        shares.append(sender.share())
        sender.put(job)

    assert shares[0] == 0.4
    assert shares[-1] == 0.0
    assert shares == sorted(shares, reverse=True)


def test_a_lane_of_other_records_is_refused(tmp_path: Path) -> None:
    sender, _ = pair(tmp_path)
    sender.events.word[0] += 1 << 56
    from state.error import BadStore

    with pytest.raises(BadStore, match="restart all processes"):
        Receiver(tmp_path, TgnSettings().history, SMALL)


def test_the_bytes_of_both_records_are_those_of_the_layout() -> None:
    fields = event(16).fields
    assert fields is not None
    assert VERSION == 1
    assert {name: place for name, (_, place) in fields.items()} == {
        "what": 0, "kind": 1, "known": 2, "zero": 3, "value": 4, "user": 8, "item": 12, "items": 16,
        "partition": 20, "offset": 24, "t": 32, "hist": 40, "age": 104,
    }  # fmt: skip
    assert event(16).itemsize == 232
    assert sample().names == ("event", *Sample._fields)
