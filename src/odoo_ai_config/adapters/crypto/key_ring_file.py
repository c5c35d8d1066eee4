"""
The places of master keys: a private file, or a setting where the environment holds secrets.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import json
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, Final, NoReturn

import structlog
from attrs import frozen

from odoo_ai_config.adapters.crypto.key_ring import (
    KeyRing,
    KeyRingSource,
    KeyRingStatus,
    MasterKey,
)
from odoo_ai_config.adapters.private_files import (
    PRIVATE_FILE,
    make_private_folder,
    sync_folder,
    write_durably,
)
from odoo_ai_config.application.errors import InvalidKeyRingError, MasterKeyMissingError
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.secret_vault import RingTrouble

_log = structlog.get_logger(area="config")

SETTING: Final = "ODOO_AI_CONFIG_KEYRING"
_FORMAT: Final = 1
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_PATH_STARTS: Final = ("/", "./", "../", "~/")


def key_ring_source(
    setting: str | None, *, default: Path | None, clock: Clock, make: bool = True
) -> KeyRingSource:
    """
    The ring of *setting*: a path, or keys as ``base64key[,base64key...]``.

    Without a setting it is the file *default*. If that is None, it is a key that lasts as long as
    the process, which is enough for the store in memory. Only with *make* a missing file is made.

    The form of the text alone distinguishes keys from a path: a mistyped key must not become the
    name of a file or part of a message.

    Raises:
        InvalidKeyRingError: *setting* is neither a path nor keys.
    """
    text = (setting or "").strip()
    if not text:
        if default is None:
            return KeyRingSetting(KeyRing.of(MasterKey.generate(at=clock.now())))
        return KeyRingFile(default, clock, make=make)
    if _is_path(text):
        return KeyRingFile(Path(text).expanduser(), clock, make=make)
    return KeyRingSetting(KeyRing.of(*map(_from_setting, text.split(","))))


def _is_path(text: str) -> bool:
    # Base64 has "/" but no ".", and 32 bytes of it end in "=".
    return text.endswith(".json") or (
        text.startswith(_PATH_STARTS) and "," not in text and not text.endswith("=")
    )


def _from_setting(text: str) -> MasterKey:
    try:
        return MasterKey(base64.b64decode(text.strip(), validate=True))
    except (binascii.Error, ValueError, InvalidKeyRingError):
        raise InvalidKeyRingError(
            f"{SETTING} deve ser um caminho (absoluto, iniciado por ./ ou terminado em .json) "
            "ou chaves de 32 bytes em base64 separadas por vírgula, a atual primeiro."
        ) from None


@frozen(eq=False)
class KeyRingSetting(KeyRingSource):
    """
    A ring given as text; only the setting changes it.
    """

    _ring: KeyRing

    @property
    def place(self) -> str:
        return SETTING

    def ring(self) -> KeyRing:
        return self._ring

    def trouble(self) -> None:
        return None

    def adopt(self, needed: Collection[str]) -> None:
        """
        Do nothing: the environment of a process does not change.
        """

    def found(self) -> KeyRing | None:
        return self._ring

    def status(self) -> KeyRingStatus:
        return KeyRingStatus(self._ring, private=True)

    def add(self) -> MasterKey:
        self._refuse()

    def make_current(self, master_id: str) -> KeyRing:
        if self._ring.key(master_id) is not self._ring.current:
            self._refuse()
        return self._ring

    def drop(self, master_id: str) -> None:
        self._ring.key(master_id)
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise InvalidKeyRingError(
            f"As chaves vêm de {SETTING} e só mudam lá: acrescente a nova chave no fim e, "
            "depois de distribuída, ponha-a em primeiro lugar; retire lá a que não serve mais."
        )


class KeyRingFile(KeyRingSource):
    """
    A ring in a JSON file that only its owner can read.

    The file is replaced as a whole, so that a reader sees the old ring or the new one. Processes
    that write it take turns. A running program follows changes of the file. While the file is
    unusable, or holds a ring without the current key, the program keeps the ring that it has and
    logs an error once for each change; its next start fails. Any thread may call the methods.

    Args:
        make: Whether a missing ring is made.
    """

    def __init__(self, path: Path, clock: Clock, *, make: bool = True) -> None:
        self._path = path
        self._clock = clock
        self._make = make
        self._loaded: tuple[KeyRing, os.stat_result] | None = None
        self._trouble: tuple[RingTrouble, tuple[int, int, int] | None] | None = None
        self._following = Lock()

    @property
    def place(self) -> str:
        return str(self._path.absolute())

    def ring(self) -> KeyRing:
        with self._following:
            if self._loaded is None:
                self._loaded = self._load_or_create()
                return self._loaded[0]
            return self._followed(*self._loaded)

    def trouble(self) -> RingTrouble | None:
        with self._following:
            if self._loaded is not None:
                self._followed(*self._loaded)
            return self._trouble and self._trouble[0]

    def adopt(self, needed: Collection[str]) -> None:
        with self._following, suppress(InvalidKeyRingError):
            ring, seen = self._load()
            if needed and set(needed) <= set(ring.ids):
                self._take_over(ring, seen)

    def _followed(self, ring: KeyRing, seen: os.stat_result) -> KeyRing:
        if self._sight() == _sight_of(seen):
            self._trouble = None
            return ring
        try:
            fresh, seen = self._load()
        except InvalidKeyRingError:
            self._go_on(RingTrouble.MISSING if self._missing() else RingTrouble.UNUSABLE, ring)
            return ring
        if ring.current_id not in fresh.ids:
            self._go_on(RingTrouble.FOREIGN, ring, found=fresh.ids)
            return ring
        self._take_over(fresh, seen)
        return fresh

    def _take_over(self, ring: KeyRing, seen: os.stat_result) -> None:
        self._loaded, self._trouble = (ring, seen), None
        _log.info("key_ring_followed", current=ring.current_id, found=ring.ids)

    def _go_on(self, trouble: RingTrouble, ring: KeyRing, found: Collection[str] = ()) -> None:
        noticed = trouble, self._sight()
        if noticed != self._trouble:
            self._trouble = noticed
            _log.error(trouble.value, place=str(self._path), current=ring.current_id, found=found)

    def found(self) -> KeyRing | None:
        return None if self._loaded is None and self._missing() else self.ring()

    def status(self) -> KeyRingStatus:
        ring, seen = self._load(checked=False)
        return KeyRingStatus(ring, private=not _advice(self._path, seen))

    def add(self) -> MasterKey:
        key = MasterKey.generate(at=self._clock.now())
        self._change(lambda ring: ring.with_key(key))
        return key

    def make_current(self, master_id: str) -> KeyRing:
        return self._change(lambda ring: ring.with_current(master_id))

    def drop(self, master_id: str) -> None:
        self._change(lambda ring: ring.without(master_id))

    def _change(self, change: Callable[[KeyRing], KeyRing]) -> KeyRing:
        current_id = self.ring().current_id
        with self._turn():
            stored = self._load()[0]
            if current_id not in stored.ids:
                raise InvalidKeyRingError(
                    f"O chaveiro {self._path} não tem a chave mestra em uso, {current_id}; "
                    "restaure-o do backup."
                )
            ring = change(stored)
            self._write(ring)
        return ring

    def _sight(self) -> tuple[int, int, int] | None:
        try:
            return _sight_of(self._path.stat())
        except OSError:
            return None

    def _load_or_create(self) -> tuple[KeyRing, os.stat_result]:
        if self._make and self._missing():
            with self._turn():
                # Another process may have created it in the meantime.
                if self._missing():
                    self._write(KeyRing.of(MasterKey.generate(at=self._clock.now())))
        return self._load()

    def _missing(self) -> bool:
        try:
            self._path.stat()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return False

    def _load(self, *, checked: bool = True) -> tuple[KeyRing, os.stat_result]:
        try:
            with self._path.open("rb") as file:
                # Of the open file: what is checked is what is read.
                seen = os.fstat(file.fileno())
                content = file.read()
        except OSError as error:
            raise self._unusable(error) from error
        advice = _advice(self._path, seen)
        if checked and advice is not None:
            raise InvalidKeyRingError(advice)
        return _parse(content, self._path), seen

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                make_private_folder(self._path.parent)
                flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW
                lock = os.open(f"{self._path}.lock", flags, PRIVATE_FILE)
                stack.callback(os.close, lock)
                fcntl.flock(lock, fcntl.LOCK_EX)
            except OSError as error:
                raise self._unusable(error) from error
            yield

    def _write(self, ring: KeyRing) -> None:
        fresh = Path(f"{self._path}.new")
        try:
            # A process that was killed here leaves it behind.
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE)
            write_durably(descriptor, _render(ring))
            fresh.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> InvalidKeyRingError:
        if isinstance(error, FileNotFoundError):
            return InvalidKeyRingError(
                f"O chaveiro {self.place} não existe, e só a primeira execução do servidor cria "
                "um. Indique a pasta de dados do servidor (ODOO_AI_CONFIG_DATA_DIR) ou o chaveiro "
                "(ODOO_AI_CONFIG_KEYRING)."
            )
        return InvalidKeyRingError(
            f"O chaveiro {self._path} não pode ser lido ou gravado ({error.strerror})."
        )


def _sight_of(seen: os.stat_result) -> tuple[int, int, int]:
    # Any change of a file changes one of these.
    return seen.st_ino, seen.st_size, seen.st_ctime_ns


def _advice(path: Path, seen: os.stat_result) -> str | None:
    """
    How to make the file readable by its owner only, who must be root or run the hub.
    """
    if stat.S_IMODE(seen.st_mode) & _OTHERS:
        return f"O chaveiro está acessível a outros usuários; execute: chmod 600 {path}"
    if seen.st_uid not in {0, os.geteuid()}:
        return f"O chaveiro pertence a outro usuário; execute: chown {os.geteuid()} {path}"
    return None


def _render(ring: KeyRing) -> bytes:
    keys = [
        {
            "id": key.id,
            "created_at": None if key.created_at is None else key.created_at.isoformat(),
            "key": base64.b64encode(key.material).decode("ascii"),
        }
        for key in ring.keys
    ]
    content = {"format": _FORMAT, "current": ring.current_id, "keys": keys}
    return json.dumps(content, indent=2).encode() + b"\n"


def _parse(content: bytes, path: Path) -> KeyRing:
    # Errors of the parsers quote what they read, so none of them becomes the cause.
    with suppress(ValueError, TypeError, KeyError, InvalidKeyRingError, MasterKeyMissingError):
        document = json.loads(content)
        ring = KeyRing(tuple(map(_key_from, document["keys"])), document["current"])
        written_ids = tuple(entry["id"] for entry in document["keys"])
        if document["format"] == _FORMAT and ring.ids == written_ids:
            return ring
    raise InvalidKeyRingError(
        f"O chaveiro {path} está danificado ou é de outro formato; restaure-o do backup."
    )


def _key_from(entry: Mapping[str, Any]) -> MasterKey:
    created_at = entry["created_at"]
    return MasterKey(
        base64.b64decode(entry["key"], validate=True),
        None if created_at is None else datetime.fromisoformat(created_at),
    )
