"""A process of ours: its environment, and its end with the one that started it."""

import ctypes
import signal
import sys

# Small products are slower on several threads, and each process has its core; few arenas keep memory small.  Arrays of up
# to 32 MiB come from the heap: those that are mapped anew each time are paid for page by page, half the time of a fit.
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "134217728",
}
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Where the kernel can (Linux), have it end this process with the one that started it, whatever it is doing then."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
