"""
The hub's refusals as the errors that the same call raises in process.

A class is found by its code and made from the members of the problem document, so that there is no
second table of errors. What a document does not tell enough of is a `HubRefusedError`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from typing import Any, Final, cast

import attrs

from odoo_ai_config.application.errors import ApplicationError
from odoo_ai_config.domain import access, feed, tenants
from odoo_ai_config.domain.channels import mapping
from odoo_ai_config.domain.errors import CodedError, DomainError, InvalidValueError
from odoo_ai_config.domain.identifiers import BusinessArea, TenantArea, TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.messages import inbox

# Classes are found among those that are loaded; these modules define what a hub refuses with.
_DEFINED_IN: Final = (access, feed, inbox, mapping, tenants)
# The member that an attribute stands in, if it has another name.
_MEMBERS: Final[Mapping[str, str]] = {
    "current": "current_version",
    "failure": "cause",
    "place": "moved_to",
    "successor": "moved_to",
}


class HubRefusedError(DomainError):
    """
    The hub refuses a request, for a reason that no other class stands for.

    Args:
        code: The stable code, as ``docs/errors.md`` lists it.
        detail: What the hub says to people; it repeats no part of the request.
        fields: The invalid fields.
    """

    def __init__(self, code: str, detail: str = "", fields: tuple[str, ...] = ()) -> None:
        super().__init__(code, detail, fields)
        # Each other class has one code; this one has that of each refusal.
        vars(self)["code"] = code
        self.detail = detail
        self.fields = fields

    def __str__(self) -> str:
        return self.detail or self.code


def refusal_of(problem: JsonObject, tenant: TenantId | None = None) -> CodedError:
    """
    The error that *problem* tells of; *tenant* is the one that the request was about.
    """
    code = str(problem.get("code"))
    kind = _classes().get(code)
    made = None if kind is None else _made(kind, problem, tenant)
    if made is not None:
        return made
    return HubRefusedError(code, str(problem.get("detail") or ""), tuple(_fields(problem)))


def _made(
    kind: type[CodedError], problem: JsonObject, tenant: TenantId | None
) -> CodedError | None:
    if not attrs.has(kind):
        return kind()
    attributes: dict[str, Any] = {}
    try:
        for one in attrs.fields(attrs.resolve_types(kind)):
            told = problem.get(_MEMBERS.get(one.name, one.name))
            if one.name == "tenant":
                told = None if tenant is None else tenant.value
            elif one.name == "field":
                told = next(_fields(problem), None)
            if told is not None:
                attributes[one.name] = _value(one.type, told, tenant)
        return cast("type[CodedError]", kind)(**attributes)
    except (TypeError, ValueError, InvalidValueError):
        # The document has less than the class needs.
        return None


def _value(kind: Any, told: Json, tenant: TenantId | None) -> object:  # noqa: ANN401 - a type
    if kind is TenantArea:
        if tenant is None:
            raise TypeError
        return TenantArea(tenant, BusinessArea(str(told)))
    if kind is TenantId or issubclass(kind, Enum):
        return kind(told)
    return told


def _fields(problem: JsonObject) -> Iterator[str]:
    found = problem.get("errors")
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict):
            yield str(one.get("field"))


@cache
def _classes() -> Mapping[str, type[CodedError]]:
    found: dict[str, type[CodedError]] = {}
    rest: list[type[CodedError]] = [DomainError, ApplicationError]
    while rest:
        for kind in rest.pop().__subclasses__():
            rest.append(kind)
            if kind is not HubRefusedError:
                found.setdefault(kind.code, kind)
    return found
