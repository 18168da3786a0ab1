"""Options of the Kafka client that an operator may set, and those that Riverwalk rests on."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer, Producer

from deploy.config.loader import load
from deploy.config.option import FIXED, SAME
from deploy.config.schema import BadConfig


def given(**options: str) -> dict[str, str]:
    return load(env={"RIVERWALK_KAFKA_OPTIONS": msgspec.json.encode(options).decode()}).config.kafka.options


@pytest.mark.parametrize("name", FIXED)
def test_an_option_that_exactly_once_rests_on_is_refused_by_name_with_the_reason(name: str) -> None:
    with pytest.raises(BadConfig) as caught:
        given(**{"client.id": "shop", name: "1"})

    assert str(caught.value) == f"kafka.options: {name} cannot be set: {FIXED[name]}; leave it out"


@pytest.mark.parametrize("name", SAME)
def test_a_value_that_changes_nothing_is_taken(name: str) -> None:
    for value in SAME[name]:
        assert given(**{name: value}) == {name: value}


def test_each_option_is_one_the_client_knows() -> None:
    values = {
        "acks": "all",
        "group.protocol": "classic",
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
    }
    for name in FIXED:
        if name in ("bootstrap.servers", "plugin.library.paths"):
            continue
        value = values.get(name, SAME.get(name, ("1",))[0])
        kind = Producer if name in ("transactional.id", "enable.idempotence") else Consumer
        kind({"group.id": "g", "log_level": 0, name: value})


def test_others_are_taken() -> None:
    options = {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "compression.type": "zstd"}

    assert given(**options) == options


def test_checking_a_configuration_says_so(tmp_path: Path) -> None:
    file = tmp_path / "riverwalk.toml"
    file.write_text('[kafka]\noptions = { acks = "1" }\n')
    words = [sys.executable, "-P", "-m", "deploy.main", "config", "check", "--config", str(file)]

    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "kafka.options: acks cannot be set" in done.stdout + done.stderr
