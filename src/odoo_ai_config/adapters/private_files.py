"""
Files that only their owner can use, written so that a loss of power does not undo it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

PRIVATE_FILE: Final = 0o600
_PRIVATE_FOLDER: Final = 0o700


def make_private_folder(folder: Path) -> None:
    """
    Make *folder*, and what is missing above it, for its owner only.
    """
    # Not with `parents`, which ignores the mode for the folders above.
    for path in reversed((folder, *folder.parents)):
        path.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)


def write_durably(descriptor: int, content: bytes) -> None:
    """
    Write *content* to an open file, close it, and return once the disk has it.
    """
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """
    Return once the disk has the names of the files in *folder*.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
