"""Dead letters that the tests open, closed at their end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.broker import open_dead_letter
from stream.dead_letter.writer import DeadLetter
from tests.fixture.letter import Opened


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Opens dead letters of the topic `shop` whose disk is `tmp_path / "dead"`."""
    made: list[DeadLetter] = []

    def open(address: str, topic: str) -> DeadLetter:
        made.append(open_dead_letter(address, topic, origin="shop", folder=tmp_path / "dead"))
        return made[-1]

    yield open
    for one in made:
        one.close()
