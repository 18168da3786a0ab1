"""Memory of a model before it runs, and what would fit where it does not."""

from __future__ import annotations

from pathlib import Path

from deploy.compare.plan.ladder import counted
from deploy.compare.plan.pace import Size
from deploy.evaluate.model import counted as counts
from deploy.evaluate.model import engine
from deploy.evaluate.setting import FITTED, PYG

MIB, GB = 1 << 20, 1e9
MOST = 8_000_000_000  # bytes of one model's process
SPARE = 0.9  # of what is available that is given out
PROGRAM, PROGRAM_TORCH = 250 * MIB, 950 * MIB  # held before the log is read, and kept free by the heap
EVENT = 500  # bytes of an event while a log is read
PYG_NODE, PYG_EVENT = 8_000, 1_200  # bytes of a node and of a training event of PyG's recipe


def available() -> int:
    """Return the bytes that processes may take now."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return MOST


def limit() -> int:
    """Return the bytes that one model's process may take."""
    return min(MOST, int(SPARE * available()))


def needed(name: str, size: Size) -> int:
    """Return an upper estimate of the bytes that a model's process takes.

    Of a fitted model, its own estimate is asked.
    """
    log = EVENT * size.events
    if base := counted(name):
        return PROGRAM + log + counts.memory(base, size.users, size.items, size.events)
    if name in FITTED:
        return PROGRAM_TORCH + log + FITTED[name]().memory(size.users, size.items, size.train)
    if name == PYG:
        return PROGRAM_TORCH + log + PYG_NODE * (size.users + size.items) + PYG_EVENT * size.train
    return PROGRAM_TORCH + log + engine.memory(size.users, size.items, size.events)


def refusal(name: str, size: Size, most: int) -> str:
    """Return why a model does not run: what it needs, what there is, and what would fit; empty where it fits."""
    found = needed(name, size)
    if found <= most:
        return ""
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if needed(name, scaled(size, middle)) <= most else (low, middle)
    fits = scaled(size, low)
    what = (
        f"{fits.users:,} users with {fits.events:,} events on {fits.items:,} items would fit; give a smaller log, or --quick"
        if fits.events >= 1_000
        else "no part of this log would fit; leave it out, or take a machine with more"
    )
    return f"it needs about {found / GB:.1f} GB and may take {most / GB:.1f} GB: {what}"


def scaled(size: Size, share: float) -> Size:
    """Return the size of a part of a log."""
    return Size(*(int(share * one) for one in size))
