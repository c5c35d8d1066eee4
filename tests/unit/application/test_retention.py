from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve

from odoo_ai_config.adapters.memory.message_inbox import MemoryMessageInbox
from odoo_ai_config.application.errors import ContentionError
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.errors import InvalidValueError, TenantForbiddenError
from odoo_ai_config.domain.identifiers import CONFIG, RETENTION, TenantId
from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.domain.retention import Retention
from tests.contract.samples import owner, sighting
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to, write

ACME = TenantId("acme")
SETTINGS = Retention(RetentionPolicy(keep=3, max_age=timedelta(days=90)), timedelta(days=30))


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub(retention=SETTINGS)


async def test_settings_hold_where_a_tenant_says_nothing(hub: MemoryHub) -> None:
    assert await hub.tenant_retention(ACME, caller=ANYBODY) == (SETTINGS, {})
    assert SETTINGS.body == {
        "versions": 3,
        "version_days": 90,
        "message_days": 30,
        "deleted_credential_days": 0,
    }


async def test_conversations_go_although_messages_cannot(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.ports.store.commit(Changeset(sightings=(sighting(),)))
    hub.clock.tick(timedelta(days=366))

    async def failing(*_: object, **_times: object) -> int:
        raise ContentionError

    monkeypatch.setattr(MemoryMessageInbox, "prune", failing)
    with pytest.raises(ContentionError):
        await hub.prune_messages()
    assert hub.state.conversations == {}


async def test_tenant_changes_what_it_says(hub: MemoryHub) -> None:
    body: dict[str, Json] = {"versions": 0, "message_days": 7}
    kept, own = await hub.tenant_retention.set(ACME, body, caller=ANYBODY)
    assert own == body
    assert kept == await _kept(hub)
    assert kept.body == SETTINGS.body | body
    everything: dict[str, Json] = {
        "versions": 2,
        "version_days": 0,
        "message_days": 0,
        "deleted_credential_days": 5,
    }
    assert (await hub.tenant_retention.set(ACME, everything, caller=ANYBODY))[0].body == everything
    await hub.tenant_retention.set(ACME, {}, caller=ANYBODY)
    assert await _kept(hub) == SETTINGS


async def _kept(hub: MemoryHub) -> Retention:
    return (await hub.tenant_retention(ACME, caller=ANYBODY))[0]


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({"days": 1}, "document", "unknown_field"),
        ({"versions": -1}, "versions", "retention"),
        ({"versions": True}, "versions", "retention"),
        ({"version_days": 1.5}, "version_days", "retention"),
        ({"message_days": "30"}, "message_days", "retention"),
        ({"deleted_credential_days": 36_501}, "deleted_credential_days", "retention"),
    ],
)
async def test_other_numbers_are_refused(
    hub: MemoryHub, body: dict[str, Json], field: str, rule: str
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        await hub.tenant_retention.set(ACME, body, caller=ANYBODY)
    assert (caught.value.field, caught.value.rule) == (field, rule)


async def test_document_is_another_way_to_say_it(hub: MemoryHub) -> None:
    key = owner().document(RETENTION)
    await hub.publish_document(write(key), text='{"versions": 1}')
    assert (await _kept(hub)).history.keep == 1
    elsewhere = owner(domain="sales").document(RETENTION)
    with pytest.raises(InvalidValueError, match="default_domain"):
        await hub.publish_document(write(elsewhere), text='{"versions": 1}')
    with pytest.raises(InvalidValueError, match="retention"):
        await hub.patch_document(write(key), patch={"versions": "many"})


async def test_document_from_before_it_meant_anything_does_not_count(hub: MemoryHub) -> None:
    await hub.publish_document(write(owner().document(RETENTION)), text="{}")
    history = hub.state.histories[owner().document(RETENTION)]
    history[-1] = evolve(history[-1], document=Document.of({"x": 1}))
    assert await _kept(hub) == SETTINGS
    assert (await hub.prune_history()).revisions == 0


async def test_each_tenant_is_pruned_by_what_it_says(hub: MemoryHub) -> None:
    for tenant, versions in {"acme": 1, "other": 5, "usual": None}.items():
        key = owner(tenant).document(CONFIG)
        for number in range(6):
            await hub.publish_document(write(key), text=f'{{"n": {number}}}')
        if versions is not None:
            own: dict[str, Json] = {"versions": versions}
            await hub.tenant_retention.set(TenantId(tenant), own, caller=ANYBODY)

    assert (await hub.prune_history()).revisions == 5 + 1 + 3
    assert await hub.prune_messages() == 0


async def test_right_keys_only(hub: MemoryHub) -> None:
    reader = bound_to("acme", Scope.CONFIG_READ)
    assert await hub.tenant_retention(ACME, caller=reader) == (SETTINGS, {})
    with pytest.raises(ScopeMissingError):
        await hub.tenant_retention.set(ACME, {}, caller=reader)
    with pytest.raises(TenantForbiddenError):
        await hub.tenant_retention(TenantId("other"), caller=reader)
