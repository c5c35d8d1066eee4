from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import frozen

from odoo_ai_config.adapters.crypto.key_ring_file import KeyRingFile
from odoo_ai_config.adapters.crypto.secret_vault import AesGcmSecretVault
from odoo_ai_config.adapters.sqlite.config_store import SqliteConfigStore
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase, open_sqlite
from odoo_ai_config.adapters.sqlite.secret_store import SqliteSecretStore
from odoo_ai_config.application.credentials.rotation import RotateMasterKey, RotateTenantKey
from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.credentials import with_fingerprints
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import CREDENTIALS, CredentialRef, TenantArea, TenantId
from tests.contract.samples import AT, owner
from tests.source_tree import ROOT
from tests.stand_ins.clock import ManualClock
from tests.unit.application.memory_hub import ANYBODY

READER = ApiKey("reader", "reader", b"", frozenset({Scope.SECRETS_READ}), None, AT)
# Rotates what its arguments say; after each batch it waits for a line of input.
PROGRAM = """
import asyncio, sys
from pathlib import Path
from tests.integration.test_rotation_in_another_process import opened_hub

def wait(done):
    print(done, flush=True)
    sys.stdin.readline()

async def main():
    with opened_hub(Path(sys.argv[1])) as hub:
        await hub.rotate(sys.argv[2], wait)
    print("finished", flush=True)

asyncio.run(main())
"""


@frozen
class Hub:
    """
    The hub of one process on SQLite.
    """

    ring: KeyRingFile
    database: SqliteDatabase

    @property
    def vault(self) -> AesGcmSecretVault:
        return AesGcmSecretVault(self.ring)

    @property
    def store(self) -> SqliteConfigStore:
        return SqliteConfigStore(self.database)

    @property
    def secrets(self) -> SqliteSecretStore:
        return SqliteSecretStore(self.database)

    async def rotate(self, what: str, on_progress: Callable[[int], None]) -> None:
        ports = self.secrets, self.vault, self.store, ManualClock(AT)
        if what == "master":
            await RotateMasterKey(*ports)(caller=ANYBODY, on_progress=on_progress)
        else:
            await RotateTenantKey(*ports)(TenantId(what), caller=ANYBODY, on_progress=on_progress)

    async def write(self, where: TenantArea, *, values: int) -> None:
        secrets = {CredentialRef(f"ref{n}"): SecretText(f"secret {n}") for n in range(values)}
        sealing = await Sealer(self.secrets, self.vault)(where, secrets, known={}, at=AT)
        marks = {str(ref): mark for ref, mark in sealing.fingerprints.items()}
        document = with_fingerprints(where.tenant, marks)
        revision = Revision(where.document(CREDENTIALS), 1, document, AT, AT, "writer")
        await self.store.commit(Changeset(revisions=(revision,), **sealing.parts))

    async def reads(self, where: TenantArea, *, values: int) -> None:
        sealer = Sealer(self.secrets, self.vault)
        for number in range(values):
            secret = await sealer.credential(self.store, where, CredentialRef(f"ref{number}"))
            assert secret == SecretText(f"secret {number}")


@contextmanager
def opened_hub(folder: Path) -> Iterator[Hub]:
    with open_sqlite(folder / "hub.db") as database:
        yield Hub(KeyRingFile(folder / "keyring.json", ManualClock(AT)), database)


@contextmanager
def rotating(folder: Path, what: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), what],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def let_go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go on\n")
    process.stdin.flush()


def run_to_its_end(process: subprocess.Popen[str]) -> list[str]:
    words = []
    while word := heard(process):
        words.append(word)
        if word != "finished":
            let_go_on(process)
    return words


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with opened_hub(tmp_path) as hub:
        yield hub


async def test_tenant_key_rotation_killed_half_way_is_completed(hub: Hub, tmp_path: Path) -> None:
    await hub.write(owner(), values=150)
    before = await hub.secrets.active_key(TenantId("acme"))
    with rotating(tmp_path, "acme") as process:
        assert heard(process) == "100"
        process.kill()
        process.wait(timeout=60)
    await hub.reads(owner(), values=150)

    half_way = await hub.secrets.active_key(TenantId("acme"))
    assert half_way is not None
    assert half_way != before
    assert len(await hub.secrets.secrets_not_sealed_by(half_way, limit=1000)) == 50
    await hub.rotate("acme", lambda _done: None)
    assert await hub.secrets.active_key(TenantId("acme")) == half_way
    assert await hub.secrets.master_ids() == {hub.vault.current_master_id: 1}
    await hub.reads(owner(), values=150)


async def test_master_key_rotation_killed_half_way_is_completed(hub: Hub, tmp_path: Path) -> None:
    for number in range(130):
        await hub.write(owner(f"tenant{number}"), values=1)
    old = hub.vault.current_master_id
    new = hub.ring.add().id
    hub.ring.make_current(new)
    with rotating(tmp_path, "master") as process:
        assert heard(process) == "100"
        process.kill()
        process.wait(timeout=60)
    assert await hub.secrets.master_ids() == {old: 30, new: 100}
    await hub.rotate("master", lambda _done: None)
    assert await hub.secrets.master_ids() == {new: 130}
    for number in range(130):
        await hub.reads(owner(f"tenant{number}"), values=1)


async def test_reading_goes_on_while_another_process_rotates(hub: Hub, tmp_path: Path) -> None:
    await hub.write(owner(), values=20)
    for what in ("acme", "master", "acme"):
        if what == "master":
            hub.ring.make_current(hub.ring.add().id)
        with rotating(tmp_path, what) as process:
            words = asyncio.create_task(asyncio.to_thread(run_to_its_end, process))
            while not words.done():
                await hub.reads(owner(), values=20)
            assert (await words)[-1] == "finished"
    assert await hub.secrets.master_ids() == {hub.vault.current_master_id: 1}
