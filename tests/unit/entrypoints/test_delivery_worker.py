from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog
from attrs import define, evolve, field
from structlog.contextvars import clear_contextvars

from odoo_ai_config.adapters.memory.address_store import MemoryAddressStore
from odoo_ai_config.adapters.memory.api_key_store import MemoryApiKeyStore
from odoo_ai_config.adapters.memory.audit_log import MemoryAuditLog
from odoo_ai_config.adapters.memory.channel_directory import MemoryChannelDirectory
from odoo_ai_config.adapters.memory.chatwoot_client import MemoryChatwootClient
from odoo_ai_config.adapters.memory.collection_store import MemoryCollectionStore
from odoo_ai_config.adapters.memory.config_store import MemoryConfigStore
from odoo_ai_config.adapters.memory.conversation_store import MemoryConversationStore
from odoo_ai_config.adapters.memory.message_inbox import MemoryMessageInbox
from odoo_ai_config.adapters.memory.secret_store import MemorySecretStore
from odoo_ai_config.adapters.memory.state import MemoryState
from odoo_ai_config.adapters.memory.store_records import MemoryStoreRecords
from odoo_ai_config.adapters.memory.tenant_store import MemoryTenantStore
from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.application.errors import StoreUnavailableError
from odoo_ai_config.application.ports.chatwoot_client import ConversationAccess
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.application.ports.message_inbox import ClaimLimits
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Crew, CrewTask
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.answers import Answer, Deferred, NoReply
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Stage
from odoo_ai_config.domain.messages.outgoing import OutgoingMessage
from odoo_ai_config.entrypoints.container import Container, Stores
from odoo_ai_config.entrypoints.delivery_worker import Capacity, capacity_of, delivering
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from odoo_ai_config.entrypoints.library import Hub
from odoo_ai_config.entrypoints.settings import read_settings
from odoo_ai_config.entrypoints.startup import opened
from odoo_ai_config.entrypoints.wiring import Services
from tests.unit.application.messages.deliveries import payload, remade

ANSWER = Answer.of_text("Das 8 às 18.")
CREWS = "default_crew: sales\ncrews: {sales: {type: in_process}}"
PATIENT = Capacity(total=8, per_tenant=4, grace=60)
HASTY = Capacity(total=8, per_tenant=4, grace=0)


@define(eq=False)
class Desk(CrewClient):
    """
    A crew whose answers a test controls.

    Args:
        asked: Numbers of the messages, in the order of the questions.
        hung: Those that it does not answer until `open` is set.
        faults: Errors in place of an answer, once each.
    """

    asked: list[int] = field(factory=list)
    hung: set[int] = field(factory=set)
    faults: dict[int, Exception] = field(factory=dict)
    open: asyncio.Event = field(factory=asyncio.Event)

    async def ask(
        self, crew: Crew, task: CrewTask, *, secret: SecretText | None
    ) -> Answer | Deferred | NoReply:
        assert (crew.name, secret) == ("sales", None)
        number = int(str(task.received.origin.message))
        self.asked.append(number)
        if number in self.hung:
            await self.open.wait()
        if number in self.faults:
            raise self.faults.pop(number)
        return ANSWER


@define(eq=False)
class World:
    services: Services
    state: MemoryState
    desk: Desk
    chatwoot: MemoryChatwootClient
    outcomes: list[str] = field(factory=list)

    async def tenant(self, name: str, *, account: int) -> None:
        hub = Hub(self.services)
        await hub.sync_mapping(chatwoot_account_id=str(account), tenant=name)
        await hub.publish(name, "default", "crews", CREWS)

    async def receive(self, number: int, *, account: int = 1) -> MessageId:
        """
        Receive a message in its own conversation.
        """
        body = payload(number, conversation=300 + number, account=account)
        return (await Hub(self.services).receive(body)).id

    def message(self, message_id: MessageId) -> InboxMessage:
        return self.state.messages[message_id]

    def delivering(self, capacity: Capacity = PATIENT) -> Any:
        def count(outcome: str, _reason: str | None) -> None:
            self.outcomes.append(outcome)

        return delivering(self.services, capacity, count=count)

    def posted(self) -> int:
        return len(self.chatwoot.posted)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


