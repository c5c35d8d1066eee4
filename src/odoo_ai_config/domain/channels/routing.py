"""
Where a message from Chatwoot goes, and why.
"""

from __future__ import annotations

import enum
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from heapq import nsmallest
from itertools import chain, islice
from typing import Final, TypeAlias

from attrs import evolve, field, frozen

from odoo_ai_config.domain.channels.mapping import (
    ChannelClaim,
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    Rivals,
)
from odoo_ai_config.domain.channels.phone import comparable, sender_of
from odoo_ai_config.domain.identifiers import ChatwootId, TenantArea, TenantId


class Rule(enum.Enum):
    """
    The rules that route a message, strongest first.
    """

    INBOX = "inbox"
    ACCOUNT = "account"
    ACCOUNT_OWNER = "account_owner"
    SPECIAL_NUMBER = "special_number"
    FALLBACK = "fallback"
    UNRESOLVED = "unresolved"


RULES: Final = tuple(rule for rule in Rule if rule is not Rule.UNRESOLVED)
# Very many may share an account or a number.
MOST_OWNERS: Final = 50


class Verdict(enum.Enum):
    """
    The result of one rule.
    """

    WON = "won"
    NOT_NEEDED = "not_needed"
    NO_MAPPING = "no_mapping"
    NO_INBOX = "no_inbox"
    NO_CHANNEL = "no_channel"
    SEVERAL_OWNERS = "several_owners"
    NO_NUMBER = "no_number"
    UNKNOWN_NUMBER = "unknown_number"
    AMBIGUOUS_NUMBER = "ambiguous_number"
    NO_FALLBACK = "no_fallback"
    NO_FALLBACK_IN_ACCOUNT = "no_fallback_in_account"


@frozen
class Consideration:
    """
    One rule, its verdict, and the owners that it would have chosen, the first `MOST_OWNERS`.
    """

    rule: Rule
    verdict: Verdict
    owners: tuple[TenantArea, ...] = ()


@frozen
class IncomingMessage:
    """
    The facts that route a message.

    Args:
        account: None for any account that no mapping names.
        number: The sender's number as Chatwoot gives it, or the id of a sender who hides it:
            a business-scoped user id or an ``@lid``, which match exactly themselves.
    """

    account: ChatwootId | None
    inbox: ChatwootId | None = None
    number: str | None = None


@frozen
class Route:
    """
    The decision on a message. If no rule claims it, *owner* is None.

    Args:
        considered: Only filled by `RoutingTable.explain`.
        mapping_version: Of the mapping that decided; for the owner of an account, of the
            account's first channel by sequence, then by name. It does not count when routes are
            compared.
    """

    owner: TenantArea | None
    crew: str | None
    matched_by: Rule
    considered: tuple[Consideration, ...] = ()
    mapping_version: int = field(default=0, eq=False)


UNROUTED: Final = Route(None, None, Rule.UNRESOLVED)

# The mappings with one number, or the channels of one account, by tenant, in the order of
# `_by_area`. The indexes hold ids as plain text: hashing a frozen class costs more than the rest
# of a look-up.
_ByTenant: TypeAlias = dict[str, list[ChannelMapping]]
_Place: TypeAlias = tuple[int | str, ...]
_NOBODY: Final[_ByTenant] = {}


def _by_sequence(mapping: ChannelMapping) -> _Place:
    owner = mapping.owner
    return mapping.sequence, owner.tenant.value, owner.domain.value, str(mapping.key)


def _area(mapping: ChannelMapping) -> str:
    return mapping.owner.domain.value


def _by_area(mapping: ChannelMapping) -> _Place:
    return _area(mapping), mapping.sequence, str(mapping.key)


