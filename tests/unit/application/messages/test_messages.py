"""
What people and crews do with messages: answer, read, replay, discard.
"""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from functools import partial

import pytest
from attrs import evolve

from odoo_ai_config.adapters.memory.config_store import MemoryConfigStore
from odoo_ai_config.application.errors import (
    ChatwootRefusedError,
    CrewRefusedError,
    SealBrokenError,
    StoreUnavailableError,
)
from odoo_ai_config.application.messages.replay import Replay
from odoo_ai_config.application.retention import PruneMessages
from odoo_ai_config.application.work_signal import WorkSignal
from odoo_ai_config.domain.access import ApiKey, Scope, ScopeMissingError
from odoo_ai_config.domain.changes import AuditAction, Changeset
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import (
    CrewNotFoundError,
    MessageNotFoundError,
    TenantForbiddenError,
)
from odoo_ai_config.domain.identifiers import CREDENTIALS, HUB
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.answers import DEFERRED, NO_REPLY, Answer, NoReply
from odoo_ai_config.domain.messages.inbox import MessageId, Origin, Stage, WrongStageError
from odoo_ai_config.domain.subscriptions import SubscriptionId
from tests.contract.samples import AT, event_to, rules_over
from tests.trail import acts
from tests.unit.application.memory_hub import ANYBODY, STRANGER, MemoryHub, bound_to, write
from tests.unit.application.messages.deliveries import (
    ACME,
    ANOTHER,
    ANSWER,
    OTHER,
    delivered,
    found,
    has_crews,
    hub_with,
    owns,
    ready,
    received,
)

NO_SUCH = MessageId("msg_that_is_not_there")
SIGNED: JsonObject = {
    "default_crew": "sales",
    "crews": {"sales": {"type": "http", "url": "https://crew.example.com", "secret_ref": "sign"}},
}
SECRET = SecretText("whsec_c2VncmVkbw==")


def unbound(*scopes: Scope) -> ApiKey:
    return ApiKey("unbound", "unbound", b"", frozenset(scopes), None, AT)


class NotProvenError(Exception):
    """
    The refusal of an unauthenticated answer.
    """


def prove(secret: SecretText | None) -> None:
    if secret != SECRET:
        raise NotProvenError


async def awaiting(document: JsonObject | None = None) -> tuple[MemoryHub, MessageId]:
    """
    A message whose crew answers later.
    """
    if document is None:
        hub, _, message_id = await ready(DEFERRED)
    else:
        hub, _, message_id = await ready(DEFERRED, document=document)
        body: JsonObject = {"credentials": {"sign": SECRET.reveal()}}
        await hub.publish_document(write(ACME.document(CREDENTIALS)), text=json.dumps(body))
    await delivered(hub)
    return hub, message_id


async def dead(*says: Answer | Exception) -> tuple[MemoryHub, MessageId]:
    """
    A message that its crew has refused.
    """
    hub, _, message_id = await ready(CrewRefusedError(), *says)
    await delivered(hub)
    return hub, message_id


async def unresolved() -> tuple[MemoryHub, MessageId]:
    hub, _ = hub_with()
    return hub, await received(hub)


# Later answers


async def test_later_answer_is_posted() -> None:
    hub, message_id = await awaiting()
    message = await hub.answer_message(message_id, ANSWER, caller=ANYBODY)
    assert (message.stage, message.due_at) == (Stage.ANSWERED, hub.clock.now())
    assert await found(hub, message_id) == message
    await delivered(hub)
    assert [posted.message for posted in hub.chatwoot.posted] == [ANSWER.plain]


@pytest.mark.parametrize("finished", [False, True])
async def test_same_answer_again_changes_nothing(finished: bool) -> None:
    hub, message_id = await awaiting()
    await hub.answer_message(message_id, ANSWER, caller=ANYBODY)
    if finished:
        await delivered(hub)
    before = await found(hub, message_id)
    assert await hub.answer_message(message_id, ANSWER, caller=ANYBODY) == before
    assert await found(hub, message_id) == before


