"""
Show how the hub gets at its Chatwoot accounts, with nothing opened.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from odoo_ai_config.application.chatwoot.accounts import (
    ChatwootAccount,
    chatwoot_account,
    stored_accounts,
)
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.identifiers import HUB, ChatwootId


@frozen
class ReadChatwootAccounts:
    """
    Read what is stored of one account, or of each.
    """

    store: ConfigStore

    async def __call__(self, *, caller: ApiKey) -> Sequence[ChatwootAccount]:
        """
        Every account of which something is stored.

        Raises:
            ScopeMissingError, TenantForbiddenError: *caller* may not see what is the hub's.
            StoreUnavailableError: The store is away.
        """
        caller.require_tenant(HUB)
        accounts = await stored_accounts(self.store)
        return [await chatwoot_account(self.store, account) for account in accounts]

    async def one(self, account: ChatwootId | None, *, caller: ApiKey) -> ChatwootAccount:
        """
        One of them, empty if nothing is stored; None for what holds for every account.

        Raises:
            ScopeMissingError, TenantForbiddenError: *caller* may not see what is the hub's.
            InvalidValueError: Nothing can be kept for an account of this id.
            StoreUnavailableError: The store is away.
        """
        caller.require_tenant(HUB)
        return await chatwoot_account(self.store, account)
