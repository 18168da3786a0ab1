"""Memory and computing time of a process, as Linux counts them in /proc, and whether shared memory has room for the budgets."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

from state.error import NoMemory
from stream.generation import room
from stream.generation.generation import Generation

MIB = 1 << 20
WHERE = "make it larger (docker run --shm-size), lower state.max_users or state.max_items, or name another folder in state.live"


def _field(file: str, name: str) -> float:
    """Return a field of a file in /proc in MiB."""
    lines = Path(file).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def rss_mib(pid: int) -> float:
    """Return a process's resident set in MiB."""
    return _field(f"/proc/{pid}/status", "VmRSS")


def anonymous_mib(pid: int) -> float:
    """Return the memory a process holds for itself, without what is mapped from files, in MiB."""
    return _field(f"/proc/{pid}/status", "RssAnon")


def proportional_mib(pid: int) -> float:
    """Return the memory a process holds, with its share of what several map, in MiB."""
    return _field(f"/proc/{pid}/smaps_rollup", "Pss")


def peak_mib() -> float:
    """Return the most memory this process has held; `getrusage` would count that of the process it was started by."""
    if Path("/proc/self/status").exists():
        return _field("/proc/self/status", "VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu_s(pid: int) -> float:
    """Return the seconds a process has computed so far, its own and the kernel's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def check(generation: Generation, count: Callable[[str], int]) -> str:
    """Return a warning where the budgets are larger than what is free, empty where there is room for all of them.

    Args:
        count: The name of a table -> how many of its rows are to be loaded.

    Raises:
        NoMemory: There is no room for what is to be loaded.
    """
    found, load = room.budget(generation), room.saved(generation, count)
    if load > found.free:
        raise NoMemory(
            f"{generation.live} has {found.free / MIB:,.0f} MiB free, what is stored needs {load / MIB:,.0f} MiB; {WHERE}"
        )
    if found.most <= found.free:
        return ""
    left = max(0, found.free - load)
    users, items = count("user"), count("item")
    return (
        f"{generation.live} has {found.free / MIB:,.0f} MiB free, the budgets may take {found.most / MIB:,.0f} MiB: beside "
        f"{users:,} users and {items:,} items there is room for about {left // 2 // found.user:,} users and "
        f"{left // 2 // found.item:,} items more; learning stops when it is full: {WHERE}"
    )
