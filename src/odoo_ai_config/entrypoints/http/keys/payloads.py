"""
Reads what a new API key is for, and how one is rotated.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from attrs import frozen

from odoo_ai_config.domain.access import Scope, lifetime
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.entrypoints.http.platform.schema import Body
from odoo_ai_config.entrypoints.http.platform.wire_types import BrokenRuleError, WireType

_SCOPES: Final = [scope.value for scope in Scope]


def _scopes(value: Json, _: object) -> frozenset[Scope]:
    if not isinstance(value, list):
        raise BrokenRuleError("list")
    if not all(isinstance(one, str) and one in _SCOPES for one in value):
        raise BrokenRuleError("scope")
    return frozenset(map(Scope, value))


def _length(value: Json, _: object) -> timedelta:
    if not isinstance(value, str):
        raise BrokenRuleError("text")
    return lifetime(value)


_LENGTH: Final = {
    "type": "string",
    "pattern": "^[0-9]{1,6}[dhm]$",
    "description": "Days, hours or minutes.",
}
Length = Annotated[timedelta, WireType(_length, _LENGTH)]


@frozen
class NewApiKey:
    """
    What a new API key is for. Without `tenant_id` it reaches all tenants.
    """

    name: str
    scopes: Annotated[
        frozenset[Scope],
        WireType(
            _scopes,
            {"type": "array", "minItems": 1, "items": {"type": "string", "enum": _SCOPES}},
        ),
    ]
    tenant_id: TenantId | None = None
    expires_in: Length | None = None


@frozen
class KeyRotation:
    """
    How a key is rotated: how long the old one is still accepted, and the new one.
    """

    overlap: Length = timedelta(days=7)
    expires_in: Length | None = None


NEW_API_KEY: Final = Body(
    parts=(NewApiKey,),
    more={"additionalProperties": False},
    example={
        "name": "CRM",
        "scopes": ["config:read"],
        "tenant_id": "123456",
        "expires_in": "90d",
    },
)
KEY_ROTATION: Final = Body(
    parts=(KeyRotation,),
    more={"additionalProperties": False},
    example={"overlap": "7d"},
)
