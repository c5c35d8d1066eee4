"""
Suspension, erasure and its certificate, by the use cases.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy

import pytest
import structlog
from attrs import evolve, fields

from odoo_ai_config.adapters.memory.config_store import MemoryConfigStore
from odoo_ai_config.adapters.memory.state import MemoryState
from odoo_ai_config.adapters.memory.tenant_store import MemoryTenantStore
from odoo_ai_config.application.errors import ContentionError, SealBrokenError
from odoo_ai_config.application.messages.intake import ERASED_OWNER, NO_ROUTE
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.application.messages.progress import Progress
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.addresses import Feed, RecordKind
from odoo_ai_config.domain.changes import AuditAction, Changeset
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.conversations.state import ConversationKey
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import (
    DocumentNotFoundError,
    InvalidValueError,
    TenantForbiddenError,
    TenantNotFoundError,
)
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    BusinessArea,
    ChatwootId,
    CredentialRef,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.messages.inbox import MessageId, Stage
from odoo_ai_config.domain.tenants import (
    Certificate,
    CertificateInvalidError,
    CertificateNotFoundError,
    Standing,
    TenantContents,
    TenantErasedError,
    TenantState,
    TenantSuspendedError,
    Wish,
)
from odoo_ai_config.entrypoints.http.odoo_events.payloads import credentials_sync
from odoo_ai_config.entrypoints.serving import finish_removals
from tests.contract.samples import AT, DAY
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to, write
from tests.unit.application.messages.deliveries import (
    ACME,
    ANSWER,
    OTHER,
    ScriptedCrew,
    claimed,
    delivered,
    found,
    has_crews,
    hub_with,
    owns,
    payload,
    received,
)

TENANT = ACME.tenant
KEY = ConversationKey(ChatwootId("1"), ChatwootId("301"))
MESSAGE = IncomingMessage(ChatwootId("1"), ChatwootId("7"))


async def sync(hub: MemoryHub, password: str = "canary") -> None:
    """
    Push credentials as Odoo does.
    """
    body: JsonObject = {
        "source": "credentials",
        "event": "credentials_sync",
        "account_id": "acme",
        "credentials": {
            "domain": "retail",
            "token": "acme-token",
            "odoo_url": "http://localhost:8069",
            "odoo_password": password,
        },
    }
    await hub.sync_credentials(credentials_sync(body), caller=ANYBODY)


@pytest.fixture
async def world() -> tuple[MemoryHub, ScriptedCrew]:
    """
    A hub with two tenants that have channels, and one that has credentials.
    """
    hub, crew = hub_with(ANSWER)
    await sync(hub)
    for owner, account in ((ACME, "1"), (OTHER, "2")):
        await owns(hub, owner, account=account)
        await has_crews(hub, owner)
    return hub, crew


World = tuple[MemoryHub, ScriptedCrew]


async def said(hub: MemoryHub, number: int, **changes: Json) -> MessageId:
    """
    Receive a message that tells in which state its conversation is.
    """
    body = payload(number) | changes
    body["conversation"] = {"id": 301, "inbox_id": 7, "status": "pending"}
    receipt = await hub.receive_message(
        read_event(body), SecretText(json.dumps(body)), caller=ANYBODY
    )
    return receipt.id


async def suspend(hub: MemoryHub) -> TenantState | None:
    return await hub.suspend_tenant(TENANT, caller=ANYBODY.because("unpaid"))


async def erase(hub: MemoryHub) -> TenantState:
    return await hub.erase_tenant(TENANT, caller=ANYBODY.because("left"), confirmation="acme")


def actions(hub: MemoryHub) -> list[AuditAction]:
    return [entry.action for entry in hub.state.audit]


async def refused_reads(hub: MemoryHub) -> set[str]:
    """
    The reads of the tenant that are refused, by the code of the refusal.
    """
    config = ACME.document(CONFIG)
    bound = bound_to("acme")
    reads = {
        "document": hub.read_document(config, caller=ANYBODY),
        "version": hub.read_document(config, caller=ANYBODY, version=1),
        "documents": hub.list_documents(TENANT, caller=ANYBODY),
        "history": hub.list_documents.history(config, caller=ANYBODY),
        "comparison": hub.compare_revisions(config, caller=ANYBODY),
        "credential": hub.reveal_credential(ACME, CredentialRef("acme-token"), caller=ANYBODY),
        "collections": hub.read_collection.all_of(TENANT, caller=ANYBODY),
        "channels": hub.read_mapping.of(TENANT, caller=ANYBODY),
        "mapping": hub.read_mapping(caller=bound),
        "route": hub.resolve_route(MESSAGE, caller=ANYBODY),
        "messages": hub.list_messages(caller=bound),
        "conversations": hub.list_conversations(caller=bound),
    }
    codes = set()
    for name, read in reads.items():
        try:
            await read
        except (TenantSuspendedError, TenantErasedError) as error:
            codes.add(error.code)
        else:
            codes.add(f"{name} is served")
    return codes


async def test_nothing_of_a_suspended_tenant_is_served(world: World) -> None:
    hub, _ = world
    state = await suspend(hub)
    assert state is not None
    assert (state.standing, state.reason) == (Standing.SUSPENDED, "unpaid")
    assert await refused_reads(hub) == {"tenant_suspended"}
    assert await hub.list_documents(OTHER.tenant, caller=ANYBODY)
    assert actions(hub)[-1] is AuditAction.TENANT_SUSPENDED


async def test_what_odoo_sends_of_a_suspended_tenant_is_kept(world: World) -> None:
    hub, _ = world
    await suspend(hub)
    await sync(hub, "changed")
    await hub.suspend_tenant.end(TENANT, caller=ANYBODY)
    secret = await hub.reveal_credential(ACME, CredentialRef("acme-token"), caller=ANYBODY)
    assert secret.reveal() == "changed"
    assert AuditAction.SUSPENSION_ENDED in actions(hub)


async def test_repeated_suspension_changes_nothing(world: World) -> None:
    hub, _ = world
    first = await suspend(hub)
    assert await suspend(hub) == first
    assert actions(hub).count(AuditAction.TENANT_SUSPENDED) == 1
    unknown = await hub.suspend_tenant.end(OTHER.tenant, caller=ANYBODY)
    assert unknown is None


async def test_ai_is_silent_for_a_suspended_tenant(world: World) -> None:
    hub, crew = world
    waiting = await received(hub, 1)
    await suspend(hub)
    step = await delivered(hub)
    assert step.progress is Progress.IGNORED
    assert (await found(hub, waiting)).reason == Silence.SUSPENDED.value
    arrived = await received(hub, 2)
    await delivered(hub)
    assert (await found(hub, arrived)).reason == "tenant_suspended"
    assert crew.asked == []
    explanation = await hub.explain_silence.at(KEY, ACME, None, ChatwootId("7"), caller=ANYBODY)
    assert explanation.silence is Silence.SUSPENDED
    await hub.suspend_tenant.end(TENANT, caller=ANYBODY)
    await received(hub, 3)
    await delivered(hub)
    assert len(crew.asked) == 1


async def test_answer_that_was_given_before_is_not_posted(world: World) -> None:
    hub, _ = world
    await received(hub, 1)
    step = await hub.deliver_message(await claimed(hub))
    assert step.progress is Progress.ANSWERED
    await suspend(hub)
    await hub.deliver_message(step.message, answer=step.answer)
    assert [one for one in hub.chatwoot.posted if not one.message.private] == []


async def test_only_an_unbound_operator_changes_a_standing(world: World) -> None:
    hub, _ = world
    bound, reader = bound_to("acme"), evolve(ANYBODY, scopes=frozenset({Scope.CONFIG_WRITE}))
    for key, refusal in ((bound, TenantForbiddenError), (reader, ScopeMissingError)):
        with pytest.raises(refusal):
            await hub.suspend_tenant(TENANT, caller=key)
        with pytest.raises(refusal):
            await hub.suspend_tenant.end(TENANT, caller=key)
        with pytest.raises(refusal):
            await hub.erase_tenant(TENANT, caller=key, confirmation="acme")
        with pytest.raises(refusal):
            await hub.erase_tenant.planned(TENANT, caller=key)
        with pytest.raises(refusal):
            await hub.reopen_tenant(TENANT, caller=key)
        with pytest.raises(refusal):
            await hub.read_standing.unserved(caller=key)


async def test_unknown_tenant_is_neither_suspended_nor_erased(world: World) -> None:
    hub, _ = world
    nobody = TenantId("nobody")
    with pytest.raises(TenantNotFoundError):
        await hub.suspend_tenant(nobody, caller=ANYBODY)
    with pytest.raises(TenantNotFoundError):
        await hub.erase_tenant(nobody, caller=ANYBODY, confirmation="nobody")
    with pytest.raises(TenantNotFoundError):
        await hub.erase_tenant.planned(nobody, caller=ANYBODY)


async def test_dry_run_counts_and_changes_nothing(world: World) -> None:
    hub, _ = world
    await received(hub, 1)
    planned = await hub.erase_tenant.planned(TENANT, caller=ANYBODY)
    assert (planned.documents, planned.credentials, planned.messages) == (3, 1, 1)
    assert await hub.erase_tenant.planned(TENANT, caller=ANYBODY) == planned
    assert (await hub.read_document(ACME.document(CONFIG), caller=ANYBODY)).version == 1


async def test_erasure_needs_its_confirmation(world: World) -> None:
    hub, _ = world
    with pytest.raises(InvalidValueError):
        await hub.erase_tenant(TENANT, caller=ANYBODY, confirmation=None)
    assert (await hub.read_document(ACME.document(CONFIG), caller=ANYBODY)).version == 1


async def test_nothing_is_left_of_an_erased_tenant(world: World) -> None:
    hub, _ = world
    await received(hub, 1)
    key, _secret = await hub.create_api_key(
        name="acme", scopes=frozenset({Scope.CONFIG_READ}), tenant=TENANT, caller=ANYBODY
    )
    feed = Feed(ACME, RecordKind.CREDENTIALS)
    address, _token = await hub.create_address(feed, name="acme", caller=ANYBODY)
    planned = await hub.erase_tenant.planned(TENANT, caller=ANYBODY)
    state = await erase(hub)
    assert state.standing is Standing.ERASED
    assert state.contents == planned
    assert await hub.ports.tenants.contents(TENANT) == TenantContents(channels=1)
    assert hub.state.api_keys.keys().isdisjoint({key.id})
    assert await hub.ports.secrets.keys_of(TENANT) == []
    assert {key.id, address.id} <= await hub.revoked_keys.noted()
    mapping = hub.state.mappings[ChannelKey(ChatwootId("1"))].mapping
    assert (mapping.active, mapping.fallback, mapping.numbers) == (False, False, ())
    assert "canary" not in repr(hub.state)
    assert await refused_reads(hub) == {"tenant_erased"}
    assert actions(hub)[-2:] == [AuditAction.ERASURE_BEGUN, AuditAction.TENANT_ERASED]
    with pytest.raises(TenantErasedError):
        await hub.list_tenants.one(TENANT, caller=ANYBODY)
    assert [one.tenant for one in await hub.list_tenants(caller=ANYBODY)] == [OTHER.tenant]


async def test_erasing_again_changes_nothing(world: World) -> None:
    hub, _ = world
    state = await erase(hub)
    assert await erase(hub) == state
    with pytest.raises(TenantErasedError):
        await hub.erase_tenant.planned(TENANT, caller=ANYBODY)
    with pytest.raises(TenantErasedError):
        await hub.suspend_tenant(TENANT, caller=ANYBODY)


async def test_odoo_is_refused_until_the_tenant_is_reopened(world: World) -> None:
    hub, _ = world
    await erase(hub)
    with pytest.raises(TenantErasedError):
        await sync(hub)
    state = await hub.reopen_tenant(TENANT, caller=ANYBODY.because("came back"))
    assert state is not None
    assert (state.standing, state.reason) == (Standing.ACTIVE, "came back")
    await sync(hub, "new")
    assert (await hub.read_document(ACME.document(CREDENTIALS), caller=ANYBODY)).version == 1
    secret = await hub.reveal_credential(ACME, CredentialRef("acme-token"), caller=ANYBODY)
    assert secret.reveal() == "new"
    assert AuditAction.TENANT_REOPENED in actions(hub)
    with pytest.raises(CertificateNotFoundError):
        await hub.read_standing.certificate(TENANT, caller=ANYBODY)


async def test_message_for_an_erased_tenant_leaves_nothing_but_that_it_came(world: World) -> None:
    hub, _ = world
    await erase(hub)
    message = await found(hub, await received(hub, 9))
    assert (message.stage, message.reason, message.body) == (Stage.IGNORED, ERASED_OWNER, None)
    assert message.holder.tenant != TENANT
    assert not hub.state.secrets
    with pytest.raises(TenantErasedError):
        await hub.resolve_route(MESSAGE, caller=ANYBODY)


async def test_what_a_person_says_there_leaves_nothing_either(world: World) -> None:
    hub, _ = world
    await erase(hub)
    message = await found(
        hub, await said(hub, 9, message_type="outgoing", sender={"id": 3, "type": "user"})
    )
    assert (message.reason, message.body) == (ERASED_OWNER, None)
    assert not hub.state.secrets


async def test_message_in_hand_is_dropped_when_its_tenant_is_erased(world: World) -> None:
    hub, crew = world
    await received(hub, 1)
    message = await claimed(hub)
    keys = tuple(key.key_id for key in hub.state.keys[TENANT])
    begun = TenantState(TENANT, 1, Standing.ERASING, AT, "operator", data_keys=keys)

    def begin() -> None:
        hub.state.apply(Changeset(tenant_states=(begun,)))

    crew.meanwhile = begin
    step = await hub.deliver_message(message)
    assert step.progress is Progress.OVERTAKEN
    assert await hub.erase_tenant.go_on()
    assert (await hub.deliver_message(message)).progress is Progress.OVERTAKEN


async def test_interrupted_erasure_is_finished_later(world: World) -> None:
    hub, _ = world
    keys = tuple(key.key_id for key in hub.state.keys[TENANT])
    begun = TenantState(TENANT, 1, Standing.ERASING, AT, "operator", data_keys=keys)
    await hub.ports.store.commit(Changeset(tenant_states=(begun,)))
    assert await refused_reads(hub) == {"tenant_erased"}
    with pytest.raises(TenantErasedError):
        await hub.reopen_tenant(TENANT, caller=ANYBODY)
    (state,) = await hub.erase_tenant.go_on()
    assert state.standing is Standing.ERASED
    assert state.by == "operator"
    assert await hub.erase_tenant.go_on() == []


@pytest.mark.parametrize("error", [ContentionError(), LookupError("nobody foresaw it")])
async def test_removal_that_fails_keeps_none_of_the_others(
    world: World, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, _ = world
    names = [f"t{number:03}" for number in range(250)]
    for standing in (Standing.ERASING, Standing.RENAMING):
        new = None if standing is Standing.ERASING else OTHER.tenant
        begun = [
            TenantState(TenantId(f"{name}-{standing.value}"), 1, standing, AT, "a", successor=new)
            for name in names
        ]
        await hub.ports.store.commit(Changeset(tenant_states=tuple(begun)))
    remove_some = type(hub.ports.tenants).remove_some

    async def failing(self: MemoryTenantStore, tenant: TenantId) -> bool:
        if tenant.value.startswith("t001"):
            raise error
        return await remove_some(self, tenant)

    monkeypatch.setattr(MemoryTenantStore, "remove_some", failing)
    with structlog.testing.capture_logs() as logged:
        if isinstance(error, ContentionError):
            await finish_removals(hub)
        else:
            # The maintenance counts it, and logs it with its stack.
            with pytest.raises(ExceptionGroup) as caught:
                await finish_removals(hub)
            assert caught.value.exceptions == (error, error)
    states = hub.state.tenant_states.values()
    left = {
        one.tenant.value for one in states if one.standing in {Standing.ERASING, Standing.RENAMING}
    }
    assert left == {"t001-erasing", "t001-renaming"}
    done = [one.standing for one in states]
    assert (done.count(Standing.ERASED), done.count(Standing.RENAMED)) == (249, 249)
    code = error.code if isinstance(error, ContentionError) else "unexpected_error"
    assert [(one["event"], one["tenant"], one["code"]) for one in logged if "code" in one] == [
        ("erasure_failed", "t001-erasing", code),
        ("rename_failed", "t001-renaming", code),
    ]
    with pytest.raises(type(error)):
        await hub.erase_tenant.go_on()


async def test_rename_whose_heir_leaves_meanwhile_is_no_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, _ = world
    begun = TenantState(TenantId("old"), 1, Standing.RENAMING, AT, "a", successor=OTHER.tenant)
    await hub.ports.store.commit(Changeset(tenant_states=(begun,)))

    async def overtaken(_self: MemoryTenantStore, tenant: TenantId) -> bool:
        raise TenantErasedError(tenant)

    with monkeypatch.context() as patched:
        patched.setattr(MemoryTenantStore, "remove_some", overtaken)
        assert await hub.rename_tenant.go_on() == []
    (done,) = await hub.rename_tenant.go_on()
    assert done.standing is Standing.RENAMED


async def test_erasure_of_a_tenant_that_was_reopened_meanwhile_is_given_up(world: World) -> None:
    hub, _ = world
    with pytest.raises(ContentionError):
        await hub.erase_tenant._finished(TENANT)


async def test_certificate_is_verified_by_the_public_key_alone(world: World) -> None:
    hub, _ = world
    state = await erase(hub)
    certificate = await hub.read_standing.certificate(TENANT, caller=ANYBODY)
    statement = certificate.statement
    assert (statement["tenant"], statement["reason"]) == ("acme", "left")
    assert statement["destroyed_data_keys"] == list(state.data_keys)
    assert len(state.data_keys) == 1
    (key,) = hub.ports.certificates.public_keys().values()
    assert hub.read_standing.verify(certificate.text) == certificate
    assert hub.read_standing.verify(certificate.text, key) == certificate
    with pytest.raises(CertificateInvalidError):
        hub.read_standing.verify(certificate.text, b"x" * 32)


async def test_changed_certificate_is_refused(world: World) -> None:
    hub, _ = world
    await erase(hub)
    certificate = await hub.read_standing.certificate(TENANT, caller=ANYBODY)
    forged = Certificate({**certificate.statement, "tenant": "other"}, certificate.signature)
    with pytest.raises(CertificateInvalidError):
        hub.read_standing.verify(forged.text)
    with pytest.raises(InvalidValueError):
        hub.read_standing.verify(json.dumps({}))


async def test_standings_are_listed(world: World) -> None:
    hub, _ = world
    assert await hub.read_standing.unserved(caller=ANYBODY) == []
    await suspend(hub)
    (state,) = await hub.read_standing.unserved(caller=ANYBODY)
    assert state == await hub.read_standing(TENANT, caller=bound_to("acme"))
    (first, second) = await hub.list_tenants(caller=ANYBODY)
    assert (first.standing, second.standing) == (Standing.SUSPENDED, Standing.ACTIVE)


async def test_unknown_document_of_an_active_tenant_is_still_not_found(world: World) -> None:
    hub, _ = world
    with pytest.raises(DocumentNotFoundError):
        await hub.read_document(OTHER.document(CONFIG), caller=ANYBODY)
    assert (await hub.read_document(ACME.document(CONFIG), caller=ANYBODY)).version == 1
    await hub.publish_document(write(OTHER.document(CONFIG)), text="{}")


async def test_channel_that_is_only_switched_off_is_nobodys_as_before(world: World) -> None:
    hub, _ = world
    off = ChannelMapping(ChannelKey(ChatwootId("1")), ACME, active=False)
    await hub.sync_mapping(off, caller=ANYBODY)
    assert (await hub.resolve_route(MESSAGE, caller=ANYBODY)).owner is None
    message = await found(hub, await received(hub, 9))
    assert (message.stage, message.reason) == (Stage.UNRESOLVED, NO_ROUTE)


async def test_message_of_no_account_is_of_nobody_who_left(world: World) -> None:
    hub, _ = world
    await erase(hub)
    assert (await hub.resolve_route(IncomingMessage(None), caller=ANYBODY)).owner is None


async def test_channels_are_given_up_in_short_steps(world: World) -> None:
    hub, _ = world
    numbers = range(300, 505)
    for number in numbers:
        key = ChannelKey(ChatwootId(str(number)))
        await hub.sync_mapping(ChannelMapping(key, ACME), caller=ANYBODY)
    other = ChannelKey(ChatwootId("300"))
    started: list[int] = []

    class Slow(MemoryConfigStore):
        async def commit(self, changeset: Changeset) -> None:
            started.append(len(changeset.mappings))
            await super().commit(changeset)
            if len(started) == 1:
                # Closed, and its channels are still to give up: nobody gets its messages.
                message = await found(hub, await received(hub, 9))
                assert (message.reason, message.body) == (ERASED_OWNER, None)
                taken = ChannelMapping(other, OTHER)
                await hub.sync_mapping(taken, caller=ANYBODY)

    await evolve(hub.erase_tenant, store=Slow(hub.state))(
        TENANT, caller=ANYBODY, confirmation=TENANT.value
    )
    assert max(started) == 100
    for mapped in hub.state.mappings.values():
        assert mapped.mapping.active == (mapped.mapping.owner.tenant != TENANT)
    assert hub.state.mappings[other].mapping.owner == OTHER


async def test_second_of_two_erasures_leaves_the_beginning_to_the_first(world: World) -> None:
    hub, _ = world
    state = await erase(hub)
    late = Wish(TENANT, "somebody", AT)
    await hub.erase_tenant._begun(late)
    assert await hub.ports.tenants.current(TENANT) == state


def restore(hub: MemoryHub, backup: MemoryState) -> None:
    for attribute in fields(MemoryState):
        setattr(hub.state, attribute.name, getattr(backup, attribute.name))


async def erased_again(hub: MemoryHub, *, restored: bool = False) -> Sequence[TenantId]:
    """
    The tenants that a start erases again.
    """
    return await hub.erase_tenant.again(caller=ANYBODY, restored=restored)


@pytest.mark.parametrize("restored", [False, True])
async def test_backup_from_before_an_erasure_brings_nothing_back(
    world: World, *, restored: bool
) -> None:
    hub, _ = world
    backup = deepcopy(hub.state)
    await erase(hub)
    restore(hub, backup)
    assert await erased_again(hub, restored=restored) == [TENANT]
    assert await refused_reads(hub) == {"tenant_erased"}
    assert await hub.ports.secrets.keys_of(TENANT) == []
    (state,) = await hub.erase_tenant.go_on()
    assert state.standing is Standing.ERASED
    assert state.reason == "já apagado; voltou com um backup"
    assert "canary" not in repr(hub.state)
    assert await erased_again(hub, restored=restored) == []


async def test_tenant_without_data_keys_is_erased_again_where_a_backup_was_restored(
    world: World,
) -> None:
    hub, _ = world
    backup = deepcopy(hub.state)
    assert OTHER.tenant not in backup.keys
    await hub.erase_tenant(OTHER.tenant, caller=ANYBODY, confirmation=OTHER.tenant.value)
    restore(hub, backup)
    # Another store may have a tenant of this name.
    assert await erased_again(hub) == []
    assert await erased_again(hub, restored=True) == [OTHER.tenant]


async def test_tenant_that_came_back_is_not_erased_again(world: World) -> None:
    hub, _ = world
    await erase(hub)
    hub.clock.tick(DAY)
    await hub.reopen_tenant(TENANT, caller=ANYBODY)
    await sync(hub)
    for restored in (False, True):
        assert await erased_again(hub, restored=restored) == []


async def test_erasure_by_another_machine_is_noted(world: World) -> None:
    hub, _ = world
    backup = deepcopy(hub.state)
    await erase(hub)
    hub.revoked_keys._ids.clear()
    await hub.revoked_keys.note(["erased", "erased/no tenant/x", "other/acme/2026-11-30"])
    for _ in range(2):
        await hub.erase_tenant.note_all()
    assert await erased_again(hub) == []
    restore(hub, backup)
    assert await erased_again(hub) == [TENANT]
    # They are no keys, and no damage either.
    noted = await hub.revoke_api_key.noted_so_far()
    assert (len(noted.ids), noted.torn) == (0, 3)


async def test_area_whose_values_do_not_open_stays(hub: MemoryHub) -> None:
    text = json.dumps({"credentials": {"t1": "senha"}})
    await hub.publish_document(write(ACME.document(CREDENTIALS)), text=text)
    for place, secret in hub.state.secrets.items():
        hub.state.secrets[place] = evolve(secret, envelope=b"")
    elsewhere = TenantArea(ACME.tenant, BusinessArea("elsewhere"))
    with pytest.raises(SealBrokenError):
        await hub.move_area(ACME, elsewhere, caller=ANYBODY)
    assert await hub.ports.tenants.current(ACME.tenant) is None
