from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from odoo_ai_config.adapters.memory.config_store import MemoryConfigStore
from odoo_ai_config.adapters.memory.secret_vault import MemorySecretVault
from odoo_ai_config.application.errors import (
    ApplicationError,
    ChatwootRefusedError,
    ChatwootUnavailableError,
    ContentionError,
    CrewRefusedError,
    CrewUnavailableError,
    StoreUnavailableError,
    TargetForbiddenError,
    TenantKeyChangedError,
)
from odoo_ai_config.application.messages.progress import Progress
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.chatwoot import ChatwootAccess
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Crew
from odoo_ai_config.domain.identifiers import (
    CREDENTIALS,
    CREWS,
    BusinessArea,
    ChatwootId,
    TenantArea,
)
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.answers import DEFERRED, NO_REPLY, Answer, HandOver
from odoo_ai_config.domain.messages.inbox import Stage
from odoo_ai_config.domain.messages.outgoing import OutgoingMessage
from odoo_ai_config.entrypoints.wiring import build_services
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, write
from tests.unit.application.messages.deliveries import (
    ACME,
    ANOTHER,
    ANSWER,
    NOTE,
    claimed,
    delivered,
    found,
    has_crews,
    hub_with,
    owns,
    ready,
    received,
    remade,
    skip_to_due,
)

SIGNED: JsonObject = {
    "default_crew": "sales",
    "crews": {"sales": {"type": "http", "url": "https://crew.example.com", "secret_ref": "sign"}},
}
DEFAULT_AREA = TenantArea(ACME.tenant, BusinessArea())


async def test_answer_of_the_crew_is_posted_where_the_customer_wrote() -> None:
    hub, crew, message_id = await ready()
    step = await delivered(hub)
    message = await found(hub, message_id)
    assert step.progress is Progress.POSTED
    assert (message, message.stage) == (step.message, Stage.DONE)
    (posted,) = hub.chatwoot.posted
    assert (posted.account, posted.conversation) == (ChatwootId("1"), ChatwootId("301"))
    assert (posted.message, posted.mark) == (ANSWER.plain, message_id.value)
    ((asked, task, secret),) = crew.asked
    assert (asked.name, asked.owner, secret) == ("sales", ACME, None)
    assert (task.message.text, task.received.origin.request_id) == ("Olá 1", "request-1")


async def test_answer_is_kept_before_it_is_posted_and_sealed() -> None:
    hub, _, message_id = await ready()
    step = await hub.deliver_message(await claimed(hub))
    message = await found(hub, message_id)
    assert (step.progress, step.crew) == (Progress.ANSWERED, "sales")
    assert (message.stage, hub.chatwoot.posted) == (Stage.ANSWERED, [])
    assert message.due_at == hub.clock.now() + hub.deliver_message.lease
    assert await hub.read_message.texts.answer_to(message) == ANSWER
    assert "Das 8" not in repr(hub.state)


async def test_note_is_kept_sealed_and_posted_as_a_note() -> None:
    hub, _, message_id = await ready(NOTE)
    await hub.deliver_message(await claimed(hub))
    assert "atraso" not in repr(hub.state)
    await skip_to_due(hub)
    # By another worker, which only knows what is stored.
    assert (await delivered(hub)).progress is Progress.POSTED
    assert [posted.message for posted in hub.chatwoot.posted] == [NOTE.plain]
    assert await hub.read_message.texts.answer_to(await found(hub, message_id)) == NOTE


async def test_every_step_of_an_answer_is_done_in_chatwoot() -> None:
    several = Answer((OutgoingMessage("um"), OutgoingMessage("dois")), HandOver())
    hub, _, message_id = await ready(several)
    assert (await delivered(hub)).progress is Progress.POSTED
    done = await found(hub, message_id)
    assert (done.stage, done.steps, done.refused) == (Stage.DONE, 2, ())
    assert [one.mark for one in hub.chatwoot.posted] == [f"{message_id}", f"{message_id}/2"]


async def test_crew_is_told_of_before_it_is_asked() -> None:
    hub, crew, _ = await ready()
    told: list[tuple[str, int]] = []

    def tell(asked: Crew) -> None:
        told.append((asked.name, len(crew.asked)))

    await hub.deliver_message(await claimed(hub), on_asking=tell)
    assert told == [("sales", 0)]


async def test_crew_with_nothing_to_say_ends_it() -> None:
    hub, _, message_id = await ready(NO_REPLY)
    step = await delivered(hub)
    message = await found(hub, message_id)
    assert step.progress is Progress.NO_REPLY
    assert (message.stage, message.reason) == (Stage.DONE, "silence")
    assert hub.chatwoot.posted == []


