"""
The hub's Chatwoot accounts, with their secrets opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import define, field, frozen

from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.chatwoot import (
    INSTALLATION,
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
from odoo_ai_config.domain.documents.credentials import fingerprints_in
from odoo_ai_config.domain.documents.revisions import Revision, content_of
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    HUB,
    BusinessArea,
    ChatwootId,
    CredentialRef,
    DocumentKey,
    TenantArea,
)

# Seconds for which other processes may still use what was changed or removed.
_STALE_SECONDS: Final = 2.0
_MOST_KNOWN: Final = 1024


@frozen
class ChatwootAccount:
    """
    The settings of one account, or of all, with their secrets still sealed.

    Args:
        account: None for the settings of every account.
        sealed: Fingerprints by reference.
    """

    account: ChatwootId | None
    settings: ChatwootSettings
    sealed: Mapping[str, Fingerprint]


@frozen
class ChatwootDirectory:
    """
    All accounts that have settings of their own.
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
        The account whose webhook address ends in *token*.

        It is looked up by its digest. So the time depends neither on the number of accounts nor
        on how much of a guessed token is right.
        """
        return self._owners.get(digest_of(token))


async def chatwoot_account(store: ConfigStore, account: ChatwootId | None) -> ChatwootAccount:
    """
    The stored settings of *account*, empty if there are none.

    Raises:
        InvalidValueError: The id of *account* is not valid.
    """
    return account_in(await store.current(documents_of(account)), account)


def documents_of(account: ChatwootId | None) -> tuple[DocumentKey, DocumentKey]:
    """
    The documents with the settings of *account* and with its sealed values.

    Raises:
        InvalidValueError: The id of *account* is not valid.
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
    The settings of one account, and the revisions that they come from.
    """

    account: ChatwootId
    stamp: tuple[object, ...]
    access: ChatwootAccess


@define
class ChatwootAccounts:
    """
    Opens the settings of accounts, and caches them for two seconds.

    Every message needs them, and they hardly ever change.

    Args:
        fallback: The operator's settings for every account; stored settings come first.
    """

    store: ConfigStore
    sealer: Sealer
    clock: Clock
    fallback: ChatwootAccess = field(factory=ChatwootAccess)
    _known: dict[ChatwootId | None, tuple[float, ChatwootAccess]] = field(
        factory=dict, init=False, repr=False
    )
    _opened: dict[Fingerprint, SecretText] = field(factory=dict, init=False, repr=False)
    _all: tuple[float, ChatwootDirectory] | None = field(default=None, init=False, repr=False)
    _own: dict[BusinessArea, _Own] = field(factory=dict, init=False, repr=False)
    _bots: dict[ChatwootId, tuple[float, bool]] = field(factory=dict, init=False, repr=False)
    _reading_all: asyncio.Lock = field(factory=asyncio.Lock, init=False, repr=False)
    # An ordered set: only keys matter; the account heard of last comes last.
    _heard: dict[ChatwootId, None] = field(factory=dict, init=False, repr=False)

    async def access_to(self, account: ChatwootId | None) -> ChatwootAccess:
        """
        The settings of *account*; missing ones come from the settings for every account.

        None asks for the settings of every account.
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
            # Anybody may ask for any number of accounts that do not exist: keep no entry for them.
            self._known.clear()
        self._known[account] = now + _STALE_SECONDS, access
        return access

    async def has_bot(self, account: ChatwootId) -> bool:
        """
        Whether Chatwoot uses a bot for the hub in *account*.

        It opens no secret: a message must come in even if the hub could not answer it now.
        """
        now = self.clock.monotonic()
        known = self._bots.get(account)
        if known is None or now >= known[0]:
            places = [place.document(CONFIG) for place in _places_of(account)]
            current = await self.store.current(places)
            found = (content_of(current.get(place)) for place in places)
            said = (ChatwootSettings.read(one.body).agent_bot for one in found if one is not None)
            known = now + _STALE_SECONDS, next((bot for bot in said if bot is not None), False)
            if len(self._bots) >= _MOST_KNOWN:
                self._bots.clear()
            self._bots[account] = known
        return known[1]

    async def directory(self) -> ChatwootDirectory:
        """
        Every account that has settings, read together at most every two seconds.
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

    async def _read_all(self) -> dict[BusinessArea, _Own]:
        places: dict[BusinessArea, list[Revision]] = {}
        for revision in await self.store.documents(HUB):
            places.setdefault(revision.key.domain, []).append(revision)
        found: dict[BusinessArea, _Own] = {}
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
                # Hundreds of new ones at once must not delay everybody else.
                await asyncio.sleep(0)
            found[place] = known
        return found

    def heard_of(self, account: ChatwootId) -> None:
        """
        Note that *account* has just sent an authentic event.
        """
        # The same account often comes twice in a row; then the ids are the same object.
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
        Empty the cache because something was changed.
        """
        self._known.clear()
        self._bots.clear()
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

    async def _open(self, place: TenantArea, ref: CredentialRef, mark: Fingerprint) -> SecretText:
        known = self._opened.get(mark)
        if known is None:
            known = await self.sealer.opened(SealContext(place, ref), mark)
            self._opened[mark] = known
        return known


def _places_of(account: ChatwootId) -> list[TenantArea]:
    """
    Where settings of *account* are: its own, and those of every account.
    """
    try:
        return [place_of(account), INSTALLATION]
    except InvalidValueError:
        return [INSTALLATION]


async def stored_accounts(store: ConfigStore) -> list[ChatwootId]:
    """
    The accounts of which something is stored.
    """
    documents = await store.documents(HUB)
    found = {account_at(revision.key.domain) for revision in documents}
    return sorted(account for account in found if account is not None)
