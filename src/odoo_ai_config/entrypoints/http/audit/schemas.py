"""
Answers about the audit trail.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

from odoo_ai_config.domain.audit import AUDIT_ID
from odoo_ai_config.domain.changes import AuditAction
from odoo_ai_config.entrypoints.http.platform.schema import (
    Moment,
    NextPage,
    TenantIdText,
    answer,
)

AuditIdText: TypeAlias = Annotated[
    str,
    Meta(
        description="The place in the chain, counted from 1 without gaps.",
        pattern=f"^{AUDIT_ID.pattern}$",
        examples=["42"],
    ),
]


@answer
class AuditEntry:
    """
    Who did what.
    """

    id: AuditIdText
    at: Moment
    action: AuditAction
    actor: Annotated[str, Meta(description="The id of a key, or `cli`, `library` or `startup`.")]
    tenant_id: TenantIdText | None
    subject: Annotated[
        str, Meta(description="A document, a reference, a channel or an id, never a value.")
    ]
    request_id: Annotated[str | None, Meta(description="As in the log lines of the request.")]
    reason: Annotated[str | None, Meta(description="Why, as the actor said in `X-Reason`.")]
    hash: Annotated[
        str,
        Meta(
            description="SHA-256 of the hash before it and the other members.",
            pattern="^[0-9a-f]{64}$",
        ),
    ]


@answer
class AuditPage:
    """
    One page of the trail.
    """

    entries: list[AuditEntry]
    next: NextPage