async def test_crew_that_answers_later_is_asked_again_if_it_does_not() -> None:
    hub, crew, message_id = await ready(DEFERRED)
    assert (await delivered(hub)).progress is Progress.AWAITING
    message = await found(hub, message_id)
    assert message.due_at == hub.clock.now() + timedelta(minutes=10)
    hub.clock.tick(timedelta(minutes=10))
    step = await delivered(hub)
    assert (step.progress, step.message.reason) == (Progress.PUT_OFF, "no_answer_in_time")
    await skip_to_due(hub)
    await delivered(hub)
    assert len(crew.asked) == 2


async def test_crew_that_always_promises_and_never_answers_is_given_up() -> None:
    hub, crew, message_id = await ready(DEFERRED)
    for _ in range(23):
        await delivered(hub)
        await skip_to_due(hub)
    assert (await delivered(hub)).progress is Progress.DEAD
    message = await found(hub, message_id)
    assert (message.reason, message.attempts) == ("no_answer_in_time", 12)
    assert len(crew.asked) == 12


async def test_crew_that_is_away_is_asked_again_and_then_given_up() -> None:
    hub, crew, message_id = await ready(CrewUnavailableError())
    pauses = []
    for _ in range(11):
        step = await delivered(hub)
        assert (step.progress, step.message.stage) == (Progress.PUT_OFF, Stage.QUEUED)
        assert step.message.due_at is not None
        pauses.append(step.message.due_at - hub.clock.now())
        await skip_to_due(hub)
    assert (await delivered(hub)).progress is Progress.DEAD
    message = await found(hub, message_id)
    assert (message.stage, message.reason) == (Stage.DEAD, "crew_unavailable")
    assert pauses[0] < timedelta(seconds=2) < pauses[5] < pauses[-1] <= timedelta(minutes=15)
    assert len(crew.asked) == 12


async def test_crew_is_not_asked_before_its_retry_after() -> None:
    hub, _, _ = await ready(CrewUnavailableError(retry_after=300))
    step = await delivered(hub)
    assert step.message.due_at == hub.clock.now() + timedelta(minutes=5)


@pytest.mark.parametrize("error", [CrewRefusedError(), TargetForbiddenError()])
async def test_crew_that_refuses_is_not_asked_again(error: ApplicationError) -> None:
    hub, _, message_id = await ready(error)
    assert (await delivered(hub)).progress is Progress.DEAD
    message = await found(hub, message_id)
    assert (message.stage, message.reason) == (Stage.DEAD, error.code)


async def test_crews_of_the_default_area_answer_for_areas_without_crews() -> None:
    hub, crew = hub_with()
    await owns(hub, ACME)
    await has_crews(hub, DEFAULT_AREA)
    await received(hub)
    await delivered(hub)
    assert crew.asked[0][0].owner == DEFAULT_AREA


async def test_area_that_has_crews_does_not_use_those_of_the_default_area() -> None:
    hub, crew, _ = await ready()
    await has_crews(hub, DEFAULT_AREA, {"default_crew": "x", "crews": {"x": {"type": "echo"}}})
    await delivered(hub)
    assert crew.asked[0][0].name == "sales"


async def test_message_without_crews_waits_for_somebody() -> None:
    hub, crew, message_id = await ready()
    await hub.delete_document(write(ACME.document(CREWS)))
    assert (await delivered(hub)).progress is Progress.UNRESOLVED
    message = await found(hub, message_id)
    assert (message.stage, message.reason) == (Stage.UNRESOLVED, "crew_not_found")
    assert crew.asked == []


async def test_message_whose_crew_cannot_be_read_waits_for_somebody() -> None:
    document: JsonObject = {"default_crew": "sales", "crews": {"sales": {"type": "echo"}}}
    hub, _, message_id = await ready(document=document)
    history = hub.state.histories[ACME.document(CREWS)]
    bad = history[-1].document.with_body({"default_crew": "sales", "crews": []})
    history[-1] = evolve(history[-1], document=bad)
    await delivered(hub)
    assert (await found(hub, message_id)).reason == "crew_invalid"


async def test_crew_gets_the_secret_that_it_signs_with() -> None:
    hub, crew, _ = await ready(document=SIGNED)
    body: JsonObject = {"credentials": {"sign": "whsec_c2VncmVkbw=="}}
    await hub.publish_document(write(ACME.document(CREDENTIALS)), text=json.dumps(body))
    await delivered(hub)
    assert crew.asked[0][2] == SecretText("whsec_c2VncmVkbw==")


async def test_crew_whose_secret_is_missing_is_not_asked() -> None:
    hub, crew, message_id = await ready(document=SIGNED)
    await delivered(hub)
    assert (await found(hub, message_id)).reason == "crew_cannot_sign"
    assert crew.asked == []


