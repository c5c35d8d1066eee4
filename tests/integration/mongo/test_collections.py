from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from odoo_ai_config.adapters.mongo import deadlines
from odoo_ai_config.application.collections import SyncCollection
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.collections import CollectionSync
from tests.contract.samples import AT, collection_key, item, pushed
from tests.contract.stores import Stores
from tests.stand_ins.clock import ManualClock
from tests.unit.application.memory_hub import ANYBODY

KEY = collection_key()
# More than one command writes, so that each push keeps the others waiting for a while.
MANY = 400


@pytest.mark.bulk
async def test_large_pushes_at_a_time_wait_for_one_another(stores: Stores) -> None:
    async def push(version: int) -> int:
        sync = CollectionSync(tuple(item(f"{version}-{number}") for number in range(MANY)))
        use_case = SyncCollection(stores.config, stores.collections, ManualClock(AT))
        outcome = await use_case(KEY, sync, caller=ANYBODY)
        return outcome.versions[str(KEY.name)]

    assert sorted(await asyncio.gather(*map(push, range(3)))) == [1, 2, 3]
    head = await stores.collections.head(KEY)
    assert head is not None
    assert head.size == 3 * MANY
    assert len(await stores.collections.digests(KEY)) == 3 * MANY


async def test_digests_are_read_by_the_reply_and_not_one_by_one(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = pushed(*(item(str(number)) for number in range(300)))
    await stores.config.commit(Changeset(collections=(change,)))
    within, calls = deadlines.within, 0

    async def counted(seconds: float | None, call: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal calls
        calls += 1
        return await within(seconds, call)

    monkeypatch.setattr(deadlines, "within", counted)
    assert len(await stores.collections.digests(KEY)) == 300
    # Each costs a task.
    assert calls < 10
