"""
Answers about the audit trail.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

from odoo_ai_config.domain.changes import AUDIT_ID, AuditAction
from odoo_ai_config.entrypoints.http.platform.schema import (
    Moment,
    NextPage,
    TenantIdText,
    answer,
)

AuditIdText: TypeAlias = Annotated[
    str,
    Meta(
        description="Chosen by the store; for `channel_changed` its place in the history of the "
        "mapping.",
        pattern=f"^(?:{AUDIT_ID.pattern})$",
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
    subject: Annotated[str, Meta(description="A reference, a channel or an id, never a value.")]
    request_id: Annotated[str | None, Meta(description="As in the log lines of the request.")]


@answer
class AuditPage:
    """
    One page of the trail.
    """

    entries: list[AuditEntry]
    next: NextPage