async def test_text_that_does_not_open_is_given_up() -> None:
    hub, crew, message_id = await ready()
    hub.state.secrets.clear()
    assert (await delivered(hub)).progress is Progress.DEAD
    assert (await found(hub, message_id)).reason == "seal_broken"
    assert crew.asked == []


async def test_missing_master_key_may_come_back() -> None:
    hub, _, _ = await ready()
    away = build_services(evolve(hub.ports, vault=MemorySecretVault("another")), hub.policies)
    step = await away.deliver_message(await claimed(hub))
    assert (step.progress, step.message.reason) == (Progress.PUT_OFF, "master_key_missing")
    await skip_to_due(hub)
    assert (await delivered(hub)).progress is Progress.POSTED


async def test_chatwoot_that_is_away_gets_the_answer_later() -> None:
    hub, crew, _ = await ready()
    # The first is met when the hub looks at the live conversation, which it can do without.
    failure = ChatwootUnavailableError(retry_after=60)
    hub.chatwoot.failures.extend([failure, failure])
    step = await delivered(hub)
    assert (step.progress, step.message.stage) == (Progress.PUT_OFF, Stage.ANSWERED)
    assert step.message.due_at == hub.clock.now() + timedelta(minutes=1)
    await skip_to_due(hub)
    assert (await delivered(hub)).progress is Progress.POSTED
    assert len(crew.asked) == len(hub.chatwoot.posted) == 1


async def test_answer_that_chatwoot_refuses_is_kept_for_a_replay() -> None:
    hub, _, message_id = await ready()
    hub.chatwoot.failures.extend([ChatwootRefusedError(), ChatwootRefusedError()])
    assert (await delivered(hub)).progress is Progress.DEAD
    message = await found(hub, message_id)
    assert (message.reason, await hub.read_message.texts.answer_to(message)) == (
        "chatwoot_refused",
        ANSWER,
    )


@pytest.mark.parametrize(
    "access", [ChatwootAccess(), ChatwootAccess("https://chatwoot.example.com")]
)
async def test_answer_waits_for_somebody_if_chatwoot_is_not_set_up(
    access: ChatwootAccess,
) -> None:
    hub, _, message_id = await ready()
    hub.chatwoot_accounts.fallback = access
    assert (await delivered(hub)).progress is Progress.DEAD
    assert (await found(hub, message_id)).reason == "chatwoot_unconfigured"


@pytest.mark.parametrize("lacking", ["account", "conversation"])
async def test_answer_without_an_account_or_conversation_is_given_up(lacking: str) -> None:
    hub, _, message_id = await ready()
    message = await found(hub, message_id)
    nothing: dict[str, Any] = {lacking: None}
    hub.state.messages[message_id] = evolve(message, origin=evolve(message.origin, **nothing))
    assert (await delivered(hub)).progress is Progress.DEAD
    assert (await found(hub, message_id)).reason == "chatwoot_unconfigured"


@pytest.mark.parametrize("said", [ANSWER, NOTE])
async def test_answer_that_a_dead_worker_has_posted_is_not_posted_again(said: Answer) -> None:
    hub, crew, message_id = await ready(said)
    answered = (await hub.deliver_message(await claimed(hub))).message
    conversation = await hub.deliver_message.posting.reply_sender.access_for(answered)
    assert conversation is not None
    await hub.chatwoot.post(conversation, said.messages[0], mark=message_id.value)
    await skip_to_due(hub)
    assert (await delivered(hub)).progress is Progress.FOUND_POSTED
    assert (await found(hub, message_id)).stage is Stage.DONE
    assert len(crew.asked) == len(hub.chatwoot.posted) == 1


async def test_replayed_answer_is_looked_for_even_by_who_has_just_got_another() -> None:
    hub, crew, message_id = await ready(CrewRefusedError(), ANSWER)
    await delivered(hub)
    await hub.replay_messages(message_id, caller=ANYBODY)
    hub.chatwoot.failures.append(ChatwootUnavailableError())
    step = await hub.deliver_message(await claimed(hub))
    # The lookup fails, not the post.
    assert (await hub.deliver_message(step.message, unposted=True)).progress is Progress.PUT_OFF
    assert hub.chatwoot.posted == []
    assert len(crew.asked) == 2


async def test_callback_that_overtakes_the_crews_first_word_wins() -> None:
    hub, crew, message_id = await ready(DEFERRED)
    message = await claimed(hub)
    await hub.answer_message(message_id, ANOTHER, caller=ANYBODY)
    step = await hub.deliver_message(message)
    assert (step.progress, step.message) == (Progress.OVERTAKEN, message)
    assert (await delivered(hub)).progress is Progress.POSTED
    assert [posted.message for posted in hub.chatwoot.posted] == [ANOTHER.plain]
    assert len(crew.asked) == 1


