from __future__ import annotations

import pytest
from attrs import evolve, frozen

from odoo_ai_config.adapters.memory.config_store import MemoryConfigStore
from odoo_ai_config.application.documents.comparing import LARGEST_SHOWN
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.changes import AuditAction, Changeset
from odoo_ai_config.domain.credentials.secrets import Fingerprint
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.errors import (
    CredentialNotFoundError,
    DocumentDeletedError,
    DocumentNotFoundError,
    InvalidValueError,
    PreconditionFailedError,
    RevisionNotFoundError,
    TenantForbiddenError,
    TenantNotFoundError,
    UnknownFingerprintError,
)
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    CREWS,
    PAUSES,
    CredentialRef,
    TenantId,
)
from odoo_ai_config.domain.retention import Retention
from tests.contract.samples import AT, owner, rules_over
from tests.trail import acts
from tests.unit.application.memory_hub import ANYBODY, STRANGER, MemoryHub, bound_to, write

OWNER = owner()
KEY = OWNER.document(CONFIG)
SECRETS = OWNER.document(CREDENTIALS)
REF = CredentialRef("ref")


async def test_published_text_is_kept_as_authored(hub: MemoryHub) -> None:
    outcome = (await hub.publish_document(write(KEY), text='{"a":   1}')).outcome

    revision = await hub.read_document(KEY, caller=ANYBODY)
    assert outcome.versions == {"config": 1}
    assert revision.document.body == {"a": 1}
    assert revision.document.authored is not None
    assert revision.document.authored.text == '{"a":   1}'


async def test_publishing_the_same_text_makes_no_version(hub: MemoryHub) -> None:
    await hub.publish_document(write(KEY), text='{"a": 1}')

    again = (await hub.publish_document(write(KEY), text='{"a": 1}')).outcome

    assert (again.versions, again.changed) == ({"config": 1}, False)


@pytest.mark.parametrize("expected", [0, 2])
async def test_writer_with_an_old_version_is_refused_and_told_the_present_one(
    hub: MemoryHub, expected: int
) -> None:
    await hub.publish_document(write(KEY), text='{"a": 1}')

    with pytest.raises(PreconditionFailedError) as refusal:
        await hub.publish_document(write(KEY, expected=expected), text='{"a": 2}')

    assert refusal.value.current == 1
    assert await hub.body(KEY) == {"a": 1}


async def test_patch_merges_and_removes(hub: MemoryHub) -> None:
    await hub.publish_document(write(KEY), text='{"a": 1, "b": {"c": 2, "d": 3}}')

    await hub.patch_document(write(KEY), patch={"b": {"c": None, "e": 4}})

    assert await hub.body(KEY) == {"a": 1, "b": {"d": 3, "e": 4}}


async def test_patch_of_nothing_is_refused(hub: MemoryHub) -> None:
    with pytest.raises(DocumentNotFoundError):
        await hub.patch_document(write(KEY), patch={"a": 1})


async def test_rollback_makes_a_new_version_with_the_old_body(hub: MemoryHub) -> None:
    await hub.publish_document(write(KEY), text='{"a": 1}')
    await hub.publish_document(write(KEY), text='{"a": 2}')

    outcome = (await hub.roll_back_document(write(KEY), version=1)).outcome

    assert outcome.versions == {"config": 3}
    assert await hub.body(KEY) == {"a": 1}


async def test_rollback_brings_a_deleted_document_back(hub: MemoryHub) -> None:
    await hub.publish_document(write(KEY), text='{"a": 1}')
    await hub.delete_document(write(KEY))
    with pytest.raises(DocumentDeletedError):
        await hub.read_document(KEY, caller=ANYBODY)

    await hub.roll_back_document(write(KEY), version=1)

    assert await hub.body(KEY) == {"a": 1}


@pytest.mark.parametrize("version", [0, -1, 2, 9])
async def test_rollback_to_what_is_not_there_or_a_deletion_is_refused(
    hub: MemoryHub, version: int
) -> None:
    await hub.publish_document(write(KEY), text='{"a": 1}')
    await hub.delete_document(write(KEY))

    with pytest.raises(RevisionNotFoundError):
        await hub.roll_back_document(write(KEY), version=version)


