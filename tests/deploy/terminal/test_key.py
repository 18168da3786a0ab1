"""Keys come one by one from a terminal, and the terminal is as it was afterwards."""

import os
import pty
import select
import subprocess
import sys
import termios
import time

import pytest

from deploy.terminal.key import Keys

PROGRAM = """
import sys
from deploy.terminal.key import Keys
with Keys() as keys:
    print("there", keys.there, flush=True)
    pressed = ""
    while pressed != "q":
        pressed = keys.get(5.0)
        print("pressed", repr(pressed), flush=True)
print("over", flush=True)
"""


class Shown:
    """All that a terminal has shown."""

    def __init__(self, fd: int) -> None:
        self.fd, self.text = fd, ""

    def until(self, words: str) -> None:
        """Wait for these words behind those that were waited for before."""
        deadline = time.monotonic() + 60
        while words not in self.text:
            ready, _, _ = select.select([self.fd], [], [], 1.0)
            self.text += os.read(self.fd, 1000).decode() if ready else ""
            assert time.monotonic() < deadline, self.text
        self.text = self.text.partition(words)[2]


def test_a_key_needs_no_enter_and_the_terminal_is_as_it_was() -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    child = subprocess.Popen(
        [sys.executable, "-c", f"import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n{PROGRAM}"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    try:
        shown = Shown(ours)
        shown.until("there True")
        for key, name in ((b"N", "'n'"), (b"\x1b[A", "''"), (b"q", "'q'")):
            os.write(ours, key)
            shown.until(f"pressed {name}")
        shown.until("over")
        child.wait(60)

        assert termios.tcgetattr(theirs) == before
    finally:
        child.kill()
        child.wait()
        os.close(ours)
        os.close(theirs)


def test_without_a_terminal_nothing_can_be_pressed_and_the_wait_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        began = time.monotonic()
        with Keys() as keys:
            pressed = keys.get(0.05)

    assert not keys.there
    assert pressed == ""
    assert time.monotonic() - began >= 0.05
