"""
Set and show how the hub reaches its Chatwoot accounts.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from odoo_ai_config.application.chatwoot.accounts import (
    ChatwootAccount,
    ChatwootAccounts,
    account_in,
    chatwoot_account,
    documents_of,
    stored_accounts,
)
from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.retention import RetentionRules
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.chatwoot import ChatwootChange, place_of
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SecretText
from odoo_ai_config.domain.documents.credentials import with_fingerprints
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import successor
from odoo_ai_config.domain.identifiers import HUB, ChatwootId


@frozen(eq=False)
class SetChatwootAccount:
    """
    Write the settings of one account, or of all, and seal the secrets in them.
    """

    store: ConfigStore
    sealer: Sealer
    accounts: ChatwootAccounts
    retention: RetentionRules
    clock: Clock

    async def __call__(
        self, account: ChatwootId | None, change: ChatwootChange, *, caller: ApiKey
    ) -> ChatwootAccount:
        """
        Apply *change* and return the new settings.

        None as *account* means the settings of every account.

        Raises:
            InvalidValueError: The id of *account* is not valid.
        """
        caller.require_tenant(HUB)
        place = place_of(account)
        keys = config_key, credentials_key = documents_of(account)

        async def decide() -> tuple[Changeset, ChatwootAccount]:
            now = self.clock.now()
            current = await self.store.current(keys)
            stored = account_in(current, account)
            settings, values = change.made_on(stored.settings, stored.sealed)
            plain = {ref: value for ref, value in values.items() if isinstance(value, SecretText)}
            sealing = await self.sealer(place, plain, known=stored.sealed, at=now)
            marks = {
                ref.value: value if isinstance(value, Fingerprint) else sealing.fingerprints[ref]
                for ref, value in values.items()
            }
            config = successor(
                current.get(config_key),
                config_key,
                Document.of(settings.body),
                author=caller.id,
                at=now,
            )
            before = current.get(credentials_key)
            credentials = successor(
                before, credentials_key, with_fingerprints(HUB, marks), author=caller.id, at=now
            )
            changeset = Changeset(
                revisions=tuple(one for one in (config, credentials) if one is not None),
                erased=await self.retention.erased_by(before, credentials),
                **sealing.parts,
            )
            return changeset, ChatwootAccount(account, settings, marks)

        result = await commit_decided(self.store, decide, caller.occasion)
        self.accounts.forget()
        return result


@frozen(eq=False)
class ReadChatwootAccounts:
    """
    Read the settings of one account, or of every account that has some.
    """

    store: ConfigStore

    async def __call__(self, *, caller: ApiKey) -> Sequence[ChatwootAccount]:
        """
        Every account of which something is stored.
        """
        caller.require_tenant(HUB)
        accounts = await stored_accounts(self.store)
        return [await chatwoot_account(self.store, account) for account in accounts]

    async def one(self, account: ChatwootId | None, *, caller: ApiKey) -> ChatwootAccount:
        """
        One of them, empty if nothing is stored; None for what holds for every account.

        Raises:
            InvalidValueError: The id of *account* is not valid.
        """
        caller.require_tenant(HUB)
        return await chatwoot_account(self.store, account)
