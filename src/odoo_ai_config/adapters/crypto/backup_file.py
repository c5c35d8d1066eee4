"""
The file of a backup: compressed records, encrypted if there is a passphrase.

A line of JSON says what it is. Frames follow, each with its length; the last one is empty. With a
passphrase each is sealed by AES-256-GCM under a key of its own file, by scrypt. The nonce counts
the frames and tells the last one, and the first line is authenticated with each: frames can be
neither moved, nor cut off, nor put behind another line.
"""

from __future__ import annotations

import os
import zlib
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

import orjson
from attrs import define, field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from odoo_ai_config.adapters.private_files import PRIVATE_FILE, sync_folder
from odoo_ai_config.application.errors import StoreFailure, StoreUnusableError
from odoo_ai_config.application.ports.store_records import RecordKind
from odoo_ai_config.domain.credentials.secrets import SecretText

_FORMAT: Final = "odoo-ai-config backup 1"
_FRAME: Final = 2**18
# A frame ends with a record, so it is as long as that may be; what it unpacks to is read in parts.
_LARGEST_FRAME: Final = 2**26
_PART: Final = 2**20
# More than any record of a store has: a small file that unpacks to more is none of ours.
_LONGEST_RECORD: Final = 2**27
_LARGEST_HEAD: Final = 2**16
_LENGTH: Final = 4
_SALT: Final = 16
_COUNTER: Final = 11
_TAG: Final = 16
_KEY: Final = 32
# 128 MiB and half a second for each guess.
_COST: Final = 17
_KIND_END: Final = b"\t"


@frozen
class BackupHead:
    """
    What a backup says of itself without its passphrase.

    Args:
        made_at: The moment that it shows, or shortly before.
        master_ids: The fingerprints of the master keys that its sealed values need.
        salt: Of the passphrase; None if there is none.
    """

    made_at: datetime
    master_ids: Sequence[str]
    salt: bytes | None = None

    def line(self) -> bytes:
        told = {
            "format": _FORMAT,
            "made_at": self.made_at.isoformat(),
            "master_ids": list(self.master_ids),
            "salt": None if self.salt is None else b64encode(self.salt).decode(),
        }
        return orjson.dumps(told) + b"\n"


@define
class BackupWriter:
    """
    Writes records into a backup; made by `writing_backup`.
    """

    _file: BinaryIO
    _line: bytes
    _cipher: AESGCM | None
    _packer: zlib._Compress = field(factory=zlib.compressobj)
    _waiting: bytearray = field(factory=bytearray)
    _frames: int = 0

    def write(self, kind: RecordKind, encoded: bytes) -> None:
        """
        Write one record. JSON has no line ends.
        """
        self._waiting += self._packer.compress(kind.value.encode() + _KIND_END + encoded + b"\n")
        if len(self._waiting) >= _FRAME:
            self._send()

    def finish(self) -> None:
        """
        End the file.
        """
        self._waiting += self._packer.flush()
        self._send()
        self._send()

    def _send(self) -> None:
        content = bytes(self._waiting)
        if self._cipher is not None:
            nonce = _nonce(self._frames, last=not content)
            content = self._cipher.encrypt(nonce, content, self._line)
        self._file.write(len(content).to_bytes(_LENGTH) + content)
        self._waiting.clear()
        self._frames += 1


@contextmanager
def writing_backup(
    path: Path,
    *,
    made_at: datetime,
    master_ids: Collection[str],
    passphrase: SecretText | None = None,
) -> Iterator[BackupWriter]:
    """
    A new backup at *path*, which is there once the context has ended without an error.

    The other arguments are those of `BackupHead`.

    Raises:
        OSError: It cannot be written, or there is something at *path*.
    """
    if path.exists():
        raise FileExistsError(0, "já existe", str(path))
    if not path.parent.is_dir():
        # The name that the file has until it is whole is no name to be told.
        raise FileNotFoundError(0, "a pasta não existe", str(path.parent))
    unfinished = path.with_name(f".{path.name}.unfinished")
    # Left behind by a process that was killed.
    unfinished.unlink(missing_ok=True)
    salt = None if passphrase is None else os.urandom(_SALT)
    head = BackupHead(made_at, sorted(master_ids), salt)
    line = head.line()
    descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(line)
            writer = BackupWriter(file, line, _cipher_of(head, passphrase))
            yield writer
            writer.finish()
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(path.absolute().parent)


