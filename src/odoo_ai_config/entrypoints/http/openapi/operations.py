"""
Operations: what is asked, what is answered, and what every one of them has in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from odoo_ai_config.application import errors as application
from odoo_ai_config.domain import errors as domain
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.http.openapi.refusals import refused
from odoo_ai_config.entrypoints.http.openapi.shapes import ref
from odoo_ai_config.entrypoints.http.platform import errors as http
from odoo_ai_config.entrypoints.http.platform.operations import RefusalClass

JSON: Final = "application/json"
SECURITY_SCHEME: Final = "ApiKey"
BEARER_SCHEME: Final = "Bearer"

_STORE: Final = (application.StoreUnavailableError, application.StoreUnusableError)
_KEYED: Final = (
    domain.InvalidApiKeyError,
    ScopeMissingError,
    http.RateLimitedError,
    http.BodyTooLargeError,
    *_STORE,
)
_PUSHED: Final = (
    http.BodyLateError,
    http.BodyUnreadableError,
    http.UnsupportedMediaTypeError,
    http.InvalidJsonError,
    http.DepthLimitError,
    http.SignatureMissingError,
    http.SignatureInvalidError,
    http.SignatureTimestampError,
)
_SIGNATURES: Final = (
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "X-Webhook-Signature",
)
# What may be wrong with any body before it is known what it says.
BODY: Final = (
    http.InvalidJsonError,
    http.DepthLimitError,
    http.BodyLateError,
    http.BodyUnreadableError,
    http.UnsupportedMediaTypeError,
    http.InvalidFieldsError,
    domain.InvalidValueError,
)
CLAIM: Final = (http.InvalidIdempotencyKeyError, domain.IdempotencyKeyReusedError)
COMMIT: Final = (application.ContentionError,)
VAULT: Final = (
    application.MasterKeyMissingError,
    application.InvalidKeyRingError,
    application.SealBrokenError,
)
DOCUMENT_MISSING: Final = (domain.DocumentNotFoundError, domain.DocumentDeletedError)
FRESHNESS: Final = ("ETag", "Cache-Control")


def operation(
    identity: str,
    summary: str,
    *,
    tag: str,
    answers: Iterable[tuple[int, JsonObject]],
    scope: Scope | None = None,
    parameters: Sequence[JsonObject] = (),
    body: JsonObject | None = None,
    refusals: Iterable[RefusalClass] = (),
) -> JsonObject:
    """
    An operation. One with a *scope* needs a key that has it, and a push may need a signature.

    What follows the first paragraph of its *summary* is its description.
    """
    short, _, long = summary.partition("\n\n")
    described: JsonObject = {"operationId": identity, "summary": short, "tags": [tag]}
    if long:
        described["description"] = long
    pushes = scope is Scope.WEBHOOK
    described["parameters"] = [
        *parameters,
        *(ref(name, "parameters") for name in (_SIGNATURES if pushes else ())),
        ref("X-Request-ID", "parameters"),
        ref("Accept-Language", "parameters"),
    ]
    if body is not None:
        described["requestBody"] = body
    described["security"] = (
        []
        if scope is None
        else [{scheme: [scope.value]} for scheme in (SECURITY_SCHEME, BEARER_SCHEME)]
    )
    common = (
        http.UnsupportedEncodingError,
        *(() if scope is None else _KEYED),
        *(_PUSHED if pushes else ()),
    )
    responses = {str(status): answer for status, answer in answers}
    described["responses"] = {**responses, **refused((*common, *refusals))}
    return described


def answered(
    description: str,
    schema: JsonObject,
    *,
    media_type: str = JSON,
    headers: Sequence[str] = (),
    special_headers: Mapping[str, JsonObject] | None = None,
) -> tuple[int, JsonObject]:
    """
    The answer to a request that was granted, and its status.

    Its *headers*, beyond the request id, are components; *special_headers* are those that are
    not what the component of their name says.
    """
    return HTTPStatus.OK, {
        "description": description,
        "headers": {**_headers(headers), **(special_headers or {})},
        "content": {media_type: {"schema": schema}},
    }


def unchanged(headers: Sequence[str] = FRESHNESS) -> tuple[int, JsonObject]:
    """
    The answer to a reader who has the thing already.
    """
    return HTTPStatus.NOT_MODIFIED, {
        "description": "It is as the reader has it.",
        "headers": _headers(headers),
    }


def json_body(schema: JsonObject, *, media_type: str = JSON) -> JsonObject:
    """
    A body that is JSON of some type.
    """
    return {"required": True, "content": {media_type: {"schema": schema}}}


def path_part(name: str, schema: JsonObject, description: str = "") -> JsonObject:
    """
    A part of the path.
    """
    return _parameter("path", name, schema, description, required=True)


def query(
    name: str, schema: JsonObject, description: str = "", *, required: bool = False
) -> JsonObject:
    """
    A parameter of the query.
    """
    return _parameter("query", name, schema, description, required=required)


def header(name: str, description: str, **more: Json) -> JsonObject:
    """
    A header of the request.
    """
    return _parameter("header", name, {"type": "string", **more}, description, required=False)


def _parameter(
    place: str, name: str, schema: JsonObject, description: str, *, required: bool
) -> JsonObject:
    described: JsonObject = {"name": name, "in": place, "required": required, "schema": schema}
    return {**described, "description": description} if description else described


def _headers(names: Sequence[str]) -> JsonObject:
    return {name: ref(name, "headers") for name in ("X-Request-ID", *names)}