async def test_rollback_of_what_never_was_is_refused(hub: MemoryHub) -> None:
    with pytest.raises(DocumentNotFoundError):
        await hub.roll_back_document(write(KEY), version=1)


async def test_reading_versions(hub: MemoryHub) -> None:
    await hub.publish_document(write(KEY), text='{"a": 1}')
    await hub.publish_document(write(KEY), text='{"a": 2}')

    assert (await hub.read_document(KEY, caller=ANYBODY, version=1)).document.body == {"a": 1}
    assert (await hub.read_document(KEY, caller=ANYBODY, version=2)).document.body == {"a": 2}
    with pytest.raises(RevisionNotFoundError):
        await hub.read_document(KEY, caller=ANYBODY, version=3)


async def test_reading_what_never_was(hub: MemoryHub) -> None:
    with pytest.raises(DocumentNotFoundError):
        await hub.read_document(KEY, caller=ANYBODY)
    with pytest.raises(DocumentNotFoundError):
        await hub.read_document(KEY, caller=ANYBODY, version=1)


async def test_history_is_newest_first_and_has_deletions(hub: MemoryHub) -> None:
    await hub.publish_document(write(KEY), text='{"a": 1}')
    await hub.delete_document(write(KEY))

    history = await hub.list_documents.history(KEY, caller=ANYBODY)

    assert [(r.version, r.deleted) for r in history] == [(2, True), (1, False)]


async def test_documents_of_a_tenant(hub: MemoryHub) -> None:
    await hub.publish_document(write(KEY), text='{"a": 1}')

    assert [r.key for r in await hub.list_documents(OWNER.tenant, caller=ANYBODY)] == [KEY]


async def test_comparison_shows_values_and_text(hub: MemoryHub) -> None:
    await hub.publish_document(write(KEY), text='{"a": 1,\n "b": 2}\n')
    await hub.publish_document(write(KEY), text='{"a": 1,\n "b": 3}\n')

    comparison = await hub.compare_revisions(KEY, caller=ANYBODY)

    assert (comparison.before, comparison.after) == (1, 2)
    assert [change.pointer for change in comparison.changes.places] == ["/b"]
    assert comparison.unified is not None
    assert '- "b": 2}' in comparison.unified
    assert '+ "b": 3}' in comparison.unified


async def test_first_version_is_compared_with_nothing(hub: MemoryHub) -> None:
    await hub.publish_document(write(KEY), text='{"a": 1}')

    comparison = await hub.compare_revisions(KEY, caller=ANYBODY)

    assert comparison.before == 0
    assert [change.pointer for change in comparison.changes.places] == ["/a"]


async def test_merged_text_is_brought_up_to_date_for_a_comparison(hub: MemoryHub) -> None:
    await hub.publish_document(write(KEY), text='{"a": 1}')
    await hub.patch_document(write(KEY), patch={"b": 2})

    comparison = await hub.compare_revisions(KEY, caller=ANYBODY)

    assert comparison.unified is not None
    assert '+  "b": 2' in comparison.unified


@pytest.mark.parametrize(("more", "shown"), [(0, True), (1, False)])
async def test_lines_of_documents_up_to_a_size_are_compared(
    hub: MemoryHub, more: int, *, shown: bool
) -> None:
    largest = "x" * (LARGEST_SHOWN - len('{"a":""}') + more)
    await hub.publish_document(write(KEY), text='{"a": 1}')
    await hub.patch_document(write(KEY), patch={"a": largest})

    for before, after in ((1, 2), (2, 1)):
        comparison = await hub.compare_revisions(KEY, caller=ANYBODY, before=before, after=after)

        assert (comparison.unified is not None) is shown
        assert [change.pointer for change in comparison.changes.places] == ["/a"]