@pytest.mark.parametrize("other", [ANOTHER, NO_REPLY])
async def test_another_answer_is_refused(other: Answer | NoReply) -> None:
    hub, message_id = await awaiting()
    await hub.answer_message(message_id, ANSWER, caller=ANYBODY)
    with pytest.raises(WrongStageError) as refusal:
        await hub.answer_message(message_id, other, caller=ANYBODY)
    assert refusal.value.stage is Stage.ANSWERED


async def test_crew_may_have_nothing_to_say_after_all() -> None:
    hub, message_id = await awaiting()
    for _ in range(2):
        message = await hub.answer_message(message_id, NO_REPLY, caller=ANYBODY)
        assert (message.stage, message.reason) == (Stage.DONE, "silence")
    with pytest.raises(WrongStageError):
        await hub.answer_message(message_id, ANSWER, caller=ANYBODY)


async def test_first_thing_sealed_under_a_new_key_may_be_an_answer() -> None:
    hub, message_id = await awaiting()
    hub.state.keys.clear()
    message = await hub.answer_message(message_id, ANSWER, caller=ANYBODY)
    assert await hub.read_message.texts.answer_to(message) == ANSWER


async def test_of_two_answers_at_the_same_time_one_counts() -> None:
    hub, message_id = await awaiting()
    outcomes = await asyncio.gather(
        hub.answer_message(message_id, ANSWER, caller=ANYBODY),
        hub.answer_message(message_id, ANOTHER, caller=ANYBODY),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, WrongStageError) for outcome in outcomes) == 1


async def test_answer_needs_a_message_and_a_key_for_it() -> None:
    hub, message_id = await awaiting()
    with pytest.raises(ScopeMissingError):
        await hub.answer_message(message_id, ANSWER, caller=unbound(Scope.MESSAGES_READ))
    with pytest.raises(TenantForbiddenError):
        await hub.answer_message(message_id, ANSWER, caller=bound_to("other"))
    with pytest.raises(MessageNotFoundError):
        await hub.answer_message(NO_SUCH, ANSWER, caller=ANYBODY)
    own = bound_to("acme", Scope.MESSAGES_WRITE)
    await hub.answer_message(message_id, ANSWER, caller=own)


async def test_crew_answers_with_its_signature() -> None:
    hub, message_id = await awaiting(SIGNED)
    await hub.answer_message.from_crew(message_id, ANSWER, prove=prove)
    assert (await found(hub, message_id)).stage is Stage.ANSWERED


async def test_nothing_proves_an_answer_of_a_crew_that_does_not_sign() -> None:
    hub, message_id = await awaiting()
    with pytest.raises(NotProvenError):
        await hub.answer_message.from_crew(message_id, ANSWER, prove=prove)


async def test_nothing_proves_an_answer_if_the_secret_is_gone() -> None:
    hub, message_id = await awaiting(SIGNED)
    await hub.delete_document(write(ACME.document(CREDENTIALS)))
    with pytest.raises(NotProvenError):
        await hub.answer_message.from_crew(message_id, ANSWER, prove=prove)


async def test_answer_to_a_message_without_an_owner_cannot_be_authenticated() -> None:
    hub, message_id = await unresolved()
    for one in (message_id, NO_SUCH):
        with pytest.raises(NotProvenError):
            await hub.answer_message.from_crew(one, ANSWER, prove=prove)


async def test_message_that_goes_away_while_it_is_answered_is_not_found() -> None:
    hub, message_id = await awaiting(SIGNED)

    def forget(_secret: SecretText | None) -> None:
        del hub.state.messages[message_id]

    with pytest.raises(MessageNotFoundError):
        await hub.answer_message.from_crew(message_id, ANSWER, prove=forget)


