"""
The hub inside another program: the same use cases, without HTTP, or over HTTP like in process.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, overload

from attrs import evolve, field, frozen

from odoo_ai_config.application.channels.history import MappingChanges
from odoo_ai_config.application.channels.simulation import Simulation
from odoo_ai_config.application.conversations.pausing import PauseState
from odoo_ai_config.application.conversations.reading import Explanation
from odoo_ai_config.application.documents.writing import DocumentWrite
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.application.messages.persons import PersonPage, Presence
from odoo_ai_config.application.moving import AreaPlan
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.ports.crew_registry import CrewFunction
from odoo_ai_config.application.reconciliation import Reconciliation
from odoo_ai_config.client import open_hub as open_remote_hub
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.addresses import Address, Feed, RecordKind
from odoo_ai_config.domain.audit import LinkedEntry
from odoo_ai_config.domain.channels.history import HistoryPlace, MappingChange
from odoo_ai_config.domain.channels.mapping import (
    DEFAULT_SEQUENCE,
    ChannelKey,
    ChannelMapping,
    SpecialNumber,
)
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route
from odoo_ai_config.domain.collections import (
    CollectionChanges,
    CollectionKey,
    CollectionName,
    CollectionSync,
    Item,
    item_id,
)
from odoo_ai_config.domain.conversations.pauses import inbox_named
from odoo_ai_config.domain.conversations.state import Conversation, ConversationKey
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.documents.syncs import CredentialsSync, OdooConnection
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.feed import EVERYTHING, Change, FeedKind, Interest
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    BusinessArea,
    ChatwootId,
    CredentialRef,
    DocumentKey,
    DocumentKind,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.json_types import JsonObject, ReadOnlyJsonObject
from odoo_ai_config.domain.messages.answers import Answer, said
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Receipt, Stage
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.domain.reconciliation import ExpectedArea
from odoo_ai_config.domain.retention import Retention
from odoo_ai_config.domain.tenants import Certificate, TenantContents
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.delivery_worker import Capacity, capacity_of, delivering
from odoo_ai_config.entrypoints.settings import Settings, read_settings
from odoo_ai_config.entrypoints.startup import opened, trusted
from odoo_ai_config.entrypoints.wiring import Services

if TYPE_CHECKING:
    from odoo_ai_config.client.remote_hub import RemoteHub

IN_PROCESS: Final = trusted("library")
# How long one wait for changes takes at most, in seconds; then comes the next.
_WAIT: Final = 3600.0


@frozen(eq=False)
class CollectionHandle:
    """
    One collection of a tenant; made by `Hub.collection`.

    Malformed arguments and an unavailable store raise the same errors as in `Hub`.
    """

    services: Services
    caller: ApiKey
    key: CollectionKey

    async def replace(self, items: Mapping[str, ReadOnlyJsonObject]) -> Outcome:
        """
        Replace the whole collection with *items*, which are keyed by the ids of the source.
        """
        return await self._push(CollectionSync(_items(items), whole=True))

    async def amend(
        self, items: Mapping[str, ReadOnlyJsonObject], *, removed: Sequence[str] = ()
    ) -> Outcome:
        """
        Add or change *items*, remove *removed*, and leave the others as they are.
        """
        return await self._push(CollectionSync(_items(items), tuple(map(item_id, removed))))

    async def read(self, since: str | None = None, *, limit: int = 1000) -> CollectionChanges:
        """
        At most *limit* changes after the cursor *since*; without it, the items from the first.

        Continue from the `cursor` of the result: at once if it is not `complete`.

        Raises:
            CollectionNotFoundError: The collection was never pushed.
            CursorExpiredError: Read from the beginning, and replace what you have.
        """
        reading = await self.services.read_collection(
            self.key, caller=self.caller, since=since, limit=limit
        )
        head, page = reading.head, reading.page
        return CollectionChanges(
            head.key,
            head.version,
            head.size,
            head.updated_at,
            () if page is None else page.states,
            complete=page is None or page.complete,
            cursor=reading.cursor,
        )

    async def item(self, id_: str) -> JsonObject:
        """
        The data of one item.

        Raises:
            CollectionNotFoundError, ItemNotFoundError: There is no such item.
        """
        item = await self.services.read_collection.item(self.key, item_id(id_), caller=self.caller)
        return item.body

    async def _push(self, sync: CollectionSync) -> Outcome:
        return await self.services.sync_collection(self.key, sync, caller=self.caller)


def _items(bodies: Mapping[str, ReadOnlyJsonObject]) -> tuple[Item, ...]:
    return tuple(Item.of(id_, body) for id_, body in bodies.items())


@frozen(eq=False)
class Hub:
    """
    The hub for a program; made by `open_hub`.

    Arguments are plain text and are checked like those of HTTP requests. *services* has all use
    cases, also those without a method here.

    Raises:
        InvalidValueError: An argument is malformed. Every method may raise it.
        StoreUnavailableError: The store is unavailable. Every coroutine may raise it.
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
        clear: Sequence[str] = (),
        event_at: datetime | None = None,
    ) -> Outcome:
        """
        Store a tenant's settings and seal its password, as Odoo's ``credentials_sync`` does.

        Arguments that are None do not change what is stored. *clear* names those to clear.
        *event_at* is when they were so: an older event than the stored one changes nothing.

        Raises:
            EncryptedValueError: The old server encrypted the password, and no key opens it.
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
            clear=tuple(clear),
        )
        return await self.services.sync_credentials(sync, caller=self.caller, event_at=event_at)

    async def sync_mapping(  # noqa: PLR0913 - the event has these fields
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
        event_at: datetime | None = None,
    ) -> Outcome:
        """
        Give a Chatwoot channel to a tenant, as Odoo's ``mapping_sync`` does.

        Without an inbox, the mapping is for the whole account. *special_whatsapp_numbers* are
        crews by number. *event_at* is as for `sync_credentials`.
        """
        inbox = None if chatwoot_inbox_id is None else ChatwootId(chatwoot_inbox_id)
        mapping = ChannelMapping(
            ChannelKey(ChatwootId(chatwoot_account_id), inbox),
            _owner(tenant, domain),
            sequence=sequence,
            fallback=is_fallback,
            numbers=tuple(
                SpecialNumber(self.services.numbers.read(number), crew)
                for number, crew in (special_whatsapp_numbers or {}).items()
            ),
            active=active,
        )
        return await self.services.sync_mapping(mapping, caller=self.caller, event_at=event_at)

    async def simulate_mapping(
        self, mapping: ChannelMapping, *, messages: Sequence[IncomingMessage] = ()
    ) -> Simulation:
        """
        What *mapping* would change, and where *messages* would go; nothing is written.
        """
        return await self.services.simulate_mapping(mapping, caller=self.caller, messages=messages)

    async def mapping_history(
        self,
        channel: str | None = None,
        *,
        tenant: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[MappingChange]:
        """
        The changes of channels, newest first: who, when, from what to what.

        Those of *channel* (``channel/1/7``; ``*`` is any), or of channels that *tenant* had
        before or after. Continue from the text of the last one's `place`.
        """
        return await self.services.read_mapping_history(
            caller=self.caller,
            key=None if channel is None else ChannelKey.from_text(channel),
            tenant=None if tenant is None else TenantId(tenant),
            after=None if after is None else HistoryPlace.from_text(after),
            limit=limit,
        )

    async def compare_mapping(
        self, before: datetime, after: datetime | None = None
    ) -> MappingChanges:
        """
        The channels that differ between two moments, or between one and now.

        The moments have time zones.

        Raises:
            HistoryPrunedError: A version that one of the moments needs is pruned.
        """
        return await self.services.compare_mapping(before, after, caller=self.caller)

    async def roll_back_mapping(
        self,
        to: datetime | int,
        *,
        channel: str | None = None,
        expected: int | None = None,
        dry_run: bool = False,
    ) -> MappingChanges:
        """
        Write the mapping of an earlier moment again, or of one *channel* at a moment or a version.

        *expected* is the version that the channel or the mapping is at; None for any. With
        *dry_run* nothing is written.

        Raises:
            MappingNotFoundError, RevisionNotFoundError: There is no such channel or version.
            HistoryPrunedError: A version that the moment needs is pruned.
            PreconditionFailedError: It is not at the *expected* version.
        """
        return await self.services.roll_back_mapping(
            to,
            caller=self.caller,
            key=None if channel is None else ChannelKey.from_text(channel),
            expected=None if expected is None else lambda _, version: version == expected,
            dry_run=dry_run,
        )

    async def reconcile(self, *known: ExpectedArea) -> Reconciliation:
        """
        Compare what a source expects with what the hub has, area by area.
        """
        return await self.services.reconcile(known, caller=self.caller)

    async def config(self, tenant: str, domain: str = "default") -> JsonObject:
        """
        The tenant's settings, with references instead of secrets.

        Raises:
            DocumentNotFoundError, DocumentDeletedError: There are no settings.
        """
        document = (await self.document(tenant, domain, CONFIG.value)).document
        return await run_off_loop(lambda: document.body, cost=cost_of(document))

    async def document(
        self, tenant: str, domain: str, kind: str, *, version: int | None = None
    ) -> Revision:
        """
        A document: the current version, or an old one.

        Raises:
            DocumentNotFoundError, DocumentDeletedError, RevisionNotFoundError: There is none.
        """
        key = _document(tenant, domain, kind)
        return await self.services.read_document(key, caller=self.caller, version=version)

    async def publish(
        self, tenant: str, domain: str, kind: str, yaml: str, *, expected: int | None = None
    ) -> Outcome:
        """
        Replace a document with YAML text, which has references instead of secrets.

        A ``credentials`` document keeps values that it leaves out but another document names; the
        outcome's ``notices`` tell which.

        *expected* is the version that the caller saw: 0 for no document, None for any.

        Raises:
            InvalidYamlError: The text is not YAML.
            EncryptedValueError: The old server encrypted a secret in it, and no key opens it.
            PreconditionFailedError: The document is not at the *expected* version.
        """
        write = DocumentWrite(_document(tenant, domain, kind), self.caller, expected)
        return (await self.services.publish_document(write, text=yaml)).outcome

    async def roll_back(self, tenant: str, domain: str, kind: str, version: int) -> Outcome:
        """
        Store the content of an old version again, as a new version.

        Raises:
            DocumentNotFoundError, RevisionNotFoundError: There is no such version.
        """
        write = DocumentWrite(_document(tenant, domain, kind), self.caller)
        return (await self.services.roll_back_document(write, version=version)).outcome

    def collection(self, tenant: str, name: str) -> CollectionHandle:
        """
        The collection *name* of *tenant*, whether or not it exists or is enabled.
        """
        key = CollectionKey(TenantId(tenant), CollectionName.from_text(name))
        return CollectionHandle(self.services, self.caller, key)

    def because(self, reason: str) -> Hub:
        """
        The same hub, which tells the audit trail *reason* with all that is done by it.
        """
        return evolve(self, caller=self._because(reason))

    def _because(self, reason: str | None) -> ApiKey:
        return self.caller if reason is None else self.caller.because(reason)

    async def cursor(self) -> str:
        """
        Where `changes` goes on behind everything that is written now.
        """
        return (await self.services.read_feed(None, caller=self.caller)).cursor

    async def changes(
        self, since: str | None = None, *, tenant: str | None = None, kinds: Collection[str] = ()
    ) -> AsyncIterator[Change]:
        """
        What changes, as it happens, by this program or any other; it never ends.

        It goes on behind *since*, the cursor of a change or of `cursor`; without it, with the next
        change. *kinds* are values of `FeedKind`; without them it tells everything.

        Raises:
            FeedCompactedError: *since* is of another store, or of what a restored one had.
            StoreUnavailableError, StoreUnusableError: The store does not work.
        """
        interest = Interest(
            frozenset(map(FeedKind.from_text, kinds)) or EVERYTHING.kinds,
            None if tenant is None else TenantId(tenant),
        )
        following = self.services.read_feed.following(since, caller=self.caller, interest=interest)
        async with following as follower:
            while True:
                for change in (await follower.page(_WAIT)).changes:
                    yield change

    async def audit(
        self, *, tenant: str | None = None, before: int | None = None, limit: int = 50
    ) -> Sequence[LinkedEntry]:
        """
        Entries of the audit trail, newest first: of *tenant* or of all, below the number *before*.
        """
        of = None if tenant is None else TenantId(tenant)
        return await self.services.read_audit_trail(
            caller=self.caller, tenant=of, before=before, limit=limit
        )

    async def keys(self) -> Sequence[ApiKey]:
        """
        Every API key, revoked and expired ones included, oldest first.
        """
        return await self.services.list_api_keys(caller=self.caller)

    async def create_key(
        self,
        name: str,
        scopes: Collection[str],
        *,
        tenant: str | None = None,
        lifetime: timedelta | None = None,
    ) -> tuple[ApiKey, SecretText]:
        """
        Make an API key, and its text, shown only now. Without *tenant* it reaches all.
        """
        try:
            named = frozenset(map(Scope, scopes))
        except ValueError:
            raise InvalidValueError("scopes", "scope") from None
        return await self.services.create_api_key(
            name=name,
            scopes=named,
            tenant=None if tenant is None else TenantId(tenant),
            lifetime=lifetime,
            caller=self.caller,
        )

    async def rotate_key(
        self, key_id: str, *, overlap: timedelta, lifetime: timedelta | None = None
    ) -> tuple[ApiKey, SecretText]:
        """
        Make the successor of a key; the old one expires after *overlap*.

        Raises:
            ApiKeyNotFoundError: There is no such key, or it is revoked.
        """
        return await self.services.rotate_api_key(
            key_id, overlap=overlap, lifetime=lifetime, caller=self.caller
        )

    async def revoke_key(self, key_id: str) -> ApiKey:
        """
        Revoke an API key, forever.

        Raises:
            ApiKeyNotFoundError: There is no such key.
        """
        return await self.services.revoke_api_key(key_id, caller=self.caller)

    async def create_address(
        self,
        *,
        name: str,
        tenant: str,
        kind: str,
        domain: str = "default",
        collection: str | None = None,
        model: str | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> tuple[Address, SecretText]:
        """
        Make a secret address for an automation rule of Odoo, and its token, shown only now.

        Odoo posts to ``/odoo-webhook/<token>``. *kind* is ``credentials``, ``mapping``,
        ``metadata`` or ``collection``, and *fields* are fields of Odoo by the field that they
        fill.
        """
        feed = Feed(
            _owner(tenant, domain),
            _record_kind(kind),
            None if collection is None else CollectionName.from_text(collection),
            model,
            fields or {},
        )
        return await self.services.create_address(feed, name=name, caller=self.caller)

    async def addresses(
        self, tenant: str | None = None, *, after: str | None = None, limit: int = 100
    ) -> Sequence[Address]:
        """
        Secret addresses by id, following *after*: all, or those of *tenant*.
        """
        of = None if tenant is None else TenantId(tenant)
        return await self.services.list_addresses(
            caller=self.caller, tenant=of, after=after, limit=limit
        )

    async def revoke_address(self, address_id: str) -> Address:
        """
        Revoke a secret address, forever and at once.

        Raises:
            AddressNotFoundError: There is no such address.
            StoreUnusableError: It is revoked, but the list beside the store cannot be written.
        """
        return await self.services.revoke_address(address_id, caller=self.caller)

    async def move_area(
        self,
        tenant: str,
        from_domain: str,
        to_domain: str,
        *,
        reason: str | None = None,
        dry_run: bool = False,
    ) -> AreaPlan:
        """
        Move a business area to another name, with its history, credentials and channels.

        With *dry_run* nothing is changed: the plan says what would be.

        Raises:
            DocumentNotFoundError: The area has no document.
            AreaMovedError: It has moved already.
            AreaInUseError: The other one has documents.
        """
        return await self.services.move_area(
            _owner(tenant, from_domain),
            _owner(tenant, to_domain),
            caller=self._because(reason),
            dry_run=dry_run,
        )

    async def rename_tenant(
        self, tenant: str, *, to: str, reason: str | None = None, dry_run: bool = False
    ) -> TenantContents:
        """
        Give a tenant another id, and return how much of it there is; everything moves there.

        With *dry_run* nothing is changed. Messages that a server has in hand follow by itself.

        Raises:
            TenantNotFoundError: There is nothing of it.
            TenantInUseError: There is something of the other one.
        """
        old, new, rename = TenantId(tenant), TenantId(to), self.services.rename_tenant
        if dry_run:
            return await rename.planned(old, new, caller=self.caller)
        state = await rename(old, new, caller=self._because(reason))
        return state.contents or TenantContents()

    async def suspend_tenant(self, tenant: str, *, reason: str | None = None) -> None:
        """
        Serve nothing of a tenant until `end_suspension`, and take everything in meanwhile.

        Raises:
            TenantNotFoundError: It has no document.
            TenantErasedError: It is erased.
        """
        suspend = self.services.suspend_tenant
        await suspend(TenantId(tenant), caller=self._because(reason))

    async def end_suspension(self, tenant: str, *, reason: str | None = None) -> None:
        """
        Serve a suspended tenant again.

        Raises:
            TenantErasedError: It is erased.
        """
        end = self.services.suspend_tenant.end
        await end(TenantId(tenant), caller=self._because(reason))

    async def tenant_contents(self, tenant: str) -> TenantContents:
        """
        How much an erasure of a tenant would remove, by kind.

        Raises:
            TenantNotFoundError: There is nothing of it.
            TenantErasedError: It is erased.
        """
        return await self.services.erase_tenant.planned(TenantId(tenant), caller=self.caller)

    async def erase_tenant(
        self, tenant: str, *, confirm: str, reason: str | None = None, large: bool = False
    ) -> Certificate:
        """
        Remove everything of a tenant but the audit trail, and return the signed certificate.

        *confirm* is the tenant's id once more. With *large*, a SQLite file of any size is written
        anew, so that it has no trace; nobody can write meanwhile.

        Raises:
            TenantNotFoundError: There is nothing of it.
        """
        await self.services.erase_tenant(
            TenantId(tenant),
            caller=self._because(reason),
            confirmation=confirm,
            large=large,
        )
        return await self.erasure_certificate(tenant)

    async def erasure_certificate(self, tenant: str) -> Certificate:
        """
        The certificate of the last erasure of a tenant.

        Raises:
            CertificateNotFoundError: It is not erased.
        """
        read = self.services.read_standing.certificate
        return await read(TenantId(tenant), caller=self.caller)

    async def reopen_tenant(self, tenant: str, *, reason: str | None = None) -> None:
        """
        Let an erased tenant begin anew.

        Raises:
            TenantErasedError: Its erasure is not finished.
        """
        await self.services.reopen_tenant(TenantId(tenant), caller=self._because(reason))

    async def credential(self, tenant: str, domain: str, ref: str) -> SecretText:
        """
        Open a sealed value; the audit trail records the read.

        Raises:
            CredentialNotFoundError: No value is sealed under *ref*.
        """
        return await self.services.reveal_credential(
            _owner(tenant, domain), CredentialRef(ref), caller=self.caller
        )

    async def delete_credential(self, tenant: str, domain: str, ref: str) -> Outcome:
        """
        Delete a credential with all its values; a rollback does not bring them back.

        Raises:
            CredentialNotFoundError: No value is sealed under *ref*.
        """
        return await self.services.delete_credential(
            _owner(tenant, domain), CredentialRef(ref), caller=self.caller
        )

    async def retention(self, tenant: str) -> Retention:
        """
        How long the hub keeps what it stores of a tenant.
        """
        kept, _ = await self.services.tenant_retention(TenantId(tenant), caller=self.caller)
        return kept

    async def set_retention(self, tenant: str, **numbers: int) -> Retention:
        """
        Keep of a tenant what *numbers* say, and all else as the settings of the hub say.

        They are those of a ``retention`` document: ``versions``, ``version_days``,
        ``message_days`` and ``deleted_credential_days``. Without any, the settings hold.
        """
        kept, _ = await self.services.tenant_retention.set(
            TenantId(tenant), numbers, caller=self.caller
        )
        return kept

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
        """
        inbox = None if inbox_id is None else ChatwootId(inbox_id)
        sender = self.services.numbers.asked(number)
        message = IncomingMessage(ChatwootId(account_id), inbox, sender)
        return await self.services.resolve_route(message, caller=self.caller, explain=explain)

    def crew(self, name: str) -> Callable[[CrewFunction], CrewFunction]:
        """
        Decorate the function that answers for crews of the kind ``in_process`` called *name*.

        It takes a `CrewTask` and returns the answer's text, `DEFERRED`, or None for no answer.
        """

        def register(function: CrewFunction) -> CrewFunction:
            self.services.ports.crews.register(name, function)
            return function

        return register

    @asynccontextmanager
    async def deliveries(self) -> AsyncIterator[None]:
        """
        Inside the context, deliver received messages to their crews, and answers to Chatwoot.

        Several programs and servers may do so over one store; each message is delivered by one.
        """
        async with delivering(self.services, self.capacity):
            yield

    async def receive(self, payload: JsonObject, *, delivery: str | None = None) -> Receipt:
        """
        Receive an event of Chatwoot, as the webhook does.

        *delivery* is Chatwoot's id of the event: it tells a repetition from a new event.
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
        Received messages, newest first: all, or those at *stage*, of *tenant*, older than *after*.
        """
        return await self.services.list_messages(
            caller=self.caller,
            stages=frozenset(Stage) if stage is None else {_stage(stage)},
            tenant=None if tenant is None else TenantId(tenant),
            after=None if after is None else MessageId(after),
            limit=limit,
        )

    async def conversations(
        self, tenant: str | None = None, *, after: str | None = None, limit: int = 50
    ) -> Sequence[Conversation]:
        """
        What the hub knows about conversations: all, or those of *tenant*.

        Continue from the text of the last one's `key`.
        """
        return await self.services.list_conversations(
            caller=self.caller,
            tenant=None if tenant is None else TenantId(tenant),
            after=None if after is None else ConversationKey.from_text(after),
            limit=limit,
        )

    async def conversation(self, name: str) -> tuple[Conversation, Explanation | None]:
        """
        One conversation (``1/301``: account and conversation), and whether the AI would answer.

        The explanation is None if no message of it went to a tenant.

        Raises:
            ConversationNotFoundError: The hub does not know it.
        """
        key = ConversationKey.from_text(name)
        return await self.services.explain_silence(key, caller=self.caller)

    async def pause_conversation(self, name: str, until: datetime | None = None) -> Conversation:
        """
        Make the AI silent in a conversation, until *until* or until somebody ends the pause.

        Raises:
            ConversationNotFoundError: The hub does not know it.
        """
        key = ConversationKey.from_text(name)
        return await self.services.pause_conversation(key, caller=self.caller, until=until)

    async def resume_conversation(self, name: str) -> Conversation:
        """
        Give a conversation back to the AI, after a pause or after people wrote in it.

        Raises:
            ConversationNotFoundError: The hub does not know it.
        """
        key = ConversationKey.from_text(name)
        return await self.services.pause_conversation.end(key, caller=self.caller)

    async def pause_channel(self, name: str, until: datetime | None = None) -> PauseState:
        """
        Make the AI silent in a channel (``1/7``: account and inbox), for the tenant that has it.

        Raises:
            MappingNotFoundError: No tenant gets its messages.
        """
        pause = self.services.pause_tenant
        return await pause(inbox_named(name), caller=self.caller, until=until)

    async def resume_channel(self, name: str) -> PauseState:
        """
        End the pause of a channel.

        Raises:
            MappingNotFoundError: No tenant gets its messages.
        """
        return await self.services.pause_tenant.end(inbox_named(name), caller=self.caller)

    async def pause_tenant(self, tenant: str, until: datetime | None = None) -> PauseState:
        """
        Make the AI silent for a tenant, in all its channels.

        Raises:
            TenantNotFoundError: It has no document.
        """
        pause = self.services.pause_tenant
        return await pause(TenantId(tenant), caller=self.caller, until=until)

    async def resume_tenant(self, tenant: str) -> PauseState:
        """
        End the pause of a tenant; those of its channels and conversations stay.

        Raises:
            TenantNotFoundError: It has no document.
        """
        return await self.services.pause_tenant.end(TenantId(tenant), caller=self.caller)

    async def find_person(
        self,
        *,
        number: str | None = None,
        contact: str | None = None,
        identifier: str | None = None,
        tenant: str | None = None,
    ) -> Sequence[Presence]:
        """
        Which tenants have something of a person, named in one of three ways.

        *number* is a WhatsApp number, *contact* the account and the id of a contact (``1/77``),
        and *identifier* what the contact is called in another system.
        """
        person = self.services.numbers.person(number, contact, identifier)
        of = None if tenant is None else TenantId(tenant)
        return await self.services.find_person(person, caller=self.caller, tenant=of)

    async def export_person(
        self,
        tenant: str,
        *,
        number: str | None = None,
        contact: str | None = None,
        identifier: str | None = None,
        after: str | None = None,
    ) -> PersonPage:
        """
        What a tenant has of a person, 50 messages with their texts; continue from its `next`.
        """
        return await self.services.export_person(
            self.services.numbers.person(number, contact, identifier),
            TenantId(tenant),
            caller=self.caller,
            after=None if after is None else MessageId(after),
        )

    async def erase_person(
        self,
        tenant: str,
        *,
        number: str | None = None,
        contact: str | None = None,
        identifier: str | None = None,
        special_numbers: bool = False,
        dry_run: bool = False,
    ) -> Presence:
        """
        Erase what a tenant has of a person, and tell what it was; with *dry_run* only tell it.

        Special numbers of the mapping go only with *special_numbers*.
        """
        return await self.services.erase_person(
            self.services.numbers.person(number, contact, identifier),
            TenantId(tenant),
            caller=self.caller,
            numbers=special_numbers,
            dry_run=dry_run,
        )

    async def answer(
        self, message_id: str, answer: str | Answer | None, *, private: bool = False
    ) -> InboxMessage:
        """
        Give the answer of a crew that said `DEFERRED`; None means that there is no answer.

        A *private* text is a note in Chatwoot, which the customer does not see.

        Raises:
            MessageNotFoundError: There is no such message.
            WrongStageError: The message has another answer, or does not wait for one.
        """
        return await self.services.answer_message(
            MessageId(message_id),
            answer if isinstance(answer, Answer) else said(answer, private=private),
            caller=self.caller,
        )

    async def replay(self, message_id: str) -> InboxMessage:
        """
        Deliver a stuck message again, by the current mapping.

        Raises:
            MessageNotFoundError: There is no such message.
            WrongStageError: The message is not stuck, or was replayed too often.
        """
        return await self.services.replay_messages(MessageId(message_id), caller=self.caller)


