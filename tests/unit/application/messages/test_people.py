from __future__ import annotations

import asyncio
import json
from collections import deque
from datetime import timedelta

import pytest
from attrs import evolve

from odoo_ai_config.adapters.memory.config_store import MemoryConfigStore
from odoo_ai_config.application.errors import (
    ChatwootRefusedError,
    ChatwootUnavailableError,
    CrewRefusedError,
    CrewUnavailableError,
)
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.application.messages.people import (
    MOST_AT_ONCE,
    TOLD_WITHIN,
    WARMING_UP,
    TellPeople,
)
from odoo_ai_config.application.messages.progress import GOES_ON, Progress
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.conversations.state import (
    NOTE,
    ConversationKey,
    Pause,
    Seen,
    Sighting,
    Status,
    Wrote,
)
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.answers import DEFERRED
from odoo_ai_config.domain.messages.inbox import (
    NOBODY,
    InboxMessage,
    MessageId,
    Stage,
)
from odoo_ai_config.domain.messages.notices import CAUSES
from tests.unit.application.memory_hub import ANYBODY, MemoryHub
from tests.unit.application.messages.deliveries import (
    ACME,
    ANSWER,
    CREWS_DOCUMENT,
    PLENTY,
    found,
    has_crews,
    hub_with,
    owns,
    payload,
    ready,
    received,
    skip_to_due,
)

PLACE = ChatwootId("1"), ChatwootId("301")
KEY = ConversationKey(*PLACE)
MINUTE = timedelta(minutes=1)
LABEL = "ia-sem-resposta"


def rules(unanswered: JsonObject | str) -> JsonObject:
    return {**CREWS_DOCUMENT, "answer_when": {"unanswered": unanswered}}


async def looked(hub: MemoryHub, *, after: timedelta = timedelta(0)) -> list[str]:
    """
    The causes of what people are told by a hub that has warmed up and looks *after* a while.
    """
    async for _ in hub.tell_people():
        raise AssertionError("told too early")
    hub.clock.tick(max(after, WARMING_UP))
    return await again(hub)


async def again(hub: MemoryHub) -> list[str]:
    return [cause async for cause in hub.tell_people()]


async def worked(hub: MemoryHub) -> list[Progress]:
    """
    Deliver what is due, each message as far as possible.
    """
    now = hub.clock.now()
    progress: list[Progress] = []
    for message in await hub.ports.inbox.claim(
        PLENTY, now=now, until=now + hub.deliver_message.lease
    ):
        step = await hub.deliver_message(message)
        while step.progress in GOES_ON:
            step = await hub.deliver_message(step.message, unposted=True)
        progress.append(step.progress)
    return progress


async def dead(document: JsonObject = CREWS_DOCUMENT) -> tuple[MemoryHub, MessageId]:
    hub, _, message_id = await ready(CrewRefusedError(), document=document)
    assert await worked(hub) == [Progress.DEAD]
    return hub, message_id


async def see(hub: MemoryHub, seen: Seen) -> None:
    await hub.ports.store.commit(Changeset(sightings=(Sighting(KEY, seen, hub.clock.tick()),)))


async def taken_in(hub: MemoryHub, **conversation: object) -> MessageId:
    body = payload()
    state = body["conversation"]
    assert isinstance(state, dict)
    body["conversation"] = {**state, **conversation}  # type: ignore[dict-item]
    receipt = await hub.receive_message(
        read_event(body), SecretText(json.dumps(body)), caller=ANYBODY
    )
    hub.clock.tick()
    return receipt.id


async def notices(hub: MemoryHub) -> list[InboxMessage]:
    every = await hub.ports.inbox.page(set(Stage), limit=100, oldest_first=True)
    return [message for message in every if message.is_notice]


def note_in(hub: MemoryHub) -> str:
    (posted,) = hub.chatwoot.posted
    assert posted.message.private
    assert posted.message.text is not None
    return posted.message.text


async def test_people_are_told_of_a_message_that_was_given_up() -> None:
    hub, message_id = await dead()
    assert await again(hub) == ["crew_refused"]
    told = await found(hub, message_id)
    assert told.told_at == hub.clock.now()
    assert told.stage is Stage.DEAD
    assert await worked(hub) == [Progress.POSTED]
    assert CAUSES["crew_refused"] in note_in(hub)
    talk = hub.chatwoot.talks[PLACE]
    assert talk.status is Status.OPEN
    assert talk.labels == (LABEL,)
    known = await hub.ports.conversations.find(KEY)
    assert known is not None
    assert known.people_told_since is not None
    assert known.with_people_since is not None


