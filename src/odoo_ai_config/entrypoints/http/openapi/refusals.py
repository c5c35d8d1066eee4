"""
Refusals in the description: one shape, and for each operation the codes that it may answer with.

They are taken from the classes of errors, so that a new code, or another status, is in the
document without anybody writing it down twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import groupby
from typing import Final

from odoo_ai_config.application.errors import StoreFailure
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import Stage
from odoo_ai_config.entrypoints.http.openapi.shapes import (
    constant,
    flag,
    list_of,
    one_of,
    record,
    ref,
    text,
    whole,
)
from odoo_ai_config.entrypoints.http.platform.errors import HttpRefusalError
from odoo_ai_config.entrypoints.http.platform.operations import RefusalClass
from odoo_ai_config.entrypoints.http.platform.problems import UNFORESEEN_CODE, WORDINGS
from odoo_ai_config.entrypoints.http.platform.texts import Language

_UNFORESEEN: Final = (500, UNFORESEEN_CODE)
_HEADERS: Final = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    415: ("Accept-Encoding",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


def problem() -> JsonObject:
    """
    The shape of every refusal.
    """
    inner = {error.code for error in WORDINGS}
    outer = {error.code for error in _http_refusals(HttpRefusalError)}
    members = {
        "errors": list_of(
            record({"field": text("Never its value."), "message": text("For people.")}),
            "What is wrong with which field.",
        ),
        "cause": one_of(
            (failure.value for failure in StoreFailure),
            "With `store_unavailable` and `store_unusable`: what the operator has to mend.",
        ),
        "current_version": whole("With `version_mismatch`; 0 for none.", least=0),
        "version": whole("With `document_deleted`: the version that is the deletion."),
        "deleted": flag("With `document_deleted`."),
        "scope": one_of((scope.value for scope in Scope), "With `scope_missing`."),
        "stage": one_of((stage.value for stage in Stage), "With `wrong_stage`."),
        "owner": text("With `channel_owned`."),
        "claimant": text("With `channel_owned`."),
    }
    return record(
        {
            "type": constant("about:blank"),
            "title": text("The phrase of the status."),
            "status": whole(least=400, maximum=599),
            "detail": text("For people, in their language; it repeats nothing of the request."),
            "code": one_of(sorted({*inner, *outer, UNFORESEEN_CODE}), "For programs."),
            "request_id": text("The same as in `X-Request-ID`."),
            **members,
        },
        optional=tuple(members),
        description="A problem document (RFC 9457).",
    )


# Of operations that are not yet described beside their handlers.
RESPONSES: Final[JsonObject] = {}


def refused(errors: Iterable[RefusalClass], responses: JsonObject = RESPONSES) -> JsonObject:
    """
    The answers, by status, of an operation that may refuse with *errors*.

    Operations share them: they are kept among *responses*.
    """
    found = sorted({_UNFORESEEN, *((_status_of(error), error.code) for error in errors)})
    refusals: JsonObject = {}
    for status, group in groupby(found, key=lambda entry: entry[0]):
        codes = [code for _, code in group]
        name = ".".join((str(status), *codes))
        responses[name] = _refusal(status, codes)
        refusals[str(status)] = ref(name, "responses")
    return refusals


def _refusal(status: int, codes: list[str]) -> JsonObject:
    headers: JsonObject = {
        name: ref(name, "headers")
        for name in (
            "X-Request-ID",
            "Cache-Control",
            "Content-Language",
            *_HEADERS.get(status, ()),
        )
    }
    if status == HTTPStatus.PRECONDITION_FAILED:
        headers["ETag"] = ref("ETagIfReadable", "headers")
    # Validators look at what stands beside a reference; generators of clients have one class.
    schema: JsonObject = {
        **ref("Problem"),
        "properties": {"status": constant(status), "code": one_of(codes)},
    }
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(f'`{code}`' for code in codes)}",
        "headers": headers,
        "content": {"application/problem+json": {"schema": schema}},
    }


def languages() -> list[str]:
    """
    What ``Content-Language`` may say.
    """
    return [language.value for language in Language]


def _status_of(error: RefusalClass) -> int:
    if issubclass(error, HttpRefusalError):
        return error.status
    return WORDINGS[error].status


def _http_refusals(root: type[HttpRefusalError]) -> Iterator[type[HttpRefusalError]]:
    for error in root.__subclasses__():
        if "code" in vars(error):
            yield error
        yield from _http_refusals(error)
