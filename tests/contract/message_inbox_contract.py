"""
The guarantees of every inbox, and of commits about messages.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings

from odoo_ai_config.adapters.memory.secret_vault import MemorySecretVault
from odoo_ai_config.application.credentials.rotation import RotateTenantKey
from odoo_ai_config.application.errors import (
    MessageRecordedError,
    RequestRecordedError,
    TenantKeyChangedError,
)
from odoo_ai_config.application.ports.config_store import PruneReport
from odoo_ai_config.application.ports.message_inbox import Census, ClaimLimits, StageCount
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.conversations.state import ConversationKey, Seen, succeeding
from odoo_ai_config.domain.credentials.secrets import SealedSecret, SecretText
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import HUB, ChatwootId, TenantId
from odoo_ai_config.domain.messages.inbox import (
    CLOCK_SLACK,
    OPEN,
    STUCK,
    InboxMessage,
    MessageId,
    Origin,
    Stage,
    answer_context,
    body_context,
)
from odoo_ai_config.domain.subscriptions import SubscriptionId
from tests import strategies
from tests.contract.samples import (
    AT,
    DAY,
    MINUTE,
    answer_to,
    destination,
    event_to,
    everything,
    fingerprint,
    key,
    mapping,
    message,
    notice,
    origin,
    request_record,
    revision,
    secret,
    sighting,
    stray,
    tenant_key,
    text_of,
)
from tests.contract.snapshot import snapshot_of
from tests.contract.stores import StoreContract, Stores
from tests.stand_ins.clock import ManualClock
from tests.unit.application.memory_hub import ANYBODY

SOON = AT + MINUTE
UNTIL = AT + 10 * MINUTE
LATER = AT + 30 * MINUTE
ANOTHER = ConversationKey(ChatwootId("1"), ChatwootId("2"))
PLENTY = ClaimLimits(total=1000, per_tenant=1000, in_hand={})
ALL = frozenset(Stage)
FINISHED = ALL - OPEN - STUCK
ROUND_TRIPS = settings(
    suppress_health_check=[
        HealthCheck.too_slow,
        # Every example has its own id and marks.
        HealthCheck.function_scoped_fixture,
        # The same test runs for every technology.
        HealthCheck.differing_executors,
    ]
)


async def put(stores: Stores, *messages: InboxMessage) -> None:
    for new in messages:
        await stores.config.commit(Changeset(messages=(new,)))


async def claim(
    stores: Stores,
    *,
    now: datetime = LATER,
    until: datetime | None = None,
    total: int = 1000,
    per_tenant: int = 1000,
    **in_hand: int,
) -> Sequence[InboxMessage]:
    hands = {TenantId(tenant): number for tenant, number in in_hand.items()}
    claim_limits = ClaimLimits(total, per_tenant, hands)
    return await stores.inbox.claim(claim_limits, now=now, until=until or now + DAY)


async def claimed(stores: Stores, *, now: datetime = LATER) -> set[str]:
    """
    Claim all due messages for a day, and return their names.
    """
    return names(await claim(stores, now=now))


def names(messages: Iterable[InboxMessage]) -> set[str]:
    return {str(one.id) for one in messages}


def tenants_of(messages: Iterable[InboxMessage]) -> Counter[str]:
    return Counter(str(one.holder.tenant) for one in messages)


def at_stage(name: str, stage: Stage, *, minute: int = 0, tenant: str = "acme") -> InboxMessage:
    """
    A message that starts at *stage*, alone in its conversation.
    """
    if stage is Stage.IGNORED:
        return stray(name, stage, minute=minute)
    received = message(name, name, minute=minute, tenant=tenant)
    return evolve(received, stage=stage, due_at=received.due_at if stage in OPEN else None)


async def sealed(stores: Stores, text: SealedSecret) -> SealedSecret | None:
    return await stores.secrets.sealed(text.context, text.fingerprint)


class ReceiptContract(StoreContract):
    async def test_decision_about_a_new_message_sees_what_was_committed_before(
        self, stores: Stores
    ) -> None:
        incoming = IncomingMessage(ChatwootId("1"), ChatwootId("1"))
        seen = None
        # What is the same in each round is learned in the first ones.
        for number in range(1, 5):
            config, mapped = revision(version=number), mapping(version=number, sequence=number)
            told = sighting(minute=number)
            seen = succeeding(seen, told)
            await stores.config.commit(
                Changeset(revisions=(config,), mappings=(mapped,), sightings=(told,))
            )
            coming = origin(f"message-{number}")
            async with stores.inbox.receiving(coming, incoming, now=SOON) as first:
                table = await stores.channels.table_for(incoming)
                assert first is None
                assert table.resolve(incoming).mapping_version == number
                for _ in range(2):
                    assert await stores.config.current([key()]) == {key(): config}
                    absent = key("other")
                    assert await stores.config.current([absent]) == {}
                assert await stores.conversations.find(told.key) == seen
                await put(stores, message(f"message-{number}"))
                assert await stores.inbox.received(coming) == message(f"message-{number}")

    async def test_message_that_comes_again_is_told_at_once_or_later(self, stores: Stores) -> None:
        await put(stores, message())
        incoming = IncomingMessage(ChatwootId("1"))
        for asked in (incoming, None, IncomingMessage(None)):
            async with stores.inbox.receiving(message().origin, asked, now=SOON) as first:
                assert first in {None, message()}
        stranger = evolve(message().origin, delivery=None, message=None)
        async with stores.inbox.receiving(stranger, incoming, now=SOON) as first:
            assert first is None

    async def test_decision_about_a_delivery_sees_what_was_committed_before(
        self, stores: Stores
    ) -> None:
        data_key, conversation = tenant_key(), sighting().key
        await stores.config.commit(
            Changeset(new_tenant_key=data_key, secrets=(secret(),), revisions=(revision(),))
        )
        texts: list[SealedSecret] = []
        kept: list[InboxMessage] = []
        for number in range(1, 7):
            queued = message(f"message-{number}", minute=number, number=number)
            texts.append(text_of(queued, number))
            kept.insert(0, queued)
            await stores.config.commit(
                Changeset(messages=(queued,), secrets=(texts[-1],), sealed_under=data_key)
            )
            async with stores.inbox.delivering(queued, now=LATER):
                found = await stores.inbox.of_conversation(conversation, limit=number + 1)
                assert list(found) == kept
                few = await stores.inbox.of_conversation(conversation, limit=2)
                assert list(few) == kept[:2]
                for text in texts:
                    assert await stores.secrets.sealed(text.context, text.fingerprint) == text
                sealed = secret()
                assert await stores.secrets.sealed(sealed.context, sealed.fingerprint) == sealed
                assert await stores.secrets.sealed(sealed.context, fingerprint(99)) is None
                assert await stores.secrets.sealed(texts[0].context, fingerprint(99)) is None
                assert await stores.secrets.tenant_key(data_key.tenant, "k1") == data_key
                assert await stores.secrets.tenant_key(data_key.tenant, "k9") is None
                assert await stores.secrets.tenant_key(TenantId("other"), "k1") is None
                since = AT + number * MINUTE
                for limit in (1, 3):
                    answers = await stores.inbox.answers_since(conversation, AT, limit=limit)
                    assert answers == min(limit, number - 1)
                assert await stores.inbox.answers_since(conversation, since, limit=3) == 0
                assert await stores.inbox.answers_since(ANOTHER, AT, limit=3) == 0
                assert await stores.inbox.of_conversation(ANOTHER, limit=3) == []
                assert await stores.conversations.find(ANOTHER) is None
            answer = answer_to(queued, 100 + number)
            answered = queued.answered(answer.fingerprint, at=since)
            done = answered.done(at=since)
            kept[0] = done
            for after, some in ((answered, (answer,)), (done, ())):
                await stores.config.commit(
                    Changeset(messages=(after,), secrets=some, sealed_under=data_key)
                )

    async def test_preparation_ends_with_the_first_commit(self, stores: Stores) -> None:
        await put(stores, message())
        for number in range(1, 4):
            async with stores.inbox.delivering(message(), now=SOON):
                await stores.config.current([key()])
                await stores.config.commit(Changeset(revisions=(revision(version=number),)))
                newest = await stores.config.current([key()])
                assert newest == {key(): revision(version=number)}

    async def test_received_message_is_found_by_its_id_and_its_origin(
        self, stores: Stores
    ) -> None:
        await put(stores, message())
        assert await stores.inbox.find(message().id) == message()
        assert await stores.inbox.received(message().origin) == message()

    async def test_unknown_message_is_not_found(self, stores: Stores) -> None:
        await put(stores, message())
        assert await stores.inbox.find(MessageId("message-2")) is None
        assert await stores.inbox.received(origin("message-2")) is None

    async def test_message_is_recognised_by_its_delivery_alone(self, stores: Stores) -> None:
        await put(stores, message())
        again = evolve(origin("other", account="2"), delivery=message().origin.delivery)
        assert await stores.inbox.received(again) == message()
        with pytest.raises(MessageRecordedError):
            await put(stores, evolve(message("message-2"), origin=again))
        assert await stores.inbox.find(MessageId("message-2")) is None

    @pytest.mark.parametrize("delivery_id", [None, "another delivery"])
    async def test_message_is_recognised_by_its_chatwoot_id_in_another_delivery(
        self, stores: Stores, delivery_id: str | None
    ) -> None:
        await put(stores, message())
        again = evolve(
            message().origin, delivery=delivery_id, conversation=None, inbox=None, request_id="2"
        )
        assert await stores.inbox.received(again) == message()
        with pytest.raises(MessageRecordedError):
            await put(stores, evolve(message("message-2"), origin=again))
        assert await stores.inbox.find(MessageId("message-2")) is None

    @pytest.mark.parametrize(
        "other",
        [
            evolve(message().origin, delivery="d2", account=ChatwootId("2")),
            evolve(message().origin, delivery="d2", message=ChatwootId("2")),
            evolve(message().origin, delivery="d2", event="message_updated"),
            evolve(message().origin, delivery=None, event=""),
            evolve(message().origin, delivery=None, account=None),
            evolve(message().origin, delivery=None, message=None),
            Origin("message_created"),
        ],
    )
    async def test_message_with_another_origin_is_another_message(
        self, stores: Stores, other: Origin
    ) -> None:
        await put(stores, message())
        assert await stores.inbox.received(other) is None
        second = evolve(message("message-2"), origin=other)
        await put(stores, second)
        assert await stores.inbox.find(second.id) == second
        assert await stores.inbox.find(message().id) == message()

    async def test_messages_that_nothing_recognises_are_all_taken(self, stores: Stores) -> None:
        unknown = [
            evolve(message(f"message-{number}"), origin=origin_)
            for number, origin_ in enumerate(
                [
                    Origin(""),
                    Origin(""),
                    Origin("message_created", account=ChatwootId("1")),
                    Origin("message_created", account=ChatwootId("1")),
                    Origin("message_created", message=ChatwootId("1")),
                    Origin("message_created", message=ChatwootId("1")),
                ]
            )
        ]
        await put(stores, *unknown)
        for one in unknown:
            assert await stores.inbox.find(one.id) == one
            assert await stores.inbox.received(one.origin) is None

    @pytest.mark.parametrize("stage", Stage)
    async def test_message_is_recognised_at_every_stage(
        self, stores: Stores, stage: Stage
    ) -> None:
        known = at_stage("message-1", stage)
        await put(stores, known)
        with pytest.raises(MessageRecordedError):
            await put(stores, evolve(message("message-2"), origin=known.origin))
        assert await stores.inbox.received(known.origin) == known

    async def test_same_message_twice_in_one_changeset_is_refused(self, stores: Stores) -> None:
        twice = (message(), evolve(message("message-2"), origin=message().origin))
        with pytest.raises(MessageRecordedError):
            await stores.config.commit(Changeset(messages=twice))
        assert await stores.inbox.page(ALL, limit=10) == []

    async def test_several_messages_may_come_together(self, stores: Stores) -> None:
        several = tuple(message(f"message-{number}", minute=number) for number in range(3))
        await stores.config.commit(Changeset(messages=several))
        assert await stores.inbox.page(ALL, limit=10) == list(reversed(several))
        assert await claimed(stores) == {"message-0"}

    async def test_id_that_is_taken_is_refused(self, stores: Stores) -> None:
        await put(stores, message())
        with pytest.raises(RevisionConflictError):
            await put(stores, evolve(message(), origin=origin("another")))
        assert await stores.inbox.find(message().id) == message()

    @pytest.mark.parametrize("number", [2, 3, 5])
    async def test_first_revision_of_a_message_is_1(self, stores: Stores, number: int) -> None:
        with pytest.raises(RevisionConflictError):
            await put(stores, evolve(message(), revision=number))
        assert await stores.inbox.find(message().id) is None

    @pytest.mark.parametrize("number", [2, 3, 5])
    async def test_only_the_successor_of_a_message_is_taken(
        self, stores: Stores, number: int
    ) -> None:
        second = message().put_off(until=SOON, reason="busy", at=AT)
        third = second.put_off(until=UNTIL, reason="busy", at=SOON)
        await put(stores, message(), second, third)
        with pytest.raises(RevisionConflictError):
            await put(stores, evolve(third.done(at=UNTIL), revision=number))
        assert await stores.inbox.find(third.id) == third
        await put(stores, third.done(at=UNTIL))
        assert await stores.inbox.find(third.id) == third.done(at=UNTIL)

    async def test_only_one_of_many_writers_of_a_message_wins(self, stores: Stores) -> None:
        await put(stores, message())
        rivals = [
            message().put_off(until=SOON, reason=f"writer_{number}", at=AT) for number in range(8)
        ]
        outcomes = await asyncio.gather(
            *(put(stores, rival) for rival in rivals), return_exceptions=True
        )
        assert Counter(type(outcome) for outcome in outcomes) == {
            type(None): 1,
            RevisionConflictError: 7,
        }
        winner = rivals[outcomes.index(None)]
        assert await stores.inbox.find(message().id) == winner

    async def test_only_one_of_many_receivers_of_a_message_wins(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        rivals = [
            evolve(message(f"message-{number}"), origin=message().origin) for number in range(8)
        ]
        outcomes = await asyncio.gather(
            *(
                put((stores, second_stores)[number % 2], rival)
                for number, rival in enumerate(rivals)
            ),
            return_exceptions=True,
        )
        assert Counter(type(outcome) for outcome in outcomes) == {
            type(None): 1,
            MessageRecordedError: 7,
        }
        winner = rivals[outcomes.index(None)]
        assert await stores.inbox.page(ALL, limit=10) == [winner]

    @ROUND_TRIPS
    @given(one=strategies.inbox_messages())
    async def test_message_is_kept_to_the_letter(self, stores: Stores, one: InboxMessage) -> None:
        # Earlier examples are still there.
        name = f"example-{len(await stores.inbox.page(ALL, limit=1000))}"
        origin_ = one.origin
        if origin_.delivery is not None:
            origin_ = evolve(origin_, delivery=f"{name} {origin_.delivery}")
        if origin_.message is not None:
            origin_ = evolve(origin_, message=ChatwootId(name))
        first = evolve(one, id=MessageId(name), origin=origin_, revision=1)
        await put(stores, first)
        assert await stores.inbox.find(first.id) == first
        assert await stores.inbox.page(ALL, limit=1) == [first]
        last = evolve(first, revision=2)
        await put(stores, last)
        assert await stores.inbox.find(first.id) == last

    async def test_every_state_is_kept_to_the_letter(self, stores: Stores) -> None:
        taken = message().taken(until=UNTIL)
        awaiting = taken.awaiting(until=LATER, at=SOON)
        answered = awaiting.answered(fingerprint(2), at=UNTIL)
        late = answered.put_off(until=LATER, reason="chatwoot_unavailable", at=UNTIL)
        dead = late.dead(reason="chatwoot_refused", at=LATER)
        replayed = dead.replayed(destination("other", "sales", None), at=LATER + DAY)
        done = replayed.done(at=LATER + DAY, reason="silence")
        for state in (message(), taken, awaiting, answered, late, dead, replayed, done):
            await put(stores, state)
            assert await stores.inbox.find(state.id) == state
            assert await stores.inbox.received(state.origin) == state
            assert await stores.inbox.page({state.stage}, limit=10) == [state]


class ReceiptAtomicityContract(StoreContract):
    async def test_message_comes_with_its_text_and_the_first_key(self, stores: Stores) -> None:
        await stores.config.commit(
            Changeset(
                messages=(message(),),
                secrets=(text_of(message()),),
                new_tenant_key=tenant_key(),
            )
        )
        assert await stores.inbox.find(message().id) == message()
        assert await sealed(stores, text_of(message())) == text_of(message())
        assert await stores.secrets.active_key(TenantId("acme")) == tenant_key()

    @pytest.mark.parametrize(
        ("spoiler", "refusal"),
        [
            (Changeset(new_tenant_key=tenant_key("neighbour")), TenantKeyChangedError),
            (Changeset(sealed_under=tenant_key(key_id="retired")), TenantKeyChangedError),
            (
                Changeset(idempotency_record=request_record("of a neighbour")),
                RequestRecordedError,
            ),
            (Changeset(revisions=(revision(version=2),)), RevisionConflictError),
            (Changeset(messages=(message("message-1"), message())), None),
            (
                Changeset(
                    messages=(
                        message("message-1"),
                        evolve(message("message-2"), origin=origin("message-of-neighbour")),
                    )
                ),
                MessageRecordedError,
            ),
            (
                Changeset(
                    messages=(message("message-1"), evolve(message("message-2"), revision=2))
                ),
                RevisionConflictError,
            ),
        ],
        ids=["key", "retired", "delivery", "document", "twice", "recorded", "successor"],
    )
    async def test_refused_changeset_leaves_no_trace_of_its_message(
        self, stores: Stores, spoiler: Changeset, refusal: type[Exception] | None
    ) -> None:
        neighbours = everything("neighbour", name="of a neighbour")
        await stores.config.commit(neighbours)
        refused = evolve(
            spoiler,
            messages=spoiler.messages or (message(),),
            secrets=(text_of(message()), secret(ref="other")),
        )
        before = await snapshot_of(stores, neighbours, refused)
        with pytest.raises(refusal or (MessageRecordedError, RevisionConflictError)):
            await stores.config.commit(refused)
        assert await snapshot_of(stores, neighbours, refused) == before
        assert await stores.inbox.find(message().id) is None

    async def test_refused_message_takes_the_rest_of_its_changeset_with_it(
        self, stores: Stores
    ) -> None:
        await put(stores, message())
        before = await snapshot_of(stores, everything())
        for wrong in (message("message-2"), message()):
            spoilt = evolve(wrong, origin=message().origin, revision=1)
            with pytest.raises((MessageRecordedError, RevisionConflictError)):
                await stores.config.commit(evolve(everything(), messages=(spoilt,)))
            stale = evolve(message().done(at=SOON), revision=3)
            with pytest.raises(RevisionConflictError):
                await stores.config.commit(evolve(everything(), messages=(stale,)))
        assert await snapshot_of(stores, everything()) == before

    async def test_answer_comes_with_the_state_that_has_it(self, stores: Stores) -> None:
        answered = message().answered(fingerprint(2), at=SOON)
        await put(stores, message())
        answer = answer_to(message())
        await stores.config.commit(Changeset(messages=(answered,), secrets=(answer,)))
        assert await sealed(stores, answer) == answer
        rival = answer_to(message(), number=3)
        with pytest.raises(RevisionConflictError):
            await stores.config.commit(Changeset(messages=(answered,), secrets=(rival,)))
        assert await sealed(stores, rival) is None


class OrderContract(StoreContract):
    async def test_only_the_head_of_a_conversation_is_claimed(self, stores: Stores) -> None:
        await put(stores, *(message(f"message-{n}", minute=n) for n in range(4)))
        assert await claimed(stores) == {"message-0"}
        assert await claimed(stores) == set()

    async def test_messages_of_a_conversation_come_in_the_order_of_their_receipt(
        self, stores: Stores
    ) -> None:
        await put(stores, *(message(f"message-{9 - n}", minute=n) for n in range(4)))
        order = []
        while heads := await claim(stores):
            (head,) = heads
            order.append(str(head.id))
            await put(stores, head.done(at=LATER))
        assert order == ["message-9", "message-8", "message-7", "message-6"]

    async def test_conversations_do_not_wait_for_each_other(self, stores: Stores) -> None:
        for number in range(3):
            await put(
                stores,
                message(f"message-a{number}", "1", minute=number),
                message(f"message-b{number}", "2", minute=number),
                evolve(
                    message(f"message-c{number}", minute=number),
                    # The same number in another account is another conversation.
                    origin=origin(f"message-c{number}", "1", account="2"),
                ),
            )
        assert await claimed(stores) == {"message-a0", "message-b0", "message-c0"}

    @pytest.mark.parametrize(
        "origin_",
        [evolve(message().origin, account=None), evolve(message().origin, conversation=None)],
        ids=["no account", "no conversation"],
    )
    async def test_messages_without_a_conversation_do_not_wait_for_each_other(
        self, stores: Stores, origin_: Origin
    ) -> None:
        for number in range(3):
            alone = message(f"message-{number}", minute=number)
            name = str(number)
            own = evolve(origin_, message=ChatwootId(name), delivery=name)
            await put(stores, evolve(alone, origin=own))
        assert await claimed(stores) == {"message-0", "message-1", "message-2"}

    async def test_conversation_goes_on_past_a_change_of_its_owner(self, stores: Stores) -> None:
        first = message(tenant="acme")
        await put(stores, first, message("message-2", tenant="other", minute=1))
        assert await claimed(stores) == {"message-1"}
        await put(stores, first.taken(until=LATER + DAY).done(at=LATER))
        assert await claimed(stores) == {"message-2"}

    @pytest.mark.parametrize("stage", sorted(OPEN, key=str))
    async def test_head_at_any_open_stage_holds_its_conversation(
        self, stores: Stores, stage: Stage
    ) -> None:
        head = message()
        states = {
            Stage.QUEUED: head.put_off(until=UNTIL, reason="crew_unavailable", at=AT),
            Stage.AWAITING: head.awaiting(until=UNTIL, at=AT),
            Stage.ANSWERED: evolve(head.answered(fingerprint(2), at=AT), due_at=UNTIL),
        }
        await put(stores, head, message("message-2", minute=1), states[stage])
        assert await claimed(stores, now=UNTIL - MINUTE) == set()
        assert await claimed(stores, now=UNTIL) == {"message-1"}

    @pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in OPEN])
    async def test_closed_message_is_never_claimed_and_blocks_no_other(
        self, stores: Stores, stage: Stage
    ) -> None:
        head = message()
        dead = head.dead(reason="crew_refused", at=AT)
        answered = head.answered(fingerprint(2), at=AT)
        posted = answered.done(at=AT)
        ways = {
            Stage.DONE: (head.done(at=AT),),
            Stage.IGNORED: (),
            Stage.UNRESOLVED: (head.unresolved(reason="crew_not_found", at=AT),),
            Stage.DEAD: (dead,),
            Stage.FAILED: (answered, posted, posted.undelivered(at=AT)),
            Stage.DISCARDED: (dead, dead.discarded(at=SOON)),
        }
        if stage is Stage.IGNORED:
            await put(stores, stray("message-1", stage), message("message-2", minute=1))
        else:
            await put(stores, head, message("message-2", minute=1), *ways[stage])
        assert await claimed(stores) == {"message-2"}
        assert await stores.inbox.next_due() == LATER + DAY
        assert await claimed(stores, now=LATER + 2 * DAY) == {"message-2"}

    @pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in OPEN])
    async def test_message_that_was_closed_when_it_came_is_never_claimed(
        self, stores: Stores, stage: Stage
    ) -> None:
        await put(stores, at_stage("message-1", stage))
        assert await claimed(stores) == set()
        assert await stores.inbox.next_due() is None

    async def test_message_in_the_middle_may_be_closed(self, stores: Stores) -> None:
        middle = message("message-2", minute=1)
        await put(stores, message(), middle, message("message-3", minute=2))
        await put(stores, middle.dead(reason="crew_refused", at=SOON))
        (head,) = await claim(stores)
        assert str(head.id) == "message-1"
        await put(stores, head.done(at=LATER))
        assert await claimed(stores) == {"message-3"}

    async def test_replayed_message_goes_before_newer_ones(self, stores: Stores) -> None:
        dead = message().dead(reason="crew_unavailable", at=SOON)
        await put(stores, message(), message("message-2", minute=1), dead)
        await put(stores, message("message-3", minute=2))
        replayed = dead.replayed(destination(), at=UNTIL)
        await put(stores, replayed)
        (head,) = await claim(stores)
        assert head == replayed.taken(until=LATER + DAY)
        assert await claimed(stores) == set()
        await put(stores, head.done(at=LATER))
        (head,) = await claim(stores)
        assert str(head.id) == "message-2"
        await put(stores, head.done(at=LATER))
        assert await claimed(stores) == {"message-3"}

    async def test_replayed_message_waits_for_older_ones(self, stores: Stores) -> None:
        second = message("message-2", minute=1)
        dead = second.dead(reason="crew_unavailable", at=SOON)
        await put(stores, message(), second, message("message-3", minute=2), dead)
        await put(stores, dead.replayed(destination(), at=UNTIL))
        (head,) = await claim(stores)
        assert str(head.id) == "message-1"
        await put(stores, head.done(at=LATER))
        assert await claimed(stores) == {"message-2"}

    async def test_replayed_message_comes_back_although_a_newer_one_is_in_hand(
        self, stores: Stores
    ) -> None:
        dead = message().dead(reason="crew_unavailable", at=SOON)
        await put(stores, message(), message("message-2", minute=1), dead)
        (in_hand,) = await claim(stores)
        await put(stores, dead.replayed(destination(), at=UNTIL))
        (head,) = await claim(stores)
        assert str(head.id) == "message-1"
        # Only the replayed message is next, whether or not the newer one is done.
        failed = in_hand.put_off(until=LATER, reason="crew_unavailable", at=LATER)
        await put(stores, failed)
        assert await claimed(stores) == set()
        await put(stores, head.done(at=LATER))
        assert await claimed(stores) == {"message-2"}

    async def test_newer_message_in_hand_may_be_done_before_a_replayed_one(
        self, stores: Stores
    ) -> None:
        dead = message().dead(reason="crew_unavailable", at=SOON)
        await put(stores, message(), message("message-2", minute=1), dead)
        await put(stores, message("message-3", minute=2))
        (in_hand,) = await claim(stores)
        await put(stores, dead.replayed(destination(), at=UNTIL))
        await put(stores, in_hand.done(at=UNTIL))
        (head,) = await claim(stores)
        assert str(head.id) == "message-1"
        await put(stores, head.done(at=LATER))
        assert await claimed(stores) == {"message-3"}

    async def test_replayed_message_belongs_to_its_new_owner(self, stores: Stores) -> None:
        lost = stray("message-1")
        replayed = lost.replayed(destination("other"), at=SOON)
        await put(stores, lost, replayed)
        assert await claim(stores, per_tenant=1, other=1) == []
        assert await claim(stores, per_tenant=1, acme=1) == [replayed.taken(until=LATER + DAY)]


class ClaimContract(StoreContract):
    async def test_empty_inbox_has_nothing_to_claim(self, stores: Stores) -> None:
        assert await claim(stores) == []
        assert await stores.inbox.next_due() is None

    async def test_claimed_message_is_taken_for_everybody(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        await put(stores, message())
        taken = message().taken(until=UNTIL)
        assert await claim(stores, now=AT, until=UNTIL) == [taken]
        for one in (stores, second_stores):
            assert await one.inbox.find(taken.id) == taken
            assert await claim(one, now=UNTIL - MINUTE) == []

    async def test_claimed_message_comes_back_when_its_time_is_up(self, stores: Stores) -> None:
        await put(stores, message())
        await claim(stores, now=AT, until=UNTIL)
        assert await claim(stores, now=UNTIL - timedelta(microseconds=1)) == []
        again = message().taken(until=UNTIL).taken(until=LATER)
        assert await claim(stores, now=UNTIL, until=LATER) == [again]

    async def test_claims_without_a_result_are_counted(self, stores: Stores) -> None:
        await put(stores, message())
        (first,) = await claim(stores, now=AT, until=UNTIL)
        (second,) = await claim(stores, now=UNTIL, until=LATER)
        await put(stores, second.put_off(until=LATER, reason="crew_unavailable", at=UNTIL))
        (third,) = await claim(stores, now=LATER)
        assert [head.claims for head in (first, second, third)] == [1, 2, 1]

    async def test_worker_that_was_too_slow_is_refused(self, stores: Stores) -> None:
        await put(stores, message())
        (slow,) = await claim(stores, now=AT, until=UNTIL)
        (quick,) = await claim(stores, now=UNTIL, until=LATER)
        with pytest.raises(RevisionConflictError):
            await put(stores, slow.done(at=UNTIL))
        await put(stores, quick.done(at=UNTIL))
        assert await stores.inbox.find(quick.id) == quick.done(at=UNTIL)

    async def test_message_is_not_claimed_before_it_is_due(self, stores: Stores) -> None:
        await put(stores, message(minute=5))
        just_before = AT + 5 * MINUTE - timedelta(microseconds=1)
        assert await claim(stores, now=just_before) == []
        assert len(await claim(stores, now=AT + 5 * MINUTE)) == 1

    async def test_no_two_callers_claim_the_same_message(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        await put(
            stores,
            *(
                message(f"message-{number}", str(number), tenant=f"t{number % 3}")
                for number in range(40)
            ),
        )
        hands = await asyncio.gather(
            *(
                claim((stores, second_stores)[number % 2], total=7, per_tenant=5)
                for number in range(12)
            )
        )
        taken = Counter(str(one.id) for hand in hands for one in hand)
        assert taken == {f"message-{number}": 1 for number in range(40)}

    async def test_no_more_is_claimed_than_the_caller_can_take_on(self, stores: Stores) -> None:
        await put(stores, *(message(f"message-{n}", str(n), tenant=f"t{n}") for n in range(6)))
        assert len(await claim(stores, total=0)) == 0
        assert len(await claim(stores, per_tenant=0)) == 0
        assert len(await claim(stores, total=4)) == 4
        assert len(await claim(stores, total=4)) == 2

    async def test_no_more_of_a_tenant_is_claimed_than_the_caller_can_take_on(
        self, stores: Stores
    ) -> None:
        for tenant in ("acme", "busy", "full", "over"):
            await put(
                stores,
                *(
                    message(f"message-{tenant}-{n}", f"{tenant}-{n}", tenant=tenant)
                    for n in range(5)
                ),
            )
        hand = await claim(stores, per_tenant=3, busy=1, full=3, over=4, gone=2)
        assert tenants_of(hand) == {"acme": 3, "busy": 2}

    async def test_tenants_take_turns_however_many_messages_one_has(self, stores: Stores) -> None:
        for number in range(20):
            await put(stores, message(f"message-a{number}", f"a{number}", tenant="many"))
        for number in range(3):
            await put(stores, message(f"message-b{number}", f"b{number}", tenant="some", minute=1))
        await put(stores, message("message-c0", "c0", tenant="one", minute=2))
        assert tenants_of(await claim(stores, total=3)) == {"many": 1, "some": 1, "one": 1}
        assert tenants_of(await claim(stores, total=7)) == {"many": 5, "some": 2}
        assert tenants_of(await claim(stores)) == {"many": 14}

    async def test_turn_goes_on_from_one_claim_to_the_next(self, stores: Stores) -> None:
        for tenant in ("b", "c", "a"):
            for number in range(4):
                name = f"message-{tenant}{number}"
                await put(stores, message(name, name, tenant=tenant))
        turns = [tenants_of(await claim(stores, total=1)) for _ in range(9)]
        for first in range(0, 9, 3):
            assert sum(turns[first : first + 3], Counter()) == {"a": 1, "b": 1, "c": 1}

    async def test_tenant_that_comes_late_gets_its_turn(self, stores: Stores) -> None:
        for number in range(9):
            await put(stores, message(f"message-m{number}", f"m{number}", tenant="m"))
        assert tenants_of(await claim(stores, total=2)) == {"m": 2}
        for tenant in ("a", "z"):
            await put(stores, message(f"message-{tenant}", tenant, tenant=tenant, minute=9))
        hands = [await claim(stores, total=1) for _ in range(3)]
        assert tenants_of(one for hand in hands for one in hand) == {"a": 1, "m": 1, "z": 1}

    async def test_those_due_longest_come_first(self, stores: Stores) -> None:
        due = {"message-0": 5, "message-1": 2, "message-2": 9, "message-3": 1}
        for name, minute in due.items():
            received = message(name, name)
            await put(stores, received)
            until = AT + minute * MINUTE
            await put(stores, received.put_off(until=until, reason="busy", at=AT))
        order = [str(one.id) for one in await claim(stores, total=3)]
        assert order == ["message-3", "message-1", "message-0"]

    async def test_message_that_waits_for_its_turn_does_not_count(self, stores: Stores) -> None:
        # Due, but not heads: they do not use up the limits or their tenant's turn.
        await put(stores, *(message(f"message-{number}", minute=number) for number in range(9)))
        await put(stores, message("message-z", "2", minute=20))
        assert names(await claim(stores, per_tenant=2)) == {"message-0", "message-z"}

    async def test_next_due_is_the_earliest_head(self, stores: Stores) -> None:
        await put(stores, message("message-1", "1", minute=7), message("message-2", "2", minute=4))
        assert await stores.inbox.next_due() == AT + 4 * MINUTE
        # No message is due before the head of its conversation.
        await put(stores, message("message-3", "2", minute=3))
        assert await stores.inbox.next_due() == AT + 4 * MINUTE
        await put(stores, message("message-2", "2", minute=4).done(at=LATER))
        assert await stores.inbox.next_due() == AT + 3 * MINUTE
        await claim(stores, now=LATER, until=LATER + DAY)
        assert await stores.inbox.next_due() == LATER + DAY

    async def test_heads_of_tenants_without_room_are_not_next(self, stores: Stores) -> None:
        await put(
            stores,
            message("message-1", "1", minute=1),
            message("message-2", "2", minute=2, tenant="other"),
            message("message-3", "3", minute=3, tenant="third"),
        )
        acme, other, third = map(TenantId, ("acme", "other", "third"))
        for beside, minute in (
            ((), 1),
            ((acme,), 2),
            ((other,), 1),
            ({acme, other}, 3),
            ((TenantId("nobody"),), 1),
        ):
            assert await stores.inbox.next_due(beside=beside) == AT + minute * MINUTE
        assert await stores.inbox.next_due(beside=(acme, other, third)) is None

    async def test_nothing_is_due_once_everything_is_closed(self, stores: Stores) -> None:
        await put(stores, message(), message().done(at=SOON), stray("message-2"))
        assert await stores.inbox.next_due() is None

    async def test_callback_that_overtakes_the_worker_is_noticed(self, stores: Stores) -> None:
        await put(stores, message())
        (taken,) = await claim(stores, now=AT, until=UNTIL)
        await put(stores, taken.answered(fingerprint(2), at=SOON))
        with pytest.raises(RevisionConflictError):
            await put(stores, taken.awaiting(until=LATER, at=SOON))
        (again,) = await claim(stores, now=SOON)
        assert again.stage is Stage.ANSWERED


class RecallContract(StoreContract):
    async def test_message_received_by_a_clock_that_was_ahead_is_due_at_once(
        self, stores: Stores
    ) -> None:
        await put(stores, message(minute=1440), message("message-2", minute=1441))
        assert await claimed(stores, now=AT) == set()
        assert await stores.inbox.recall(now=AT) == 2
        (head,) = await claim(stores, now=AT, until=UNTIL)
        assert str(head.id) == "message-1"
        # The next message does not need to wait for the clock, either.
        await put(stores, head.done(at=AT))
        assert await claimed(stores, now=AT) == {"message-2"}

    async def test_message_that_was_put_off_waits_no_longer_than_it_was_to(
        self, stores: Stores
    ) -> None:
        ahead = AT + DAY
        late = message().put_off(until=ahead + 2 * MINUTE, reason="busy", at=ahead)
        promised = message("message-2", "2").awaiting(until=ahead + 9 * MINUTE, at=ahead)
        await put(stores, message(), message("message-2", "2"), late, promised)
        assert await stores.inbox.recall(now=AT) == 2
        assert await stores.inbox.next_due() == AT + 2 * MINUTE
        for recalled in (late, promised):
            assert await stores.inbox.find(recalled.id) == recalled.recalled(now=AT)
        assert await claimed(stores, now=AT + 2 * MINUTE) == {"message-1"}
        assert await claimed(stores, now=AT + 9 * MINUTE) == {"message-2"}

    async def test_worker_keeps_what_it_has_claimed_and_goes_on_with_it(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        ahead = AT + DAY
        await put(stores, message(minute=1440))
        (held,) = await claim(stores, now=ahead, until=ahead + MINUTE)
        assert await second_stores.inbox.recall(now=AT) == 1
        assert await claimed(second_stores, now=AT + MINUTE - timedelta(seconds=1)) == set()
        await put(stores, held.done(at=AT))
        assert await second_stores.inbox.find(held.id) == held.done(at=AT)

    async def test_only_what_is_ahead_is_recalled_and_only_once(self, stores: Stores) -> None:
        at = AT + 5 * MINUTE
        near = message("message-2", "2")
        near = evolve(near, received_at=at, updated_at=at + CLOCK_SLACK, due_at=at + CLOCK_SLACK)
        beyond = at + CLOCK_SLACK + timedelta(microseconds=1)
        far = evolve(near, id=MessageId("message-3"), origin=origin("message-3", "3"))
        far = evolve(far, updated_at=beyond, due_at=beyond)
        finished = at_stage("message-4", Stage.DONE, minute=1440)
        dead = at_stage("message-5", Stage.DEAD, minute=1440)
        await put(stores, message(), near, far, finished, dead)
        assert await stores.inbox.recall(now=at) == 1
        assert await stores.inbox.recall(now=at) == 0
        for one in (message(), near, finished, dead):
            assert await stores.inbox.find(one.id) == one
        assert await stores.inbox.find(far.id) == evolve(far, updated_at=at, due_at=at)

    async def test_claim_by_the_clock_that_is_right_now_is_left_alone(
        self, stores: Stores
    ) -> None:
        await put(stores, message(minute=1440), message(minute=1440).given_back(at=AT))
        (held,) = await claim(stores, now=AT, until=UNTIL)
        assert await stores.inbox.recall(now=AT) == 0
        assert await stores.inbox.find(held.id) == held

    @pytest.mark.bulk
    async def test_many_are_recalled(self, stores: Stores) -> None:
        many = tuple(message(f"message-{n:04}", str(n), minute=1440) for n in range(600))
        for first in range(0, 600, 100):
            await stores.config.commit(Changeset(messages=many[first : first + 100]))
        assert await stores.inbox.recall(now=AT) == 600
        assert await stores.inbox.recall(now=AT) == 0
        found = await stores.inbox.page(ALL, limit=600)
        assert {one.due_at for one in found} == {AT}


class InboxListingContract(StoreContract):
    async def test_newest_come_first(self, stores: Stores) -> None:
        several = [message(f"message-{9 - number}", minute=number) for number in range(5)]
        await put(stores, *several)
        # Later changes of a message do not move it.
        moved = several[1].put_off(until=LATER, reason="busy", at=UNTIL)
        await put(stores, moved)
        several[1] = moved
        assert await stores.inbox.page(ALL, limit=10) == several[::-1]

    async def test_notice_waits_for_no_message_of_its_conversation(self, stores: Stores) -> None:
        first, second = message(), message("message-2", minute=1)
        await put(stores, first, notice(), second)
        assert await claimed(stores) == {"message-1", "notice-1"}

    async def test_notice_is_no_answer_to_the_customer(self, stores: Stores) -> None:
        told = notice()
        await put(stores, told)
        await put(stores, told.done(at=SOON))
        conversation = ConversationKey(ChatwootId("1"), ChatwootId("1"))
        assert await stores.inbox.of_conversation(conversation, limit=10) == []
        assert await stores.inbox.answers_since(conversation, AT, limit=10) == 0

    async def test_conversation_is_told_newest_first_whether_answered_or_not(
        self, stores: Stores
    ) -> None:
        conversation = ConversationKey(ChatwootId("1"), ChatwootId("1"))
        told = [message(f"message-{9 - number}", minute=number) for number in range(6)]
        elsewhere = message("message-3", "2")
        textless = evolve(message("message-2"), body=None)
        await put(stores, *told, elsewhere, textless)
        # What is done waits no more, and keeps its place among those that do.
        told[1] = told[1].answered(fingerprint(7), at=SOON, until=UNTIL)
        await put(stores, told[1])
        for number, step in ((1, told[1].done(at=SOON)), (4, told[4].done(at=SOON))):
            told[number] = step
            await put(stores, step)
        answered = textless.answered(fingerprint(7), at=SOON, until=UNTIL)
        await put(stores, answered)
        told.append(answered)
        for limit in (1, 2, 3, 5, 7, 8):
            found = await stores.inbox.of_conversation(conversation, limit=limit)
            assert found == told[::-1][:limit]

    async def test_second_notice_of_the_same_trouble_is_refused_with_what_it_is_about(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        stuck = [stray(f"message-{number}") for number in range(2)]
        await put(stores, *stuck)
        about = notice()
        tellings = [
            Changeset(
                messages=(one.told(at=SOON), evolve(about, id=MessageId(f"notice-{number}"))),
                sightings=(sighting(seen=Seen(told_people=True)),),
            )
            for number, one in enumerate(stuck)
        ]
        refused = await asyncio.gather(
            *(
                each.config.commit(telling)
                for each, telling in zip((stores, second_stores), tellings, strict=True)
            ),
            return_exceptions=True,
        )
        assert {type(one) for one in refused} == {type(None), MessageRecordedError}
        untold = await stores.inbox.untold(AT, limit=10)
        assert untold == [stuck[number] for number in range(2) if refused[number] is not None]
        known = await stores.conversations.find(sighting().key)
        assert known is not None
        assert known.revision == 1

    async def test_only_stuck_messages_of_which_nobody_was_told_are_untold(
        self, stores: Stores
    ) -> None:
        every = [at_stage(f"message-{stage.value}", stage) for stage in Stage]
        await put(stores, *every, stray("message-told"), notice())
        await put(stores, stray("message-told").told(at=SOON))
        await put(stores, notice().dead(reason="busy", at=SOON))
        found = await stores.inbox.untold(AT, limit=100)
        assert {one.stage for one in found} == STUCK
        assert all(one in every for one in found)
        await put(stores, *(one.told(at=LATER) for one in found))
        assert await stores.inbox.untold(AT, limit=100) == []

    async def test_message_that_gets_stuck_again_is_untold_again(self, stores: Stores) -> None:
        stuck = stray("message-1").told(at=AT)
        again = stuck.replayed(destination(), at=SOON)
        await put(stores, stray("message-1"), stuck, again)
        assert await stores.inbox.untold(AT, limit=1) == []
        dead = again.dead(reason="busy", at=LATER)
        await put(stores, dead)
        assert await stores.inbox.untold(LATER, limit=1) == [dead]
        assert await stores.inbox.untold(LATER + MINUTE, limit=1) == []

    @pytest.mark.parametrize("limit", [1, 2, 3, 100])
    async def test_untold_messages_come_in_pages_by_the_time_of_their_trouble(
        self, stores: Stores, limit: int
    ) -> None:
        # Many get stuck in one moment when a store is restored.
        minutes = [3, 1, 1, 1, 0, 2, 1]
        stuck = [stray(f"message-{n}", minute=minute) for n, minute in enumerate(minutes)]
        await put(stores, *stuck)
        found: list[InboxMessage] = []
        while page := await stores.inbox.untold(
            SOON, after=found[-1] if found else None, limit=limit
        ):
            assert len(page) <= limit
            found += page
        due = [one for one in stuck if one.updated_at >= SOON]
        assert found == sorted(due, key=lambda one: (one.updated_at, one.id))

    @pytest.mark.parametrize("oldest_first", [False, True])
    @pytest.mark.parametrize("limit", [0, 1, 2, 3, 100])
    async def test_pages_join_without_gap_or_overlap(
        self, stores: Stores, limit: int, oldest_first: bool
    ) -> None:
        several = [message(f"message-{number}", minute=number) for number in range(7)]
        await put(stores, *several)
        found: list[InboxMessage] = []
        while page := await stores.inbox.page(
            ALL,
            after=found[-1].id if found else None,
            limit=limit,
            oldest_first=oldest_first,
        ):
            assert len(page) <= limit
            found += page
        if limit == 0:
            assert found == []
        else:
            assert found == (several if oldest_first else several[::-1])

    async def test_page_goes_on_behind_a_message_of_another_stage_or_tenant(
        self, stores: Stores
    ) -> None:
        first, last = message("message-1"), message("message-3", minute=2)
        await put(stores, first, message("message-2", tenant="other", minute=1), last)
        await put(stores, message("message-2", tenant="other", minute=1).done(at=SOON))
        found = await stores.inbox.page(
            {Stage.QUEUED}, tenant=TenantId("acme"), after=MessageId("message-2"), limit=10
        )
        assert found == [first]

    async def test_message_that_is_gone_ends_the_listing(self, stores: Stores) -> None:
        await put(stores, message())
        found = await stores.inbox.page(ALL, after=MessageId("message-0"), limit=10)
        assert found == []

    async def test_only_what_is_asked_for_is_listed(self, stores: Stores) -> None:
        every = [
            at_stage(f"message-{tenant}-{stage.value}", stage, minute=minute, tenant=tenant)
            for minute, stage in enumerate(Stage)
            for tenant in ("acme", "other")
        ]
        await put(stores, *every)
        newest_first = every[::-1]
        for stages in (set(), {Stage.DONE}, STUCK, OPEN, FINISHED, list(Stage)):
            for tenant in (None, TenantId("acme"), TenantId("other"), HUB, TenantId("nobody")):
                assert await stores.inbox.page(stages, tenant=tenant, limit=99) == [
                    one
                    for one in newest_first
                    if one.stage in stages and tenant in {None, one.holder.tenant}
                ]

    async def test_message_without_an_owner_is_listed_for_the_hub(self, stores: Stores) -> None:
        crewless = message().unresolved(reason="crew_not_found", at=SOON)
        await put(stores, message(), crewless, stray("message-2"))
        assert await stores.inbox.page(STUCK, tenant=HUB, limit=9) == [stray("message-2")]
        assert await stores.inbox.page(STUCK, tenant=TenantId("acme"), limit=9) == [crewless]

    async def test_events_are_listed_apart_or_with_the_others(self, stores: Stores) -> None:
        one, two = SubscriptionId("sub_12345678"), SubscriptionId("sub_123456789")
        told = [event_to(who, n) for n, who in enumerate((one, two, one, one))]
        dead = told[2].dead(reason="off", at=LATER)
        await put(stores, told[0], message(), told[1], told[2], dead, told[3], stray("message-2"))
        page = partial(stores.inbox.page, list(Stage), limit=9)
        assert await page() == [stray("message-2"), told[3], dead, told[1], message(), told[0]]
        assert await page(events=False) == [stray("message-2"), message()]
        assert await page(events=one) == [told[3], dead, told[0]]
        assert await page(events=one, oldest_first=True) == [told[0], dead, told[3]]
        assert await page(events=one, after=told[3].id, tenant=HUB) == [dead, told[0]]
        assert await page(events=one, tenant=TenantId("acme")) == []
        assert await stores.inbox.page([Stage.DEAD], events=one, limit=9) == [dead]
        assert await page(events=two) == [told[1]]
        assert await page(events=SubscriptionId("sub_1234567890")) == []

    async def test_census_counts_every_stage_that_is_not_final(self, stores: Stores) -> None:
        assert await stores.inbox.census() == Census()
        for minute, stage in enumerate(Stage):
            for number in range(minute + 1):
                name = f"message-{stage.value}-{number}"
                await put(stores, at_stage(name, stage, minute=minute + number))
        assert await stores.inbox.census() == Census(
            {
                stage: StageCount(minute + 1, AT + minute * MINUTE)
                for minute, stage in enumerate(Stage)
                if stage not in FINISHED
            }
        )

    async def test_census_follows_the_messages(self, stores: Stores) -> None:
        await put(stores, message(), message("message-2", minute=1), message().done(at=LATER))
        assert await stores.inbox.census() == Census({Stage.QUEUED: StageCount(1, AT + MINUTE)})
        await put(stores, message("message-2", minute=1).done(at=LATER))
        assert await stores.inbox.census() == Census()

    async def test_census_counts_events_to_subscriptions_apart(self, stores: Stores) -> None:
        told, failing = (event_to(SubscriptionId("sub_12345678"), n) for n in (1, 2))
        await put(stores, told, message(minute=1), failing, failing.dead(reason="off", at=LATER))
        assert await stores.inbox.census() == Census(
            {Stage.QUEUED: StageCount(1, AT + MINUTE)},
            {Stage.QUEUED: StageCount(1, AT), Stage.DEAD: StageCount(1, AT)},
        )


class InboxPruneContract(StoreContract):
    async def test_empty_inbox_has_nothing_to_prune(self, stores: Stores) -> None:
        assert await stores.inbox.prune(before=LATER) == 0

    @pytest.mark.parametrize("stage", Stage)
    async def test_only_finished_messages_go(self, stores: Stores, stage: Stage) -> None:
        one = at_stage("message-1", stage)
        texts = text_of(one), answer_to(one)
        await stores.config.commit(Changeset(messages=(one,), secrets=texts))
        goes = stage in FINISHED
        assert await stores.inbox.prune(before=LATER) == goes
        assert await stores.inbox.find(one.id) == (None if goes else one)
        for text in texts:
            assert await sealed(stores, text) == (None if goes else text)
        assert await stores.inbox.prune(before=LATER) == 0

    async def test_what_was_written_last_counts(self, stores: Stores) -> None:
        await put(stores, message(), message().done(at=LATER))
        assert await stores.inbox.prune(before=LATER) == 0
        assert await stores.inbox.prune(before=LATER + timedelta(microseconds=1)) == 1
        assert await stores.inbox.find(message().id) is None

    async def test_messages_are_found_by_the_person(self, stores: Stores) -> None:
        ana, bia, eva = fingerprint(101), fingerprint(102), fingerprint(103)
        said = [
            evolve(message(f"message-{number}", place, minute=number), persons=persons)
            for number, (place, persons) in enumerate(
                [
                    ("1", (ana, bia)),
                    ("2", (ana,)),
                    ("1", ()),
                    ("3", (bia,)),
                    ("1", (eva,)),
                    ("1", None),
                    (None, (ana,)),
                ]
            )
        ]
        for one in said:
            await put(stores, one)
        await put(stores, said[1].done(at=LATER))
        found = await stores.inbox.of_persons([ana], limit=9)
        assert list(found) == [said[0], said[1].done(at=LATER), said[6]]
        both = await stores.inbox.of_persons([ana, bia], limit=9)
        assert [one.id for one in both] == [said[0].id, said[1].id, said[3].id, said[6].id]
        first = await stores.inbox.of_persons([ana, bia], limit=2)
        rest = await stores.inbox.of_persons([ana, bia], after=first[-1].id, limit=2)
        assert [*first, *rest] == list(both)
        assert list(await stores.inbox.of_persons([], limit=9)) == []
        gone = MessageId("message-99")
        assert list(await stores.inbox.of_persons([ana], after=gone, limit=9)) == []

    async def test_erased_message_has_no_text_and_is_not_found(self, stores: Stores) -> None:
        ana, bia = fingerprint(101), fingerprint(102)
        first = evolve(message("message-1"), persons=(ana, bia))
        second = evolve(message("message-2", minute=1), persons=(bia,))
        texts = [text_of(first), answer_to(first), text_of(second)]
        await stores.config.commit(Changeset(messages=(first,), secrets=tuple(texts[:2])))
        await stores.config.commit(Changeset(messages=(second,), secrets=(texts[2],)))
        erased = first.erased(at=LATER)
        places = body_context(first), answer_context(first)
        await stores.config.commit(Changeset(messages=(erased,), erased=places))
        assert await stores.inbox.find(first.id) == erased
        for text in texts:
            left = text if text.context.ref.value == second.id.value else None
            assert await sealed(stores, text) == left
        assert list(await stores.inbox.of_persons([ana], limit=9)) == []
        assert list(await stores.inbox.of_persons([ana, bia], limit=9)) == [second]
        # The conversation goes on with the next one.
        assert await claimed(stores) == {"message-2"}

    async def test_pruned_message_is_not_found_by_the_person(self, stores: Stores) -> None:
        ana = fingerprint(101)
        for name in ("message-1", "message-2"):
            one = evolve(message(name), persons=(ana,))
            await put(stores, one)
        await put(stores, evolve(message(), persons=(ana,)).done(at=SOON))
        await stores.inbox.prune(before=LATER)
        assert [one.id.value for one in await stores.inbox.of_persons([ana], limit=9)] == [
            "message-2"
        ]
        left = evolve(message("message-2"), persons=(ana,))
        await put(stores, left.done(at=SOON))
        await stores.inbox.prune(before=LATER)
        assert list(await stores.inbox.of_persons([ana], limit=9)) == []

    async def test_messages_of_earlier_versions_get_persons_once(self, stores: Stores) -> None:
        ana = fingerprint(101)
        old, new = message("message-1"), evolve(message("message-2"), persons=())
        without = evolve(message("message-3", "3"), body=None)
        await put(stores, old)
        await put(stores, new)
        await put(stores, without)
        assert list(await stores.inbox.unnamed(limit=9)) == [old]
        other = evolve(old, body=fingerprint(77))
        moved = evolve(old, destination=destination("other"))
        for stale in (other, moved, message("message-9")):
            assert not await stores.inbox.name(stale, [ana])
        assert await stores.inbox.name(old, [ana])
        assert not await stores.inbox.name(old, [])
        assert list(await stores.inbox.unnamed(limit=9)) == []
        named = evolve(old, persons=(ana,))
        assert list(await stores.inbox.of_persons([ana], limit=9)) == [named]
        assert await stores.inbox.find(old.id) == named

    async def test_message_that_moves_is_found_by_its_new_persons(self, stores: Stores) -> None:
        ana, bia = fingerprint(101), fingerprint(102)
        lost = evolve(stray("message-1"), persons=(ana,))
        await put(stores, lost)
        moved = lost.replayed(destination(), at=SOON, body=fingerprint(3), persons=(bia,))
        await put(stores, moved)
        assert list(await stores.inbox.of_persons([ana], limit=9)) == []
        assert list(await stores.inbox.of_persons([bia], limit=9)) == [moved]

    async def test_messages_of_a_tenant_may_be_kept_for_another_time(self, stores: Stores) -> None:
        done = [
            evolve(
                message(f"message-{tenant}-{minute}", f"{number}{minute}", tenant=tenant),
                stage=stage,
                due_at=None,
                updated_at=AT + minute * MINUTE,
            )
            for number, tenant in enumerate(["long", "short", "usual"])
            for minute, stage in enumerate(
                [Stage.DONE, Stage.IGNORED, Stage.DISCARDED, Stage.DEAD]
            )
        ]
        await put(stores, *done)
        own = {TenantId("long"): AT, TenantId("short"): AT + DAY}
        assert await stores.inbox.prune(before=AT + MINUTE, own=own) == 3 + 1
        left = {message.id.value for message in await stores.inbox.page(list(Stage), limit=99)}
        assert left == {one.id.value for one in done} - {
            "message-short-0",
            "message-short-1",
            "message-short-2",
            "message-usual-0",
        }
        assert await stores.inbox.prune(before=AT + MINUTE, own=own) == 0

    async def test_pruned_message_is_received_again(self, stores: Stores) -> None:
        done = message().done(at=SOON)
        await put(stores, message(), done)
        await stores.inbox.prune(before=LATER)
        await put(stores, message())
        assert await claimed(stores) == {"message-1"}

    async def test_text_without_its_message_goes(self, stores: Stores) -> None:
        await stores.config.commit(
            Changeset(messages=(message(),), secrets=(text_of(message()), answer_to(message())))
        )
        gone = message("message-2")
        elsewhere = evolve(message(), destination=destination("acme", "sales"))
        other = evolve(message(), destination=destination("other"))
        orphans = (text_of(gone), answer_to(gone), text_of(elsewhere), answer_to(other))
        await stores.config.commit(Changeset(secrets=orphans))
        assert await stores.inbox.prune(before=AT) == 0
        for orphan in orphans:
            assert await sealed(stores, orphan) is None
        for kept in (text_of(message()), answer_to(message())):
            assert await sealed(stores, kept) == kept

    async def test_text_goes_that_a_former_holder_had(self, stores: Stores) -> None:
        lost = stray("message-1")
        replayed = lost.replayed(destination(), at=SOON)
        await stores.config.commit(
            Changeset(messages=(lost,), secrets=(text_of(lost),), new_tenant_key=tenant_key())
        )
        await stores.inbox.prune(before=LATER)
        assert await sealed(stores, text_of(lost)) == text_of(lost)
        await stores.config.commit(
            Changeset(
                messages=(replayed,),
                secrets=(text_of(replayed, 3),),
                sealed_under=tenant_key(),
            )
        )
        await stores.inbox.prune(before=LATER)
        assert await sealed(stores, text_of(lost)) is None
        assert await sealed(stores, text_of(replayed, 3)) == text_of(replayed, 3)

    async def test_pruning_of_messages_leaves_everything_else_alone(self, stores: Stores) -> None:
        others = everything()
        await stores.config.commit(others)
        # A credential with the name of a message, or that no document names.
        namesake = secret(ref="message-9")
        await stores.config.commit(Changeset(secrets=(namesake,)))
        before = await snapshot_of(stores, others, Changeset(secrets=(namesake,)))
        assert await stores.inbox.prune(before=AT + 99 * DAY) == 0
        assert await snapshot_of(stores, others, Changeset(secrets=(namesake,))) == before

    async def test_pruning_of_history_leaves_texts_of_messages_alone(self, stores: Stores) -> None:
        texts = [text_of(message()), answer_to(message()), text_of(stray("message-2"))]
        await stores.config.commit(
            Changeset(
                messages=(message(), stray("message-2")),
                secrets=(*texts, secret(ref="orphan")),
                new_tenant_key=tenant_key(),
            )
        )
        report = await stores.config.prune(RetentionPolicy(keep=1), now=AT + 99 * DAY)
        assert report == PruneReport(secrets=1)
        for text in texts:
            assert await sealed(stores, text) == text

    @pytest.mark.bulk
    async def test_pruning_removes_many_messages_at_a_time(self, stores: Stores) -> None:
        done = [at_stage(f"message-{number}", Stage.DONE) for number in range(1100)]
        for first in range(0, 1100, 100):
            batch = done[first : first + 100]
            texts = tuple(text for one in batch for text in (text_of(one), answer_to(one)))
            await stores.config.commit(Changeset(messages=tuple(batch), secrets=texts))
        waiting = message("message-x")
        await put(stores, waiting)
        # No value is sealed by this key, so it lists them all.
        other = tenant_key(key_id="other")
        assert len(await stores.secrets.secrets_not_sealed_by(other, limit=9000)) == 2200
        assert await stores.inbox.prune(before=LATER) == 1100
        assert await stores.inbox.page(ALL, limit=9) == [waiting]
        assert await stores.secrets.secrets_not_sealed_by(other, limit=9000) == []

    async def test_prunings_at_one_time_count_each_message_once(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        done = tuple(at_stage(f"message-{number}", Stage.DONE) for number in range(50))
        await stores.config.commit(Changeset(messages=done))
        pruned = await asyncio.gather(
            *((stores, second_stores)[number % 2].inbox.prune(before=LATER) for number in range(6))
        )
        assert sum(pruned) == 50

    async def test_receivers_and_prunings_do_not_disturb_each_other(self, stores: Stores) -> None:
        async def receive(number: int) -> None:
            new = message(f"message-{number}", str(number))
            await stores.config.commit(Changeset(messages=(new,), secrets=(text_of(new),)))
            if number % 2:
                await put(stores, new.done(at=SOON))

        async def prune_often() -> int:
            return sum([await stores.inbox.prune(before=LATER) for _ in range(6)])

        pruning = asyncio.create_task(prune_often())
        await asyncio.gather(*map(receive, range(30)))
        pruned = await pruning + await stores.inbox.prune(before=LATER)
        assert pruned == 15
        for number in range(30):
            one = message(f"message-{number}", str(number))
            open_ = number % 2 == 0
            assert await stores.inbox.find(one.id) == (one if open_ else None)
            assert await sealed(stores, text_of(one)) == (text_of(one) if open_ else None)


class TextRotationContract(StoreContract):
    async def test_rotation_of_the_data_key_takes_the_texts_of_messages_along(
        self, stores: Stores
    ) -> None:
        vault = MemorySecretVault()
        acme = TenantId("acme")
        key = vault.new_tenant_key(acme, at=AT)
        places = body_context(message()), answer_context(message())
        texts = [vault.seal(key, place, SecretText(place.purpose)) for place in places]
        written = evolve(
            message(), stage=Stage.ANSWERED, body=texts[0].fingerprint, answer=texts[1].fingerprint
        )
        await stores.config.commit(
            Changeset(messages=(written,), secrets=tuple(texts), new_tenant_key=key)
        )
        rotate = RotateTenantKey(stores.secrets, vault, stores.config, ManualClock(AT))
        rotation = await rotate(acme, caller=ANYBODY)
        assert (rotation.resealed, rotation.damaged) == (2, ())
        assert await stores.secrets.tenant_key(acme, key.key_id) is None
        assert await stores.inbox.find(written.id) == written
        for old in texts:
            fresh = await sealed(stores, old)
            assert fresh is not None
            assert fresh.key_id == rotation.key.key_id
            assert vault.unseal(rotation.key, fresh) == SecretText(old.context.purpose)


class MessageInboxContract(
    ReceiptContract,
    ReceiptAtomicityContract,
    OrderContract,
    ClaimContract,
    RecallContract,
    InboxListingContract,
    InboxPruneContract,
    TextRotationContract,
):
    """
    All guarantees about messages.
    """
