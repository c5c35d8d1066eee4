"""
Secret addresses: create, list, revoke, and open for a record of Odoo.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import frozen

from odoo_ai_config.application.keys import TokenPrefix, TokenText
from odoo_ai_config.application.ports.address_store import AddressStore
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.revoked_keys import RevokedKeys
from odoo_ai_config.application.ports.token_source import TokenSource
from odoo_ai_config.domain.access import ApiKey, Scope, TokenUse
from odoo_ai_config.domain.addresses import Address, Feed
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import AddressNotFoundError
from odoo_ai_config.domain.identifiers import TenantId

# A use is noted again only after this time: it is a commit that no event needs.
USE_NOTED_AFTER: Final = timedelta(minutes=1)


@frozen(eq=False)
class CreateAddress:
    """
    Make a secret address. Its token is handed over once and stored nowhere.
    """

    store: ConfigStore
    tokens: TokenSource
    clock: Clock

    async def __call__(
        self, feed: Feed, *, name: str, caller: ApiKey
    ) -> tuple[Address, SecretText]:
        """
        The new address, and its token.

        Raises:
            InvalidValueError: *name* is empty, too long or has control characters.
        """
        caller.require(Scope.ADMIN, feed.owner.tenant)
        text = TokenText.new(TokenPrefix.ADDRESS, self.tokens)
        now = self.clock.now()
        address = Address(text.id, name, text.digest, feed, now, caller.id)
        entry = _entry(AuditAction.ADDRESS_CREATED, address, caller, now)
        await self.store.commit(_written(address, entry, caller))
        return address, SecretText(text.reveal())


@frozen(eq=False)
class ListAddresses:
    """
    Secret addresses, revoked ones included, for administrators.
    """

    addresses: AddressStore

    async def __call__(
        self,
        *,
        caller: ApiKey,
        tenant: TenantId | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Sequence[Address]:
        """
        At most *limit* addresses of *tenant*, or of all that *caller* may see, following *after*.
        """
        tenant = tenant or caller.tenant
        caller.require(Scope.ADMIN, tenant)
        return await self.addresses.addresses(tenant=tenant, after=after, limit=limit)

    async def one(self, address_id: str, *, caller: ApiKey) -> Address:
        """
        One address.

        Raises:
            AddressNotFoundError: There is none, or it is of a tenant that *caller* may not see.
        """
        caller.require(Scope.ADMIN)
        return await _found(self.addresses, address_id, caller)


@frozen(eq=False)
class RevokeAddress:
    """
    Revoke an address forever, even if an older copy of the store is restored.
    """

    store: ConfigStore
    addresses: AddressStore
    noted: RevokedKeys
    clock: Clock

    async def __call__(self, address_id: str, *, caller: ApiKey) -> Address:
        """
        The revoked address; revoking it again changes nothing.

        Raises:
            AddressNotFoundError: There is none, or it is of a tenant that *caller* may not see.
            StoreUnusableError: The address is revoked, but the list beside the store cannot be
                written.
        """
        caller.require(Scope.ADMIN)
        revoked = await self._revoked(await _found(self.addresses, address_id, caller), caller)
        # Last and every time, as for API keys.
        await self.noted.note([address_id])
        return revoked

    async def again(self, *, caller: ApiKey) -> Sequence[Address]:
        """
        Revoke again each address that is in the list and valid in the store; return them.

        Raises:
            StoreUnusableError: The list beside the store cannot be read.
        """
        missing = await self.noted.noted() - await self.addresses.revoked_ids()
        found = [await self.addresses.address(id_) for id_ in sorted(missing)]
        return [await self._revoked(address, caller) for address in found if address is not None]

    async def _revoked(self, address: Address, caller: ApiKey) -> Address:
        now = self.clock.now()
        revoked = address.revoked(now, caller.id)
        if revoked is not address:
            entry = _entry(AuditAction.ADDRESS_REVOKED, address, caller, now)
            await self.store.commit(_written(revoked, entry, caller))
        return revoked


@frozen(eq=False)
class OpenAddress:
    """
    Find the address whose token a record came with.
    """

    store: ConfigStore
    addresses: AddressStore
    clock: Clock

    async def __call__(self, token: str) -> Address:
        """
        The address of *token*. Its use is noted, at most once a minute.

        Raises:
            AddressNotFoundError: The token is unknown, wrong or revoked; the error does not tell
                which.
        """
        text = TokenText.parse(TokenPrefix.ADDRESS, token)
        address = None if text is None else await self.addresses.address(text.id)
        if text is None or address is None or address.revoked_at is not None:
            raise AddressNotFoundError
        if not text.proves(address.digest):
            raise AddressNotFoundError
        now = self.clock.now()
        if address.used_at is None or now - address.used_at >= USE_NOTED_AFTER:
            await self.store.commit(Changeset(address_uses=(TokenUse(address.id, now),)))
        return address


async def _found(addresses: AddressStore, address_id: str, caller: ApiKey) -> Address:
    address = await addresses.address(address_id)
    if address is None or caller.tenant not in {None, address.feed.owner.tenant}:
        raise AddressNotFoundError
    return address


def _entry(action: AuditAction, address: Address, caller: ApiKey, at: datetime) -> AuditEntry:
    return AuditEntry(at, action, caller.id, address.feed.owner.tenant, address.id)


def _written(address: Address, entry: AuditEntry, caller: ApiKey) -> Changeset:
    return Changeset(addresses=(address,), audit=(entry,), occasion=caller.occasion)
