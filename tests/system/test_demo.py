"""Demos that run: processes, a broker, a socket."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.client.client import Client
from deploy.config.schema import Serve
from deploy.main import main

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a real demo on free ports, in an empty folder, with what it leaves behind kept apart."""
    begun: list[subprocess.Popen[str]] = []
    (tmp_path / "left").mkdir()

    def demo(*options: str) -> subprocess.Popen[str]:
        words = ["demo", "--data", "generated", "--port", "0", "--http-port", "0", *options]
        begun.append(
            subprocess.Popen(
                [sys.executable, "-m", "deploy.main", *words],
                cwd=tmp_path,
                env={**os.environ, "TMPDIR": str(tmp_path / "left")},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return begun[-1]

    yield demo
    for one in begun:
        if one.poll() is None:
            one.kill()
            one.communicate()


@pytest.mark.slow
def test_the_demo_shows_a_changing_instance_ends_by_itself_and_leaves_nothing(
    start: Start, tmp_path: Path
) -> None:
    demo = start("--for", "5s", "--speed", "2000")

    out, _ = demo.communicate(timeout=90)

    lines = [line for line in out.splitlines() if line.startswith("[")]
    assert demo.returncode == 0, out
    assert len(lines) >= 2, out
    assert re.search(r"p50 \d", lines[-1]), out
    assert int(re.search(r"\] ([\d,]+) of 200,000", lines[-1])[1].replace(",", "")) > 2_000  # type: ignore[index]
    assert " -> nothing yet" not in lines[-1]
    assert list((tmp_path / "left").glob("riverwalk*")) == []
    assert [one.name for one in tmp_path.iterdir()] == ["left"]


def test_ctrl_c_ends_the_demo_cleanly(start: Start, tmp_path: Path) -> None:
    demo = start()
    assert demo.stdout is not None
    for line in demo.stdout:
        if line.startswith("["):
            break

    demo.send_signal(signal.SIGINT)
    out, _ = demo.communicate(timeout=60)

    assert demo.returncode == 0, out
    assert "nothing is left behind" in out
    assert list((tmp_path / "left").glob("riverwalk*")) == []


def sold(item: int) -> str:
    """Ten events of one item, by five of ten users."""
    return "".join(f"u{(item + n % 5) % 10},i{item},{1_700_000_000 + 600 * item + n}\n" for n in range(10))


@pytest.mark.slow
def test_what_items_are_is_in_force_when_a_demo_or_a_replay_has_sent_its_events(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "events.csv").write_text("user,item,timestamp\n" + "".join(map(sold, range(20))))
    told = "".join(f"i{n},Cup no. {n},{n + 0.5},{2000 + n},{'ab'[n % 2]}\n" for n in range(20))
    (shop / "items.csv").write_text(f"item,title,price,year,category\ni1,broken\n{told}")
    demo = start("--data", str(shop), "--speed", "max", "--plain")
    assert demo.stdout is not None
    said, hints = "", list[list[str]]()
    for line in demo.stdout:
        said += line
        if line.startswith("  redis-cli"):
            hints.append(shlex.split(line))
        if "Ctrl-C ends it" in line:
            break
    port = int(hints[0][2])
    (tmp_path / "more.csv").write_text("user,item,timestamp\n" + sold(20) + sold(21))
    (tmp_path / "more.jsonl").write_text(
        '{"item": "i20", "price": 99}\n{"item": "i21", "price": "dear"}\nnothing\n'
    )
    state = re.search(r"state (\S+)", said)
    assert state
    words = ["--items", str(tmp_path / "more.jsonl"), "--state", state[1], "--set", f"serve.port={port}"]
    monkeypatch.setattr(
        "sys.argv", ["riverwalk", "replay", str(tmp_path / "more.csv"), "--speed", "1000000", *words]
    )

    with Client(Serve(port=port)) as client:
        tried = [client.ask(*hint[3:]) for hint in hints]
        cheap = client.ask("RECOMMEND", "new", 20, "FILTER", "price < 5 and year >= 2002")
        capped = client.ask("RECOMMEND", "new", 20, "PERCATEGORY", 2)
        with pytest.raises(SystemExit, match="0"):
            main()
        until = time.monotonic() + 30
        while "applied_events:220" not in str(client.ask("INFO")):
            assert time.monotonic() < until
        dear = client.ask("RECOMMEND", "new", 20, "FILTER", "price > 50")
        text = client.ask("RECOMMEND", "new", 20, "FILTER", 'price = "dear"')
        left = client.ask("RECOMMEND", "new", 30, "FILTER", "title is known")
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=60)

    assert f"1 rows describe no item and are left out; the first: {shop}/items.csv:2: " in said
    assert [hint[3] for hint in hints] == ["RECOMMEND", "SIMILAR", "TRENDING", "RECOMMEND", "ITEM"]
    assert hints[3][6:] == ["FILTER", "price <= 10", "PERCATEGORY", "2"]
    assert all(tried)
    assert tried[4] == ["title", "Cup no. 19", "price", "19.5", "year", 2019, "category", "b"]
    assert cheap is not None
    assert sorted(cheap) == ["i2", "i3", "i4"]
    assert sorted(int(item[1:]) % 2 for item in capped) == [0, 0, 1, 1]
    assert (dear, text) == (["i20"], ["i21"])
    assert len(left) == 20
    out = capsys.readouterr()
    assert out.out.startswith("20 events in ")
    assert f"the first: {tmp_path}/more.jsonl:3: no JSON object" in out.err
    assert "2 items described on topic events.items" in out.err


@pytest.mark.slow
def test_data_of_long_ago_end_now_and_top_shows_the_instance(start: Start, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user,item,timestamp\n" + "".join(map(sold, range(20))))
    demo = start("--data", str(tmp_path / "events.csv"), "--speed", "max", "--plain", "--no-open")
    assert demo.stdout is not None
    said = ""
    while "Ctrl-C ends it" not in said:
        said += demo.stdout.readline()
    port = re.search(r"redis-cli -p (\d+)", said)
    page = re.search(r"the page: http://127.0.0.1:(\d+)/ \(open it", said)
    assert port
    assert page

    with Client(Serve(port=int(port[1]))) as client:
        told = str(client.ask("INFO"))
        place = client.ask("EVENT", "u1", "i3")
        reasons = client.ask("RECOMMEND", "u1", 5, "WITHREASONS", "AFTER", str(place))
    words = ["top", "u1", "--port", port[1], "--http-port", page[1], "--plain", "--for", "1s"]
    top = subprocess.run([sys.executable, "-m", "deploy.main", *words], capture_output=True, text=True)
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=60)

    late_ms = time.time() * 1000 - int(re.search(r"stream_time_ms:(\d+)", told)[1])  # type: ignore[index]
    assert 0 <= late_ms < 300_000
    assert "event_clock:wall" in told
    assert "years ago" not in str(reasons)
    assert "month" not in str(reasons)
    assert re.search(r"all times are [\d,]+ days later than they were", said)
    assert re.match(r"\[ *\d+ s\] 201 events, .*; u1: .* -> ", top.stdout), top.stdout + top.stderr