async def test_people_are_told_once() -> None:
    hub, _ = await dead()
    assert await again(hub) == ["crew_refused"]
    hub.clock.tick(timedelta(hours=1))
    assert await again(hub) == []
    assert len(await notices(hub)) == 1


async def test_two_processes_tell_people_once() -> None:
    hub, _ = await dead()
    other = evolve(hub.tell_people)

    async def causes(tell: TellPeople) -> list[str]:
        return [cause async for cause in tell()]

    first, second = await asyncio.gather(causes(hub.tell_people), causes(other))
    assert first + second == ["crew_refused"]
    assert len(await notices(hub)) == 1


async def test_process_that_was_slower_tells_nobody() -> None:
    hub, _ = await dead()
    store = hub.ports.store

    class Slower(MemoryConfigStore):
        async def commit(self, changeset: Changeset) -> None:
            # Meanwhile the other one tells people.
            assert await again(hub) == ["crew_refused"]
            await store.commit(changeset)

    other = evolve(hub.tell_people, store=Slower(hub.state))
    assert [cause async for cause in other()] == []
    assert len(await notices(hub)) == 1


async def test_several_messages_of_a_conversation_cause_one_note() -> None:
    hub, _ = await dead()
    for number in (2, 3):
        await received(hub, number)
        assert await worked(hub) == [Progress.DEAD]
    assert await again(hub) == ["crew_refused"]
    assert await again(hub) == []
    stuck = await hub.ports.inbox.page({Stage.DEAD}, limit=10)
    assert all(message.told_at is not None for message in stuck)


async def test_note_comes_again_after_the_conversation_was_given_back() -> None:
    hub, _ = await dead()
    assert await again(hub) == ["crew_refused"]
    assert await worked(hub) == [Progress.POSTED]
    hub.clock.tick(MINUTE)
    await see(hub, Seen(status=Status.OPEN, assignee=None))
    await see(hub, Seen(status=Status.PENDING))
    await received(hub, 2)
    assert await worked(hub) == [Progress.DEAD]
    assert await again(hub) == ["crew_refused"]
    assert len(await notices(hub)) == 2


async def test_other_conversation_gets_its_own_note() -> None:
    hub, _ = await dead()
    await received(hub, 2, conversation=302)
    assert await worked(hub) == [Progress.DEAD]
    assert await again(hub) == ["crew_refused"] * 2


async def test_message_that_dies_again_is_told_again() -> None:
    hub, message_id = await dead()
    assert await again(hub) == ["crew_refused"]
    assert await worked(hub) == [Progress.POSTED]
    await see(hub, Seen(resumes=True))
    hub.clock.tick(MINUTE)
    await hub.replay_messages(message_id, caller=ANYBODY)
    assert await worked(hub) == [Progress.DEAD]
    assert await again(hub) == ["crew_refused"]


async def test_nobody_is_told_of_what_got_stuck_long_ago() -> None:
    hub, message_id = await dead()
    hub.clock.tick(TOLD_WITHIN + timedelta(seconds=1))
    assert await again(hub) == []
    assert (await found(hub, message_id)).told_at is None


@pytest.mark.parametrize("document", [rules("nothing"), rules({"label": None})])
async def test_rules_say_whether_people_are_told_and_what_label_there_is(
    document: JsonObject,
) -> None:
    hub, _ = await dead(document=document)
    if document == rules("nothing"):
        assert await again(hub) == []
        return
    assert await again(hub) == ["crew_refused"]
    await worked(hub)
    assert hub.chatwoot.talks[PLACE].labels == ()


async def test_message_without_a_token_is_told_once_there_is_one() -> None:
    hub, _ = await dead()
    with_token = hub.chatwoot_accounts.fallback
    hub.chatwoot_accounts.fallback = evolve(with_token, api_token=None)
    hub.chatwoot_accounts.forget()
    assert await again(hub) == []
    hub.chatwoot_accounts.fallback = with_token
    hub.clock.tick(timedelta(minutes=11))
    assert await again(hub) == ["crew_refused"]


async def test_customer_who_waits_too_long_is_told_of() -> None:
    hub, _, message_id = await ready()
    assert await looked(hub) == []
    hub.clock.tick(3 * MINUTE)
    assert await again(hub) == []
    hub.clock.tick(MINUTE)
    assert await again(hub) == ["unanswered"]
    assert await again(hub) == []
    waiting = await found(hub, message_id)
    assert waiting.stage is Stage.QUEUED
    assert waiting.revision == 1


