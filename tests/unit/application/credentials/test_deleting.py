from __future__ import annotations

from datetime import timedelta

import pytest

from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.changes import AuditAction
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.documents.syncs import CredentialsSync, OdooConnection
from odoo_ai_config.domain.errors import CredentialNotFoundError, TenantForbiddenError
from odoo_ai_config.domain.identifiers import CREDENTIALS, CredentialRef
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.outcomes import Notice
from odoo_ai_config.domain.retention import Retention
from tests.contract.samples import owner
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to, write

OWNER = owner()
REF = CredentialRef("ref")
KEY = OWNER.document(CREDENTIALS)
GONE = Notice("erased_credential", "credentials.ref")


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


async def told(hub: MemoryHub, value: str, ref: str = "ref") -> None:
    await hub.patch_document(write(KEY), patch={"credentials": {ref: value}})


async def begun(hub: MemoryHub) -> None:
    await hub.publish_document(write(KEY), text='{"credentials": {"other": "stays"}}')
    await told(hub, "first")
    await told(hub, "second")


async def revealed(hub: MemoryHub, ref: str = "ref") -> str:
    return (await hub.reveal_credential(OWNER, CredentialRef(ref), caller=ANYBODY)).reveal()


async def as_was(hub: MemoryHub, version: int) -> JsonObject:
    document = (await hub.read_document(KEY, caller=ANYBODY, version=version)).document
    found = document.body["credentials"]
    assert isinstance(found, dict)
    return found


async def test_deleted_credential_has_no_value_in_any_version(hub: MemoryHub) -> None:
    await begun(hub)

    outcome = await hub.delete_credential(OWNER, REF, caller=ANYBODY.because(None, "r1"))

    assert (outcome.versions, outcome.changed) == ({"credentials": 4}, True)
    assert {str(context.ref) for context, _ in hub.state.secrets} == {"other"}
    entry = hub.state.audit[-1]
    assert (entry.action, entry.subject) == (AuditAction.CREDENTIAL_DELETED, f"{OWNER}/ref")
    with pytest.raises(CredentialNotFoundError):
        await revealed(hub)
    assert await revealed(hub, "other") == "stays"
    with pytest.raises(CredentialNotFoundError):
        await hub.delete_credential(OWNER, REF, caller=ANYBODY)


async def test_old_versions_say_which_values_are_gone(hub: MemoryHub) -> None:
    await begun(hub)
    await hub.delete_credential(OWNER, REF, caller=ANYBODY)

    for version in (2, 3):
        found = await as_was(hub, version)
        assert found["ref"] == "sealed:erased"
        assert found["other"] != "sealed:erased"
    changes = await hub.compare_revisions(KEY, caller=ANYBODY, before=3, after=4)
    assert [(one.pointer, one.before) for one in changes.changes.places] == [
        ("/credentials/ref", "sealed:erased")
    ]


@pytest.mark.parametrize("way", ["delete", "patch", "post", "document", "clear"])
async def test_rollback_brings_no_deleted_value_back(hub: MemoryHub, way: str) -> None:
    await begun(hub)
    if way == "delete":
        await hub.delete_credential(OWNER, REF, caller=ANYBODY)
    elif way == "patch":
        await hub.patch_document(write(KEY), patch={"credentials": {"ref": None}})
    elif way == "post":
        await hub.publish_document(write(KEY), text='{"credentials": {"other": "stays"}}')
    elif way == "document":
        await hub.delete_document(write(KEY))
    else:
        sync = CredentialsSync(OWNER, REF, clear=("odoo_password",))
        await hub.sync_credentials(sync, caller=ANYBODY)

    written = await hub.roll_back_document(write(KEY), version=3)

    assert GONE in written.outcome.notices
    with pytest.raises(CredentialNotFoundError):
        await revealed(hub)
    assert {str(context.ref) for context, _ in hub.state.secrets} <= {"other"}
    if way != "document":
        assert await revealed(hub, "other") == "stays"


async def test_value_that_is_set_anew_stays_through_a_rollback(hub: MemoryHub) -> None:
    await begun(hub)
    await hub.delete_credential(OWNER, REF, caller=ANYBODY)
    await told(hub, "third")

    written = await hub.roll_back_document(write(KEY), version=2)

    assert GONE in written.outcome.notices
    assert await revealed(hub) == "third"


async def test_marker_of_a_gone_value_removes_the_reference(hub: MemoryHub) -> None:
    await begun(hub)
    text = '{"credentials": {"ref": "sealed:erased", "other": "stays"}}'

    await hub.publish_document(write(KEY), text=text)

    assert (await as_was(hub, 4)).keys() == {"other"}
    assert {str(context.ref) for context, _ in hub.state.secrets} == {"other"}


async def test_values_are_kept_as_long_as_the_policy_says() -> None:
    days = RetentionPolicy(credentials=timedelta(days=7))
    hub = MemoryHub(retention=Retention(days, None))
    await begun(hub)
    await hub.delete_credential(OWNER, REF, caller=ANYBODY)

    await hub.prune_history()
    await hub.roll_back_document(write(KEY), version=3)
    assert await revealed(hub) == "second"

    await hub.delete_credential(OWNER, REF, caller=ANYBODY)
    # Versions of one moment are told apart by microseconds.
    hub.clock.tick(timedelta(days=7, seconds=1))
    await hub.prune_history()
    written = await hub.roll_back_document(write(KEY), version=3)
    assert GONE in written.outcome.notices


async def test_tenant_may_keep_values_of_its_own_for_some_time(hub: MemoryHub) -> None:
    await hub.tenant_retention.set(OWNER.tenant, {"deleted_credential_days": 1}, caller=ANYBODY)
    await begun(hub)

    await hub.delete_credential(OWNER, REF, caller=ANYBODY)

    await hub.roll_back_document(write(KEY), version=3)
    assert await revealed(hub) == "second"


async def test_settings_that_name_a_deleted_credential_are_told(hub: MemoryHub) -> None:
    sync = CredentialsSync(
        OWNER,
        REF,
        odoo=OdooConnection("https://odoo.example.com", "db", "user"),
        password=SecretText("senha"),
    )
    await hub.sync_credentials(sync, caller=ANYBODY)

    outcome = await hub.delete_credential(OWNER, REF, caller=ANYBODY)

    assert outcome.notices == (
        Notice("missing_credential", "integrations.mcp.config.credential_ref"),
    )


async def test_deletion_needs_the_right_key(hub: MemoryHub) -> None:
    await begun(hub)
    with pytest.raises(ScopeMissingError):
        await hub.delete_credential(OWNER, REF, caller=bound_to("acme", Scope.SECRETS_READ))
    with pytest.raises(TenantForbiddenError):
        await hub.delete_credential(OWNER, REF, caller=bound_to("other"))
    assert await revealed(hub) == "second"
