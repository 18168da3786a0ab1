"""The learner process: learn from what ingest hands over, save what is learned in a store of its own.

Torch is loaded here and in no other process, and only where something is to be learned.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.config import room
from deploy.config.schema import BadConfig, Config
from deploy.machine import kernel
from deploy.service.checkpoint import Checkpoints
from deploy.service.child import CONNECTED
from deploy.service.folder import LEARNED, TABLES
from stream.file.feature import BadColumn, read
from stream.generation.generation import WRITTEN, Generation, current
from stream.generation.learned import Learned, current_learned, learned_folder
from stream.health.page import LEARNER, LOADING, RUNNING, Health, Page
from stream.health.pulse import Pulse
from stream.lane.pair import BACKLOG, Receiver
from stream.learning.feature import Explicit
from stream.learning.store import clear_unnamed, open_learned

if TYPE_CHECKING:
    from stream.learning.learning import Learning

LOOK_S = 0.05
NICEST, SETTLED_S = 19, 2.0  # the learner's priority once nothing has been behind for so long


def learn(config: Config, stop: threading.Event, ready: Callable[[str], None]) -> None:
    """Load what was learned, then learn from what ingest hands over, and save, until `stop`."""
    began = time.monotonic()
    pulse = Pulse(Page(Path(config.state.live) / LEARNER, Health, write=True))
    kernel.watch(pulse.compile)
    pulse.enter(LOADING)
    live, root = Path(config.state.live) / TABLES, Path(config.state.folder)
    live.mkdir(parents=True, exist_ok=True)

    # 1. New learned tables, filled from the store
    learned = room.learned(config, learned_folder(live, current_learned(live) + 1))
    store = open_learned(root / LEARNED, learned)
    try:
        # 2. The generation that ingest writes; readers use the learned tables from here on
        generation = _wait(config, live, learned, pulse, stop)
        if generation is None:
            return
        clear_unnamed(generation)
        learned.publish(live)
        seconds, count = time.monotonic() - began, int(learned.quality["learned"])
        ready(f"ready in {seconds:.1f} s: {count:,} events learned from")

        # 3. Learn until the end
        from stream.learning.follower import Follower

        learning = _learning(config, generation)
        follower = Follower(
            generation,
            learning,
            store,
            receive=lambda one: _lanes(config, one),
            follow=lambda one: _newest(config, live, learned, one),
            pulse=pulse,
            save_seconds=config.learn.save_seconds,
        )
        copies = Checkpoints(root, follower.checkpoint, LEARNED)
        follower.chores += [copies.step, step_back(lambda: int(follower.generation.status["lag"]))]
        pulse.enter(RUNNING)
        ready(CONNECTED)
        follower.run(stop.is_set)
    finally:
        store.close()


def step_back(lag: Callable[[], int], now: Callable[[], float] = time.monotonic) -> Callable[[], None]:
    """Return a chore that gives this process a lower priority for good, once no backlog waits that it started with.

    While a backlog is read nobody waits for what is counted, so that learning has an equal share of few cores; later
    answers and counting come first.  Where the kernel knows SCHED_IDLE (Linux) it is that: a core on which nothing else
    runs then counts as free to all others, which a core with a process of nice 19 does not.

    Args:
        lag: Returns how many events wait in the topic, below 0 while that is not known.
    """
    since, done = now(), False

    def chore() -> None:
        nonlocal since, done
        if done:
            return
        if not 0 <= lag() <= BACKLOG:
            since = now()
        elif now() - since > SETTLED_S:
            done = True
            # Linux has a priority for each thread, and refitting is done in one beside
            for thread in threading.enumerate():
                _lower(0 if thread is threading.current_thread() else thread.native_id or 0)

    return chore


def _lower(thread: int) -> None:
    """Give a thread the lowest priority there is; 0 is the caller's."""
    with suppress(OSError):  # it has ended
        os.setpriority(os.PRIO_PROCESS, thread, NICEST)
    with suppress(OSError, AttributeError):  # refused, or no Linux: nice alone
        os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))


def explicit(config: Config, generation: Generation) -> Explicit | None:
    """Return the explicit features of items and users that files name.

    Raises:
        BadConfig: A file that cannot be read.
    """
    learn = config.learn
    if not (learn.item_columns or learn.user_columns):
        return None
    try:
        items, users = (
            read(Path(name), learn.columns) if name else {}
            for name in (learn.item_columns, learn.user_columns)
        )
    except BadColumn as exc:
        raise BadConfig(str(exc)) from exc
    return Explicit(generation, items, users)


def _learning(config: Config, generation: Generation) -> Learning | None:
    learn = config.learn
    if not learn.enabled:
        return None
    import torch

    from stream.learning.learning import Learning

    torch.set_num_threads(1)
    return Learning(generation, seed=learn.seed, background=True, explicit=explicit(config, generation))


def _wait(
    config: Config, live: Path, learned: Learned, pulse: Pulse, stop: threading.Event
) -> Generation | None:
    """Return the generation that ingest writes, once there is one; None when it is to end before."""
    while not stop.is_set():
        pulse.beat()
        if current(live, WRITTEN):
            return _open(config, live, learned, current(live, WRITTEN))
        stop.wait(LOOK_S)
    return None


def _newest(config: Config, live: Path, learned: Learned, known: Generation) -> Generation:
    number = current(live, WRITTEN)
    return known if number == known.number else _open(config, live, learned, number)


def _open(config: Config, live: Path, learned: Learned, number: int) -> Generation:
    learn = config.learn
    return Generation(
        room.graph_settings(config),
        room.tgn_settings(config),
        room.limits(config),
        live=live,
        number=number,
        write=False,
        learned=learned,
        named=bool(learn.item_columns or learn.user_columns),
    )


def _lanes(config: Config, generation: Generation) -> Receiver:
    assert generation.live is not None
    folder = generation.live / str(generation.number)
    return Receiver(folder, generation.tgn.history, room.lane_settings(config))
