"""What has no room is tried again until it has, and what it waits for is told."""

from collections.abc import Callable

import numpy as np
import pytest

from state.error import BadStore, NoMemory, NoRoom
from stream.generation.status import STATUS
from stream.health.pulse import Pulse
from stream.ingest import save
from stream.ingest.save import Retry


class Place:
    """Where something is written: it fails with these errors, one a try."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.tries = iter(errors), list[str]()

    def write(self, name: str) -> Callable[[], None]:
        def attempt() -> None:
            self.tries.append(name)
            for error in self.errors:
                raise error

        return attempt


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> tuple[Retry, Pulse, list[dict[str, str]]]:
    monkeypatch.setattr(save, "AGAIN_S", 0.01)
    pulse, told = Pulse(), list[dict[str, str]]()
    status = np.zeros(1, STATUS)[0]
    return Retry(status, pulse, lambda: told.append(dict(pulse.health.troubles))), pulse, told


def test_a_full_disk_is_told_and_saved_again_where_the_tables_are_ahead_of_it(
    patience: tuple[Retry, Pulse, list[dict[str, str]]],
) -> None:
    it, pulse, told = patience
    place = Place(BadStore("the disk is full"), BadStore("the disk is full"))
    it.write(place.write("first"), place.write("again"), lambda: False)

    assert place.tries == ["first", "again", "again"]
    assert told[0] == {"disk": "learning has stopped, answers go on: the disk is full"}
    assert pulse.health.troubles == {}


def test_full_memory_is_told_and_the_batch_of_which_nothing_is_applied_is_tried_from_the_start(
    patience: tuple[Retry, Pulse, list[dict[str, str]]],
) -> None:
    it, pulse, told = patience
    place = Place(NoMemory("no room"), NoMemory("no room"), BadStore("the disk is full"))
    it.write(place.write("first"), place.write("again"), lambda: False)

    assert place.tries == ["first", "first", "first", "again"]
    assert told[0] == {"memory": "learning has stopped, answers go on: no room"}
    assert pulse.health.troubles == {}


def test_a_ceiling_is_no_matter_of_patience(patience: tuple[Retry, Pulse, list[dict[str, str]]]) -> None:
    place = Place(NoRoom("the ceiling is reached"))

    with pytest.raises(NoRoom):
        patience[0].write(place.write("first"), place.write("again"), lambda: False)


def test_at_the_end_it_waits_no_longer(patience: tuple[Retry, Pulse, list[dict[str, str]]]) -> None:
    place = Place(*[BadStore("the disk is full")] * 9)

    with pytest.raises(BadStore, match="full"):
        patience[0].write(place.write("first"), place.write("again"), lambda: len(place.tries) > 3)