async def in_no_time(condition: Callable[[], bool]) -> None:
    """
    Let other tasks run until *condition* holds, without waiting for a timer.
    """
    loop = asyncio.get_running_loop()
    now = loop.time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "time", lambda: now)
        for _ in range(1000):
            if condition():
                return
            await asyncio.sleep(0)
    pytest.fail("somebody waits for time to pass")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    state = MemoryState()
    config = MemoryConfigStore(state)
    stores = Stores(
        config=config,
        channels=MemoryChannelDirectory(state),
        secrets=MemorySecretStore(state),
        inbox=MemoryMessageInbox(state),
        collections=MemoryCollectionStore(state),
        conversations=MemoryConversationStore(state),
        addresses=MemoryAddressStore(state),
        api_keys=MemoryApiKeyStore(state),
        audit=MemoryAuditLog(state),
        tenants=MemoryTenantStore(state),
        records=MemoryStoreRecords(state),
        ensure_ready=config.check,
        rehearse_writing=config.check,
    )
    settings = read_settings(
        flags={
            "store_url": "memory://",
            "chatwoot_url": "https://chatwoot.example.com",
            "chatwoot_api_token": "chatwoot-token",
        },
        environment={},
    )
    desk, chatwoot = Desk(), MemoryChatwootClient()
    container = Container(settings=settings, stores=stores, crew_client=desk, chatwoot=chatwoot)
    async with opened(container) as services:
        world = World(services, state, desk, chatwoot)
        await world.tenant("acme", account=1)
        yield world


def test_capacity_is_what_the_operator_has_set() -> None:
    settings = read_settings(
        environment={
            "ODOO_AI_CONFIG_DELIVERIES": "5",
            "ODOO_AI_CONFIG_DELIVERIES_PER_TENANT": "3",
            "ODOO_AI_CONFIG_SHUTDOWN_SECONDS": "7",
        }
    )
    assert capacity_of(settings) == Capacity(total=5, per_tenant=3, grace=7)


async def test_what_waits_and_what_comes_is_delivered(world: World) -> None:
    await world.receive(1)
    async with world.delivering():
        await until(lambda: world.posted() == 1)
        await world.receive(2)
        await until(lambda: world.posted() == 2)
    assert {message.stage for message in world.state.messages.values()} == {Stage.DONE}
    assert world.outcomes == ["answered", "posted"] * 2


async def test_each_step_is_a_line_that_names_the_request_and_no_text(world: World) -> None:
    body = payload(1)
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as lines:
        await Hub(world.services).receive(body)
        async with world.delivering():
            await until(lambda: world.posted() == 1)
    clear_contextvars()
    steps = [line for line in lines if line["event"].startswith(("crew_", "delivery_"))]
    assert [line["event"] for line in steps] == [
        "crew_asked",
        "delivery_answered",
        "delivery_posted",
    ]
    for line in steps:
        assert line["tenant"] == "acme"
        assert line["message"].startswith("msg_")
        assert "request_id" in line
    assert "Olá" not in repr(lines)
    assert "Das 8" not in repr(lines)


@pytest.mark.parametrize(
    ("rules", "reason", "steps"),
    [
        (
            "{hours: {weekly: {}}, outside_hours: {text: Voltamos às 9h.}}",
            "outside_hours",
            ["answered", "posted"],
        ),
        (
            "{most_answers: {answers: 1, minutes: 60}}",
            "too_many_answers",
            ["answered", "step_done", "posted"],
        ),
    ],
)
async def test_what_the_hub_answers_itself_counts_as_a_silence(
    world: World, rules: str, reason: str, steps: list[str]
) -> None:
    metrics = Metrics()
    hub = Hub(world.services)
    await hub.publish("acme", "default", "crews", f"{CREWS}\nanswer_when: {rules}")
    counted: list[tuple[str, str | None]] = []

    def count(outcome: str, why: str | None) -> None:
        counted.append((outcome, why))
        metrics.delivery(outcome, why)

    if reason == "too_many_answers":
        await hub.receive(payload(1))
        async with delivering(world.services, PATIENT, count=count):
            await until(lambda: len(counted) == 2)
        counted.clear()
    await hub.receive(payload(2))
    async with delivering(world.services, PATIENT, count=count):
        await until(lambda: len(counted) == len(steps))
    assert counted == [*((step, None) for step in steps[:-1]), (steps[-1], reason)]
    shown = metrics.exposition().decode()
    assert f'odoo_ai_config_silences_total{{reason="{reason}"}} 1.0' in shown
    assert shown.count('_silences_total{reason="') == len(Silence)


