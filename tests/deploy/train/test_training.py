"""One pass over a log: the same bytes every time, and gone on with after any end."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from rich.console import Console

from deploy.cli.train import command
from deploy.config.schema import BadConfig
from deploy.data.dataset import find
from deploy.train import progress
from deploy.train.progress import Course, Stop
from deploy.train.training import Training
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


@pytest.fixture
def plain_logs() -> Iterator[None]:
    """Log lines go where they went before, once the output of a test is gone."""
    yield
    structlog.reset_defaults()


def test_training_twice_from_scratch_gives_the_same_bytes(tmp_path: Path, whole: Path, log: Path) -> None:
    report = train(tmp_path / "again", log)

    assert rows(tmp_path / "again") == rows(whole)
    assert (report.events, report.learned, report.ended) == (N, N, "end")
    assert report.live["riverwalk"].mrr > report.live["popularity"].mrr > 0


def test_another_seed_gives_other_weights_and_the_same_state(tmp_path: Path, whole: Path, log: Path) -> None:
    with Training(config(tmp_path / "seed", seed=1)) as training:
        training.run(find(str(log)))

    assert rows(tmp_path / "seed", False) == rows(whole, False)
    assert rows(tmp_path / "seed") != rows(whole)


def test_a_share_decides_what_is_learned_and_not_what_is_remembered(
    tmp_path: Path, whole: Path, log: Path
) -> None:
    reports = [train(tmp_path / name, log, share=0.25) for name in ("one", "two")]

    assert 0.2 < reports[0].share_learned < 0.3
    assert rows(tmp_path / "one") == rows(tmp_path / "two")
    assert rows(tmp_path / "one", False) == rows(whole, False)


def test_a_share_of_nothing_learns_nothing(tmp_path: Path, whole: Path, log: Path) -> None:
    report = train(tmp_path, log, share=0.0)

    assert (report.events, report.learned, report.live) == (N, 0, {})
    assert rows(tmp_path, False) == rows(whole, False)


def test_a_signal_ends_it_after_the_batch_and_the_next_run_goes_on_there(
    tmp_path: Path, whole: Path, log: Path
) -> None:
    with Stop() as stop:
        report = train(
            tmp_path,
            log,
            stop=stop,
            progress=lambda *_: os.kill(os.getpid(), signal.SIGTERM) if not stop() else 0,
        )
    assert (report.ended, report.events) == ("stopped", 256)

    report = train(tmp_path, log)
    assert (report.ended, report.begin, report.events) == ("end", 256, N - 256)
    assert rows(tmp_path, False) == rows(whole, False)


def test_a_second_signal_ends_it_at_once() -> None:
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored where a shell runs the tests with &
    try:
        with Stop() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop()
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


KILLED = """
import sys
from pathlib import Path
from deploy.config.schema import Config, Learn, State
from deploy.data.dataset import find
from deploy.train.training import Training
made = Config(state=State(folder=sys.argv[2], max_users=500, max_items=300), learn=Learn(save_seconds=0.001))
with Training(made) as training:
    training.run(find(sys.argv[1]), progress=lambda offset, _: print(offset, flush=True))
"""


def test_a_killed_run_goes_on_after_its_last_save(tmp_path: Path, whole: Path, log: Path) -> None:
    words = [sys.executable, "-c", KILLED, str(log), str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != "512":
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    with Training(config(tmp_path)) as training:
        known, begin = training.place(log)
        seen = training._learned_store().offsets(known.topic, "learned")
        report = training.run(find(str(log)))

    assert 512 <= begin <= N
    assert 0 < seen[0] <= begin
    assert report.events == N - begin
    assert rows(tmp_path, False) == rows(whole, False)


def test_a_limit_is_of_one_run(tmp_path: Path, whole: Path, log: Path) -> None:
    reports = [train(tmp_path, log, limit=500, share=0.0) for _ in range(3)]

    assert [(one.begin, one.end, one.ended) for one in reports] == [
        (0, 500, "limit"),
        (500, 1000, "limit"),
        (1000, N, "end"),
    ]
    assert rows(tmp_path, False) == rows(whole, False)


def test_a_finished_log_holds_nothing_new(trained: Path, log: Path) -> None:
    before = rows(trained)
    report = train(trained, log)

    assert (report.events, report.begin, report.ended) == (0, N, "end")
    assert rows(trained) == before


def test_the_command_says_what_it_did_and_what_to_do_next(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str], plain_logs: None
) -> None:
    words: dict[str, Any] = {"state": str(tmp_path), "set": ["state.max_users=500", "state.max_items=300"]}
    command(log=str(log), limit=300, json=True, **words)
    out = capsys.readouterr().out
    told = json.loads(out)
    command(log=str(log), **words)
    second = capsys.readouterr()
    command(log=str(log), **words)
    third = capsys.readouterr().out
    command(log=None, fresh_weights=True, json=True, **words)

    assert out.count("\n") == 1
    assert (told["events"], told["end"], told["ended"]) == (300, 300, "limit")
    assert set(told["live"]) == {"riverwalk", "blend", "own_recency", "popularity"}
    assert told["next"] == f"riverwalk serve --state {tmp_path}"
    assert "events.csv: 300 records were learned before; going on there" in second.err
    assert "events.csv: 900 events in " in second.out
    assert f"next: riverwalk serve --state {tmp_path}\n" in second.out
    assert "nothing new, its 1,200 records were learned before" in third
    assert json.loads(capsys.readouterr().out)["events_remembered"] == N


def test_a_command_without_a_log_or_without_a_state_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="name a file of events"):
        command(log=None)
    with pytest.raises(BadConfig, match="holds no state"):
        command(log=None, state=str(tmp_path / "none"), fresh_weights=True)
    with pytest.raises(BadConfig, match="no such file or folder"):
        command(log=str(tmp_path / "gone.csv"), state=str(tmp_path))


@pytest.mark.parametrize(("terminal", "term"), [(True, "xterm"), (True, "dumb"), (False, "xterm")])
def test_the_course_shows_speed_and_quality(
    tmp_path: Path, log: Path, terminal: bool, term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(progress, "FRAME_S", 0.0)
    monkeypatch.setattr(progress, "LINE_S", 0.0)
    with (tmp_path / "screen").open("w") as file:
        console = Console(file=file, force_terminal=terminal, width=120)
        with Course("events.csv", 0, N, console) as shown:
            train(tmp_path / "state", log, limit=600, progress=shown.step)
    text = (tmp_path / "screen").read_text()

    assert "512 events" in text
    assert "/s" in text
    assert "riverwalk 0." in text
    assert "popularity 0." in text
