"""
The memory that copies, backups and restores take, of a store with large records.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.figures import Figure, at_most
from benchmarks.processes import PROGRAM
from odoo_ai_config.entrypoints.library import open_hub
from odoo_ai_config.entrypoints.settings import read_settings

_SIZES = (64, 256)
_TEXT = 64 * 1024
_IN_ONE_COLLECTION = 256
_COMMANDS = (
    ("backup", "hub.backup"),
    ("restore", "hub.backup", "--to", "sqlite:///restored.db"),
    ("copy", "--to", "sqlite:///copied.db"),
)


def copying() -> Iterator[Figure]:
    """
    The most memory that each command takes with 256 MiB of items, by that with 64 MiB.
    """
    found = {size: _measured(size) for size in _SIZES}
    few, many = (found[size] for size in _SIZES)
    for name, *_ in _COMMANDS:
        detail = ", ".join(
            f"{one[name][0]:.0f} MiB in {one[name][1]:.1f} s" for one in (many, few)
        )
        yield at_most(
            f"memory of {name}, 256 MiB of items / 64 MiB",
            1.25,
            many[name][0] / few[name][0],
            "x",
            detail,
        )


def _measured(size: int) -> dict[str, tuple[float, float]]:
    """
    MiB and seconds of each command, with *size* MiB in the store.
    """
    with TemporaryDirectory() as folder:
        asyncio.run(_fill(Path(folder), size * 2**20 // _TEXT))
        return {command[0]: _run(Path(folder), command) for command in _COMMANDS}


async def _fill(folder: Path, count: int) -> None:
    settings = read_settings(environment={}, flags={"data_dir": str(folder / "var")})
    async with open_hub(settings) as hub:
        for first in range(0, count, _IN_ONE_COLLECTION):
            # They do not compress well.
            items = {
                str(one): {"text": os.urandom(_TEXT // 2).hex()}
                for one in range(_IN_ONE_COLLECTION)
            }
            await hub.collection("acme", f"items_{first}").replace(items)


def _run(folder: Path, command: tuple[str, ...]) -> tuple[float, float]:
    start = perf_counter()
    with subprocess.Popen(
        [str(PROGRAM), *command], cwd=folder, stdout=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(command)
    return usage.ru_maxrss / 1024, perf_counter() - start