async def test_message_of_another_process_is_noticed_without_a_bell(world: World) -> None:
    async with world.delivering():
        receive = evolve(
            world.services.receive_message, work_signal=type(world.services.work_signal)()
        )
        world.services = evolve(world.services, receive_message=receive)
        await world.receive(1)
        await until(lambda: world.posted() == 1)
    assert world.outcomes == ["answered", "posted"]


async def test_conversation_goes_on_as_soon_as_its_head_is_done(world: World) -> None:
    hub = Hub(world.services)
    for number in (1, 2, 3):
        await hub.receive(payload(number))
    async with world.delivering():
        await until(lambda: world.posted() == 3)
    assert world.desk.asked == [1, 2, 3]


async def test_fault_of_one_delivery_puts_it_off_and_leaves_the_others_alone(
    world: World,
) -> None:
    world.desk.faults[1] = RuntimeError("Olá, a secret")
    first = await world.receive(1)
    with structlog.testing.capture_logs() as lines:
        async with world.delivering():
            await until(lambda: world.message(first).attempts == 1)
            await world.receive(2)
            await until(lambda: world.posted() == 1)
    message = world.message(first)
    assert (message.stage, message.reason) == (Stage.QUEUED, "unexpected_error")
    assert "unexpected_error" in [line["event"] for line in lines]
    assert "put_off" in world.outcomes


async def test_time_out_that_is_not_the_claims_is_a_fault(world: World) -> None:
    world.desk.faults[1] = TimeoutError()
    message_id = await world.receive(1)
    async with world.delivering():
        await until(lambda: "put_off" in world.outcomes)
    assert world.message(message_id).reason == "unexpected_error"


async def test_lines_about_a_fault_name_the_request_and_the_message(world: World) -> None:
    world.desk.faults[1] = RuntimeError()
    message_id = await world.receive(1)
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as lines:
        async with world.delivering():
            await until(lambda: "put_off" in world.outcomes)
    about = [line for line in lines if line["event"] in {"unexpected_error", "delivery_put_off"}]
    assert len(about) == 2
    for line in about:
        assert (line["message"], line["tenant"]) == (str(message_id), "acme")
        assert "request_id" in line


class Broken(MemoryConfigStore):
    """
    A store that fails whenever a message is deferred.
    """

    async def commit(self, changeset: Changeset) -> None:
        if any(message.reason for message in changeset.messages):
            raise RuntimeError
        await super().commit(changeset)


async def test_fault_while_putting_off_leaves_the_message_to_the_next_claim(world: World) -> None:
    deliver = remade(world.services.deliver_message, store=Broken(world.state))
    world.services = evolve(world.services, deliver_message=deliver)
    world.desk.faults[1] = RuntimeError()
    message_id = await world.receive(1)
    with structlog.testing.capture_logs() as lines:
        async with world.delivering():
            await until(lambda: "left" in world.outcomes)
    message = world.message(message_id)
    assert (message.stage, message.revision) == (Stage.QUEUED, 2)
    assert [line["event"] for line in lines].count("unexpected_error") == 2


async def test_fault_at_the_very_end_is_put_off_too(world: World) -> None:
    world.desk.hung.add(1)
    world.desk.faults[1] = RuntimeError()
    message_id = await world.receive(1)
    async with world.delivering() as worker:
        await until(lambda: world.desk.asked == [1])
        worker.retire()
        world.desk.open.set()
    assert world.message(message_id).attempts == 1


async def test_tenant_whose_crew_hangs_does_not_keep_the_others_waiting(world: World) -> None:
    await world.tenant("other", account=2)
    world.desk.hung = set(range(1, 10))
    for number in range(1, 10):
        await world.receive(number)
    async with world.delivering():
        await until(lambda: len(world.desk.asked) == 4)
        for number in range(10, 20):
            await world.receive(number, account=2)
        await until(lambda: world.posted() == 10)
        assert len(world.desk.asked) == 14
        world.desk.open.set()
        await until(lambda: world.posted() == 19)


