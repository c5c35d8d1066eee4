"""
Who may do what, and for which tenant.
"""

from __future__ import annotations

import enum
import re
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve, field, frozen

from odoo_ai_config.domain.credentials.secret_names import assigns_secret, is_secret_text
from odoo_ai_config.domain.errors import DomainError, InvalidValueError, TenantForbiddenError
from odoo_ai_config.domain.identifiers import HUB, TenantId


class Scope(enum.Enum):
    """
    What a key permits. ``admin`` includes every other scope.
    """

    WEBHOOK = "webhook"
    CONFIG_READ = "config:read"
    CONFIG_WRITE = "config:write"
    MESSAGES_READ = "messages:read"
    MESSAGES_WRITE = "messages:write"
    SECRETS_READ = "secrets:read"
    ADMIN = "admin"


ALL_SCOPES = frozenset(Scope)


@frozen
class ScopeMissingError(DomainError):
    """
    The API key does not have the scope that the operation requires.
    """

    scope: Scope


LONGEST_REASON: Final = 500
# No control characters, no halves of surrogate pairs, and no space at the ends.
_REASON: Final = re.compile(
    rf"(?! )[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{{1,{LONGEST_REASON}}}(?<! )"
)
_LIFETIME: Final = re.compile(r"([0-9]{1,6})([dhm])", re.ASCII)
_UNITS: Final = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_LONGEST_LIFE: Final = timedelta(days=36_525)
# Of a key, or of a secret address.
TOKEN_NAME: Final = re.compile("[^\x00-\x1f\x7f\ud800-\udfff]{1,128}")
SHORTEST_SECRET: Final = 20
_FEWEST_DIFFERENT: Final = 6
_FEWEST_SURPRISES: Final = 8
# Words that people type instead of a secret, and the key of the replaced server.
_WELL_KNOWN: Final = re.compile(
    "development-api-key|api[-_ ]?key|password|senha|secret|segredo|token|chave|admin|changeme"
    "|odoo|chatwoot|qwertyuiop|asdfghjkl|zxcvbnm",
    re.IGNORECASE,
)


def is_guessable(secret: str) -> bool:
    """
    Whether *secret* is too short or too regular to resist guessing.

    It needs 20 characters, 6 different ones, and 8 that are not predictable. A character is
    predictable if it repeats the last one, is its neighbour in the alphabet or among the digits,
    continues a series with an even step, follows the same character as earlier in the text, or
    belongs to a well-known word. A random text of 20 hexadecimal digits passes; of 20 decimal
    digits some do not.
    """
    if len(secret) < SHORTEST_SECRET or len(set(secret)) < _FEWEST_DIFFERENT:
        return True
    surprises, previous, step = 1, "", 0
    pairs = {"90", "09"}
    for character in _WELL_KNOWN.sub(" ", secret).lower():
        if previous:
            last_step, step = step, ord(character) - ord(previous)
            pair = previous + character
            follows = abs(step) <= 1 or step == last_step or pair in pairs
            surprises += not follows
            pairs.add(pair)
        previous = character
    return surprises < _FEWEST_SURPRISES


@frozen
class Occasion:
    """
    Why somebody does something, as they say, and the id of the request that does it.
    """

    reason: str | None = None
    request_id: str | None = None


NO_OCCASION: Final = Occasion()


