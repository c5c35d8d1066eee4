"""
Where tenants stand, and what the hub has of them. `ConfigStore.commit` writes their states.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.tenants import (
    Remembered,
    Standing,
    TenantContents,
    TenantState,
    TenantVersion,
)


class TenantStore(Protocol):
    """
    The states of tenants, and the removal of what is erased.

    Every method raises `StoreUnavailableError` while the store is away.
    """

    @abstractmethod
    async def current(self, tenant: TenantId) -> TenantState | None:
        """
        The newest state of *tenant*; None if it never had one.
        """

    @abstractmethod
    async def remembered(self, tenant: TenantId) -> Remembered:
        """
        Where *tenant* stands and what has moved of it, by what this process knows.

        What another process has committed counts after two seconds at the latest.
        """

    @abstractmethod
    async def unusual(self) -> Mapping[TenantId, Remembered]:
        """
        All that `remembered` knows of tenants that are not active, or of which something moved.

        The answer may be shared: the caller must leave it as it is.
        """

    @abstractmethod
    async def states(
        self, standings: Collection[Standing], *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[TenantState]:
        """
        At most *limit* states of tenants with one of *standings*, by their ids, following *after*.
        """

    @abstractmethod
    async def contents(self, tenant: TenantId) -> TenantContents:
        """
        Count what there is of *tenant*.
        """

    @abstractmethod
    async def version(self, tenant: TenantId) -> TenantVersion:
        """
        What a commit compares, so that nothing of *tenant* is new or changed meanwhile.
        """

    @abstractmethod
    async def remove_some(self, tenant: TenantId) -> bool:
        """
        Remove a part of *tenant*, in a short step; False if nothing was left.

        Its channels stay, without special numbers, and so does the history of the mapping. Its
        state and the audit trail stay as they are. Only for a tenant that is closed: otherwise
        others may write meanwhile.
        """

    @abstractmethod
    async def forget_number(self, tenant: TenantId, number: str) -> None:
        """
        Remove a special number from all replaced versions of *tenant*'s mapping.

        *number* is `PhoneNumber.comparable`.
        """

    @abstractmethod
    async def scrub(self, *, large: bool) -> bool:
        """
        Clean the files of the store of what was removed; False if that is still to do.

        Some stores stand still for as long as it takes. They do it for a small file only, unless
        *large*.
        """
