"""Pages: what one process tells, others read whole, whatever happens to the writer."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

from stream.health.page import HEALTH, RUNNING, Health, Page, clear, now_ms, short

WRITER = """
import sys
import time
from pathlib import Path
from stream.health.page import HEALTH, Health, Page
page = Page(Path(sys.argv[1]) / HEALTH, Health, write=True)
print("", flush=True)
number = 0
while True:
    number += 1
    page.write(Health(lag=number, troubles={"source": "x" * (number % 300), "disk": str(number)}))
"""


def test_a_reader_never_sees_half_of_what_is_told(tmp_path: Path) -> None:
    Page(tmp_path / HEALTH, Health, write=True).write(Health(lag=0, troubles={"source": "", "disk": "0"}))
    reader, seen = Page(tmp_path / HEALTH, Health), set[int]()
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        end = time.monotonic() + 20.0
        while len(seen) < 30 and time.monotonic() < end:
            told = reader.read()
            assert told.troubles == {"source": "x" * (told.lag % 300), "disk": str(told.lag)}
            seen.add(told.lag)
        process.send_signal(signal.SIGKILL)
    last = reader.read()

    assert len(seen) == 30
    assert last.troubles["disk"] == str(last.lag)


def test_after_a_writer_that_died_while_it_wrote_the_next_one_is_read(tmp_path: Path) -> None:
    page = Page(tmp_path / HEALTH, Health, write=True)
    page.write(Health(lag=3))
    reader = Page(tmp_path / HEALTH, Health)
    before = reader.read().lag
    file = os.open(tmp_path / HEALTH, os.O_RDWR)
    os.pwrite(file, (7).to_bytes(8, "little"), 0)  # an odd version, for ever
    os.pwrite(file, b"{", 24)
    os.close(file)
    half = reader.read().lag
    Page(tmp_path / HEALTH, Health, write=True).write(Health(lag=5))

    assert (before, half, reader.read().lag) == (3, 3, 5)


def test_a_beat_is_the_time_all_processes_count(tmp_path: Path) -> None:
    page = Page(tmp_path / HEALTH, Health, write=True)
    assert Page(tmp_path / HEALTH, Health).beaten_ms == 0
    begin = now_ms()
    page.beat()

    assert begin <= Page(tmp_path / HEALTH, Health).beaten_ms <= now_ms()


def test_a_page_is_its_owners_alone_and_begins_anew_with_each_process(tmp_path: Path) -> None:
    Page(tmp_path / HEALTH, Health, write=True).write(Health(phase=RUNNING, troubles={"disk": "full"}))
    clear(tmp_path)

    assert Page(tmp_path / HEALTH, Health).read() == Health()
    assert stat.S_IMODE((tmp_path / HEALTH).stat().st_mode) == 0o600


def test_texts_of_any_length_have_room(tmp_path: Path) -> None:
    page = Page(tmp_path / HEALTH, Health, write=True)
    long = {kind: short("\x01" * 100_000) for kind in ("source", "disk", "memory", "learning", "items")}
    page.write(Health(troubles=long))

    assert Page(tmp_path / HEALTH, Health).read().troubles == long
