"""
Crews and people in one conversation: who answers, what is told, and what is done in Chatwoot.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import define, evolve

from odoo_ai_config.adapters.memory.chatwoot_client import MemoryChatwootClient
from odoo_ai_config.adapters.memory.message_inbox import MemoryMessageInbox
from odoo_ai_config.application.errors import (
    AttachmentRefusedError,
    ChatwootRefusedError,
    ChatwootUnavailableError,
    CrewRefusedError,
    CrewUnavailableError,
    SealBrokenError,
)
from odoo_ai_config.application.messages import tasks
from odoo_ai_config.application.messages.progress import GOES_ON, Progress
from odoo_ai_config.application.messages.tasks import MOST_OPENED, MOST_TOLD
from odoo_ai_config.application.messages.texts import MessageTexts, read_back
from odoo_ai_config.application.ports.chatwoot_client import ConversationAccess
from odoo_ai_config.domain.chatwoot import ChatwootAccess
from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.conversations.state import ConversationKey, Status, Wrote
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import (
    CREWS,
    METADATA,
    BusinessArea,
    ChatwootId,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.answers import DEFERRED, NO_REPLY, Answer, HandOver, Priority
from odoo_ai_config.domain.messages.inbox import InboxMessage, Stage, WrongStageError
from odoo_ai_config.domain.messages.outgoing import OutgoingFile, OutgoingMessage, Template
from tests.unit.application.memory_hub import ANYBODY, write
from tests.unit.application.messages.deliveries import (
    ACME,
    ANOTHER,
    ANSWER,
    CREWS_DOCUMENT,
    NOTE,
    Reaction,
    carried_on,
    claimed,
    delivered,
    found,
    has_crews,
    owns,
    remade,
    skip_to_due,
)
from tests.unit.application.messages.talks import BOT, Talk, later, settled, talk_with

STRANGER = TenantArea(TenantId("stranger"), BusinessArea("retail"))
TEAM = HandOver(team=ChatwootId("2"))
SEVERAL = Answer((OutgoingMessage("um"), OutgoingMessage("dois")), TEAM)
NOTE_FIRST = Answer((OutgoingMessage("nota", private=True), OutgoingMessage("texto")))
GATHER: dict[str, Any] = {"gather_seconds": 3}
EDITED: JsonObject = {"is_edited": True}
VOICE: JsonObject = {"file_type": "audio", "data_url": "https://chatwoot.example/a.oga"}
HEARD: JsonObject = {**VOICE, "transcribed_text": "Quero cancelar"}
# The clock of the tests stands at a Sunday night in Brazil.
CLOSED: dict[str, Any] = {
    "hours": {"weekly": {"monday": ["09:00-18:00"]}},
    "outside_hours": {"text": "Voltamos amanhã."},
}


# Who answers


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"assignee": 3, "status": "open"}, "human_has_it"),
        ({"assignee": 3}, "human_has_it"),
        ({"status": "snoozed"}, "conversation_status"),
        ({"status": "resolved"}, "conversation_status"),
        ({"labels": ["humano"]}, "silencing_label"),
    ],
)
async def test_what_people_have_is_left_to_them_when_it_comes(
    state: dict[str, Any], reason: str
) -> None:
    talk = await talk_with()
    for name, value in state.items():
        setattr(talk, name, value)
    message = await talk.customer()
    assert (message.stage, message.reason) == (Stage.IGNORED, reason)
    assert message.destination is not None
    assert talk.asked() == []


async def test_what_people_take_while_a_message_waits_is_left_to_them() -> None:
    talk = await talk_with()
    message = await talk.customer()
    await talk.taken_over()
    step = await delivered(talk.hub)
    assert (step.progress, step.message.reason) == (Progress.IGNORED, "human_has_it")
    assert (await found(talk.hub, message.id)).stage is Stage.IGNORED
    assert talk.asked() == []


async def test_who_wrote_keeps_the_conversation_until_it_is_given_back() -> None:
    talk = await talk_with()
    await talk.person()
    await talk.customer("obrigada")
    assert (await delivered(talk.hub)).message.reason == "human_wrote"
    await talk.taken_over()
    await talk.given_back()
    await talk.customer("e agora?")
    assert (await delivered(talk.hub)).progress is Progress.POSTED
    assert talk.asked() == ["e agora?"]


async def test_who_wrote_weeks_ago_has_the_conversation_still() -> None:
    talk = await talk_with()
    await talk.person()
    later(talk, days=60)
    await talk.hub.prune_messages()
    await talk.customer("e aí?")
    assert (await delivered(talk.hub)).message.reason == "human_wrote"


async def test_commands_in_notes_silence_the_ai_and_call_it_back() -> None:
    talk = await talk_with()
    await talk.person(" /Bot  OFF ", private=True)
    await talk.customer("um")
    assert (await delivered(talk.hub)).message.reason == "paused"
    await talk.person("/bot on", private=True)
    await talk.customer("dois")
    assert (await delivered(talk.hub)).progress is Progress.POSTED
    assert talk.asked() == ["dois"]


async def test_takeover_that_chatwoot_tells_only_if_asked_withholds_the_answer() -> None:
    talk = await talk_with()
    message = await talk.customer()
    answered = await talk.hub.deliver_message(await claimed(talk.hub))
    await talk.taken_over(told=False)
    step = await carried_on(talk.hub, answered)
    assert (step.progress, step.message.reason) == (Progress.WITHHELD, "human_took_over")
    assert talk.posted() == []
    (note,) = talk.posted(private=True)
    assert "Das 8 às 18." in note
    assert (await talk.state()).assignee == ChatwootId("3")
    assert (await found(talk.hub, message.id)).stage is Stage.DONE


async def _access(talk: Talk) -> Any:
    message = next(iter(talk.hub.state.messages.values()))
    return await talk.hub.deliver_message.posting.reply_sender.access_for(message)


@pytest.mark.parametrize("later_answer", [True, False])
async def test_takeover_while_the_crew_thinks_keeps_the_answer_as_a_note(
    later_answer: bool,
) -> None:
    talk = await talk_with(DEFERRED if later_answer else ANSWER)
    message = await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    await talk.taken_over()
    if later_answer:
        await talk.hub.answer_message(message.id, ANSWER, caller=ANYBODY)
        step = await delivered(talk.hub)
    else:
        step = await carried_on(talk.hub, step)
    assert (step.progress, step.message.reason) == (Progress.WITHHELD, "human_took_over")
    assert (talk.posted(), len(talk.posted(private=True))) == ([], 1)


async def test_note_of_a_withheld_answer_waits_for_chatwoot_and_comes_once() -> None:
    talk = await talk_with(SEVERAL)
    await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    await talk.taken_over()
    withheld = await talk.hub.deliver_message(step.message, unposted=True)
    assert (withheld.progress, withheld.message.withheld) == (
        Progress.STEP_DONE,
        "human_took_over",
    )
    talk.hub.chatwoot.failures.append(ChatwootUnavailableError())
    step = await carried_on(talk.hub, withheld)
    assert (step.progress, step.message.attempts) == (Progress.PUT_OFF, 1)
    # It arrived, and only its acknowledgement did not.
    access = await _access(talk)
    note = OutgoingMessage("um\n\ndois", private=True)
    await talk.hub.chatwoot.post(access, note, mark=step.message.mark(0))
    assert (await settled(talk)).progress is Progress.WITHHELD
    assert (talk.posted(), len(talk.posted(private=True))) == ([], 1)


async def test_rest_of_an_answer_is_withheld_with_the_note_of_its_hand_over() -> None:
    handover = HandOver(note="Cliente quer falar com a gerência.")
    talk = await talk_with(Answer((OutgoingMessage("um"), OutgoingMessage("dois")), handover))
    await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    step = await talk.hub.deliver_message(step.message, unposted=True)
    await talk.person("Já estou aqui.")
    assert (await carried_on(talk.hub, step)).progress is Progress.WITHHELD
    assert talk.posted() == ["um"]
    first, second = talk.posted(private=True)
    assert first.endswith(":\n\ndois")
    assert second == handover.note
    assert len({one.mark for one in talk.hub.chatwoot.posted}) == 3


@pytest.mark.parametrize("taken", [True, False])
async def test_answer_that_is_put_off_ends_no_conversation_that_people_have(taken: bool) -> None:
    talk = await talk_with(Answer((OutgoingMessage("Resolvido!"),), resolve=True))
    await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    step = await talk.hub.deliver_message(step.message, unposted=True)
    talk.hub.chatwoot.failures.append(ChatwootUnavailableError())
    assert (await carried_on(talk.hub, step)).progress is Progress.PUT_OFF
    if taken:
        await talk.taken_over()
    ended = (await settled(talk)).progress
    live = talk.hub.chatwoot.talks[talk.key.account, talk.key.id]
    assert (ended, live.status) == (
        (Progress.WITHHELD, Status.OPEN) if taken else (Progress.POSTED, Status.RESOLVED)
    )
    assert (talk.posted(), talk.posted(private=True)) == (["Resolvido!"], [])


@pytest.mark.parametrize(
    "end", [{"resolve": True}, {"snooze_until": datetime(2030, 1, 1, tzinfo=UTC)}]
)
@pytest.mark.parametrize("writes", ["before", "after", "reacts"])
async def test_conversation_is_not_ended_while_the_customer_waits_for_the_next_answer(
    writes: str, end: dict[str, Any]
) -> None:
    talk = await talk_with(Answer((OutgoingMessage("Até logo!"),), **end), ANSWER)
    first = await talk.customer("obrigado")
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    if writes != "after":
        reaction = {"content_attributes": {"is_reaction": True}} if writes == "reacts" else {}
        await talk.customer("ah, mais uma coisa", **reaction)
    await carried_on(talk.hub, step)
    ended = writes != "before"
    live = talk.hub.chatwoot.talks[talk.key.account, talk.key.id]
    assert (live.status is not Status.PENDING) == ended
    assert (await found(talk.hub, first.id)).refused == (() if ended else ("status",))
    if not ended:
        assert (await delivered(talk.hub)).progress is Progress.POSTED


async def test_each_step_of_an_answer_has_the_whole_time_of_a_claim() -> None:
    talk = await talk_with(SEVERAL)
    message = await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    while step.progress is not Progress.POSTED:
        later(talk, minutes=1.9)
        step = await talk.hub.deliver_message(step.message, unposted=True)
    assert talk.posted() == ["um", "dois"]
    assert (await found(talk.hub, message.id)).claims == 0


async def test_replay_does_what_is_left_of_an_answer() -> None:
    talk = await talk_with(SEVERAL)
    message = await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    step = await talk.hub.deliver_message(step.message, unposted=True)
    talk.hub.chatwoot.failures.append(ChatwootRefusedError())
    assert (await carried_on(talk.hub, step)).progress is Progress.DEAD
    # Chatwoot's newest messages do not show the first part any more.
    talk.hub.chatwoot.posted.clear()
    await talk.hub.replay_messages(message.id, caller=ANYBODY)
    assert (await delivered(talk.hub)).progress is Progress.POSTED
    assert talk.posted() == ["dois"]


async def test_answer_that_is_no_text_is_withheld_whole() -> None:
    file = OutgoingFile("https://crew.example/boleto.pdf")
    choices: tuple[JsonObject, ...] = (
        {"title": "Sim", "value": "1"},
        {"title": "Não", "value": "0"},
    )
    parts = (
        OutgoingMessage(None, attachments=(file,)),
        OutgoingMessage("Quer?", content_type="input_select", items=choices),
        OutgoingMessage(None, template=Template("lembrete", "pt_BR")),
    )
    talk = await talk_with(Answer(parts))
    await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    await talk.taken_over()
    assert (await carried_on(talk.hub, step)).progress is Progress.WITHHELD
    words, kept = (one.message for one in talk.hub.chatwoot.posted)
    assert (words.private, kept.private) == (True, True)
    assert (words.text or "").endswith(":\n\nQuer?\n- Sim\n- Não\n\nlembrete")
    assert kept.attachments == (file,)


async def test_files_of_an_answer_that_nobody_gets_are_not_fetched() -> None:
    file = OutgoingFile("https://crew.example/boleto.pdf")
    talk = await talk_with(Answer((OutgoingMessage("Segue.", attachments=(file,)),)))
    await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    await talk.taken_over()
    talk.hub.chatwoot.failures.append(AttachmentRefusedError())
    withheld = await talk.hub.deliver_message(step.message, unposted=True)
    assert (withheld.progress, withheld.message.withheld) == (
        Progress.STEP_DONE,
        "human_took_over",
    )


async def test_note_before_a_text_does_not_spare_the_second_look() -> None:
    talk = await talk_with(NOTE_FIRST)
    await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    step = await talk.hub.deliver_message(step.message, unposted=True)
    await talk.taken_over(told=False)
    assert (await carried_on(talk.hub, step)).progress is Progress.WITHHELD
    assert talk.posted() == []


@pytest.mark.parametrize("labels", [[], ["vip"]])
async def test_outside_its_hours_the_company_says_so_once(labels: list[str]) -> None:
    talk = await talk_with(**CLOSED)
    talk.labels = labels
    await talk.customer("um")
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    # It can neither be read nor written.
    talk.hub.chatwoot.failures.extend([ChatwootUnavailableError()] * 2)
    assert (await carried_on(talk.hub, step)).progress is Progress.PUT_OFF
    step = await settled(talk)
    assert (step.progress, step.message.reason) == (Progress.POSTED, "outside_hours")
    await talk.customer("dois")
    step = await delivered(talk.hub)
    assert (step.progress, step.message.reason) == (Progress.IGNORED, "outside_hours")
    assert (talk.posted(), talk.asked()) == (["Voltamos amanhã."], [])


async def test_answer_of_a_crew_that_thinks_beyond_the_hours_is_posted() -> None:
    talk = await talk_with(**CLOSED)
    talk.hub.clock.time = talk.hub.clock.time.replace(day=1, month=3, hour=20, minute=58)
    await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    later(talk, minutes=1.9)
    assert (await carried_on(talk.hub, step)).progress is Progress.POSTED
    assert talk.posted() == ["Das 8 às 18."]


async def test_ai_that_talks_too_much_gives_the_conversation_to_people() -> None:
    talk = await talk_with(most_answers={"answers": 2, "minutes": 10})
    for reason in (None, None, "too_many_answers"):
        await talk.customer()
        step = await delivered(talk.hub)
        assert (step.progress, step.message.reason) == (Progress.POSTED, reason)
    assert (len(talk.posted()), len(talk.posted(private=True)), len(talk.asked())) == (2, 1, 2)
    assert talk.hub.chatwoot.talks[talk.key.account, talk.key.id].status is Status.OPEN
    await talk.customer()
    assert (await delivered(talk.hub)).message.reason == "handed_over"


async def test_ai_that_people_call_back_may_answer_as_often_again() -> None:
    talk = await talk_with(most_answers={"answers": 2, "minutes": 10})
    for _ in range(3):
        await talk.customer()
        await delivered(talk.hub)
    await talk.given_back()
    await talk.person("/bot on", private=True)
    for _ in range(2):
        await talk.customer("e agora?")
        assert (await delivered(talk.hub)).progress is Progress.POSTED
    assert talk.posted() == ["Das 8 às 18."] * 4
    verdicts = await talk.hub.explain_silence(talk.key, caller=ANYBODY)
    assert verdicts[1] is not None
    assert verdicts[1].silence is Silence.TOO_MANY_ANSWERS


# Bursts


async def test_burst_is_answered_once() -> None:
    talk = await talk_with(**GATHER)
    first = await talk.customer("um")
    assert (await delivered(talk.hub)).progress is Progress.WAITING
    others = [await talk.customer(text) for text in ("dois", "três")]
    while (step := await settled(talk)).progress is Progress.WAITING:
        pass
    assert step.progress is Progress.POSTED
    assert talk.hub.clock.now() >= others[-1].received_at + timedelta(seconds=3)
    assert talk.asked() == ["um\ndois\ntrês"]
    assert [part.text for part in talk.crew.asked[0][1].parts] == ["dois", "três"]
    for other in others:
        part = await found(talk.hub, other.id)
        assert (part.stage, part.reason, part.part_of) == (Stage.DONE, "gathered", first.id)
    assert len(talk.posted()) == 1


async def test_customer_who_never_stops_is_answered_after_four_times_the_wait() -> None:
    talk = await talk_with(**GATHER)
    first = await talk.customer("0")
    while (step := await delivered(talk.hub)).progress is Progress.WAITING:
        await talk.customer("mais")
        assert step.message.due_at is not None
        talk.hub.clock.time = step.message.due_at
    assert talk.hub.clock.now() <= first.received_at + timedelta(seconds=13)
    assert len(talk.posted()) == 1


async def test_burst_of_a_lost_worker_stays_together() -> None:
    talk = await talk_with(**GATHER)
    await talk.customer("um")
    await talk.customer("dois")
    later(talk, seconds=20)
    gathered = await talk.hub.deliver_message(await claimed(talk.hub))
    assert gathered.progress is Progress.STEP_DONE
    # The worker dies, and another message comes. An answer is always to the same burst.
    await talk.customer("três")
    assert (await settled(talk)).progress is Progress.POSTED
    assert (await settled(talk)).progress is Progress.POSTED
    assert talk.asked() == ["um\ndois", "três"]


@pytest.mark.parametrize("burst", [("um",), ("um", "dois")])
@pytest.mark.parametrize("outcome", ["asked again", "worker lost", "replayed"])
async def test_late_answer_is_to_all_that_its_crew_was_told(
    burst: tuple[str, ...], outcome: str
) -> None:
    talk = await talk_with(DEFERRED, **GATHER)
    first, *_ = [await talk.customer(text) for text in burst]
    later(talk, seconds=20)
    if outcome == "worker lost":
        step = await talk.hub.deliver_message(await claimed(talk.hub))
        assert step.progress is Progress.STEP_DONE
        # The crew says that it answers later, and the worker dies before it stores that.
        await talk.hub.deliver_message(evolve(step.message, revision=99), unposted=True)
    else:
        assert (await delivered(talk.hub)).progress is Progress.AWAITING
        assert (await settled(talk)).progress is Progress.PUT_OFF
    if outcome == "replayed":
        put_off = await found(talk.hub, first.id)
        talk.hub.state.messages[first.id] = put_off.dead(reason="x", at=talk.hub.clock.now())
        await talk.hub.replay_messages(first.id, caller=ANYBODY)
    await talk.customer("mais")
    later(talk, seconds=60)
    # Another worker takes it, and dies before it asks.
    await skip_to_due(talk.hub)
    await talk.hub.deliver_message(await claimed(talk.hub))
    await talk.hub.answer_message(first.id, ANOTHER, caller=ANYBODY)
    later(talk, seconds=600)
    while await talk.hub.ports.inbox.next_due() is not None:
        await settled(talk)
    assert set(talk.asked()) == {"\n".join(burst), "mais"}
    assert await _untold(talk) == []


async def test_burst_that_was_gathered_is_told_whatever_the_rules_are_then() -> None:
    talk = await talk_with(**GATHER)
    await talk.customer("um")
    await talk.customer("dois")
    later(talk, seconds=20)
    await talk.hub.deliver_message(await claimed(talk.hub))
    rules: JsonObject = {"history": {"messages": 0, "hours": 1}}
    await has_crews(talk.hub, ACME, {**CREWS_DOCUMENT, "answer_when": rules})
    assert (await settled(talk)).progress is Progress.POSTED
    assert talk.asked() == ["um\ndois"]


@pytest.mark.parametrize("waiting", [60, 300])
async def test_flood_is_told_in_its_order_and_nothing_twice(waiting: int) -> None:
    talk = await talk_with(CrewUnavailableError(), ANSWER, **GATHER)
    numbers = iter(range(10**6))
    for _ in range(waiting):
        await talk.customer(f"{next(numbers)}")
    later(talk, seconds=60)
    assert (await delivered(talk.hub)).progress is Progress.PUT_OFF
    for _ in range(waiting):
        await talk.customer(f"{next(numbers)}")
    later(talk, seconds=60)
    while await talk.hub.ports.inbox.next_due() is not None:
        await settled(talk)
    (again, *_), rest = talk.asked(), talk.asked()[1:]
    assert rest[0] == again
    told = [line for text in rest for line in (text or "").split("\n")]
    assert told == [str(number) for number in range(2 * waiting)]


async def test_beyond_what_is_read_each_message_is_told_on_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "_MOST_READ", 91)
    talk = await talk_with(**GATHER)
    for number in range(93):
        await talk.customer(f"{number}")
    later(talk, seconds=60)
    while await talk.hub.ports.inbox.next_due() is not None:
        await settled(talk)
    first, second, third, *_ = talk.asked()
    assert (first, second) == ("0", "1")
    assert third == "\n".join(map(str, range(2, 53)))


async def _untold(talk: Talk) -> list[str | None]:
    """
    The messages that are done and that no crew was asked about.
    """
    told = {line for text in talk.asked() for line in (text or "").split("\n")}
    return [
        text
        for one in talk.hub.state.messages.values()
        if one.stage is Stage.DONE
        and (text := (await talk.hub.deliver_message.asking.texts.read(one)).text) not in told
    ]


async def test_crew_that_fails_after_a_burst_was_gathered_is_asked_again_about_all_of_it() -> None:
    talk = await talk_with(CrewUnavailableError(), ANSWER, **GATHER)
    await talk.customer("um")
    await talk.customer("dois")
    later(talk, seconds=20)
    step = await delivered(talk.hub)
    assert (step.progress, step.message.attempts) == (Progress.PUT_OFF, 1)
    assert (await settled(talk)).progress is Progress.POSTED
    assert talk.asked() == ["um\ndois"] * 2


async def test_burst_that_changes_while_it_is_gathered_is_gathered_as_it_is_then() -> None:
    talk = await talk_with(**GATHER)
    await talk.customer("2 pizzas")
    event = talk.event("de queijo")
    await talk.tell(event)
    later(talk, seconds=20)
    hub, tasks_ = talk.hub, talk.hub.deliver_message.asking.tasks

    @define(eq=False)
    class Amended(MemoryMessageInbox):
        once: bool = True

        async def of_conversation(
            self, key: ConversationKey, *, limit: int
        ) -> Sequence[InboxMessage]:
            found_ = await super().of_conversation(key, limit=limit)
            if self.once:
                self.once = False
                await talk.update(event, content="de atum", content_attributes=EDITED)
            return found_

    inbox = Amended(hub.state)
    asking = evolve(hub.deliver_message.asking, tasks=evolve(tasks_, inbox=inbox))
    deliver = evolve(hub.deliver_message, asking=asking)
    message = await claimed(hub)
    step = await deliver(message)
    assert (step.progress, step.message) == (Progress.STEP_DONE, message)
    while step.progress in GOES_ON:
        step = await deliver(step.message, unposted=True)
    assert step.progress is Progress.POSTED
    assert talk.asked() == ["2 pizzas\nde atum"]


async def test_slow_worker_gathers_nothing_into_what_another_has_answered() -> None:
    talk = await talk_with(**GATHER)
    first = await talk.customer("um")
    later(talk, seconds=20)
    slow = await claimed(talk.hub)
    now = talk.hub.clock.now()
    talk.hub.state.messages[first.id] = slow.taken(until=now).done(at=now)
    late = await talk.customer("dois")
    assert (await talk.hub.deliver_message(slow)).progress is Progress.OVERTAKEN
    assert (await found(talk.hub, late.id)).stage is Stage.QUEUED
    later(talk, seconds=20)
    assert (await settled(talk)).progress is Progress.POSTED
    assert talk.asked() == ["dois"]


async def test_what_another_client_has_is_neither_gathered_nor_told() -> None:
    talk = await talk_with(**GATHER)
    await talk.customer("para a primeira")
    await owns(talk.hub, STRANGER)
    await has_crews(talk.hub, STRANGER)
    await talk.customer("para a segunda")
    later(talk, seconds=20)
    assert (await delivered(talk.hub)).progress is Progress.POSTED
    assert (await delivered(talk.hub)).progress is Progress.POSTED
    assert talk.asked() == ["para a primeira", "para a segunda"]
    (_, first, _), (_, second, _) = talk.crew.asked
    assert (first.newer_waiting, first.parts) == (0, ())
    assert (second.received.holder, second.history) == (STRANGER, ())


async def test_what_is_for_another_crew_ends_the_burst() -> None:
    talk = await talk_with(**GATHER)
    ids = [(await talk.customer(text)).id for text in ("um", "dois", "três")]
    second = await found(talk.hub, ids[1])
    assert second.destination is not None
    elsewhere = evolve(second.destination, crew="sales")
    talk.hub.state.messages[ids[1]] = evolve(second, destination=elsewhere)
    later(talk, seconds=20)
    for _ in ids:
        await delivered(talk.hub)
    assert talk.asked() == ["um", "dois", "três"]


# What later events change


async def test_edit_before_the_crew_is_asked_takes_the_place_of_the_text() -> None:
    talk = await talk_with()
    event = talk.event("2 pizzas")
    receipt = await talk.tell(event)
    edit = await talk.update(event, content="3 pizzas", content_attributes={"is_edited": True})
    assert (edit.stage, edit.reason) == (Stage.IGNORED, "amended")
    assert (await delivered(talk.hub)).message.id == receipt.id
    assert talk.asked() == ["3 pizzas"]


async def test_edit_after_that_is_a_question_of_its_own_each_time() -> None:
    talk = await talk_with()
    event = talk.event("2 pizzas")
    await talk.tell(event)
    await delivered(talk.hub)
    for text in ("3 pizzas", "3 pizzas", "4 pizzas"):
        await talk.update(event, content=text, content_attributes={"is_edited": True})
    await delivered(talk.hub)
    await delivered(talk.hub)
    assert talk.asked() == ["2 pizzas", "3 pizzas", "4 pizzas"]
    assert talk.crew.asked[-1][1].message.edited


async def test_edit_while_the_crew_is_asked_waits_behind() -> None:
    talk = await talk_with()
    event = talk.event("2 pizzas")
    await talk.tell(event)
    message = await claimed(talk.hub)
    edit = await talk.update(event, content="3", content_attributes={"is_edited": True})
    assert edit.stage is Stage.QUEUED
    step = await carried_on(talk.hub, await talk.hub.deliver_message(message))
    assert step.progress is Progress.POSTED
    await delivered(talk.hub)
    assert talk.asked() == ["2 pizzas", "3"]


async def test_message_that_is_deleted_in_time_is_not_answered() -> None:
    talk = await talk_with()
    event = talk.event("errei")
    receipt = await talk.tell(event)
    await talk.update(event, content="", content_attributes={"deleted": True})
    message = await found(talk.hub, receipt.id)
    assert (message.stage, message.reason) == (Stage.IGNORED, "deleted")
    assert await talk.hub.ports.inbox.next_due() is None


async def test_message_that_the_customer_took_back_is_not_told() -> None:
    talk = await talk_with()
    event = talk.event("errei")
    await talk.tell(event)
    await talk.update(event, content="", content_attributes={"deleted": True})
    await talk.customer("certo")
    await delivered(talk.hub)
    assert talk.crew.asked[0][1].history == ()


@pytest.mark.parametrize("asked", ["delivered", "in hand", "put off"])
async def test_edit_of_a_deleted_message_is_not_answered(asked: str) -> None:
    talk = await talk_with(*([CrewUnavailableError()] if asked == "put off" else []), ANSWER)
    event = talk.event("2 pizzas")
    await talk.tell(event)
    message = await claimed(talk.hub)
    edits = []
    if asked == "in hand":
        edits += [await talk.update(event, content="3", content_attributes=EDITED)]
    await carried_on(talk.hub, await talk.hub.deliver_message(message))
    if asked == "delivered":
        edits += [
            await talk.update(event, content=text, content_attributes=EDITED)
            for text in ("3", "4")
        ]
    late = await talk.update(event, content="", content_attributes={"deleted": True})
    assert (late.stage, late.reason) == (Stage.IGNORED, "amended")
    for edit in edits:
        found_edit = await found(talk.hub, edit.id)
        assert (found_edit.stage, found_edit.reason) == (Stage.IGNORED, "deleted")
    assert await talk.hub.ports.inbox.next_due() is None
    assert talk.asked() == ["2 pizzas"]


async def test_deletion_that_names_no_conversation_drops_the_message() -> None:
    talk = await talk_with()
    event = talk.event("errei")
    message = await found(talk.hub, (await talk.tell(event)).id)
    await talk.update(event, conversation={}, content_attributes={"deleted": True})
    assert (await found(talk.hub, message.id)).reason == "deleted"


@pytest.mark.parametrize("answered", [True, False])
async def test_edit_that_comes_after_the_deletion_is_not_answered(answered: bool) -> None:
    talk = await talk_with()
    event = talk.event("2 pizzas")
    await talk.tell(event)
    if answered:
        await delivered(talk.hub)
    await talk.update(event, content="", content_attributes={"deleted": True})
    edit = await talk.update(event, content="3 pizzas", content_attributes=EDITED)
    assert (edit.stage, edit.reason) == (Stage.IGNORED, "deleted")
    assert await talk.hub.ports.inbox.next_due() is None


async def test_deletion_leaves_other_messages_and_what_the_customer_chose() -> None:
    talk = await talk_with()
    question = talk.event("Quer?", message_type="outgoing", sender=BOT)
    chosen: JsonObject = {"submitted_values": [{"title": "Sim", "value": "1"}]}
    await talk.update(question, content_attributes=chosen)
    event = talk.event("errei")
    await talk.tell(event)
    await talk.customer("certo")
    for deleted in (event, question):
        await talk.update(deleted, content_attributes={"deleted": True})
    while await talk.hub.ports.inbox.next_due() is not None:
        await settled(talk)
    assert talk.asked() == ["Sim", "certo"]


async def test_what_a_deleted_message_gathered_is_answered_on_its_own() -> None:
    talk = await talk_with(CrewUnavailableError(), ANSWER, **GATHER)
    event = talk.event("errei")
    await talk.tell(event)
    others = [await talk.customer(text) for text in ("um", "dois")]
    later(talk, seconds=20)
    assert (await delivered(talk.hub)).progress is Progress.PUT_OFF
    await talk.update(event, content="", content_attributes={"deleted": True})
    later(talk, seconds=20)
    while await talk.hub.ports.inbox.next_due() is not None:
        await settled(talk)
    assert talk.asked() == ["errei\num\ndois", "um\ndois"]
    assert (await found(talk.hub, others[1].id)).part_of == others[0].id


@pytest.mark.parametrize("says", [CrewUnavailableError(), CrewRefusedError(), DEFERRED, ANSWER])
async def test_message_that_is_deleted_before_its_answer_is_there_is_not_asked_again(
    says: Reaction,
) -> None:
    talk = await talk_with(says, ANSWER)
    event = talk.event("errei")
    message = await found(talk.hub, (await talk.tell(event)).id)
    deletion = {"content": "", "content_attributes": {"deleted": True}}
    if says is ANSWER:
        in_hand = await claimed(talk.hub)
        await talk.update(event, **deletion)
        assert (await talk.hub.deliver_message(in_hand)).progress is Progress.OVERTAKEN
    else:
        await delivered(talk.hub)
        await talk.update(event, **deletion)
    message = await found(talk.hub, message.id)
    assert (message.stage, message.reason) == (Stage.IGNORED, "deleted")
    assert await talk.hub.ports.inbox.next_due() is None
    assert talk.posted() == []
    with pytest.raises(WrongStageError):
        await talk.hub.replay_messages(message.id, caller=ANYBODY)


async def test_part_that_is_deleted_is_asked_about_no_more() -> None:
    talk = await talk_with(CrewUnavailableError(), ANSWER, **GATHER)
    await talk.customer("um")
    event, edit = talk.event("errei"), {"content": "errei 2", "content_attributes": EDITED}
    await talk.tell(event)
    later(talk, seconds=20)
    # The worker is lost before it asks.
    await talk.hub.deliver_message(await claimed(talk.hub))
    await talk.update(event, **edit)
    await talk.update(event, content="", content_attributes={"deleted": True})
    assert (await settled(talk)).progress is Progress.PUT_OFF
    assert (await settled(talk)).progress is Progress.POSTED
    assert talk.asked() == ["um", "um"]


async def test_message_that_is_deleted_too_late_stays() -> None:
    talk = await talk_with()
    event = talk.event("errei")
    receipt = await talk.tell(event)
    await delivered(talk.hub)
    late = await talk.update(event, content="", content_attributes={"deleted": True})
    assert late.reason == "not_a_message"
    assert (await found(talk.hub, receipt.id)).stage is Stage.DONE


async def test_voice_message_waits_for_its_transcription() -> None:
    talk = await talk_with(transcription_seconds=30)
    event = talk.event(None, attachments=[VOICE])
    await talk.tell(event)
    assert (await delivered(talk.hub)).progress is Progress.WAITING
    await talk.update(event, attachments=[HEARD])
    assert (await delivered(talk.hub)).progress is Progress.POSTED
    (file,) = talk.crew.asked[0][1].message.attachments
    assert file.transcription == "Quero cancelar"


async def test_transcription_that_comes_while_a_worker_finds_out_that_it_has_to_wait() -> None:
    talk = await talk_with(transcription_seconds=30)
    event = talk.event(None, attachments=[VOICE])
    await talk.tell(event)
    slow = await claimed(talk.hub)
    await talk.update(event, attachments=[HEARD])
    assert (await talk.hub.deliver_message(slow)).progress is Progress.OVERTAKEN
    assert (await delivered(talk.hub)).progress is Progress.POSTED
    (file,) = talk.crew.asked[0][1].message.attachments
    assert file.transcription == "Quero cancelar"


@pytest.mark.parametrize("rules", [{}, {"transcription_seconds": 1}])
async def test_transcription_that_comes_while_the_crew_is_asked_changes_nothing(
    rules: dict[str, Any],
) -> None:
    talk = await talk_with(**rules)
    event = talk.event(None, attachments=[VOICE])
    await talk.tell(event)
    message = await claimed(talk.hub)
    assert (await talk.update(event, attachments=[HEARD])).reason == "not_a_message"
    step = await talk.hub.deliver_message(message)
    assert (await carried_on(talk.hub, step)).progress is Progress.POSTED


async def test_transcription_that_comes_after_an_attempt_changes_nothing() -> None:
    talk = await talk_with(CrewUnavailableError(), ANSWER, transcription_seconds=30)
    event = talk.event(None, attachments=[VOICE])
    await talk.tell(event)
    talk.hub.state.messages = {
        id_: evolve(one, attempts=1) for id_, one in talk.hub.state.messages.items()
    }
    await claimed(talk.hub)
    assert (await talk.update(event, attachments=[HEARD])).reason == "not_a_message"


async def test_voice_message_waits_no_longer_than_it_has_to() -> None:
    talk = await talk_with(transcription_seconds=30)
    event = talk.event(None, attachments=[VOICE])
    message = await found(talk.hub, (await talk.tell(event)).id)
    assert (await delivered(talk.hub)).progress is Progress.WAITING
    assert (await settled(talk)).progress is Progress.POSTED
    assert talk.hub.clock.now() == message.received_at + timedelta(seconds=30)
    late = await talk.update(event, attachments=[HEARD])
    assert late.reason == "not_a_message"
    assert len(talk.asked()) == 1


async def test_text_and_transcribed_voice_do_not_wait() -> None:
    talk = await talk_with(transcription_seconds=30)
    await talk.customer("texto")
    assert (await delivered(talk.hub)).progress is Progress.POSTED
    await talk.customer(None, attachments=[HEARD])
    assert (await delivered(talk.hub)).progress is Progress.POSTED


# What the crew is told


async def test_crew_is_told_what_everybody_said_before() -> None:
    talk = await talk_with(ANSWER, NOTE, ANOTHER, after_person={"minutes": 0})
    await talk.customer("um")
    await delivered(talk.hub)
    await talk.person("Falo eu.")
    await talk.person("só entre nós", private=True)
    await talk.customer("dois")
    await delivered(talk.hub)
    await talk.customer("três")
    await delivered(talk.hub)
    history = talk.crew.asked[-1][1].history
    assert [(one.by, one.text) for one in history] == [
        (Wrote.CUSTOMER, "um"),
        (Wrote.AI, "Das 8 às 18."),
        (Wrote.PERSON, "Falo eu."),
        (Wrote.CUSTOMER, "dois"),
    ]


@pytest.mark.parametrize("silent", [False, True])
async def test_choices_and_edits_are_told_as_the_customers_words(silent: bool) -> None:
    talk = await talk_with(NO_REPLY, labels_none=["humano"])
    asked = talk.event("Qual?", message_type="outgoing", sender=BOT)
    chosen: JsonObject = {"submitted_values": [{"title": "Camiseta", "value": "c"}]}
    event = talk.event("2")
    await talk.tell(event)
    await delivered(talk.hub)
    talk.labels = ["humano"] if silent else []
    for earlier, members in (
        (asked, {"content_attributes": chosen}),
        (event, {"content": "3", "content_attributes": EDITED}),
    ):
        assert (await talk.update(earlier, **members)).body is not None
        if not silent:
            await delivered(talk.hub)
    talk.labels = []
    await talk.customer("e o frete?")
    await delivered(talk.hub)
    history = talk.crew.asked[-1][1].history
    assert {one.by for one in history} == {Wrote.CUSTOMER}
    assert sorted(one.text for one in history) == ["2", "3", "Camiseta"]
    assert (await talk.state()).last_wrote is Wrote.CUSTOMER


async def test_edit_by_the_customer_settles_no_answer() -> None:
    talk = await talk_with()
    event = talk.event("2")
    message = await found(talk.hub, (await talk.tell(event)).id)
    forged: JsonObject = {**EDITED, "odoo_ai_config_answer_to": message.mark(0)}
    await talk.update(event, content="3", content_attributes=forged)
    assert (await talk.state()).marks == ()


async def test_history_is_opened_a_few_texts_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    talk = await talk_with(NO_REPLY, history={"messages": 50, "hours": 1})
    for number in range(3 * MOST_OPENED):
        await talk.customer(str(number))
        await delivered(talk.hub)
    open_now, most = 0, 0
    utterance = MessageTexts.utterance

    async def slowly(texts: MessageTexts, message: InboxMessage) -> Any:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0)
        open_now -= 1
        return await utterance(texts, message)

    monkeypatch.setattr(MessageTexts, "utterance", slowly)
    await talk.customer("agora")
    await delivered(talk.hub)
    assert [one.text for one in talk.crew.asked[-1][1].history] == [
        str(number) for number in range(3 * MOST_OPENED)
    ]
    assert most == MOST_OPENED


async def test_answer_that_chatwoot_echoed_is_told_once() -> None:
    talk = await talk_with(ANSWER, ANOTHER)
    first = await talk.customer("um")
    await delivered(talk.hub)
    await talk.echo("Das 8 às 18.", first.mark(0))
    await talk.customer("dois")
    await delivered(talk.hub)
    said = [one.text for one in talk.crew.asked[-1][1].history]
    assert said == ["um", "Das 8 às 18."]


async def test_no_answer_that_was_withheld_or_is_empty_is_told() -> None:
    talk = await talk_with(ANSWER, NO_REPLY, ANOTHER)
    await talk.customer("um")
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    await talk.taken_over()
    await carried_on(talk.hub, step)
    await talk.given_back()
    await talk.customer("dois")
    await delivered(talk.hub)
    for _ in range(2):
        await talk.customer(None, attachments=[VOICE])
        await delivered(talk.hub)
        assert [one.text for one in talk.crew.asked[-1][1].history][:2] == ["um", "dois"]
    assert [one.by for one in talk.crew.asked[-1][1].history[2:]] == [Wrote.AI]


@pytest.mark.parametrize(
    ("history", "told"),
    [
        ({"messages": 0, "hours": 1}, []),
        ({"messages": 1, "hours": 1}, ["Das 8 às 18."]),
        ({"messages": 50, "hours": 1}, ["um", "Das 8 às 18."]),
    ],
)
async def test_operator_says_how_much_is_told(history: JsonObject, told: list[str]) -> None:
    talk = await talk_with(history=history)
    await talk.customer("antes")
    await delivered(talk.hub)
    later(talk, hours=1)
    await talk.customer("um")
    await delivered(talk.hub)
    await talk.customer("dois")
    await delivered(talk.hub)
    assert [one.text for one in talk.crew.asked[-1][1].history] == told


@pytest.mark.parametrize(("more", "told"), [(0, 2), (1, 1)])
async def test_newest_texts_are_told_as_far_as_they_fit(more: int, told: int) -> None:
    answer = "a" * (MOST_TOLD // 2)
    talk = await talk_with(Answer.of_text(answer), NO_REPLY)
    question = "q" * (MOST_TOLD // 2 + more)
    await talk.customer("antes")
    await delivered(talk.hub)
    await talk.customer(question)
    await delivered(talk.hub)
    await talk.customer("agora")
    await delivered(talk.hub)
    said = [one.text for one in talk.crew.asked[-1][1].history]
    assert said == [answer, question][-told:]


async def test_text_that_was_removed_meanwhile_is_not_told() -> None:
    talk = await talk_with()
    first = await talk.customer("um")
    await delivered(talk.hub)
    for place, fingerprint in list(talk.hub.state.secrets):
        if place.ref.value == first.id.value:
            del talk.hub.state.secrets[place, fingerprint]
    await talk.customer("dois")
    assert (await delivered(talk.hub)).progress is Progress.POSTED
    assert talk.crew.asked[-1][1].history == ()


async def test_person_is_told_of_only_where_crews_are_told_of_people() -> None:
    talk = await talk_with(history={"messages": 0, "hours": 1})
    assert (await talk.person()).body is None
    told = await talk_with()
    assert (await told.person()).body is not None
    assert (await told.person("só nós", private=True)).body is None


async def test_quoted_message_is_told_with_its_text() -> None:
    talk = await talk_with()
    first = talk.event("qual o preço do azul?")
    await talk.tell(first)
    await delivered(talk.hub)
    await talk.customer("esse", content_attributes={"in_reply_to": first["id"]})
    await delivered(talk.hub)
    assert talk.crew.asked[-1][1].message.quoted == "qual o preço do azul?"


@pytest.mark.parametrize("reply", [{"in_reply_to": 9}, {"in_reply_to_external_id": "wamid.X"}])
async def test_quoted_message_that_the_hub_does_not_know_has_no_text(reply: JsonObject) -> None:
    talk = await talk_with()
    await talk.customer("esse", content_attributes=reply)
    await delivered(talk.hub)
    task = talk.crew.asked[-1][1]
    assert (task.message.quoted, task.message.in_reply_to is None) == (None, False)


async def test_choice_of_the_customer_is_a_question_with_the_choices_quoted() -> None:
    talk = await talk_with()
    chosen: JsonObject = {"submitted_values": [{"title": "Sim", "value": "sim"}]}
    asked = talk.event("Confirma?", message_type="outgoing", sender=BOT)
    await talk.tell(asked)
    await talk.update(asked, content_type="input_select", content_attributes=chosen)
    assert (await delivered(talk.hub)).progress is Progress.POSTED
    message = talk.crew.asked[0][1].message
    assert (message.text, message.quoted) == ("Sim", "Confirma?")


async def test_event_without_a_conversation_has_no_surroundings() -> None:
    talk = await talk_with()
    message = await talk.customer()
    bare = evolve(message.origin, conversation=None)
    talk.hub.state.messages[message.id] = evolve(message, origin=bare)
    await talk.hub.deliver_message(await claimed(talk.hub))
    task = talk.crew.asked[0][1]
    assert (task.history, task.newer_waiting) == ((), 0)


# What is done in Chatwoot


async def test_own_opening_of_the_conversation_stops_no_hand_over() -> None:
    talk = await talk_with(SEVERAL)
    talk.hub.chatwoot.teams[ChatwootId("2")] = "vendas"
    await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    while step.message.steps < 3:
        step = await talk.hub.deliver_message(step.message, unposted=True)
    # Chatwoot tells at once what the hub has just done.
    await talk.changes(status="open")
    step = await carried_on(talk.hub, step)
    live = talk.hub.chatwoot.talks[talk.key.account, talk.key.id]
    assert (step.progress, live.status, live.team) == (
        Progress.POSTED,
        Status.OPEN,
        ChatwootId("2"),
    )
    assert (await talk.state()).handed_over_at is not None


async def test_worker_that_dies_after_opening_the_conversation_leaves_the_rest_to_the_next() -> (
    None
):
    talk = await talk_with(SEVERAL)
    talk.hub.chatwoot.teams[ChatwootId("2")] = "vendas"
    await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    while step.message.steps < 2:
        step = await talk.hub.deliver_message(step.message, unposted=True)
    await talk.changes(status="open")
    assert (await settled(talk)).progress is Progress.POSTED
    assert talk.hub.chatwoot.talks[talk.key.account, talk.key.id].team == ChatwootId("2")


async def test_hand_over_is_left_out_if_a_person_has_the_conversation() -> None:
    talk = await talk_with(Answer(handover=TEAM))
    await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    await talk.taken_over()
    step = await carried_on(talk.hub, step)
    assert (step.progress, step.message.reason) == (Progress.WITHHELD, "human_took_over")
    assert talk.posted(private=True) == []


async def test_action_that_chatwoot_refuses_is_named_and_the_rest_is_done() -> None:
    answer = Answer((OutgoingMessage("um"),), TEAM, labels_added=("vip",))
    talk = await talk_with(answer)
    talk.hub.chatwoot.readable = False
    await talk.customer()
    assert (await delivered(talk.hub)).progress is Progress.POSTED
    done = next(iter(talk.hub.state.messages.values()))
    assert (done.stage, done.refused, done.steps) == (Stage.DONE, ("labels", "team"), 3)
    assert talk.hub.chatwoot.talks[talk.key.account, talk.key.id].status is Status.OPEN


async def test_refused_opening_gives_up_and_a_replay_posts_no_part_again() -> None:
    talk = await talk_with(SEVERAL)
    message = await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    while step.message.steps < 2:
        step = await talk.hub.deliver_message(step.message, unposted=True)
    talk.hub.chatwoot.failures.extend([ChatwootRefusedError()])
    step = await carried_on(talk.hub, step)
    assert (step.progress, step.message.reason) == (Progress.DEAD, "chatwoot_refused")
    await talk.hub.replay_messages(message.id, caller=ANYBODY)
    await delivered(talk.hub)
    assert talk.posted() == ["um", "dois"]
    assert (await found(talk.hub, message.id)).stage is Stage.DONE


async def test_chatwoot_that_fails_in_the_middle_gets_the_rest_after_a_pause() -> None:
    talk = await talk_with(SEVERAL)
    await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    step = await talk.hub.deliver_message(step.message, unposted=True)
    talk.hub.chatwoot.failures.append(ChatwootUnavailableError(retry_after=60))
    step = await carried_on(talk.hub, step)
    assert (step.progress, step.message.steps, step.message.attempts) == (Progress.PUT_OFF, 1, 1)
    assert step.message.due_at == talk.hub.clock.now() + timedelta(minutes=1)
    assert (await settled(talk)).progress is Progress.POSTED
    assert talk.posted() == ["um", "dois"]


# Marks


async def test_echo_settles_an_answer_whose_acknowledgement_was_lost() -> None:
    talk = await talk_with()
    # The token of a bot may not look for it.
    talk.hub.chatwoot.readable = False
    message = await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    await talk.hub.chatwoot.post(await _access(talk), ANSWER.messages[0], mark=message.mark(0))
    await talk.echo("Das 8 às 18.", message.mark(0))
    talk.hub.clock.time = max(talk.hub.clock.time, step.message.due_at or talk.hub.clock.time)
    assert (await delivered(talk.hub)).progress is Progress.FOUND_POSTED
    assert talk.posted() == ["Das 8 às 18."]


async def _undelivered(talk: Talk, mark: str) -> None:
    failed: JsonObject = {"odoo_ai_config_answer_to": mark, "external_error": "131047: fora"}
    sent: JsonObject = {"message_type": "outgoing", "sender": BOT}
    event = talk.event("Das 8 às 18.", **sent)
    await talk.update(event, status="failed", content_attributes=failed)


async def test_answer_that_the_channel_refuses_fails_and_goes_out_again_if_somebody_says_so() -> (
    None
):
    talk = await talk_with()
    message = await talk.customer()
    await delivered(talk.hub)
    await _undelivered(talk, message.mark(0))
    failed = await found(talk.hub, message.id)
    assert (failed.stage, failed.reason) == (Stage.FAILED, "not_delivered")
    await talk.hub.replay_messages(message.id, caller=ANYBODY)
    assert (await delivered(talk.hub)).progress is Progress.POSTED
    first, second = (one.mark for one in talk.hub.chatwoot.posted)
    assert (first, second) == (message.mark(0), f"{message.id}/again-1")
    # Chatwoot tells of the first attempt again.
    await _undelivered(talk, first)
    assert (await found(talk.hub, message.id)).stage is Stage.DONE
    assert len(talk.asked()) == 1


async def test_channel_may_refuse_before_the_hub_knows_that_it_posted() -> None:
    talk = await talk_with()
    message = await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    await _undelivered(talk, message.mark(0))
    assert (await carried_on(talk.hub, step)).progress is Progress.OVERTAKEN
    assert (await found(talk.hub, message.id)).stage is Stage.FAILED


async def test_failure_of_what_is_no_answer_changes_nothing() -> None:
    talk = await talk_with(SEVERAL)
    message = await talk.customer()
    for mark in ("?", "msg_none0000", message.mark(0)):
        await _undelivered(talk, mark)
    assert (await found(talk.hub, message.id)).stage is Stage.QUEUED
    with pytest.raises(WrongStageError):
        message.undelivered(at=talk.hub.clock.now())
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    await talk.taken_over()
    await carried_on(talk.hub, step)
    withheld = await found(talk.hub, message.id)
    await _undelivered(talk, withheld.mark(0))
    assert (await found(talk.hub, message.id)).stage is Stage.DONE


async def test_mark_in_another_conversation_fails_no_answer() -> None:
    talk = await talk_with()
    message = await talk.customer()
    await delivered(talk.hub)
    for conversation, account in ((302, 1), (301, 2)):
        other = Talk(talk.hub, talk.crew, conversation, account)
        await _undelivered(other, message.mark(0))
        assert (await found(talk.hub, message.id)).stage is Stage.DONE


async def test_dead_letter_is_not_posted_into_a_resolved_conversation() -> None:
    talk = await talk_with()
    message = await talk.customer()
    step = await talk.hub.deliver_message(await claimed(talk.hub))
    refusals = [ChatwootRefusedError(), ChatwootRefusedError()]
    talk.hub.chatwoot.failures.extend(refusals)
    await carried_on(talk.hub, step)
    await talk.changes(status="resolved", told=False)
    await talk.hub.replay_messages(message.id, caller=ANYBODY)
    step = await delivered(talk.hub)
    assert (step.progress, step.message.reason) == (Progress.WITHHELD, "human_took_over")
    assert (talk.posted(), len(talk.posted(private=True))) == ([], 1)


async def test_only_a_message_that_waits_is_amended() -> None:
    talk = await talk_with()
    message = await talk.customer()
    assert message.body is not None
    with pytest.raises(WrongStageError):
        message.done(at=message.received_at).amended(message.body, at=message.received_at)


async def test_everything_that_a_crew_may_ask_for_is_done() -> None:
    handover = HandOver(assignee=ChatwootId("3"), priority=Priority.HIGH)
    answer = Answer(handover=handover, custom_attributes={"pedido": 12}, labels_added=("vip",))
    talk = await talk_with(answer)
    talk.hub.chatwoot.agents.add(ChatwootId("3"))
    await talk.customer()
    assert (await delivered(talk.hub)).progress is Progress.POSTED
    live = talk.hub.chatwoot.talks[talk.key.account, talk.key.id]
    assert (live.assignee, live.priority, live.labels) == (
        ChatwootId("3"),
        Priority.HIGH,
        ("vip",),
    )
    assert (live.custom_attributes, live.status) == ({"pedido": 12}, Status.OPEN)


TYPING: JsonObject = {
    "default_crew": "sales",
    "crews": {"sales": {"type": "in_process", "typing": True}},
}


@pytest.mark.parametrize(
    ("says", "progress", "stays"),
    [
        (NO_REPLY, Progress.NO_REPLY, False),
        (CrewUnavailableError(), Progress.PUT_OFF, False),
        (CrewRefusedError(), Progress.DEAD, False),
        (DEFERRED, Progress.AWAITING, True),
    ],
)
async def test_customer_sees_that_a_crew_is_writing_while_it_may_still_answer(
    says: Reaction, progress: Progress, stays: bool
) -> None:
    talk = await talk_with(says)
    await has_crews(talk.hub, ACME, TYPING)
    shown = []
    place = (talk.key.account, talk.key.id)
    talk.crew.meanwhile = lambda: shown.append(talk.hub.chatwoot.talks[place].typing)
    await talk.customer()
    assert (await delivered(talk.hub)).progress is progress
    assert (shown, talk.hub.chatwoot.talks[place].typing) == ([True], stays)


@pytest.mark.parametrize(
    ("says", "progress"),
    [(ANSWER, Progress.ANSWERED), (CrewUnavailableError(), Progress.PUT_OFF)],
)
async def test_chatwoot_that_hangs_holds_up_no_crew(says: Reaction, progress: Progress) -> None:
    talk = await talk_with(says)
    await has_crews(talk.hub, ACME, TYPING)

    @define
    class Hanging(MemoryChatwootClient):
        async def typing(self, conversation: ConversationAccess, *, on: bool) -> None:
            await asyncio.Event().wait()

    sender = evolve(
        talk.hub.deliver_message.asking.reply_sender,
        chatwoot=Hanging(talk.hub.chatwoot.token),
        courtesy=timedelta(0),
    )
    others = asyncio.all_tasks()
    await talk.customer()
    deliver = remade(talk.hub.deliver_message, reply_sender=sender)
    assert (await deliver(await claimed(talk.hub))).progress is progress
    assert asyncio.all_tasks() == others


async def test_nobody_sees_that_a_crew_is_writing_without_a_chatwoot() -> None:
    talk = await talk_with(NO_REPLY)
    await has_crews(talk.hub, ACME, TYPING)
    talk.hub.chatwoot_accounts.fallback = ChatwootAccess()
    await talk.customer()
    assert (await delivered(talk.hub)).progress is Progress.NO_REPLY
    assert talk.hub.chatwoot.talks == {}


@pytest.mark.parametrize(
    "body",
    ['{"answer": {"later_member": 1}}', '{"answer": ""}', '{"answer": "a", "silence": "later"}'],
)
async def test_answer_that_a_later_version_kept_is_not_posted(body: str) -> None:
    with pytest.raises(SealBrokenError):
        read_back(SecretText(f"\x00answer1\x00{body}"))


async def test_hours_of_the_company_hold_where_the_operator_says_so() -> None:
    talk = await talk_with(hours="company", outside_hours="silent")
    await talk.customer("um")
    assert (await delivered(talk.hub)).progress is Progress.POSTED
    hours: JsonObject = {"monday": True, "business_hours_start": 9, "business_hours_end": 18}
    metadata = json.dumps({"business_hours": hours})
    await talk.hub.publish_document(write(ACME.document(METADATA)), text=metadata)
    await talk.customer("dois")
    assert (await delivered(talk.hub)).message.reason == "outside_hours"


async def test_faulty_rules_are_as_none_until_the_delivery_finds_the_fault() -> None:
    talk = await talk_with()
    history = talk.hub.state.histories[ACME.document(CREWS)]
    bad = history[-1].document.with_body({**CREWS_DOCUMENT, "answer_when": 5})
    history[-1] = evolve(history[-1], document=bad)
    message, crews = await talk.customer(), talk.hub.deliver_message.asking.crews
    answering = await crews.answering(message.destination, message.origin)
    assert answering.rules == crews.defaults


async def test_message_that_is_nobodys_has_the_default_rules() -> None:
    talk = await talk_with()
    message = await talk.customer()
    crews = talk.hub.deliver_message.asking.crews
    assert (await crews.answering(None, message.origin)).rules == crews.defaults
    lost = evolve(message, stage=Stage.DEAD, due_at=None, destination=None)
    silence = talk.hub.deliver_message.posting.silence
    assert await silence.before_posting(lost, None) == (None, None)


async def test_second_opening_of_a_hand_over_is_no_takeover() -> None:
    talk = await talk_with(Answer(handover=TEAM))
    talk.hub.chatwoot.teams[ChatwootId("2")] = "vendas"
    await talk.customer()
    await talk.hub.deliver_message(await claimed(talk.hub))
    # A worker opened it and was lost.
    await talk.changes(status="open")
    assert (await settled(talk)).progress is Progress.POSTED
    assert talk.hub.chatwoot.talks[talk.key.account, talk.key.id].team == ChatwootId("2")
