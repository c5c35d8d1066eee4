"""
What is answered about tenants.
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
    At which version a document is.
    """

    config_type: DocumentTypeText
    version: Version
    updated_at: Moment


@answer
class AreaDocuments:
    """
    What there is of one business area.
    """

    domain: BusinessAreaText
    documents: list[TenantDocument]


@answer
class Tenant:
    """
    What there is of a tenant, and at which versions.
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
    A sender whose messages go to a crew of their own.
    """

    number: PhoneNumberText
    crew: CrewText


@answer
class Channel:
    """
    A Chatwoot channel, and whose it is.
    """

    chatwoot_account_id: ChatwootIdText | None
    chatwoot_inbox_id: ChatwootIdText | None
    domain: BusinessAreaText
    active: Annotated[bool, Meta(description="False if it is switched off.")]
    is_fallback: Annotated[
        bool,
        Meta(
            description="Whether the client takes messages that no rule claims, in accounts "
            "where it has a channel or nobody has."
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
    The channels of a tenant, those that are switched off too.
    """

    channels: list[Channel]
