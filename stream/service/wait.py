"""Wait until an event is applied, without blocking other requests."""

import asyncio
from collections.abc import Callable

LOOK_S = 0.002  # how often to look while somebody waits: each look wakes this process, which takes longer than looking


class Waiting:
    """Requests that wait for offsets; polls only while there are any.

    Args:
        applied: Partition -> the next offset that is not applied yet.
    """

    def __init__(self, applied: Callable[[int], int]) -> None:
        self._applied = applied
        self._places: dict[int, set[tuple[int, asyncio.Future[None]]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return sum(map(len, self._places.values()))

    async def reach(self, partition: int, offset: int, timeout_ms: int) -> bool:
        """True once the event at `offset` is applied, False when that takes longer than `timeout_ms`."""
        if self._applied(partition) > offset:
            return True
        loop = asyncio.get_running_loop()
        place = (offset, loop.create_future())
        self._places.setdefault(partition, set()).add(place)
        if self._timer is None:
            self._timer = loop.call_later(LOOK_S, self._look, loop)
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await place[1]
        except TimeoutError:
            return self._applied(partition) > offset
        finally:
            self._places.get(partition, set()).discard(place)
        return True

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        for partition, places in list(self._places.items()):
            applied = self._applied(partition)
            for offset, future in places:
                if offset < applied and not future.done():
                    future.set_result(None)
            if not places:
                del self._places[partition]
        self._timer = loop.call_later(LOOK_S, self._look, loop) if self._places else None