async def test_answer_wakes_who_delivers() -> None:
    hub, message_id = await awaiting()
    await hub.work_signal.wait(0)
    waiting = asyncio.create_task(hub.work_signal.wait(3600))
    await asyncio.sleep(0)
    assert not waiting.done()
    await hub.answer_message(message_id, ANSWER, caller=ANYBODY)
    await waiting


async def test_without_an_address_there_is_no_crew() -> None:
    crews = MemoryHub().deliver_message.asking.crews
    with pytest.raises(CrewNotFoundError):
        await crews.crew_at(None)


async def test_wait_for_a_work_signal_ends_after_its_timeout() -> None:
    signal, loop = WorkSignal(), asyncio.get_running_loop()
    before = loop.time()
    await signal.wait(0.01)
    assert loop.time() >= before + 0.01


# Replay


async def test_replayed_message_is_asked_about_again() -> None:
    hub, message_id = await dead(ANSWER)
    message = await hub.replay_messages(message_id, caller=ANYBODY.because(None, "r-9"))
    assert (message.stage, message.replays, message.attempts) == (Stage.QUEUED, 1, 0)
    await delivered(hub)
    assert (await found(hub, message_id)).stage is Stage.DONE
    entry = hub.state.audit[-1]
    assert (entry.action, entry.tenant, entry.subject, entry.actor, entry.request_id) == (
        AuditAction.MESSAGE_REPLAYED,
        ACME.tenant,
        str(message_id),
        ANYBODY.id,
        "r-9",
    )


async def test_rehearsed_replay_says_where_the_message_would_go_and_writes_nothing() -> None:
    hub, message_id = await unresolved()
    before = await found(hub, message_id)
    await owns(hub, ACME)
    message = await hub.replay_messages(message_id, caller=ANYBODY, dry_run=True)
    assert (message.stage, message.holder) == (Stage.QUEUED, ACME)
    assert await found(hub, message_id) == before
    assert AuditAction.MESSAGE_REPLAYED not in {entry.action for entry in hub.state.audit}
    with pytest.raises(ScopeMissingError):
        await hub.replay_messages(message_id, caller=unbound(Scope.MESSAGES_READ), dry_run=True)


async def test_replayed_message_that_was_answered_is_only_posted() -> None:
    hub, crew, message_id = await ready()
    hub.chatwoot.failures.extend([ChatwootRefusedError(), ChatwootRefusedError()])
    await delivered(hub)
    await hub.replay_messages(message_id, caller=ANYBODY)
    await delivered(hub)
    assert len(hub.chatwoot.posted) == len(crew.asked) == 1


async def test_message_without_an_owner_finds_one_and_is_sealed_for_it() -> None:
    hub, message_id = await unresolved()
    before = await found(hub, message_id)
    await owns(hub, ACME)
    await has_crews(hub, ACME)
    message = await hub.replay_messages(message_id, caller=ANYBODY)
    assert (message.stage, message.holder) == (Stage.QUEUED, ACME)
    assert message.body != before.body
    assert (await hub.read_message.texts.read(message)).text == "Olá 1"
    assert message.destination is not None
    assert message.destination.release.mapping_version == 1
    await delivered(hub)
    assert (await found(hub, message_id)).stage is Stage.DONE
    await hub.prune_messages()
    assert {context.owner for context, _ in hub.state.secrets} == {ACME}


async def test_message_that_changed_its_owner_is_asked_about_at_the_new_one() -> None:
    hub, crew, message_id = await ready()
    hub.chatwoot.failures.extend([ChatwootRefusedError(), ChatwootRefusedError()])
    await delivered(hub)
    await owns(hub, OTHER)
    await has_crews(hub, OTHER)
    message = await hub.replay_messages(message_id, caller=ANYBODY)
    assert (message.stage, message.holder, message.answer) == (Stage.QUEUED, OTHER, None)
    await delivered(hub)
    assert [asked[0].owner for asked in crew.asked] == [ACME, OTHER]


