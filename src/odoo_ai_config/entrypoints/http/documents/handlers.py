"""
``/configs/...``: documents and their history.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, TypeVar

from aiohttp import web
from msgspec import UNSET, Meta
from structlog.contextvars import bind_contextvars

from odoo_ai_config.application.documents.comparing import Comparison
from odoo_ai_config.application.documents.writing import DocumentWrite, WrittenDocument
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.documents.diffing import ChangeKind, Changes, ValueChange
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.errors import (
    CodedError,
    DocumentDeletedError,
    DocumentNotFoundError,
    EncryptedValueError,
    InvalidYamlError,
    PreconditionFailedError,
    RevisionNotFoundError,
    UnknownFingerprintError,
)
from odoo_ai_config.domain.identifiers import BusinessArea, DocumentKey
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.documents import schemas
from odoo_ai_config.entrypoints.http.documents.payloads import (
    MERGE_PATCH,
    VersionChoice,
    YamlText,
)
from odoo_ai_config.entrypoints.http.documents.representations import (
    REPRESENTATIONS,
    entity_tag,
    of_revision,
)
from odoo_ai_config.entrypoints.http.platform.app_keys import METRICS, SERVICES
from odoo_ai_config.entrypoints.http.platform.authentication import KeyedHandler
from odoo_ai_config.entrypoints.http.platform.bodies import read_body, read_json, require_json
from odoo_ai_config.entrypoints.http.platform.claims import REPLAYED, claim_of
from odoo_ai_config.entrypoints.http.platform.conditional import Precondition, tagged, unchanged
from odoo_ai_config.entrypoints.http.platform.errors import (
    BodyLateError,
    BodyUnreadableError,
    IncompleteDataError,
)
from odoo_ai_config.entrypoints.http.platform.fields import read
from odoo_ai_config.entrypoints.http.platform.notices import Notice, shown_notices
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    JSON,
    VAULT,
    Operation,
    PageSize,
    Query,
    RouteGroup,
    number_query,
)
from odoo_ai_config.entrypoints.http.platform.paths import (
    document_of,
    tenant_of,
    whole_number,
)
from odoo_ai_config.entrypoints.http.platform.problems import refuse
from odoo_ai_config.entrypoints.http.platform.representations import (
    JSON_HEADERS,
    YAML,
    YAML_HEADERS,
    json_bytes,
)
from odoo_ai_config.entrypoints.http.platform.schema import BodySchema
from odoo_ai_config.entrypoints.http.platform.texts import language_of
from odoo_ai_config.entrypoints.wiring import Services

T = TypeVar("T")

ROUTES: Final = RouteGroup("documents", App.CONFIG, "config")
_DOCUMENT: Final = "/configs/{tenant}/{domain}/{kind}"
_AREA: Final = Query(
    "domain",
    Annotated[str, Meta(max_length=128)],
    BusinessArea.from_text,
    "Only documents of this business area.",
)
_BEFORE: Final = number_query("before", "Only versions before this one.")
_LIMIT: Final = PageSize(default=100, most=1000)
_FROM: Final = number_query("from", "By default the one before `to`.")
_TO: Final = number_query("to", "By default the newest one.")
_MISSING: Final = (DocumentNotFoundError, DocumentDeletedError)
_UNKNOWN_VERSION: Final = (DocumentNotFoundError, RevisionNotFoundError)
_PRECONDITIONS: Final = ("If-Match", "If-None-Match")
# No document has this version.
_IMPOSSIBLE: Final = -1


@Operation(
    ROUTES,
    "GET",
    _DOCUMENT,
    scope=Scope.CONFIG_READ,
    answer=schemas.Document,
    conditional=True,
    refusals=_MISSING,
)
async def read_document(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read a document.
    """
    revision = await request.app[SERVICES].read_document(document_of(request), caller=caller)
    return await shown_document(request, revision)


