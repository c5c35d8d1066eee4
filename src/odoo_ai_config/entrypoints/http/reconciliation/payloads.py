"""
What a source believes to be current, read as it says it.
"""

from __future__ import annotations

from typing import Final

from odoo_ai_config.domain.channels.mapping import ChannelKey
from odoo_ai_config.domain.collections import CollectionName
from odoo_ai_config.domain.identifiers import ChatwootId, DocumentKind, TenantDomain, TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.reconciliation import PUSHED_KINDS, ExpectedArea, ExpectedState
from odoo_ai_config.entrypoints.http.odoo_events.payloads import business_domain, channel_id
from odoo_ai_config.entrypoints.http.platform.fields import FieldReader

MOST_ENTRIES: Final = 1000


def known_areas(body: JsonObject) -> tuple[ExpectedArea, ...]:
    """
    Read ``{"known": [...]}``.

    Raises:
        IncompleteDataError: There is no list.
        InvalidFieldsError: A field holds what it must not hold.
    """
    fields = FieldReader({"": body})
    found = [_area(entry) for entry in fields.sections("known", limit=MOST_ENTRIES)]
    if not fields.has("known") or fields.errors:
        fields.refuse("known")
    return tuple(area for area in found if area is not None)


def _area(entry: FieldReader) -> ExpectedArea | None:
    tenant = entry.named("tenant_id", TenantId)
    entry.require("tenant_id")
    domain = business_domain(entry)
    documents = {
        kind: known for kind in PUSHED_KINDS if (known := _document(entry, kind)) is not None
    }
    channels = {
        ChannelKey(account, channel_id(one, "chatwoot_inbox_id")): _acknowledged(one)
        for one in entry.sections("mappings", limit=MOST_ENTRIES)
        if (account := _account(one)) is not None
    }
    collections = {
        name: _acknowledged(one)
        for one in entry.sections("collections")
        if (name := _collection(one)) is not None
    }
    if tenant is None or domain is None:
        return None
    return ExpectedArea(TenantDomain(tenant, domain), documents, channels, collections)


def _document(entry: FieldReader, kind: DocumentKind) -> ExpectedState | None:
    known = _acknowledged(entry, f"{kind}_")
    return None if known == ExpectedState() else known


def _account(entry: FieldReader) -> ChatwootId | None:
    account = channel_id(entry, "chatwoot_account_id")
    entry.require("chatwoot_account_id")
    return account


def _collection(entry: FieldReader) -> CollectionName | None:
    name = entry.named("name", CollectionName.from_text)
    entry.require("name")
    return name


def _acknowledged(entry: FieldReader, prefix: str = "") -> ExpectedState:
    version = entry.integer(f"{prefix}version")
    # The hub counts from 1: what is below was never acknowledged.
    return ExpectedState(
        version if version is not None and version > 0 else None, entry.text(f"{prefix}digest")
    )
