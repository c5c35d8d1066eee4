"""
Files that only their owner can read, written without following links.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO

from odoo_ai_config.adapters.private_files import PRIVATE_FILE, make_private_folder, write_durably

_FOLDER: Final = 0o700
# Traversing a folder does not need the right to list it, if the system has a flag for that.
_THROUGH: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY


def write_private(folder: Path, place: Path, text: str) -> None:
    """
    Write *text* to *place* below *folder*, completely or not at all.

    Missing folders are created. An existing file is replaced with a new private one.

    Raises:
        OSError: It cannot be written, or there is a link below *folder*. Its `filename` is the
            file or folder in question.
    """
    make_private_folder(folder)
    inside, path = os.open(folder, _THROUGH), folder
    try:
        for name in place.parts[:-1]:
            path /= name
            # It stays open, so a link in its place later changes nothing.
            outside, inside = inside, _entered(inside, path)
            os.close(outside)
        _replace(inside, path / place.name, text)
    finally:
        os.close(inside)


def append_private(path: Path) -> TextIO:
    """
    Open the file at *path* to append to it.

    Raises:
        OSError: It cannot be opened, or is a link.
    """
    flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, PRIVATE_FILE)
    except OSError as error:
        raise _told(error, path) from error
    return os.fdopen(descriptor, "a", encoding="utf-8")


def _entered(inside: int, path: Path) -> int:
    try:
        with suppress(FileExistsError):
            os.mkdir(path.name, _FOLDER, dir_fd=inside)
        return os.open(path.name, _THROUGH | os.O_NOFOLLOW, dir_fd=inside)
    except OSError as error:
        raise _told(error, path, inside) from error


def _replace(inside: int, path: Path, text: str) -> None:
    if _is_link(path, inside):
        # It could be replaced, but its owner may not expect that.
        raise _link_at(path)
    fresh = f".{path.name}.new"
    try:
        # Left behind by a process that was killed here.
        with suppress(FileNotFoundError):
            os.unlink(fresh, dir_fd=inside)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
        descriptor = os.open(fresh, flags, PRIVATE_FILE, dir_fd=inside)
        try:
            # Otherwise a power loss may leave the new name without the text.
            write_durably(descriptor, text.encode())
            os.replace(fresh, path.name, src_dir_fd=inside, dst_dir_fd=inside)
        except OSError:
            os.unlink(fresh, dir_fd=inside)
            raise
    except OSError as error:
        raise _told(error, path, inside) from error


def _told(error: OSError, path: Path, inside: int | None = None) -> OSError:
    # With the whole path, and a clear text for links.
    if _is_link(path, inside):
        return _link_at(path)
    return OSError(error.errno, error.strerror, str(path))


def _link_at(path: Path) -> OSError:
    return OSError(errno.ELOOP, "é um link, e links não são seguidos", str(path))


def _is_link(path: Path, inside: int | None) -> bool:
    name = path if inside is None else path.name
    with suppress(OSError):
        return stat.S_ISLNK(os.stat(name, dir_fd=inside, follow_symlinks=False).st_mode)
    return False
