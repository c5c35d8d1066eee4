"""
Where a Chatwoot message goes, and why.
"""

from __future__ import annotations

import enum
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from attrs import frozen

from odoo_ai_config.domain.identifiers import ChatwootId, TenantDomain, TenantId
from odoo_ai_config.domain.mapping import ChannelKey, ChannelMapping, SpecialNumber
from odoo_ai_config.domain.phone import comparable, digits_of


class Rule(enum.Enum):
    """
    The rules that can settle where a message goes, strongest first.
    """

    INBOX = "inbox"
    ACCOUNT = "account"
    SPECIAL_NUMBER = "special_number"
    FALLBACK = "fallback"
    UNRESOLVED = "unresolved"


class Verdict(enum.Enum):
    """
    What became of one rule.
    """

    WON = "won"
    NOT_NEEDED = "not_needed"
    NO_MAPPING = "no_mapping"
    NO_INBOX = "no_inbox"
    NO_NUMBER = "no_number"
    UNKNOWN_NUMBER = "unknown_number"
    AMBIGUOUS_NUMBER = "ambiguous_number"
    NO_FALLBACK = "no_fallback"


@frozen
class Consideration:
    """
    One rule, what became of it, and the tenants that it would have chosen.
    """

    rule: Rule
    verdict: Verdict
    owners: tuple[TenantDomain, ...] = ()


@frozen
class IncomingMessage:
    """
    What is known of a message before it is routed.

    Args:
        number: The sender's number as Chatwoot gives it; None, a business-scoped user id
            or an ``@lid`` simply match nothing.
    """

    account: ChatwootId
    inbox: ChatwootId | None = None
    number: str | None = None


@frozen
class Route:
    """
    The decision: owner and crew, or *unresolved* said explicitly by ``owner`` None.

    *considered* is empty unless it was asked for.
    """

    owner: TenantDomain | None
    crew: str | None
    matched_by: Rule
    considered: tuple[Consideration, ...] = ()


# Lowest sequence first, then the owner's name; the key only makes entries distinct.
_Fallback: TypeAlias = tuple[int, TenantDomain, str]
_Numbered: TypeAlias = dict[ChannelKey, tuple[SpecialNumber, ChannelMapping]]
_CHANNEL_RULES: Final = (Rule.INBOX, Rule.ACCOUNT)


