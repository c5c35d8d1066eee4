"""
How the hub gets at its Chatwoot accounts, opened and ready to use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import define, field, frozen

from odoo_ai_config.application.credentials.sealing import unsealed
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.domain.chatwoot import (
    ChatwootAccess,
    ChatwootSettings,
    account_at,
    place_of,
)
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SecretText,
    digest_of,
)
from odoo_ai_config.domain.documents.merging import fingerprints_in
from odoo_ai_config.domain.documents.revisions import Revision, content_of
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    HUB,
    BusinessDomain,
    ChatwootId,
    CredentialRef,
    DocumentKey,
    TenantDomain,
)

# How long other processes may go on with what was changed or removed.
_STALE_SECONDS: Final = 2.0
_MOST_KNOWN: Final = 1024


@frozen
class ChatwootAccount:
    """
    The settings of one account, or of all, and what is sealed of them, still closed.

    Args:
        account: None for what holds for every account.
        sealed: Fingerprints by reference.
    """

    account: ChatwootId | None
    settings: ChatwootSettings
    sealed: Mapping[str, Fingerprint]


@frozen
class ChatwootDirectory:
    """
    All accounts of which something is stored, without what holds for every account.
    """

    accounts: Mapping[ChatwootId, ChatwootAccess]
    _owners: Mapping[bytes, ChatwootId] = field(repr=False)

    @classmethod
    def of(cls, accounts: Mapping[ChatwootId, ChatwootAccess]) -> ChatwootDirectory:
        """
        The directory of *accounts*.
        """
        owners = {
            digest_of(token.reveal()): account
            for account, access in accounts.items()
            for token in access.webhook_tokens
        }
        return cls(accounts, owners)

    def owner_of(self, token: str) -> ChatwootId | None:
        """
        The account that has *token* as the end of an address.

        It is looked up by its digest: neither does it take longer the more accounts there are,
        nor does the time say how much of a token was right.
        """
        return self._owners.get(digest_of(token))


async def chatwoot_account(store: ConfigStore, account: ChatwootId | None) -> ChatwootAccount:
    """
    The settings of *account* as they are stored; empty ones if there are none.

    Raises:
        InvalidValueError: Nothing can be kept for an account of this id.
    """
    return account_in(await store.current(documents_of(account)), account)


def documents_of(account: ChatwootId | None) -> tuple[DocumentKey, DocumentKey]:
    """
    Where the settings of *account* are, and where the values that are sealed of them.

    Raises:
        InvalidValueError: Nothing can be kept for an account of this id.
    """
    place = place_of(account)
    return place.document(CONFIG), place.document(CREDENTIALS)


def account_in(
    current: Mapping[DocumentKey, Revision], account: ChatwootId | None
) -> ChatwootAccount:
    """
    The settings of *account* in the *current* revisions of its documents.
    """
    config, credentials = (content_of(current.get(key)) for key in documents_of(account))
    return ChatwootAccount(
        account,
        ChatwootSettings.read({} if config is None else config.body),
        fingerprints_in(credentials),
    )


@frozen
class _Own:
    """
    What one account has of its own, and the revisions that say so.
    """

    account: ChatwootId
    stamp: tuple[object, ...]
    access: ChatwootAccess


@define
class ChatwootAccounts:
    """
    Opens what is stored of accounts, and remembers it for two seconds.

    Every message asks; what it asks for hardly ever changes.

    Args:
        fallback: What the operator set for every account, beside what is stored.
    """

    store: ConfigStore
    secrets: SecretStore
    vault: SecretVault
    clock: Clock
    fallback: ChatwootAccess = field(factory=ChatwootAccess)
    _known: dict[ChatwootId | None, tuple[float, ChatwootAccess]] = field(
        factory=dict, init=False, repr=False
    )
    _opened: dict[Fingerprint, SecretText] = field(factory=dict, init=False, repr=False)
    _all: tuple[float, ChatwootDirectory] | None = field(default=None, init=False, repr=False)
    _own: dict[BusinessDomain, _Own] = field(factory=dict, init=False, repr=False)
    _reading_all: asyncio.Lock = field(factory=asyncio.Lock, init=False, repr=False)
    # Keys alone count, the one that was heard of last at the end.
    _heard: dict[ChatwootId, None] = field(factory=dict, init=False, repr=False)

    async def access_to(self, account: ChatwootId | None) -> ChatwootAccess:
        """
        What is known of *account*: its own, then what holds for every account.

        None asks for what holds for every account.

        Raises:
            SealBrokenError, MasterKeyMissingError: A secret of it does not open.
        """
        now = self.clock.monotonic()
        known = self._known.get(account)
        if known is not None and now < known[0]:
            return known[1]
        access = await self._read(account)
        if account is None:
            access = access.over(self.fallback)
        else:
            access = access.over(await self.access_to(None))
        if len(self._known) >= _MOST_KNOWN:
            # Anybody may ask for any number of accounts that do not exist.
            self._known.clear()
        self._known[account] = now + _STALE_SECONDS, access
        return access

    async def directory(self) -> ChatwootDirectory:
        """
        Every account of which something is stored, read together and at most every two seconds.

        Raises:
            SealBrokenError, MasterKeyMissingError: A secret does not open.
        """
        async with self._reading_all:
            now = self.clock.monotonic()
            if self._all is None or now >= self._all[0]:
                own = await self._read_all()
                if self._all is None or own != self._own:
                    accounts = {one.account: one.access for one in own.values()}
                    directory = ChatwootDirectory.of(accounts)
                else:
                    _, directory = self._all
                self._own, self._all = own, (now + _STALE_SECONDS, directory)
            return self._all[1]

    async def _read_all(self) -> dict[BusinessDomain, _Own]:
        places: dict[BusinessDomain, list[Revision]] = {}
        for revision in await self.store.documents(HUB):
            places.setdefault(revision.key.domain, []).append(revision)
        found: dict[BusinessDomain, _Own] = {}
        for place, revisions in places.items():
            account = account_at(place)
            if account is None:
                continue
            stamp = tuple((one.key.kind, one.version, one.updated_at) for one in revisions)
            known = self._own.get(place)
            if known is None or known.stamp != stamp:
                current = {revision.key: revision for revision in revisions}
                access = await self._access(account_in(current, account))
                known = _Own(account, stamp, access)
                # Hundreds that are new at once must not hold everybody else up.
                await asyncio.sleep(0)
            found[place] = known
        return found

    def heard_of(self, account: ChatwootId) -> None:
        """
        Note that *account* has just proved itself.
        """
        # One account after another is rare; ids that come again are the same objects.
        if account is next(reversed(self._heard), None):
            return
        self._heard.pop(account, None)
        self._heard[account] = None
        if len(self._heard) > _MOST_KNOWN:
            del self._heard[next(iter(self._heard))]

    def by_recency(
        self, directory: ChatwootDirectory
    ) -> Iterator[tuple[ChatwootId, ChatwootAccess]]:
        """
        The accounts in *directory*, those first that were heard of last.
        """
        accounts = directory.accounts
        recent = [account for account in reversed(self._heard) if account in accounts]
        others = (account for account in accounts if account not in self._heard)
        for account in (*recent, *others):
            yield account, accounts[account]

    def forget(self) -> None:
        """
        Look everything up again, because something was changed.
        """
        self._known.clear()
        self._opened.clear()
        self._all = None

    async def _read(self, account: ChatwootId | None) -> ChatwootAccess:
        try:
            stored = await chatwoot_account(self.store, account)
        except InvalidValueError:
            return ChatwootAccess()
        return await self._access(stored)

    async def _access(self, stored: ChatwootAccount) -> ChatwootAccess:
        place, settings = place_of(stored.account), stored.settings

        async def opened(*refs: CredentialRef) -> tuple[SecretText, ...]:
            marks = [(ref, stored.sealed[ref.value]) for ref in refs if ref.value in stored.sealed]
            return tuple([await self._open(place, ref, mark) for ref, mark in marks])

        token = () if settings.api_token is None else await opened(settings.api_token)
        return ChatwootAccess(
            settings.base_url,
            next(iter(token), None),
            await opened(*settings.webhook_secrets),
            await opened(*settings.webhook_tokens),
        )

    async def _open(
        self, place: TenantDomain, ref: CredentialRef, mark: Fingerprint
    ) -> SecretText:
        known = self._opened.get(mark)
        if known is None:
            known = await unsealed(self.secrets, self.vault, SealContext(place, ref), mark)
            self._opened[mark] = known
        return known


async def stored_accounts(store: ConfigStore) -> list[ChatwootId]:
    """
    The accounts of which something is stored.
    """
    documents = await store.documents(HUB)
    found = {account_at(revision.key.domain) for revision in documents}
    return sorted(account for account in found if account is not None)
