"""Memory of processes."""

import os

import numpy as np
import pytest

from deploy.machine.memory import anonymous_mib, peak_mib, proportional_mib, rss_mib


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="no Linux")
def test_memory_that_is_taken_counts_and_the_peak_stays() -> None:
    pid, before = os.getpid(), anonymous_mib(os.getpid())
    taken = np.ones(64 << 20, np.uint8)
    held, pss, resident = anonymous_mib(pid), proportional_mib(pid), rss_mib(pid)
    del taken

    assert held - before > 48
    assert pss <= resident + 1
    assert peak_mib() >= resident - 1