class RoutingTable:
    """
    The active mappings, indexed so that the cost of routing does not grow with their number.

    `put` keeps the table up to date in place. Routes depend only on the mappings in the table
    and not on the order in which they arrived.

    If tenants have channels in an account, a message of that account goes to one of them or to
    nobody. If all these channels have one owner, it is the owner of the account and gets what no
    channel decides. The common fallback, the first of all, is only for accounts without any
    channel. An inbox that is mapped without an account belongs to its owner in every account, and
    does not count as a channel in any.

    The cost of a `put` that changes a tenant's lowest fallback grows with the accounts of that
    tenant.
    """

    def __init__(self, mappings: Iterable[ChannelMapping] = ()) -> None:
        self._mappings: dict[ChannelKey, ChannelMapping] = {}
        self._versions: dict[ChannelKey, int] = {}
        self._channels: dict[tuple[str | None, str | None], ChannelMapping] = {}
        # The channels of each tenant in an account, and the accounts of each tenant.
        self._accounts: dict[str | None, _ByTenant] = {}
        self._places: dict[str, set[str | None]] = {}
        # The tenants that have a number, and the numbers of each tenant.
        self._numbers: dict[str, _ByTenant] = {}
        self._own_numbers: dict[str, set[str]] = {}
        # All fallbacks, those of each tenant, and in an account the first one of each tenant.
        self._fallbacks: list[ChannelMapping] = []
        self._own_fallbacks: dict[str, list[ChannelMapping]] = {}
        self._account_fallbacks: dict[str | None, list[ChannelMapping]] = {}
        for mapping in {mapping.key: mapping for mapping in mappings}.values():
            if mapping.active:
                self._add(mapping)
                for entries in self._lists_of(mapping):
                    entries.append(mapping)
        # At the end: a list that a million mappings go into one by one would move each time.
        for by_tenant in chain(self._accounts.values(), self._numbers.values()):
            for entries in by_tenant.values():
                if len(entries) > 1:
                    entries.sort(key=_by_area)
        self._order_fallbacks()

    def _order_fallbacks(self) -> None:
        for mapping in sorted((one for one in self if one.fallback), key=_by_sequence):
            self._fallbacks.append(mapping)
            self._own_fallbacks.setdefault(mapping.owner.tenant.value, []).append(mapping)
        for first in self._fallbacks:
            tenant = first.owner.tenant.value
            if first is self._own_fallbacks[tenant][0]:
                for account in self._places.get(tenant, ()):
                    self._account_fallbacks.setdefault(account, []).append(first)

    @classmethod
    def of(cls, revisions: Iterable[MappingRevision]) -> RoutingTable:
        """
        Make a table of the newest revisions, with their versions for `Route.mapping_version`.
        """
        return cls.of_versions((one.mapping, one.version) for one in revisions)

    @classmethod
    def of_versions(cls, newest: Iterable[tuple[ChannelMapping, int]]) -> RoutingTable:
        """
        Make a table of the newest mappings and their versions.
        """
        versions: dict[ChannelKey, int] = {}

        def mappings() -> Iterator[ChannelMapping]:
            # One by one: there may be very many.
            for mapping, version in newest:
                versions[mapping.key] = version
                yield mapping

        table = cls(mappings())
        table._versions = {key: versions[key] for key in table._mappings}
        return table

    def __len__(self) -> int:
        return len(self._mappings)

    def __iter__(self) -> Iterator[ChannelMapping]:
        return iter(self._mappings.values())

    def put(self, mapping: ChannelMapping, version: int = 0) -> None:
        """
        Take in the newest mapping of one channel; an inactive one leaves the table.

        *version* is for `Route.mapping_version`; 0 if it is not needed.
        """
        before = self._mappings.get(mapping.key)
        if before is not None:
            self._remove(before)
        if mapping.active:
            self._add(mapping)
            if version:
                self._versions[mapping.key] = version
            for entries in self._lists_of(mapping):
                insort(entries, mapping, key=_by_area)
            if mapping.fallback:
                self._change_fallbacks(mapping, partial(insort, key=_by_sequence))

    @contextmanager
    def supposing(self, *mappings: ChannelMapping) -> Iterator[None]:
        """
        Route as after a write of *mappings* inside a ``with`` block, and as before it afterwards.
        """
        before = [
            (
                self._mappings.get(mapping.key, evolve(mapping, active=False)),
                self._versions.get(mapping.key, 0),
            )
            for mapping in mappings
        ]
        for mapping, (_, version) in zip(mappings, before, strict=True):
            self.put(mapping, version)
        try:
            yield
        finally:
            for mapping, version in before:
                self.put(mapping, version)

    def rivals_of(self, claim: ChannelClaim) -> Rivals:
        """
        What other tenants have of *claim*.
        """
        tenant, account = claim.tenant.value, _id(claim.account)
        tenants = self._accounts.get(account, _NOBODY)
        places = [tenants, *(self._accounts[place] for place in self._places.get(tenant, ()))]
        held = [self._numbers.get(number, _NOBODY) for number in claim.numbers]
        beside = {
            holder
            for holders in held
            if len(holders) > (tenant in holders)
            for present in places
            for holder in _common(present, holders)
        } - {tenant}
        present = tenant in tenants
        if not present:
            for number in self._own_numbers.get(tenant, ()) if tenants else ():
                beside.update(_common(tenants, self._numbers[number]))
        return Rivals(
            present=present,
            shared=any(other != tenant for other in islice(tenants, 2)),
            holder=TenantId(min(beside)) if beside else None,
            fallback=bool(tenants) and not present and tenant in self._own_fallbacks,
        )

    def resolve(self, message: IncomingMessage) -> Route:
        """
        Decide where *message* goes.
        """
        number, holders = self._holders(message)
        rule = Rule.INBOX
        mapping = self._of_inbox(message)
        if mapping is None:
            rule = Rule.ACCOUNT
            mapping = self._of_account(message)
        if mapping is not None:
            crew = None
            if holders:
                crew = mapping.crew_of(number) or _crew(holders, mapping.owner, number)
            return self._route(mapping, crew, rule)
        account = _id(message.account)
        present = self._accounts.get(account, _NOBODY)
        first = _owning(present)
        if first is not None:
            crew = _crew(holders, first.owner, number) if holders else None
            return self._route(first, crew, Rule.ACCOUNT_OWNER)
        if holders:
            tenants = list(islice(_common(present, holders), 2))
            if len(tenants) == 1:
                first = holders[tenants[0]][0]
                return self._route(first, first.crew_of(number), Rule.SPECIAL_NUMBER)
        fallback = self._fallback(account)
        if fallback is not None:
            crew = _crew(holders, fallback.owner, number) if holders else None
            return self._route(fallback, crew, Rule.FALLBACK)
        return UNROUTED

    def has(self, key: ChannelKey) -> bool:
        """
        Whether *key* has an active mapping of its own.
        """
        return key in self._mappings

    def has_account(self, account: ChatwootId) -> bool:
        """
        Whether somebody has an active channel in *account*.
        """
        return account.value in self._accounts

    def accounts(self, limit: int) -> list[ChatwootId]:
        """
        At most *limit* accounts in which somebody has a channel, by their ids.
        """
        return [ChatwootId(account) for account in nsmallest(limit, filter(None, self._accounts))]

    def selects_by_number(self, account: ChatwootId | None) -> bool:
        """
        Whether exactly one of the tenants in *account* has some number.
        """
        present = self._accounts.get(_id(account), _NOBODY)
        return any(
            len(tuple(islice(_common(present, self._numbers[number]), 2))) == 1
            for tenant in present
            for number in self._own_numbers.get(tenant, ())
        )

    def _route(self, mapping: ChannelMapping, crew: str | None, rule: Rule) -> Route:
        version = self._versions.get(mapping.key, 0)
        return Route(mapping.owner, crew, rule, mapping_version=version)

    def explain(self, message: IncomingMessage, *, tenant: TenantId | None = None) -> Route:
        """
        Decide where *message* goes, and give the verdict of every rule.

        With *tenant*, the rules name no other owners than its own.
        """
        route = self.resolve(message)
        considered = []
        for rule in RULES:
            candidates, lost = self._candidates(rule, message)
            verdict = Verdict.WON if rule is route.matched_by else lost or Verdict.NOT_NEEDED
            considered.append(Consideration(rule, verdict, _owners_in(candidates, tenant)))
        return evolve(route, considered=tuple(considered))

    def _candidates(
        self, rule: Rule, message: IncomingMessage
    ) -> tuple[_ByTenant, Verdict | None]:
        # The mappings that the rule looks at, and why it cannot win, if it cannot.
        account = _id(message.account)
        present = self._accounts.get(account, _NOBODY)
        if rule is Rule.ACCOUNT_OWNER:
            several = Verdict.SEVERAL_OWNERS if _owning(present) is None else None
            return present, several if present else Verdict.NO_CHANNEL
        if rule is Rule.SPECIAL_NUMBER:
            number, holders = self._holders(message)
            shared = {tenant: holders[tenant] for tenant in _common(present, holders)}
            unknown = Verdict.NO_NUMBER if number is None else Verdict.UNKNOWN_NUMBER
            ambiguous = Verdict.AMBIGUOUS_NUMBER if len(shared) > 1 else None
            return shared, ambiguous if shared else unknown
        if rule is Rule.INBOX:
            mapping = self._of_inbox(message)
            lacking = Verdict.NO_INBOX if message.inbox is None else Verdict.NO_MAPPING
        elif rule is Rule.ACCOUNT:
            mapping, lacking = self._of_account(message), Verdict.NO_MAPPING
        else:
            mapping = self._fallback(account)
            lacking = Verdict.NO_FALLBACK_IN_ACCOUNT if self._fallbacks else Verdict.NO_FALLBACK
        if mapping is None:
            return _NOBODY, lacking
        return {mapping.owner.tenant.value: [mapping]}, None

    def _of_inbox(self, message: IncomingMessage) -> ChannelMapping | None:
        if message.inbox is None:
            return None
        inbox = message.inbox.value
        exact = self._channels.get((_id(message.account), inbox))
        return self._channels.get((None, inbox)) if exact is None else exact

    def _of_account(self, message: IncomingMessage) -> ChannelMapping | None:
        return self._channels.get((_id(message.account), None))

    def _fallback(self, account: str | None) -> ChannelMapping | None:
        entries = self._fallbacks
        if account in self._accounts:
            entries = self._account_fallbacks.get(account, [])
        return entries[0] if entries else None

    def _holders(self, message: IncomingMessage) -> tuple[str | None, _ByTenant]:
        sender = sender_of(message.number)
        if sender is None:
            return None, _NOBODY
        number = comparable(sender)
        return number, self._numbers.get(number, _NOBODY)

    def _change_fallbacks(
        self,
        mapping: ChannelMapping,
        change: Callable[[list[ChannelMapping], ChannelMapping], None],
    ) -> None:
        change(self._fallbacks, mapping)
        tenant = mapping.owner.tenant.value
        own = self._own_fallbacks.setdefault(tenant, [])
        before = own[:1]
        change(own, mapping)
        if mapping in (*before, *own[:1]):
            for account in self._places.get(tenant, ()):
                self._replace_lowest(account, before, own[:1])
        if not own:
            del self._own_fallbacks[tenant]

    def _replace_lowest(
        self,
        account: str | None,
        before: Iterable[ChannelMapping] = (),
        after: Iterable[ChannelMapping] = (),
    ) -> None:
        entries = self._account_fallbacks.setdefault(account, [])
        for mapping in before:
            _take_out(entries, mapping)
        for mapping in after:
            insort(entries, mapping, key=_by_sequence)
        if not entries:
            del self._account_fallbacks[account]

    def _lists_of(self, mapping: ChannelMapping) -> Iterator[list[ChannelMapping]]:
        # The lists in which the mapping stands for its account and its numbers.
        tenant = mapping.owner.tenant.value
        if mapping.key.account is not None:
            tenants = self._accounts.setdefault(mapping.key.account.value, {})
            yield tenants.setdefault(tenant, [])
        for number in {special.number.comparable for special in mapping.numbers}:
            self._own_numbers.setdefault(tenant, set()).add(number)
            yield self._numbers.setdefault(number, {}).setdefault(tenant, [])

    def _add(self, mapping: ChannelMapping) -> None:
        self._mappings[mapping.key] = mapping
        if mapping.key.holder is not None:
            return
        account, inbox = _ids(mapping.key)
        self._channels[account, inbox] = mapping
        if account is not None:
            tenant = mapping.owner.tenant.value
            if tenant not in self._accounts.get(account, _NOBODY):
                self._places.setdefault(tenant, set()).add(account)
                self._replace_lowest(account, after=self._own_fallbacks.get(tenant, [])[:1])

    def _remove(self, mapping: ChannelMapping) -> None:
        for entries in self._lists_of(mapping):
            _take_out(entries, mapping, _by_area)
        if mapping.fallback:
            self._change_fallbacks(mapping, _take_out)
        tenant = mapping.owner.tenant.value
        for number in {special.number.comparable for special in mapping.numbers}:
            holders = self._numbers[number]
            if not holders[tenant]:
                del holders[tenant]
                self._own_numbers[tenant].remove(number)
            if not holders:
                del self._numbers[number]
        if not self._own_numbers.get(tenant, True):
            del self._own_numbers[tenant]
        del self._mappings[mapping.key]
        self._versions.pop(mapping.key, None)
        if mapping.key.holder is not None:
            return
        account, inbox = _ids(mapping.key)
        del self._channels[account, inbox]
        if account is not None:
            self._leave(account, tenant)

    def _leave(self, account: str, tenant: str) -> None:
        tenants = self._accounts[account]
        if tenants[tenant]:
            return
        self._replace_lowest(account, self._own_fallbacks.get(tenant, [])[:1])
        del tenants[tenant]
        if not tenants:
            del self._accounts[account]
        self._places[tenant].remove(account)
        if not self._places[tenant]:
            del self._places[tenant]