async def test_rules_say_how_long_a_customer_waits() -> None:
    hub, _, _ = await ready(document=rules({"after_seconds": 120}))
    assert await looked(hub) == []
    hub.clock.tick(MINUTE)
    assert await again(hub) == ["unanswered"]


async def test_conversation_of_a_customer_who_waits_too_long_is_peoples() -> None:
    hub, _, _ = await ready(CrewUnavailableError(), ANSWER)
    assert await worked(hub) == [Progress.PUT_OFF]
    assert await looked(hub, after=6 * MINUTE) == ["unanswered"]
    # The notice does not wait for the message that it is about, and the crew is not asked again.
    assert set(await worked(hub)) == {Progress.IGNORED, Progress.POSTED}
    assert CAUSES["crew_unavailable"] in note_in(hub)
    assert "5 min" in note_in(hub)


async def test_answer_that_comes_after_people_were_told_is_a_note() -> None:
    hub, _, message_id = await ready(DEFERRED)
    assert await worked(hub) == [Progress.AWAITING]
    assert await looked(hub, after=6 * MINUTE) == ["unanswered"]
    assert await worked(hub) == [Progress.POSTED]
    hub.clock.tick()
    await hub.answer_message(message_id, ANSWER, caller=ANYBODY)
    assert await worked(hub) == [Progress.WITHHELD]
    assert all(posted.message.private for posted in hub.chatwoot.posted)


async def test_message_in_a_workers_hand_stays_its_own() -> None:
    hub, _, message_id = await ready()
    assert await looked(hub, after=3 * MINUTE) == []
    hub.clock.tick(3 * MINUTE)
    now = hub.clock.now()
    (message,) = await hub.ports.inbox.claim(
        PLENTY, now=now, until=now + hub.deliver_message.lease
    )
    assert await again(hub) == ["unanswered"]
    assert await found(hub, message_id) == message


async def test_answer_that_chatwoot_does_not_take_yet_is_awaited() -> None:
    hub, _, message_id = await ready()
    hub.chatwoot.failures.extend([ChatwootUnavailableError()] * 2)
    assert await worked(hub) == [Progress.PUT_OFF]
    assert (await found(hub, message_id)).stage is Stage.ANSWERED
    assert await looked(hub, after=6 * MINUTE) == []


async def test_hub_first_delivers_what_waited_while_it_was_down() -> None:
    hub, _, _ = await ready()
    hub.clock.tick(timedelta(hours=1))
    assert await again(hub) == []
    assert await worked(hub) == [Progress.POSTED]
    hub.clock.tick(WARMING_UP)
    assert await again(hub) == []


@pytest.mark.parametrize(
    "seen",
    [
        Seen(wrote=Wrote.PERSON),
        Seen(status=Status.OPEN, assignee=ChatwootId("3")),
        Seen(status=Status.RESOLVED),
        Seen(labels=("humano",), status=Status.OPEN),
    ],
    ids=["wrote", "assigned", "resolved", "label"],
)
async def test_people_who_have_the_conversation_are_not_told(seen: Seen) -> None:
    hub, message_id = await dead()
    await see(hub, seen)
    assert await again(hub) == []
    assert (await found(hub, message_id)).told_at is not None
    assert await notices(hub) == []


@pytest.mark.parametrize(
    "seen",
    [Seen(pause=Pause(NOTE)), Seen(labels=("humano",)), Seen(wrote=Wrote.PERSON)],
    ids=["paused", "label", "wrote"],
)
async def test_no_dead_letter_stays_in_a_pending_conversation(seen: Seen) -> None:
    hub, message_id = await dead()
    await see(hub, Seen(status=Status.PENDING))
    await see(hub, seen)
    assert len(await again(hub)) == 1
    assert (await found(hub, message_id)).told_at is not None
    assert await worked(hub) == [Progress.POSTED]
    (live,) = hub.chatwoot.talks.values()
    assert live.status is Status.OPEN


async def test_answer_that_did_not_reach_the_customer_is_told_even_so() -> None:
    hub, _, message_id = await ready()
    assert await worked(hub) == [Progress.POSTED]
    hub.chatwoot.posted.clear()
    await see(hub, Seen(status=Status.RESOLVED))
    done = await found(hub, message_id)
    failed = done.undelivered(at=hub.clock.tick())
    await hub.ports.store.commit(Changeset(messages=(failed,)))
    assert await again(hub) == ["not_delivered"]
    assert await worked(hub) == [Progress.POSTED]
    assert CAUSES["not_delivered"] in note_in(hub)


