"""
``/configs/...``: documents as they are and as they were.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import hdrs, web
from multidict import CIMultiDict
from structlog.contextvars import bind_contextvars

from odoo_ai_config.application.documents.writing import DocumentWrite, WrittenDocument
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.documents.diffing import ChangeKind, ValueChange
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.errors import (
    DocumentDeletedError,
    DocumentNotFoundError,
    PreconditionFailedError,
    RevisionNotFoundError,
)
from odoo_ai_config.domain.identifiers import BusinessDomain, DocumentKey
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.entrypoints.http.platform.app_keys import METRICS, REPRESENTATIONS, SERVICES
from odoo_ai_config.entrypoints.http.platform.authentication import KeyedHandler
from odoo_ai_config.entrypoints.http.platform.bodies import read_body, read_json, require_json
from odoo_ai_config.entrypoints.http.platform.conditional import Precondition, is_known
from odoo_ai_config.entrypoints.http.platform.fields import FieldReader
from odoo_ai_config.entrypoints.http.platform.idempotency import REPLAYED, claim_of
from odoo_ai_config.entrypoints.http.platform.notices import shown_notices
from odoo_ai_config.entrypoints.http.platform.paths import (
    document_of,
    named,
    optional_number,
    page_size,
    tenant_of,
    whole_number,
)
from odoo_ai_config.entrypoints.http.platform.problems import refuse
from odoo_ai_config.entrypoints.http.platform.representations import (
    entity_tag,
    json_bytes,
    summaries_of,
    summary_of,
)
from odoo_ai_config.entrypoints.http.platform.texts import preferred_language

_JSON: Final = "application/json"
# Of the type that a response copies them into.
_UNCHANGED_HEADERS: Final = CIMultiDict({hdrs.CACHE_CONTROL: "no-cache"})
_JSON_HEADERS: Final = CIMultiDict(
    {hdrs.CONTENT_TYPE: f"{_JSON}; charset=utf-8", hdrs.CACHE_CONTROL: "no-cache"}
)
_YAML_HEADERS: Final = CIMultiDict(
    {hdrs.CONTENT_TYPE: "application/x-yaml; charset=utf-8", hdrs.CACHE_CONTROL: "no-cache"}
)
DEFAULT_PAGE: Final = 100
LARGEST_PAGE: Final = 1000


async def list_documents(request: web.Request, caller: ApiKey) -> web.Response:
    """
    The documents of a tenant, without their content.
    """
    text = request.query.get("domain", "")
    domain = named("domain", BusinessDomain.from_text, text) if text else None
    revisions = await request.app[SERVICES].list_documents(
        tenant_of(request), caller=caller, domain=domain
    )
    return web.Response(body=summaries_of(revisions), headers=_JSON_HEADERS)


async def read_document(request: web.Request, caller: ApiKey) -> web.Response:
    """
    A document as a JSON object.
    """
    revision = await request.app[SERVICES].read_document(document_of(request), caller=caller)
    return await _shown(request, revision)


async def read_version(request: web.Request, caller: ApiKey) -> web.Response:
    """
    A document as it was.
    """
    version = whole_number("version", request.match_info["version"])
    revision = await request.app[SERVICES].read_document(
        document_of(request), caller=caller, version=version
    )
    return await _shown(request, revision)


async def read_yaml(request: web.Request, caller: ApiKey) -> web.Response:
    """
    A document as the YAML that was authored, or as YAML made of it.
    """
    revision = await request.app[SERVICES].read_document(document_of(request), caller=caller)
    return await _shown(request, revision, as_yaml=True)


async def read_history(request: web.Request, caller: ApiKey) -> web.Response:
    """
    The revisions of a document and who wrote them, newest first, without their content.
    """
    revisions = await request.app[SERVICES].list_documents.history(
        document_of(request),
        caller=caller,
        before=optional_number(request, "before"),
        limit=page_size(request, default=DEFAULT_PAGE, most=LARGEST_PAGE),
    )
    body = json_bytes(
        [{**summary_of(revision), "author": revision.author} for revision in revisions]
    )
    return web.Response(body=body, headers=_JSON_HEADERS)


async def compare(request: web.Request, caller: ApiKey) -> web.Response:
    """
    What differs between two versions of a document.
    """
    comparison = await request.app[SERVICES].compare_revisions(
        document_of(request),
        caller=caller,
        before=optional_number(request, "from"),
        after=optional_number(request, "to"),
    )
    places, unified = comparison.changes.places, comparison.unified

    def told() -> bytes:
        return json_bytes(
            {
                "from": comparison.before,
                "to": comparison.after,
                "changes": [_change(change) for change in places],
                "truncated": comparison.changes.truncated,
                "unified_diff": unified,
                "unified_diff_omitted": "too_large" if unified is None else None,
            }
        )

    values = (value for change in places for value in (change.before, change.after))
    body = await run_off_loop(told, cost=cost_of(*values))
    return web.Response(body=body, headers=_JSON_HEADERS)


def _tells_what_is_there(handler: KeyedHandler) -> KeyedHandler:
    """
    A handler whose 412 carries the ETag of the present revision, if the caller may know it.
    """

    @functools.wraps(handler)
    async def tell(request: web.Request, caller: ApiKey) -> web.StreamResponse:
        try:
            return await handler(request, caller)
        except PreconditionFailedError as error:
            answer = refuse(request, error)
            present = None
            if _may_read(caller):
                present = await _present(request, document_of(request), caller)
            if present is not None:
                answer.headers["ETag"] = entity_tag(present)
            return answer

    return tell


@_tells_what_is_there
async def publish(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Replace a document by YAML text.
    """
    services = request.app[SERVICES]

    async def write(wanted: DocumentWrite, body: JsonObject) -> WrittenDocument:
        text = body.get("yaml_content")
        if not isinstance(text, str):
            fields = FieldReader({"": body})
            fields.verbatim("yaml_content")
            fields.refuse("yaml_content")
        return await services.publish_document(wanted, text=text)

    return await _written(request, caller, write)