class RoutingTable:
    """
    The active mappings, indexed so that routing costs the same whatever their number.

    An index and not a value: it is kept up to date in place, by `put`. The outcome depends on
    the mappings that are in it and not on the order in which they came.
    """

    def __init__(self, mappings: Iterable[ChannelMapping] = ()) -> None:
        self._mappings: dict[ChannelKey, ChannelMapping] = {}
        self._channels: dict[tuple[str | None, str | None], ChannelMapping] = {}
        self._numbers: dict[str, _Numbered] = {}
        self._accounts: dict[str, dict[TenantId, int]] = {}
        self._fallbacks: list[_Fallback] = []
        for mapping in mappings:
            self._index(mapping)
        # Sorted once at the end: inserting a million one by one would move the list each time.
        self._fallbacks = sorted(_fallback(m) for m in self._mappings.values() if m.fallback)

    def __len__(self) -> int:
        return len(self._mappings)

    def __iter__(self) -> Iterator[ChannelMapping]:
        return iter(self._mappings.values())

    def put(self, mapping: ChannelMapping) -> None:
        """
        Take in the newest state of one channel; an inactive mapping leaves the table.
        """
        self._forget(mapping.key)
        self._index(mapping)
        if mapping.active and mapping.fallback:
            insort(self._fallbacks, _fallback(mapping))

    def resolve(self, message: IncomingMessage) -> Route:
        """
        Decide where *message* goes.
        """
        owner, rule, mapping = self._winner(message)
        crew = None if owner is None else self._crew(owner, mapping, message.number)
        return Route(owner, crew, rule)

    def explain(self, message: IncomingMessage) -> Route:
        """
        Decide where *message* goes and say what became of every rule.
        """
        route = self.resolve(message)
        considered = []
        for rule in Rule:
            if rule is Rule.UNRESOLVED:
                continue
            verdict, owners = self._candidates(rule, message)
            if rule is route.matched_by:
                verdict = Verdict.WON
            elif verdict is Verdict.WON:
                verdict = Verdict.NOT_NEEDED
            considered.append(Consideration(rule, verdict, owners))
        return Route(route.owner, route.crew, route.matched_by, tuple(considered))

    def _winner(
        self, message: IncomingMessage
    ) -> tuple[TenantDomain | None, Rule, ChannelMapping | None]:
        for rule in _CHANNEL_RULES:
            mapping = self._channel(rule, message)
            if mapping is not None:
                return mapping.owner, rule, mapping
        owners = self._owners_by_number(message)
        if len({owner.tenant for owner in owners}) == 1:
            return owners[0], Rule.SPECIAL_NUMBER, None
        if self._fallbacks:
            return self._fallbacks[0][1], Rule.FALLBACK, None
        return None, Rule.UNRESOLVED, None

    def _candidates(
        self, rule: Rule, message: IncomingMessage
    ) -> tuple[Verdict, tuple[TenantDomain, ...]]:
        if rule is Rule.SPECIAL_NUMBER:
            return self._number_candidates(message)
        if rule is Rule.FALLBACK:
            if not self._fallbacks:
                return Verdict.NO_FALLBACK, ()
            return Verdict.WON, (self._fallbacks[0][1],)
        mapping = self._channel(rule, message)
        if mapping is not None:
            return Verdict.WON, (mapping.owner,)
        lacking = rule is Rule.INBOX and message.inbox is None
        return Verdict.NO_INBOX if lacking else Verdict.NO_MAPPING, ()

    def _number_candidates(
        self, message: IncomingMessage
    ) -> tuple[Verdict, tuple[TenantDomain, ...]]:
        if digits_of(message.number) is None:
            return Verdict.NO_NUMBER, ()
        owners = tuple(self._owners_by_number(message))
        if not owners:
            return Verdict.UNKNOWN_NUMBER, ()
        alone = len({owner.tenant for owner in owners}) == 1
        return Verdict.WON if alone else Verdict.AMBIGUOUS_NUMBER, owners

    def _channel(self, rule: Rule, message: IncomingMessage) -> ChannelMapping | None:
        account = message.account.value
        if rule is Rule.ACCOUNT:
            return self._channels.get((account, None))
        if message.inbox is None:
            return None
        inbox = message.inbox.value
        return self._channels.get((account, inbox)) or self._channels.get((None, inbox))

    def _numbered(self, number: str | None) -> _Numbered:
        digits = digits_of(number)
        return {} if digits is None else self._numbers.get(comparable(digits), {})

    def _owners_by_number(self, message: IncomingMessage) -> list[TenantDomain]:
        numbered = self._numbered(message.number)
        if not numbered:
            return []
        account = message.account.value
        tenants = self._accounts.get(account, {})
        return sorted({m.owner for _, m in numbered.values() if m.owner.tenant in tenants})

    def _crew(
        self, owner: TenantDomain, mapping: ChannelMapping | None, number: str | None
    ) -> str | None:
        numbered = self._numbered(number)
        if not numbered:
            return None
        own = mapping.key if mapping is not None else None
        # The matched channel's own entry first, then the same business area's, then the rest.
        ranked = [
            (m.key != own, m.owner != owner, m.sequence, str(m.key), special.crew)
            for special, m in numbered.values()
            if m.owner.tenant == owner.tenant
        ]
        return min(ranked)[-1] if ranked else None

    def _index(self, mapping: ChannelMapping) -> None:
        if not mapping.active:
            return
        key = mapping.key
        self._mappings[key] = mapping
        if key.holder is None:
            account = None if key.account is None else key.account.value
            self._channels[account, None if key.inbox is None else key.inbox.value] = mapping
            if account is not None:
                tenants = self._accounts.setdefault(account, {})
                tenants[mapping.owner.tenant] = tenants.get(mapping.owner.tenant, 0) + 1
        for special in mapping.numbers:
            self._numbers.setdefault(special.number.comparable, {}).setdefault(
                key, (special, mapping)
            )

    def _forget(self, key: ChannelKey) -> None:
        mapping = self._mappings.pop(key, None)
        if mapping is None:
            return
        if key.holder is None:
            account = None if key.account is None else key.account.value
            del self._channels[account, None if key.inbox is None else key.inbox.value]
            if account is not None:
                tenants = self._accounts[account]
                tenants[mapping.owner.tenant] -= 1
                if not tenants[mapping.owner.tenant]:
                    del tenants[mapping.owner.tenant]
                if not tenants:
                    del self._accounts[account]
        for special in mapping.numbers:
            numbered = self._numbers.get(special.number.comparable, {})
            numbered.pop(key, None)
            if not numbered:
                self._numbers.pop(special.number.comparable, None)
        if mapping.fallback:
            del self._fallbacks[bisect_left(self._fallbacks, _fallback(mapping))]


def _fallback(mapping: ChannelMapping) -> _Fallback:
    return mapping.sequence, mapping.owner, str(mapping.key)
