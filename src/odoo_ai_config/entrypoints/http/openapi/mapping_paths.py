"""
The mapping of channels, and where a message goes.
"""

from __future__ import annotations

from typing import Final

from odoo_ai_config.domain import errors as domain
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.openapi.operations import (
    BODY,
    COMMIT,
    answered,
    json_body,
    operation,
    query,
)
from odoo_ai_config.entrypoints.http.openapi.shapes import ref, text
from odoo_ai_config.entrypoints.http.platform import errors as http

_TAG: Final = "mapping"


def mapping_paths() -> JsonObject:
    """
    The mapping as a whole, and the question that it answers.
    """
    return {
        "/mapping": {
            "get": operation(
                "readMapping",
                "Read the mapping, or the part of it that the key may see",
                tag=_TAG,
                scope=Scope.CONFIG_READ,
                answers=[answered("The mapping.", ref("Mapping"))],
                refusals=[domain.MappingNotFoundError],
            ),
            "post": _written("replaceMapping", "Replace the whole mapping"),
            "patch": _written(
                "mergeMapping",
                "Merge accounts and inboxes by key, and replace the lists that are given",
            ),
        },
        "/mapping/export": {
            "get": operation(
                "exportMapping",
                "Read the mapping as YAML",
                tag=_TAG,
                scope=Scope.CONFIG_READ,
                answers=[
                    answered("The mapping.", ref("Mapping"), media_type="application/x-yaml")
                ],
                refusals=[domain.MappingNotFoundError],
            )
        },
        "/v1/route": {"get": _route()},
        "/v1/route/simulate": {
            "post": operation(
                "simulateEvent",
                "What an event about a channel would change\n\n"
                "Nothing is written. Of the messages that the hub could get, those are told whose "
                "route would be another; a bound key sees its tenant's part.",
                tag=_TAG,
                scope=Scope.CONFIG_READ,
                body=json_body(ref("SimulatedEvent")),
                answers=[answered("What it would do.", ref("Simulation"))],
                refusals=(
                    *BODY,
                    http.UnknownEventError,
                    http.IncompleteDataError,
                    domain.TenantForbiddenError,
                ),
            )
        },
    }


def _written(identity: str, summary: str) -> JsonObject:
    return operation(
        identity,
        summary,
        tag=_TAG,
        scope=Scope.CONFIG_WRITE,
        body=json_body(ref("MappingData")),
        answers=[answered("The mapping as it is now.", ref("Mapping"))],
        refusals=(*BODY, *COMMIT, http.IncompleteDataError, domain.TenantForbiddenError),
    )


def _route() -> JsonObject:
    return operation(
        "resolveRoute",
        "Where a Chatwoot message goes",
        tag=_TAG,
        scope=Scope.CONFIG_READ,
        parameters=[
            query("account_id", ref("ChatwootId"), required=True),
            query("inbox_id", ref("ChatwootId")),
            query("number", text(examples=["5511999999999"]), "The sender's, in any form."),
            query("explain", {"enum": ["1", "true", "yes", "0", "false", "no"]}),
        ],
        answers=[answered("A message that no rule claims is not an error.", ref("Route"))],
        refusals=[
            http.IncompleteDataError,
            http.InvalidFieldsError,
            domain.TenantForbiddenError,
        ],
    )
