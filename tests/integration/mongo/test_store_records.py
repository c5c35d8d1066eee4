"""
Copies into MongoDB that end between a record and what follows from it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from attrs import evolve

from odoo_ai_config.adapters.memory.state import MemoryState
from odoo_ai_config.adapters.mongo import store_records
from odoo_ai_config.adapters.plain_records import encoded
from odoo_ai_config.application.copies import CopyStore
from odoo_ai_config.application.ports.store_records import RecordKind
from odoo_ai_config.domain.messages.inbox import Stage
from odoo_ai_config.entrypoints.copies import copy_store
from odoo_ai_config.entrypoints.library import open_hub
from odoo_ai_config.entrypoints.settings import read_settings
from tests.contract.memory_stores import stores_over as memory_stores
from tests.contract.snapshot import snapshot_of
from tests.contract.store_records_contract import (
    KilledError,
    claims,
    live,
    quiet,
    unheard,
    without_ids,
)
from tests.contract.stores import Stores
from tests.mongo_server import open_gate

FOLLOWED = [kind for kind, how in store_records._KINDS.items() if "nothing" not in str(how.settle)]


def test_kinds_from_which_something_follows() -> None:
    assert FOLLOWED == [
        RecordKind.TENANT_STATES,
        RecordKind.REVISIONS,
        RecordKind.REPLACED_MAPPINGS,
        RecordKind.MESSAGES,
    ]


@pytest.mark.parametrize("kind", FOLLOWED, ids=lambda kind: str(kind.value))
async def test_copy_that_is_killed_before_what_follows_goes_on(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, kind: RecordKind
) -> None:
    source = memory_stores(MemoryState())
    written = await live(source)
    copy = CopyStore(source.records, stores.records, encoded)

    async def killed(*_: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        how = evolve(store_records._KINDS[kind], settle=killed)
        patch.setitem(store_records._KINDS, kind, how)
        with pytest.raises(KilledError):
            await copy(quiet, unheard)
    await copy(quiet, unheard)
    await stores.records.finish()

    assert without_ids(await snapshot_of(stores, *written)) == without_ids(
        await snapshot_of(source, *written)
    )
    assert await claims(stores) == await claims(source)
    known = await source.inbox.page(list(Stage), limit=50)
    assert known
    for one in known:
        assert await stores.inbox.received(one.origin) == one


async def test_copy_waits_for_a_server_that_is_slow(mongo_uri: str, tmp_path: Path) -> None:
    async with open_gate(mongo_uri) as gate:
        url = f"{gate.uri.rstrip('/')}/copy_{uuid4().hex}?directConnection=true"
        source, target = (
            read_settings(environment={}, flags={"data_dir": str(tmp_path / "var"), **flags})
            for flags in ({}, {"store_url": f"{url}&socketTimeoutMS=200"})
        )
        async with open_hub(source) as hub:
            await hub.sync_mapping(chatwoot_account_id="1", tenant="acme")
        frozen: list[str] = []

        def hold_back(what: str, _done: int) -> None:
            if not frozen:
                gate.freeze()
                asyncio.get_running_loop().call_later(1.0, gate.thaw)
            frozen.append(what)

        copied = await copy_store(source, target, on_progress=hold_back)
        assert (copied[RecordKind.MAPPINGS].count, bool(frozen)) == (1, True)
