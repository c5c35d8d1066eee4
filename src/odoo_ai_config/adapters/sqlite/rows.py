"""
Domain objects as rows, and rows as domain objects.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeVar

from attrs import astuple

from odoo_ai_config.adapters.sqlite.row_layout import (
    TEXTS,
    Row,
    RowLayout,
    microseconds,
    time_of,
)
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.audit import LinkedEntry
from odoo_ai_config.domain.changes import AuditEntry, IdempotencyRecord
from odoo_ai_config.domain.channels.mapping import (
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    SpecialNumber,
)
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.collections import CollectionHead, CollectionKey
from odoo_ai_config.domain.credentials.secrets import SealContext, SealedSecret, TenantKey
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import (
    BusinessArea,
    ChatwootId,
    DocumentKey,
    DocumentKind,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.outcomes import ItemCounts, Notice, Outcome, WriteKind
from odoo_ai_config.domain.tenants import AreaMove, EarlierId, TenantContents, TenantState

S = TypeVar("S")
T = TypeVar("T")

_SHARED_NAMES: Final = 4096

# Without the many texts of messages. In the same words as the index `credentials`, or SQLite does
# not use it.
IS_CREDENTIAL: Final = "purpose NOT IN ('answer', 'message')"

REVISION_COLUMNS: Final = (
    "version, body, yaml, yaml_exact, created_at, updated_at, author, deleted, event_at"
)
# The columns in the order in which the functions below give and take them.
MAPPING_COLUMNS: Final = (
    "key, tenant, domain, sequence, fallback, numbers, active, "
    "version, created_at, updated_at, author, event_at"
)


def mapping_row(revision: MappingRevision) -> Row:
    mapping = revision.mapping
    return (
        str(mapping.key),
        mapping.owner.tenant.value,
        mapping.owner.domain.value,
        mapping.sequence,
        mapping.fallback,
        numbers_text(mapping.numbers),
        mapping.active,
        revision.version,
        microseconds(revision.created_at),
        microseconds(revision.updated_at),
        revision.author,
        None if revision.event_at is None else microseconds(revision.event_at),
    )


def mapping_revision_of(row: Row) -> MappingRevision:
    key, tenant, domain, sequence, fallback, numbers, active = row[:7]
    version, created_at, updated_at, author, event_at = row[7:]
    mapping = ChannelMapping(
        _channel_key_of(key),
        _owner_of(tenant, domain),
        # Earlier versions accepted negative ones.
        max(0, sequence),
        bool(fallback),
        numbers_of(numbers),
        bool(active),
    )
    return MappingRevision(
        mapping,
        version,
        time_of(created_at),
        time_of(updated_at),
        author,
        optional(time_of, event_at),
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


# Neighbouring mappings name the same things. Sharing the objects saves a third of the memory of
# a large table.
@lru_cache(maxsize=_SHARED_NAMES)
def _owner_of(tenant: str, domain: str) -> TenantArea:
    return TenantArea(TenantId(tenant), _domain_of(domain))


@lru_cache(maxsize=_SHARED_NAMES)
def _domain_of(text: str) -> BusinessArea:
    return BusinessArea(text)


@lru_cache(maxsize=_SHARED_NAMES)
def _chatwoot_id_of(text: str) -> ChatwootId:
    return ChatwootId(text)


def numbers_text(numbers: Sequence[SpecialNumber]) -> str:
    """
    Special numbers as a column has them.
    """
    texts = [[special.number.digits, special.crew] for special in numbers]
    return json.dumps(texts, separators=(",", ":")) if texts else "[]"


def numbers_of(text: str) -> tuple[SpecialNumber, ...]:
    """
    The special numbers that a column has.
    """
    if text == "[]":
        return ()
    return tuple(SpecialNumber(PhoneNumber(digits), crew) for digits, crew in json.loads(text))


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
    # Outcomes that older versions recorded have no items and digests.
    items = stored.get("items")
    return Outcome(
        kind=WriteKind(stored["kind"]),
        owner=TenantArea(TenantId(stored["tenant"]), BusinessArea(stored["domain"])),
        versions=stored["versions"],
        changed=stored["changed"],
        at=time_of(stored["at"]),
        notices=tuple(Notice(code, field) for code, field in stored["notices"]),
        items=None if items is None else ItemCounts(*items),
        digests=stored.get("digests", {}),
    )


def json_values(parts: Iterable[TenantId | DocumentKind]) -> str:
    """
    Identifiers as a text for ``json_each``.
    """
    return json.dumps([part.value for part in parts])


def optional(make: Callable[[S], T], stored: S | None) -> T | None:
    """
    *make* of *stored*, or None if *stored* is None.
    """
    return None if stored is None else make(stored)


def _moves_text(moves: tuple[AreaMove, ...]) -> str:
    return json.dumps([(move.source.value, move.target.value) for move in moves])


def moves_of(text: str) -> tuple[AreaMove, ...]:
    """
    The moves of business areas that are stored as *text*.
    """
    return tuple(AreaMove(*map(BusinessArea, pair)) for pair in json.loads(text))


def _earlier_text(earlier: tuple[EarlierId, ...]) -> str:
    parts = [(one.tenant.value, microseconds(one.until), one.data_keys) for one in earlier]
    return json.dumps(parts)


def _earlier_of(text: str) -> tuple[EarlierId, ...]:
    return tuple(
        EarlierId(TenantId(tenant), time_of(until), tuple(data_keys))
        for tenant, until, data_keys in json.loads(text)
    )


DOCUMENT_KEYS: Final = RowLayout(DocumentKey, "tenant, domain, kind")
REVISIONS: Final = RowLayout(Revision, f"{DOCUMENT_KEYS.columns}, {REVISION_COLUMNS}")
TENANT_KEYS: Final = RowLayout(TenantKey, "tenant, key_id, master_id, wrapped, created_at")
SEAL_CONTEXTS: Final = RowLayout(SealContext, "tenant, domain, ref, purpose")
SECRETS: Final = RowLayout(
    SealedSecret, "tenant, domain, ref, purpose, fingerprint, key_id, envelope"
)
IDEMPOTENCY_RECORDS: Final = RowLayout(
    IdempotencyRecord,
    "caller, key, digest, outcome, recorded_at, expires_at",
    {Outcome: (_outcome_text, _outcome_of)},
)
COLLECTION_KEYS: Final = RowLayout(CollectionKey, "tenant, name")
COLLECTIONS: Final = RowLayout(
    CollectionHead,
    "tenant, name, version, size, created_at, updated_at, floor, event_at, whole_at",
)
PENDING_AUDIT: Final = RowLayout(
    AuditEntry, "at, action, actor, tenant, subject, request_id, reason"
)
AUDIT: Final = RowLayout(LinkedEntry, f"id, {PENDING_AUDIT.columns}, hash")
API_KEYS: Final = RowLayout(
    ApiKey,
    "id, name, digest, scopes, tenant, created_at, revoked_at, expires_at, used_at",
    {
        frozenset[Scope]: (
            lambda scopes: " ".join(sorted(scope.value for scope in scopes)),
            lambda stored: frozenset(map(Scope, stored.split())),
        )
    },
    without=("occasion",),
)
ADDRESSES: Final = RowLayout(
    Address,
    "id, name, digest, tenant, domain, kind, collection, model, fields, "
    "created_at, created_by, used_at, revoked_at, revoked_by",
    {Mapping[str, str]: (json.dumps, json.loads)},
)
TENANT_STATES: Final = RowLayout(
    TenantState,
    "tenant, revision, standing, since, author, reason, data_keys, contents, certificate, "
    "moves, successor, earlier",
    {
        tuple[str, ...]: TEXTS,
        TenantContents: (
            lambda contents: json.dumps(contents.counts),
            lambda stored: TenantContents(**json.loads(stored)),
        ),
        tuple[AreaMove, ...]: (_moves_text, moves_of),
        tuple[EarlierId, ...]: (_earlier_text, _earlier_of),
    },
)