@pytest.mark.parametrize("status", ["pending", "open", "snoozed", None])
async def test_message_that_nobodys_mapping_claims_is_told_only_in_a_bots_conversation(
    status: str | None,
) -> None:
    hub, _ = hub_with()
    await taken_in(hub, **({} if status is None else {"status": status}))
    told = await again(hub)
    assert told == (["no_route"] if status == "pending" else [])
    if told:
        (notice,) = await notices(hub)
        assert notice.holder == NOBODY
        assert await worked(hub) == [Progress.POSTED]
        assert CAUSES["no_route"] in note_in(hub)
    hub.clock.tick(timedelta(minutes=20))
    assert await again(hub) == []


async def test_message_without_a_crew_is_told() -> None:
    hub, _ = hub_with()
    await owns(hub, ACME)
    await taken_in(hub, status="pending")
    assert await worked(hub) == [Progress.UNRESOLVED]
    assert await again(hub) == ["crew_not_found"]


async def test_refused_label_leaves_the_rest() -> None:
    hub, _ = await dead()
    hub.chatwoot.readable = False
    assert await again(hub) == ["crew_refused"]
    assert await worked(hub) == [Progress.POSTED]
    (notice,) = await notices(hub)
    assert notice.refused == ("labels",)
    assert hub.chatwoot.talks[PLACE].status is Status.OPEN


async def test_dead_notice_causes_no_notice_and_may_be_replayed() -> None:
    hub, _ = await dead(document=rules({"label": None}))
    assert await again(hub) == ["crew_refused"]
    hub.chatwoot.failures = deque([ChatwootRefusedError()])
    assert await worked(hub) == [Progress.DEAD]
    assert await again(hub) == []
    (notice,) = await notices(hub)
    hub.chatwoot.failures.clear()
    replayed = await hub.replay_messages(notice.id, caller=ANYBODY)
    assert replayed.is_open
    assert await worked(hub) == [Progress.POSTED]


async def test_notice_is_tried_for_a_day() -> None:
    hub, _ = await dead()
    assert await again(hub) == ["crew_refused"]
    (notice,) = await notices(hub)
    progress = Progress.PUT_OFF
    failures = 0
    while progress is Progress.PUT_OFF:
        await skip_to_due(hub)
        hub.chatwoot.failures = deque([ChatwootUnavailableError()])
        (progress,) = await worked(hub)
        failures += 1
    assert progress is Progress.DEAD
    assert hub.clock.now() - notice.received_at >= timedelta(days=1)
    assert failures > hub.policies.retries.attempts


async def test_lost_text_does_not_keep_the_trouble_from_people() -> None:
    hub, _ = await dead()
    hub.state.secrets.clear()
    assert await again(hub) == ["crew_refused"]


async def test_message_that_is_gone_by_then_is_not_told() -> None:
    hub, _ = await dead()
    await received(hub, 2, conversation=302)
    assert await worked(hub) == [Progress.DEAD]
    causes = []
    async for cause in hub.tell_people():
        causes.append(cause)
        hub.state.messages.clear()
    assert causes == ["crew_refused"]


async def test_many_are_told_in_several_looks() -> None:
    hub, _ = hub_with(CrewRefusedError())
    await owns(hub, ACME)
    await has_crews(hub, ACME)
    many = MOST_AT_ONCE + 5
    for number in range(1, many + 1):
        await received(hub, number, conversation=number)
    assert await worked(hub) == [Progress.DEAD] * many
    assert len(await again(hub)) == MOST_AT_ONCE
    assert len(await again(hub)) == 5
    assert await again(hub) == []


async def test_many_who_wait_are_told_of_in_several_looks() -> None:
    hub, _ = hub_with()
    await owns(hub, ACME)
    await has_crews(hub, ACME)
    many = MOST_AT_ONCE + 5
    for number in range(1, many + 1):
        await received(hub, number, conversation=number)
    assert len(await looked(hub, after=20 * MINUTE)) == MOST_AT_ONCE
    assert len(await again(hub)) == 5
    # The notices themselves are open, too.
    assert await again(hub) == []
    assert await again(hub) == []


async def test_worker_is_woken_for_a_notice() -> None:
    hub, _ = await dead()
    await hub.work_signal.wait(0)
    assert await again(hub) == ["crew_refused"]
    async with asyncio.timeout(60):
        await hub.work_signal.wait(3600)