async def test_a_long_authored_text_is_not_compared(hub: MemoryHub) -> None:
    await hub.publish_document(write(KEY), text='{"a": 1}' + " " * LARGEST_SHOWN)

    comparison = await hub.compare_revisions(KEY, caller=ANYBODY)

    assert comparison.unified is None


async def test_comparison_with_a_version_that_is_not_there(hub: MemoryHub) -> None:
    await hub.publish_document(write(KEY), text='{"a": 1}')

    with pytest.raises(RevisionNotFoundError):
        await hub.compare_revisions(KEY, caller=ANYBODY, before=1, after=7)


async def test_written_credentials_are_sealed_and_their_text_is_not_kept(hub: MemoryHub) -> None:
    text = '{"account_id": "acme", "credentials": {"ref": "ENC:canary", "gone": false}}'

    await hub.publish_document(write(SECRETS), text=text)

    revision = await hub.read_document(SECRETS, caller=ANYBODY)
    assert revision.document.authored is None
    assert "canary" not in revision.document.text
    assert (await hub.reveal_credential(OWNER, REF, caller=ANYBODY)).reveal() == "canary"


async def test_credentials_can_be_written_back_as_they_were_read(hub: MemoryHub) -> None:
    await hub.publish_document(write(SECRETS), text='{"credentials": {"ref": "canary", "b": "x"}}')
    shown = (await hub.read_document(SECRETS, caller=ANYBODY)).document.text

    again = (await hub.publish_document(write(SECRETS), text=shown)).outcome

    assert not again.changed


async def test_patched_credentials_keep_their_neighbours(hub: MemoryHub) -> None:
    await hub.publish_document(write(SECRETS), text='{"credentials": {"ref": "canary", "b": "x"}}')

    await hub.patch_document(write(SECRETS), patch={"credentials": {"b": None, "c": "new"}})

    assert (await hub.reveal_credential(OWNER, REF, caller=ANYBODY)).reveal() == "canary"
    assert (
        await hub.reveal_credential(OWNER, CredentialRef("c"), caller=ANYBODY)
    ).reveal() == "new"
    with pytest.raises(CredentialNotFoundError):
        await hub.reveal_credential(OWNER, CredentialRef("b"), caller=ANYBODY)


async def test_earlier_sealed_value_can_be_named_again(hub: MemoryHub) -> None:
    await hub.publish_document(write(SECRETS), text='{"credentials": {"ref": "first"}}')
    shown = (await hub.read_document(SECRETS, caller=ANYBODY)).document.text
    await hub.publish_document(write(SECRETS), text='{"credentials": {"ref": "second"}}')

    await hub.publish_document(write(SECRETS), text=shown)

    assert (await hub.reveal_credential(OWNER, REF, caller=ANYBODY)).reveal() == "first"


async def test_rolled_back_credentials_open(hub: MemoryHub) -> None:
    await hub.publish_document(write(SECRETS), text='{"credentials": {"ref": "first"}}')
    await hub.publish_document(write(SECRETS), text='{"credentials": {"ref": "second"}}')

    await hub.roll_back_document(write(SECRETS), version=1)

    assert (await hub.reveal_credential(OWNER, REF, caller=ANYBODY)).reveal() == "first"


async def test_unknown_fingerprint_is_refused(hub: MemoryHub) -> None:
    mask = Fingerprint("0" * 32).mask

    with pytest.raises(UnknownFingerprintError):
        await hub.publish_document(write(SECRETS), text=f'{{"credentials": {{"ref": "{mask}"}}}}')


@pytest.mark.parametrize(
    "text",
    [
        '{"credentials": "canary"}',
        '{"credentials": {"ref": 1}}',
        '{"credentials": {"a ref": "canary"}}',
        '{"password": "canary"}',
    ],
)
async def test_credentials_that_are_not_references_and_values_store_nothing(
    hub: MemoryHub, text: str
) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        await hub.publish_document(write(SECRETS), text=text)

    assert "canary" not in str(refusal.value)
    assert hub.state.histories == {}


