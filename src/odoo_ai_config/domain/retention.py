"""
How long what the hub stores is kept: by its settings, and by what a tenant wants otherwise.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import BusinessArea, TenantArea, TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject, ReadOnlyJsonObject

MOST_DAYS: Final = 36_500
MOST_VERSIONS: Final = 1_000_000
VERSIONS: Final = "versions"
VERSION_DAYS: Final = "version_days"
MESSAGE_DAYS: Final = "message_days"
CREDENTIAL_DAYS: Final = "deleted_credential_days"
# The greatest number of each; 0 is for ever, and for deleted credentials at once.
_LIMITS: Final = {
    VERSIONS: MOST_VERSIONS,
    VERSION_DAYS: MOST_DAYS,
    MESSAGE_DAYS: MOST_DAYS,
    CREDENTIAL_DAYS: MOST_DAYS,
}


def retention_place(tenant: TenantId) -> TenantArea:
    """
    The business area that holds the ``retention`` document of *tenant*.
    """
    return TenantArea(tenant, BusinessArea())


@frozen
class Retention:
    """
    What is kept how long.

    Args:
        history: Old versions, and the values of deleted credentials.
        messages: Finished messages; None for ever.
    """

    history: RetentionPolicy
    messages: timedelta | None

    @property
    def body(self) -> JsonObject:
        """
        It as numbers, as a ``retention`` document has them.
        """
        history = self.history
        return {
            VERSIONS: history.keep or 0,
            VERSION_DAYS: _count(history.max_age),
            MESSAGE_DAYS: _count(self.messages),
            CREDENTIAL_DAYS: history.credentials.days,
        }

    def amended(self, body: ReadOnlyJsonObject) -> Retention:
        """
        With what the ``retention`` document *body* says in place of the same here.

        Raises:
            InvalidValueError: It has another member, or a number that is not allowed.
        """
        said = {name: _number(name, value) for name, value in body.items()}
        history = self.history
        if VERSIONS in said:
            history = evolve(history, keep=said[VERSIONS] or None)
        if VERSION_DAYS in said:
            history = evolve(history, max_age=_days(said[VERSION_DAYS]))
        if CREDENTIAL_DAYS in said:
            history = evolve(history, credentials=timedelta(days=said[CREDENTIAL_DAYS]))
        messages = _days(said[MESSAGE_DAYS]) if MESSAGE_DAYS in said else self.messages
        return Retention(history, messages)


_EVERYTHING: Final = Retention(RetentionPolicy(), None)


def require_retention(body: ReadOnlyJsonObject, owner: TenantArea) -> None:
    """
    Refuse a ``retention`` document of *owner* that has a fault, or would not be looked at.

    Raises:
        InvalidValueError: For the first fault.
    """
    if owner != retention_place(owner.tenant):
        raise InvalidValueError("domain", "default_domain")
    _EVERYTHING.amended(body)


def _number(name: str, value: Json) -> int:
    if name not in _LIMITS:
        raise InvalidValueError("document", "unknown_field")
    if type(value) is not int or not 0 <= value <= _LIMITS[name]:
        raise InvalidValueError(name, "retention")
    return value


def _days(count: int) -> timedelta | None:
    return timedelta(days=count) if count else None


def _count(kept: timedelta | None) -> int:
    return 0 if kept is None else kept.days
