from __future__ import annotations

import asyncio

import pytest

from odoo_ai_config.adapters.memory.config_store import MemoryConfigStore
from odoo_ai_config.adapters.memory.state import MemoryState
from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.credentials.reveal import RevealCredential
from odoo_ai_config.application.errors import ContentionError, SealBrokenError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.identifiers import CREDENTIALS, CredentialRef
from tests.contract.samples import owner, revision
from tests.jumping_loop import run_without_waiting
from tests.trail import acts
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, write


def test_state_that_always_moves_on_is_given_up_on_in_time_however_slow_the_store_is() -> None:
    store = MemoryConfigStore(MemoryState())
    rounds = 0

    async def decide() -> tuple[Changeset, None]:
        nonlocal rounds
        rounds += 1
        await asyncio.sleep(4)
        return Changeset(revisions=(revision(version=7),)), None

    async def write() -> None:
        with pytest.raises(ContentionError):
            await commit_decided(store, decide)

    run_without_waiting(write())
    assert rounds == 4


async def test_empty_changeset_is_not_committed() -> None:
    state = MemoryState(away=True)

    async def decide() -> tuple[Changeset, str]:
        return Changeset(), "unchanged"

    assert await commit_decided(MemoryConfigStore(state), decide) == "unchanged"


async def test_value_whose_data_key_stays_away_is_broken_and_not_audited(hub: MemoryHub) -> None:
    where = owner()
    await hub.publish_document(
        write(where.document(CREDENTIALS)), text='{"credentials": {"ref": "canary"}}'
    )
    hub.state.keys.clear()
    reveal: RevealCredential = hub.reveal_credential

    with pytest.raises(SealBrokenError):
        await reveal(where, CredentialRef("ref"), caller=ANYBODY)
    assert await acts(hub.ports.audit) == []