@frozen
class BackupReader:
    """
    Reads a backup; made by `reading_backup`.
    """

    head: BackupHead
    _file: BinaryIO
    _line: bytes

    def records(self, passphrase: SecretText | None) -> Iterator[tuple[RecordKind, bytes]]:
        """
        Its records, each of which may be used before all are read: the end says if they are whole.

        Raises:
            StoreUnusableError: It is damaged, not whole, or the passphrase is another.
        """
        if self.head.salt is not None and passphrase is None:
            raise _unusable("é criptografado; indique a senha com --passphrase-file")
        if self.head.salt is None and passphrase is not None:
            # Whoever has a passphrase relies on it: only who knows it can have made the file.
            raise _unusable("não é criptografado; se é o certo, repita sem --passphrase-file")
        for line in self._lines(_cipher_of(self.head, passphrase)):
            name, _, text = line.partition(_KIND_END)
            try:
                kind = RecordKind(name.decode())
            except ValueError:
                raise _damaged() from None
            yield kind, text

    def _lines(self, cipher: AESGCM | None) -> Iterator[bytes]:
        unpacker, rest = zlib.decompressobj(), bytearray()
        try:
            for frame in self._frames(cipher):
                content = frame
                while content:
                    # A small frame may hold very much.
                    first, *others = unpacker.decompress(content, _PART).split(b"\n")
                    content = unpacker.unconsumed_tail
                    rest += first
                    if len(rest) > _LONGEST_RECORD or unpacker.unused_data:
                        raise _damaged()
                    for other in others:
                        yield bytes(rest)
                        rest = bytearray(other)
        except zlib.error:
            raise _damaged() from None
        if rest or not unpacker.eof:
            raise _damaged()

    def _frames(self, cipher: AESGCM | None) -> Iterator[bytes]:
        number = 0
        while True:
            length = self._file.read(_LENGTH)
            size = int.from_bytes(length)
            content = self._file.read(size) if size <= _LARGEST_FRAME else b""
            if len(length) < _LENGTH or len(content) < size or size > _LARGEST_FRAME:
                raise _damaged()
            if cipher is not None:
                try:
                    nonce = _nonce(number, last=size == _TAG)
                    content = cipher.decrypt(nonce, content, self._line)
                except InvalidTag:
                    if number:
                        raise _damaged() from None
                    raise _unusable("não abre com esta senha, ou está danificado") from None
            if not content:
                # Nothing authenticates what is behind the end: it is none of ours.
                if self._file.read(1):
                    raise _unusable("tem algo depois do fim; está danificado ou foi alterado")
                return
            yield content
            number += 1


@contextmanager
def reading_backup(path: Path) -> Iterator[BackupReader]:
    """
    The backup at *path*, for as long as the context lasts.

    Raises:
        OSError: It cannot be read.
        StoreUnusableError: It is no backup, or one of a newer version.
    """
    with path.open("rb") as file:
        line = file.readline(_LARGEST_HEAD)
        yield BackupReader(_head_of(line), file, line)


def _head_of(line: bytes) -> BackupHead:
    try:
        told = orjson.loads(line)
        if told["format"] == _FORMAT:
            salt = told["salt"]
            return BackupHead(
                datetime.fromisoformat(told["made_at"]),
                tuple(map(str, told["master_ids"])),
                None if salt is None else b64decode(salt, validate=True),
            )
    except (ValueError, TypeError, LookupError):
        pass
    raise _unusable("não é um backup do odoo-ai-config, ou é de uma versão mais nova")


def _cipher_of(head: BackupHead, passphrase: SecretText | None) -> AESGCM | None:
    if head.salt is None or passphrase is None:
        return None
    derived = Scrypt(head.salt, length=_KEY, n=2**_COST, r=8, p=1)
    return AESGCM(derived.derive(passphrase.reveal_utf8()))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_COUNTER) + bytes([last])


def _damaged() -> StoreUnusableError:
    return _unusable("está danificado ou incompleto")


def _unusable(what: str) -> StoreUnusableError:
    return StoreUnusableError(f"O arquivo {what}.", StoreFailure.CORRUPT)
