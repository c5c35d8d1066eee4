"""
What every start does: of a server, the library or the command line.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from attrs import frozen

from odoo_ai_config.application.chatwoot.accounts import documents_of, stored_accounts
from odoo_ai_config.application.errors import (
    ApplicationError,
    MasterKeyMissingError,
    StoreUnusableError,
)
from odoo_ai_config.application.keys import NotedRevocations
from odoo_ai_config.domain.access import ALL_SCOPES, ApiKey
from odoo_ai_config.domain.chatwoot import ChatwootChange
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.container import Container, Stores
from odoo_ai_config.entrypoints.private_files import write_private
from odoo_ai_config.entrypoints.settings import Settings
from odoo_ai_config.entrypoints.wiring import Services

_TOKEN_BYTES: Final = 24

_log = structlog.get_logger(area="config")


def trusted(name: str) -> ApiKey:
    """
    The key of a local caller, who can read the store's file and the key ring anyway.
    """
    return ApiKey(name, name, b"", ALL_SCOPES, None, created_at=datetime(1970, 1, 1, tzinfo=UTC))


_STARTUP: Final = trusted("startup")


@frozen
class FirstSecrets:
    """
    The secrets that a start created, to show once; None for those that existed or are set.

    Args:
        revocations: The revoked keys that a start with a backup found. Only the operator can tell
            whether these are all.
    """

    api_key: SecretText | None = None
    webhook_token: SecretText | None = None
    revocations: NotedRevocations | None = None


@asynccontextmanager
async def opened(container: Container) -> AsyncIterator[Services]:
    """
    Open the store and the key ring, and check both. Close all connections at the end.

    Raises:
        StoreUnusableError: The store cannot give the hub's guarantees.
        InvalidKeyRingError: The key ring cannot be used.
        MasterKeyMissingError: The key ring is not the one that the store was written with.
    """
    async with opened_stores(container) as stores:
        await stores.ensure_ready()
        services = container.services()
        try:
            await services.check_key_ring(make=container.make() and not container.read_only())
        except MasterKeyMissingError as error:
            raise error.sought_in(container.key_ring().place) from None
        try:
            yield services
        finally:
            await container.http_sessions().close()


@asynccontextmanager
async def opened_stores(container: Container) -> AsyncIterator[Stores]:
    """
    Open the store without a look at it, and close it at the end.

    Raises:
        StoreUnusableError: There is nothing that could be opened.
    """
    try:
        container.init_resources()
        stores = container.stores()
        try:
            yield stores
        finally:
            if stores.close is not None:
                await stores.close()
    finally:
        container.shutdown_resources()


async def set_up(
    services: Services, settings: Settings, *, restored: bool = False
) -> FirstSecrets:
    """
    Prepare what the first request needs.

    Revoked keys stay revoked in a restored store. The operator of a new hub and Chatwoot get their
    first secrets.

    Args:
        services: The hub.
        settings: The hub's settings.
        restored: Whether the store is a backup, whose messages a person has to look at.
    """
    revocations = await settle_revocations(services, restored=restored)
    first = FirstSecrets(
        await ensure_first_key(services, settings),
        await ensure_webhook_token(services, settings),
        revocations,
    )
    # A command that only reads shows what the start did. If not now, the server does it.
    with suppress(ApplicationError):
        await services.link_audit_trail()
    return first


async def settle_revocations(services: Services, *, restored: bool) -> NotedRevocations | None:
    """
    Let revoked keys stay revoked and erased tenants erased, and note those that are.

    The messages of a *restored* store are held.

    Returns:
        The revoked keys that were known before, if the store is restored.
    """
    for tenant in await services.erase_tenant.again(caller=_STARTUP, restored=restored):
        _log.warning("tenant_erased_again", tenant=tenant.value)
    for key in await services.revoke_api_key.again(caller=_STARTUP):
        _log.warning("key_revoked_again", key=key.id)
    for address in await services.revoke_address.again(caller=_STARTUP):
        _log.warning("address_revoked_again", address=address.id)
    revocations = await services.revoke_api_key.noted_so_far() if restored else None
    try:
        await services.revoke_api_key.note_all()
        await services.erase_tenant.note_all()
    except StoreUnusableError as error:
        _log.warning("revocations_not_noted", advice=error.advice)
    if revocations is not None:
        held = await services.hold_messages(actor=_STARTUP.id)
        _log.warning("store_restored", messages_held=held, revoked_keys=len(revocations.ids))
        if revocations.doubtful or not revocations.ids:
            _log.warning(
                "revocations_doubtful",
                known=len(revocations.ids),
                missing=len(revocations.missing),
                torn=revocations.torn,
            )
    return revocations


async def ensure_webhook_token(services: Services, settings: Settings) -> SecretText | None:
    """
    Create a webhook token for Chatwoot, unless another way to authenticate it is set.

    Returns:
        The token, to show once. The data folder's file ``chatwoot-token`` also has it. None if
        the hub needs none.
    """
    needless = (
        App.CHATWOOT not in settings.apps
        or settings.chatwoot_tokens
        or settings.chatwoot_secrets
        or await services.ports.store.current(documents_of(None))
        or await stored_accounts(services.ports.store)
    )
    if needless:
        return None
    token = SecretText(secrets.token_urlsafe(_TOKEN_BYTES))
    # The file comes first: if the process is killed in between, the token opens nothing.
    _write_down(settings.webhook_token_path, token)
    change = ChatwootChange(webhook_tokens=(token,))
    await services.set_chatwoot_account(None, change, caller=_STARTUP)
    return token


async def ensure_first_key(services: Services, settings: Settings) -> SecretText | None:
    """
    Create a key with every scope for the operator of a new hub, unless there is a key.

    Returns:
        The key, to show once. The data folder's file ``api-key`` also has it. None if a key is
        set or exists.
    """
    if settings.api_key is not None or await services.ports.api_keys.api_keys():
        return None
    _key, text = await services.create_api_key(
        name="first",
        scopes=ALL_SCOPES,
        caller=_STARTUP,
        hand_over=partial(_write_down, settings.api_key_path),
    )
    return text


def _write_down(path: Path, text: SecretText) -> None:
    write_private(path.parent, Path(path.name), f"{text.reveal()}\n")
