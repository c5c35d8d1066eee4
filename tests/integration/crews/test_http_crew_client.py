from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from ipaddress import ip_network
from typing import Protocol

import pytest
import standardwebhooks
import structlog
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from attrs import evolve

from odoo_ai_config.adapters.crews.http_crew_client import HttpCrewClient, cost_of_task
from odoo_ai_config.adapters.outbound.answers import LONGEST_PAUSE, MOST_BYTES
from odoo_ai_config.adapters.outbound.egress_policy import Network
from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.application.errors import (
    ApplicationError,
    CrewRefusedError,
    CrewUnavailableError,
    TargetForbiddenError,
)
from odoo_ai_config.application.off_loop import CHEAP
from odoo_ai_config.domain.conversations.state import Wrote
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import (
    Contact,
    Crew,
    CrewKind,
    CrewTask,
    CustomerMessage,
    Utterance,
)
from odoo_ai_config.domain.messages.answers import DEFERRED, NO_REPLY, Answer
from tests.contract.crew_client_contract import QUESTION, task
from tests.contract.samples import AT, owner, stray
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.crew import (
    Behaviour,
    CrewStandIn,
    answers,
    breaks_off,
    floods,
    replies,
)
from tests.stand_ins.local_server import listening

HERE = ip_network("127.0.0.0/8")
WHSEC = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
async def server() -> AsyncIterator[CrewStandIn]:
    async with CrewStandIn().open() as server:
        yield server


@pytest.fixture
async def sessions() -> AsyncIterator[HttpSessions]:
    sessions = HttpSessions([HERE])
    yield sessions
    await sessions.close()


@pytest.fixture
def line(sessions: HttpSessions) -> HttpCrewClient:
    return HttpCrewClient(sessions, SystemClock(), public_url="https://hub.example/base/")


def crew_at(url: str) -> Crew:
    return Crew("analytics", owner("acme", "retail"), CrewKind.HTTP, url=url)


MEMBERS = "kind url title extension size width height transcription location contact"
NOTHING = dict.fromkeys(MEMBERS.split())


async def test_crew_is_told_all_that_the_documentation_says(
    line: HttpCrewClient, server: CrewStandIn
) -> None:
    await line.ask(crew_at(server.url), task(), secret=None)

    (asked,) = server.asked
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.task == {
        "id": "message-1",
        "tenant": "acme",
        "domain": "default",
        "crew": "analytics",
        "channel": {
            "account_id": "1",
            "inbox_id": "1",
            "inbox_name": "WhatsApp Vendas",
            "kind": "Channel::Whatsapp",
        },
        "contact": {
            "id": "42",
            "name": "Cliente Exemplo",
            "number": "+5511999990000",
            "identifier": None,
            "bsuid": None,
            "user_name": None,
        },
        "conversation_id": "1",
        "conversation": {
            "id": "1",
            "status": "pending",
            "assignee": {"id": "3", "name": "Ana Atendente", "bot": False},
            "team": {"id": "5", "name": "vendas"},
            "labels": ["vip"],
            "can_reply": True,
            "priority": "high",
            "custom_attributes": {"pedido": 1200},
        },
        "message_id": "message-1",
        "sent_at": "2026-11-22T11:59:58+00:00",
        "content_type": "text",
        "text": QUESTION,
        "in_reply_to": {"id": "8990", "external_id": "wamid.EXEMPLO"},
        "quoted": None,
        "reaction": False,
        "unsupported": False,
        "voice_call": False,
        "edited": False,
        "previous_text": None,
        "submitted_values": [],
        "submitted_email": None,
        "attachments": [
            NOTHING
            | {
                "kind": "image",
                "url": "https://chatwoot.example/rails/blobs/1",
                "extension": "jpg",
                "size": 48213,
                "width": 1280,
                "height": 960,
            },
            NOTHING
            | {
                "kind": "location",
                "title": "Loja Centro",
                "location": {"latitude": -23.55, "longitude": -46.63},
            },
            NOTHING
            | {
                "kind": "contact",
                "contact": {"name": "Joana Silva", "numbers": ["+5511977776666"]},
            },
        ],
        "parts": [],
        "history": [],
        "newer_waiting": 0,
        "matched_by": "inbox",
        "release": {"config_version": 1, "mapping_version": 2},
        "received_at": AT.isoformat(),
        "attempt": 1,
        "callback_url": "https://hub.example/base/v1/messages/message-1/answer",
    }