def _owning(present: _ByTenant) -> ChannelMapping | None:
    # The first of the channels, if all of them have one owner.
    if len(present) != 1:
        return None
    (channels,) = present.values()
    return channels[0] if _area(channels[0]) == _area(channels[-1]) else None


def _owners_in(candidates: _ByTenant, tenant: TenantId | None) -> tuple[TenantArea, ...]:
    if tenant is None:
        tenants = nsmallest(MOST_OWNERS, candidates)
    else:
        tenants = [tenant.value] if tenant.value in candidates else []
    owners = (owner for one in tenants for owner in _owners_of(candidates[one]))
    return tuple(islice(owners, MOST_OWNERS))


def _owners_of(mappings: Sequence[ChannelMapping]) -> Iterator[TenantArea]:
    # Skips from one area to the next: a tenant may have very many channels in each.
    place = 0
    while place < len(mappings):
        owner = mappings[place].owner
        yield owner
        place = bisect_right(mappings, owner.domain.value, lo=place, key=_area)


def _common(tenants: Mapping[str, object], others: Mapping[str, object]) -> Iterator[str]:
    # Iterates over the smaller of the two.
    fewer, more = sorted((tenants.keys(), others.keys()), key=len)
    return filter(more.__contains__, fewer)


def _take_out(
    entries: list[ChannelMapping],
    mapping: ChannelMapping,
    order: Callable[[ChannelMapping], _Place] = _by_sequence,
) -> None:
    del entries[bisect_left(entries, order(mapping), key=order)]


def _id(of: ChatwootId | None) -> str | None:
    return None if of is None else of.value


def _ids(key: ChannelKey) -> tuple[str | None, str | None]:
    return _id(key.account), _id(key.inbox)


def _crew(holders: _ByTenant, owner: TenantArea, number: str | None) -> str | None:
    entries = holders.get(owner.tenant.value)
    if entries is None:
        return None
    # The first mapping of the owner's business area, or else the first of the tenant.
    place = bisect_left(entries, owner.domain.value, key=_area)
    same = place < len(entries) and _area(entries[place]) == owner.domain.value
    return entries[place if same else 0].crew_of(number)
