"""One line in the log when a trouble begins, one when it ends, and metrics all the time."""

from structlog.testing import capture_logs

from stream.health.readiness import Verdict
from stream.health.watch import Watch


def verdict(**troubles: str) -> Verdict:
    return Verdict(troubles, "ok", 0, 0, 0)


def test_a_trouble_is_logged_once_when_it_begins_and_once_when_it_ends() -> None:
    watch = Watch(every_s=0.0)
    with capture_logs() as lines:
        for seen in (
            verdict(),
            verdict(source="no broker, 1 s"),
            verdict(source="no broker, 2 s"),
            verdict(),
            verdict(),
        ):
            watch.see(lambda seen=seen: seen)

    assert [(line["event"], line["trouble"]) for line in lines] == [
        ("not ready", "source"),
        ("trouble has ended", "source"),
    ]
    assert [line["log_level"] for line in lines] == ["warning", "info"]
    assert lines[0]["reason"] == "no broker, 1 s"
    assert lines[1]["ready"] is True


def test_each_trouble_has_lines_of_its_own() -> None:
    watch = Watch(every_s=0.0)
    with capture_logs() as lines:
        for seen in (
            verdict(disk="full", behind="11 events"),
            verdict(behind="90 events"),
            verdict(disk="full"),
        ):
            watch.see(lambda seen=seen: seen)

    assert [(line["event"], line["trouble"]) for line in lines] == [
        ("not ready", "disk"),
        ("not ready", "behind"),
        ("trouble has ended", "disk"),
        ("not ready", "disk"),
        ("trouble has ended", "behind"),
    ]
