from __future__ import annotations

from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.credentials.secrets import SealContext, SecretText
from odoo_ai_config.domain.identifiers import CredentialRef
from tests.contract.samples import AT, owner
from tests.unit.application.memory_hub import MemoryHub

OWNER = owner("account_1", "retail")
KNOWN, NEW = CredentialRef("known"), CredentialRef("new")


async def test_known_value_is_not_sealed_again() -> None:
    hub = MemoryHub()
    secrets = {KNOWN: SecretText("one"), NEW: SecretText("two")}
    first = await hub.receive_message.sealer(OWNER, secrets, known={}, at=AT)
    assert {sealed.context for sealed in first.secrets} == {
        SealContext(OWNER, KNOWN),
        SealContext(OWNER, NEW),
    }
    assert first.new_tenant_key is not None
    await hub.ports.store.commit(
        Changeset(secrets=first.secrets, new_tenant_key=first.new_tenant_key)
    )

    known = {str(ref): mark for ref, mark in first.fingerprints.items()}
    again = await hub.receive_message.sealer(OWNER, secrets, known=known, at=AT)
    assert again.fingerprints == first.fingerprints
    assert (again.secrets, again.new_tenant_key, again.sealed_under) == ((), None, None)

    changed = await hub.receive_message.sealer(
        OWNER, {**secrets, NEW: SecretText("three")}, known=known, at=AT
    )
    assert [sealed.context.ref for sealed in changed.secrets] == [NEW]
    assert changed.sealed_under == first.new_tenant_key
