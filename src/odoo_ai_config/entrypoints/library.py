"""
The hub inside another program: the same use cases, without HTTP.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from odoo_ai_config.application.document_writes import DocumentWrite
from odoo_ai_config.domain.access import ALL_SCOPES, ApiKey
from odoo_ai_config.domain.credentials import SecretText
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    BusinessDomain,
    ChatwootId,
    CredentialRef,
    DocumentKey,
    DocumentKind,
    TenantDomain,
    TenantId,
)
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.mapping import (
    DEFAULT_SEQUENCE,
    ChannelKey,
    ChannelMapping,
    SpecialNumber,
)
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.domain.phone import PhoneNumber
from odoo_ai_config.domain.routing import IncomingMessage, Route
from odoo_ai_config.domain.tenant import CredentialsSync, OdooConnection
from odoo_ai_config.domain.versioning import Revision
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.services import Services
from odoo_ai_config.entrypoints.settings import Settings, read_settings
from odoo_ai_config.entrypoints.startup import opened

IN_PROCESS: Final = ApiKey(
    "library", "library", b"", ALL_SCOPES, None, created_at=datetime(1970, 1, 1, tzinfo=UTC)
)


@frozen
class Hub:
    """
    What a program can ask of the hub; made by `open_hub`.

    Arguments are plain text and are checked as those of HTTP requests are. *services* has
    the use cases themselves, for whatever is not here.
    """

    services: Services
    caller: ApiKey = IN_PROCESS

    async def sync_credentials(  # noqa: PLR0913 - the event has these fields
        self,
        *,
        account_id: str,
        token: str,
        domain: str = "default",
        name: str | None = None,
        description: str | None = None,
        odoo_url: str | None = None,
        odoo_db: str | None = None,
        odoo_username: str | None = None,
        odoo_password: str | None = None,
        enabled_collections: Sequence[str] | None = None,
    ) -> Outcome:
        """
        Take in a tenant's settings and seal its password, as Odoo's ``credentials_sync`` does.

        What is None stays as it is stored.

        Raises:
            InvalidValueError: An argument does not have its form.
            StoreUnavailableError: The store is away.
        """
        sync = CredentialsSync(
            _owner(account_id, domain),
            CredentialRef(token),
            name=name,
            description=description,
            odoo=OdooConnection(odoo_url, odoo_db, odoo_username),
            password=SecretText(odoo_password) if odoo_password else None,
            enabled_collections=(
                None if enabled_collections is None else tuple(enabled_collections)
            ),
        )
        return await self.services.sync_credentials(sync, caller=self.caller)

    async def sync_mapping(
        self,
        *,
        chatwoot_account_id: str,
        tenant: str,
        domain: str = "default",
        chatwoot_inbox_id: str | None = None,
        is_fallback: bool = False,
        sequence: int = DEFAULT_SEQUENCE,
        special_whatsapp_numbers: Mapping[str, str] | None = None,
        active: bool = True,
    ) -> Outcome:
        """
        Give a Chatwoot channel to a tenant, as Odoo's ``mapping_sync`` does.

        Without an inbox, every inbox of the account is meant. *special_whatsapp_numbers* are
        crews by number.

        Raises:
            InvalidValueError: An argument does not have its form.
            StoreUnavailableError: The store is away.
        """
        inbox = None if chatwoot_inbox_id is None else ChatwootId(chatwoot_inbox_id)
        mapping = ChannelMapping(
            ChannelKey(ChatwootId(chatwoot_account_id), inbox),
            _owner(tenant, domain),
            sequence=sequence,
            fallback=is_fallback,
            numbers=tuple(
                SpecialNumber(PhoneNumber.from_text(number), crew)
                for number, crew in (special_whatsapp_numbers or {}).items()
            ),
            active=active,
        )
        return await self.services.sync_mapping(mapping, caller=self.caller)

    async def config(self, tenant: str, domain: str = "default") -> JsonObject:
        """
        The tenant's settings, with references in place of secrets.

        Raises:
            DocumentNotFoundError, DocumentDeletedError: There are none.
            StoreUnavailableError: The store is away.
        """
        return (await self.document(tenant, domain, CONFIG.value)).document.body

    async def document(
        self, tenant: str, domain: str, kind: str, *, version: int | None = None
    ) -> Revision:
        """
        A document as it is, or as it was at *version*.

        Raises:
            DocumentNotFoundError, DocumentDeletedError, RevisionNotFoundError: It is not there.
            StoreUnavailableError: The store is away.
        """
        key = _document(tenant, domain, kind)
        return await self.services.read_document(key, caller=self.caller, version=version)

    async def publish(
        self, tenant: str, domain: str, kind: str, yaml: str, *, expected: int | None = None
    ) -> Outcome:
        """
        Replace a document by YAML text.

        *expected* is the version that the caller saw, 0 for none, None for whatever it is.

        Raises:
            InvalidYamlError: It is not YAML.
            PreconditionFailedError: The document is not at the *expected* version.
            StoreUnavailableError: The store is away.
        """
        write = DocumentWrite(_document(tenant, domain, kind), self.caller, expected)
        return await self.services.publish_document(write, text=yaml)

    async def roll_back(self, tenant: str, domain: str, kind: str, version: int) -> Outcome:
        """
        Bring an old version back, as a new one.

        Raises:
            DocumentNotFoundError, RevisionNotFoundError: It is not there.
            StoreUnavailableError: The store is away.
        """
        write = DocumentWrite(_document(tenant, domain, kind), self.caller)
        return await self.services.roll_back_document(write, version=version)

    async def credential(self, tenant: str, domain: str, ref: str) -> SecretText:
        """
        A sealed value, opened; the audit trail says who asked.

        Raises:
            CredentialNotFoundError: Nothing is sealed under *ref*.
            StoreUnavailableError: The store is away.
        """
        return await self.services.reveal_credential(
            _owner(tenant, domain), CredentialRef(ref), caller=self.caller
        )

    async def route(
        self,
        account_id: str,
        inbox_id: str | None = None,
        number: str | None = None,
        *,
        explain: bool = False,
    ) -> Route:
        """
        Where a Chatwoot message goes.

        Raises:
            InvalidValueError: An id is not one of Chatwoot's.
            StoreUnavailableError: The store is away.
        """
        inbox = None if inbox_id is None else ChatwootId(inbox_id)
        message = IncomingMessage(ChatwootId(account_id), inbox, number)
        return await self.services.resolve_route(message, caller=self.caller, explain=explain)


@asynccontextmanager
async def open_hub(store: str | Settings | None = None) -> AsyncIterator[Hub]:
    """
    Open the hub on a store: a URL as ``ODOO_AI_CONFIG_STORE_URL`` takes it, or all settings.

    Without an argument, the settings are read as the server reads them. Use it on one event
    loop, and only inside the context.

    Raises:
        SettingsError: A setting cannot be used.
        StoreUnavailableError: The store is away.
        StoreUnusableError: The store cannot keep the hub's promises.
        InvalidKeyRingError, MasterKeyMissingError: The key ring is not usable for this store.
    """
    if isinstance(store, Settings):
        settings = store
    else:
        settings = read_settings(flags={} if store is None else {"store_url": store})
    async with opened(Container(settings=settings)) as services:
        yield Hub(services)


def _owner(tenant: str, domain: str) -> TenantDomain:
    return TenantDomain(TenantId(tenant), BusinessDomain.from_text(domain))


def _document(tenant: str, domain: str, kind: str) -> DocumentKey:
    return _owner(tenant, domain).document(DocumentKind(kind))
