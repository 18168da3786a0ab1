"""Source and Sink on a real Apache Kafka, and the service that runs one."""

import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource
from confluent_kafka.cimpl import NewPartitions

from deploy import kafka
from deploy.config.schema import BadConfig
from deploy.config.schema import Kafka as KafkaSettings
from deploy.data import item
from stream.kafka.broker import ensure_topic, ready
from stream.kafka.sink import Sink
from stream.kafka.source import Source
from tests.fixture.broker.topic import TopicSuite, read, until

pytestmark = pytest.mark.kafka


class TestReal(TopicSuite):
    @pytest.fixture
    def address(self, kafka_address: str) -> str:
        return kafka_address

    @pytest.fixture
    def forget(self, address: str) -> Callable[[str], int]:
        def forget(topic: str) -> int:
            self.fill(address, topic, 20)
            admin = AdminClient({"bootstrap.servers": address, "log_level": 2})
            for done in admin.delete_records([TopicPartition(topic, 0, 12)]).values():
                done.result(10)
            return 12

        return forget

    def test_a_topic_has_the_partitions_it_was_made_with(self, address: str) -> None:
        name = f"t-{uuid.uuid4().hex[:12]}"

        assert ensure_topic(address, name, 3) == 3
        assert ensure_topic(address, name, 1) == 3

    def test_added_partitions_are_read_from_their_first_record(self, address: str, topic: str) -> None:
        source = Source(address, topic, {}, start="latest")
        admin = AdminClient({"bootstrap.servers": address, "log_level": 2})
        for done in admin.create_partitions([NewPartitions(topic, 2)]).values():
            done.result(10)
        until(lambda: 1 in source.offsets.next, source)
        sink = Sink(address, topic, partition=1)
        sink.send(b"u", b"new")
        sink.flush()

        assert [(record.partition, record.payload) for record in read(source, 1)] == [(1, b"new")]
        sink.close()
        source.close()

    def test_transactions_leave_no_lag_and_aborted_ones_no_records(self, address: str, topic: str) -> None:
        source = Source(address, topic, {})
        client = Producer({"bootstrap.servers": address, "transactional.id": topic, "log_level": 2})
        client.init_transactions(20)
        for end in (client.commit_transaction, client.abort_transaction):
            client.begin_transaction()
            client.produce(topic, end.__name__)
            client.flush(20)
            end(20)

        assert [record.payload for record in read(source, 1)] == [b"commit_transaction"]
        until(lambda: source.highs()[0] == 4 and source.lag() == 0, source)
        source.close()


@pytest.fixture
def folder(kafka_address: str, tmp_path: Path) -> Path:
    return tmp_path / "broker"


def test_a_broker_is_started_found_stopped_and_keeps_its_records(folder: Path) -> None:
    where = kafka.start(folder, 0)
    assert ready(where)
    assert kafka.running(folder)
    assert kafka.start(folder, 0) == where
    ensure_topic(where, "events")
    source = Source(where, "events", {})
    sink = Sink(where, "events")
    sink.send(b"u", b"before")
    sink.flush()
    assert read(source, 1)[0].payload == b"before"

    assert kafka.stop(folder)
    assert not kafka.running(folder)
    assert not kafka.stop(folder)
    assert not ready(where, wait_s=0.2)
    assert source.poll(10, 0.1) == []

    assert kafka.start(folder, int(where.rpartition(":")[2])) == where
    sink.send(b"u", b"after")
    sink.flush()
    assert [(record.offset, record.payload) for record in read(source, 1)] == [(1, b"after")]
    sink.close()
    source.close()
    kafka.stop(folder)


def test_a_taken_port_is_named(kafka_address: str, folder: Path) -> None:
    port = int(kafka_address.rpartition(":")[2])

    with pytest.raises(BadConfig, match=f"port {port} on 127.0.0.1 cannot be used"):
        kafka.start(folder, port)


def test_a_broker_that_does_not_come_up_shows_its_log(folder: Path) -> None:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=other\n")
    began = time.monotonic()

    with pytest.raises(BadConfig, match=r"(?s)Kafka ended with code 1; .*kafka.log ends:\n.*node"):
        kafka.start(folder, 0)
    assert time.monotonic() - began < 30
    assert not kafka.running(folder)


def test_missing_programs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    with pytest.raises(
        BadConfig, match="java and mvn not found: a real Kafka needs Java 17 and, the first time, Maven"
    ):
        kafka.start(tmp_path / "broker", 0)


def test_a_real_broker_gets_a_topic_that_keeps_the_last_record_of_each_item(kafka_address: str) -> None:
    topic = f"items-{uuid.uuid4().hex[:12]}"

    item.publish([("x", {}, b"{}")], KafkaSettings(address=kafka_address, items=topic))

    admin = AdminClient({"bootstrap.servers": kafka_address, "log_level": 2})
    asked = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)])
    assert next(iter(asked.values())).result(10)["cleanup.policy"].value == "compact"