def _tells_what_is_there(handler: KeyedHandler) -> KeyedHandler:
    """
    A handler whose 412 has the ETag of the current revision, if the caller may read it.
    """

    @functools.wraps(handler)
    async def tell(request: web.Request, caller: ApiKey) -> web.StreamResponse:
        try:
            return await handler(request, caller)
        except PreconditionFailedError as error:
            present = None
            if caller.may(Scope.CONFIG_READ):
                present = await present_document(
                    request.app[SERVICES], document_of(request), caller
                )
            tag = None if present is None else entity_tag(present)
            return refuse(request, error, tag=tag)

    return tell


def _writing(
    method: str,
    path: str,
    body: BodySchema,
    *refusals: type[CodedError],
    media_type: str = JSON,
) -> Operation:
    return Operation(
        ROUTES,
        method,
        path,
        scope=Scope.CONFIG_WRITE,
        body=body,
        body_media_type=media_type,
        answer=schemas.Written,
        says="The document is stored, or was already.",
        answer_headers=("Cache-Control", "ETagIfReadable"),
        request_headers=_PRECONDITIONS,
        idempotent=True,
        refusals=(
            *COMMIT,
            *VAULT,
            IncompleteDataError,
            InvalidYamlError,
            EncryptedValueError,
            UnknownFingerprintError,
            PreconditionFailedError,
            *refusals,
        ),
    )


