"""
Answers to a source about its pushes.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.domain.reconciliation import DriftStatus
from odoo_ai_config.entrypoints.http.platform.schema import (
    Always,
    BusinessAreaText,
    ChatwootIdText,
    CollectionNameText,
    Count,
    Digest,
    DocumentTypeText,
    TenantIdText,
    Version,
    answer,
)


@answer
class _State:
    version: Version
    digest: Digest


@answer
class _Drift:
    status: Annotated[
        DriftStatus,
        Meta(
            description="`equal`; `differs`: the hub has another content or a later version; "
            "`missing`: it has none, or only an earlier version; `taken`: the channel belongs to "
            "another tenant."
        ),
    ]
    version: Annotated[int, Meta(description="The version that the hub has; 0 for none.", ge=0)]
    digest: Digest | None
    deleted: Always | UnsetType = UNSET


@answer
class _Channel:
    chatwoot_account_id: ChatwootIdText | None
    chatwoot_inbox_id: ChatwootIdText | None


@answer
class _Document:
    config_type: DocumentTypeText


@answer
class _Collection:
    name: CollectionNameText


@answer
class _Tenant:
    tenant_id: TenantIdText


@answer
class _Area(_Tenant):
    domain: BusinessAreaText


@answer
class DocumentDrift(_Drift, _Document):
    """
    The drift of a document.
    """


@answer
class ChannelDrift(_Drift, _Channel):
    """
    The drift of a channel.
    """


@answer
class CollectionDrift(_Drift, _Collection):
    """
    The drift of a collection.
    """


@answer
class AreaDrift(_Area):
    """
    The drift of one business area.
    """

    documents: list[DocumentDrift]
    mappings: list[ChannelDrift]
    collections: list[CollectionDrift]


@answer
class UnknownDocument(_State, _Document, _Area):
    """
    A document that the source did not name.
    """


@answer
class UnknownChannel(_State, _Channel, _Area):
    """
    A channel that the source did not name.
    """


@answer
class UnknownCollection(_State, _Collection, _Tenant):
    """
    A collection that the source did not name.
    """


@answer
class Unknown:
    """
    What else the hub has about these tenants.
    """

    documents: list[UnknownDocument]
    mappings: list[UnknownChannel]
    collections: list[UnknownCollection]


@answer
class DriftSummary:
    """
    The number of things by status.
    """

    equal: Count
    differs: Count
    missing: Count
    taken: Count
    unknown: Count


@answer
class Reconciliation:
    """
    The drift of each thing.
    """

    summary: DriftSummary
    entries: Annotated[list[AreaDrift], Meta(description="In the order of the request.")]
    unknown: Unknown
    truncated: Annotated[
        bool, Meta(description="There are more unknown things than the answer has.")
    ]
