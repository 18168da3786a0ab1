"""Which log it is, and what is no log at all."""

import gzip
import shutil
from pathlib import Path

import pytest

from deploy.config.room import graph_settings, limits, tgn_settings
from deploy.config.schema import BadConfig
from deploy.service.folder import Lock
from state.error import BadStore
from state.storage.store import Store
from stream.error import BadSource
from stream.generation.generation import Generation
from stream.ingest.writer import Writer
from tests.fixture.pair import batch
from tests.fixture.trained import LINES, N, config, rows, train, write


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("log") / "events.csv", LINES[:N])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, log: Path) -> Path:
    """A folder that has learned the whole log; tests copy it."""
    folder = tmp_path_factory.mktemp("whole") / "state"
    train(folder, log)
    return folder


@pytest.fixture
def trained(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "trained"))


def test_another_log_is_refused_or_comes_after(trained: Path, log: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.csv", LINES[N:])
    with pytest.raises(
        BadConfig, match=r"holds 1,200 events of events.csv, and .*other.csv is another log; --append"
    ):
        train(trained, other)

    report = train(trained, other, append=True, share=0.0)
    assert (report.begin, report.events, report.events_remembered) == (0, N, 2 * N)
    assert [train(trained, one).events for one in (log, other)] == [0, 0]


def test_a_log_that_moved_and_grew_is_the_same(trained: Path, tmp_path: Path) -> None:
    report = train(trained, write(tmp_path / "renamed.csv", LINES[: N + 50]))

    assert (report.begin, report.events) == (N, 50)


def test_a_log_that_lost_events_is_refused(tmp_path: Path) -> None:
    wide = [f"{line},{'x' * 100}" for line in ["user,item,t", *LINES[:N]]]
    (tmp_path / "events.csv").write_text("\n".join(wide))
    train(tmp_path / "state", tmp_path / "events.csv", share=0.0)
    (tmp_path / "events.csv").write_text("\n".join(wide[:1001]))

    with pytest.raises(BadSource, match=r"holds 1,000 records, 1,200 of it were learned before; restore"):
        train(tmp_path / "state", tmp_path / "events.csv")


def test_a_log_that_is_sorted_when_read_is_the_same_only_whole(tmp_path: Path) -> None:
    lines = [f"{k % 7}\t{k % 5}\t3\t{1_000 - k}\n" for k in range(60)]
    (tmp_path / "u.data").write_text("".join(lines))
    assert train(tmp_path / "state", tmp_path / "u.data").events == 60
    assert train(tmp_path / "state", tmp_path / "u.data").events == 0
    (tmp_path / "u.data").write_text("".join([*lines, "9\t9\t3\t5\n"]))

    with pytest.raises(BadConfig, match="another log"):
        train(tmp_path / "state", tmp_path / "u.data")


def test_a_log_that_is_out_of_order_is_learned_in_the_order_of_time_and_is_the_same_only_whole(
    tmp_path: Path,
) -> None:
    log = write(tmp_path / "events.csv", [*LINES[50:100], *LINES[:50]])
    assert train(tmp_path / "state", log, limit=70, share=0.0).events == 70
    assert train(tmp_path / "state", log, share=0.0).begin == 70
    sorted_log = write(tmp_path / "sorted.csv", LINES[:100])
    train(tmp_path / "same", sorted_log, share=0.0)

    kept = [
        {
            key: row
            for key, row in rows(tmp_path / one, learned=False).items()
            if key.startswith((b"edge", b"user"))
        }
        for one in ("state", "same")
    ]
    assert kept[0] == kept[1]
    write(log, [*LINES[50:100], *LINES[:50], LINES[100]])
    with pytest.raises(BadConfig, match="another log"):
        train(tmp_path / "state", log)


def test_late_lines_at_the_end_of_a_log_that_has_grown_are_learned_once(tmp_path: Path) -> None:
    log = write(tmp_path / "events.csv", LINES[10:N])
    train(tmp_path / "state", log, share=0.0)
    write(log, [*LINES[10:N], *LINES[:10]])

    first = train(tmp_path / "state", log, share=0.0, limit=4)
    second = train(tmp_path / "state", log, share=0.0)

    assert (first.begin, first.events, second.begin, second.events) == (N - 10, 4, N - 6, 6)
    assert second.events_remembered == N


def test_the_state_of_a_topic_is_not_mixed_with_a_log_by_mistake(tmp_path: Path, log: Path) -> None:
    made = config(tmp_path)
    store = Store(tmp_path / "store")
    generation = Generation(graph_settings(made), tgn_settings(made), limits(made))
    writer = Writer(generation, store=store)
    writer.learn(batch([("ann", "tea", 1)]), lambda job: None)
    writer.save()
    store.close()

    with pytest.raises(BadConfig, match="holds 1 events of a topic"):
        train(tmp_path, log)
    assert train(tmp_path, log, append=True, share=0.0).events == N


def test_bad_lines_are_counted_and_covered_by_the_offset(tmp_path: Path) -> None:
    lines = [LINES[0], "ann,tea", *LINES[1:300], "ann,tea,soon", "ann,tea,99999999999999"]
    report = train(tmp_path / "state", write(tmp_path / "events.csv", lines))
    again = train(tmp_path / "state", tmp_path / "events.csv")

    assert (report.events, report.end) == (300, 303)
    assert report.rejected == {"missing": 1, "type": 1, "future": 1}
    assert "more than a day after now" in report.last_bad
    assert (again.events, again.begin, again.rejected) == (0, 303, {})


def test_strict_stops_at_the_first_bad_line_and_goes_on_once_it_is_mended(tmp_path: Path) -> None:
    log = write(tmp_path / "events.csv", [*LINES[:400], "ann,tea", *LINES[400:500]])
    with pytest.raises(BadSource, match=r"events.csv:402: expected 3 columns.*mend the line and run again"):
        train(tmp_path / "state", log, strict=True)
    write(log, [*LINES[:400], "ann,tea,5000", *LINES[400:500]])

    report = train(tmp_path / "state", log, strict=True, append=True)
    assert report.events == 501


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"user,item,t\n", "holds no event"),
        (b"user,item,t\nann\nbob\n", r"none of its 2 lines is an event; the last: .*:3: expected 3 columns"),
        (b"what is this\n", "unknown format"),
        (gzip.compress(("user,item,t\n" + "\n".join(LINES)).encode())[:-3000], "damaged|cannot be read"),
    ],
)
def test_a_file_that_is_no_log_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / ("events.csv.gz" if content[:1] == b"\x1f" else "events.csv")
    path.write_bytes(content)

    with pytest.raises(BadSource, match=message) as refused:
        train(tmp_path / "state", path)
    assert str(path) in str(refused.value)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file here fails when it is read")
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "events.csv").symlink_to("/proc/self/mem")

    with pytest.raises(BadSource, match=r"events.csv: cannot be read \(Input/output error\)"):
        train(tmp_path / "state", tmp_path / "events.csv")


def test_a_folder_in_use_is_refused_and_names_its_holder(tmp_path: Path, log: Path) -> None:
    held = Lock(tmp_path, "riverwalk, process 7, socket 127.0.0.1:7878")
    with pytest.raises(
        BadStore, match=r"in use by riverwalk, process 7, socket 127\.0\.0\.1:7878; stop that one"
    ):
        train(tmp_path, log)
    held.close()

    assert train(tmp_path, log, limit=1).events == 1
