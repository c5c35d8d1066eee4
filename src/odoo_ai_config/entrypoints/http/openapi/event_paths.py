"""
Where Odoo pushes to.
"""

from __future__ import annotations

from odoo_ai_config.domain import errors as domain
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.channels.mapping import MAPPING_REFUSALS
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.openapi.operations import (
    BODY,
    CLAIM,
    COMMIT,
    VAULT,
    answered,
    json_body,
    operation,
)
from odoo_ai_config.entrypoints.http.openapi.shapes import ref
from odoo_ai_config.entrypoints.http.platform import errors as http


def event_paths() -> JsonObject:
    """
    The webhook.
    """
    return {
        "/odoo-webhook": {
            "post": operation(
                "receiveEvent",
                "Take in an event of Odoo\n\n"
                "Which event it is says `event_type`, or else `event`, or else the "
                "object that is there, or else `source`. The answer is sent after the commit is "
                "durable.",
                tag="events",
                scope=Scope.WEBHOOK,
                parameters=[ref("Idempotency-Key", "parameters")],
                body=json_body(ref("Event")),
                answers=[
                    answered(
                        "It is stored, or was so already.",
                        ref("EventAccepted"),
                        headers=("Idempotent-Replayed",),
                    )
                ],
                refusals=(
                    *BODY,
                    *CLAIM,
                    *COMMIT,
                    *VAULT,
                    http.UnknownEventError,
                    http.IncompleteDataError,
                    http.TokenMissingError,
                    domain.InvalidYamlError,
                    domain.TenantForbiddenError,
                    domain.EncryptedValueError,
                    *MAPPING_REFUSALS,
                    domain.UnknownFingerprintError,
                ),
            )
        },
        "/v1/reconcile": {
            "post": operation(
                "reconcile",
                "Compare what a source was told with what the hub has\n\n"
                "For sources that push: what is missing or differs is to be sent again. A digest "
                "decides where the source kept it; after a restore from a backup the same version "
                "may stand for another content. A bound key may ask about its tenant only.",
                tag="events",
                scope=Scope.WEBHOOK,
                body=json_body(ref("KnownAreas")),
                answers=[answered("How each thing stands.", ref("Reconciliation"))],
                refusals=(*BODY, http.IncompleteDataError, domain.TenantForbiddenError),
            )
        },
    }
