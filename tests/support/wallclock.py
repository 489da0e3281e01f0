"""A wall clock that can be set under running processes, and a kernel that says whether it is synchronised.

A library laid below a process (LD_PRELOAD) adds to CLOCK_REALTIME, `time` and `gettimeofday` what a shared file says,
and answers adjtimex from it. CLOCK_MONOTONIC stays the real one, as it does when a clock is set, and so do
MONOTONIC_RAW and BOOTTIME, unless a test says for how long the machine has been up: what lasts for so much running time
must not depend on when the machine that runs the test was booted. libfaketime 0.9.10 leaves those alone, too
(FAKETIME_DONT_FAKE_MONOTONIC=1), but shifts the deadline of each
clock_nanosleep(TIMER_ABSTIME) on CLOCK_MONOTONIC, so that Python's `time.sleep` fails with EINVAL or sleeps for years.
Deadlines on CLOCK_REALTIME (sem_timedwait) are not shifted back: CPython waits on CLOCK_MONOTONIC.
"""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
import time
from pathlib import Path
from typing import Final, Self

FILE: Final = "EDGED_TEST_WALL_CLOCK"
NS_PER_S: Final = 1_000_000_000
_TOLD: Final = struct.Struct("=qqq")
"""Nanoseconds that are added, whether the clock is synchronised, and nanoseconds taken from what counts since boot."""
_SOURCE: Final = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static const volatile struct { int64_t added_ns, synced, before_boot_ns; } *told;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("EDGED_TEST_WALL_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    if (fd < 0)
        return;
    void *page = mmap(NULL, sizeof *told, PROT_READ, MAP_SHARED, fd, 0);
    told = page == MAP_FAILED ? NULL : page;
    close(fd);
}

int clock_gettime(clockid_t id, struct timespec *at)
{
    if (!real)
        begin();
    int failed = real(id, at);
    int64_t added_ns = 0;
    if (told && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        added_ns = told->added_ns;
    else if (told && (id == CLOCK_BOOTTIME || id == CLOCK_MONOTONIC_RAW))
        added_ns = -told->before_boot_ns;
    if (!failed && added_ns) {
        int64_t ns = at->tv_sec * INT64_C(1000000000) + at->tv_nsec + added_ns;
        at->tv_sec = ns / 1000000000;
        at->tv_nsec = ns % 1000000000;
    }
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at)
        *at = now.tv_sec;
    return now.tv_sec;
}

int adjtimex(struct timex *asked)
{
    (void)asked;
    return told && told->synced ? TIME_OK : TIME_ERROR;
}
"""


class WallClock:
    """Context manager: the clock of every process that is started with `environment`.

    `up_s`: for how long the machine has been up; None: for as long as it has.
    """

    def __init__(self, folder: Path, *, synced: bool = False, up_s: float | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        compiler = shutil.which("gcc")
        if compiler is None:
            raise FileNotFoundError("gcc is missing: script/setup test")
        source, library, file = folder / "wallclock.c", folder / "wallclock.so", folder / "wallclock"
        source.write_text(_SOURCE)
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"], check=True)
        up_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self._before_boot_ns = 0 if up_s is None else up_ns - round(up_s * NS_PER_S)
        file.write_bytes(_TOLD.pack(0, synced, self._before_boot_ns))
        self.environment = {"LD_PRELOAD": str(library), FILE: str(file)}
        self.off_s = 0.0
        """How far it is from the truth."""
        with file.open("r+b") as opened:
            self._page = mmap.mmap(opened.fileno(), _TOLD.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._page.close()

    def put(self, off_s: float, *, synced: bool = False) -> None:
        """From now on it is so far off. Stores of eight bytes: nobody reads half of one."""
        self.off_s = off_s
        self._page[:] = _TOLD.pack(round(off_s * NS_PER_S), synced, self._before_boot_ns)

    def set(self, wall_s: float) -> None:
        """From now on it goes on from there, in seconds since 1970."""
        self.put(wall_s - time.time())
