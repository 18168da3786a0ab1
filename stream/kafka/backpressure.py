"""Producer back-pressure: never more than so many records ahead of the reader, for a broker with little room."""

from collections.abc import Callable, Mapping


class Backpressure:
    """Limit how far a producer may be ahead of the consumer.

    Args:
        ahead: How many records the writer may be ahead of the reader in any partition.
        applied: Partition -> the next offset the reader has not read.
    """

    def __init__(self, ahead: int, applied: Callable[[int], int]) -> None:
        self._ahead, self._applied = ahead, applied
        self._room = 0  # records that can be sent before looking again

    def wait(
        self, ends: Mapping[int, int], queued: Callable[[], int], serve: Callable[[float], object]
    ) -> None:
        """Return once the next record may be sent.

        Args:
            ends: Partition -> the offset after our last record at the broker; `serve` lets it grow.
            queued: How many records the broker does not have yet.
            serve: Let the client work for up to so many seconds.
        """
        self._room -= 1
        while self._room < 0:
            behind = max((end - self._applied(partition) for partition, end in ends.items()), default=0)
            self._room = self._ahead - behind - queued() - 1
            if self._room < 0:
                serve(0.002)