async def test_crew_is_told_what_is_not_known(sessions: HttpSessions, server: CrewStandIn) -> None:
    lost = stray("message-2")
    nothing = CustomerMessage(None, Contact())
    bare = evolve(lost, origin=evolve(lost.origin, account=None, inbox=None, conversation=None))

    await HttpCrewClient(sessions, SystemClock()).ask(
        crew_at(server.url), CrewTask(bare, nothing), secret=None
    )

    told = server.asked[0].task
    assert (told["tenant"], told["domain"]) == ("acme", "retail")
    assert told["channel"] == dict.fromkeys(("account_id", "inbox_id", "inbox_name", "kind"))
    assert {*told["contact"].values()} == {None}
    assert told["conversation"] == dict.fromkeys(
        ("id", "status", "assignee", "team", "can_reply", "priority")
    ) | {"labels": [], "custom_attributes": {}}
    for unknown in ("in_reply_to", "sent_at", "content_type", "quoted"):
        assert told[unknown] is None
    for unknown in ("conversation_id", "text", "matched_by", "release", "callback_url"):
        assert told[unknown] is None


@pytest.mark.parametrize("secret", [WHSEC, WHSEC.rstrip("=")])
async def test_task_is_signed_by_standard_webhooks(
    line: HttpCrewClient, server: CrewStandIn, secret: str
) -> None:
    server.secret = WHSEC

    said = await line.ask(crew_at(server.url), task(), secret=SecretText(secret))

    assert said == Answer.of_text(QUESTION)
    headers = server.asked[0].headers
    assert headers["webhook-id"] == headers["Idempotency-Key"] == "message-1"


async def test_repetition_is_signed_anew_under_the_same_id(
    sessions: HttpSessions, server: CrewStandIn
) -> None:
    clock = ManualClock(AT)
    line = HttpCrewClient(sessions, clock)
    for _ in range(2):
        await line.ask(crew_at(server.url), task(), secret=SecretText(WHSEC))
        clock.tick(timedelta(hours=1))

    first, second = (asked.headers for asked in server.asked)
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 3600
    assert first["webhook-signature"] == standardwebhooks.Webhook(WHSEC).sign(
        "message-1", AT, server.asked[0].body.decode()
    )


async def test_crew_that_does_not_believe_the_signature_refuses(
    line: HttpCrewClient, server: CrewStandIn
) -> None:
    server.secret = WHSEC

    with pytest.raises(CrewRefusedError):
        await line.ask(crew_at(server.url), task(), secret=SecretText("another secret"))
    assert server.asked == []


async def test_secret_that_cannot_sign_is_not_used_nor_shown(
    line: HttpCrewClient, server: CrewStandIn
) -> None:
    with structlog.testing.capture_logs() as lines, pytest.raises(CrewRefusedError) as refusal:
        await line.ask(crew_at(server.url), task(), secret=SecretText("whsec_!canary!"))

    assert server.asked == []
    assert "canary" not in f"{lines}{refusal.value!r}{refusal.value.__cause__}"


async def test_answer_is_read_as_the_domain_reads_it(
    line: HttpCrewClient, server: CrewStandIn
) -> None:
    server.then = replies(body='{"response": {"content": "s\\u00ed"}}')

    assert await line.ask(crew_at(server.url), task(), secret=None) == Answer.of_text("sí")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "  \n",
        "null",
        "{}",
        '{"answer": {"text": ""}}',
    ],
)
async def test_answers_that_say_nothing(
    line: HttpCrewClient, server: CrewStandIn, body: str
) -> None:
    server.then = replies(body=body)

    assert await line.ask(crew_at(server.url), task(), secret=None) is NO_REPLY


@pytest.mark.parametrize(
    "body",
    [
        b"sim",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"anwser": {"text": "sim"}}',
        b'{"anwser": {"text": "sim"}, "error": null}',
        b"<html>It works!</html>",
        gzip.compress(b'{"answer": {"text": "sim"}}', mtime=0),
        b" " * (MOST_BYTES + 1),
        # The last of two names would silently decide whether the customer reads it.
        b'{"content": "nota", "private": true, "private": false}',
        b'{"answer": {"text": "a"}, "answer": {"text": "b"}}',
        b'{"answer": {"text": "a", "text": "b"}}',
        b'{"content": "a", "routing": [{"score": 1, "score": 1}]}',
    ],
)
async def test_answers_that_are_not_understood_are_refused(
    line: HttpCrewClient, server: CrewStandIn, body: bytes
) -> None:
    server.then = replies(body=body)

    with pytest.raises(CrewRefusedError):
        await line.ask(crew_at(server.url), task(), secret=None)


