"""
Parameters and headers that several operations share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from msgspec import Meta

from odoo_ai_config.domain.access import LONGEST_REASON
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.http.platform.schema import (
    BusinessAreaName,
    CredentialRefText,
    DocumentTypeText,
    MessageIdText,
    TenantIdText,
)
from odoo_ai_config.entrypoints.http.platform.texts import Language

# The parameters of paths, by name.
PATH_PARTS: Final[Mapping[str, object]] = {
    "tenant": TenantIdText,
    "domain": BusinessAreaName,
    "kind": DocumentTypeText,
    "version": Annotated[int, Meta(ge=1, examples=[1])],
    "ref": CredentialRefText,
    "message_id": MessageIdText,
    "account": Annotated[str, Meta(description="The account's id in Chatwoot.", examples=["1"])],
    "inbox": Annotated[str, Meta(description="The inbox's id in Chatwoot.", examples=["7"])],
    "conversation": Annotated[
        str, Meta(description="The conversation's id in Chatwoot.", examples=["301"])
    ],
    "name": Annotated[
        str,
        Meta(
            description="With hyphens or underscores.",
            max_length=64,
            examples=["products_informations"],
        ),
    ],
    "id": Annotated[
        str,
        Meta(description="The id of the source.", min_length=1, max_length=256, examples=["7"]),
    ],
}
_REQUEST_ID: Final = r"^[A-Za-z0-9._-]{1,128}$"
_IDEMPOTENCY_KEY: Final = r"^[!-~]{1,256}$"
_ETAG: Final = r'^"[!#-~]+"$'


def parameters() -> JsonObject:
    """
    The headers of requests.
    """
    idempotency = "A repeated request with the same key is done once, and gets the same answer."
    described = [
        _parameter(
            "X-Request-ID",
            "Returned in the answer if it is 1 to 128 of `A-Z a-z 0-9 . _ -`, else replaced.",
            examples=["a-1"],
        ),
        _parameter("Accept-Language", "`en` for English texts.", examples=["en", "pt-BR"]),
        _parameter(
            "If-None-Match", "The `ETag` that the client has, or `*`.", examples=['"3-1f2e3d4c"']
        ),
        _parameter(
            "If-Match",
            'The `ETag` or the version (`"3"`) that the present content must have. For a document '
            "it also needs `config:read`.",
            examples=['"3-1f2e3d4c"'],
        ),
        _parameter(
            "X-Reason",
            "Why, for the audit trail: 1 to 500 visible characters, and no secret.",
            maxLength=LONGEST_REASON,
            examples=["INC-4711: senha trocada"],
        ),
        _parameter("Last-Event-ID", "The `id` of the last event, as browsers send it."),
        _parameter("Idempotency-Key", idempotency, pattern=_IDEMPOTENCY_KEY),
        _parameter("webhook-id", f"Standard Webhooks. {idempotency}", pattern=_IDEMPOTENCY_KEY),
        _parameter("webhook-timestamp", "Standard Webhooks: Unix seconds."),
        _parameter("webhook-signature", "Standard Webhooks: `v1,<base64>`."),
        _parameter("X-Chatwoot-Timestamp", "Chatwoot: Unix seconds."),
        _parameter("X-Chatwoot-Signature", "Chatwoot: `sha256=<hex>`."),
        _parameter("X-Chatwoot-Delivery", "Chatwoot: the same for a repeated delivery."),
        _parameter("MCP-Protocol-Version", "The revision of MCP.", examples=["2026-07-28"]),
        _parameter("Mcp-Method", "The `method` of the body.", examples=["tools/list"]),
        _parameter("Mcp-Name", "The `params.name` of the body."),
        _parameter("X-Webhook-Signature", "The old Odoo module: hex."),
    ]
    return {
        **{str(one["name"]): one for one in described},
        "CrewWebhookId": _parameter("webhook-id", "Standard Webhooks: the id of the message."),
    }


def headers() -> JsonObject:
    """
    The headers of answers.
    """
    return {
        "X-Request-ID": _header("Also in the log lines of the request.", pattern=_REQUEST_ID),
        "ETag": _header("The entity tag of the content.", pattern=_ETAG),
        "ETagIfReadable": _header(
            "The entity tag of the present content, if there is any; of a document, and with a "
            "412, only for keys with `config:read`.",
            pattern=_ETAG,
            required=False,
        ),
        "Cache-Control": _header(
            "Whether caches may store the answer.", schema=_one_of("no-cache", "no-store")
        ),
        "Content-Encoding": _header(
            "Readers that accept `gzip` get answers over 1 KiB so.",
            schema=_one_of("gzip"),
            required=False,
        ),
        "Vary": _header("The headers of the request that the answer depends on.", required=False),
        "Content-Language": _header(
            "The language of the texts.",
            schema=_one_of(*(language.value for language in Language)),
        ),
        "Retry-After": _header("Seconds to wait.", schema={"type": "integer", "minimum": 1}),
        "WWW-Authenticate": _header(
            "The missing credential: a key or a signature.", schema=_one_of("ApiKey", "Signature")
        ),
        "Allow": _header("The methods that the path has."),
        "Accept-Encoding": _header(
            "The encodings that a request may have, with `unsupported_encoding`.",
            required=False,
        ),
        "Idempotent-Replayed": _header(
            "This is the answer of the first such request.",
            schema=_one_of("true"),
            required=False,
        ),
        "Content-Security-Policy": _header("Only the hub's own files, nothing inline."),
        "X-Content-Type-Options": _header(
            "Browsers must not guess the type.", schema=_one_of("nosniff")
        ),
        "X-Accel-Buffering": _header("Proxies must not buffer.", schema=_one_of("no")),
        "Referrer-Policy": _header("Always `no-referrer`.", schema=_one_of("no-referrer")),
    }


def _one_of(*values: str) -> JsonObject:
    return {"type": "string", "enum": [*values]}


def _parameter(name: str, description: str, **more: Json) -> JsonObject:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", **more},
    }


def _header(
    description: str, *, schema: JsonObject | None = None, required: bool = True, **more: Json
) -> JsonObject:
    return {
        "description": description,
        "required": required,
        "schema": schema or {"type": "string", **more},
    }
