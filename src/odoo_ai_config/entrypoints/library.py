"""
The hub inside another program: the same use cases, without HTTP.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from attrs import field, frozen

from odoo_ai_config.application.channels.simulation import Simulation
from odoo_ai_config.application.collections import CollectionReading
from odoo_ai_config.application.documents.writing import DocumentWrite
from odoo_ai_config.application.messages.intake import Receipt
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.ports.crew_registry import CrewFunction
from odoo_ai_config.application.reconciliation import Reconciliation
from odoo_ai_config.domain.access import ALL_SCOPES, ApiKey
from odoo_ai_config.domain.channels.mapping import (
    DEFAULT_SEQUENCE,
    ChannelKey,
    ChannelMapping,
    SpecialNumber,
)
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route
from odoo_ai_config.domain.collections import (
    CollectionKey,
    CollectionName,
    CollectionSync,
    Item,
    item_id,
)
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import said
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.documents.syncs import CredentialsSync, OdooConnection
from odoo_ai_config.domain.errors import InvalidValueError
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
from odoo_ai_config.domain.json_types import JsonObject, ReadOnlyJsonObject
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Stage
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.domain.reconciliation import ExpectedArea
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.delivery_worker import Capacity, capacity_of, delivering
from odoo_ai_config.entrypoints.settings import Settings, read_settings
from odoo_ai_config.entrypoints.startup import opened
from odoo_ai_config.entrypoints.wiring import Services

IN_PROCESS: Final = ApiKey(
    "library", "library", b"", ALL_SCOPES, None, created_at=datetime(1970, 1, 1, tzinfo=UTC)
)


@frozen
class CollectionHandle:
    """
    One collection of a tenant; made by `Hub.collection`.
    """

    services: Services
    caller: ApiKey
    key: CollectionKey

    async def replace(self, items: Mapping[str, ReadOnlyJsonObject]) -> Outcome:
        """
        Make the collection what *items*, by the ids of their source, say.

        Raises:
            InvalidValueError: An id is none, or an item is too large.
            StoreUnavailableError: The store is away.
        """
        return await self._push(CollectionSync(_items(items), whole=True))

    async def amend(
        self, items: Mapping[str, ReadOnlyJsonObject], *, removed: Sequence[str] = ()
    ) -> Outcome:
        """
        Put *items* in, take *removed* out, and leave the others alone.

        Raises:
            InvalidValueError: An id is none, or comes twice, or an item is too large.
            StoreUnavailableError: The store is away.
        """
        return await self._push(CollectionSync(_items(items), tuple(map(item_id, removed))))

    async def read(self, since: str | None = None, *, limit: int = 1000) -> CollectionReading:
        """
        At most *limit* changes after the cursor *since*; all items from the first without it.

        The reading's `cursor` is where the next one starts, at once unless its page is
        `complete`.

        Raises:
            CollectionNotFoundError: Nothing was ever pushed into it.
            CursorExpiredError: Read from the beginning, in the place of what is there.
            StoreUnavailableError: The store is away.
        """
        return await self.services.read_collection(
            self.key, caller=self.caller, since=since, limit=limit
        )

    async def item(self, id_: str) -> JsonObject:
        """
        The data of one item.

        Raises:
            CollectionNotFoundError, ItemNotFoundError: It is not there.
            StoreUnavailableError: The store is away.
        """
        item = await self.services.read_collection.item(self.key, item_id(id_), caller=self.caller)
        return item.body

    async def _push(self, sync: CollectionSync) -> Outcome:
        return await self.services.sync_collection(self.key, sync, caller=self.caller)


def _items(bodies: Mapping[str, ReadOnlyJsonObject]) -> tuple[Item, ...]:
    return tuple(Item.of(id_, body) for id_, body in bodies.items())


@frozen
class Hub:
    """
    What a program can ask of the hub; made by `open_hub`.

    Arguments are plain text and are checked as those of HTTP requests are. *services* has
    the use cases themselves, for whatever is not here.
    """

    services: Services
    caller: ApiKey = IN_PROCESS
    capacity: Capacity = field(factory=Capacity)

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
            EncryptedValueError: The password is one that the replaced server encrypted.
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

    async def simulate_mapping(
        self, mapping: ChannelMapping, *, messages: Sequence[IncomingMessage] = ()
    ) -> Simulation:
        """
        What giving a channel to a tenant would change, and where *messages* would go.

        Nothing is written.

        Raises:
            StoreUnavailableError: The store is away.
        """
        return await self.services.simulate_mapping(mapping, caller=self.caller, messages=messages)

    async def reconcile(self, *known: ExpectedArea) -> Reconciliation:
        """
        How the hub stands to what a source believes to be current, an area at a time.

        Raises:
            StoreUnavailableError: The store is away.
        """
        return await self.services.reconcile(known, caller=self.caller)

    async def config(self, tenant: str, domain: str = "default") -> JsonObject:
        """
        The tenant's settings, with references in place of secrets.

        Raises:
            DocumentNotFoundError, DocumentDeletedError: There are none.
            StoreUnavailableError: The store is away.
        """
        document = (await self.document(tenant, domain, CONFIG.value)).document
        return await run_off_loop(lambda: document.body, cost=cost_of(document))

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
        Replace a document by YAML text, in which references take the place of secrets.

        *expected* is the version that the caller saw, 0 for none, None for whatever it is.

        Raises:
            InvalidYamlError: It is not YAML.
            EncryptedValueError: A secret in it is one that the replaced server encrypted.
            PreconditionFailedError: The document is not at the *expected* version.
            StoreUnavailableError: The store is away.
        """
        write = DocumentWrite(_document(tenant, domain, kind), self.caller, expected)
        return (await self.services.publish_document(write, text=yaml)).outcome

    async def roll_back(self, tenant: str, domain: str, kind: str, version: int) -> Outcome:
        """
        Bring an old version back, as a new one.

        Raises:
            DocumentNotFoundError, RevisionNotFoundError: It is not there.
            StoreUnavailableError: The store is away.
        """
        write = DocumentWrite(_document(tenant, domain, kind), self.caller)
        return (await self.services.roll_back_document(write, version=version)).outcome

    def collection(self, tenant: str, name: str) -> CollectionHandle:
        """
        The collection *name* of *tenant*, whether or not it is there or enabled.

        Raises:
            InvalidValueError: An argument does not have its form.
        """
        key = CollectionKey(TenantId(tenant), CollectionName.from_text(name))
        return CollectionHandle(self.services, self.caller, key)

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

    def crew(self, name: str) -> Callable[[CrewFunction], CrewFunction]:
        """
        Let the function below answer for the crews of the kind ``in_process`` called *name*.

        It is given a `CrewTask`, and returns the answer's text, `DEFERRED`, or None for no answer.
        """

        def register(function: CrewFunction) -> CrewFunction:
            self.services.ports.crews.register(name, function)
            return function

        return register

    @asynccontextmanager
    async def deliveries(self) -> AsyncIterator[None]:
        """
        Bring received messages to their crews, and answers to Chatwoot, inside the context.

        Several programs and servers over one store may do so; each message is taken by one.
        """
        async with delivering(self.services, self.capacity):
            yield

    async def receive(self, payload: JsonObject, *, delivery: str | None = None) -> Receipt:
        """
        Take in an event of Chatwoot, as its webhook does.

        *delivery* is Chatwoot's own id of it, by which it is recognised when it comes again.

        Raises:
            StoreUnavailableError: The store is away.
        """
        event = read_event(payload, delivery=delivery)
        text = SecretText(json.dumps(payload))
        return await self.services.receive_message(event, text, caller=self.caller)

    async def messages(
        self,
        stage: str | None = None,
        *,
        tenant: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[InboxMessage]:
        """
        Received messages, newest first: all, or those at *stage*, of *tenant*, behind *after*.

        Raises:
            InvalidValueError: An argument does not have its form.
            StoreUnavailableError: The store is away.
        """
        return await self.services.list_messages(
            caller=self.caller,
            stages=frozenset(Stage) if stage is None else {_stage(stage)},
            tenant=None if tenant is None else TenantId(tenant),
            after=None if after is None else MessageId(after),
            limit=limit,
        )

    async def answer(
        self, message_id: str, text: str | None, *, private: bool = False
    ) -> InboxMessage:
        """
        Give the answer of a crew that said `DEFERRED`; None if it has none after all.

        A *private* one is a note in Chatwoot, which the customer does not see.

        Raises:
            MessageNotFoundError: There is no such message.
            WrongStageError: It has another answer already, or expects none.
            StoreUnavailableError: The store is away.
        """
        return await self.services.answer_message(
            MessageId(message_id), said(text, private=private), caller=self.caller
        )

    async def replay(self, message_id: str) -> InboxMessage:
        """
        Send a stuck message on its way again, by the mapping as it is now.

        Raises:
            MessageNotFoundError: There is no such message.
            WrongStageError: It is not stuck, or was sent on its way too often.
            StoreUnavailableError: The store is away.
        """
        return await self.services.replay_messages(MessageId(message_id), caller=self.caller)


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
        yield Hub(services, capacity=capacity_of(settings))


def _stage(name: str) -> Stage:
    try:
        return Stage(name)
    except ValueError:
        raise InvalidValueError("stage", "stage") from None


def _owner(tenant: str, domain: str) -> TenantDomain:
    return TenantDomain(TenantId(tenant), BusinessDomain.from_text(domain))


def _document(tenant: str, domain: str, kind: str) -> DocumentKey:
    return _owner(tenant, domain).document(DocumentKind(kind))
