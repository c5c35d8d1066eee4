"""
What is answered about the mapping of channels, and about routes.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.domain.channels.routing import Rule, Verdict
from odoo_ai_config.entrypoints.http.platform.schema import (
    BusinessAreaText,
    CrewText,
    PhoneNumberText,
    TenantIdText,
    answer,
)


@answer
class MappedArea:
    """
    The business area that something is mapped to.
    """

    domain: BusinessAreaText
    account_id: TenantIdText


@answer
class MappedFallback(MappedArea):
    """
    A business area that takes messages which no rule claims.
    """

    sequence: int


@answer
class _Special:
    number: PhoneNumberText
    crew: CrewText


@answer
class MappedNumber(MappedArea, _Special):
    """
    A sender whose messages go to a crew of their own.
    """


@answer
class Mapping:
    """
    The mapping as it is now.
    """

    accounts: Annotated[dict[str, MappedArea], Meta(description="By Chatwoot account.")]
    inboxes: Annotated[dict[str, MappedArea], Meta(description="By Chatwoot inbox.")]
    fallbacks: Annotated[list[MappedFallback], Meta(description="First one first.")]
    special_numbers: list[MappedNumber]


@answer
class RouteOwner:
    """
    A business area that a rule would choose.
    """

    tenant_id: TenantIdText
    domain: BusinessAreaText


@answer
class Considered:
    """
    What became of one rule.
    """

    rule: Rule
    verdict: Verdict
    owners: Annotated[list[RouteOwner], Meta(description="Whom the rule would have chosen.")]


@answer
class Route:
    """
    Where a message goes. One that no rule claims is not an error.
    """

    resolved: Annotated[bool, Meta(description="False if no rule claims the message.")]
    tenant_id: TenantIdText | None
    domain: BusinessAreaText | None
    crew: CrewText | None
    matched_by: Rule
    considered: Annotated[list[Considered], Meta(description="With `explain=1`.")] | UnsetType = (
        UNSET
    )
