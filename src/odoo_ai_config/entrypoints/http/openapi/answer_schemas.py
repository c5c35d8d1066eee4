"""
What the hub answers, as schemas.
"""

from __future__ import annotations

from typing import Final

from odoo_ai_config.domain.channels.routing import Rule, Verdict
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.reconciliation import DriftStatus
from odoo_ai_config.entrypoints.http.openapi.shapes import (
    constant,
    flag,
    list_of,
    map_of,
    one_of,
    or_null,
    record,
    ref,
    text,
    whole,
)
from odoo_ai_config.entrypoints.http.platform.notices import NOTICES

_VERSION: Final = whole("Counts from 1; each document has its own count.")
_MOMENT: Final = text("In UTC.", format="date-time", examples=["2026-04-23T19:14:20.512Z"])
_DIGEST: Final = text(
    "Tells the content from any other that ever had the same version; for `POST /v1/reconcile`.",
    pattern="^[0-9a-f]{64}$",
)
_WHERE: Final[dict[str, JsonObject]] = {
    "tenant_id": ref("TenantId"),
    "domain": ref("BusinessArea"),
    "config_type": ref("DocumentType"),
    "version": _VERSION,
}
_AUTHOR: Final = text("Id of the API key that wrote it, or the name of a process of the hub.")
_SUMMARY: Final = {**_WHERE, "created_at": _MOMENT, "updated_at": _MOMENT}
_DOCUMENT: Final[dict[str, JsonObject]] = {
    "id": whole("Stands for one version of one document, for clients that expect a row's id."),
    **_SUMMARY,
    "yaml_content": text("The text as authored, or YAML made of the document."),
    "json_data": {"type": "object", "description": "The document."},
}
_CHANGED: Final = {
    "changed": flag("False if everything was so already; no version was made then.")
}
_WARNINGS: Final = {"warnings": list_of(ref("Notice"))}
_CHATWOOT_OR_NULL: Final[JsonObject] = {"anyOf": [ref("ChatwootId"), {"type": "null"}]}
_AREA: Final = {"domain": ref("BusinessArea"), "account_id": ref("TenantId")}
_OWNER: Final = record({"tenant_id": ref("TenantId"), "domain": ref("BusinessArea")})


def identifiers() -> JsonObject:
    """
    The names that stand in paths and answers.
    """
    return {
        "TenantId": text(
            "A client, as Odoo names it (`account_id`).",
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$",
            examples=["123456"],
        ),
        "BusinessArea": text(
            "A business area of a client, as a slug.",
            pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
            examples=["retail"],
        ),
        "DocumentType": text(
            "`config`, `credentials`, `metadata`, or any other slug.",
            pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
            examples=["config"],
        ),
        "CredentialRef": text(
            "The name under which a config refers to a sealed value.",
            pattern=r"^[A-Za-z0-9_][A-Za-z0-9._@:+=~-]{0,255}$",
            examples=["token_referencia"],
        ),
        "ChatwootId": text(
            "A Chatwoot account or inbox.",
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
            examples=["7"],
        ),
        "CollectionName": text(
            "As `enabled_collections` has it.",
            pattern="^[a-z0-9][a-z0-9_]{0,63}$",
            examples=["products_informations"],
        ),
        "PhoneNumber": text("Digits only.", pattern=r"^[0-9]{8,15}$", examples=["5511999999999"]),
        "Crew": text(
            "The crew that answers.",
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
            examples=["analytics"],
        ),
    }


def event_answers() -> JsonObject:
    """
    What the webhook answers.
    """
    notice = record(
        {
            "code": one_of(NOTICES),
            "field": text("The place that it is about, never a value."),
            "message": text("For people, in their language."),
        },
        description="Something that the sender should know although the event was accepted.",
    )
    kinds = ("config", "credentials", "metadata", "mapping")
    versions = {f"{kind}_version": _VERSION for kind in kinds}
    digests = {f"{kind}_digest": _DIGEST for kind in kinds}
    return {
        "Notice": notice,
        "EventAccepted": record(
            {
                "success": constant(value=True),
                "message": text("For people, in their language."),
                "tenant_id": ref("TenantId"),
                "domain": ref("BusinessArea"),
                **versions,
                "version": whole("The same as `mapping_version`."),
                **digests,
                "timestamp": _MOMENT,
                **_CHANGED,
                **_WARNINGS,
            },
            optional=(*versions, "version", *digests),
            description="The event is stored for good.",
        ),
    }