async def test_message_that_no_mapping_claims_stays_where_it_is() -> None:
    hub, message_id = await unresolved()
    before = await found(hub, message_id)
    assert await hub.replay_messages(message_id, caller=ANYBODY) == before
    assert await found(hub, message_id) == before
    assert hub.state.audit == []


async def test_message_without_an_account_has_no_route() -> None:
    hub, message_id = await unresolved()
    message = await found(hub, message_id)
    hub.state.messages[message_id] = evolve(message, origin=evolve(message.origin, account=None))
    assert not (await hub.replay_messages(message_id, caller=ANYBODY)).is_open


async def test_message_that_is_not_stuck_is_not_replayed() -> None:
    hub, _, message_id = await ready()
    with pytest.raises(WrongStageError):
        await hub.replay_messages(message_id, caller=ANYBODY)


async def test_message_is_replayed_a_few_times_and_then_no_more() -> None:
    hub, message_id = await dead()
    for _ in range(5):
        await hub.replay_messages(message_id, caller=ANYBODY)
        await delivered(hub)
    with pytest.raises(WrongStageError):
        await hub.replay_messages(message_id, caller=ANYBODY)


async def test_two_replays_at_the_same_time_are_one() -> None:
    hub, message_id = await dead(ANSWER)
    outcomes = await asyncio.gather(
        *(hub.replay_messages(message_id, caller=ANYBODY) for _ in range(3)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, WrongStageError) for outcome in outcomes) == 2
    assert (await found(hub, message_id)).replays == 1


async def test_replay_needs_a_key_for_where_the_message_comes_from_and_goes_to() -> None:
    hub, message_id = await dead()
    with pytest.raises(ScopeMissingError):
        await hub.replay_messages(message_id, caller=unbound(Scope.MESSAGES_READ))
    with pytest.raises(TenantForbiddenError):
        await hub.replay_messages(message_id, caller=bound_to("other"))
    await owns(hub, OTHER)
    with pytest.raises(TenantForbiddenError):
        await hub.replay_messages(message_id, caller=bound_to("acme"))
    nobodys = await received(hub, 2, account=2)
    with pytest.raises(TenantForbiddenError):
        await hub.replay_messages(nobodys, caller=bound_to("acme"))


async def test_all_that_is_stuck_is_replayed_oldest_first() -> None:
    hub, _ = hub_with()
    ids = [await received(hub, number, conversation=number) for number in range(1, 4)]
    stranger = await received(hub, 4, account=9)
    broken = await found(hub, ids[1])
    hub.state.messages[ids[1]] = evolve(broken, body=None)
    await owns(hub, ACME)
    replays = await hub.replay_messages.matching(caller=ANYBODY)
    assert replays == [
        Replay(ids[0]),
        Replay(ids[1], "seal_broken"),
        Replay(ids[2]),
        Replay(stranger, "no_route"),
    ]
    assert (await found(hub, ids[0])).is_open


async def test_replay_of_many_is_bounded_and_filtered() -> None:
    hub, message_id = await dead()
    nobodys = [await received(hub, number, account=9) for number in range(2, 105)]
    replay = hub.replay_messages.matching
    first = await replay(caller=ANYBODY, limit=1000)
    assert [one.id for one in first] == [message_id, *nobodys[:99]]
    assert (await found(hub, message_id)).is_open
    rest = await replay(caller=ANYBODY, after=first[-1].id)
    assert [one.id for one in rest] == nobodys[99:]
    # None of the requested messages is stuck now.
    assert await replay(caller=ANYBODY, stages=[Stage.DEAD, Stage.QUEUED]) == []
    assert await replay(caller=ANYBODY, tenant=ACME.tenant) == []
    with pytest.raises(ScopeMissingError):
        await replay(caller=STRANGER)
    with pytest.raises(TenantForbiddenError):
        await replay(caller=bound_to("other"), tenant=ACME.tenant)


