from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from odoo_ai_config.adapters.sqlite import pruning
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.domain.changes import Changeset
from tests.contract.prune_contract import KEEP_ONE, NOW, require_others_pruned, write
from tests.contract.samples import credentials, secret
from tests.contract.stores import Stores


async def test_value_that_is_named_again_after_it_was_found_is_left_alone(
    database: SqliteDatabase, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sealed(version: int, number: int) -> Changeset:
        return Changeset(
            revisions=(credentials(version, tenant="t", odoo=number),),
            secrets=(secret("t", number=number),),
        )

    await write(stores, sealed(1, 1), sealed(2, 2))
    await stores.config.prune(KEEP_ONE, now=NOW)
    await write(stores, Changeset(secrets=(secret("t", number=1),)))
    unhindered = database.write
    came_between = []

    async def write_after_a_commit(step: Callable[..., Any], **how: Any) -> Any:
        if getattr(step, "func", None) is pruning._remove_orphans:
            came_between.append(step)
            monkeypatch.undo()
            await stores.config.commit(sealed(3, 1))
        return await unhindered(step, **how)

    monkeypatch.setattr(database, "write", write_after_a_commit)
    await stores.config.prune(KEEP_ONE, now=NOW)
    assert len(came_between) == 1
    stored = secret("t", number=1)
    assert await stores.secrets.sealed(stored.context, stored.fingerprint) == stored


@pytest.mark.parametrize("body", ["{", "{]}"])
async def test_values_of_others_go_although_a_document_cannot_be_read(
    database: SqliteDatabase, stores: Stores, body: str
) -> None:
    async def damage(tenant: str) -> None:
        statement = (
            "UPDATE revisions SET body = ? WHERE document IN "
            "(SELECT id FROM documents WHERE tenant = ?)"
        )
        await database.write(
            lambda transaction: transaction.connection.execute(statement, (body, tenant)).rowcount
        )

    await require_others_pruned(stores, damage)
