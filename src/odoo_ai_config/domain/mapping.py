"""
Which Chatwoot channel belongs to which tenant, and who may change that.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from hashlib import sha256
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.errors import ChannelOwnedError, InvalidValueError
from odoo_ai_config.domain.identifiers import HUB, ChatwootId, TenantDomain, TenantId
from odoo_ai_config.domain.outcomes import Notice
from odoo_ai_config.domain.phone import PhoneNumber

DEFAULT_SEQUENCE: Final = 10
CREW_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_MAX_SEQUENCE: Final = 2**31 - 1


@frozen
class ChannelKey:
    """
    The channel that a mapping is about.

    *inbox* None stands for any inbox of the account. *account* None stands for any account:
    the replaced service kept inboxes without their account. With neither, the mapping is of
    no channel at all and only holds the fallback and the special numbers of *holder*.
    """

    account: ChatwootId | None = None
    inbox: ChatwootId | None = None
    holder: TenantDomain | None = None

    def __attrs_post_init__(self) -> None:
        if (self.account is None and self.inbox is None) != (self.holder is not None):
            raise InvalidValueError("channel", "channel")

    def __str__(self) -> str:
        if self.holder is not None:
            return f"holder/{self.holder}"
        return f"channel/{self.account or '*'}/{self.inbox or '*'}"


@frozen
class SpecialNumber:
    """
    A number whose messages go to a crew of their own, for instance the owner's.
    """

    number: PhoneNumber
    crew: str = field()

    @crew.validator
    def _check_crew(self, _attribute: object, value: str) -> None:
        if CREW_NAME.fullmatch(value) is None:
            raise InvalidValueError("crew", "crew")


@frozen
class ChannelMapping:
    """
    What is known of one channel.

    Fallback, sequence and special numbers belong to the channel that brought them, not to
    the tenant as a whole: otherwise the outcome would depend on which of a tenant's channels
    Odoo sent last.

    Args:
        sequence: Place among the fallbacks, lowest first.
        fallback: Whether the owner takes messages that no rule claims.
        active: An inactive mapping routes nothing and protects nothing, but keeps its data.
    """

    key: ChannelKey
    owner: TenantDomain
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
        The crew that serves *number* (in its comparable form) here, if it is a special one.
        """
        for special in self.numbers:
            if special.number.comparable == number:
                return special.crew
        return None

    @property
    def digest(self) -> str:
        """
        SHA-256 of all that is known of the channel.
        """
        numbers = [(special.number.digits, special.crew) for special in self.numbers]
        content = (str(self.key), str(self.owner), self.sequence, self.fallback, self.active)
        return sha256(json.dumps((*content, numbers)).encode()).hexdigest()

    @sequence.validator
    def _check_sequence(self, _attribute: object, value: int) -> None:
        if not -_MAX_SEQUENCE <= value <= _MAX_SEQUENCE:
            raise InvalidValueError("sequence", "sequence")


@frozen
class MappingRevision:
    """
    A version of a channel's mapping. Versions count from 1 without gaps, per channel.
    """

    mapping: ChannelMapping
    version: int
    created_at: datetime
    updated_at: datetime
    author: str


def remapped(
    current: MappingRevision | None, mapping: ChannelMapping, *, author: str, at: datetime
) -> MappingRevision | None:
    """
    The revision that writing *mapping* makes, or None if it would change nothing.
    """
    if current is None:
        return MappingRevision(mapping, 1, created_at=at, updated_at=at, author=author)
    if current.mapping == mapping:
        return None
    return MappingRevision(
        mapping, current.version + 1, created_at=current.created_at, updated_at=at, author=author
    )


def previous_owner(current: MappingRevision | None, mapping: ChannelMapping) -> TenantId | None:
    """
    The tenant that would lose the channel to *mapping*, if any.
    """
    if current is None or not current.mapping.active:
        return None
    owner = current.mapping.owner.tenant
    return owner if owner != mapping.owner.tenant else None


def require_claim(
    current: MappingRevision | None, mapping: ChannelMapping, *, bound: bool
) -> None:
    """
    Refuse that a caller bound to one tenant takes a channel from another.

    Raises:
        ChannelOwnedError: It would.
    """
    owner = previous_owner(current, mapping)
    if owner is not None and bound:
        raise ChannelOwnedError(owner, mapping.owner.tenant)


@frozen
class MappingDecision:
    """
    What writing a mapping does.

    Args:
        revision: What it makes; None if nothing.
        loser: The tenant that loses the channel by it.
        notices: Why nothing is made, where the writer should know.
    """

    revision: MappingRevision | None
    loser: TenantId | None = None
    notices: tuple[Notice, ...] = ()


def decided(
    current: MappingRevision | None,
    mapping: ChannelMapping,
    *,
    author: str,
    at: datetime,
    bound: bool,
) -> MappingDecision:
    """
    Decide what becomes of a channel of which Odoo says *mapping*.

    An inactive *mapping* never touches a channel that another tenant has taken over in the
    meantime: a late deactivation is not a claim.

    Raises:
        ChannelOwnedError: The writer is *bound* and the channel is another tenant's.
    """
    loser = previous_owner(current, mapping)
    if loser is not None and not mapping.active:
        return MappingDecision(None, notices=(Notice("channel_of_another_tenant", "mapping"),))
    require_claim(current, mapping, bound=bound)
    revision = remapped(current, mapping, author=author, at=at)
    return MappingDecision(revision, loser)
