"""
The audit trail.
"""

from __future__ import annotations

from typing import Final

from odoo_ai_config.domain import errors as domain
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.changes import AuditAction
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.audit.handlers import DEFAULT_PAGE, LARGEST_PAGE
from odoo_ai_config.entrypoints.http.openapi.operations import answered, operation, query
from odoo_ai_config.entrypoints.http.openapi.shapes import (
    either,
    list_of,
    one_of,
    or_null,
    record,
    ref,
    text,
    whole,
)
from odoo_ai_config.entrypoints.http.platform import errors as http

_TAG: Final = "audit"


def audit_paths() -> JsonObject:
    """
    ``/v1/audit``.
    """
    return {
        "/v1/audit": {
            "get": operation(
                "readAuditTrail",
                "Who did what, newest first\n\nFor keys that are not bound to one tenant.",
                tag=_TAG,
                scope=Scope.ADMIN,
                parameters=[
                    query("tenant", ref("TenantId"), "Whose; everybody's if it is absent."),
                    query("after", ref("AuditId"), "The `next` of the page before."),
                    query("limit", whole(maximum=LARGEST_PAGE, default=DEFAULT_PAGE)),
                ],
                answers=[
                    answered("One page of it.", ref("AuditPage"), headers=["Cache-Control"]),
                ],
                refusals=[http.InvalidFieldsError, domain.TenantForbiddenError],
            )
        }
    }


def audit_schemas() -> JsonObject:
    """
    What is answered there.
    """
    entry = {
        "id": ref("AuditId"),
        "at": text("In UTC.", format="date-time"),
        "action": one_of(action.value for action in AuditAction),
        "actor": text("The id of a key, or `cli`, `library`, `startup`."),
        "tenant_id": either(ref("TenantId"), {"type": "null"}),
        "subject": text("A reference, a channel, an id: never a value."),
        "request_id": or_null(text("The same as in the log lines of the request.")),
    }
    return {
        "AuditId": text("The store's own.", pattern="^[0-9a-f]{1,24}$", examples=["42"]),
        "AuditPage": record(
            {
                "entries": list_of(record(entry)),
                "next": or_null(text("What to send as `after`; null on the last page.")),
            }
        ),
    }