@overload
def open_hub(
    store: str, *, api_key: str | SecretText
) -> AbstractAsyncContextManager[RemoteHub]: ...


@overload
def open_hub(store: str | Settings | None = None) -> AbstractAsyncContextManager[Hub]: ...


def open_hub(
    store: str | Settings | None = None, *, api_key: str | SecretText | None = None
) -> AbstractAsyncContextManager[Hub | RemoteHub]:
    """
    Open the hub on a store: a URL like ``ODOO_AI_CONFIG_STORE_URL``, or all settings.

    Without an argument, the settings are read as the server reads them. Use the hub on one event
    loop, and only inside the context. With *api_key*, *store* is where a hub serves HTTP:
    ``https://hub.example.com``; `odoo_ai_config.client.open_hub` does the same with less to load.

    Raises:
        SettingsError: A setting cannot be used.
        StoreUnavailableError: The store is unavailable.
        StoreUnusableError: The store cannot give the hub's guarantees.
        InvalidKeyRingError, MasterKeyMissingError: The key ring does not fit the store.
    """
    if isinstance(store, str) and api_key is not None:
        return open_remote_hub(store, api_key=api_key)
    return _in_process(store)


@asynccontextmanager
async def _in_process(store: str | Settings | None) -> AsyncIterator[Hub]:
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


def _record_kind(name: str) -> RecordKind:
    try:
        return RecordKind(name)
    except ValueError:
        raise InvalidValueError("kind", "address_kind") from None


def _owner(tenant: str, domain: str) -> TenantArea:
    return TenantArea(TenantId(tenant), BusinessArea.from_text(domain))


def _document(tenant: str, domain: str, kind: str) -> DocumentKey:
    return _owner(tenant, domain).document(DocumentKind(kind))