class Watched(MemoryMessageInbox):
    """
    An inbox that counts reads and claims without a result.
    """

    def __init__(self, state: MemoryState) -> None:
        super().__init__(state)
        self.looks = 0
        self.in_vain = 0

    async def next_due(self, *, beside: Collection[TenantId] = ()) -> datetime | None:
        self.looks += 1
        return await super().next_due(beside=beside)

    async def claim(
        self, claim_limits: ClaimLimits, *, now: datetime, until: datetime
    ) -> Sequence[InboxMessage]:
        messages = await super().claim(claim_limits, now=now, until=until)
        self.in_vain += not messages
        return messages


@pytest.mark.parametrize("capacity", [Capacity(8, 4), Capacity(4, 8)])
async def test_place_that_becomes_free_is_taken_at_once(world: World, capacity: Capacity) -> None:
    world.desk.hung = {1, 2, 3, 4}
    for number in range(1, 6):
        await world.receive(number)
    async with world.delivering(capacity):
        await until(lambda: len(world.desk.asked) == 4)
        world.desk.open.set()
        await in_no_time(lambda: 5 in world.desk.asked)


async def test_nothing_is_claimed_for_a_tenant_without_a_place(world: World) -> None:
    inbox = Watched(world.state)
    ports = evolve(world.services.ports, inbox=inbox)
    world.services = evolve(world.services, ports=ports)
    world.desk.hung = set(range(1, 9))
    for number in range(1, 6):
        await world.receive(number)
    async with world.delivering():
        await until(lambda: len(world.desk.asked) == 4)
        for number in range(6, 9):
            inbox.looks = 0
            await world.receive(number)
            await until(lambda: inbox.looks > 0)
        assert inbox.in_vain == 0
        world.desk.open.set()
        await until(lambda: world.posted() == 8)


async def test_no_more_is_taken_than_there_is_room_for(world: World) -> None:
    world.desk.hung = set(range(1, 10))
    for number in range(1, 10):
        await world.receive(number)
    async with world.delivering(Capacity(total=3, per_tenant=8, grace=60)):
        await until(lambda: len(world.desk.asked) == 3)
        await world.receive(10)
        untouched = [m for m in world.state.messages.values() if m.revision == 1]
        assert len(untouched) == 7
        world.desk.open.set()
        await until(lambda: world.posted() == 10)


async def test_what_is_in_hand_is_finished_at_the_end(world: World) -> None:
    world.desk.hung = {1}
    message_id = await world.receive(1)
    async with world.delivering() as worker:
        await until(lambda: world.desk.asked == [1])
        worker.retire()
        later = await world.receive(2)
        world.desk.open.set()
    assert world.message(message_id).stage is Stage.DONE
    assert world.message(later).revision == 1


async def test_what_cannot_be_finished_is_given_back_at_once(world: World) -> None:
    world.desk.hung = {1}
    message_id = await world.receive(1)
    async with world.delivering(HASTY):
        await until(lambda: world.desk.asked == [1])
    message = world.message(message_id)
    assert (message.stage, message.attempts) == (Stage.QUEUED, 0)
    assert message.due_at is not None
    assert message.due_at <= world.services.deliver_message.clock.now()
    assert world.outcomes[-1] == "given_back"


async def test_answer_that_may_be_on_its_way_is_given_back_for_when_the_claim_ends(
    world: World,
) -> None:
    posting = asyncio.Event()

    class Slow(MemoryChatwootClient):
        async def post(
            self,
            conversation: ConversationAccess,
            message: OutgoingMessage,
            *,
            mark: str,
            at_hand: Callable[[], Awaitable[None]] | None = None,
        ) -> None:
            posting.set()
            await asyncio.Event().wait()

    deliver = world.services.deliver_message
    slow = remade(deliver, reply_sender=evolve(deliver.posting.reply_sender, chatwoot=Slow()))
    world.services = evolve(world.services, deliver_message=slow)
    message_id = await world.receive(1)
    async with world.delivering(HASTY):
        await posting.wait()
    message = world.message(message_id)
    assert message.stage is Stage.ANSWERED
    assert message.due_at is not None
    assert message.due_at > deliver.clock.now()
    assert world.outcomes[-1] == "given_back"


