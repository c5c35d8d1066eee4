"""
The hub over HTTP: the methods of `Hub` that AI services need, with the same arguments and results.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from secrets import token_hex
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

from attrs import frozen

from odoo_ai_config.client.answers import (
    MessageReceipt,
    message_receipt,
    outcome_of_event,
    outcome_of_push,
    read_route,
    reader_of_changes,
    reader_of_credential,
    reader_of_document,
    reader_of_item,
    receipt_of,
)
from odoo_ai_config.client.cache import Cache, Resource
from odoo_ai_config.client.disk import Disk
from odoo_ai_config.client.feed_reader import Callback, FeedReader, Restored
from odoo_ai_config.client.route_table import RouteTable, message_of, read_table
from odoo_ai_config.client.transport import Transport, understood
from odoo_ai_config.domain.channels.mapping import DEFAULT_SEQUENCE
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route
from odoo_ai_config.domain.collections import (
    CollectionChanges,
    CollectionKey,
    CollectionName,
    Item,
    item_id,
)
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import DomainError
from odoo_ai_config.domain.feed import EVERYTHING, Change, FeedKind
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    BusinessArea,
    ChatwootId,
    CredentialRef,
    TenantArea,
    TenantId,
    web_address,
)
from odoo_ai_config.domain.json_types import Json, JsonObject, ReadOnlyJsonObject
from odoo_ai_config.domain.messages.answer_bodies import body_of
from odoo_ai_config.domain.messages.answers import NO_REPLY, Answer, said
from odoo_ai_config.domain.messages.inbox import MessageId, Receipt
from odoo_ai_config.domain.outcomes import Outcome, WriteKind

T = TypeVar("T")
CallbackT = TypeVar("CallbackT", bound=Callback)
RestoredT = TypeVar("RestoredT", bound=Restored)

# What changes name.
_CONFIG: Final = "config"
_CREDENTIALS: Final = "credentials"
_COLLECTION: Final = "collection"
_MAPPING: Final = "mapping"
# A bound key hears nothing of the channels that others get or lose.
_ROUTES: Final = Resource(
    "/v1/route/table", _MAPPING, read_table, is_told=lambda table: table.limits.whole
)
_API_KEY: Final = re.compile(r"[!-~]{1,512}", re.ASCII)


@frozen(eq=False)
class RemoteCollection:
    """
    One collection of a tenant; made by `RemoteHub.collection`.

    Its methods are those of `CollectionHandle`. An item that is pushed over HTTP has its id in
    its data, too.
    """

    cache: Cache
    transport: Transport
    key: CollectionKey

    async def replace(self, items: Mapping[str, ReadOnlyJsonObject]) -> Outcome:
        return await self._push("PUT", {"items": _listed(items)})

    async def amend(
        self, items: Mapping[str, ReadOnlyJsonObject], *, removed: Sequence[str] = ()
    ) -> Outcome:
        body: JsonObject = {"items": _listed(items), "removed": [*map(item_id, removed)]}
        return await self._push("PATCH", body)

    async def read(self, since: str | None = None, *, limit: int = 1000) -> CollectionChanges:
        asked = {"limit": str(limit)} if since is None else {"limit": str(limit), "since": since}
        path = self._path(**asked)
        return await self.cache.get(self._resource(path, reader_of_changes(self.key)))

    async def item(self, id_: str) -> JsonObject:
        name = item_id(id_)
        path = self._path(f"/items/{quote(name, safe='')}")
        return (await self.cache.get(self._resource(path, reader_of_item(name)))).body

    def _path(self, rest: str = "", **query: str) -> str:
        named = urlencode({"account_id": self.key.tenant.value, **query})
        return f"/api/v1/collections/{self.key.name}{rest}?{named}"

    def _resource(self, path: str, read: Callable[[bytes], tuple[T, int]]) -> Resource[T]:
        return Resource(path, (_COLLECTION, self.key.tenant), read, self.key.tenant)

    async def _push(self, method: str, body: JsonObject) -> Outcome:
        tenant = self.key.tenant
        told, answer = await self.transport.send(
            method, self._path(), body, headers=_once(), tenant=tenant
        )
        self.cache.note_change([(_COLLECTION, tenant)])
        return understood(lambda: outcome_of_push(told, answer))


@frozen(eq=False)
class RemoteHub:
    """
    The hub over HTTP; made by `open_hub`. Its methods are those of `Hub` in process.

    A read is answered from memory as long as nothing says that it changed; while the hub is away,
    the last good answer counts. What the hub refuses is raised as in process.

    Raises:
        InvalidValueError: An argument is malformed. Every method may raise it.
        DomainError: The hub refuses it; a `HubRefusedError` if no other class fits.
        StoreUnavailableError: The hub is away, and nothing is kept of what is asked for. Every
            coroutine may raise it. A write may have been done.
    """

    cache: Cache
    transport: Transport
    feed: FeedReader

    @property
    def stale_since(self) -> datetime | None:
        """
        While the hub does not answer, since when reads may be out of date; otherwise None.
        """
        return self.cache.stale_since

    async def config(self, tenant: str, domain: str = "default") -> JsonObject:
        text = await self.cache.get(_config(tenant, domain))
        config: JsonObject = json.loads(text)
        return config

    async def credential(self, tenant: str, domain: str, ref: str) -> SecretText:
        """
        Open a sealed value; the audit trail records when the client asks the hub for it.
        """
        return await self.cache.get(_credential(tenant, domain, ref))

    async def route(
        self,
        account_id: str,
        inbox_id: str | None = None,
        number: str | None = None,
        *,
        explain: bool = False,
    ) -> Route:
        """
        Where a Chatwoot message goes, by the hub's table if it is enough; otherwise the hub tells.
        """
        table = self.cache.peek(_ROUTES)
        if table is None:
            # An older hub has none, and a key may not be served.
            with suppress(DomainError):
                table = await self.cache.get(_ROUTES)
        route = None
        if table is not None:
            route = table.route(account_id, inbox_id, number, explain=explain)
        if route is None:
            message = message_of(account_id, inbox_id, number)
            route = await self.cache.get(_asked_route(message, table, explain=explain))
        return route

    async def cursor(self) -> str:
        return await self.feed.now()

    async def changes(
        self, since: str | None = None, *, tenant: str | None = None, kinds: Collection[str] = ()
    ) -> AsyncIterator[Change]:
        """
        What changes, as it happens; what it names is read anew. It waits while the hub is away.

        Raises:
            FeedCompactedError: *since* is of another store: read all, then go on from its `end`.
        """
        async for change in self.feed.changes(since, tenant=tenant, kinds=kinds):
            yield change

    def on_change(self, *kinds: str) -> Callable[[CallbackT], CallbackT]:
        """
        Decorate a function that is called with each change of *kinds*, or of any, one by one.

        It may be async. What it raises is logged, and harms nothing. It is not called for what
        changes before the hub was first reached.
        """
        wanted = frozenset(map(FeedKind.from_text, kinds)) or EVERYTHING.kinds

        def register(callback: CallbackT) -> CallbackT:
            self.feed.call(callback, wanted)
            return callback

        return register

    def on_restore(self, callback: RestoredT) -> RestoredT:
        """
        Decorate a function that is called when the hub was restored: all may have changed.

        No change is told of it. It may be async; what it raises is logged, and harms nothing.
        """
        self.feed.call_restored(callback)
        return callback

    def collection(self, tenant: str, name: str) -> RemoteCollection:
        """
        The collection *name* of *tenant*, whether or not it exists or is enabled.
        """
        key = CollectionKey(TenantId(tenant), CollectionName.from_text(name))
        return RemoteCollection(self.cache, self.transport, key)

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
        fields: JsonObject = {
            "account_id": account_id,
            "token": CredentialRef(token).value,
            "domain": domain,
            "name": name,
            "description": description,
            "odoo_url": odoo_url,
            "odoo_db": odoo_db,
            "odoo_username": odoo_username,
            "odoo_password": odoo_password,
            "enabled_collections": (
                None if enabled_collections is None else [*enabled_collections]
            ),
            "clear": [*clear],
        }
        return await self._sent(WriteKind.CREDENTIALS, fields, TenantId(account_id), event_at)

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
        inbox = None if chatwoot_inbox_id is None else ChatwootId(chatwoot_inbox_id)
        numbers = (special_whatsapp_numbers or {}).items()
        mapping: JsonObject = {
            "chatwoot_account_id": ChatwootId(chatwoot_account_id).value,
            "chatwoot_inbox_id": None if inbox is None else inbox.value,
            "internal_account_id": tenant,
            "domain": domain,
            "is_fallback": is_fallback,
            "sequence": sequence,
            "special_whatsapp_numbers": [
                {"number": number, "crew": crew} for number, crew in numbers
            ],
            "active": active,
        }
        kind = WriteKind.MAPPING if active else WriteKind.MAPPING_DELETE
        return await self._sent(kind, {"mapping": mapping}, TenantId(tenant), event_at)

    async def receive(self, payload: JsonObject, *, delivery: str | None = None) -> Receipt:
        headers = {} if delivery is None else {"X-Chatwoot-Delivery": delivery}
        told, _ = await self.transport.send("POST", "/webhook", payload, headers=headers)
        return understood(lambda: receipt_of(told))

    async def answer(
        self, message_id: str, answer: str | Answer | None, *, private: bool = False
    ) -> MessageReceipt:
        given = answer if isinstance(answer, Answer) else said(answer, private=private)
        body: JsonObject = {} if given is NO_REPLY else {"answer": body_of(given)}
        path = f"/v1/messages/{MessageId(message_id)}/answer"
        told, _ = await self.transport.send("POST", path, body)
        return understood(lambda: message_receipt(told))

    async def replay(self, message_id: str) -> MessageReceipt:
        path = f"/v1/messages/{MessageId(message_id)}/replay"
        # The second time it would be at another stage.
        told, _ = await self.transport.send("POST", path, {}, repeatable=False)
        return understood(lambda: message_receipt(told))

    async def _sent(
        self, kind: WriteKind, fields: JsonObject, tenant: TenantId, event_at: datetime | None
    ) -> Outcome:
        body: JsonObject = {
            "event_type": WriteKind.MAPPING.value if "mapping" in fields else kind.value,
            **{name: value for name, value in fields.items() if value is not None},
        }
        if event_at is not None:
            body["timestamp"] = event_at.isoformat()
        told, answer = await self.transport.send(
            "POST", "/odoo-webhook", body, headers=_once(), tenant=tenant
        )
        # Whoever has written reads it.
        self.cache.note_change([_MAPPING, (_CONFIG, tenant), (_CREDENTIALS, tenant)])
        return understood(lambda: outcome_of_event(kind, told, answer))


@asynccontextmanager
async def opened(  # noqa: PLR0913 - see `Options`
    url: str,
    api_key: str | SecretText,
    *,
    deadline: float = 10.0,
    patience: float = 1.0,
    refresh: float = 30.0,
    cache_dir: str | Path | None = None,
    secrets_key: bytes | None = None,
    cache_entries: int = 2000,
    cache_bytes: int = 64 * 2**20,
) -> AsyncIterator[RemoteHub]:
    """
    Open the hub at *url*, as `open_hub` says.
    """
    place = web_address(url, "url").rstrip("/")
    key = api_key if isinstance(api_key, SecretText) else SecretText(api_key)
    if _API_KEY.fullmatch(key.reveal()) is None:
        raise ValueError("api_key is not a key of a hub")
    transport = Transport(place, key, deadline=deadline)
    disk = None
    if cache_dir is not None:
        disk = Disk(
            Path(cache_dir),
            f"{place}\n{key.reveal()}",
            secrets_key=secrets_key,
            most_entries=cache_entries,
            most_bytes=cache_bytes,
        )
    cache = Cache(
        transport,
        disk,
        patience=patience,
        refresh=refresh,
        most_entries=cache_entries,
        most_bytes=cache_bytes,
    )
    feed = FeedReader(transport, cache)
    try:
        yield RemoteHub(cache, transport, feed)
    finally:
        await feed.close()
        await cache.close()
        await transport.close()


# Programs ask for the same things again and again, and checking names costs more than a look-up.
@lru_cache(maxsize=4096)
def _config(tenant: str, domain: str) -> Resource[str]:
    key = _owner(tenant, domain).document(CONFIG)
    path = f"/configs/{quote(str(key))}"
    return Resource(path, (_CONFIG, key.tenant), reader_of_document(key), key.tenant)


@lru_cache(maxsize=4096)
def _credential(tenant: str, domain: str, ref: str) -> Resource[SecretText]:
    owner, name = _owner(tenant, domain), CredentialRef(ref)
    path = f"/v1/tenants/{quote(str(owner))}/credentials/{quote(name.value, safe='')}"
    read = reader_of_credential(owner, name)
    return Resource(path, (_CREDENTIALS, owner.tenant), read, owner.tenant, secret=True)


def _asked_route(
    message: IncomingMessage, table: RouteTable | None, *, explain: bool
) -> Resource[Route]:
    said = {"account_id": str(message.account)}
    if message.inbox is not None:
        said["inbox_id"] = message.inbox.value
    if message.number is not None:
        said["number"] = message.number
    if explain:
        said["explain"] = "1"
    owner = None if table is None else table.owner(message)
    told = table is not None and table.limits.whole
    path = f"/v1/route?{urlencode(said)}"
    return Resource(path, _MAPPING, read_route, owner, is_told=lambda _: told)


def _owner(tenant: str, domain: str) -> TenantArea:
    return TenantArea(TenantId(tenant), BusinessArea.from_text(domain))


def _listed(items: Mapping[str, ReadOnlyJsonObject]) -> list[Json]:
    checked = (Item.of(id_, body) for id_, body in items.items())
    return [{**item.body, "id": item.id} for item in checked]


def _once() -> dict[str, str]:
    # A repetition of the call by its own retries is answered as the first time.
    return {"Idempotency-Key": token_hex(16)}
