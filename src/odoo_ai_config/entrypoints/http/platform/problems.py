"""
Turns errors into problem documents (RFC 9457). They repeat no part of the request.

Old clients read ``detail``; Odoo shows it to its users word for word.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

import structlog
from aiohttp import hdrs, web
from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.application.errors import StoreFailure
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.errors import CodedError
from odoo_ai_config.domain.messages.inbox import Stage
from odoo_ai_config.entrypoints.http.platform.app_keys import EVENT, REQUEST_ID
from odoo_ai_config.entrypoints.http.platform.errors import (
    BodyLateError,
    BodyUnreadableError,
    UnforeseenError,
)
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from odoo_ai_config.entrypoints.http.platform.refusals import (
    REFUSALS,
    FieldProblem,
    headers_of,
)
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes
from odoo_ai_config.entrypoints.http.platform.schema import answer
from odoo_ai_config.entrypoints.http.platform.texts import (
    EVENT_FAILED,
    Language,
    language_of,
)

_log = structlog.get_logger()


@answer
class Problem:
    """
    A problem document (RFC 9457).
    """

    type: Literal["about:blank"] = "about:blank"
    title: Annotated[str, Meta(description="The reason phrase of the status.")]
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Annotated[
        str,
        Meta(description="For people, in their language. It repeats no part of the request."),
    ]
    code: Annotated[
        str,
        Meta(
            description="For programs.",
            extra_json_schema={"enum": sorted(refusal.code for refusal in REFUSALS)},
        ),
    ]
    request_id: Annotated[str, Meta(description="The same as in `X-Request-ID`.")]
    errors: Annotated[list[FieldProblem], Meta(description="The invalid fields.")] | UnsetType = (
        UNSET
    )
    cause: (
        Annotated[
            StoreFailure,
            Meta(
                description="With `store_unavailable` and `store_unusable`: what the operator "
                "has to repair."
            ),
        ]
        | UnsetType
    ) = UNSET
    current_version: (
        Annotated[int, Meta(description="With `version_mismatch`; 0 for none.", ge=0)] | UnsetType
    ) = UNSET
    version: (
        Annotated[
            int,
            Meta(description="With `document_deleted`: the version of the deletion.", ge=1),
        ]
        | UnsetType
    ) = UNSET
    deleted: Annotated[bool, Meta(description="With `document_deleted`.")] | UnsetType = UNSET
    scope: Annotated[Scope, Meta(description="With `scope_missing`.")] | UnsetType = UNSET
    stage: Annotated[Stage, Meta(description="With `wrong_stage`.")] | UnsetType = UNSET
    section: Annotated[str, Meta(description="With `ambiguous_mapping`.")] | UnsetType = UNSET
    owner: Annotated[str, Meta(description="With `channel_owned`.")] | UnsetType = UNSET
    claimant: Annotated[str, Meta(description="With `channel_owned`.")] | UnsetType = UNSET
    cursor: (
        Annotated[str, Meta(description="With `compacted`: the feed's cursor of now.")] | UnsetType
    ) = UNSET
    moved_to: (
        Annotated[
            str,
            Meta(
                description="With `area_moved`: the business area that it is now; with "
                "`tenant_renamed`: the id of the tenant now."
            ),
        ]
        | UnsetType
    ) = UNSET


def problem_of(
    error: CodedError, language: Language, *, prefix: str = "", request_id: str = ""
) -> Problem:
    """
    Word *error* for a reader of *language*.
    """
    row = REFUSALS[type(error)]
    members: Mapping[str, Any] = row.members(error, language)
    return Problem(
        title=HTTPStatus(row.status).phrase,
        status=row.status,
        detail=prefix + row.text(error, language),
        code=error.code,
        request_id=request_id,
        **members,
    )


def _answer(request: web.BaseRequest, error: CodedError) -> web.Response:
    language = language_of(request)
    event = request.get(EVENT)
    problem = problem_of(
        error,
        language,
        prefix="" if event is None else EVENT_FAILED[event].to(language),
        request_id=request[REQUEST_ID],
    )
    return web.Response(
        status=problem.status,
        body=json_bytes(problem),
        content_type="application/problem+json",
        headers={
            "Cache-Control": "no-store",
            "Content-Language": language.value,
            **headers_of(error),
        },
    )


def refuse(request: web.BaseRequest, error: CodedError, *, tag: str | None = None) -> web.Response:
    """
    The answer to a request that was refused; *tag* is that of the present content.
    """
    answer = _answer(request, error)
    if tag is not None:
        answer.headers[hdrs.ETAG] = tag
    # Refused reads are too common for the log: pollers ask for things that do not exist yet.
    quiet = request.method in {"GET", "HEAD"} and answer.status in {404, 412, 422}
    log = _log.debug if quiet else _log.info
    log("request_refused", method=request.method, status=answer.status, code=error.code)
    if isinstance(error, BodyUnreadableError | BodyLateError):
        # The start of the next request on this connection is unknown.
        answer.force_close()
    return answer


def answer_to(error: Exception, request: web.BaseRequest, metrics: Metrics) -> web.Response:
    """
    The answer to a request that ended with *error*, expected or not.
    """
    if isinstance(error, CodedError):
        return refuse(request, error)
    metrics.failure()
    log_unforeseen(error)
    return _answer(request, UnforeseenError())


def log_unforeseen(error: Exception) -> None:
    """
    Log where an unexpected error happened, without its message, which may quote the request.
    """
    _log.error(
        "request_failed",
        error=type(error).__name__,
        stack="".join(traceback.format_tb(error.__traceback__)),
    )
