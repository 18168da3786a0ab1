"""What runs beside the instance of a demo while it is shown: producer, canary, gauge, the followed user."""

from __future__ import annotations

import threading
import time
from collections import deque
from operator import attrgetter

from deploy.client.client import BadAnswer
from deploy.client.gauge import Gauge, Reading
from deploy.config.schema import Config
from deploy.data import item
from deploy.data.dataset import Dataset
from deploy.demo import screen
from deploy.demo.canary import LONGEST_MS, Canary
from deploy.demo.follow import Follow
from deploy.produce.producer import PATIENCE_S, Consumed, Producer, Stopped
from deploy.produce.speed import Speed
from stream.broker import open_sink
from stream.event.event import Event

ASK_S = 0.5
NOTE_S = 8.0  # how long it is told what a key did


class Show:
    """Everything that runs beside the instance while it is shown: producer, canary, gauge, the followed user.

    Args:
        config: Of the running instance.
        total: How many events it has.
        follow: The followed user.
        speed: Of production.
        ahead: How many events production may be ahead of consumption; 0 does not wait.
    """

    def __init__(
        self, config: Config, found: Dataset, total: int, follow: Follow, speed: Speed, ahead: int
    ) -> None:
        self.found, self.total, self.follow = found, total, follow
        self.gauge = Gauge(config.serve)
        self.canary = Canary(config.serve)
        self.failure: Exception | None = None
        self._rates: deque[float] = deque(maxlen=240)
        self._reading = Reading({})
        self._began = time.monotonic()
        self._asked = 0.0
        stop = threading.Event()
        self._note, self._noted = "", 0.0  # what the last key did, and when
        self._consumed = Consumed(config.serve, stop)
        self._described = Consumed(config.serve, stop, PATIENCE_S, attrgetter("described"))
        self._kafka = kafka = config.kafka
        applied = self._consumed if ahead else None
        self._sink = open_sink(
            kafka.address,
            kafka.topic,
            ahead=ahead,
            applied=applied,
            partition=0
            if ahead
            else -1,  # one partition keeps the order of all events, not of each user's alone
            extra=kafka.options,
        )
        self.producer = Producer(self._sink, speed, total=total, on_event=self.follow.see, stopping=stop)
        self._thread = threading.Thread(target=self._produce, name="producer", daemon=True)
        self._thread.start()
        self.canary.start()

    def snapshot(self) -> screen.Snapshot:
        """Return what is shown now, read from the instance."""
        reading = self.gauge.read()
        if reading is not None:
            self._reading = reading
            self._rates.append(reading.events_per_s)
            self.canary.t = reading.number("stream_time_ms")
        now = time.monotonic()
        if now - self._asked > ASK_S:
            self._asked = now
            self.follow.refresh(self.gauge)
        return screen.Snapshot(
            source=self.found.note,
            elapsed_s=now - self._began,
            sent=self.producer.sent,
            total=self.total,
            reading=self._reading,
            rates=tuple(self._rates),
            fresh_p50=self.canary.percentile_ms(0.5),
            fresh_p99=self.canary.percentile_ms(0.99),
            user=self.follow.user,
            taken=tuple(self.follow.taken()),
            picks=tuple(self.follow.picks),
            changes=self.follow.changes,
            note=self._note if now - self._noted < NOTE_S else "",
            paused=not self.producer.going.is_set(),
        )

    def press(self, key: str) -> None:
        """Do what a key stands for; see `screen.LEGEND`."""
        going = self.producer.going
        if key == "n":
            self.follow.next()
            self._note, self._asked = "", 0.0
        elif key == "p" and self._thread.is_alive():
            (going.clear if going.is_set() else going.set)()
        elif key == "e":
            self._note, self._noted, self._asked = self._take(), time.monotonic(), 0.0

    def _take(self) -> str:
        """Have the followed user click the first recommended item; return what came of it."""
        if not self.follow.picks:
            return "nothing is recommended yet"
        pick, user = self.follow.picks[0], self.follow.user
        try:
            began = time.perf_counter()
            place = self.gauge.ask("EVENT", user, pick.item, "click")
            self.gauge.ask("RECOMMEND", user, 1, "AFTER", str(place), "TIMEOUT", LONGEST_MS)
            took_ms = (time.perf_counter() - began) * 1000
        except BadAnswer as exc:
            return f"not sent: {exc}"
        self.follow.see(Event(user, pick.item, self._reading.number("stream_time_ms"), "click"))
        return f"{user} clicked {pick.title}: in the answers after {took_ms:.0f} ms"

    def over(self) -> bool:
        """Whether everything was produced and is in the answers; raises what went wrong while producing."""
        if self.failure is not None:
            raise self.failure
        return not self._thread.is_alive() and self._reading.number("lag") == 0

    def close(self) -> None:
        """End what runs beside the instance."""
        self.producer.stopping.set()
        self.canary.close()
        self._thread.join()
        self._sink.close()
        self._consumed.close()
        self._described.close()
        self.gauge.close()

    def _produce(self) -> None:
        try:
            item.publish(self.found.described(), self._kafka, self._described)
            self.producer.run(self.found.events())
        except Stopped:
            pass
        except Exception as exc:  # shown by the thread that watches
            self.failure = exc
