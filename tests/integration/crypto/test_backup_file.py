"""
The file of a backup, when it is damaged, exchanged or hostile.
"""

from __future__ import annotations

import tracemalloc
import zlib
from pathlib import Path

import pytest

from odoo_ai_config.adapters.crypto import backup_file
from odoo_ai_config.adapters.crypto.backup_file import BackupHead, reading_backup, writing_backup
from odoo_ai_config.application.errors import StoreFailure, StoreUnusableError
from odoo_ai_config.application.ports.store_records import RecordKind
from odoo_ai_config.domain.credentials.secrets import SecretText
from tests.contract.samples import AT

PASSPHRASE = SecretText("uma frase bem longa")


def records(file: Path, passphrase: SecretText | None = None) -> list[tuple[RecordKind, bytes]]:
    with reading_backup(file) as reader:
        return list(reader.records(passphrase))


def test_record_without_an_end_is_not_unpacked_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_file, "_LONGEST_RECORD", 2**22)
    packer, part = zlib.compressobj(), bytes(2**20)
    packed = b"".join(packer.compress(part) for _ in range(64)) + packer.flush()
    file = tmp_path / "bomb"
    file.write_bytes(BackupHead(AT, ()).line() + len(packed).to_bytes(4) + packed + bytes(4))
    tracemalloc.start()
    try:
        with pytest.raises(StoreUnusableError, match="danificado"):
            records(file)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2**24


def test_records_of_any_length_and_number_come_back(tmp_path: Path) -> None:
    written = [(RecordKind.ITEMS, b"x" * length) for length in (0, 1, 2**20, 2**21 + 1)] * 3
    file = tmp_path / "backup"
    with writing_backup(file, made_at=AT, master_ids=()) as writer:
        for kind, encoded in written:
            writer.write(kind, encoded)
    assert records(file) == written


def test_backup_in_place_of_an_encrypted_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    with writing_backup(file, made_at=AT, master_ids=()) as writer:
        writer.write(RecordKind.ITEMS, b"{}")
    with pytest.raises(StoreUnusableError, match="não é criptografado"):
        records(file, PASSPHRASE)


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["plain", "sealed"])
@pytest.mark.parametrize(
    "more", [b"\0", b"\n", bytes(4), b"{}\n" * 2**18], ids=["byte", "line", "frame", "much"]
)
def test_backup_with_bytes_behind_its_end_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    passphrase: SecretText | None,
    more: bytes,
) -> None:
    monkeypatch.setattr(backup_file, "_COST", 4)
    file = tmp_path / "backup"
    with writing_backup(file, made_at=AT, master_ids=(), passphrase=passphrase) as writer:
        writer.write(RecordKind.ITEMS, b"{}")
    assert records(file, passphrase) == [(RecordKind.ITEMS, b"{}")]
    file.write_bytes(file.read_bytes() + more)
    with pytest.raises(StoreUnusableError, match="depois do fim") as refused:
        records(file, passphrase)
    assert refused.value.failure is StoreFailure.CORRUPT