async def test_events_to_a_subscription_are_replayed_only_by_its_name() -> None:
    hub, message_id = await dead()
    one, other = SubscriptionId("sub_12345678"), SubscriptionId("sub_87654321")
    events = [event_to(one), event_to(other, 2)]
    await hub.ports.store.commit(Changeset(messages=tuple(events)))
    failed = tuple(event.dead(reason="failing", at=AT) for event in events)
    await hub.ports.store.commit(Changeset(messages=failed))
    replay = partial(hub.replay_messages.matching, caller=ANYBODY)
    listed = await hub.list_messages(subscription=one, caller=ANYBODY)
    assert [message.id for message in listed] == [events[0].id]
    assert await replay(subscription=one) == [Replay(events[0].id)]
    assert await replay() == [Replay(message_id)]
    assert (await found(hub, events[1].id)).stage is Stage.DEAD


# Discard


async def test_discarded_message_is_left_alone() -> None:
    hub, message_id = await dead()
    for _ in range(2):
        message = await hub.discard_message(message_id, caller=ANYBODY.because(None, "r-1"))
        assert (message.stage, message.reason) == (Stage.DISCARDED, "crew_refused")
    (entry,) = hub.state.audit
    assert (entry.action, entry.tenant) == (AuditAction.MESSAGE_DISCARDED, ACME.tenant)
    with pytest.raises(WrongStageError):
        await hub.replay_messages(message_id, caller=ANYBODY)


async def test_unbound_key_may_discard_a_message_without_an_owner() -> None:
    hub, message_id = await unresolved()
    with pytest.raises(TenantForbiddenError):
        await hub.discard_message(message_id, caller=bound_to("acme"))
    await hub.discard_message(message_id, caller=unbound(Scope.MESSAGES_WRITE))
    assert hub.state.audit[-1].tenant is None


async def test_open_message_cannot_be_discarded() -> None:
    hub, _, message_id = await ready()
    with pytest.raises(WrongStageError):
        await hub.discard_message(message_id, caller=ANYBODY)
    with pytest.raises(ScopeMissingError):
        await hub.discard_message(message_id, caller=STRANGER)


# Read


async def test_text_is_opened_for_who_may_read_secrets_and_that_is_written_down() -> None:
    hub, _, message_id = await ready()
    await delivered(hub)
    opened = await hub.read_message.opened(message_id, caller=ANYBODY.because(None, "r-1"))
    assert opened.message == await found(hub, message_id)
    assert opened.text is not None
    assert (opened.text.text, opened.answer) == ("Olá 1", ANSWER)
    (entry,) = hub.state.audit
    assert (entry.action, entry.subject) == (AuditAction.MESSAGE_READ, str(message_id))
    assert "Olá" not in repr(opened)


async def test_metadata_needs_no_more_than_the_scope_to_read_messages() -> None:
    hub, _, message_id = await ready()
    reader = unbound(Scope.MESSAGES_READ)
    assert (await hub.read_message(message_id, caller=reader)).id == message_id
    with pytest.raises(ScopeMissingError) as refusal:
        await hub.read_message.opened(message_id, caller=reader)
    assert refusal.value.scope is Scope.SECRETS_READ
    with pytest.raises(ScopeMissingError) as refusal:
        await hub.read_message.opened(message_id, caller=unbound(Scope.SECRETS_READ))
    assert refusal.value.scope is Scope.MESSAGES_READ
    assert hub.state.audit == []


async def test_message_without_a_body_has_no_text() -> None:
    hub, _, message_id = await ready()
    hub.state.messages[message_id] = evolve(await found(hub, message_id), body=None)
    opened = await hub.read_message.opened(message_id, caller=ANYBODY)
    assert (opened.text, opened.answer) == (None, None)


async def test_text_that_does_not_open_is_not_shown() -> None:
    hub, _, message_id = await ready()
    hub.state.secrets.clear()
    with pytest.raises(SealBrokenError):
        await hub.read_message.opened(message_id, caller=ANYBODY)


