"""
Reads the audit trail and links it. `ConfigStore.commit` brings its entries.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

from odoo_ai_config.domain.audit import LinkedEntry, TrailEnd, Voucher
from odoo_ai_config.domain.identifiers import TenantId


class AuditLog(Protocol):
    """
    Who did what: entries that are only ever added, each in its place in a chain.

    A commit leaves pending entries: its own, and one for each revision of a document and of a
    mapping. `link` adds them to the chain; until then no method shows them, and pruning keeps
    what they are made from. Nothing else writes the chain, and nothing removes from it.

    Every method raises `StoreUnavailableError` while the store is away.
    """

    @abstractmethod
    async def entries(
        self, *, tenant: TenantId | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[LinkedEntry]:
        """
        At most *limit* entries below the number *before*, newest first, of *tenant* or of all.
        """

    @abstractmethod
    async def chain(self, *, after: int = 0, limit: int = 1000) -> Sequence[LinkedEntry]:
        """
        At most *limit* entries above the number *after*, in the order of their numbers.
        """

    @abstractmethod
    async def end(self) -> tuple[TrailEnd, Voucher | None]:
        """
        The end of the trail as `link` left it, and its voucher; None if nothing was ever linked.
        """

    @abstractmethod
    async def link(self, vouch: Callable[[TrailEnd], Voucher], *, limit: int = 250) -> int:
        """
        Link at most *limit* pending entries, about in the order of their time.

        It is atomic: whoever else links at the same time links other entries. *vouch* makes the
        voucher of the new end, perhaps on another thread. Returns how many were linked; 0 as well
        while another process does it.
        """