async def test_delivery_that_takes_too_long_is_left_to_the_next(world: World) -> None:
    world.desk.hung = {1}
    deliver = remade(world.services.deliver_message, lease=timedelta(seconds=0.05))
    world.services = evolve(world.services, deliver_message=deliver)
    await world.receive(1)
    async with world.delivering():
        await until(lambda: len(world.desk.asked) == 2)
        assert world.outcomes[0] == "overtaken"
        world.desk.hung.clear()
        world.desk.open.set()
        await until(lambda: world.posted() == 1)


async def test_store_that_was_away_is_asked_again(world: World) -> None:
    world.state.away = True
    with structlog.testing.capture_logs() as lines:
        async with world.delivering():
            await until(lambda: bool(lines))
            world.state.away = False
            await world.receive(1)
            await until(lambda: world.posted() == 1)
    events = [line["event"] for line in lines]
    assert events.count("inbox_away") == events.count("inbox_back") == 1


@define
class Set(Clock):
    """
    A clock that was set.
    """

    by: timedelta = timedelta()

    def now(self) -> datetime:
        return SystemClock().now() + self.by

    def monotonic(self) -> float:
        return SystemClock().monotonic()


@pytest.mark.parametrize("when", ["before the start", "while it runs"])
async def test_nothing_waits_for_a_clock_that_was_set_back(world: World, when: str) -> None:
    clock = Set()
    deliver = evolve(world.services.deliver_message, clock=clock)
    receive = evolve(world.services.receive_message, clock=clock)
    world.services = evolve(world.services, deliver_message=deliver, receive_message=receive)
    clock.by = timedelta(days=1)
    world.desk.faults[1] = RuntimeError()
    with structlog.testing.capture_logs() as lines:
        async with world.delivering():
            await world.receive(1)
            await until(lambda: "put_off" in world.outcomes)
            if when == "while it runs":
                clock.by = timedelta()
                await until(lambda: world.posted() == 1)
        if when == "before the start":
            clock.by = timedelta()
            async with world.delivering():
                await until(lambda: world.posted() == 1)
    (line,) = [line for line in lines if line["event"] == "clock_set_back"]
    assert line["messages"] == 1


class Forgetful(MemoryConfigStore):
    """
    A store that is unavailable for the first commit of an answer.
    """

    async def commit(self, changeset: Changeset) -> None:
        if any(message.stage is Stage.ANSWERED for message in changeset.messages):
            raise StoreUnavailableError
        await super().commit(changeset)


async def test_delivery_that_cannot_be_written_down_is_left_as_it_is(world: World) -> None:
    deliver = remade(world.services.deliver_message, store=Forgetful(world.state))
    world.services = evolve(world.services, deliver_message=deliver)
    message_id = await world.receive(1)
    async with world.delivering():
        await until(lambda: "left" in world.outcomes)
    message = world.message(message_id)
    assert (message.stage, message.revision) == (Stage.QUEUED, 2)


class Faulty(MemoryMessageInbox):
    """
    An inbox that fails once.
    """

    def __init__(self, state: MemoryState) -> None:
        super().__init__(state)
        self.faults = 1

    async def next_due(self, *, beside: Collection[TenantId] = ()) -> datetime | None:
        if self.faults:
            self.faults -= 1
            raise RuntimeError
        return await super().next_due(beside=beside)


async def test_fault_of_the_inbox_does_not_end_the_worker(world: World) -> None:
    ports = evolve(world.services.ports, inbox=Faulty(world.state))
    world.services = evolve(world.services, ports=ports)
    with structlog.testing.capture_logs() as lines:
        async with world.delivering():
            await world.receive(1)
            await until(lambda: world.posted() == 1)
    assert {"unexpected_error", "inbox_away", "inbox_back"} <= {line["event"] for line in lines}


async def test_body_of_the_context_may_fail(world: World) -> None:
    async def fail() -> None:
        async with world.delivering():
            raise KeyError

    work: Awaitable[None] = fail()
    with pytest.raises(KeyError):
        await work
