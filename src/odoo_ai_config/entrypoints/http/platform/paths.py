"""
Reads the parts of a path and the parameters of a query.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final, TypeVar

from aiohttp import web
from structlog.contextvars import bind_contextvars

from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import BusinessArea, DocumentKey, DocumentKind, TenantId
from odoo_ai_config.entrypoints.http.platform.errors import FieldError, InvalidFieldsError

T = TypeVar("T")

# More digits than any version has, and still an integer in every store.
_MOST_DIGITS: Final = 15
_YES: Final = frozenset({"1", "true", "yes"})
_NO: Final = frozenset({"", "0", "false", "no"})


def named(name: str, make: Callable[[str], T], text: str) -> T:
    """
    Convert *text*, the part *name* of the request's target, with *make*.

    Raises:
        InvalidFieldsError: *make* refuses it.
    """
    try:
        return make(text)
    except InvalidValueError as error:
        raise InvalidFieldsError([FieldError(name, error.rule)]) from None


def tenant_of(request: web.Request) -> TenantId:
    """
    The tenant that the path names.
    """
    tenant = named("tenant_id", TenantId, request.match_info["tenant"])
    bind_contextvars(tenant=tenant.value)
    return tenant


def domain_of(request: web.Request) -> BusinessArea:
    """
    The business area that the path names, by its slug or its label.
    """
    return named("domain", BusinessArea.from_text, request.match_info["domain"])


def document_of(request: web.Request) -> DocumentKey:
    """
    The document that the path names.
    """
    parts = request.match_info
    return _document_key(parts["tenant"], parts["domain"], parts["kind"])


@functools.lru_cache(maxsize=4096)
def _document_key(tenant: str, domain: str, kind: str) -> DocumentKey:
    return DocumentKey(
        named("tenant_id", TenantId, tenant),
        named("domain", BusinessArea.from_text, domain),
        named("config_type", DocumentKind, kind),
    )


def whole_number(name: str, text: str, *, rule: str = "positive", most: int | None = None) -> int:
    """
    A positive integer.

    Raises:
        InvalidFieldsError: *text* is not one, or is greater than *most*.
    """
    # int() would also take "1_000", "+5" and full-width digits.
    well_formed = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    number = int(text) if well_formed else 0
    if number < 1 or (most is not None and number > most):
        raise InvalidFieldsError([FieldError(name, rule, most)])
    return number


def asked_text(request: web.Request, name: str) -> str:
    """
    The text of *name* in the query; empty if it is absent.

    Raises:
        InvalidFieldsError: It is there with different values, of which each could be meant.
    """
    given: set[str] = {*request.query.getall(name, ())}
    text, *others = given or {""}
    if others:
        raise InvalidFieldsError([FieldError(name, "one_value")])
    return text


def is_asked(request: web.Request, name: str) -> bool:
    """
    Whether *name* is true in the query.

    Raises:
        InvalidFieldsError: It is neither true nor false. Who asks for a dry run in other words
            does not want the change.
    """
    given = {text.lower() for text in request.query.getall(name, ())}
    if not given <= _YES and not given <= _NO:
        raise InvalidFieldsError([FieldError(name, "boolean")])
    return bool(given & _YES)
