"""Memory that a process gives back to the machine, where Python would keep it.

For a process that stays and mostly waits. Imports ctypes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

MADV_DONTNEED: Final = 4
M_ARENA_MAX: Final = -8
_LIBC: Final[Any] = ctypes.CDLL(None)


def release_start_pages() -> None:
    """`release_pages` of a process that has no threads yet: another one may map something else where a library was when
    this read the list. With threads nothing is done.

    Most pages were needed once, to link and to import: tables of symbols, code that builds tables.
    """
    if len([*Path("/proc/self/task").iterdir()]) == 1:
        release_pages(file_pages())


def file_pages() -> list[tuple[int, int]]:
    """From where to where programs and libraries are mapped to be read."""
    with Path("/proc/self/smaps").open() as smaps:
        return [*unwritten(smaps)]


def release_pages(spans: Iterable[tuple[int, int]]) -> None:
    """Let go of what is in memory of them; what is in use comes back from the kernel's cache by itself."""
    for start, end in spans:
        _LIBC.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_DONTNEED)


def unwritten(smaps: Iterable[str]) -> Iterator[tuple[int, int]]:
    """From where to where programs and libraries are mapped to be read, and hold nothing but what is in the file. What
    the linker wrote into a library, and then protected, is its own copy, and would be lost. Other files are left alone:
    where they were, something else may be mapped meanwhile.
    """
    found: list[tuple[str, str]] = []
    programs: set[str] = set()
    span = mode = file = ""
    for line in smaps:
        name, value, *more = line.split()
        if not name.endswith(":"):
            span, mode, file = name, value, " ".join(more[1:3])
            if "x" in mode:
                programs.add(file)
        elif name == "Anonymous:" and "w" not in mode and value == "0":
            found.append((span, file))
    for span, file in found:
        if file in programs and not file.endswith(" 0"):
            start, end = span.split("-")
            yield int(start, 16), int(end, 16)


def share_heap() -> None:
    """One heap for all threads that are still to come, in place of up to eight for each processor: what one of them
    has freed serves the next. For threads that mostly wait, and would seldom wait for each other here.
    """
    _LIBC.mallopt(M_ARENA_MAX, 1)


def release_heap() -> None:
    """What was freed within the heap, too. The next that needs as much pays for it: 2 µs for each page of 4 KiB."""
    _LIBC.malloc_trim(0)
