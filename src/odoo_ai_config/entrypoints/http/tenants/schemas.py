"""
Answers about tenants.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from odoo_ai_config.entrypoints.http.platform.schema import (
    AuthorText,
    BusinessAreaText,
    ChatwootIdText,
    CrewText,
    Digest,
    DocumentTypeText,
    Moment,
    NextPage,
    PhoneNumberText,
    TenantIdText,
    Version,
    answer,
)


@answer
class TenantDocument:
    """
    A document and its version.
    """

    config_type: DocumentTypeText
    version: Version
    updated_at: Moment


@answer
class AreaDocuments:
    """
    The documents of one business area.
    """

    domain: BusinessAreaText
    documents: list[TenantDocument]


@answer
class Tenant:
    """
    A tenant, with the versions of its documents.
    """

    tenant_id: TenantIdText
    domains: list[AreaDocuments]


@answer
class TenantPage:
    """
    One page of tenants.
    """

    tenants: list[Tenant]
    next: NextPage


@answer
class SpecialNumber:
    """
    A number whose messages go to their own crew.
    """

    number: PhoneNumberText
    crew: CrewText


@answer
class Channel:
    """
    A Chatwoot channel and its owner.
    """

    chatwoot_account_id: ChatwootIdText | None
    chatwoot_inbox_id: ChatwootIdText | None
    domain: BusinessAreaText
    active: Annotated[bool, Meta(description="False if it is switched off.")]
    is_fallback: Annotated[
        bool,
        Meta(
            description="Whether the client takes messages that no other rule claims, in "
            "accounts where it has a channel or nobody has one."
        ),
    ]
    sequence: int
    special_whatsapp_numbers: list[SpecialNumber]
    version: Version
    digest: Digest
    created_at: Moment
    updated_at: Moment
    author: AuthorText


@answer
class Channels:
    """
    The channels of a tenant, inactive ones included.
    """

    channels: list[Channel]
