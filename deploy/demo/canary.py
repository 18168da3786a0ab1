"""Canary: measure freshness with an event through the real topic and a request for it through the real socket.

    EVENT riverwalk:canary …       ──► topic ──► ingest ──► tables
    RECOMMEND … AFTER that event   ◄── the reply is made once it is applied

The time between is freshness: from produced to visible in a reply. Its item is never recommended to anyone. It
carries the stream's own time, as an event of today would age everything in a stream of the past.
"""

import threading
import time
from collections import deque

from deploy.client.client import BadAnswer, Client
from deploy.config.schema import Serve

NAME = "riverwalk:canary"
EVERY_S = 0.2
WINDOW_S = 20.0  # window of the percentiles
LONGEST_MS = 5_000


class Canary:
    """Measures freshness in a thread of its own."""

    def __init__(self, serve: Serve, every_s: float = EVERY_S) -> None:
        self._serve = serve
        self._every_s = every_s
        self._samples: deque[tuple[float, float]] = deque(maxlen=1_000)  # (when, milliseconds)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="canary", daemon=True)
        self.sent = 0
        self.lost = 0
        self.t = 0  # of the stream, milliseconds; whoever reads INFO keeps it up to date

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End, waiting for the one under way."""
        self._stop.set()
        self._thread.join(timeout=LONGEST_MS / 1000 + 1)

    def percentile_ms(self, share: float) -> float | None:
        """Return the quantile `share` of freshness in the last seconds; None without samples."""
        since = time.monotonic() - WINDOW_S
        samples = sorted(fresh for when, fresh in list(self._samples) if when > since)
        return samples[min(len(samples) - 1, int(share * len(samples)))] if samples else None

    def _run(self) -> None:
        client: Client | None = None
        while not self._stop.wait(self._every_s):
            if self.t == 0:
                continue
            try:
                client = client or Client(self._serve, timeout_s=LONGEST_MS / 1000 + 1)
                self._samples.append((time.monotonic(), self._once(client)))
                self.sent += 1
            except BadAnswer:  # ingest starts again, or the instance ends
                self.lost += 1
                if client is not None:
                    client.close()
                client = None
        if client is not None:
            client.close()

    def _once(self, client: Client) -> float:
        began = time.perf_counter()
        position = client.ask("EVENT", NAME, NAME, "view", 1, self.t)
        client.ask("RECOMMEND", NAME, 1, "AFTER", str(position), "TIMEOUT", LONGEST_MS)
        return (time.perf_counter() - began) * 1000.0
