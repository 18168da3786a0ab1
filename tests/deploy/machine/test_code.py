"""Code of LLVM is let go of, and what was compiled, and what is compiled later, works."""

import os
import sys

import pytest
from numba import njit

from deploy.machine.code import release
from deploy.machine.memory import rss_mib


@pytest.mark.skipif(sys.platform != "linux", reason="pages are taken out on Linux alone")
def test_a_process_has_less_memory_without_llvm_and_kernels_work_on() -> None:
    double = njit(lambda x: 2 * x)
    assert double(3) == 6
    before = rss_mib(os.getpid())

    let_go = release()

    assert let_go > 20 << 20
    assert before - rss_mib(os.getpid()) > 20
    assert double(4) == 8
    assert double(0.5) == 1.0  # compiled now


def test_a_library_that_is_not_there_has_nothing_to_let_go_of() -> None:
    assert release("no such library") == 0
