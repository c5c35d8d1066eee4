from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.audit import LinkedEntry, TrailEnd, linked
from odoo_ai_config.domain.changes import (
    AuditAction,
    AuditEntry,
    change_audit,
    document_audit,
)
from odoo_ai_config.domain.channels.history import MappingChange
from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.feed import Change, FeedKind, change_of, ends
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    CREWS,
    PAUSES,
    RETENTION,
    DocumentKey,
    DocumentKind,
    TenantId,
)
from tests.contract.samples import AT, mapping, owner
from tests.strategies import document_keys, mapping_revisions

ACME = TenantId("acme")


def placed(entry: AuditEntry) -> LinkedEntry:
    (only,) = linked(TrailEnd(), [entry])
    return only


def read(entry: AuditEntry) -> Change:
    change = change_of(placed(entry), str)
    assert change is not None
    assert (change.cursor, change.at) == (str(placed(entry).end), entry.at)
    return change


@given(key=document_keys(), version=st.integers(1, 10**9), deleted=st.booleans())
def test_each_version_of_a_document_is_told(
    key: DocumentKey, version: int, *, deleted: bool
) -> None:
    change = read(document_audit(key, version, deleted=deleted, author="odoo", at=AT))
    assert (change.area, change.document) == (key.domain, key.kind)
    assert (change.version, change.deleted) == (version, deleted)
    assert change.tenants == (key.tenant,)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (CONFIG, FeedKind.CONFIG),
        (CREDENTIALS, FeedKind.CREDENTIALS),
        (CREWS, FeedKind.CREWS),
        (RETENTION, FeedKind.DOCUMENT),
        (DocumentKind("notes"), FeedKind.DOCUMENT),
    ],
)
def test_documents_are_told_by_their_kinds(kind: DocumentKind, told: FeedKind) -> None:
    entry = document_audit(owner().document(kind), 1, deleted=False, author="odoo", at=AT)
    assert read(entry).kind is told


@given(before=mapping_revisions(), after=mapping_revisions())
def test_each_version_of_a_channel_is_told_to_both_owners(
    before: MappingRevision, after: MappingRevision
) -> None:
    change = MappingChange.of(after, before)
    told = read(change_audit(change))
    assert (told.kind, told.name) == (FeedKind.MAPPING, str(after.mapping.key))
    assert told.version == after.version
    owners = (before.mapping.owner.tenant, after.mapping.owner.tenant)
    assert set(told.tenants) == set(owners)
    for tenant in owners:
        assert told.seen_by(tenant) == evolve(told, tenants=(tenant,))
    assert told.seen_by(None) == told
    assert told.seen_by(TenantId("nobody")) is None


def test_first_version_of_a_channel_is_told_to_its_owner() -> None:
    assert read(change_audit(MappingChange.of(mapping(), None))).tenants == (ACME,)


def entry(action: AuditAction, subject: str) -> AuditEntry:
    return AuditEntry(AT, action, "odoo", ACME, subject)


def test_pushes_pauses_and_standings_are_told() -> None:
    pushed = read(entry(AuditAction.COLLECTION_CHANGED, "products v7"))
    assert (pushed.kind, pushed.name, pushed.version) == (FeedKind.COLLECTION, "products", 7)
    paused = read(entry(AuditAction.CONVERSATION_PAUSED, "conversation/1/301"))
    assert (paused.kind, paused.name) == (FeedKind.PAUSE, "conversation/1/301")
    erased = read(entry(AuditAction.TENANT_ERASED, "acme"))
    assert (erased.kind, erased.name, erased.tenants) == (FeedKind.TENANT, None, (ACME,))


@pytest.mark.parametrize("action", AuditAction)
def test_what_is_served_is_told_and_nothing_else(action: AuditAction) -> None:
    # A subject that nobody writes is no change of what it names.
    change = change_of(placed(entry(action, "acme")), str)
    kinds = {None if change is None else change.kind}
    assert kinds <= {None, FeedKind.PAUSE, FeedKind.TENANT}


def test_document_of_pauses_is_a_pause() -> None:
    document = owner().document(PAUSES)
    change = read(document_audit(document, 2, deleted=False, author="x", at=AT))
    assert (change.kind, change.document, change.version) == (FeedKind.PAUSE, PAUSES, 2)


def test_revoked_key_and_tenant_of_another_hear_no_more() -> None:
    def over(action: AuditAction, subject: str = "", tenant: TenantId | None = ACME) -> bool:
        said = AuditEntry(AT, action, "x", ACME, subject)
        return ends(said, key_id="key_1", tenant=tenant)

    assert over(AuditAction.KEY_REVOKED, "key_1")
    assert not over(AuditAction.KEY_REVOKED, "key_2")
    assert over(AuditAction.TENANT_RENAMED)
    assert not over(AuditAction.TENANT_RENAMED, tenant=None)
    assert not over(AuditAction.TENANT_RENAMED, tenant=TenantId("other"))
    assert not over(AuditAction.TENANT_SUSPENDED)
