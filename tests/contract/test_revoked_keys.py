from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from odoo_ai_config.adapters.memory.revoked_keys import MemoryRevokedKeys
from odoo_ai_config.adapters.system.revoked_keys import RevokedKeysFile
from odoo_ai_config.application.errors import StoreUnusableError
from odoo_ai_config.application.ports.revoked_keys import RevokedKeys


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "revoked-keys"


@pytest.fixture(params=[lambda _: MemoryRevokedKeys(), RevokedKeysFile], ids=["memory", "file"])
def revoked(request: pytest.FixtureRequest, path: Path) -> RevokedKeys:
    make: Callable[[Path], RevokedKeys] = request.param
    return make(path)


async def test_nothing_is_noted_at_first(revoked: RevokedKeys) -> None:
    assert await revoked.noted() == frozenset()


async def test_what_is_noted_adds_up(revoked: RevokedKeys) -> None:
    await revoked.note(["one", "two"])
    await revoked.note({"two", "three"})
    await revoked.note([])
    assert await revoked.noted() == {"one", "two", "three"}


async def test_another_process_reads_what_was_noted_and_only_its_owner_can(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a" / "b" / "revoked-keys"
    before = os.umask(0)
    try:
        await RevokedKeysFile(path).note(["one"])
    finally:
        os.umask(before)
    assert await RevokedKeysFile(path).noted() == {"one"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in path.parents[:2]] == [0o700] * 2


async def test_note_is_on_the_disk_before_it_is_acknowledged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    synchronize = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        synchronize(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    await RevokedKeysFile(path).note(["one"])
    assert synced == [path.stat().st_ino, path.parent.stat().st_ino]


async def test_line_that_was_cut_off_does_not_spoil_the_next(path: Path) -> None:
    revoked = RevokedKeysFile(path)
    await revoked.note(["one"])
    with path.open("ab") as file:
        file.write(b"\ntw\xff")
    await revoked.note(["three"])
    assert {"one", "three"} < await revoked.noted()


async def test_file_that_cannot_be_used_is_named(path: Path) -> None:
    path.mkdir(parents=True)
    for call in (RevokedKeysFile(path).noted(), RevokedKeysFile(path).note(["one"])):
        with pytest.raises(StoreUnusableError, match="revoked-keys"):
            await call


async def test_link_is_not_written_through(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreUnusableError):
        await RevokedKeysFile(path).note(["one"])
    assert not (tmp_path / "elsewhere").exists()
