"""The broker of a chaos run: the embedded log, or a real Kafka in a process of its own that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import TracebackType

from deploy.chaos.life import ended, forked
from deploy.config.schema import BadConfig
from stream.broker import identity, log_address, log_folder

TOPIC = "chaos"


class Broker:
    """A topic of so many partitions while the `with` block runs.

    This process never becomes a client of Kafka: it forks, and a client has threads.

    Raises:
        BadConfig: Kafka cannot be started.
    """

    def __init__(self, kind: str, folder: Path, partitions: int) -> None:
        self.kind, self.topic, self._folder, self._partitions = kind, TOPIC, folder / "broker", partitions
        self.name = self.topic  # under which a store keeps its offsets
        self.address = log_address(folder / "state") if kind == "log" else ""
        if kind not in ("log", "kafka"):
            raise BadConfig(f"--broker is {kind!r}; wanted log or kafka")

    def __enter__(self) -> Broker:
        if self.kind == "kafka":
            self.address = self._kafka("start", "--port", "0")
        if ended(forked(partial(_make, self.address, self.topic, self._partitions))):
            raise BadConfig(f"{self.address}: the topic {self.topic} cannot be made; the lines above say why")
        self.name = identity(self.address, self.topic)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.kind == "kafka":
            self._kafka("stop")

    def kill(self) -> bool:
        """Kill Kafka and start it again; the log has no process."""
        if self.kind != "kafka":
            return False
        os.kill(int((self._folder / "kafka.pid").read_text()), signal.SIGKILL)
        self._kafka("stop")
        self._kafka("start", "--port", self.address.rpartition(":")[2])
        return True

    def _kafka(self, *words: str) -> str:
        command = [
            sys.executable,
            "-m",
            "deploy.main",
            "kafka",
            words[0],
            "--folder",
            str(self._folder),
            *words[1:],
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BadConfig(done.stderr.strip())
        return done.stdout.strip()


def _make(address: str, topic: str, partitions: int) -> None:
    folder = log_folder(address)
    if folder is not None:
        from stream.log.topic import ensure_topic

        ensure_topic(folder, topic, partitions)
    else:
        from stream.kafka import broker

        broker.ensure_topic(address, topic, partitions)