@_tells_what_is_there
async def patch(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Merge a JSON merge patch into a document.
    """
    services = request.app[SERVICES]

    async def write(wanted: DocumentWrite, body: JsonObject) -> WrittenDocument:
        return await services.patch_document(wanted, patch=body)

    return await _written(request, caller, write)


@_tells_what_is_there
async def roll_back(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Bring an old version of a document back as a new one.
    """
    services = request.app[SERVICES]

    async def write(wanted: DocumentWrite, body: JsonObject) -> WrittenDocument:
        fields = FieldReader({"": body})
        version = fields.integer("version")
        if version is None:
            fields.refuse("version")
        return await services.roll_back_document(wanted, version=version)

    return await _written(request, caller, write)


@_tells_what_is_there
async def delete(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Delete a document; its history stays.
    """
    raw = await read_body(request)
    written = await _attempt(request, caller, raw, request.app[SERVICES].delete_document)
    key, outcome = document_of(request), written.outcome
    return _answered(outcome, json_bytes({**_told(key, outcome), "deleted": True}))


async def _written(
    request: web.Request,
    caller: ApiKey,
    write: Callable[[DocumentWrite, JsonObject], Awaitable[WrittenDocument]],
) -> web.Response:
    require_json(request)
    raw = await read_body(request)
    body = await read_json(request, raw, dict)
    written = await _attempt(request, caller, raw, lambda wanted: write(wanted, body))
    key, outcome, revision = document_of(request), written.outcome, written.revision
    readable = _may_read(caller)
    if readable and revision is None:
        revision = await _repeated(request, key, caller, outcome.versions[str(key.kind)])
    if not readable or revision is None:
        told = _told(key, outcome) | _done(request, outcome)
        return _answered(outcome, json_bytes(told))
    tag = entity_tag(revision)
    whole = await request.app[REPRESENTATIONS].of(revision, tag)
    done = json_bytes(_done(request, outcome))
    return _answered(outcome, whole[:-1] + b"," + done[1:], {"ETag": tag})


async def _attempt(
    request: web.Request,
    caller: ApiKey,
    raw: bytes,
    write: Callable[[DocumentWrite], Awaitable[WrittenDocument]],
) -> WrittenDocument:
    key = document_of(request)
    bind_contextvars(tenant=str(key.tenant), domain=str(key.domain))
    claim = claim_of(request, caller, raw)
    precondition = Precondition(
        request.headers.get("If-Match"), request.headers.get("If-None-Match")
    )
    present = await _present(request, key, caller) if precondition.needs_present else None
    expected = precondition.expected_version(present)
    written = await write(DocumentWrite(key, caller, expected, claim))
    metrics = request.app[METRICS]
    if written.outcome.replayed:
        metrics.replay()
    elif written.outcome.changed:
        metrics.version(str(key.kind))
    return written


async def _present(request: web.Request, key: DocumentKey, caller: ApiKey) -> Revision | None:
    try:
        return await request.app[SERVICES].read_document(key, caller=caller)
    except (DocumentNotFoundError, DocumentDeletedError):
        return None


async def _repeated(
    request: web.Request, key: DocumentKey, caller: ApiKey, version: int
) -> Revision | None:
    """
    The revision that a repeated request wrote the first time; None if it is pruned by now.
    """
    try:
        return await request.app[SERVICES].read_document(key, caller=caller, version=version)
    except RevisionNotFoundError:
        return None


def _may_read(caller: ApiKey) -> bool:
    return not caller.scopes.isdisjoint({Scope.CONFIG_READ, Scope.ADMIN})


async def _shown(
    request: web.Request, revision: Revision, *, as_yaml: bool = False
) -> web.Response:
    tag = entity_tag(revision)
    known = request.headers.get(hdrs.IF_NONE_MATCH)
    if known is not None and is_known(known, tag):
        unchanged = web.Response(status=304, headers=_UNCHANGED_HEADERS)
        unchanged.headers[hdrs.ETAG] = tag
        return unchanged
    representations = request.app[REPRESENTATIONS]
    body = representations.ready(revision, tag, as_yaml=as_yaml)
    if body is None:
        render = representations.yaml_of if as_yaml else representations.of
        body = await render(revision, tag)
    shown = web.Response(body=body, headers=_YAML_HEADERS if as_yaml else _JSON_HEADERS)
    shown.headers[hdrs.ETAG] = tag
    return shown


def _told(key: DocumentKey, outcome: Outcome) -> JsonObject:
    return {
        "tenant_id": str(key.tenant),
        "domain": str(key.domain),
        "config_type": str(key.kind),
        "version": outcome.versions[str(key.kind)],
        "changed": outcome.changed,
    }


def _done(request: web.Request, outcome: Outcome) -> dict[str, object]:
    language = preferred_language(request.headers.get("Accept-Language"))
    return {
        "changed": outcome.changed,
        "warnings": shown_notices(outcome.notices, language),
    }


def _answered(
    outcome: Outcome, body: bytes, headers: Mapping[str, str] | None = None
) -> web.Response:
    replayed = REPLAYED if outcome.replayed else {}
    return web.Response(body=body, headers={**_JSON_HEADERS, **replayed, **(headers or {})})


def _change(change: ValueChange) -> JsonObject:
    told: JsonObject = {"kind": change.kind.value, "pointer": change.pointer}
    if change.kind is not ChangeKind.ADDED:
        told["before"] = change.before
    if change.kind is not ChangeKind.REMOVED:
        told["after"] = change.after
    return told