@frozen
class ApiKey:
    """
    A caller of the hub: everything that the hub keeps of a key, which is not the key itself.

    Args:
        digest: SHA-256 of the secret part. The secret has 256 random bits, so a slow password
            hash would only cost time.
        tenant: The only tenant that the key may see; None for all.
        expires_at: From when on it is refused; None for never.
        used_at: When it was last used, to about an hour; None if it never was.
        occasion: Of what its holder does now. It comes with each request, and is no part of the
            key.
    """

    id: str
    name: str
    digest: bytes = field(repr=False)
    scopes: frozenset[Scope]
    tenant: TenantId | None
    created_at: datetime
    revoked_at: datetime | None = None
    expires_at: datetime | None = None
    used_at: datetime | None = None
    occasion: Occasion = field(default=NO_OCCASION, eq=False)

    def may(self, scope: Scope) -> bool:
        """
        Whether the key has *scope*; ``admin`` includes all others.
        """
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def require(self, scope: Scope, tenant: TenantId | None = None) -> None:
        """
        Refuse a key without *scope*, or one that may not use it on *tenant*.

        Raises:
            ScopeMissingError: The key has neither *scope* nor ``admin``.
            TenantForbiddenError: As `require_tenant` says.
            InvalidValueError: An event is about the hub itself, which is nobody's client.
        """
        if not self.may(scope):
            raise ScopeMissingError(scope)
        if scope is Scope.WEBHOOK and tenant == HUB:
            raise InvalidValueError("account_id", "account_id")
        if tenant is not None:
            self.require_tenant(tenant)

    def require_tenant(self, tenant: TenantId) -> None:
        """
        Refuse a key that is bound to another tenant.

        The hub's own settings need the scope ``admin``.

        Raises:
            TenantForbiddenError: The key is bound to another tenant than *tenant*.
            ScopeMissingError: *tenant* is the hub itself, and the key is not ``admin``.
        """
        if tenant == HUB:
            self.require(Scope.ADMIN)
        if self.tenant is not None and self.tenant != tenant:
            raise TenantForbiddenError

    def require_unbound(self) -> None:
        """
        Refuse a key that is bound to one tenant, for an operation on all tenants.

        Raises:
            TenantForbiddenError: The key is bound.
        """
        if self.tenant is not None:
            raise TenantForbiddenError

    def require_holder(self, tenant: TenantId | None) -> None:
        """
        Refuse a key that may not see what belongs to *tenant*; None: to no tenant.

        Only unbound keys see what belongs to no tenant.

        Raises:
            TenantForbiddenError, ScopeMissingError: As `require_tenant`.
        """
        if tenant is None:
            self.require_unbound()
        else:
            self.require_tenant(tenant)

    def listed_tenant(self, asked: TenantId | None) -> TenantId | None:
        """
        The tenant whose things the key sees if it asks for those of *asked*; None for all.

        Raises:
            TenantForbiddenError, ScopeMissingError: As `require_tenant`.
        """
        if asked is None:
            return self.tenant
        self.require_tenant(asked)
        return asked

    def revoked(self, at: datetime) -> ApiKey:
        """
        The same key, revoked. The first revocation counts.
        """
        return self if self.revoked_at is not None else evolve(self, revoked_at=at)

    def ended(self, now: datetime) -> bool:
        """
        Whether the key is revoked, or has expired by *now*.
        """
        return self.revoked_at is not None or (
            self.expires_at is not None and self.expires_at <= now
        )

    def expiring(self, at: datetime) -> ApiKey:
        """
        The same key, which expires at *at* unless it expires earlier.
        """
        return evolve(self, expires_at=min(at, self.expires_at or at))

    def renewed(self, now: datetime) -> ApiKey:
        """
        The same key as if it were made *now*, to last as long as it was made for.
        """
        if self.expires_at is None:
            return self
        return evolve(self, expires_at=now + (self.expires_at - self.created_at))

    def succeeds(self, other: ApiKey) -> bool:
        """
        Whether the key can take the place of *other*, as one that a rotation made can.
        """
        mine, others = [(one.name, one.scopes, one.tenant) for one in (self, other)]
        return mine == others and self.created_at > other.created_at

    def because(self, reason: str | None, request_id: str | None = None) -> ApiKey:
        """
        The same caller, who says why it does what it does, and by which request.

        Raises:
            InvalidValueError: *reason* is empty, too long, has control characters, or something
                in it looks like a secret.
        """
        if reason is not None:
            secret = assigns_secret(reason) or any(map(is_secret_text, (reason, *reason.split())))
            if secret or _REASON.fullmatch(reason) is None:
                raise InvalidValueError("reason", "reason")
        return evolve(self, occasion=Occasion(reason, request_id))

    def require_grantable(self, tenant: TenantId | None, expires_at: datetime | None) -> None:
        """
        Refuse a key that may not make a key for *tenant* (None: for all) until *expires_at*.

        Nobody can give more than they have; ``admin`` has every scope.

        Raises:
            ScopeMissingError: The key is not ``admin``.
            TenantForbiddenError: It is bound, and *tenant* is another one or all.
            InvalidValueError: The new key would outlive it, or be bound to the hub itself.
        """
        self.require(Scope.ADMIN)
        if tenant == HUB:
            raise InvalidValueError("tenant_id", "account_id")
        self.require_holder(tenant)
        if self.expires_at is not None and (expires_at is None or expires_at > self.expires_at):
            raise InvalidValueError("expires_in", "outlives")


@frozen
class TokenUse:
    """
    That somebody came with an API key, or a record to a secret address.
    """

    id: str
    at: datetime


def lifetime(text: str) -> timedelta:
    """
    A length of time as people write it: ``90d``, ``12h``, ``30m``.

    Raises:
        InvalidValueError: It is not one, or not from a minute to a hundred years.
    """
    found = _LIFETIME.fullmatch(text)
    if found is None or not int(found[1]):
        raise InvalidValueError("lifetime", "lifetime")
    length = int(found[1]) * _UNITS[found[2]]
    if length > _LONGEST_LIFE:
        raise InvalidValueError("lifetime", "lifetime")
    return length
