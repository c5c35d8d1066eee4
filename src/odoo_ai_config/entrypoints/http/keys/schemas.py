"""
Answers about API keys.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.entrypoints.http.platform.schema import Moment, TenantIdText, answer

KeyIdText: TypeAlias = Annotated[
    str,
    Meta(
        description="Not secret; it is the part of the key between the underscores.",
        pattern="^[A-Za-z0-9-]{12}$",
        examples=["Jd81LmQz0xk3"],
    ),
]


@answer
class ApiKeyState:
    """
    An API key, without its text.
    """

    id: KeyIdText
    name: str
    scopes: Annotated[list[Scope], Meta(description="What it permits.")]
    tenant_id: Annotated[
        TenantIdText | None, Meta(description="The only tenant that it reaches; null for all.")
    ]
    created_at: Moment
    used_at: Annotated[Moment | None, Meta(description="When it was last used, to about an hour.")]
    expires_at: Annotated[Moment | None, Meta(description="From then on it is refused.")]
    revoked_at: Moment | None


@answer
class CreatedApiKey(ApiKeyState):
    """
    A new API key.
    """

    key: Annotated[
        str,
        Meta(
            description="The key itself, shown only now.",
            extra_json_schema={"format": "password"},
        ),
    ]


@answer
class ApiKeyList:
    """
    API keys.
    """

    keys: Annotated[list[ApiKeyState], Meta(description="Oldest first.")]