@_writing("POST", _DOCUMENT, YamlText)
@_tells_what_is_there
async def publish_document(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Replace a document with YAML.
    """
    services = request.app[SERVICES]

    async def write(wanted: DocumentWrite, body: JsonObject) -> WrittenDocument:
        text = body.get("yaml_content")
        if not isinstance(text, str):
            text = read(YamlText, {"": body}).yaml_content
        return await services.publish_document(wanted, text=text)

    return await _written(request, caller, write)


@_writing("PATCH", _DOCUMENT, MERGE_PATCH, *_MISSING, media_type="application/merge-patch+json")
@_tells_what_is_there
async def patch_document(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Merge into a document.
    """
    services = request.app[SERVICES]

    async def write(wanted: DocumentWrite, body: JsonObject) -> WrittenDocument:
        return await services.patch_document(wanted, patch=body)

    return await _written(request, caller, write)


@Operation(
    ROUTES,
    "DELETE",
    _DOCUMENT,
    scope=Scope.CONFIG_WRITE,
    answer=schemas.DeleteReceipt,
    answer_headers=("Cache-Control",),
    request_headers=_PRECONDITIONS,
    idempotent=True,
    refusals=(*COMMIT, *_MISSING, BodyLateError, BodyUnreadableError, PreconditionFailedError),
)
@_tells_what_is_there
async def delete_document(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Delete a document.

    Its history stays, and a rollback restores it. The values of a `credentials` document are gone.
    """
    raw = await read_body(request)
    written = await _attempt(request, caller, raw, request.app[SERVICES].delete_document)
    key, outcome = document_of(request), written.outcome
    return _answered(
        outcome, json_bytes(receipt_shown(schemas.DeleteReceipt, key, outcome, deleted=True))
    )


@Operation(
    ROUTES,
    "GET",
    f"{_DOCUMENT}/yaml",
    scope=Scope.CONFIG_READ,
    # Whatever the document says, to those who parse it.
    answer=Any,
    says="The text as authored, or YAML rendered from the document.",
    media_types=(YAML,),
    conditional=True,
    refusals=_MISSING,
)
async def read_yaml(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read a document as YAML.
    """
    revision = await request.app[SERVICES].read_document(document_of(request), caller=caller)
    return await shown_document(request, revision, as_yaml=True)


@Operation(
    ROUTES,
    "GET",
    f"{_DOCUMENT}/history",
    scope=Scope.CONFIG_READ,
    parameters=(_BEFORE, _LIMIT),
    answer=list[schemas.HistoryEntry],
    says="Newest first.",
    answer_headers=("Cache-Control",),
)
async def read_history(request: web.Request, caller: ApiKey) -> web.Response:
    """
    List the versions of a document.
    """
    revisions = await request.app[SERVICES].list_documents.history(
        document_of(request),
        caller=caller,
        before=_BEFORE.of(request),
        limit=_LIMIT.of(request),
    )
    body = json_bytes([version_shown(revision) for revision in revisions])
    return web.Response(body=body, headers=JSON_HEADERS)


def version_shown(revision: Revision) -> schemas.HistoryEntry:
    """
    A version in the history of its document.
    """
    return _summary(schemas.HistoryEntry, revision, author=revision.author)


@Operation(
    ROUTES,
    "GET",
    f"{_DOCUMENT}/version/{{version}}",
    scope=Scope.CONFIG_READ,
    answer=schemas.Document,
    conditional=True,
    refusals=_UNKNOWN_VERSION,
)
async def read_version(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read a version of a document.
    """
    version = whole_number("version", request.match_info["version"])
    revision = await request.app[SERVICES].read_document(
        document_of(request), caller=caller, version=version
    )
    return await shown_document(request, revision)


@Operation(
    ROUTES,
    "GET",
    f"{_DOCUMENT}/diff",
    scope=Scope.CONFIG_READ,
    parameters=(_FROM, _TO),
    answer=schemas.Comparison,
    says="What differs.",
    answer_headers=("Cache-Control",),
    refusals=(*_MISSING, RevisionNotFoundError),
)
async def compare_versions(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Compare two versions of a document.
    """
    comparison = await request.app[SERVICES].compare_revisions(
        document_of(request),
        caller=caller,
        before=_FROM.of(request),
        after=_TO.of(request),
    )
    answer = comparison_shown(comparison)
    values = (
        value for change in comparison.changes.places for value in (change.before, change.after)
    )
    body = await run_off_loop(lambda: json_bytes(answer), cost=cost_of(*values))
    return web.Response(body=body, headers=JSON_HEADERS)


def comparison_shown(comparison: Comparison) -> schemas.Comparison:
    """
    What differs between two versions, as the API shows it.
    """
    unified = comparison.unified
    return {
        "from": comparison.before,
        "to": comparison.after,
        "changes": changes_shown(comparison.changes),
        "truncated": comparison.changes.truncated,
        "unified_diff": unified,
        "unified_diff_omitted": "too_large" if unified is None else None,
    }


def changes_shown(changes: Changes) -> list[schemas.ValueChange]:
    """
    The values that differ, as the API shows them.
    """
    return [_change(change) for change in changes.places]


@_writing("POST", f"{_DOCUMENT}/rollback", VersionChoice, *_UNKNOWN_VERSION)
@_tells_what_is_there
async def roll_back_document(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Restore an old version as a new one.
    """
    services = request.app[SERVICES]

    async def write(wanted: DocumentWrite, body: JsonObject) -> WrittenDocument:
        version = read(VersionChoice, {"": body}).version
        return await services.roll_back_document(wanted, version=version)

    return await _written(request, caller, write)


@Operation(
    ROUTES,
    "GET",
    "/configs/{tenant}",
    scope=Scope.CONFIG_READ,
    parameters=(_AREA,),
    answer=list[schemas.DocumentSummary],
    says="An empty list if there are none.",
    answer_headers=("Cache-Control",),
)
async def list_documents(request: web.Request, caller: ApiKey) -> web.Response:
    """
    List the documents of a tenant.
    """
    revisions = await request.app[SERVICES].list_documents(
        tenant_of(request), caller=caller, domain=_AREA.of(request)
    )
    body = json_bytes([_summary(schemas.DocumentSummary, revision) for revision in revisions])
    return web.Response(body=body, headers=JSON_HEADERS)


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
    readable = caller.may(Scope.CONFIG_READ)
    if readable and revision is None:
        revision = await _repeated(request, key, caller, outcome.versions[str(key.kind)])
    if not readable or revision is None:
        receipt = receipt_shown(
            schemas.WriteReceipt, key, outcome, warnings=_warnings(request, outcome)
        )
        return _answered(outcome, json_bytes(receipt))
    tag = entity_tag(revision)
    whole = await request.app[REPRESENTATIONS].of(revision, tag)
    done = json_bytes({"changed": outcome.changed, "warnings": _warnings(request, outcome)})
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
    expected = await _expected_version(request, key, caller)
    written = await write(DocumentWrite(key, caller, expected, claim))
    request.app[METRICS].written(written.outcome, str(key.kind))
    return written


async def _expected_version(request: web.Request, key: DocumentKey, caller: ApiKey) -> int | None:
    """
    The version that the write may succeed: 0 for none, None for any.

    `_IMPOSSIBLE` if the present one does not meet the precondition: the use case then refuses,
    unless the request repeats one that it has already done.
    """
    precondition = Precondition.of(request)
    if not precondition.needs_present:
        return 0 if precondition.creates else None
    present = await present_document(request.app[SERVICES], key, caller)
    version = 0 if present is None else present.version
    if not precondition.is_met(None if present is None else entity_tag(present), version):
        return _IMPOSSIBLE
    return None if precondition.if_match is None else version


async def present_document(
    services: Services, key: DocumentKey, caller: ApiKey
) -> Revision | None:
    """
    The document, or None if there is none.
    """
    try:
        return await services.read_document(key, caller=caller)
    except (DocumentNotFoundError, DocumentDeletedError):
        return None


async def _repeated(
    request: web.Request, key: DocumentKey, caller: ApiKey, version: int
) -> Revision | None:
    """
    The revision that the first of repeated requests wrote; None if it is pruned.
    """
    try:
        return await request.app[SERVICES].read_document(key, caller=caller, version=version)
    except RevisionNotFoundError:
        return None


async def shown_document(
    request: web.Request, revision: Revision, *, as_yaml: bool = False
) -> web.Response:
    """
    A document as JSON or YAML; a 304 if the client has it.
    """
    tag = entity_tag(revision)
    answer = unchanged(request, tag)
    if answer is not None:
        return answer
    representations = request.app[REPRESENTATIONS]
    body = representations.ready(revision, tag, as_yaml=as_yaml)
    if body is None:
        body = await representations.of(revision, tag, as_yaml=as_yaml)
    return tagged(body, tag, YAML_HEADERS if as_yaml else JSON_HEADERS)


def _summary(make: Callable[..., T], revision: Revision, **more: object) -> T:
    return of_revision(make, revision, deleted=revision.deleted or UNSET, **more)


def receipt_shown(make: Callable[..., T], key: DocumentKey, outcome: Outcome, **more: object) -> T:
    """
    What a write did, without the document.
    """
    return make(
        tenant_id=str(key.tenant),
        domain=str(key.domain),
        config_type=str(key.kind),
        version=outcome.versions[str(key.kind)],
        changed=outcome.changed,
        **more,
    )


def _warnings(request: web.Request, outcome: Outcome) -> list[Notice]:
    language = language_of(request)
    return shown_notices(outcome.notices, language)


def _answered(
    outcome: Outcome, body: bytes, headers: Mapping[str, str] | None = None
) -> web.Response:
    replayed = REPLAYED if outcome.replayed else {}
    return web.Response(body=body, headers={**JSON_HEADERS, **replayed, **(headers or {})})


def _change(change: ValueChange) -> schemas.ValueChange:
    return schemas.ValueChange(
        kind=change.kind,
        pointer=change.pointer,
        before=UNSET if change.kind is ChangeKind.ADDED else change.before,
        after=UNSET if change.kind is ChangeKind.REMOVED else change.after,
    )
