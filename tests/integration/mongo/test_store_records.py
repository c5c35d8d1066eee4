"""
Copies into MongoDB that end between a record and what follows from it.
"""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from odoo_ai_config.adapters.memory.state import MemoryState
from odoo_ai_config.adapters.mongo import store_records
from odoo_ai_config.adapters.plain_records import encoded
from odoo_ai_config.application.copies import CopyStore
from odoo_ai_config.application.ports.store_records import RecordKind
from odoo_ai_config.domain.messages.inbox import Stage
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
