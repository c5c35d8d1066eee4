"""
What was read, on disk for the next start: one private file each, written as a whole or not at all.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Collection
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_log = logging.getLogger(__name__)
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_UNFINISHED: Final = ".part"
# Where the feed was; no request has this path.
_CURSOR: Final = "cursor"
# The two lines before a body.
_LONGEST_LINE: Final = 65_536
# How many writes go beyond the limits before the oldest files are removed.
_PRUNED_AFTER: Final = 64


# What a file that somebody else wrote may raise.
_DAMAGED: Final = (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError)


@frozen
class Kept:
    """
    A body, whose it is, and when the hub sent it, in seconds since 1970.
    """

    path: str
    tenant: str
    at: float
    body: bytes


class Disk:
    """
    The files of one hub and one key, in a folder of their own.

    What cannot be read, opened or understood counts as absent, and what cannot be written is
    reported in the log and otherwise harmless.

    Args:
        folder: Where the folders of all hubs are; it is made if it is absent.
        reader: Tells hubs and keys apart. Only its digest is on disk.
        secrets_key: Seals what is secret; without it, nothing secret is kept.
        most_entries: How many files are kept, about.
        most_bytes: How large they are together, about.

    Raises:
        ValueError: The key does not have 32 bytes.
    """

    def __init__(
        self,
        folder: Path,
        reader: str,
        *,
        secrets_key: bytes | None,
        most_entries: int,
        most_bytes: int,
    ) -> None:
        # A text of this length is easily taken for a key.
        key: object = secrets_key
        if key is not None and not (isinstance(key, bytes) and len(key) == _KEY_BYTES):
            raise ValueError("secrets_key must have 32 bytes")
        self._folder = folder / sha256(reader.encode()).hexdigest()[:32]
        self._secrets_key = secrets_key
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._written = 0

    async def read(self, path: str, *, secret: bool) -> Kept | None:
        """
        What is kept of *path*, if anything.
        """
        if secret and self._secrets_key is None:
            return None
        return await asyncio.to_thread(self._read, path, secret=secret)

    async def write(self, kept: Kept, *, secret: bool) -> None:
        """
        Keep it in place of what was kept before.
        """
        if not secret or self._secrets_key is not None:
            await asyncio.to_thread(self._write, kept, secret=secret)

    async def remove(self, path: str) -> None:
        """
        Keep nothing of *path*.
        """
        await asyncio.to_thread(self._remove, path)

    async def clear(self) -> None:
        """
        Keep nothing.
        """
        await asyncio.to_thread(self._clear)

    async def cursor(self) -> str | None:
        """
        What `keep_cursor` was given last.
        """
        kept = await self.read(_CURSOR, secret=False)
        return None if kept is None else kept.body.decode("utf-8", "replace")

    async def keep_cursor(self, cursor: str) -> None:
        """
        Keep where the feed is; it goes with `clear` only.
        """
        await self.write(Kept(_CURSOR, "", time.time(), cursor.encode()), secret=False)

    async def remove_of(self, tenants: Collection[str]) -> None:
        """
        Keep nothing of *tenants*.
        """
        await asyncio.to_thread(self._remove_of, tenants)

    def _read(self, path: str, *, secret: bool) -> Kept | None:
        try:
            digest, _, rest = self._file(path).read_bytes().partition(b"\n")
            if digest != _digest(rest):
                return None
            head, _, body = rest.partition(b"\n")
            said = json.loads(head)
            at = float(said["at"])
            # Not a number is not later, either.
            if said["path"] != path or not at >= 0:
                return None
            if secret:
                body = self._opened(path, bytes.fromhex(said["nonce"]), body)
            return Kept(path, str(said["tenant"]), min(at, time.time()), body)
        except _DAMAGED:
            return None

    def _write(self, kept: Kept, *, secret: bool) -> None:
        head = {"path": kept.path, "tenant": kept.tenant, "at": kept.at}
        body = kept.body
        if secret:
            nonce = os.urandom(_NONCE_BYTES)
            body = self._cipher().encrypt(nonce, body, kept.path.encode())
            head["nonce"] = nonce.hex()
        rest = json.dumps(head).encode() + b"\n" + body
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # It is private from the beginning.
            number, name = mkstemp(suffix=_UNFINISHED, dir=self._folder)
            try:
                with os.fdopen(number, "wb") as file:
                    file.write(_digest(rest) + b"\n" + rest)
                Path(name).replace(self._file(kept.path))
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise
            if self._written % _PRUNED_AFTER == 0:
                self._prune()
            self._written += 1
        except OSError as error:
            _log.warning("the cache of the hub cannot be written: %s", error.strerror)

    def _remove(self, path: str) -> None:
        with suppress(OSError):
            self._file(path).unlink()

    def _remove_of(self, tenants: Collection[str]) -> None:
        for file in self._folder.glob("*"):
            if file == self._file(_CURSOR):
                continue
            try:
                with file.open("rb") as opened:
                    opened.readline(_LONGEST_LINE)
                    gone = json.loads(opened.readline(_LONGEST_LINE))["tenant"] in tenants
            except _DAMAGED:
                gone = True
            if gone:
                with suppress(OSError):
                    file.unlink()

    def _clear(self) -> None:
        for file in self._folder.glob("*"):
            with suppress(OSError):
                file.unlink()

    def _file(self, path: str) -> Path:
        return self._folder / sha256(path.encode()).hexdigest()

    def _prune(self) -> None:
        cursor = self._file(_CURSOR)
        found = [(file.stat(), file) for file in self._folder.iterdir() if file != cursor]
        found.sort(key=lambda one: one[0].st_mtime, reverse=True)
        size = 0
        for number, (state, file) in enumerate(found):
            size += state.st_size
            if number >= self._most_entries or size > self._most_bytes:
                file.unlink(missing_ok=True)

    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - rare

        return AESGCM(self._secrets_key or b"")

    def _opened(self, path: str, nonce: bytes, body: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - rare

        try:
            return self._cipher().decrypt(nonce, body, path.encode())
        except InvalidTag:
            raise ValueError("sealed with another key") from None


def _digest(rest: bytes) -> bytes:
    return sha256(rest).hexdigest().encode()