async def test_answer_that_asks_for_more_than_the_hub_can_do_is_refused_by_name(
    line: HttpCrewClient, server: CrewStandIn
) -> None:
    server.then = replies(body='{"answer": {"text": "canary"}, "hand_over": true, "error": "x"}')

    with structlog.testing.capture_logs() as lines, pytest.raises(CrewRefusedError):
        await line.ask(crew_at(server.url), task(), secret=None)

    (told,) = lines
    assert (told["event"], told["field"]) == ("crew_answer_unreadable", "hand_over")
    assert "canary" not in str(lines)


async def test_answer_counts_though_an_error_is_named_beside_it(
    line: HttpCrewClient, server: CrewStandIn
) -> None:
    server.then = replies(body='{"answer": "sim", "error": "slow"}')

    assert await line.ask(crew_at(server.url), task(), secret=None) == Answer.of_text("sim")


async def test_answer_with_an_error_counts_as_no_answer(
    line: HttpCrewClient, server: CrewStandIn
) -> None:
    server.then = replies(body='{"error": "model overloaded"}')

    with pytest.raises(CrewUnavailableError):
        await line.ask(crew_at(server.url), task(), secret=None)


async def test_largest_answer_is_read(line: HttpCrewClient, server: CrewStandIn) -> None:
    text = "x" * (MOST_BYTES - len('{"answer":""}'))
    server.then = replies(body=json.dumps({"answer": text}, separators=(",", ":")))

    assert await line.ask(crew_at(server.url), task(), secret=None) == Answer.of_text(text)


async def test_answer_without_end_is_not_read_to_the_end(
    line: HttpCrewClient, server: CrewStandIn
) -> None:
    server.then = floods()

    with pytest.raises(CrewRefusedError):
        await line.ask(crew_at(server.url), task(), secret=None)


async def test_answer_that_breaks_off_may_come_again(
    line: HttpCrewClient, server: CrewStandIn
) -> None:
    server.then = breaks_off()

    with pytest.raises(CrewUnavailableError):
        await line.ask(crew_at(server.url), task(), secret=None)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, NO_REPLY),
        (201, NO_REPLY),
        (202, DEFERRED),
        (204, NO_REPLY),
        *((status, CrewRefusedError) for status in (301, 302, 303, 304, 307, 308)),
        *((status, CrewRefusedError) for status in (400, 401, 402, 403, 404, 409, 410, 413, 422)),
        *((status, CrewUnavailableError) for status in (408, 425, 429)),
        *((status, CrewUnavailableError) for status in (500, 501, 502, 503, 504, 599)),
    ],
)
async def test_statuses(
    line: HttpCrewClient,
    server: CrewStandIn,
    status: int,
    outcome: object,
) -> None:
    server.then = replies(status, headers={"Location": server.url})

    if isinstance(outcome, type) and issubclass(outcome, ApplicationError):
        with pytest.raises(outcome):
            await line.ask(crew_at(server.url), task(), secret=None)
    else:
        assert await line.ask(crew_at(server.url), task(), secret=None) is outcome

    assert len(server.asked) == 1, "a redirect was followed"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("99999", LONGEST_PAUSE),
        ("9" * 5000, LONGEST_PAUSE),
        ("Mon, 01 Mar 2060 00:01:00 GMT", 61.0),
        ("Mon, 01 Mar 2060 00:01:00 -0000", 61.0),
        ("Mon, 01 Mar 2060 23:00:00 GMT", LONGEST_PAUSE),
        ("Sun, 29 Feb 2060 00:00:00 GMT", 0.0),
        ("-7", None),
        ("7.5", None),
        ("soon", None),
        ("", None),
        ("\u0667", None),
        ("Mon, 99 Xyz 2060 00:01:00 GMT", None),
    ],
)
async def test_pause_that_a_crew_asks_for(
    sessions: HttpSessions, server: CrewStandIn, header: str, seconds: float | None
) -> None:
    server.then = replies(429, headers={"Retry-After": header})
    line = HttpCrewClient(sessions, ManualClock(AT.replace(second=59, microsecond=0)))

    with pytest.raises(CrewUnavailableError) as failure:
        await line.ask(crew_at(server.url), task(), secret=None)

    assert failure.value.retry_after == seconds


async def test_connection_is_kept_for_the_next_message(
    line: HttpCrewClient, server: CrewStandIn
) -> None:
    for number in range(5):
        await line.ask(crew_at(server.url), task(f"message-{number}"), secret=None)

    assert len({asked.port for asked in server.asked}) == 1