def mapping_answers() -> JsonObject:
    """
    Who is responsible for which channel.
    """
    route: dict[str, JsonObject] = {
        "resolved": flag("False if no rule claims the message."),
        "tenant_id": {"anyOf": [ref("TenantId"), {"type": "null"}]},
        "domain": {"anyOf": [ref("BusinessArea"), {"type": "null"}]},
        "crew": {"anyOf": [ref("Crew"), {"type": "null"}]},
        "matched_by": one_of(rule.value for rule in Rule),
    }
    considered = record(
        {
            "rule": one_of(rule.value for rule in Rule),
            "verdict": one_of(verdict.value for verdict in Verdict),
            "owners": list_of(_OWNER, "Whom the rule would have chosen."),
        }
    )
    channel = {"chatwoot_account_id": _CHATWOOT_OR_NULL, "chatwoot_inbox_id": _CHATWOOT_OR_NULL}
    seen: JsonObject = {"anyOf": [ref("Route"), ref("HiddenRoute")]}
    rerouting: dict[str, JsonObject] = {
        "account_id": {**_CHATWOOT_OR_NULL, "description": "Null for any that is not mapped."},
        "inbox_id": {
            **_CHATWOOT_OR_NULL,
            "description": "Null for every inbox that has no mapping of its own.",
        },
        "number": {
            "type": ["string", "null"],
            "description": "Null for every number that is not special.",
        },
        "before": seen,
        "after": seen,
    }
    return {
        "HiddenRoute": record(
            {"resolved": constant(value=True), "hidden": constant(value=True)},
            description="To a tenant that the key may not see.",
        ),
        "Simulation": record(
            {
                "event": one_of(("mapping_sync", "mapping_delete")),
                "tenant_id": ref("TenantId"),
                "domain": ref("BusinessArea"),
                "mapping_version": whole("The version that the channel would be at."),
                "changed": flag("Whether the event would change anything."),
                "refusal": or_null(text("The code of the error that the event would meet.")),
                "moves": list_of(
                    record({**channel, "from": ref("TenantId"), "to": ref("TenantId")}),
                    "Who would lose the channel to whom.",
                ),
                "effects": list_of(record(rerouting), "What would be routed otherwise."),
                "truncated": flag("There are more effects than are told, or were looked for."),
                "messages": list_of(
                    record({**rerouting, "changed": flag("Whether it would go elsewhere.")}),
                    "Those that were asked about, in their order.",
                ),
                **_WARNINGS,
            }
        ),
        "Mapping": record(
            {
                "accounts": map_of(record(_AREA), "By Chatwoot account."),
                "inboxes": map_of(record(_AREA), "By Chatwoot inbox."),
                "fallbacks": list_of(
                    record({**_AREA, "sequence": {"type": "integer"}}), "First one first."
                ),
                "special_numbers": list_of(
                    record({"number": ref("PhoneNumber"), "crew": ref("Crew"), **_AREA})
                ),
            }
        ),
        "Route": record(
            {**route, "considered": list_of(considered, "With `explain=1`.")},
            optional=("considered",),
        ),
    }


def reconciliation_answers() -> JsonObject:
    """
    How what the hub has stands to what a source knows of.
    """
    channel = {"chatwoot_account_id": _CHATWOOT_OR_NULL, "chatwoot_inbox_id": _CHATWOOT_OR_NULL}
    finding: dict[str, JsonObject] = {
        "status": one_of(
            (standing.value for standing in DriftStatus),
            "`equal`; `differs`: the hub has another content or a later version; `missing`: it "
            "has none, or only an earlier version; `taken`: the channel is another tenant's.",
        ),
        "version": whole("Of the hub; 0 for none.", least=0),
        "digest": or_null(_DIGEST),
        "deleted": constant(value=True),
    }
    held: dict[str, JsonObject] = {"version": _VERSION, "digest": _DIGEST}
    document = {"config_type": ref("DocumentType")}
    named = {"name": ref("CollectionName")}

    def found(what: dict[str, JsonObject]) -> JsonObject:
        return list_of(record({**what, **finding}, optional=("deleted",)))

    of_tenant = {"tenant_id": ref("TenantId")}
    of_area = {**of_tenant, "domain": ref("BusinessArea")}
    statuses = (*(standing.value for standing in DriftStatus), "unknown")
    return {
        "Reconciliation": record(
            {
                "summary": record({status: whole(least=0) for status in statuses}),
                "entries": list_of(
                    record(
                        {
                            **of_area,
                            "documents": found(document),
                            "mappings": found(channel),
                            "collections": found(named),
                        }
                    ),
                    "In the order in which they were asked about.",
                ),
                "unknown": record(
                    {
                        "documents": list_of(record({**of_area, **document, **held})),
                        "mappings": list_of(record({**of_area, **channel, **held})),
                        "collections": list_of(record({**of_tenant, **named, **held})),
                    },
                    description="What the hub has of these tenants beside that.",
                ),
                "truncated": flag("There is more that is unknown than is told."),
            }
        ),
    }
