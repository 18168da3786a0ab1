"""The machine a report was measured on: processor, memory, load, version and settings."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from deploy.config.loader import NAMES, get, masked
from deploy.config.schema import Config


def machine(config: Config) -> dict[str, Any]:
    """Return what the figures depend on; of the settings those that are not the defaults, secrets hidden."""
    usual = Config()
    return {
        "version": version("riverwalk"),
        "python": platform.python_version(),
        "cpu": _named("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "settings": {name: masked(config, name) for name in NAMES if get(config, name) != get(usual, name)},
    }


def load() -> list[float]:
    """Return how many processes wanted a core, on average of the last 1, 5 and 15 minutes."""
    return [round(one, 2) for one in os.getloadavg()]


def _named(file: str, name: str) -> str:
    """Return the first value of a name in a file of /proc, empty where there is none."""
    path = Path(file)
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