async def test_cookies_are_not_kept(line: HttpCrewClient, server: CrewStandIn) -> None:
    server.then = replies(headers={"Set-Cookie": "session=of-another-tenant; Path=/"})

    for _ in range(2):
        await line.ask(crew_at(server.url), task(), secret=None)

    assert all("Cookie" not in asked.headers for asked in server.asked)


async def test_environment_chooses_no_proxy(
    line: HttpCrewClient, server: CrewStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert await line.ask(crew_at(server.url), task(), secret=None) == Answer.of_text(QUESTION)


async def test_sessions_that_were_closed_open_again(
    sessions: HttpSessions, line: HttpCrewClient, server: CrewStandIn
) -> None:
    await line.ask(crew_at(server.url), task(), secret=None)
    await sessions.close()
    await line.ask(crew_at(server.url), task(), secret=None)

    assert len({asked.port for asked in server.asked}) == 2


async def test_log_shows_neither_the_address_nor_the_message(
    line: HttpCrewClient, server: CrewStandIn
) -> None:
    behaviours: list[Behaviour] = [
        replies(500, body=QUESTION),
        replies(404, body=QUESTION),
        replies(200, body=QUESTION),
        breaks_off(),
    ]
    with structlog.testing.capture_logs() as lines:
        for behaviour in behaviours:
            server.then = behaviour
            with pytest.raises(ApplicationError):
                await line.ask(crew_at(f"{server.url}?token=canary"), task(), secret=None)
        with pytest.raises(CrewUnavailableError):
            await line.ask(crew_at("http://127.0.0.1:1/?token=canary"), task(), secret=None)

    assert len(lines) == 5
    assert {line["crew"] for line in lines} == {"analytics"}
    assert QUESTION not in str(lines)
    assert "canary" not in str(lines)


class LineWith(Protocol):
    def __call__(
        self, *private: Network | str, names: AbstractResolver | None = None
    ) -> HttpCrewClient: ...


@pytest.fixture
async def line_with() -> AsyncIterator[LineWith]:
    """
    Makes clients whose crews may be in these places, which *names* resolves.
    """
    async with AsyncExitStack() as stack:

        def make(*private: Network | str, names: AbstractResolver | None = None) -> HttpCrewClient:
            sessions = (
                HttpSessions(private)
                if names is None
                else HttpSessions(private, resolver=lambda: names)
            )
            stack.push_async_callback(sessions.close)
            return HttpCrewClient(sessions, SystemClock())

        yield make


def port_of(server: CrewStandIn) -> str:
    return server.url.rpartition(":")[2].partition("/")[0]


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{}/tasks",
        "https://127.0.0.1:{}/tasks",
        "http://localhost:{}/tasks",
        "https://localhost:{}/tasks",
        "https://LOCALHOST.:{}/tasks",
        "https://0x7f.1:{}/tasks",
        "https://0x7f000001:{}/tasks",
        "https://2130706433:{}/tasks",
        "https://0177.0.0.1:{}/tasks",
        "https://127.1:{}/tasks",
        "https://0.0.0.0:{}/tasks",
        "https://[::1]:{}/tasks",
        "https://[::ffff:127.0.0.1]:{}/tasks",
        "https://user@127.0.0.1:{}/tasks",
    ],
)
async def test_hub_is_not_led_into_its_own_network(
    line_with: LineWith, server: CrewStandIn, address: str
) -> None:
    line = line_with()

    # Not every resolver knows every form of the machine's own address.
    with pytest.raises((TargetForbiddenError, CrewUnavailableError)):
        await line.ask(crew_at(address.format(port_of(server))), task(), secret=None)

    assert server.asked == []


class Names(AbstractResolver):
    """
    Resolves every name to the next of these lists of addresses.
    """

    def __init__(self, *found: Sequence[str]) -> None:
        self.found = list(found)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0
            )
            for address in self.found.pop(0)
        ]

    async def close(self) -> None:
        pass


async def test_name_that_points_into_the_network_is_forbidden(
    line_with: LineWith, server: CrewStandIn
) -> None:
    line = line_with(names=Names(["127.0.0.1"]))

    with pytest.raises(TargetForbiddenError):
        await line.ask(crew_at(f"https://crew.example:{port_of(server)}/"), task(), secret=None)


async def test_address_that_was_checked_is_the_one_that_is_called(
    line_with: LineWith, server: CrewStandIn
) -> None:
    names = Names(["10.255.255.1", "127.0.0.1"])
    line = line_with(HERE, names=names)

    said = await line.ask(
        crew_at(f"http://crew.example:{port_of(server)}/tasks"), task(), secret=None
    )

    assert said == Answer.of_text(QUESTION)
    assert names.found == []


