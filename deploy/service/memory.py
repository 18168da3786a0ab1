"""Memory of a process, as Linux counts it in /proc."""

from __future__ import annotations

import resource
from pathlib import Path


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
