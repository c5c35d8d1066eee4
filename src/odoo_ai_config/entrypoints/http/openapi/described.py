"""
Describes the operations of route groups: their paths and components.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import groupby
from types import UnionType
from typing import Any, Final, get_args, get_origin

import attrs
import msgspec

from odoo_ai_config.application import errors as application
from odoo_ai_config.domain import errors as domain
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.errors import CodedError
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.tenants import (
    AreaMovedError,
    TenantErasedError,
    TenantRenamedError,
    TenantSuspendedError,
)
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.openapi.components import PATH_PARTS
from odoo_ai_config.entrypoints.http.openapi.request_schemas import schema_of
from odoo_ai_config.entrypoints.http.platform import errors as http
from odoo_ai_config.entrypoints.http.platform.operations import (
    JSON,
    Access,
    AnyHandler,
    Operation,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.problems import Problem
from odoo_ai_config.entrypoints.http.platform.refusals import REFUSALS

_PLACE: Final = re.compile(r"{(\w+)}")
_KEYED: Final = (
    domain.InvalidApiKeyError,
    domain.ApiKeyExpiredError,
    ScopeMissingError,
    http.RateLimitedError,
    http.BodyTooLargeError,
    application.StoreUnavailableError,
    application.StoreUnusableError,
)
_READ: Final = (
    http.InvalidJsonError,
    http.DepthLimitError,
    http.BodyLateError,
    http.BodyUnreadableError,
    http.UnsupportedMediaTypeError,
)
_BODY: Final = (*_READ, http.InvalidFieldsError, domain.InvalidValueError)
_PUSHED: Final = (
    *_READ,
    http.SignatureMissingError,
    http.SignatureInvalidError,
    http.SignatureTimestampError,
)
# Of whatever serves something of one tenant.
_READS: Final = frozenset({Scope.CONFIG_READ, Scope.MESSAGES_READ, Scope.SECRETS_READ})
_NOT_SERVED: Final = (
    TenantSuspendedError,
    TenantErasedError,
    TenantRenamedError,
    AreaMovedError,
)
_CLAIM: Final = (http.InvalidIdempotencyKeyError, domain.IdempotencyKeyReusedError)
_REFUSAL_HEADERS: Final = ("Cache-Control", "Content-Language")
_HEADERS_BY_STATUS: Final = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    412: ("ETagIfReadable",),
    415: ("Accept-Encoding",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


class Describer:
    """
    Builds the paths of operations, and collects the components that they refer to.
    """

    def __init__(self) -> None:
        self.schemas: JsonObject = {}
        self.responses: JsonObject = {}
        self.security_schemes: JsonObject = {}
        self.tags: set[str] = set()

    def paths(self, groups: Iterable[RouteGroup], apps: frozenset[App]) -> JsonObject:
        """
        The paths of the *groups* that belong to *apps*.
        """
        paths: dict[str, JsonObject] = {}
        for group in groups:
            for operation, handler in group.served:
                if operation.is_served(apps):
                    self.tags.add(group.tag)
                    methods = paths.setdefault(operation.path, {})
                    methods[operation.method.lower()] = self._operation(group, operation, handler)
        return {**paths}

    def schema(self, type_: object) -> JsonObject:
        """
        The schema of *type_*; classes are components.
        """
        if get_origin(type_) is UnionType and all(map(attrs.has, get_args(type_))):
            # No member of the answer tells its class, so msgspec does not support the union.
            return {"anyOf": [self.schema(one) for one in get_args(type_)]}
        (schema,), components = msgspec.json.schema_components(
            [type_], ref_template="#/components/schemas/{name}"
        )
        for name, component in components.items():
            plain = _plain(component)
            if self.schemas.setdefault(name, plain) != plain:
                raise ValueError(f"Two classes are called {name}.")
        return _plain(schema)

    def _operation(
        self, group: RouteGroup, operation: Operation, handler: AnyHandler
    ) -> JsonObject:
        summary, description = operation.about(handler)
        about: JsonObject = {"operationId": operation.identity_of(handler), "summary": summary}
        if description:
            about["description"] = description
        if operation.body is not None:
            about["requestBody"] = {
                "required": True,
                "content": {
                    operation.body_media_type: {"schema": schema_of(operation.body, self.schemas)}
                },
            }
        return {
            **about,
            "tags": [group.tag],
            "parameters": [*self._parameters(operation)],
            "security": self._security(operation),
            "responses": {
                **self._answers(operation),
                **self._others(operation, self._refused(_refusals(operation))),
            },
        }

    def _parameters(self, operation: Operation) -> Iterator[JsonObject]:
        for name in _PLACE.findall(operation.path):
            type_ = operation.path_parts.get(name) or PATH_PARTS[name]
            yield self._parameter("path", name, type_, required=True)
        for query in operation.parameters:
            yield self._parameter(
                "query", query.name, query.type, query.description, required=query.required
            )
        for name in operation.headers_read:
            yield {"$ref": f"#/components/parameters/{name}"}

    def _parameter(
        self, where: str, name: str, type_: object, description: str = "", *, required: bool
    ) -> JsonObject:
        schema = self.schema(type_)
        about = description or schema.pop("description", "")
        parameter: JsonObject = {"name": name, "in": where, "required": required}
        return parameter | ({"description": about} if about else {}) | {"schema": schema}

    def _security(self, operation: Operation) -> list[Json]:
        if not operation.takes_key:
            return []
        scopes: list[Json] = [] if operation.scope is None else [operation.scope.value]
        security: list[Json] = [{"ApiKey": scopes}, {"Bearer": scopes}]
        signature = operation.signature
        if signature is not None:
            security.append({signature.name: []})
            self.security_schemes[signature.name] = {
                "type": "apiKey",
                "in": "header",
                "name": signature.header,
                "description": signature.description,
            }
        return security

    def _answers(self, operation: Operation) -> JsonObject:
        if operation.answer is None:
            return {}
        fresh = ("ETag", "Cache-Control") if operation.conditional else ()
        replayed = ("Idempotent-Replayed",) if operation.idempotent else ()
        encoded = ("Content-Encoding", "Vary") if operation.is_compressed else ()
        schema = self.schema(operation.answer)
        answers: JsonObject = {
            "200": {
                "description": operation.says or self._first_line(schema),
                "headers": _headers((*fresh, *encoded, *operation.answer_headers, *replayed)),
                "content": {
                    media_type: {"schema": schema} for media_type in operation.media_types
                },
            }
        }
        if operation.conditional:
            answers["304"] = {
                "description": "Not modified.",
                "headers": _headers((*fresh, *encoded[1:], *operation.answer_headers)),
            }
        return answers

    def _others(self, operation: Operation, refused: JsonObject) -> JsonObject:
        """
        The answers *refused*, and those with other statuses than 200.
        """
        others = dict(refused)
        for status, says in operation.other_statuses.items():
            if status == HTTPStatus.ACCEPTED:
                others[str(status)] = {"description": says, "headers": _headers(())}
                continue
            names = (*_REFUSAL_HEADERS, *_HEADERS_BY_STATUS.get(status, ()))
            content: JsonObject = {JSON: {"schema": self.schema(operation.answer)}}
            known: Any = refused.get(str(status))
            if known is not None:
                known = self.responses[known["$ref"].rpartition("/")[2]]
                content |= known["content"]
            others[str(status)] = {
                "description": says,
                "headers": _headers(names),
                "content": content,
            }
        return others

    def _refused(self, errors: Iterable[type[CodedError]]) -> JsonObject:
        """
        The answers by status of an operation that may refuse with *errors*.

        Operations share these components.
        """
        found = {(REFUSALS[error].status, error.code) for error in errors}
        refused: JsonObject = {}
        for status, group in groupby(sorted(found), key=lambda entry: entry[0]):
            codes = [code for _, code in group]
            name = ".".join((str(status), *codes))
            if name not in self.responses:
                self.responses[name] = self._refusal(status, codes)
            refused[str(status)] = {"$ref": f"#/components/responses/{name}"}
        return refused

    def _refusal(self, status: int, codes: list[str]) -> JsonObject:
        particular: JsonObject = {
            "status": {"const": status},
            "code": {"type": "string", "enum": [*codes]},
        }
        # Validators read members beside a reference; client generators make one class of it.
        schema: JsonObject = {**self.schema(Problem), "properties": particular}
        named = ", ".join(f"`{code}`" for code in codes)
        return {
            "description": f"{HTTPStatus(status).phrase}: {named}",
            "headers": _headers((*_REFUSAL_HEADERS, *_HEADERS_BY_STATUS.get(status, ()))),
            "content": {"application/problem+json": {"schema": schema}},
        }

    def _first_line(self, schema: Mapping[str, Any]) -> str:
        name = schema["$ref"].rpartition("/")[2]
        component: Mapping[str, Any] = self.schemas[name]  # type: ignore[assignment]
        return str(component["description"]).partition("\n\n")[0]


def _refusals(operation: Operation) -> Iterator[type[CodedError]]:
    yield http.UnforeseenError
    yield http.UnsupportedEncodingError
    yield from operation.refusals
    if operation.access is not Access.OPEN:
        yield from _KEYED
        if "{tenant}" in operation.path:
            yield domain.TenantForbiddenError
        if operation.answer is not None and (operation.parameters or "{" in operation.path):
            yield http.InvalidFieldsError
        if operation.scope is Scope.WEBHOOK:
            yield from _PUSHED
        if operation.scope in _READS:
            yield from _NOT_SERVED
    if operation.body is not None:
        yield from _BODY
    if operation.idempotent:
        yield from _CLAIM
    if operation.takes_reason:
        yield http.InvalidFieldsError


def _headers(names: Sequence[str]) -> JsonObject:
    return {
        name.removesuffix("IfReadable"): {"$ref": f"#/components/headers/{name}"}
        for name in ("X-Request-ID", *names)
    }


def _plain(schema: JsonObject) -> JsonObject:
    """
    *schema* in the vocabulary of client generators.

    The name of a class is already its title, and to them a schema without a type is anything.
    """
    plain = {
        name: _plain_part(part)
        for name, part in schema.items()
        if not (name == "title" and isinstance(part, str))
    }
    match plain.get("enum"):
        case [str() as only]:
            del plain["enum"]
            plain = {**plain, "type": "string", "const": only}
        case [str(), *_]:
            plain = {**plain, "type": "string"}
        case _:
            pass
    return plain


def _plain_part(part: Json) -> Json:
    if isinstance(part, list):
        return [_plain_part(inner) for inner in part]
    return _plain(part) if isinstance(part, dict) else part
