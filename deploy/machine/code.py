"""Let go of program code that is mapped and not needed any more: LLVM's, once kernels are loaded."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

LLVM: Final = "libllvmlite"
MADV_DONTNEED: Final = 4
_RANGE: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-.p .*")


def release(library: str = LLVM) -> int:
    """Take a library's unchanged read-only pages out of this process, and return how many bytes were resident.

    Compiled kernels do not run in LLVM, which only loads them: 70 of a reader's 230 MB.  What is needed of it later is
    mapped again, from the file or from the system's cache of it.  Pages that were written to, as by the loader, stay.
    """
    maps = Path("/proc/self/smaps")
    if not maps.exists():
        return 0
    advise = ctypes.CDLL(None, use_errno=True).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    let_go = 0
    for begin, end, resident in list(_clean(maps.read_text().splitlines(), library)):
        if resident and advise(begin, end - begin, MADV_DONTNEED) == 0:
            let_go += resident
    return let_go


def _clean(lines: list[str], library: str) -> Iterator[tuple[int, int, int]]:
    """Yield the ranges of a library that are read-only and hold no page of this process alone, with what is resident."""
    place: tuple[int, int] | None = None
    resident = 0
    for line in lines:
        name, _, value = line.partition(":")
        if "-" in name:  # a range begins
            found = _RANGE.fullmatch(line)
            place = (int(found[1], 16), int(found[2], 16)) if found and library in line else None
        elif place is not None and name == "Rss":
            resident = 1024 * int(value.split()[0])
        elif place is not None and name == "Anonymous" and int(value.split()[0]) == 0:
            yield *place, resident
            place = None
