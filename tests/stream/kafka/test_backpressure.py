"""A writer that keeps near its reader."""

from stream.kafka.backpressure import Backpressure


def test_a_writer_is_never_further_ahead_than_told():
    ends, reader = {0: 0}, 0
    furthest = 0

    def serve(_: float) -> None:
        nonlocal reader
        reader += 3

    pace = Backpressure(10, lambda _: reader)
    for _ in range(1000):
        pace.wait(ends, lambda: 0, serve)
        ends[0] += 1
        furthest = max(furthest, ends[0] - reader)

    assert furthest == 10


def test_records_in_the_queue_count():
    queued = 8
    served = []

    def serve(seconds: float) -> None:
        nonlocal queued
        served.append(seconds)
        queued -= 1

    pace = Backpressure(8, lambda _: 0)
    pace.wait({}, lambda: queued, serve)

    assert len(served) == 1


def test_the_reader_is_asked_only_when_the_room_is_used_up():
    asked = 0

    def applied(_: int) -> int:
        nonlocal asked
        asked += 1
        return 100

    pace = Backpressure(50, applied)
    for _ in range(50):
        pace.wait({0: 100}, lambda: 0, lambda _: None)

    assert asked == 1
