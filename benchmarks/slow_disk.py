"""
Credentials events and messages on a slow disk.

The cost of a durable transaction differs by a factor of ten between machines, and so does the gain
of committing many changesets together. Here every flush takes a given time longer.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure
from benchmarks.messages import acknowledging_on
from benchmarks.over_http import credentials_on

# Preloaded before the C library: flushes as it does, then waits.
_SLOWER_FLUSH = """
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>

static int waited(long result) {
    struct timespec pause = {0, %d};
    nanosleep(&pause, 0);
    return (int) result;
}
int fsync(int file) { return waited(syscall(SYS_fsync, file)); }
int fdatasync(int file) { return waited(syscall(SYS_fdatasync, file)); }
"""
# With the cost of a transaction on the machine of record, 0.6 and 1.0 ms.
_EXTRA_MICROSECONDS = (350, 750)


def slow_credentials() -> Iterator[Figure]:
    """
    Credentials events at 16 connections against the naive floor, with a slower disk for both.
    """
    yield from _slowly(credentials_on)


def slow_messages() -> Iterator[Figure]:
    """
    Messages at 50 connections against the naive floor, with a slower disk for both.
    """
    yield from _slowly(acknowledging_on)


def _slowly(work: Callable[..., Iterator[Figure]]) -> Iterator[Figure]:
    compiler = shutil.which("cc")
    if compiler is None:
        print("(no C compiler: the slower disk is left out)")
        return
    with TemporaryDirectory() as folder:
        for extra in _EXTRA_MICROSECONDS:
            source, library = Path(folder, f"{extra}.c"), Path(folder, f"{extra}.so")
            source.write_text(_SLOWER_FLUSH % (extra * 1000), encoding="ascii")
            subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
            yield from work(f"a disk whose flush takes {extra} µs longer", LD_PRELOAD=str(library))
