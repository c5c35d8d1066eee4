from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest
from attrs import define, field, frozen

from odoo_ai_config.adapters.memory.config_store import MemoryConfigStore
from odoo_ai_config.application.reconciliation import MOST_UNKNOWN, Reconcile
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.identifiers import CONFIG, DocumentKind, TenantId
from odoo_ai_config.domain.reconciliation import DriftStatus, ExpectedArea, ExpectedState
from tests.contract.samples import key, mapping, owner, revision
from tests.unit.application.memory_hub import ANYBODY, STRANGER, MemoryHub, bound_to


@define
class Readings:
    count: int = 0


@frozen
class CountingStore(MemoryConfigStore):
    readings: Readings = field(factory=Readings)

    async def documents_of(
        self, tenants: Collection[TenantId], kinds: Collection[DocumentKind]
    ) -> Sequence[Revision]:
        self.readings.count += 1
        return await super().documents_of(tenants, kinds)


def area(tenant: str, version: int = 1) -> ExpectedArea:
    return ExpectedArea(owner(tenant), {CONFIG: ExpectedState(version)})


async def test_many_tenants_are_read_together(hub: MemoryHub) -> None:
    names = [f"t{number}" for number in range(200)]
    await hub.ports.store.commit(Changeset(revisions=tuple(revision(key(name)) for name in names)))
    store = CountingStore(hub.state)
    reconcile = Reconcile(store, hub.ports.channels, hub.ports.collections)

    told = await reconcile([area(name) for name in names], caller=ANYBODY)

    assert [found.expected.owner.tenant.value for found in told.areas] == names
    assert {drift.status for found in told.areas for drift in found.all} == {DriftStatus.EQUAL}
    assert store.readings.count < 10


async def test_same_area_may_be_asked_about_twice(hub: MemoryHub) -> None:
    await hub.ports.store.commit(Changeset(revisions=(revision(key("a")),)))
    told = await hub.reconcile([area("a"), area("b"), area("a", 2)], caller=ANYBODY)
    assert [next(found.all).status for found in told.areas] == [
        DriftStatus.EQUAL,
        DriftStatus.MISSING,
        DriftStatus.MISSING,
    ]


@pytest.mark.parametrize("more", [0, 1])
async def test_there_is_an_end_to_what_is_unknown(hub: MemoryHub, more: int) -> None:
    mappings = tuple(mapping("1", str(number)) for number in range(MOST_UNKNOWN + more))
    await hub.ports.store.commit(Changeset(mappings=mappings))
    told = await hub.reconcile([area("acme")], caller=ANYBODY)
    assert len(told.unknown.channels) == MOST_UNKNOWN
    assert told.truncated is bool(more)


async def test_asking_takes_the_scope_to_push_and_the_tenant(hub: MemoryHub) -> None:
    with pytest.raises(ScopeMissingError):
        await hub.reconcile([], caller=STRANGER)
    with pytest.raises(TenantForbiddenError):
        await hub.reconcile([area("a"), area("b")], caller=bound_to("a", Scope.WEBHOOK))