async def test_revealing_is_audited(hub: MemoryHub) -> None:
    await hub.publish_document(write(SECRETS), text='{"credentials": {"ref": "canary"}}')

    await hub.reveal_credential(OWNER, REF, caller=ANYBODY.because(None, "r-1"))

    (entry,) = await acts(hub.ports.audit, tenant=OWNER.tenant)
    assert (entry.action, entry.actor, entry.request_id) == (
        AuditAction.CREDENTIAL_READ,
        "anybody",
        "r-1",
    )
    assert "canary" not in repr(entry)


async def test_secrets_need_their_own_scope(hub: MemoryHub) -> None:
    await hub.publish_document(write(SECRETS), text='{"credentials": {"ref": "canary"}}')

    with pytest.raises(ScopeMissingError):
        await hub.reveal_credential(OWNER, REF, caller=STRANGER)
    with pytest.raises(TenantForbiddenError):
        await hub.reveal_credential(OWNER, REF, caller=bound_to("other"))
    assert await acts(hub.ports.audit) == []


async def test_sealed_value_that_is_gone_is_not_found(hub: MemoryHub) -> None:
    await hub.publish_document(write(SECRETS), text='{"credentials": {"ref": "canary"}}')
    hub.state.secrets.clear()

    with pytest.raises(CredentialNotFoundError):
        await hub.reveal_credential(OWNER, REF, caller=ANYBODY)


async def test_deleting_what_is_not_there(hub: MemoryHub) -> None:
    with pytest.raises(DocumentNotFoundError):
        await hub.delete_document(write(KEY))


async def test_every_read_and_write_asks_for_scope_and_tenant(hub: MemoryHub) -> None:
    await hub.publish_document(write(KEY), text='{"a": 1}')
    for caller, refusal in (
        (STRANGER, ScopeMissingError),
        (bound_to("other"), TenantForbiddenError),
    ):
        for attempt in (
            hub.read_document(KEY, caller=caller),
            hub.list_documents(OWNER.tenant, caller=caller),
            hub.list_documents.history(KEY, caller=caller),
            hub.compare_revisions(KEY, caller=caller),
            hub.list_tenants.one(OWNER.tenant, caller=caller),
            hub.publish_document(write(KEY, caller=caller), text="{}"),
            hub.patch_document(write(KEY, caller=caller), patch={}),
            hub.roll_back_document(write(KEY, caller=caller), version=1),
            hub.delete_document(write(KEY, caller=caller)),
        ):
            with pytest.raises(refusal):
                await attempt


async def test_tenants_are_listed_in_pages(hub: MemoryHub) -> None:
    for name in ("c", "a", "b"):
        await hub.publish_document(write(owner(name).document(CONFIG)), text='{"x": 1}')

    page = await hub.list_tenants(caller=ANYBODY, limit=2)
    rest = await hub.list_tenants(caller=ANYBODY, after=page[-1].tenant)

    assert [str(item.tenant) for item in page] == ["a", "b"]
    assert [str(item.tenant) for item in rest] == ["c"]
    assert page[0].documents[0].version == 1


async def test_bound_key_sees_its_own_tenant_only(hub: MemoryHub) -> None:
    for name in ("a", "b"):
        await hub.publish_document(write(owner(name).document(CONFIG)), text='{"x": 1}')
    bound = bound_to("b")

    assert [str(item.tenant) for item in await hub.list_tenants(caller=bound)] == ["b"]
    assert await hub.list_tenants(caller=bound, after=TenantId("b")) == []
    assert await hub.list_tenants(caller=bound_to("z")) == []


async def test_unknown_tenant(hub: MemoryHub) -> None:
    with pytest.raises(TenantNotFoundError):
        await hub.list_tenants.one(TenantId("nobody"), caller=ANYBODY)


async def test_pruning_keeps_what_the_policy_keeps(hub: MemoryHub) -> None:
    for n in range(5):
        await hub.publish_document(write(KEY), text=f'{{"a": {n}}}')

    rules = rules_over(hub.ports.store, Retention(RetentionPolicy(keep=2), None))
    report = await evolve(hub.prune_history, rules=rules)()

    assert report.revisions == 3
    history = await hub.list_documents.history(KEY, caller=ANYBODY)
    assert [r.version for r in history] == [5, 4]


