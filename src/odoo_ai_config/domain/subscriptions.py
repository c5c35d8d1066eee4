"""
Subscriptions: who is told, by signed requests, of what changes and of what becomes of messages.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from attrs import evolve, field, frozen

from odoo_ai_config.domain.channels.history import moment_text
from odoo_ai_config.domain.errors import DomainError, InvalidValueError
from odoo_ai_config.domain.feed import Change, FeedKind
from odoo_ai_config.domain.identifiers import (
    HUB,
    SUBSCRIPTIONS,
    CredentialRef,
    TenantArea,
    TenantId,
    matches,
    web_address,
)
from odoo_ai_config.domain.json_types import Json, JsonObject, ReadOnlyJsonObject

# Of one tenant, and of the hub itself.
MOST_SUBSCRIPTIONS: Final = 20
SUBSCRIPTION_ID: Final = re.compile(r"sub_[A-Za-z0-9_-]{8,40}", re.ASCII)


class SubscriptionNotFoundError(DomainError):
    """
    There is no such subscription.
    """


class SubscriptionOffError(DomainError):
    """
    The subscription is off, and told nothing.
    """


class TooManySubscriptionsError(DomainError):
    """
    There are as many subscriptions as one tenant may have.
    """


class MessageOutcome(enum.Enum):
    """
    What became of a customer's message. The values are public.
    """

    ANSWERED = "answered"
    HANDED_OVER = "handed_over"
    DEAD = "dead"


def subscriptions_place(tenant: TenantId | None) -> TenantArea:
    """
    Where the subscriptions of *tenant* are kept; for None, those to the whole hub.
    """
    return TenantArea(HUB if tenant is None else tenant, SUBSCRIPTIONS)


@frozen
class SubscriptionId:
    """
    The id of a subscription, chosen by the hub.
    """

    value: str = field(validator=matches("subscription_id", SUBSCRIPTION_ID))

    def __str__(self) -> str:
        return self.value

    @property
    def secret(self) -> CredentialRef:
        """
        Where its signing secret is sealed.
        """
        return CredentialRef(f"{self}.secret")

    @property
    def old_secret(self) -> CredentialRef:
        """
        Where the secret before that is sealed, which signs for a while, too.
        """
        return CredentialRef(f"{self}.old")


@frozen
class Off:
    """
    Why and since when a subscription is off.
    """

    at: datetime
    reason: str


@frozen
class Subscription:
    """
    Who is told of what.

    Args:
        url: Where it is told.
        kinds: The kinds of changes that it is told of, each with the number in the audit trail
            behind which it is.
        outcomes: The outcomes of messages that it is told of.
        on_since: When it was made or last switched on.
        old_secret_until: How long the secret before the last rotation signs, too.
        off: None while it is told.
    """

    id: SubscriptionId
    url: str
    kinds: Mapping[FeedKind, int]
    outcomes: frozenset[MessageOutcome]
    created_at: datetime
    on_since: datetime
    old_secret_until: datetime | None = None
    off: Off | None = None

    def __attrs_post_init__(self) -> None:
        web_address(self.url, "url")
        if not self.kinds and not self.outcomes:
            raise InvalidValueError("kinds", "nothing_subscribed")

    def is_told_of(self, change: Change) -> bool:
        """
        Whether it wants *change*, and did before that happened.
        """
        behind = self.kinds.get(change.kind)
        return behind is not None and change.number > behind

    def telling(self, kinds: Iterable[FeedKind], *, behind: int) -> Subscription:
        """
        The same, told of changes of *kinds*: of those that are new to it, *behind* that number.
        """
        return evolve(self, kinds={kind: self.kinds.get(kind, behind) for kind in kinds})

    def switched_on(self, *, behind: int, at: datetime) -> Subscription:
        """
        The same, told of what changes *behind* that number, unless it is on.
        """
        if self.off is None:
            return self
        return evolve(self, kinds=dict.fromkeys(self.kinds, behind), off=None, on_since=at)

    def switched_off(self, reason: str, *, at: datetime) -> Subscription:
        """
        The same, off because of *reason* unless it was off before.
        """
        return self if self.off is not None else evolve(self, off=Off(at, reason))

    def secrets(self, *, now: datetime) -> tuple[CredentialRef, ...]:
        """
        Where the secrets are that sign at *now*, the newest first.
        """
        until = self.old_secret_until
        old = until is not None and now < until
        return (self.id.secret, self.id.old_secret) if old else (self.id.secret,)

    @property
    def body(self) -> JsonObject:
        """
        What the document has under its id.
        """
        until = self.old_secret_until
        return {
            "url": self.url,
            "kinds": {kind.value: self.kinds[kind] for kind in FeedKind if kind in self.kinds},
            "outcomes": [*sorted(outcome.value for outcome in self.outcomes)],
            "created_at": moment_text(self.created_at),
            "on_since": moment_text(self.on_since),
            **({} if until is None else {"old_secret_until": moment_text(until)}),
            **(
                {}
                if self.off is None
                else {"off": {"at": moment_text(self.off.at), "reason": self.off.reason}}
            ),
        }


def subscriptions_in(body: ReadOnlyJsonObject) -> Mapping[str, Subscription]:
    """
    The subscriptions in a document, by id. What is no subscription counts as absent.
    """
    found: dict[str, Subscription] = {}
    for name, one in body.items():
        if isinstance(one, dict):
            with suppress(InvalidValueError, ValueError, TypeError, KeyError):
                found[name] = _read(name, one)
    return found


def document_of(subscriptions: Mapping[str, Subscription]) -> JsonObject:
    """
    The body of the document that has *subscriptions*.
    """
    return {name: one.body for name, one in subscriptions.items()}


def _read(name: str, one: Mapping[str, Json]) -> Subscription:
    kinds, off, until = one["kinds"], one.get("off"), one.get("old_secret_until")
    return Subscription(
        SubscriptionId(name),
        str(one["url"]),
        {FeedKind(kind): int(str(behind)) for kind, behind in kinds.items()}
        if isinstance(kinds, dict)
        else {},
        frozenset(map(MessageOutcome, _texts(one.get("outcomes")))),
        datetime.fromisoformat(str(one["created_at"])),
        datetime.fromisoformat(str(one["on_since"])),
        None if until is None else datetime.fromisoformat(str(until)),
        Off(datetime.fromisoformat(str(off["at"])), str(off["reason"]))
        if isinstance(off, dict)
        else None,
    )


def _texts(value: Json) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
