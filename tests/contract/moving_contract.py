"""
The guarantees of moving a business area, over every store.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import pytest
from attrs import asdict, define, evolve, frozen

from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.documents.writing import DocumentWrite
from odoo_ai_config.application.moving import MoveArea
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.renaming import RenameTenant
from odoo_ai_config.domain.addresses import Feed, RecordKind
from odoo_ai_config.domain.changes import AuditAction, Changeset
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SealContext, SecretText
from odoo_ai_config.domain.documents.syncs import CredentialsSync
from odoo_ai_config.domain.errors import (
    DocumentNotFoundError,
    InvalidValueError,
    TenantForbiddenError,
)
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    PAUSES,
    ChatwootId,
    CredentialRef,
    DocumentKind,
    TenantArea,
)
from odoo_ai_config.domain.tenants import AreaInUseError, AreaMovedError, TenantErasedError
from tests.contract.samples import address, owner
from tests.contract.stores import StoreContract, Stores
from tests.trail import acts, trail
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to

FROM, TO = owner("acme", "retail"), owner("acme", "wholesale")
Relocating = TypeVar("Relocating", MoveArea, RenameTenant)
NOTES, REF = DocumentKind("notes"), CredentialRef("mail:password")
MESSAGE = IncomingMessage(ChatwootId("1"), ChatwootId("7"))


def over(stores: Stores) -> MemoryHub:
    return MemoryHub(stores=stores)


async def publish(hub: MemoryHub, area: TenantArea, **body: str) -> None:
    write = DocumentWrite(area.document(NOTES), ANYBODY)
    await hub.publish_document(write, text=json.dumps(body))


async def seal(hub: MemoryHub, area: TenantArea, secret: str) -> None:
    text = json.dumps({"credentials": {str(REF): secret}})
    await hub.publish_document(DocumentWrite(area.document(CREDENTIALS), ANYBODY), text=text)


async def revealed(hub: MemoryHub, area: TenantArea) -> str:
    return (await hub.reveal_credential(area, REF, caller=ANYBODY)).reveal()


async def filled(stores: Stores) -> MemoryHub:
    """
    An area with history, credentials, a channel, special numbers without one, and an address.
    """
    hub = over(stores)
    for number in range(3):
        await publish(hub, FROM, note=f"note {number}")
        await seal(hub, FROM, f"secret {number}")
    for key in (ChannelKey(ChatwootId("1")), ChannelKey(holder=FROM)):
        await hub.sync_mapping(ChannelMapping(key, FROM, sequence=3), caller=ANYBODY)
    feed = Feed(FROM, RecordKind.CREDENTIALS)
    await hub.create_address(feed, name="acme", caller=ANYBODY)
    await stores.config.commit(Changeset(addresses=(address("of-the-default-area"),)))
    return hub


async def move(hub: MemoryHub, *, dry_run: bool = False) -> None:
    await hub.move_area(FROM, TO, caller=ANYBODY.because("renamed"), dry_run=dry_run)


@define
class Late:
    """
    A store in which others commit their *works* before its first commit.
    """

    store: ConfigStore
    works: list[Coroutine[Any, Any, object]]

    async def commit(self, changeset: Changeset) -> None:
        while self.works:
            await self.works.pop(0)
        await self.store.commit(changeset)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@frozen(eq=False)
class Overtaken(Sealer):
    """
    Opens values that somebody else takes away right before the first of them.
    """

    overtake: Callable[[], Awaitable[object]]
    left: list[int]

    async def opened(self, context: SealContext, fingerprint: Fingerprint) -> SecretText:
        if self.left:
            self.left.clear()
            await self.overtake()
        return await super().opened(context, fingerprint)


def overtaken(relocating: Relocating, overtake: Callable[[], Awaitable[object]]) -> Relocating:
    """
    *relocating*, which somebody overtakes before it opens the first value.
    """
    fields = asdict(relocating.relocator.sealer, recurse=False)
    sealer = Overtaken(**fields, overtake=overtake, left=[1])
    return evolve(relocating, relocator=evolve(relocating.relocator, sealer=sealer))


class MovingContract(StoreContract):
    async def test_documents_move_with_their_history(self, stores: Stores) -> None:
        hub = await filled(stores)
        before = await hub.list_documents.history(FROM.document(NOTES), caller=ANYBODY)
        await move(hub)
        after = await hub.list_documents.history(TO.document(NOTES), caller=ANYBODY)
        assert [one.version for one in after] == [3, 2, 1]
        assert [one.document for one in after] == [one.document for one in before]
        assert [one.updated_at for one in after] == [one.updated_at for one in before]
        assert await stores.config.documents(FROM.tenant, FROM.domain) == []

    async def test_who_moves_a_document_does_not_speak_for_its_authors(
        self, stores: Stores
    ) -> None:
        hub = await filled(stores)
        mover = evolve(ANYBODY, id="mover").because("new name", "request-1")
        await hub.move_area(FROM, TO, caller=mover)
        said = {
            (entry.actor, entry.reason, entry.request_id)
            for entry in await trail(stores.audit)
            if entry.action in {AuditAction.DOCUMENT_CHANGED, AuditAction.DOCUMENT_DELETED}
        }
        assert said == {(ANYBODY.id, None, None), ("mover", "new name", "request-1")}

    async def test_credentials_are_sealed_for_their_new_place(self, stores: Stores) -> None:
        hub = await filled(stores)
        old = await stores.secrets.stored_in(FROM)
        await move(hub)
        assert await revealed(hub, TO) == "secret 2"
        assert await stores.secrets.stored_in(FROM) == {}
        for ref, marks in old.items():
            for mark in marks:
                assert await stores.secrets.sealed(SealContext(FROM, ref), mark) is None
        write = DocumentWrite(TO.document(CREDENTIALS), ANYBODY)
        await hub.roll_back_document(write, version=1)
        assert await revealed(hub, TO) in {"secret 0", "secret 2"}

    async def test_what_is_sent_again_changes_nothing_at_the_new_place(
        self, stores: Stores
    ) -> None:
        hub = over(stores)

        async def sync(area: TenantArea) -> bool:
            said = CredentialsSync(area, token=CredentialRef("token"))
            return (await hub.sync_credentials(said, caller=ANYBODY)).changed

        assert await sync(FROM)
        await seal(hub, FROM, "secret")
        await move(hub)
        assert not await sync(TO)
        await seal(hub, TO, "secret")
        newest = await stores.config.current([TO.document(CREDENTIALS)])
        assert newest[TO.document(CREDENTIALS)].version == 2

    async def test_channels_and_addresses_follow(self, stores: Stores) -> None:
        hub = await filled(stores)
        await move(hub)
        route = await hub.resolve_route(MESSAGE, caller=ANYBODY)
        assert route.owner == TO
        mapped = {one.mapping.key: one.mapping for one in await stores.channels.mappings()}
        assert mapped[ChannelKey(holder=TO)].sequence == 3
        assert not mapped[ChannelKey(holder=FROM)].active
        feeds = [one.feed.owner for one in await stores.addresses.addresses()]
        assert sorted(feeds) == [owner(), TO]

    async def test_old_place_names_the_new_one(self, stores: Stores) -> None:
        hub = await filled(stores)
        await move(hub)
        said = CredentialsSync(FROM, token=CredentialRef("token"))
        mapping = ChannelMapping(ChannelKey(ChatwootId("9")), FROM)
        for work in (
            hub.read_document(FROM.document(NOTES), caller=ANYBODY),
            hub.reveal_credential(FROM, REF, caller=ANYBODY),
            hub.sync_credentials(said, caller=ANYBODY),
            hub.sync_mapping(mapping, caller=ANYBODY),
            publish(hub, FROM, note="new"),
        ):
            with pytest.raises(AreaMovedError) as caught:
                await work
            assert caught.value.place == TO

    async def test_operator_brings_no_channel_back_to_the_old_place(self, stores: Stores) -> None:
        hub = await filled(stores)
        before = await hub.read_mapping(caller=ANYBODY)
        moment = hub.clock.now()
        hub.clock.tick(timedelta(minutes=1))
        await move(hub)
        key = ChannelKey(ChatwootId("1"))
        for work in (
            hub.write_mapping(before, caller=ANYBODY, replace=True),
            hub.write_mapping(before, caller=ANYBODY, dry_run=True),
            hub.roll_back_mapping(moment, caller=ANYBODY),
            hub.roll_back_mapping(1, caller=ANYBODY, key=key),
        ):
            with pytest.raises(AreaMovedError) as caught:
                await work
            assert caught.value.place == TO
        after = await hub.read_mapping(caller=ANYBODY)
        assert not (await hub.write_mapping(after, caller=ANYBODY, replace=True)).changed

    async def test_other_process_writes_nothing_to_the_old_place(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        hub, other = await filled(stores), over(second_stores)
        # It remembers where everything is.
        await publish(other, FROM, note="before")
        await move(hub)
        with pytest.raises(AreaMovedError):
            await publish(other, FROM, note="after")
        with pytest.raises(AreaMovedError):
            await other.sync_credentials(
                CredentialsSync(FROM, token=CredentialRef("token")), caller=ANYBODY
            )
        await publish(other, TO, note="after")

    async def test_what_is_new_meanwhile_moves_too(self, stores: Stores) -> None:
        hub = await filled(stores)
        plans = DocumentWrite(FROM.document(CONFIG), ANYBODY)
        channel = ChannelKey(ChatwootId("9"))
        late: Any = Late(
            stores.config,
            [
                hub.publish_document(plans, text=json.dumps({"late": True})),
                hub.sync_mapping(ChannelMapping(channel, FROM, sequence=9), caller=ANYBODY),
            ],
        )
        await evolve(hub.move_area, store=late)(FROM, TO, caller=ANYBODY)
        found = await hub.read_document(TO.document(CONFIG), caller=ANYBODY)
        assert found.document.body == {"late": True}
        assert (await stores.channels.current((channel,)))[channel].mapping.owner == TO

    async def test_area_taken_meanwhile_is_left_alone(self, stores: Stores) -> None:
        hub = await filled(stores)
        plans = DocumentWrite(TO.document(CONFIG), ANYBODY)
        late: Any = Late(stores.config, [hub.publish_document(plans, text="{}")])
        with pytest.raises(AreaInUseError):
            await evolve(hub.move_area, store=late)(FROM, TO, caller=ANYBODY)
        assert await revealed(hub, FROM) == "secret 2"

    async def test_dry_run_changes_nothing(self, stores: Stores) -> None:
        hub = await filled(stores)
        plan = await hub.move_area(FROM, TO, caller=ANYBODY, dry_run=True)
        assert (plan.revisions, plan.credentials) == (6, len(await self._marks(stores)))
        assert (plan.channels, plan.addresses) == (2, 1)
        assert {str(one.key.kind) for one in plan.documents} == {"notes", "credentials"}
        assert await stores.tenants.current(FROM.tenant) is None
        assert await revealed(hub, FROM) == "secret 2"

    async def _marks(self, stores: Stores) -> list[object]:
        stored = await stores.secrets.stored_in(FROM)
        return [mark for marks in stored.values() for mark in marks]

    async def test_area_moves_back_and_on(self, stores: Stores) -> None:
        hub = await filled(stores)
        third = owner("acme", "third")
        await move(hub)
        await hub.move_area(TO, FROM, caller=ANYBODY)
        assert await revealed(hub, FROM) == "secret 2"
        history = await hub.list_documents.history(FROM.document(NOTES), caller=ANYBODY)
        assert history[0].version == 7
        await move(hub)
        await hub.move_area(TO, third, caller=ANYBODY)
        for old in (FROM, TO):
            with pytest.raises(AreaMovedError) as caught:
                await hub.read_document(old.document(NOTES), caller=ANYBODY)
            assert caught.value.place == third
        assert await revealed(hub, third) == "secret 2"

    async def test_what_is_of_the_whole_tenant_stays(self, stores: Stores) -> None:
        hub, default = over(stores), owner("acme")
        await publish(hub, default, note="x")
        await hub.pause_tenant(default.tenant, caller=ANYBODY)
        await hub.move_area(default, TO, caller=ANYBODY)
        found = await stores.config.current([default.document(PAUSES)])
        assert not found[default.document(PAUSES)].deleted
        await hub.pause_tenant.end(default.tenant, caller=ANYBODY)

    async def test_moves_that_cannot_be_are_refused(self, stores: Stores) -> None:
        hub = await filled(stores)
        with pytest.raises(InvalidValueError):
            await hub.move_area(FROM, FROM, caller=ANYBODY)
        with pytest.raises(DocumentNotFoundError):
            await hub.move_area(TO, FROM, caller=ANYBODY)
        with pytest.raises(TenantForbiddenError):
            await hub.move_area(FROM, TO, caller=bound_to("acme"))
        await publish(hub, TO, note="x")
        with pytest.raises(AreaInUseError):
            await move(hub)
        await hub.erase_tenant(FROM.tenant, caller=ANYBODY, confirmation="acme")
        with pytest.raises(TenantErasedError):
            await move(hub)

    async def test_suspension_and_move_do_not_touch_each_other(self, stores: Stores) -> None:
        hub = await filled(stores)
        suspended = await hub.suspend_tenant(FROM.tenant, caller=ANYBODY.because("unpaid"))
        await move(hub)
        state = await hub.suspend_tenant.end(FROM.tenant, caller=ANYBODY)
        assert suspended is not None
        assert state is not None
        assert state.revision == 3
        assert await revealed(hub, TO) == "secret 2"
        with pytest.raises(AreaMovedError):
            await hub.read_document(FROM.document(CONFIG), caller=ANYBODY)
        entries = await acts(stores.audit)
        assert AuditAction.AREA_MOVED in {entry.action for entry in entries}

    async def test_move_that_another_overtakes_finds_nothing_left(self, stores: Stores) -> None:
        hub = await filled(stores)
        other = owner("acme", "other")
        faster = partial(hub.move_area, FROM, other, caller=ANYBODY)
        with pytest.raises(AreaMovedError) as caught:
            await overtaken(hub.move_area, faster)(FROM, TO, caller=ANYBODY)
        assert caught.value.place == other
        assert await revealed(hub, other) == "secret 2"

    async def test_move_that_an_erasure_overtakes_is_refused(self, stores: Stores) -> None:
        hub = await filled(stores)
        faster = partial(hub.erase_tenant, FROM.tenant, caller=ANYBODY, confirmation="acme")
        with pytest.raises(TenantErasedError):
            await overtaken(hub.move_area, faster)(FROM, TO, caller=ANYBODY)
