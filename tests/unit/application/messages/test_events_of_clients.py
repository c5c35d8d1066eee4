"""
What becomes of subscriptions with their client: it is renamed, erased, suspended, restored.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from odoo_ai_config.application.errors import CrewRefusedError
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.application.messages.progress import Progress
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.application.subscriptions import FEED_CURSOR, SubscriptionChange
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.feed import FeedKind
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    BusinessArea,
    ChatwootId,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.domain.messages.inbox import (
    HUB_EVENT,
    HUB_NOTICE,
    Reception,
    Stage,
    WrongStageError,
)
from odoo_ai_config.domain.retention import Retention
from odoo_ai_config.domain.subscriptions import (
    MessageOutcome,
    Subscription,
    SubscriptionNotFoundError,
    subscriptions_place,
)
from odoo_ai_config.domain.tenants import Wish
from tests.contract.samples import owner
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to
from tests.unit.application.messages.deliveries import (
    ACME as AREA,
)
from tests.unit.application.messages.deliveries import (
    ANSWER,
    OTHER,
    carried_on,
    delivered,
    owns,
    payload,
    ready,
)
from tests.unit.application.messages.test_events import (
    ACME,
    EVERY_KIND,
    EVERY_OUTCOME,
    URL,
    deliver_all,
    events_of,
    publish,
    subscribed,
    taken_now,
    told,
)

NEW = TenantId("new")


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


def said(hub: MemoryHub) -> list[dict[str, Json]]:
    return [one.body["data"] for one in hub.webhooks.told if isinstance(one.body["data"], dict)]


async def stored(hub: MemoryHub, tenant: TenantId | None) -> list[Subscription]:
    return [*(await hub.manage_subscriptions.listed(tenant, caller=ANYBODY)).values()]


async def rename(hub: MemoryHub) -> None:
    await hub.rename_tenant(ACME, NEW, caller=ANYBODY)


async def test_event_that_was_made_before_a_rename_is_sent_with_the_same_secret(
    hub: MemoryHub,
) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    await hub.send_trial(ACME, one.id, caller=ANYBODY)
    await publish(hub, "acme", 1)
    await hub.announce_changes()
    await rename(hub)
    assert await stored(hub, NEW) == [one]
    assert await stored(hub, ACME) == []
    assert await deliver_all(hub) == [Progress.TOLD] * 3
    # The versions of the document before the rename and of it, and the trial.
    assert sorted(told(hub)) == ["config.changed", "config.changed", "test"]
    assert {str(data.get("tenants", [])) for data in said(hub)} == {"[]", "['new']"}
    [before] = {one.secrets for one in hub.webhooks.told}
    assert not [name for name in hub.state.secrets if "acme" in str(name)]
    await publish(hub, "new", 2)
    await deliver_all(hub)
    assert hub.webhooks.told[-1].secrets == before


async def test_rename_itself_tells_of_what_was_not_told_before(hub: MemoryHub) -> None:
    await subscribed(hub, *EVERY_KIND)
    await publish(hub, "acme", 1)
    await rename(hub)
    await deliver_all(hub)
    # The documents are new under the new id, and none of them is told to be deleted.
    assert sorted(told(hub)) == ["config.changed", "tenant.changed"]
    assert [(data["tenants"], "deleted" in data) for data in said(hub)] == [(["new"], False)] * 2


async def test_message_that_ends_during_a_rename_is_told() -> None:
    hub, _, message_id = await ready(ANSWER)
    await subscribed(hub, outcomes=EVERY_OUTCOME)
    [message] = await taken_now(hub)
    step = await hub.deliver_message(message)
    # What a worker has in hand stays with the earlier id.
    await rename(hub)
    assert (await carried_on(hub, step)).progress is Progress.POSTED
    await deliver_all(hub)
    assert told(hub) == ["message.answered"]
    assert [data["message_id"] for data in said(hub)] == [message_id.value]


async def begin_erasure(hub: MemoryHub) -> None:
    """
    As a process that ends after the first commit.
    """
    await hub.erase_tenant._begun(Wish.of(ACME, ANYBODY, hub.clock.now()))


@pytest.mark.parametrize("close", [rename, begin_erasure])
async def test_tenant_that_is_closed_between_the_look_and_the_commit(
    close: Callable[[MemoryHub], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, _, _ = await ready(ANSWER)
    await subscribed(hub, outcomes=EVERY_OUTCOME)
    [message] = await taken_now(hub)
    is_open = Standings.is_open
    closed: list[TenantId] = []

    async def closing(self: Standings, tenant: TenantId) -> bool:
        was_open = await is_open(self, tenant)
        if not closed:
            closed.append(tenant)
            await close(hub)
        return was_open

    step = await hub.deliver_message(message)
    monkeypatch.setattr(Standings, "is_open", closing)
    step = await carried_on(hub, step)
    # The customer has the answer: it must not be forgotten.
    assert step.progress is Progress.POSTED
    assert closed == [ACME]
    await deliver_all(hub)
    assert told(hub) == (["message.answered"] if close is rename else [])


async def test_nothing_leaves_after_an_erasure_began(hub: MemoryHub) -> None:
    one = await subscribed(hub, *EVERY_KIND)
    all_of_hub = await subscribed(hub, *EVERY_KIND, tenant=None, url="https://hub.example.com/")
    await publish(hub, "acme", 1)
    await hub.send_trial(ACME, one.id, caller=ANYBODY)
    # What this process remembers of it is warm.
    await hub.manage_subscriptions.subscriptions.secrets(ACME, one)
    await hub.announce_changes()
    await begin_erasure(hub)
    await publish(hub, "other", 1)
    await deliver_all(hub)
    assert {event.url for event in hub.webhooks.told} == {all_of_hub.url}
    assert "other" in str(said(hub))
    await hub.erase_tenant(ACME, caller=ANYBODY, confirmation="acme")
    await deliver_all(hub)
    assert {event.url for event in hub.webhooks.told} == {all_of_hub.url}
    assert await stored(hub, ACME) == []
    assert one.id.value not in str([hub.state.secrets, hub.state.histories, hub.state.messages])


async def test_suspended_client_is_told_as_before() -> None:
    hub, _, _ = await ready(ANSWER)
    await subscribed(hub, FeedKind.CONFIG, FeedKind.TENANT, outcomes=EVERY_OUTCOME)
    await hub.suspend_tenant(ACME, caller=ANYBODY)
    await publish(hub, "acme", 1)
    await deliver_all(hub)
    # The message is left to people.
    assert sorted(told(hub)) == ["config.changed", "message.handed_over", "tenant.changed"]


async def test_moved_area_leaves_subscriptions(hub: MemoryHub) -> None:
    one = await subscribed(hub, FeedKind.CONFIG)
    source, target = owner("acme"), TenantArea(ACME, BusinessArea("elsewhere"))
    await publish(hub, "acme", 1)
    await hub.announce_changes()
    await hub.move_area(source, target, caller=ANYBODY)
    assert await stored(hub, ACME) == [one]
    await deliver_all(hub)
    assert "elsewhere" in [data["domain"] for data in said(hub)]
    assert len({event.secrets for event in hub.webhooks.told}) == 1


async def test_what_was_on_its_way_is_held_after_a_restore(hub: MemoryHub) -> None:
    await subscribed(hub, FeedKind.CONFIG)
    await publish(hub, "acme", 1)
    await hub.announce_changes()
    assert await hub.hold_messages(actor="restore") == 1
    assert await deliver_all(hub) == []
    [held] = await events_of(hub)
    assert (held.stage, held.reason) == (Stage.DEAD, "restored")
    await publish(hub, "acme", 2)
    assert await deliver_all(hub) == [Progress.TOLD]
    await hub.replay_messages(held.id, caller=ANYBODY)
    assert await deliver_all(hub) == [Progress.TOLD]
    assert sorted(str(data["version"]) for data in said(hub)) == ["1", "2"]


async def test_history_of_subscriptions_is_pruned_as_others() -> None:
    hub = MemoryHub(retention=Retention(RetentionPolicy(keep=1), timedelta(days=30)))
    one = await subscribed(hub, FeedKind.CONFIG)
    for number in range(4):
        await hub.manage_subscriptions.rotate(ACME, one.id, caller=ANYBODY)
        await publish(hub, "acme", number)
        await deliver_all(hub)
    assert (await hub.prune_history()).revisions > 0
    config, credentials = (
        subscriptions_place(ACME).document(kind) for kind in (CONFIG, CREDENTIALS)
    )
    for key in (config, credentials, FEED_CURSOR):
        assert len(hub.state.histories[key]) == 1
    assert len(await stored(hub, ACME)) == 1
    await publish(hub, "acme", 5)
    assert await deliver_all(hub) == [Progress.TOLD]


async def test_sealing_of_plain_secrets_leaves_subscriptions(hub: MemoryHub) -> None:
    # Its address looks like one with a secret, and so does the end of the overlap.
    one = await subscribed(hub, FeedKind.CONFIG, url="https://receiver.example.com/?token=s3nha")
    rotated, _ = await hub.manage_subscriptions.rotate(ACME, one.id, caller=ANYBODY)
    assert (await hub.seal_stored_secrets.search(100)).found is None
    await hub.seal_stored_secrets(caller=ANYBODY)
    assert await stored(hub, ACME) == [rotated]


async def test_nobody_is_told_of_another_client(hub: MemoryHub) -> None:
    of_other = "https://other.example.com/"
    await subscribed(hub, *EVERY_KIND)
    await subscribed(hub, *EVERY_KIND, tenant=None, url="https://hub.example.com/")
    await subscribed(hub, *EVERY_KIND, tenant=TenantId("other"), url=of_other)
    await publish(hub, "acme", 1)
    channel = ChannelKey(ChatwootId("1"))
    await hub.sync_mapping(ChannelMapping(channel, owner("acme")), caller=ANYBODY)
    await hub.suspend_tenant(ACME, caller=ANYBODY)
    await hub.suspend_tenant.end(ACME, caller=ANYBODY)
    await deliver_all(hub)
    assert {str(data["tenants"]) for data in said(hub)} == {"['acme']"}
    assert of_other not in {event.url for event in hub.webhooks.told}
    await hub.sync_mapping(ChannelMapping(channel, owner("other")), caller=ANYBODY)
    await deliver_all(hub)
    [event] = [event for event in hub.webhooks.told if event.url == of_other]
    assert "acme" not in str(event.body)


async def test_outcome_of_a_message_that_went_to_another_client_is_not_told() -> None:
    hub, _, message_id = await ready(CrewRefusedError())
    await subscribed(hub, outcomes=frozenset({MessageOutcome.DEAD}))
    await subscribed(hub, outcomes=EVERY_OUTCOME, tenant=None, url="https://hub.example.com/")
    assert (await delivered(hub)).progress is Progress.DEAD
    await owns(hub, OTHER)
    message = await hub.replay_messages(message_id, caller=ANYBODY)
    assert message.holder == OTHER
    await deliver_all(hub)
    assert {event.url for event in hub.webhooks.told} == {"https://hub.example.com/"}


@pytest.mark.parametrize("tenant", [TenantId("other"), None])
async def test_bound_administrator_reaches_only_its_own(
    tenant: TenantId | None, hub: MemoryHub
) -> None:
    one = await subscribed(hub, FeedKind.CONFIG, tenant=tenant)
    manage, bound = hub.manage_subscriptions, bound_to("acme")
    attempts: list[Coroutine[Any, Any, object]] = [
        manage.create(tenant, URL, EVERY_KIND, EVERY_OUTCOME, caller=bound),
        manage.change(tenant, one.id, SubscriptionChange(on=False), caller=bound),
        manage.rotate(tenant, one.id, caller=bound),
        manage.remove(tenant, one.id, caller=bound),
    ]
    for attempt in attempts:
        with pytest.raises(TenantForbiddenError):
            await attempt
    with pytest.raises((TenantForbiddenError, SubscriptionNotFoundError)):
        await hub.send_trial(tenant, one.id, caller=bound)
    assert one.id.value not in await manage.listed(None, caller=bound)
    # By its id in its own place, neither.
    with pytest.raises(SubscriptionNotFoundError):
        await manage.rotate(ACME, one.id, caller=bound)
    # Nor what is on its way to it.
    trial = await hub.send_trial(tenant, one.id, caller=ANYBODY)
    assert await hub.list_messages(caller=bound) == []
    with pytest.raises(TenantForbiddenError):
        await hub.replay_messages(trial.id, caller=bound)
    assert await stored(hub, tenant) == [one]


@pytest.mark.parametrize("name", [HUB_EVENT, HUB_NOTICE])
async def test_event_of_chatwoot_never_becomes_one_of_the_hub(name: str, hub: MemoryHub) -> None:
    one = await subscribed(hub, *EVERY_KIND, outcomes=EVERY_OUTCOME)
    await owns(hub, AREA)
    for delivery in (f"{one.id}:test:1", f"{one.id}:change:1/hub"):
        forged = {**payload(9001), "event": name}
        event = read_event(forged, delivery=delivery)
        receipt = await hub.receive_message(event, SecretText(json.dumps(forged)), caller=ANYBODY)
        assert receipt.reception is Reception.IGNORED
        with pytest.raises(WrongStageError):
            await hub.replay_messages(receipt.id, caller=ANYBODY)
    kinds = {(message.stage, message.due_at) for message in hub.state.messages.values()}
    assert kinds == {(Stage.IGNORED, None)}
    await publish(hub, "acme", 1)
    await hub.announce_changes()
    assert set(await deliver_all(hub)) == {Progress.TOLD}
    assert "test" not in told(hub)