async def test_name_that_points_elsewhere_later_is_checked_again(
    line_with: LineWith, server: CrewStandIn
) -> None:
    names = Names(["127.0.0.1"], ["10.255.255.1"])
    line = line_with(HERE, names=names)
    address = f"http://crew.example:{port_of(server)}/tasks"
    await line.ask(crew_at(address), task(), secret=None)
    # As if the connection and the cached address were old.
    await line.sessions.close()

    with pytest.raises(TargetForbiddenError):
        await line.ask(crew_at(address), task(), secret=None)


async def test_many_tasks_for_a_forbidden_name_are_all_refused(
    line_with: LineWith, server: CrewStandIn
) -> None:
    line = line_with()
    crew = crew_at(f"https://localhost:{port_of(server)}/tasks")

    outcomes = await asyncio.gather(
        *(line.ask(crew, task(), secret=None) for _ in range(8)), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [TargetForbiddenError] * 8


async def test_host_that_the_operator_names_may_be_private_and_without_tls(
    line_with: LineWith, server: CrewStandIn
) -> None:
    line = line_with("localhost")

    said = await line.ask(
        crew_at(f"http://localhost:{port_of(server)}/tasks"), task(), secret=None
    )

    assert said == Answer.of_text(QUESTION)
    with pytest.raises(TargetForbiddenError):
        await line.ask(crew_at(server.url), task(), secret=None)


async def test_crew_without_an_address_is_refused(line: HttpCrewClient) -> None:
    with pytest.raises(CrewRefusedError):
        await line.ask(Crew("x", owner(), CrewKind.HTTP), task(), secret=None)


@pytest.mark.parametrize("host", ["x" * 64 + ".example", "crew..example", "-"])
async def test_invalid_host_name_is_refused_or_unavailable(
    line: HttpCrewClient, host: str
) -> None:
    with pytest.raises((TargetForbiddenError, CrewUnavailableError)):
        await line.ask(crew_at(f"https://{host}/"), task(), secret=None)


async def test_what_speaks_no_http_may_do_so_later(line: HttpCrewClient) -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(CrewUnavailableError):
            await line.ask(crew_at(f"http://127.0.0.1:{port}/"), task(), secret=None)


async def test_stand_in_does_what_its_script_says_and_then_the_rest(
    line: HttpCrewClient, server: CrewStandIn
) -> None:
    server.script.extend([replies(503), answers("primeiro")])
    crew = crew_at(server.url)

    with pytest.raises(CrewUnavailableError):
        await line.ask(crew, task(), secret=None)
    assert await line.ask(crew, task(), secret=None) == Answer.of_text("primeiro")
    assert await line.ask(crew, task(), secret=None) == Answer.of_text(QUESTION)


async def test_stand_in_answers_later_and_proves_that_it_is_it(
    sessions: HttpSessions, server: CrewStandIn
) -> None:
    called: list[tuple[str, bytes, dict[str, str]]] = []

    async def note(request: web.Request) -> web.Response:
        called.append((request.path, await request.read(), dict(request.headers)))
        return web.Response()

    app = web.Application()
    app.router.add_post("/{path:.*}", note)
    async with listening(app) as hub:
        line = HttpCrewClient(sessions, SystemClock(), public_url=hub)
        server.secret = WHSEC
        server.script.extend([server.later("sim"), server.later("não", api_key="a key")])
        for _ in range(2):
            said = await line.ask(crew_at(server.url), task(), secret=SecretText(WHSEC))
            assert said is DEFERRED
        await server.calls_made()

    (path, body, headers), (_, _, keyed) = called
    assert path == "/v1/messages/message-1/answer"
    proven = standardwebhooks.Webhook(WHSEC).verify(body, headers)
    assert proven == {"answer": {"text": "sim"}}
    assert (keyed["X-API-Key"], "webhook-signature" in keyed) == ("a key", False)
    assert server.answered_later == [200, 200]


def test_long_history_and_long_bursts_are_described_beside_the_loop() -> None:
    long, short = "a" * (CHEAP + 1), CustomerMessage("a", Contact())
    said = (Utterance(AT, Wrote.CUSTOMER, long),)
    part = CustomerMessage(long, Contact())
    assert cost_of_task(CrewTask(stray("message-1"), short)) <= CHEAP
    for one in (
        CrewTask(stray("message-1"), part),
        CrewTask(stray("message-1"), short, parts=(part,)),
        CrewTask(stray("message-1"), short, history=said),
    ):
        assert cost_of_task(one) > CHEAP
