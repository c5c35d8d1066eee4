"""
Refusals in the description: one shape, and for each operation the codes that it may answer with.

They are taken from the classes of errors, so that a new code, or another status, is in the
document without anybody writing it down twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from itertools import groupby
from typing import Final

from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.openapi.shapes import (
    constant,
    one_of,
    ref,
)
from odoo_ai_config.entrypoints.http.platform.errors import UnforeseenError
from odoo_ai_config.entrypoints.http.platform.operations import RefusalClass
from odoo_ai_config.entrypoints.http.platform.refusals import REFUSALS
from odoo_ai_config.entrypoints.http.platform.texts import Language

_HEADERS: Final = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    415: ("Accept-Encoding",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


# Of operations that are not yet described beside their handlers.
RESPONSES: Final[JsonObject] = {}


def refused(errors: Iterable[RefusalClass], responses: JsonObject = RESPONSES) -> JsonObject:
    """
    The answers, by status, of an operation that may refuse with *errors*.

    Operations share them: they are kept among *responses*.
    """
    found = sorted({(REFUSALS[error].status, error.code) for error in (UnforeseenError, *errors)})
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