async def test_answer_of_a_worker_that_was_too_slow_does_not_count() -> None:
    hub, crew, message_id = await ready(ANOTHER, ANSWER)
    slow = await claimed(hub)

    def somebody_else_takes_it() -> None:
        hub.state.messages[message_id] = slow.taken(until=hub.clock.now())

    crew.meanwhile = somebody_else_takes_it
    assert (await hub.deliver_message(slow)).progress is Progress.OVERTAKEN
    crew.meanwhile = None
    assert (await delivered(hub)).progress is Progress.POSTED
    assert [posted.message for posted in hub.chatwoot.posted] == [ANSWER.plain]
    assert (await found(hub, message_id)).stage is Stage.DONE


async def test_nothing_is_done_after_the_claim_has_run_out() -> None:
    hub, crew, _ = await ready()
    message = await claimed(hub)
    answered = (await hub.deliver_message(message)).message
    await skip_to_due(hub)
    for late in (message, answered):
        step = await hub.deliver_message(late, unposted=True)
        assert (step.progress, step.message) == (Progress.OVERTAKEN, late)
    assert len(crew.asked) == 1
    assert hub.chatwoot.posted == []


async def test_message_whose_workers_never_come_back_is_given_up() -> None:
    hub, crew, message_id = await ready(ANSWER)
    for _ in range(hub.deliver_message.policy.attempts):
        await claimed(hub)
        await skip_to_due(hub)
    assert (await delivered(hub)).progress is Progress.DEAD
    message = await found(hub, message_id)
    assert (message.stage, message.reason) == (Stage.DEAD, "worker_lost")
    assert crew.asked == []


async def test_message_is_still_delivered_by_the_last_worker_that_may_try() -> None:
    hub, _, message_id = await ready(ANSWER)
    for _ in range(hub.deliver_message.policy.attempts - 1):
        await claimed(hub)
        await skip_to_due(hub)
    assert (await delivered(hub)).progress is Progress.POSTED
    assert (await found(hub, message_id)).claims == 0


async def test_lost_worker_is_no_failed_attempt_of_a_message_that_has_one_only() -> None:
    hub, crew, _ = await ready(ANSWER)
    policy = evolve(hub.deliver_message.policy, attempts=1)
    strict = evolve(hub.deliver_message, policy=policy)
    await claimed(hub)
    await skip_to_due(hub)
    assert (await strict(await claimed(hub))).progress is Progress.ANSWERED
    assert len(crew.asked) == 1


async def test_message_is_given_back_for_the_next() -> None:
    hub, _, _ = await ready()
    message = await claimed(hub)
    assert (await hub.deliver_message.give_back(message)).progress is Progress.GIVEN_BACK
    again = await claimed(hub)
    assert (again.id, again.attempts) == (message.id, 0)
    assert (await hub.deliver_message.give_back(message)).progress is Progress.OVERTAKEN


async def test_store_that_is_away_leaves_the_message_as_it_is() -> None:
    hub, crew, message_id = await ready()
    message = await claimed(hub)
    crew.meanwhile = lambda: setattr(hub.state, "away", True)
    with pytest.raises(StoreUnavailableError):
        await hub.deliver_message(message)
    hub.state.away = False
    assert await found(hub, message_id) == message


class RotatingStore(MemoryConfigStore):
    """
    A store that rotates the tenant's key before each answer, this many times.
    """

    __slots__ = ("rotations",)
    rotations: int

    async def commit(self, changeset: Changeset) -> None:
        if changeset.sealed_under is not None and self.rotations:
            object.__setattr__(self, "rotations", self.rotations - 1)
            raise TenantKeyChangedError
        await super().commit(changeset)


def rotating(hub: MemoryHub, times: int) -> RotatingStore:
    store = RotatingStore(hub.state)
    object.__setattr__(store, "rotations", times)
    return store


async def test_answer_is_sealed_again_if_the_key_was_rotated() -> None:
    hub, crew, _ = await ready()
    deliver = remade(hub.deliver_message, store=rotating(hub, 2))
    assert (await deliver(await claimed(hub))).progress is Progress.ANSWERED
    assert len(crew.asked) == 1


async def test_answer_that_meets_one_rotation_after_the_other_is_left() -> None:
    hub, _, message_id = await ready()
    message = await claimed(hub)
    with pytest.raises(ContentionError):
        await remade(hub.deliver_message, store=rotating(hub, 3))(message)
    assert await found(hub, message_id) == message


async def test_only_the_oldest_message_of_a_conversation_is_taken() -> None:
    hub, crew, first = await ready()
    second = await received(hub, 2)
    message = await claimed(hub)
    assert message.id == first
    assert (await hub.deliver_message(message)).message.stage is Stage.ANSWERED
    await skip_to_due(hub)
    await delivered(hub)
    assert (await claimed(hub)).id == second
    assert len(crew.asked) == 1
