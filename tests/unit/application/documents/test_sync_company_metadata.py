from __future__ import annotations

import pytest
from attrs import evolve

from odoo_ai_config.domain.access import ScopeMissingError
from odoo_ai_config.domain.documents.syncs import CompanyMetadataSync
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.identifiers import METADATA
from tests.contract.samples import owner
from tests.unit.application.memory_hub import ANYBODY, STRANGER, MemoryHub, bound_to, claim

OWNER = owner("account_1", "retail")
SYNC = CompanyMetadataSync(OWNER, {"name": "Loja", "address": {"city": "São Paulo"}})


async def test_event_makes_the_metadata_document(hub: MemoryHub) -> None:
    outcome = await hub.sync_company_metadata(SYNC, caller=ANYBODY)

    assert outcome.versions == {"metadata": 1}
    body = await hub.body(OWNER.document(METADATA))
    assert (body["account_id"], body["name"]) == ("account_1", "Loja")
    assert body["address"] == {"city": "São Paulo"}


async def test_repeated_event_makes_no_version(hub: MemoryHub) -> None:
    await hub.sync_company_metadata(SYNC, caller=ANYBODY)

    again = await hub.sync_company_metadata(SYNC, caller=ANYBODY)

    assert (again.versions, again.changed) == ({"metadata": 1}, False)


async def test_what_the_event_leaves_out_stays(hub: MemoryHub) -> None:
    await hub.sync_company_metadata(SYNC, caller=ANYBODY)

    await hub.sync_company_metadata(evolve(SYNC, body={"name": "Nova"}), caller=ANYBODY)

    body = await hub.body(OWNER.document(METADATA))
    assert (body["name"], body["address"]) == ("Nova", {"city": "São Paulo"})


async def test_same_delivery_is_done_once(hub: MemoryHub) -> None:
    first = await hub.sync_company_metadata(SYNC, caller=ANYBODY, claim=claim())

    again = await hub.sync_company_metadata(SYNC, caller=ANYBODY, claim=claim())

    assert again == first
    assert again.replayed


async def test_scope_and_tenant_are_asked_for(hub: MemoryHub) -> None:
    with pytest.raises(ScopeMissingError):
        await hub.sync_company_metadata(SYNC, caller=STRANGER)
    with pytest.raises(TenantForbiddenError):
        await hub.sync_company_metadata(SYNC, caller=bound_to("account_2"))
