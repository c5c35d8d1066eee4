"""
Reads the mapping of Chatwoot channels. `ConfigStore.commit` writes it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from odoo_ai_config.domain.channels.history import HistoryPlace, MappingChange
from odoo_ai_config.domain.channels.mapping import (
    ChannelClaim,
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    Rivals,
)
from odoo_ai_config.domain.channels.routing import IncomingMessage, RoutingTable
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId


class ChannelDirectory(Protocol):
    """
    The newest state of every channel's mapping, and its history.

    Every method raises `StoreUnavailableError` while the store is away.
    """

    @abstractmethod
    async def current(self, keys: Sequence[ChannelKey]) -> Mapping[ChannelKey, MappingRevision]:
        """
        The newest revision of each of *keys*, inactive ones included; unknown keys are left out.
        """

    @abstractmethod
    async def mappings(self, tenant: TenantId | None = None) -> Sequence[MappingRevision]:
        """
        Every mapping, or those owned by *tenant*, inactive ones included.

        They are sorted by the text of their keys.
        """

    @abstractmethod
    async def mappings_of(self, tenants: Collection[TenantId]) -> Sequence[MappingRevision]:
        """
        The mappings owned by any of *tenants*, inactive ones included, sorted likewise.
        """

    @abstractmethod
    async def tenants_in(self, account: ChatwootId, *, limit: int) -> Sequence[TenantId]:
        """
        At most *limit* tenants that have an active channel of *account*, by their ids.
        """

    @abstractmethod
    async def accounts(self, *, limit: int) -> Sequence[ChatwootId]:
        """
        At most *limit* accounts in which somebody has an active channel, by their ids.
        """

    @abstractmethod
    async def rivals_of(self, claim: ChannelClaim) -> Rivals:
        """
        Who owns what *claim* touches, after every commit acknowledged before the call.

        The cost depends on the tenants that have the numbers and on the accounts and numbers of
        the claiming tenant, not on the number of mappings.
        """

    @abstractmethod
    async def table_for(
        self,
        *messages: IncomingMessage,
        supposing: ChannelMapping | None = None,
        explaining: bool = False,
        numbers: bool = False,
    ) -> RoutingTable:
        """
        A routing table with at least the mappings that bear on where any of *messages* goes.

        With *explaining*, the table also holds those that bear on `RoutingTable.explain`, and with
        *numbers* those of the accounts' tenants that have special numbers. With
        *supposing*, it also holds those that would bear on the messages after that mapping was
        written, as `RoutingTable.supposing` needs them. It sees every commit that any process
        acknowledged before the call. The table may be shared: the caller must leave it as it is,
        and use it only before its next await.
        """

    @abstractmethod
    async def revision(self, key: ChannelKey, version: int) -> MappingRevision | None:
        """
        One revision of a channel; None if it never existed or was pruned.
        """

    @abstractmethod
    async def history(
        self,
        *,
        key: ChannelKey | None = None,
        tenant: TenantId | None = None,
        after: HistoryPlace | None = None,
        limit: int = 100,
    ) -> Sequence[MappingChange]:
        """
        At most *limit* changes, newest first, following *after*; see `HistoryPlace` for the order.

        With *key*, only those of that channel. With *tenant*, only those before or after which the
        channel belongs to it.
        """

    @abstractmethod
    async def changed_since(
        self,
        moment: datetime,
        *,
        tenant: TenantId | None = None,
        after: ChannelKey | None = None,
        limit: int = 100,
    ) -> Sequence[MappingRevision]:
        """
        The newest revisions of channels that were written after *moment*.

        With *tenant*, only channels of which a kept revision belongs to it. At most *limit*,
        following *after*, sorted by the text of their keys.
        """

    @abstractmethod
    async def at(
        self, moment: datetime, keys: Sequence[ChannelKey]
    ) -> Mapping[ChannelKey, MappingRevision]:
        """
        The newest kept revision of each of *keys* that was written by *moment*.

        Channels without such a revision are left out.
        """
