"""
Which tenant owns a Chatwoot channel, and who may change that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from attrs import evolve, field, frozen

from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.errors import DomainError, InvalidValueError
from odoo_ai_config.domain.event_times import later_than
from odoo_ai_config.domain.identifiers import (
    CHATWOOT_ID,
    HUB,
    SLUG,
    TENANT_ID,
    BusinessArea,
    ChatwootId,
    TenantArea,
    TenantId,
    matches,
)
from odoo_ai_config.domain.outcomes import Notice

DEFAULT_SEQUENCE: Final = 10
# What `str` makes of a channel.
CHANNEL_TEXT: Final = re.compile(
    rf"(?:channel/(?:\*|{CHATWOOT_ID.pattern})/(?:\*|{CHATWOOT_ID.pattern})"
    rf"|holder/{TENANT_ID.pattern}/{SLUG.pattern})",
    re.ASCII,
)
CREW_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_MAX_SEQUENCE: Final = 2**31 - 1


@frozen
class ChannelOwnedError(DomainError):
    """
    The channel belongs to another tenant, and the caller's key is bound to one.
    """

    owner: TenantId
    claimant: TenantId


class AccountSharedError(DomainError):
    """
    Other tenants have channels in the account, and the caller's key is bound to one tenant.
    """


class NumberTakenError(DomainError):
    """
    Another tenant has the special number in a shared account, and the caller's key is bound.
    """


class FallbackReservedError(DomainError):
    """
    A fallback takes messages of unmapped accounts, and the caller's key is bound to one tenant.
    """


# Why a key that is bound to one tenant may not write a mapping.
MAPPING_REFUSALS: Final = (
    ChannelOwnedError,
    AccountSharedError,
    NumberTakenError,
    FallbackReservedError,
)


# Routing looks the version of the deciding mapping up for each message.
@frozen(cache_hash=True)
class ChannelKey:
    """
    The channel of a mapping.

    Args:
        account: None for any account: the replaced service kept inboxes without their account.
        inbox: None for any inbox of the account.
        holder: Set if there is no channel at all: the mapping only holds the fallback and the
            special numbers of this owner.
    """

    account: ChatwootId | None = None
    inbox: ChatwootId | None = None
    holder: TenantArea | None = None

    def __attrs_post_init__(self) -> None:
        if (self.account is None and self.inbox is None) != (self.holder is not None):
            raise InvalidValueError("channel", "channel")

    @property
    def ids(self) -> tuple[ChatwootId, ...]:
        """
        The ids of its account and inbox, if it names them.
        """
        return tuple(id_ for id_ in (self.account, self.inbox) if id_ is not None)

    @property
    def wider(self) -> tuple[ChannelKey, ...]:
        """
        The channels whose mappings decide for this one if it has none, strongest first.
        """
        if self.account is None or self.inbox is None:
            return ()
        return ChannelKey(inbox=self.inbox), ChannelKey(self.account)

    @classmethod
    def from_text(cls, text: str) -> ChannelKey:
        """
        Read what `str` wrote. It is unambiguous: no part of it may have a slash or a star.

        Raises:
            InvalidValueError: *text* is not the text of a channel.
        """
        match text.split("/"):
            case "channel", account, inbox:
                return cls(
                    None if account == "*" else ChatwootId(account),
                    None if inbox == "*" else ChatwootId(inbox),
                )
            case "holder", tenant, domain:
                return cls(holder=TenantArea(TenantId(tenant), BusinessArea(domain)))
            case _:
                raise InvalidValueError("channel", "channel")

    def __str__(self) -> str:
        if self.holder is not None:
            return f"holder/{self.holder}"
        return f"channel/{self.account or '*'}/{self.inbox or '*'}"


@frozen
class SpecialNumber:
    """
    A number whose messages go to a special crew, for instance the number of the shop's owner.
    """

    number: PhoneNumber
    crew: str = field(validator=matches("crew", CREW_NAME))


@frozen
class ChannelMapping:
    """
    The mapping of one channel.

    Fallback, sequence and special numbers belong to the channel and not to the tenant.
    Otherwise the result would depend on which of a tenant's channels Odoo sent last.

    Args:
        sequence: Position among the fallbacks, lowest first; at least 0.
        fallback: Whether the owner takes messages that no other rule claims.
        active: An inactive mapping routes nothing and protects nothing, but keeps its data.
    """

    key: ChannelKey
    owner: TenantArea
    sequence: int = field(default=DEFAULT_SEQUENCE)
    fallback: bool = False
    numbers: tuple[SpecialNumber, ...] = ()
    active: bool = True

    def __attrs_post_init__(self) -> None:
        if self.key.holder is not None and self.key.holder != self.owner:
            raise InvalidValueError("channel", "channel")
        if self.owner.tenant == HUB:
            raise InvalidValueError("account_id", "account_id")

    def crew_of(self, number: str | None) -> str | None:
        """
        The crew for *number* (in its comparable form), if it is a special number here.
        """
        for special in self.numbers:
            if special.number.comparable == number:
                return special.crew
        return None

    @property
    def digest(self) -> str:
        """
        SHA-256 of the whole mapping.
        """
        numbers = [(special.number.digits, special.crew) for special in self.numbers]
        content = (str(self.key), str(self.owner), self.sequence, self.fallback, self.active)
        return sha256(json.dumps((*content, numbers)).encode()).hexdigest()

    @sequence.validator
    def _check_sequence(self, _attribute: object, value: int) -> None:
        if not 0 <= value <= _MAX_SEQUENCE:
            raise InvalidValueError("sequence", "sequence")


@frozen
class ChannelEnd:
    """
    An event that ends a channel and says nothing else of it that counts.
    """

    key: ChannelKey
    owner: TenantArea

    def of(self, stored: ChannelMapping | None) -> ChannelMapping:
        """
        What the channel is afterwards: its owner's other data stay as they are.
        """
        if stored is None or stored.owner.tenant != self.owner.tenant:
            return ChannelMapping(self.key, self.owner, active=False)
        return evolve(stored, active=False)


@frozen
class MappingRevision:
    """
    A version of a channel's mapping. Each channel counts its versions from 1 without gaps.

    Args:
        created_at: The time of the channel's first version.
        updated_at: The time of this version, always after that of the version before it.
        event_at: The time of the newest event that led to this version, if it is known.
    """

    mapping: ChannelMapping
    version: int
    created_at: datetime
    updated_at: datetime
    author: str
    event_at: datetime | None = None


def state_of(revisions: Iterable[MappingRevision]) -> int:
    """
    The version of the whole mapping, of which *revisions* are the newest ones of all channels.

    Every change makes it larger, because a channel's version only grows and no channel is
    forgotten. 0 if no channel was ever mapped.
    """
    return sum(revision.version for revision in revisions)


def remapped(
    current: MappingRevision | None, mapping: ChannelMapping, *, author: str, at: datetime
) -> MappingRevision | None:
    """
    The revision that a write of *mapping* makes; None if it changes nothing.
    """
    if current is None:
        return MappingRevision(mapping, 1, created_at=at, updated_at=at, author=author)
    if current.mapping == mapping:
        return None
    return MappingRevision(
        mapping,
        current.version + 1,
        created_at=current.created_at,
        updated_at=later_than(current.updated_at, at),
        author=author,
        event_at=current.event_at,
    )


def released(current: MappingRevision, *, author: str, at: datetime) -> MappingRevision | None:
    """
    The revision that keeps only whose the channel was; None if nothing else is kept.
    """
    left = ChannelMapping(current.mapping.key, current.mapping.owner, active=False)
    return remapped(current, left, author=author, at=at)


def previous_owner(current: MappingRevision | None, mapping: ChannelMapping) -> TenantId | None:
    """
    The tenant that would lose the channel to *mapping*; None if nobody would.
    """
    if current is None or not current.mapping.active:
        return None
    owner = current.mapping.owner.tenant
    return owner if owner != mapping.owner.tenant else None


@frozen
class ChannelClaim:
    """
    What a mapping claims that its tenant did not have through the same channel before.

    Args:
        account: The account of the channel, if the channel is new for the tenant.
        whole: The channel is the whole account: every inbox without a mapping of its own.
        numbers: Special numbers, in their comparable form.
    """

    tenant: TenantId
    account: ChatwootId | None = None
    whole: bool = False
    numbers: frozenset[str] = frozenset()

    def touches(self, mapping: ChannelMapping) -> bool:
        """
        Whether *mapping* belongs to another tenant and has a part of the claim.
        """
        if not mapping.active or mapping.owner.tenant == self.tenant:
            return False
        here = self.account is not None and mapping.key.account == self.account
        return here or any(s.number.comparable in self.numbers for s in mapping.numbers)


@frozen
class Rivals:
    """
    What other tenants have of a claim.

    Args:
        present: The claiming tenant already has another active channel in the account.
        shared: Another tenant has an active channel in the account.
        holder: Another tenant that has one of the numbers, and shares an account with the
            claiming tenant; the first one by its id. In an account that is new for the claiming
            tenant, all of its numbers count, from whichever channel.
        fallback: The account is new for the claiming tenant and has others in it, and a fallback
            that the tenant has already counts there from now on.
    """

    present: bool = False
    shared: bool = False
    holder: TenantId | None = None
    fallback: bool = False

    def dispute(self, claim: ChannelClaim) -> bool:
        """
        Whether others have a part of *claim*.
        """
        return self.crowd(claim) or self.holder is not None

    def crowd(self, claim: ChannelClaim) -> bool:
        """
        Whether *claim* enters an account of others, or takes the rest of such an account.
        """
        return self.shared and (claim.whole or not self.present)


NO_RIVALS: Final = Rivals()


def claimed(current: MappingRevision | None, mapping: ChannelMapping) -> ChannelClaim | None:
    """
    What *mapping* newly claims if it replaces *current*; None if nothing.
    """
    if not mapping.active:
        return None
    own = _own(current, mapping)
    numbers = {special.number.comparable for special in mapping.numbers}
    if own is not None:
        numbers -= {special.number.comparable for special in own.numbers}
    account = mapping.key.account if own is None else None
    if account is None and not numbers:
        return None
    whole = account is not None and mapping.key.inbox is None
    return ChannelClaim(mapping.owner.tenant, account, whole, frozenset(numbers))


def _own(current: MappingRevision | None, mapping: ChannelMapping) -> ChannelMapping | None:
    # A mapping that is switched off gives no right to the channel.
    if current is None or not current.mapping.active or previous_owner(current, mapping):
        return None
    return current.mapping


@frozen
class MappingDecision:
    """
    What a write of a mapping does.

    Args:
        revision: The new revision; None if nothing changes.
        loser: The tenant that loses the channel, or that a wider mapping gave its messages to.
        notices: Why there is no revision, if the writer should know.
        claim: What nobody else may have when the revision is committed.
        enters: The tenant enters an account of others, takes the rest of such an account, or
            takes an inbox of any account.
        rival: The tenant that shares a special number from now on.
        promoted: The channel becomes a fallback or an earlier one, or it brings its tenant's
            fallback to an account of others.
    """

    revision: MappingRevision | None
    loser: TenantId | None = None
    notices: tuple[Notice, ...] = ()
    claim: ChannelClaim | None = None
    enters: bool = False
    rival: TenantId | None = None
    promoted: bool = False


def decided(
    current: MappingRevision | None,
    mapping: ChannelMapping,
    *,
    author: str,
    at: datetime,
    bound: bool,
    wider: Sequence[MappingRevision] = (),
    rivals: Rivals = NO_RIVALS,
    overruling: bool = False,
) -> MappingDecision:
    """
    Decide what a write of *mapping* does to its channel.

    An inactive *mapping* never changes a channel that another tenant has taken over: a late
    deactivation is not a claim. Only who writes the whole mapping or restores an earlier one is
    *overruling* even then.

    A writer who is *bound* to the owner of *mapping* may not affect others: neither messages
    that their *wider* mappings route (those of `ChannelKey.wider`, in its order), nor what the
    *rivals* of the claim have.

    Raises:
        InvalidValueError: The channel is new, and one of its ids is odd.
        DomainError: One of `MAPPING_REFUSALS`: the writer is *bound*, and *mapping* touches what
            others have.
    """
    if current is None and any(id_.is_odd for id_ in mapping.key.ids):
        raise InvalidValueError("chatwoot_id", "chatwoot_id")
    loser = previous_owner(current, mapping)
    if loser is not None and not mapping.active and not overruling:
        return MappingDecision(None, notices=(Notice("channel_of_another_tenant", "mapping"),))
    claim = claimed(current, mapping)
    own = _own(current, mapping)
    promoted = (
        mapping.active
        and mapping.fallback
        and (own is None or not own.fallback or mapping.sequence < own.sequence)
    )
    if bound:
        for revision in (current, *wider):
            owner = previous_owner(revision, mapping)
            if owner is not None:
                raise ChannelOwnedError(owner, mapping.owner.tenant)
        _require_undisputed(claim, rivals)
        if promoted:
            raise FallbackReservedError
    revision = remapped(current, mapping, author=author, at=at)
    anew = mapping.active and own is None
    # Nobody knows the account of an inbox that is mapped without one.
    anywhere = anew and mapping.key.account is None and mapping.key.inbox is not None
    crowds = claim is not None and rivals.crowd(claim)
    deciding = next((one for one in wider if one.mapping.active), None) if anew else None
    return MappingDecision(
        revision,
        loser or previous_owner(deciding, mapping),
        claim=_guarding(claim, rivals) if bound else None,
        # If a channel moves, it may have been the only one of others in the account.
        enters=(crowds or anywhere) and loser is None,
        rival=rivals.holder,
        promoted=promoted or rivals.fallback,
    )


def ends_with(
    twin: ChannelMapping | None, ended: ChannelMapping, own: Iterable[ChannelMapping]
) -> bool:
    """
    Whether *twin*, the mapping of the same inbox in any account, ends with the channel *ended*.

    It does if it belongs to the same tenant and says nothing else: neither a fallback nor
    numbers, nor an inbox in another account. That may be so in an account of the tenant where
    the inbox has no mapping; *own* are the mappings of the tenant.
    """
    if twin is None or not twin.active or twin.owner.tenant != ended.owner.tenant:
        return False
    keys = {mapping.key for mapping in own if mapping.active}
    accounts = {key.account for key in keys} - {None, ended.key.account}
    elsewhere = any(ChannelKey(account, ended.key.inbox) not in keys for account in accounts)
    return not (twin.fallback or twin.numbers or elsewhere)


def _require_undisputed(claim: ChannelClaim | None, rivals: Rivals) -> None:
    if claim is not None and rivals.crowd(claim):
        raise AccountSharedError
    if rivals.holder is not None:
        raise NumberTakenError


def _guarding(claim: ChannelClaim | None, rivals: Rivals) -> ChannelClaim | None:
    # A tenant that is in the account already may share it.
    if claim is None:
        return None
    free = rivals.present and not claim.whole
    account = None if free else claim.account
    if account is None and not claim.numbers:
        return None
    return evolve(claim, account=account)
