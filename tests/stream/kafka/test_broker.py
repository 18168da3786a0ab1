"""A question to the broker is asked again while a partition has no leader, and not where the broker is away."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from stream.error import BadSource
from stream.kafka import broker


class Asked:
    """A question that fails with these codes first, one a try."""

    def __init__(self, *codes: int) -> None:
        self.codes, self.tries = list(codes), 0

    def __call__(self, value: int) -> int:
        self.tries += 1
        if self.codes:
            raise KafkaException(KafkaError(self.codes.pop(0)))
        return value


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "AGAIN_S", 0.001)


def test_the_leader_of_a_topic_just_made_is_waited_for() -> None:
    question = Asked(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)

    assert broker.ask("here", question, 7) == 7
    assert question.tries == 3


def test_it_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "ASK_S", 0.01)
    question = Asked(*[KafkaError.NOT_LEADER_FOR_PARTITION] * 10_000)

    with pytest.raises(BadSource, match="here: no answer from the broker"):
        broker.ask("here", question, 7)


def test_a_broker_that_is_away_is_told_at_once() -> None:
    question = Asked(KafkaError._TRANSPORT, KafkaError._TRANSPORT)

    with pytest.raises(BadSource, match="start it"):
        broker.ask("here", question, 7)
    assert question.tries == 1
