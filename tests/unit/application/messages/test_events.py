"""
What subscriptions are told: of changes, of outcomes of messages, and until when.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest
from attrs import evolve, frozen

from odoo_ai_config.application import subscriptions
from odoo_ai_config.application.documents.writing import DocumentWrite
from odoo_ai_config.application.errors import (
    CrewRefusedError,
    SubscriberGoneError,
    SubscriberUnavailableError,
    TargetForbiddenError,
)
from odoo_ai_config.application.messages import events
from odoo_ai_config.application.messages.events import AnnounceChanges
from odoo_ai_config.application.messages.pacing import APART, EventShare
from odoo_ai_config.application.messages.progress import Progress, Step
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.subscriptions import SubscriptionChange, Subscriptions
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.audit import LinkedEntry
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.errors import InvalidValueError, TenantForbiddenError
from odoo_ai_config.domain.events import event_message, tells
from odoo_ai_config.domain.feed import FeedKind
from odoo_ai_config.domain.identifiers import CONFIG, ChatwootId, TenantId
from odoo_ai_config.domain.messages.answers import Answer, HandOver
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Stage, WrongStageError
from odoo_ai_config.domain.messages.notices import LONGEST_TELLING
from odoo_ai_config.domain.subscriptions import (
    MOST_SUBSCRIPTIONS,
    MessageOutcome,
    Subscription,
    SubscriptionId,
    SubscriptionNotFoundError,
    SubscriptionOffError,
    TooManySubscriptionsError,
)
from tests.contract.samples import owner
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to
from tests.unit.application.messages.deliveries import (
    ANSWER,
    PLENTY,
    Reaction,
    carried_on,
    delivered,
    found,
    ready,
    received,
)
from tests.unit.application.messages.talks import talk_with

ACME = TenantId("acme")
URL = "https://receiver.example.com/hook"
NOTHING: frozenset[MessageOutcome] = frozenset()
EVERY_OUTCOME = frozenset(MessageOutcome)
EVERY_KIND = frozenset(FeedKind)


async def subscribed(
    hub: MemoryHub,
    *kinds: FeedKind,
    tenant: TenantId | None = ACME,
    url: str = URL,
    outcomes: frozenset[MessageOutcome] = NOTHING,
) -> Subscription:
    made, _ = await hub.manage_subscriptions.create(
        tenant, url, frozenset(kinds), outcomes, caller=ANYBODY
    )
    return made


async def publish(hub: MemoryHub, tenant: str, number: int) -> None:
    write = DocumentWrite(owner(tenant).document(CONFIG), ANYBODY)
    await hub.publish_document(write, text=f'{{"number": {number}}}')


async def deliver_all(hub: MemoryHub) -> list[Progress]:
    """
    Make all events, and deliver all that is due, those too that only wait for their turn.
    """
    await hub.announce_changes()
    found: list[Progress] = []
    turn = timedelta(seconds=APART)
    while taken := await taken_now(hub) or await taken_now(hub, after=turn):
        for message in taken:
            step = await carried_on(hub, await hub.deliver_message(message))
            if step.message.is_event:
                found.append(step.progress)
    return found


async def taken_now(hub: MemoryHub, after: timedelta = timedelta(0)) -> Sequence[InboxMessage]:
    if after:
        hub.clock.tick(after)
    now = hub.clock.now()
    until = now + hub.deliver_message.lease
    return await hub.ports.inbox.claim(PLENTY, now=now, until=until)


def told(hub: MemoryHub) -> list[str]:
    return [str(one.body["type"]) for one in hub.webhooks.told]


async def events_of(hub: MemoryHub) -> list[InboxMessage]:
    page = await hub.ports.inbox.page(list(Stage), limit=500)
    return [one for one in page if one.is_event]


async def read(hub: MemoryHub, id_: SubscriptionId) -> Subscription:
    listed = await hub.manage_subscriptions.listed(ACME, caller=ANYBODY)
    return listed[id_.value]


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


async def test_change_is_told_once_and_signed(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    await publish(hub, "acme", 1)
    await publish(hub, "other", 1)
    assert await deliver_all(hub) == [Progress.TOLD]
    assert await deliver_all(hub) == []
    [event] = hub.webhooks.told
    assert event.url == URL
    assert event.body["type"] == "config.changed"
    data = event.body["data"]
    assert isinstance(data, dict)
    assert (data["tenants"], data["document"], data["version"]) == (["acme"], "config", 1)
    [secret] = event.secrets
    assert secret.reveal().startswith("whsec_")
    assert one.off is None


async def test_nobody_is_told_of_what_was_before(hub: MemoryHub) -> None:
    await publish(hub, "acme", 1)
    await subscribed(hub, FeedKind.CONFIG)
    await publish(hub, "acme", 2)
    await deliver_all(hub)
    assert told(hub) == ["config.changed"]


async def test_subscription_to_the_hub_is_told_of_all_tenants(hub: MemoryHub) -> None:
    await subscribed(hub, *EVERY_KIND, tenant=None)
    await publish(hub, "acme", 1)
    await publish(hub, "other", 1)
    channel = ChannelMapping(ChannelKey(ChatwootId("1")), owner("other"))
    await hub.sync_mapping(channel, caller=ANYBODY)
    await deliver_all(hub)
    assert told(hub).count("config.changed") == 2
    assert told(hub).count("mapping.changed") == 1


async def test_tenant_that_loses_a_channel_is_not_told_to_whom(hub: MemoryHub) -> None:
    channel = ChannelKey(ChatwootId("1"))
    await hub.sync_mapping(ChannelMapping(channel, owner("acme")), caller=ANYBODY)
    await subscribed(hub, FeedKind.MAPPING)
    await hub.sync_mapping(ChannelMapping(channel, owner("other")), caller=ANYBODY)
    await deliver_all(hub)
    [event] = hub.webhooks.told
    assert "other" not in str(event.body)


async def test_other_processes_make_no_event_twice(hub: MemoryHub) -> None:
    await subscribed(hub, FeedKind.CONFIG)
    for number in range(5):
        await publish(hub, "acme", number)
        assert await hub.announce_changes() == 1
        # As a process that begins anew.
        hub.announce_changes._looked = 0
        assert await hub.announce_changes() == 0
    assert len(await events_of(hub)) == 5


async def test_long_time_without_an_event_is_noted(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_NOTED_AFTER", 3)
    await subscribed(hub, FeedKind.CONFIG)
    for number in range(6):
        await publish(hub, "other", number)
        await hub.announce_changes()
    assert await events_of(hub) == []
    await publish(hub, "acme", 1)
    assert await hub.announce_changes() == 1


async def test_many_events_come_in_portions(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_AT_A_TIME", 2)
    await subscribed(hub, FeedKind.CONFIG)
    for number in range(5):
        await publish(hub, "acme", number)
    assert await hub.announce_changes() == 5
    assert await hub.announce_changes() == 0


async def test_hub_without_subscriptions_reads_nothing(hub: MemoryHub) -> None:
    await publish(hub, "acme", 1)
    assert await hub.announce_changes() == 0
    assert (await hub.ports.audit.end())[0].number == 0


@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        (ANSWER, "answered"),
        (Answer(handover=HandOver(note="Cliente quer falar com alguém")), "handed_over"),
        (CrewRefusedError(), "dead"),
    ],
)
async def test_outcome_of_a_message_is_told(says: Reaction, outcome: str) -> None:
    hub, _, message_id = await ready(says)
    await subscribed(hub, outcomes=EVERY_OUTCOME)
    await deliver_all(hub)
    [event] = hub.webhooks.told
    assert event.body["type"] == f"message.{outcome}"
    data = event.body["data"]
    assert isinstance(data, dict)
    assert (data["message_id"], data["tenant_id"]) == (message_id.value, "acme")
    assert "Oi" not in str(event.body)


async def test_only_chosen_outcomes_are_told() -> None:
    hub, _, _ = await ready(ANSWER)
    await subscribed(hub, outcomes=frozenset({MessageOutcome.DEAD}))
    await deliver_all(hub)
    assert hub.webhooks.told == []


async def test_receiver_that_fails_is_asked_again_for_days_and_then_switched_off(
    hub: MemoryHub,
) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    hub.webhooks.failing[URL] = SubscriberUnavailableError(30.0)
    await publish(hub, "acme", 1)
    began = hub.clock.now()
    assert await deliver_all(hub) == [Progress.PUT_OFF]
    while hub.clock.now() < began + LONGEST_TELLING:
        hub.clock.tick(timedelta(minutes=20))
        await deliver_all(hub)
    off = (await read(hub, one.id)).off
    assert off is not None
    assert off.reason == "failing"
    [dead] = await events_of(hub)
    assert (dead.stage, dead.reason) == (Stage.DEAD, "subscriber_unavailable")
    # Nobody in Chatwoot has to know it, and nothing more is told.
    assert [cause async for cause in hub.tell_people()] == []
    await publish(hub, "acme", 2)
    assert await deliver_all(hub) == []

    hub.webhooks.failing.clear()
    await hub.manage_subscriptions.change(
        ACME, one.id, SubscriptionChange(on=True), caller=ANYBODY
    )
    hub.clock.tick(timedelta(minutes=1))
    await hub.replay_messages(dead.id, caller=ANYBODY)
    assert await deliver_all(hub) == [Progress.TOLD]


async def test_address_that_is_gone_is_switched_off_at_once(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    hub.webhooks.failing[URL] = SubscriberGoneError()
    await publish(hub, "acme", 1)
    await publish(hub, "acme", 2)
    assert await deliver_all(hub) == [Progress.DEAD, Progress.DEAD]
    reasons = {event.reason for event in await events_of(hub)}
    assert reasons == {"subscriber_gone", "subscription_off"}
    off = (await read(hub, one.id)).off
    assert off is not None
    assert off.reason == "address_gone"


async def test_address_that_is_forbidden_is_a_dead_letter(hub: MemoryHub) -> None:
    await subscribed(hub, FeedKind.CONFIG)
    hub.webhooks.failing[URL] = TargetForbiddenError()
    await publish(hub, "acme", 1)
    assert await deliver_all(hub) == [Progress.DEAD]


async def test_what_waits_for_a_removed_subscription_is_told_to_nobody(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    await publish(hub, "acme", 1)
    assert await hub.announce_changes() == 1
    await hub.manage_subscriptions.remove(ACME, one.id, caller=ANYBODY)
    assert await deliver_all(hub) == [Progress.IGNORED]
    assert [event.reason for event in await events_of(hub)] == ["unsubscribed"]
    with pytest.raises(SubscriptionNotFoundError):
        await hub.manage_subscriptions.remove(ACME, one.id, caller=ANYBODY)


async def test_what_died_is_discarded_with_its_subscription(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "_AT_A_TIME", 2)
    one = await subscribed(hub, FeedKind.CONFIG)
    other = await subscribed(hub, FeedKind.CONFIG)
    for number in range(3):
        await publish(hub, "acme", number)
    hub.webhooks.failing[URL] = TargetForbiddenError()
    assert await deliver_all(hub) == [Progress.DEAD] * 6
    await hub.manage_subscriptions.remove(ACME, one.id, caller=ANYBODY)
    stages = Counter((tells(event, one.id), event.stage) for event in await events_of(hub))
    assert stages == {(True, Stage.DISCARDED): 3, (False, Stage.DEAD): 3}
    # Somebody else has just looked after them: nothing is done twice.
    manage = hub.manage_subscriptions
    page = await hub.ports.inbox.page([Stage.DEAD], events=other.id, limit=9)
    late = evolve(manage, inbox=cast("Any", Late(page)))
    await hub.replay_messages.matching(subscription=other.id, caller=ANYBODY)
    await late.remove(ACME, other.id, caller=ANYBODY)
    assert await deliver_all(hub) == [Progress.IGNORED] * 3


@frozen
class Late:
    """
    An inbox that answers what was there before.
    """

    before: Sequence[InboxMessage]

    async def page(self, *_: object, **__: object) -> Sequence[InboxMessage]:
        return self.before


async def test_outcome_of_a_message_that_is_gone_is_told_to_nobody() -> None:
    hub, _, message_id = await ready(ANSWER)
    await subscribed(hub, outcomes=EVERY_OUTCOME)
    await delivered(hub)
    del hub.state.messages[message_id]
    assert await deliver_all(hub) == [Progress.IGNORED]
    assert [event.reason for event in await events_of(hub)] == ["subject_gone"]


async def test_two_secrets_sign_after_a_rotation(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    await publish(hub, "acme", 1)
    await deliver_all(hub)
    _, secret = await hub.manage_subscriptions.rotate(ACME, one.id, caller=ANYBODY)
    await publish(hub, "acme", 2)
    await deliver_all(hub)
    hub.clock.tick(timedelta(days=1))
    await publish(hub, "acme", 3)
    await deliver_all(hub)
    before, both, after = (event.secrets for event in hub.webhooks.told)
    assert both == (secret, *before)
    assert after == (secret,)
    assert before != after


async def test_trial_is_told(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    await hub.send_trial(ACME, one.id, caller=ANYBODY)
    assert await deliver_all(hub) == [Progress.TOLD]
    assert told(hub) == ["test"]
    with pytest.raises(SubscriptionNotFoundError):
        await hub.send_trial(ACME, SubscriptionId("sub_unknown1"), caller=ANYBODY)
    off = SubscriptionChange(on=False)
    await hub.manage_subscriptions.change(ACME, one.id, off, caller=ANYBODY)
    with pytest.raises(SubscriptionOffError):
        await hub.send_trial(ACME, one.id, caller=ANYBODY)


async def test_subscription_is_changed_and_switched_off(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    elsewhere = "https://elsewhere.example.com/"
    manage = hub.manage_subscriptions
    change = SubscriptionChange(elsewhere, frozenset({FeedKind.CREWS}), EVERY_OUTCOME, on=False)
    changed = await manage.change(ACME, one.id, change, caller=ANYBODY)
    assert changed == await read(hub, one.id)
    assert (changed.url, {*changed.kinds}) == (elsewhere, {FeedKind.CREWS})
    assert changed.off is not None
    assert changed.off.reason == "by_hand"
    for wrong in (
        SubscriptionChange(url="ftp://x"),
        SubscriptionChange(kinds=frozenset(), outcomes=NOTHING),
    ):
        with pytest.raises(InvalidValueError):
            await manage.change(ACME, one.id, wrong, caller=ANYBODY)


async def test_tenant_has_a_bounded_number(hub: MemoryHub) -> None:
    for _ in range(MOST_SUBSCRIPTIONS):
        await subscribed(hub, FeedKind.CONFIG)
    with pytest.raises(TooManySubscriptionsError):
        await subscribed(hub, FeedKind.CONFIG)
    await subscribed(hub, FeedKind.CONFIG, tenant=None)


async def test_secrets_of_a_removed_subscription_are_gone(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    await hub.manage_subscriptions.remove(ACME, one.id, caller=ANYBODY)
    assert not [name for name in hub.state.secrets if one.id.value in str(name)]


async def test_subscriptions_are_for_administrators_of_their_tenant(hub: MemoryHub) -> None:
    manage = hub.manage_subscriptions
    made, _ = await manage.create(ACME, URL, EVERY_KIND, NOTHING, caller=bound_to("acme"))
    assert made.id.value in await manage.listed(None, caller=bound_to("acme"))
    for tenant in (TenantId("other"), None):
        with pytest.raises(TenantForbiddenError):
            await manage.create(tenant, URL, EVERY_KIND, NOTHING, caller=bound_to("acme"))
    nobody = evolve(bound_to("acme"), scopes=frozenset({Scope.CONFIG_READ}))
    with pytest.raises(ScopeMissingError):
        await manage.listed(ACME, caller=nobody)


async def test_erased_tenant_has_none(hub: MemoryHub) -> None:
    await subscribed(hub, FeedKind.CONFIG)
    await publish(hub, "acme", 1)
    await hub.erase_tenant(ACME, caller=ANYBODY, confirmation="acme")
    await deliver_all(hub)
    assert hub.webhooks.told == []


async def test_subscriptions_of_many_tenants_are_not_all_remembered(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "_MOST_KNOWN", 2)
    lookup = hub.manage_subscriptions.subscriptions
    for number in range(5):
        assert await lookup.of(TenantId(f"t{number}")) == {}
        assert len(lookup._known) <= 2


async def test_what_was_removed_is_not_switched_off(hub: MemoryHub) -> None:
    lookup = hub.manage_subscriptions.subscriptions
    one = await subscribed(hub, FeedKind.CONFIG)
    await hub.manage_subscriptions.remove(ACME, one.id, caller=ANYBODY)
    await lookup.switch_off(ACME, one, "failing")
    assert await lookup.of(ACME) == {}


async def test_only_what_is_named_changes(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG, outcomes=EVERY_OUTCOME)
    only_kinds = SubscriptionChange(kinds=frozenset({FeedKind.CREWS}))
    changed = await hub.manage_subscriptions.change(ACME, one.id, only_kinds, caller=ANYBODY)
    assert changed == evolve(one, kinds={FeedKind.CREWS: changed.kinds[FeedKind.CREWS]})


async def test_receiver_that_fails_is_left_alone_for_a_while(hub: MemoryHub) -> None:
    await subscribed(hub, FeedKind.CONFIG)
    hub.webhooks.failing[URL] = SubscriberUnavailableError()
    for number in range(3):
        await publish(hub, "acme", number)
    found = await deliver_all(hub)
    assert found.count(Progress.PUT_OFF) == 1
    assert set(found) == {Progress.PUT_OFF, Progress.WAITING}
    hub.webhooks.failing.clear()
    hub.clock.tick(timedelta(seconds=31))
    assert await deliver_all(hub) == [Progress.TOLD] * 3


async def test_receiver_that_hangs_gets_a_few_at_a_time(hub: MemoryHub) -> None:
    await subscribed(hub, FeedKind.CONFIG)
    for number in range(6):
        await publish(hub, "acme", number)
    await hub.announce_changes()
    hub.clock.tick(timedelta(seconds=1))
    hub.webhooks.answering.clear()
    sending = [asyncio.create_task(hub.deliver_message(one)) for one in await taken_now(hub)]
    done, hanging = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    while len(done) < 4:
        more, hanging = await asyncio.wait(hanging, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    assert {task.result().progress for task in done} == {Progress.WAITING}
    hub.webhooks.answering.set()
    steps = await asyncio.gather(*hanging)
    assert [step.progress for step in steps] == [Progress.TOLD] * 2


async def test_renamed_tenant_is_told_as_before(hub: MemoryHub) -> None:
    await subscribed(hub, FeedKind.CONFIG)
    await publish(hub, "acme", 1)
    await hub.announce_changes()
    await hub.rename_tenant(ACME, TenantId("new"), caller=ANYBODY)
    await publish(hub, "new", 2)
    await deliver_all(hub)
    assert {event.secrets for event in hub.webhooks.told} == {hub.webhooks.told[0].secrets}
    versions = [event.body["data"]["version"] for event in hub.webhooks.told]  # type: ignore[index,call-overload]
    assert 2 in versions


async def test_what_died_while_it_was_off_is_replayed_after_it_is_on(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    await publish(hub, "acme", 1)
    await hub.announce_changes()
    manage = hub.manage_subscriptions
    await manage.change(ACME, one.id, SubscriptionChange(on=False), caller=ANYBODY)
    assert await deliver_all(hub) == [Progress.DEAD]
    [dead] = await events_of(hub)
    assert (dead.stage, dead.reason) == (Stage.DEAD, "subscription_off")
    # Off by hand, it stays so by that reason.
    await manage.subscriptions.switch_off(ACME, one, "failing")
    off = (await read(hub, one.id)).off
    assert off is not None
    assert off.reason == "by_hand"
    await manage.change(ACME, one.id, SubscriptionChange(on=True), caller=ANYBODY)
    await hub.replay_messages(dead.id, caller=ANYBODY)
    assert await deliver_all(hub) == [Progress.TOLD]


async def test_receiver_that_fails_or_hangs_keeps_no_other_one_waiting(hub: MemoryHub) -> None:
    elsewhere = "https://elsewhere.example.com/"
    await subscribed(hub, FeedKind.CONFIG)
    await subscribed(hub, FeedKind.CONFIG, url=elsewhere)
    hub.webhooks.failing[URL] = SubscriberUnavailableError()
    for number in range(3):
        await publish(hub, "acme", number)
    await deliver_all(hub)
    assert [event.url for event in hub.webhooks.told] == [elsewhere] * 3
    # It is left alone for the rest of the half minute.
    hub.webhooks.failing.clear()
    hub.clock.tick(timedelta(seconds=29))
    found = await deliver_all(hub)
    assert Progress.TOLD not in found
    hub.clock.tick(timedelta(seconds=2))
    await deliver_all(hub)
    hub.clock.tick(timedelta(seconds=31))
    await deliver_all(hub)
    assert [event.url for event in hub.webhooks.told[3:]] == [URL] * 3


async def test_change_that_the_trail_does_not_have_is_told_to_nobody(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    now = hub.clock.now()
    name = f"{one.id}:change:999"
    event = event_message(name, MessageId.at(now, "A" * 16), ACME, at=now)
    await hub.ports.store.commit(Changeset(messages=(event,)))
    assert await deliver_all(hub) == [Progress.IGNORED]
    assert [event.reason for event in await events_of(hub)] == ["subject_gone"]


async def test_other_process_has_removed_it_a_moment_ago(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    await publish(hub, "acme", 1)
    await hub.announce_changes()
    here = hub.manage_subscriptions
    # This process remembers it, and its secret is gone.
    await here.subscriptions.of(ACME)
    there = evolve(here, subscriptions=Subscriptions(here.store, here.sealer, here.clock))
    await there.remove(ACME, one.id, caller=ANYBODY)
    [event] = await taken_now(hub)
    assert (await hub.deliver_message(event)).progress is Progress.PUT_OFF
    hub.clock.tick(timedelta(seconds=3))
    assert await deliver_all(hub) == [Progress.IGNORED]
    assert hub.webhooks.told == []


async def test_rotation_after_one_by_another_process_keeps_its_secret(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    here = hub.manage_subscriptions
    there = evolve(here, subscriptions=Subscriptions(here.store, here.sealer, here.clock))
    await here.subscriptions.of(ACME)
    _, between = await there.rotate(ACME, one.id, caller=ANYBODY)
    _, newest = await here.rotate(ACME, one.id, caller=ANYBODY)
    await publish(hub, "acme", 1)
    assert await deliver_all(hub) == [Progress.TOLD]
    assert [event.secrets for event in hub.webhooks.told] == [(newest, between)]


async def test_trial_is_sent_though_its_receiver_rests(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    hub.webhooks.failing[URL] = SubscriberUnavailableError()
    await publish(hub, "acme", 1)
    assert await deliver_all(hub) == [Progress.PUT_OFF]
    hub.webhooks.failing.clear()
    await hub.send_trial(ACME, one.id, caller=ANYBODY)
    assert await deliver_all(hub) == [Progress.TOLD]
    # Whoever has mended it waits for nothing.
    hub.clock.tick(timedelta(seconds=5))
    assert await deliver_all(hub) == [Progress.TOLD]


async def test_of_two_rotations_at_once_each_keeps_the_secret_before_it(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    manage = hub.manage_subscriptions
    rotate = partial(manage.rotate, ACME, one.id, caller=ANYBODY)
    first, second = await asyncio.gather(rotate(), rotate())
    await publish(hub, "acme", 1)
    assert await deliver_all(hub) == [Progress.TOLD]
    [told] = hub.webhooks.told
    assert set(told.secrets) == {first[1], second[1]}


# Nobody is told of the past


def started_again(hub: MemoryHub) -> AnnounceChanges:
    """
    What announces changes in a process that has just begun.
    """
    here = hub.announce_changes
    return AnnounceChanges(
        here.store, here.audit, here.vault, here.events, here.clock, here.work_signal
    )


async def test_later_process_tells_nobody_of_what_was_before_he_asked(hub: MemoryHub) -> None:
    await subscribed(hub, FeedKind.CREWS, outcomes=EVERY_OUTCOME)
    for number in range(3):
        await publish(hub, "acme", number)
    assert await hub.announce_changes() == 0
    one = await subscribed(hub, FeedKind.CONFIG)
    assert await started_again(hub)() == 0
    # Whatever else it is told of since.
    both = SubscriptionChange(kinds=EVERY_KIND)
    await hub.manage_subscriptions.change(ACME, one.id, both, caller=ANYBODY)
    assert await started_again(hub)() == 0
    await publish(hub, "acme", 4)
    assert await started_again(hub)() == 1


async def test_what_changed_while_a_subscription_was_off_is_not_told(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    manage = hub.manage_subscriptions
    await manage.change(ACME, one.id, SubscriptionChange(on=False), caller=ANYBODY)
    await publish(hub, "acme", 1)
    assert await hub.announce_changes() == 0
    on = await manage.change(ACME, one.id, SubscriptionChange(on=True), caller=ANYBODY)
    assert await started_again(hub)() == 0
    # One that is on stays as it is.
    await publish(hub, "acme", 2)
    assert on == await manage.change(ACME, one.id, SubscriptionChange(on=True), caller=ANYBODY)
    assert await started_again(hub)() == 1


async def test_new_holder_of_an_id_is_told_nothing_of_the_one_before(hub: MemoryHub) -> None:
    await subscribed(hub, FeedKind.COLLECTION, tenant=None)
    await publish(hub, "acme", 1)
    await hub.erase_tenant(ACME, caller=ANYBODY, confirmation="acme")
    await hub.reopen_tenant(ACME, caller=ANYBODY)
    made, _ = await hub.manage_subscriptions.create(ACME, URL, EVERY_KIND, NOTHING, caller=ANYBODY)
    assert await started_again(hub)() == 0
    await publish(hub, "acme", 2)
    assert await started_again(hub)() == 1
    [event] = await events_of(hub)
    assert tells(event, made.id)


async def test_many_changes_at_once_are_told_one_after_the_other(hub: MemoryHub) -> None:
    await subscribed(hub, FeedKind.CONFIG)
    await subscribed(hub, FeedKind.CONFIG, tenant=None)
    for number in range(40):
        await publish(hub, "acme", number)
    hub.clock.tick(timedelta(seconds=1))
    now = hub.clock.now()
    assert await hub.announce_changes() == 80
    due = Counter(event.due_at for event in await events_of(hub))
    assert due == {now + number * timedelta(seconds=APART): 2 for number in range(40)}


async def test_changes_that_many_are_told_of_are_all_told_at_once(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        await subscribed(hub, FeedKind.CONFIG)
    for number in range(3):
        await publish(hub, "acme", number)
    # The first change makes as many events as one commit takes.
    monkeypatch.setattr(events, "_AT_A_TIME", 4)
    assert await hub.announce_changes() == 12


# Outcomes of what comes


async def test_message_that_people_have_or_nobody_maps_is_told_when_it_comes() -> None:
    talk = await talk_with()
    hub = talk.hub
    await subscribed(hub, outcomes=EVERY_OUTCOME)
    await subscribed(hub, outcomes=EVERY_OUTCOME, tenant=None, url="https://all.example.com/")
    talk.assignee, talk.status = 3, "open"
    message = await talk.customer()
    assert message.reason == "human_has_it"
    stray = await received(hub, 7, account=9)
    assert (await found(hub, stray)).reason == "no_route"
    await deliver_all(hub)
    said = [(event.url, event.body["type"]) for event in hub.webhooks.told]
    assert sorted(said) == [
        ("https://all.example.com/", "message.dead"),
        ("https://all.example.com/", "message.handed_over"),
        (URL, "message.handed_over"),
    ]
    # What nobody waits for an answer to is no outcome.
    hub.webhooks.told.clear()
    await talk.person("Oi!")
    await deliver_all(hub)
    assert hub.webhooks.told == []


# When a subscription is switched off


async def test_old_address_that_is_gone_does_not_switch_the_new_one_off(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    await publish(hub, "acme", 1)
    await hub.announce_changes()
    hub.webhooks.failing[URL] = SubscriberGoneError()
    hub.webhooks.answering.clear()
    [event] = await taken_now(hub)
    sending = asyncio.create_task(hub.deliver_message(event))
    await asyncio.sleep(0.01)
    elsewhere = SubscriptionChange(url="https://elsewhere.example.com/")
    await hub.manage_subscriptions.change(ACME, one.id, elsewhere, caller=ANYBODY)
    hub.webhooks.answering.set()
    assert (await sending).progress is Progress.DEAD
    assert (await read(hub, one.id)).off is None


async def test_event_that_is_never_taken_leaves_a_receiver_on_that_takes_others(
    hub: MemoryHub,
) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    await publish(hub, "acme", 1)
    await hub.announce_changes()
    [event] = await events_of(hub)
    while (await found(hub, event.id)).is_open:
        hub.webhooks.failing[URL] = SubscriberUnavailableError()
        hub.clock.tick(timedelta(minutes=30))
        await deliver_all(hub)
        hub.webhooks.failing.clear()
        await hub.send_trial(ACME, one.id, caller=ANYBODY)
        assert await deliver_all(hub) == [Progress.TOLD]
    dead = await found(hub, event.id)
    assert (dead.stage, dead.reason) == (Stage.DEAD, "subscriber_unavailable")
    assert (await read(hub, one.id)).off is None


async def test_replayed_event_does_not_switch_off_what_was_just_switched_on(
    hub: MemoryHub,
) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    await publish(hub, "acme", 1)
    hub.webhooks.failing[URL] = SubscriberUnavailableError()
    await deliver_all(hub)
    [event] = await events_of(hub)
    manage = hub.manage_subscriptions
    for on in (False, True):
        hub.clock.tick(LONGEST_TELLING)
        await manage.change(ACME, one.id, SubscriptionChange(on=on), caller=ANYBODY)
    hub.clock.tick(timedelta(minutes=20))
    while (await found(hub, event.id)).is_open:
        hub.clock.tick(timedelta(minutes=20))
        await deliver_all(hub)
    assert (await read(hub, one.id)).off is None


async def test_event_expects_no_answer(hub: MemoryHub) -> None:
    await subscribed(hub, FeedKind.CONFIG)
    await publish(hub, "acme", 1)
    await hub.announce_changes()
    [event] = await events_of(hub)
    with pytest.raises(WrongStageError):
        await hub.answer_message(event.id, Answer.of_text("Oi"), caller=ANYBODY)


async def test_forbidden_address_is_refused_when_it_is_named(hub: MemoryHub) -> None:
    hub.webhooks.forbidden.add("http://10.0.0.1/")
    one = await subscribed(hub, FeedKind.CONFIG)
    for naming in (
        subscribed(hub, FeedKind.CONFIG, url="http://10.0.0.1/"),
        hub.manage_subscriptions.change(
            ACME, one.id, SubscriptionChange(url="http://10.0.0.1/"), caller=ANYBODY
        ),
    ):
        with pytest.raises(InvalidValueError) as refused:
            await naming
        assert (refused.value.field, refused.value.rule) == ("url", "forbidden_target")


@pytest.mark.parametrize("each", [1, 3])
async def test_events_that_are_taken_together_keep_to_their_share(
    hub: MemoryHub, each: int
) -> None:
    for _ in range(6):
        await subscribed(hub, FeedKind.CONFIG)
    for number in range(each):
        await publish(hub, "acme", number)
    await hub.announce_changes()
    hub.clock.tick(timedelta(seconds=1))
    hub.webhooks.answering.clear()
    taken = await taken_now(hub)
    assert len(taken) == 6 * each
    deliver = hub.deliver_message
    # Each asks whether there is room before the first one is sent.
    slow = evolve(deliver.sending, audit=cast("Any", SlowTrail(deliver.sending.audit)))
    deliver = evolve(deliver, sending=slow)
    sending = [asyncio.create_task(deliver(one)) for one in taken]
    share = EventShare()
    done: set[asyncio.Task[Step]] = set()
    hanging = set(sending)
    while len(hanging) > share.per_tenant:
        more, hanging = await asyncio.wait(hanging, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    assert {task.result().progress for task in done} == {Progress.WAITING}
    hub.webhooks.answering.set()
    assert {step.progress for step in await asyncio.gather(*hanging)} == {Progress.TOLD}


async def test_receiver_of_very_many_events_is_switched_off_too(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    hub.webhooks.failing[URL] = SubscriberUnavailableError()
    for number in range(100):
        await publish(hub, "acme", number)
    began = hub.clock.now()
    while (await read(hub, one.id)).off is None:
        hub.clock.tick(timedelta(minutes=20))
        await deliver_all(hub)
        assert hub.clock.now() < began + LONGEST_TELLING + timedelta(hours=1)


@frozen
class SlowTrail:
    """
    A trail whose reader lets others go on.
    """

    trail: AuditLog

    async def chain(self, **which: Any) -> Sequence[LinkedEntry]:
        await asyncio.sleep(0.01)
        return await self.trail.chain(**which)
