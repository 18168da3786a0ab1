"""Memory of processes."""

import mmap
import os

import numpy as np
import pytest

from deploy.machine.memory import anonymous_mib, peak_mib, proportional_mib, rss_mib


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="no Linux")
def test_memory_that_is_taken_counts_and_the_peak_stays() -> None:
    pid, before = os.getpid(), anonymous_mib(os.getpid())
    taken = mmap.mmap(
        -1, 64 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    )  # none that the process has already
    np.frombuffer(taken, np.uint8)[:] = 1
    held, pss, resident = anonymous_mib(pid), proportional_mib(pid), rss_mib(pid)
    taken.close()

    assert held - before > 48
    assert pss <= resident + 1
    assert peak_mib() >= resident - 1
