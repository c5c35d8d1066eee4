"""
A machine that writes, rolls back, suspends, erases, renames and reopens tenants in any order.

It deletes credentials and erases a person meanwhile.

Each value that it writes occurs once. Whatever is erased is never served again, what is renamed is
served under its new id, and an erasure or a rename may end at any of its steps.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, ClassVar, Final, TypeAlias, TypeVar, cast

from attrs import define, evolve
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from odoo_ai_config.adapters.plain_records import decoded, encoded
from odoo_ai_config.application.collections import CollectionReading
from odoo_ai_config.application.copies import BackUpStore, RestoreStore
from odoo_ai_config.application.documents.writing import DocumentWrite
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.application.messages.reading import OpenedMessage
from odoo_ai_config.application.ports.store_records import RecordKind
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.collections import (
    CollectionKey,
    CollectionName,
    CollectionSync,
    Item,
)
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.revisions import RetentionPolicy, Revision
from odoo_ai_config.domain.errors import (
    CollectionNotFoundError,
    CredentialNotFoundError,
    DocumentNotFoundError,
    InvalidValueError,
    RevisionNotFoundError,
    TenantNotFoundError,
)
from odoo_ai_config.domain.identifiers import (
    CREDENTIALS,
    BusinessArea,
    ChatwootId,
    CredentialRef,
    DocumentKey,
    DocumentKind,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import Stage
from odoo_ai_config.domain.messages.persons import Person
from odoo_ai_config.domain.tenants import (
    CLOSED,
    AreaInUseError,
    AreaMovedError,
    Standing,
    TenantErasedError,
    TenantInUseError,
    TenantRenamedError,
    TenantSuspendedError,
)
from tests.contract.stores import Stores
from tests.unit.application.memory_hub import ANYBODY, MemoryHub

T = TypeVar("T")
OpenStores: TypeAlias = Callable[[], AbstractAsyncContextManager[Stores]]

TENANTS: Final = [TenantId("acme"), TenantId("acme2"), TenantId("acme3")]
AREAS: Final = [BusinessArea(), BusinessArea("sales")]
NOTES, REF = DocumentKind("notes"), CredentialRef("mail:password")
RULES: Final = CollectionName("rules")
ACCOUNTS: Final = {tenant: str(number) for number, tenant in enumerate(TENANTS, start=1)}
NOT_FOUND: Final = (
    CollectionNotFoundError,
    CredentialNotFoundError,
    DocumentNotFoundError,
    RevisionNotFoundError,
)
GONE: Final = (TenantErasedError, TenantRenamedError)
NOT_SERVED: Final = (TenantSuspendedError, AreaMovedError, *GONE)

tenants = st.sampled_from(TENANTS)
areas = st.builds(TenantArea, tenants, st.sampled_from(AREAS))


class KilledError(Exception):
    """
    Simulates kill -9: nothing runs after it.
    """


def shown(served: object) -> str:
    """
    What a reader sees of *served*.
    """
    match served:
        case Revision(document=document):
            return document.text
        case CollectionReading(page=page) if page is not None:
            return repr([None if one.item is None else one.item.text for one in page.states])
        case OpenedMessage(text=text):
            return repr(text)
        case _:
            return repr(served)


@define
class Mortal:
    """
    A port whose program is killed instead of one of its calls.
    """

    port: object
    lives: list[int]

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, object]]:
        method = getattr(self.port, name)

        async def call(*args: object, **kwargs: object) -> object:
            if self.lives[0] == 0:
                raise KilledError
            self.lives[0] -= 1
            return await method(*args, **kwargs)

        return call


def _unreported(_what: str, _done: int) -> None: ...


class LifecycleMachine(RuleBasedStateMachine):
    """
    The machine over the stores that *open_stores* opens.
    """

    open_stores: ClassVar[OpenStores]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.stack = AsyncExitStack()
        stores = self.run(self.stack.enter_async_context(type(self).open_stores()))
        self.stores = stores
        self.hub = MemoryHub(stores=stores)
        self.numbers: Iterator[int] = iter(range(1, 10**6))
        self.standings: dict[TenantId, Standing] = dict.fromkeys(TENANTS, Standing.ACTIVE)
        # What was accepted of each tenant since its last erasure, and what was erased.
        self.kept: dict[TenantId, set[str]] = defaultdict(set)
        self.erased: set[str] = set()
        # The newest accepted value of each document and credential.
        self.newest: dict[DocumentKey, str] = {}
        # Every value that a credential had since its deletion, and what each message says.
        self.sealed: dict[DocumentKey, set[str]] = defaultdict(set)
        self.said: dict[str, str] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(work)

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()

    def _accepted(self, tenant: TenantId, work: Coroutine[Any, Any, object]) -> bool:
        # A closed tenant takes nothing; any other takes everything.
        try:
            self.run(work)
        except GONE:
            assert self.standings[tenant] in CLOSED
            return False
        except AreaMovedError:
            return False
        assert self.standings[tenant] not in CLOSED
        return True

    def _value(self) -> str:
        return f"<{next(self.numbers)}>"

    @rule()
    def back_up_and_restore(self) -> None:
        # All that is stored goes out, and comes back.
        lines: list[tuple[RecordKind, bytes]] = []
        records = self.stores.records
        self.run(BackUpStore(records, encoded)(lambda *line: lines.append(line), _unreported))
        self.run(RestoreStore(records, encoded, decoded)(lines, _unreported))

    @rule(area=areas)
    def publish(self, area: TenantArea) -> None:
        value, key = self._value(), area.document(NOTES)
        text = json.dumps({"note": value})
        write = self.hub.publish_document(DocumentWrite(key, ANYBODY), text=text)
        if self._accepted(area.tenant, write):
            self.kept[area.tenant].add(value)
            self.newest[key] = value

    @rule(area=areas)
    def seal(self, area: TenantArea) -> None:
        value, key = self._value(), area.document(CREDENTIALS)
        text = json.dumps({"credentials": {str(REF): value}})
        write = self.hub.publish_document(DocumentWrite(key, ANYBODY), text=text)
        if self._accepted(area.tenant, write):
            self.kept[area.tenant].add(value)
            self.newest[key] = value
            self.sealed[key].add(value)

    @rule(area=areas)
    def delete_credential(self, area: TenantArea) -> None:
        try:
            self.run(self.hub.delete_credential(area, REF, caller=ANYBODY))
        except (CredentialNotFoundError, AreaMovedError):
            return
        except GONE:
            assert self.standings[area.tenant] in CLOSED
            return
        key = area.document(CREDENTIALS)
        self.newest.pop(key, None)
        self.erased |= self.sealed.pop(key, set())

    @rule(area=areas, kind=st.sampled_from([NOTES, CREDENTIALS]), version=st.integers(1, 4))
    def roll_back(self, area: TenantArea, kind: DocumentKind, version: int) -> None:
        key = area.document(kind)
        write = DocumentWrite(key, ANYBODY)
        try:
            self.run(self.hub.roll_back_document(write, version=version))
        except (*NOT_FOUND, AreaMovedError):
            return
        except GONE:
            assert self.standings[area.tenant] in CLOSED
            return
        # The old value is the newest one again, whichever it is.
        self.newest.pop(key, None)

    @rule(tenant=tenants)
    def push(self, tenant: TenantId) -> None:
        value = self._value()
        sync = CollectionSync((Item.of("1", {"name": value}),), whole=False)
        key = CollectionKey(tenant, RULES)
        if self._accepted(tenant, self.hub.sync_collection(key, sync, caller=ANYBODY)):
            self.kept[tenant].add(value)

    @rule(tenant=tenants)
    def map_account(self, tenant: TenantId) -> None:
        channel = ChannelKey(ChatwootId(ACCOUNTS[tenant]))
        mapping = ChannelMapping(channel, TenantArea(tenant, BusinessArea()))
        self._accepted(tenant, self.hub.sync_mapping(mapping, caller=ANYBODY))

    @rule(tenant=tenants)
    def receive(self, tenant: TenantId) -> None:
        value, number = self._value(), next(self.numbers)
        body: JsonObject = {
            "event": "message_created",
            "id": number,
            "content": value,
            "message_type": "incoming",
            "account": {"id": ACCOUNTS[tenant]},
            "inbox": {"id": 7},
            "conversation": {"id": number % 3, "inbox_id": 7},
            "sender": {"id": 42},
        }
        text = SecretText(json.dumps(body))
        receipt = self.run(self.hub.receive_message(read_event(body), text, caller=ANYBODY))
        # The account may belong to who has the tenant's things now.
        given = receipt.destination
        self.kept[tenant if given is None else given.owner.tenant].add(value)
        self.said[str(number)] = value

    @rule(tenant=tenants)
    def erase_person(self, tenant: TenantId) -> None:
        # Whose messages are all.
        person = Person.from_contact(f"{ACCOUNTS[tenant]}/42")
        held = self.run(self.hub.ports.inbox.page(list(Stage), tenant=tenant, limit=1000))
        try:
            found = self.run(self.hub.erase_person(person, tenant, caller=ANYBODY))
        except GONE:
            assert self.standings[tenant] in CLOSED
            return
        account = ChatwootId(ACCOUNTS[tenant])
        texts = [one for one in held if one.body is not None and one.origin.account == account]
        assert found.messages == len(texts) or self.standings[tenant] in CLOSED
        self.erased |= {self.said[str(one.origin.message)] for one in texts}

    @rule(tenant=tenants, to_sales=st.booleans())
    def move(self, tenant: TenantId, *, to_sales: bool) -> None:
        source, target = (TenantArea(tenant, one) for one in AREAS[:: 1 if to_sales else -1])
        try:
            self.run(self.hub.move_area(source, target, caller=ANYBODY))
        except (DocumentNotFoundError, AreaMovedError, AreaInUseError):
            return
        except GONE:
            assert self.standings[tenant] in CLOSED
            return
        for kind in (NOTES, CREDENTIALS):
            self.sealed[target.document(kind)] |= self.sealed.pop(source.document(kind), set())
            value = self.newest.pop(source.document(kind), None)
            if value is not None:
                self.newest[target.document(kind)] = value

    @rule(tenant=tenants)
    def suspend(self, tenant: TenantId) -> None:
        try:
            self.run(self.hub.suspend_tenant(tenant, caller=ANYBODY))
        except (TenantNotFoundError, *GONE):
            return
        self.standings[tenant] = Standing.SUSPENDED

    @rule(tenant=tenants)
    def end_suspension(self, tenant: TenantId) -> None:
        if self._accepted(tenant, self.hub.suspend_tenant.end(tenant, caller=ANYBODY)):
            self.standings[tenant] = Standing.ACTIVE

    @rule(tenant=tenants, lives=st.none() | st.integers(0, 30))
    def erase(self, tenant: TenantId, lives: int | None) -> None:
        left = [10**6 if lives is None else lives]
        ports = self.hub.ports
        erase = evolve(
            self.hub.erase_tenant,
            store=cast("Any", Mortal(ports.store, left)),
            tenants=cast("Any", Mortal(ports.tenants, left)),
            secrets=cast("Any", Mortal(ports.secrets, left)),
            noted=cast("Any", Mortal(self.hub.revoked_keys, left)),
        )
        try:
            self.run(erase(tenant, caller=ANYBODY, confirmation=tenant.value))
        except (TenantNotFoundError, TenantRenamedError):
            return
        except KilledError:
            pass
        state = self.run(ports.tenants.current(tenant))
        if state is not None and state.standing in {Standing.ERASING, Standing.ERASED}:
            self._gone(tenant, state.standing)
        self._follow()

    def _follow(self) -> None:
        """
        An erasure ends the renames that lead to its tenant.
        """
        for tenant, standing in self.standings.items():
            if standing is Standing.RENAMING:
                state = self.run(self.hub.ports.tenants.current(tenant))
                assert state is not None
                self.standings[tenant] = state.standing

    def _gone(self, tenant: TenantId, standing: Standing) -> None:
        self.standings[tenant] = standing
        self.erased |= self.kept.pop(tenant, set())
        self.newest = {key: one for key, one in self.newest.items() if key.tenant != tenant}
        for key in [key for key in self.sealed if key.tenant == tenant]:
            del self.sealed[key]

    @rule(old=tenants, new=tenants, lives=st.none() | st.integers(0, 40))
    def rename(self, old: TenantId, new: TenantId, lives: int | None) -> None:
        left = [10**6 if lives is None else lives]
        ports = self.hub.ports
        rename = evolve(
            self.hub.rename_tenant,
            store=cast("Any", Mortal(ports.store, left)),
            tenants=cast("Any", Mortal(ports.tenants, left)),
            inbox=cast("Any", Mortal(ports.inbox, left)),
            conversations=cast("Any", Mortal(ports.conversations, left)),
        )
        try:
            self.run(rename(old, new, caller=ANYBODY))
        except (TenantNotFoundError, TenantInUseError, InvalidValueError, *GONE):
            return
        except KilledError:
            pass
        state = self.run(ports.tenants.current(old))
        if state is None or state.successor != new:
            return
        if self.standings[old] not in CLOSED:
            self.standings[new] = self.standings[old]
            self.kept[new] |= self.kept.pop(old, set())
            self.newest = {_renamed(key, old, new): one for key, one in self.newest.items()}
            for key in [key for key in self.sealed if key.tenant == old]:
                self.sealed[_renamed(key, old, new)] |= self.sealed.pop(key)
        self.standings[old] = state.standing

    @rule()
    def go_on(self) -> None:
        for state in self.run(self.hub.rename_tenant.go_on()):
            assert self.standings[state.tenant] is Standing.RENAMING
            self.standings[state.tenant] = Standing.RENAMED
        for state in self.run(self.hub.erase_tenant.go_on()):
            assert self.standings[state.tenant] is Standing.ERASING
            self._gone(state.tenant, Standing.ERASED)
        self._follow()

    @rule(tenant=tenants)
    def reopen(self, tenant: TenantId) -> None:
        try:
            self.run(self.hub.reopen_tenant(tenant, caller=ANYBODY))
        except GONE:
            assert self.standings[tenant] in {Standing.ERASING, Standing.RENAMING}
            return
        if self.standings[tenant] in CLOSED:
            self.standings[tenant] = Standing.ACTIVE

    @rule(tenant=tenants)
    def rotate(self, tenant: TenantId) -> None:
        try:
            self.run(self.hub.rotate_tenant_key(tenant, caller=ANYBODY))
        except TenantNotFoundError:
            return

    @rule()
    def prune(self) -> None:
        store, now = self.hub.ports.store, self.hub.clock.now()
        self.run(store.prune(RetentionPolicy(keep=2), now=now))

    @invariant()
    def standing_is_known(self) -> None:
        for tenant, standing in self.standings.items():
            assert self.run(self.hub.ports.tenants.remembered(tenant)).standing is standing

    @invariant()
    def nothing_erased_is_served(self) -> None:
        served = self.run(self._served())
        for tenant, text in served.items():
            assert not [value for value in self.erased if value in text], tenant
            if self.standings[tenant] is not Standing.ACTIVE:
                assert text == ""

    @invariant()
    def what_was_accepted_is_served(self) -> None:
        for key, value in self.newest.items():
            if self.standings[key.tenant] is Standing.ACTIVE:
                assert value in self.run(self._served_of(key))

    async def _served(self) -> dict[TenantId, str]:
        """
        Everything that is served of each tenant.
        """
        found = dict.fromkeys(TENANTS, "")
        for tenant in TENANTS:
            for area in (TenantArea(tenant, one) for one in AREAS):
                for kind in (NOTES, CREDENTIALS):
                    found[tenant] += await self._served_of(area.document(kind))
            key = CollectionKey(tenant, RULES)
            found[tenant] += await self._read(self.hub.read_collection(key, caller=ANYBODY))
            incoming = IncomingMessage(ChatwootId(ACCOUNTS[tenant]), ChatwootId("7"))
            route = await self._read(self.hub.resolve_route(incoming, caller=ANYBODY))
            found[tenant] += tenant.value if repr(tenant) in route else ""
        for message in await self.hub.list_messages(caller=ANYBODY, limit=1000):
            if message.destination is not None and message.stage is not Stage.IGNORED:
                opened = self.hub.read_message.opened(message.id, caller=ANYBODY)
                found[message.destination.owner.tenant] += await self._read(opened)
        return found

    async def _served_of(self, key: DocumentKey) -> str:
        read = self.hub.read_document
        text = await self._read(read(key, caller=ANYBODY))
        for version in range(1, 5):
            text += await self._read(read(key, caller=ANYBODY, version=version))
        if key.kind == CREDENTIALS:
            reveal = self.hub.reveal_credential
            try:
                text += (await reveal(key.owner, REF, caller=ANYBODY)).reveal()
            except (*NOT_FOUND, *NOT_SERVED):
                pass
        return text

    async def _read(self, work: Coroutine[Any, Any, object]) -> str:
        try:
            return shown(await work)
        except (*NOT_FOUND, *NOT_SERVED):
            return ""


def _renamed(key: DocumentKey, old: TenantId, new: TenantId) -> DocumentKey:
    return evolve(key, tenant=new) if key.tenant == old else key


def lifecycle_machine(open_stores: OpenStores) -> type[LifecycleMachine]:
    """
    The machine over the stores of one technology.
    """

    class OpeningMachine(LifecycleMachine):
        pass

    OpeningMachine.open_stores = staticmethod(open_stores)
    return OpeningMachine
