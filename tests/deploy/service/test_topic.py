"""Topics as an instance opens them: the store knows again which topic its offsets are of."""

import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka.admin import AdminClient, ConfigResource

from deploy.config.broker import with_address
from deploy.config.schema import Config, Kafka, State
from deploy.service.topic import Sources, open_sources, open_topics
from state.storage.store import Store
from stream.broker import log_folder, open_sink
from stream.error import BadSource

Anew = Callable[[str], None]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "state" / "store")
    store.load([], [])
    yield store
    store.close()


@pytest.fixture(params=["log", pytest.param("kafka", marks=pytest.mark.kafka)])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    name = f"t-{uuid.uuid4().hex[:12]}"
    address = request.getfixturevalue("kafka_address") if request.param == "kafka" else ""
    kafka = Kafka(address=address, topic=name, items=f"{name}.items", dead_letter=f"{name}.dead")
    return with_address(Config(kafka=kafka, state=State(folder=str(tmp_path / "state"))))


@pytest.fixture
def drop(config: Config) -> Anew:
    """Deletes a topic; of a log all of them."""

    def drop(topic: str) -> None:
        folder = log_folder(config.kafka.address)
        if folder is not None:
            shutil.rmtree(folder)
            return
        admin = AdminClient({"bootstrap.servers": config.kafka.address, "log_level": 2})
        admin.delete_topics([topic])[topic].result(10)

    return drop


def opened(config: Config, store: Store) -> tuple[Sources, str]:
    """Open the topics, as soon as the broker has done with deleting one; return also the name of the offsets of events."""
    limit = time.monotonic() + 10
    while True:
        try:
            topics = open_topics(config)
            return open_sources(config, store, topics), topics.events
        except BadSource as exc:
            if "cannot be" not in str(exc) or time.monotonic() > limit:
                raise


def close(sources: Sources) -> None:
    for end in (sources.events, sources.items, sources.rejected):
        end.close()


def fill(config: Config, topic: str, count: int) -> None:
    sink = open_sink(config.kafka.address, topic, partition=0)
    for number in range(count):
        sink.send(b"u", b"%d" % number)
    sink.flush()
    sink.close()


def applied(config: Config, store: Store, count: int) -> None:
    """Have the store hold the offsets after so many events and items."""
    sources, name = opened(config, store)
    close(sources)
    store.save([], {}, name, {0: count})
    store.save([], {}, open_topics(config).items, {0: count})


def skipping(config: Config) -> Config:
    return msgspec.structs.replace(config, kafka=msgspec.structs.replace(config.kafka, on_gap="skip"))


@pytest.mark.parametrize("count", [20, 60, 100])
def test_a_topic_of_events_made_anew_is_an_error(
    config: Config, store: Store, drop: Anew, count: int
) -> None:
    applied(config, store, 60)
    drop(config.kafka.topic)
    open_until(config)
    fill(config, config.kafka.topic, count)

    for _ in range(2):
        with pytest.raises(
            BadSource, match=f"topic {config.kafka.topic} is not the one this state was made from"
        ):
            opened(config, store)


def open_until(config: Config) -> None:
    """Make the topics, as soon as the broker has done with deleting one."""
    limit = time.monotonic() + 10
    while True:
        try:
            open_topics(config)
            return
        except BadSource:
            assert time.monotonic() < limit


def test_where_gaps_are_skipped_it_is_read_from_its_beginning_also_after_a_crash(
    config: Config, store: Store, drop: Anew
) -> None:
    applied(config, store, 60)
    store.put({b"order\0\0\0\0\0": b"taken"})
    drop(config.kafka.topic)
    open_until(config)
    fill(config, config.kafka.topic, 100)
    latest = msgspec.structs.replace(skipping(config).kafka, start="latest")
    config = msgspec.structs.replace(config, kafka=latest)

    for _ in range(2):
        sources, name = opened(config, store)
        assert sources.events.offsets.next == {0: 0}
        assert store.offsets(name) == {0: 0}
        assert store.records(b"order\0") == {}
        close(sources)
    store.save([], {}, name, {0: 7})
    sources, _ = opened(config, store)
    assert sources.events.offsets.next == {0: 7}
    close(sources)


@pytest.mark.parametrize("config", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
def test_a_topic_of_items_made_anew_is_read_from_its_beginning_and_events_go_on(
    config: Config, store: Store, drop: Anew
) -> None:
    fill_both = (config.kafka.topic, config.kafka.items)
    open_until(config)
    for topic in fill_both:
        fill(config, topic, 60)
    applied(config, store, 60)
    store.put({b"order\0\0\0\0\0": b"taken"})
    drop(config.kafka.items)
    open_until(config)
    fill(config, config.kafka.items, 100)

    sources, _ = opened(config, store)
    assert sources.items.offsets.next == {0: 0}
    assert sources.events.offsets.next == {0: 60}
    assert store.records(b"order\0") != {}
    close(sources)


def test_a_state_that_has_read_nothing_takes_any_topic(config: Config, store: Store, drop: Anew) -> None:
    applied(config, store, 0)
    drop(config.kafka.topic)
    open_until(config)
    fill(config, config.kafka.topic, 5)

    sources, _ = opened(config, store)
    assert (sources.events.offsets.next, sources.events.lag()) == ({0: 0}, 5)
    assert store.meta(f"topic {config.kafka.topic}") == sources.events.topic_id
    close(sources)


def test_a_state_that_knows_no_topic_yet_takes_the_one_that_is_there(config: Config, store: Store) -> None:
    applied(config, store, 0)
    fill(config, config.kafka.topic, 60)
    name = open_topics(config).events
    store.save([], {}, name, {0: 60})
    store.note(f"topic {config.kafka.topic}", "")

    sources, _ = opened(config, store)
    assert sources.events.offsets.next == {0: 60}
    assert store.meta(f"topic {config.kafka.topic}") == sources.events.topic_id != ""
    close(sources)


@pytest.mark.kafka
def test_the_broker_sets_the_time_of_events_and_of_nothing_else(kafka_address: str) -> None:
    name = f"t-{uuid.uuid4().hex[:12]}"
    kafka = Kafka(address=kafka_address, topic=name, items=f"{name}.items", dead_letter=f"{name}.dead")
    open_topics(Config(kafka=kafka))

    admin = AdminClient({"bootstrap.servers": kafka_address, "log_level": 2})
    topics = [
        ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in (name, kafka.items, kafka.dead_letter)
    ]
    times = [
        done.result(10)["message.timestamp.type"].value for done in admin.describe_configs(topics).values()
    ]
    assert times == ["LogAppendTime", "CreateTime", "CreateTime"]