@frozen
class PrunedBeforeEveryCommit(MemoryConfigStore):
    """
    A store whose pruning always comes between a use case's read and its commit.
    """

    async def commit(self, changeset: Changeset) -> None:
        await self.prune(RetentionPolicy(keep=1), now=AT)
        await super().commit(changeset)


async def test_rolled_back_credentials_survive_a_pruning_at_the_same_moment(
    hub: MemoryHub,
) -> None:
    await hub.publish_document(write(SECRETS), text='{"credentials": {"ref": "first"}}')
    await hub.publish_document(write(SECRETS), text='{"credentials": {"ref": "second"}}')
    writer = evolve(hub.roll_back_document.writer, store=PrunedBeforeEveryCommit(hub.state))
    roll_back = evolve(hub.roll_back_document, writer=writer)

    await roll_back(write(SECRETS), version=1)

    assert (await hub.reveal_credential(OWNER, REF, caller=ANYBODY)).reveal() == "first"


async def test_named_sealed_values_survive_a_pruning_at_the_same_moment(hub: MemoryHub) -> None:
    await hub.publish_document(write(SECRETS), text='{"credentials": {"ref": "first"}}')
    shown = (await hub.read_document(SECRETS, caller=ANYBODY)).document.text
    await hub.publish_document(write(SECRETS), text='{"credentials": {"ref": "second"}}')
    writer = evolve(hub.publish_document.writer, store=PrunedBeforeEveryCommit(hub.state))
    publish = evolve(hub.publish_document, writer=writer)

    await publish(write(SECRETS), text=shown)

    assert (await hub.reveal_credential(OWNER, REF, caller=ANYBODY)).reveal() == "first"


BROKEN_CREWS = '{"crews": {"sales": {"type": "http", "url": "ftp://crew.example"}}}'
GOOD_CREWS = '{"crews": {"sales": {"type": "echo"}}}'


async def test_crews_that_cannot_be_read_are_refused_at_once(hub: MemoryHub) -> None:
    key = OWNER.document(CREWS)

    with pytest.raises(InvalidValueError, match=r"crews\.\*\.url"):
        await hub.publish_document(write(key), text=BROKEN_CREWS)
    with pytest.raises(DocumentNotFoundError):
        await hub.read_document(key, caller=ANYBODY)

    await hub.publish_document(write(key), text=GOOD_CREWS)
    with pytest.raises(InvalidValueError, match=r"crews\.\*\.type"):
        await hub.patch_document(write(key), patch={"crews": {"sales": {"type": "letter"}}})
    assert await hub.body(key) == {"crews": {"sales": {"type": "echo"}}}


async def test_crews_may_be_deleted_and_brought_back(hub: MemoryHub) -> None:
    key = OWNER.document(CREWS)
    await hub.publish_document(write(key), text=GOOD_CREWS)

    await hub.delete_document(write(key))
    await hub.roll_back_document(write(key), version=1)

    assert await hub.body(key) == {"crews": {"sales": {"type": "echo"}}}


async def test_document_of_another_kind_may_look_like_broken_crews(hub: MemoryHub) -> None:
    await hub.publish_document(write(KEY), text=BROKEN_CREWS)

    assert (await hub.read_document(KEY, caller=ANYBODY)).version == 1


async def test_who_may_not_pause_may_not_write_the_pauses(hub: MemoryHub) -> None:
    key = owner().document(PAUSES)
    configures = evolve(ANYBODY, scopes=frozenset({Scope.CONFIG_WRITE}))
    with pytest.raises(ScopeMissingError) as refused:
        await hub.publish_document(write(key, caller=configures), text='{"paused": true}')
    assert refused.value.scope is Scope.MESSAGES_WRITE
    with pytest.raises(ScopeMissingError):
        await hub.delete_document(write(key, caller=configures))
