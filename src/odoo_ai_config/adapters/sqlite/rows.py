"""
Domain objects as rows, and rows as domain objects.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypeAlias, TypeVar

from attrs import astuple

from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import (
    AuditAction,
    AuditEntry,
    AuditId,
    Claim,
    Delivery,
    DeliveryId,
)
from odoo_ai_config.domain.channels.mapping import (
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    SpecialNumber,
)
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.collections import (
    CollectionHead,
    CollectionKey,
    CollectionName,
    Item,
    ItemState,
)
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    TenantKey,
)
from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import (
    BusinessDomain,
    ChatwootId,
    CredentialRef,
    DocumentKey,
    DocumentKind,
    TenantDomain,
    TenantId,
)
from odoo_ai_config.domain.outcomes import ItemCounts, Notice, Outcome, WriteKind

Row: TypeAlias = tuple[Any, ...]
S = TypeVar("S")
T = TypeVar("T")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SHARED_NAMES: Final = 4096

# The columns in the order in which the functions below give and take them.
REVISION_COLUMNS: Final = (
    "version, body, yaml, yaml_exact, created_at, updated_at, author, deleted"
)
MAPPING_COLUMNS: Final = (
    "key, tenant, domain, sequence, fallback, numbers, active, "
    "version, created_at, updated_at, author"
)
TENANT_KEY_COLUMNS: Final = "tenant, key_id, master_id, wrapped, created_at"
SEALED_COLUMNS: Final = "tenant, domain, ref, purpose, fingerprint, key_id, envelope"
DELIVERY_COLUMNS: Final = "caller, key, digest, outcome, recorded_at, expires_at"
COLLECTION_COLUMNS: Final = "tenant, name, version, size, created_at, updated_at, floor"
AUDIT_COLUMNS: Final = "at, action, actor, tenant, subject, request_id"
API_KEY_COLUMNS: Final = "id, name, digest, scopes, tenant, created_at, revoked_at"


def microseconds(at: datetime) -> int:
    """
    A time as it is stored.
    """
    return (at - _EPOCH) // _MICROSECOND


def time_of(stored: int) -> datetime:
    """
    A time that was stored.
    """
    return _EPOCH + timedelta(microseconds=stored)


def document_key_row(key: DocumentKey) -> tuple[str, str, str]:
    return key.tenant.value, key.domain.value, key.kind.value


def document_key_of(row: Row) -> DocumentKey:
    tenant, domain, kind = row
    return DocumentKey(TenantId(tenant), BusinessDomain(domain), DocumentKind(kind))


def revision_row(revision: Revision) -> Row:
    document = revision.document
    authored = document.authored
    return (
        revision.version,
        document.text,
        None if authored is None else authored.text,
        None if authored is None else authored.exact,
        microseconds(revision.created_at),
        microseconds(revision.updated_at),
        revision.author,
        revision.deleted,
    )


def revision_of(key: DocumentKey, row: Row) -> Revision:
    version, body, yaml, yaml_exact, created_at, updated_at, author, deleted = row
    authored = None if yaml is None else AuthoredYaml(yaml, bool(yaml_exact))
    return Revision(
        key,
        version,
        Document(body, authored),
        time_of(created_at),
        time_of(updated_at),
        author,
        bool(deleted),
    )


def mapping_row(revision: MappingRevision) -> Row:
    mapping = revision.mapping
    numbers = [[special.number.digits, special.crew] for special in mapping.numbers]
    return (
        str(mapping.key),
        mapping.owner.tenant.value,
        mapping.owner.domain.value,
        mapping.sequence,
        mapping.fallback,
        json.dumps(numbers, separators=(",", ":")) if numbers else "[]",
        mapping.active,
        revision.version,
        microseconds(revision.created_at),
        microseconds(revision.updated_at),
        revision.author,
    )


def mapping_revision_of(row: Row) -> MappingRevision:
    version, created_at, updated_at, author = row[7:]
    return MappingRevision(
        mapping_of(row), version, time_of(created_at), time_of(updated_at), author
    )


def mapping_of(row: Row) -> ChannelMapping:
    key, tenant, domain, sequence, fallback, numbers, active = row[:7]
    return ChannelMapping(
        _channel_key_of(key),
        _owner_of(tenant, domain),
        # Negative ones were taken once.
        max(0, sequence),
        bool(fallback),
        _numbers_of(numbers),
        bool(active),
    )


def _channel_key_of(text: str) -> ChannelKey:
    # The text form of a key is unambiguous: none of its parts may hold a slash or a star.
    kind, first, second = text.split("/")
    if kind == "holder":
        return ChannelKey(holder=_owner_of(first, second))
    return ChannelKey(
        None if first == "*" else _chatwoot_id_of(first),
        None if second == "*" else _chatwoot_id_of(second),
    )


# Neighbouring mappings name the same things; one object for each saves a third of the memory
# of a large table.
@lru_cache(maxsize=_SHARED_NAMES)
def _owner_of(tenant: str, domain: str) -> TenantDomain:
    return TenantDomain(TenantId(tenant), _domain_of(domain))


@lru_cache(maxsize=_SHARED_NAMES)
def _domain_of(text: str) -> BusinessDomain:
    return BusinessDomain(text)


@lru_cache(maxsize=_SHARED_NAMES)
def _chatwoot_id_of(text: str) -> ChatwootId:
    return ChatwootId(text)


def _numbers_of(text: str) -> tuple[SpecialNumber, ...]:
    if text == "[]":
        return ()
    return tuple(SpecialNumber(PhoneNumber(digits), crew) for digits, crew in json.loads(text))


def tenant_key_row(key: TenantKey) -> Row:
    return (
        key.tenant.value,
        key.key_id,
        key.master_id,
        key.wrapped,
        microseconds(key.created_at),
    )


def tenant_key_of(row: Row) -> TenantKey:
    tenant, key_id, master_id, wrapped, created_at = row
    return TenantKey(TenantId(tenant), key_id, master_id, wrapped, time_of(created_at))


def secret_place(context: SealContext, fingerprint: Fingerprint) -> Row:
    """
    What a sealed value is found by: the columns of its primary key.
    """
    return (
        context.tenant.value,
        context.domain.value,
        context.ref.value,
        context.purpose,
        fingerprint.value,
    )


def secret_row(secret: SealedSecret) -> Row:
    return (*secret_place(secret.context, secret.fingerprint), secret.key_id, secret.envelope)


def secret_of(row: Row) -> SealedSecret:
    tenant, domain, ref, purpose, fingerprint, key_id, envelope = row
    owner = TenantDomain(TenantId(tenant), BusinessDomain(domain))
    context = SealContext(owner, CredentialRef(ref), purpose)
    return SealedSecret(context, Fingerprint(fingerprint), key_id, envelope)


def delivery_row(delivery: Delivery) -> Row:
    claim = delivery.claim
    return (
        claim.id.caller,
        claim.id.key,
        claim.digest,
        _outcome_text(delivery.outcome),
        microseconds(delivery.recorded_at),
        microseconds(delivery.expires_at),
    )


def delivery_of(row: Row) -> Delivery:
    caller, key, digest, outcome, recorded_at, expires_at = row
    return Delivery(
        Claim(DeliveryId(caller, key), digest),
        _outcome_of(outcome),
        time_of(recorded_at),
        time_of(expires_at),
    )


def _outcome_text(outcome: Outcome) -> str:
    return json.dumps(
        {
            "kind": outcome.kind.value,
            "tenant": outcome.owner.tenant.value,
            "domain": outcome.owner.domain.value,
            "versions": outcome.versions,
            "changed": outcome.changed,
            "at": microseconds(outcome.at),
            "notices": [(notice.code, notice.field) for notice in outcome.notices],
            "items": None if outcome.items is None else astuple(outcome.items),
            "digests": outcome.digests,
        }
    )


def _outcome_of(text: str) -> Outcome:
    stored = json.loads(text)
    # Outcomes that older versions recorded say nothing of items and digests.
    items = stored.get("items")
    return Outcome(
        kind=WriteKind(stored["kind"]),
        owner=TenantDomain(TenantId(stored["tenant"]), BusinessDomain(stored["domain"])),
        versions=stored["versions"],
        changed=stored["changed"],
        at=time_of(stored["at"]),
        notices=tuple(Notice(code, field) for code, field in stored["notices"]),
        items=None if items is None else ItemCounts(*items),
        digests=stored.get("digests", {}),
    )


def collection_row(head: CollectionHead) -> Row:
    return (
        head.key.tenant.value,
        head.key.name.value,
        head.version,
        head.size,
        microseconds(head.created_at),
        microseconds(head.updated_at),
        head.floor,
    )


def collection_of(row: Row) -> CollectionHead:
    tenant, name, version, size, created_at, updated_at, floor = row
    key = CollectionKey(TenantId(tenant), CollectionName(name))
    return CollectionHead(key, version, size, time_of(created_at), time_of(updated_at), floor)


def item_state_of(row: Row) -> ItemState:
    id_, version, digest, text = row
    return ItemState(id_, version, Item(id_, text, digest) if digest else None)


def audit_row(entry: AuditEntry) -> Row:
    return (
        microseconds(entry.at),
        entry.action.value,
        entry.actor,
        None if entry.tenant is None else entry.tenant.value,
        entry.subject,
        entry.request_id,
    )


def audit_entry_of(row: Row) -> AuditEntry:
    at, action, actor, tenant, subject, request_id, id_ = row
    return AuditEntry(
        time_of(at),
        AuditAction(action),
        actor,
        optional(TenantId, tenant),
        subject,
        request_id,
        AuditId(str(id_)),
    )


def api_key_row(key: ApiKey) -> Row:
    return (
        key.id,
        key.name,
        key.digest,
        " ".join(sorted(scope.value for scope in key.scopes)),
        None if key.tenant is None else key.tenant.value,
        microseconds(key.created_at),
        None if key.revoked_at is None else microseconds(key.revoked_at),
    )


def api_key_of(row: Row) -> ApiKey:
    id_, name, digest, scopes, tenant, created_at, revoked_at = row
    return ApiKey(
        id_,
        name,
        digest,
        frozenset(Scope(scope) for scope in scopes.split()),
        optional(TenantId, tenant),
        time_of(created_at),
        optional(time_of, revoked_at),
    )


def json_values(parts: Iterable[TenantId | DocumentKind]) -> str:
    """
    Identifiers as a text for ``json_each``.
    """
    return json.dumps([part.value for part in parts])


def optional(make: Callable[[S], T], stored: S | None) -> T | None:
    """
    What *make* makes of a stored value that may be missing.
    """
    return None if stored is None else make(stored)