async def test_reading_that_cannot_be_written_down_shows_nothing() -> None:
    hub, _, message_id = await ready()

    class Refusing(MemoryConfigStore):
        async def commit(self, _changeset: Changeset) -> None:
            raise StoreUnavailableError

    read = evolve(hub.read_message, store=Refusing(hub.state))
    with pytest.raises(StoreUnavailableError):
        await read.opened(message_id, caller=ANYBODY)
    assert hub.state.audit == []


async def test_bound_caller_sees_its_own_messages_only() -> None:
    hub, _, message_id = await ready()
    await owns(hub, OTHER, account="2")
    other = await received(hub, 2, account=2)
    nobodys = await received(hub, 3, account=3)
    everything = await hub.list_messages(caller=ANYBODY)
    assert [message.id for message in everything] == [nobodys, other, message_id]
    own = await hub.list_messages(caller=bound_to("acme"))
    assert [message.id for message in own] == [message_id]
    asked = await hub.list_messages(caller=ANYBODY, tenant=OTHER.tenant, stages=[Stage.QUEUED])
    assert [message.id for message in asked] == [other]
    assert [m.id for m in await hub.list_messages(caller=ANYBODY, tenant=HUB)] == [nobodys]
    with pytest.raises(TenantForbiddenError):
        await hub.list_messages(caller=bound_to("acme"), tenant=OTHER.tenant)
    with pytest.raises(ScopeMissingError):
        await hub.list_messages(caller=STRANGER)
    with pytest.raises(ScopeMissingError):
        await hub.list_messages(caller=unbound(Scope.MESSAGES_READ), tenant=HUB)


# Pruning


async def test_finished_messages_are_forgotten_in_time() -> None:
    hub, _, message_id = await ready()
    await delivered(hub)
    hub.clock.tick(timedelta(days=30))
    assert await hub.prune_messages() == 0
    hub.clock.tick()
    assert (
        await PruneMessages(
            hub.ports.inbox, hub.ports.conversations, hub.clock, rules_over(hub.ports.store)
        )()
        == 0
    )
    assert await hub.prune_messages() == 1
    assert await hub.ports.inbox.find(message_id) is None
    assert hub.state.secrets == {}


async def test_stuck_messages_are_kept_until_somebody_decides() -> None:
    hub, message_id = await dead()
    hub.clock.tick(timedelta(days=365))
    assert await hub.prune_messages() == 0
    await hub.discard_message(message_id, caller=ANYBODY)
    hub.clock.tick(timedelta(days=31))
    assert await hub.prune_messages() == 1


# Restoring a backup


async def test_messages_that_were_on_their_way_wait_for_a_person_after_a_restore() -> None:
    hub, _, second = await ready(ANSWER, ANOTHER)
    await delivered(hub)
    done = await found(hub, second)
    first = await received(hub, 2)

    assert await hub.hold_messages(actor="startup") == 1

    held = await found(hub, first)
    assert (held.stage, held.reason, held.due_at) == (Stage.DEAD, "restored", None)
    assert await found(hub, second) == done
    assert await hub.ports.inbox.next_due() is None
    [entry] = [
        entry
        for entry in await acts(hub.ports.audit)
        if entry.action is AuditAction.STORE_RESTORED
    ]
    assert (entry.actor, entry.tenant, entry.subject) == ("startup", None, "messages: 1")
    await hub.replay_messages(first, caller=ANYBODY)
    await delivered(hub)
    assert (await found(hub, first)).stage is Stage.DONE


async def test_any_number_of_messages_is_held_back() -> None:
    hub, _, first = await ready(ANSWER)
    example = hub.state.messages[first]
    for number in range(250):
        id_ = MessageId(f"msg_{number:08}")
        hub.state.messages[id_] = evolve(example, id=id_, origin=Origin("message_created"))
    assert await hub.hold_messages(actor="startup") == 251
    assert {message.stage for message in hub.state.messages.values()} == {Stage.DEAD}
    assert await hub.hold_messages(actor="startup") == 0
