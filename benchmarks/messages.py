"""
Messages of Chatwoot: their acknowledgement while every crew hangs, the cost of routing and of a
hundred thousand waiting messages, their delivery, and the load of an idle server.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import count, islice
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from benchmarks.figures import Figure, at_least, at_most, rate_of_at_least
from benchmarks.load import Load, request, send
from benchmarks.processes import API_KEY, Server, floor, hub
from benchmarks.routing import fill, hub_in, message
from odoo_ai_config.application.messages.intake import destination_of
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.conversations.state import (
    ConversationKey,
    Seen,
    Sighting,
    Status,
    Wrote,
)
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.inbox import Reception, Stage
from odoo_ai_config.entrypoints.library import Hub

_ROUNDS = 5
_COUNT = 3000
# The first ones fill the caches and connect.
_WARM_UP = 500
_TENANTS = 50
_SENDERS = 50
_CHUNK = 500
_MAPPED = 100
_CONVERSATIONS = 500
_DELIVERED = 500
_STUCK = 1000
_PLENTY = {"answers": 100, "minutes": 10}
_REST_SECONDS = 10
_SECRET = "benchmark-secret"
PRIVATE = {
    "ODOO_AI_CONFIG_CHATWOOT_SECRETS": _SECRET,
    "ODOO_AI_CONFIG_PRIVATE_TARGETS": "127.0.0.0/8",
}
_FIXTURE = Path("tests/fixtures/chatwoot_message_created_whatsapp.json")


def acknowledging() -> Iterator[Figure]:
    """
    Signed messages at 50 connections against the naive floor, both durable.

    The messages belong to many conversations of fifty tenants.
    """
    yield from acknowledging_on("SQLite")


def acknowledging_on(disk: str, **environment: str) -> Iterator[Figure]:
    """
    The same on *disk*, to which *environment* lets both servers write.
    """
    with TemporaryDirectory() as text, hanging_crew() as url:
        folder = Path(text)
        ours, floors = [], []
        for round_ in range(_ROUNDS):
            with floor("naive", folder / f"naive{round_}.db", **environment) as server:
                floors.append(_load(server))
            with hub(
                folder / f"hub{round_}",
                **PRIVATE,
                **environment,
            ) as server:
                prepare(server, url)
                ours.append(_load(server))
    detail = (
        f"{median(load.rate for load in ours):.0f}/s; floor "
        f"{median(load.rate for load in floors):.0f}/s, p99 "
        f"{median(load.p99_ms for load in floors):.1f} ms"
    )
    yield at_least(
        f"message acknowledged, {disk}, every crew hanging, {_SENDERS} connections / naive floor",
        1.0,
        [our.rate / floor_.rate for our, floor_ in zip(ours, floors, strict=True)],
        detail,
    )
    yield at_most(
        f"p99 of the acknowledgement with {_SENDERS} senders, {disk}, every crew hanging",
        50,
        median(load.p99_ms for load in ours),
        "ms",
    )


def routing_added(mappings: int = 100_000, rounds: int = 20) -> Iterator[Figure]:
    """
    The cost of the route of a message and of the versions that decided it.
    """
    with TemporaryDirectory() as folder:
        found = asyncio.run(_routing_microseconds(Path(folder), mappings, rounds))
    yield at_most(f"routing of a message in process, {mappings:,} mappings", 50, found, "µs")


async def _routing_microseconds(folder: Path, mappings: int, rounds: int) -> float:
    async with hub_in(folder) as hub_:
        ports = hub_.services.ports
        await fill(hub_, mappings)
        chosen = [message(number) for number in range(0, mappings, mappings // 1000)]
        found = []
        for _ in range(rounds):
            start = perf_counter()
            for incoming in chosen:
                table = await ports.channels.table_for(incoming)
                route = table.resolve(incoming)
                await destination_of(route, store=ports.store)
            found.append((perf_counter() - start) / len(chosen) * 1e6)
    return median(found)


def queued(waiting: int = 100_000, rounds: int = 15) -> Iterator[Figure]:
    """
    The cost of a new message on SQLite with an empty queue and with a hundred thousand waiting.
    """
    with TemporaryDirectory() as folder:
        ratio, detail = asyncio.run(_queued_ratio(Path(folder), waiting, rounds))
    yield at_most(f"message accepted with {waiting:,} queued / with none", 1.3, ratio, "x", detail)


async def _queued_ratio(folder: Path, waiting: int, rounds: int) -> tuple[float, str]:
    numbers = count()
    async with hub_in(folder / "none") as none, hub_in(folder / "many") as many:
        for hub_ in (none, many):
            await fill(hub_, _MAPPED)
        for _ in range(waiting // _CHUNK):
            await _accepted(many, numbers, _CHUNK)
        none_us, many_us, ratios = [], [], []
        for _ in range(rounds):
            none_us.append(await _accepted(none, numbers, _CHUNK))
            many_us.append(await _accepted(many, numbers, _CHUNK))
            ratios.append(many_us[-1] / none_us[-1])
    return median(ratios), f"{median(many_us):.0f} µs; {median(none_us):.0f} µs with none"


async def _accepted(hub_: Hub, numbers: Iterator[int], messages: int) -> float:
    """
    Microseconds per message for this many more messages, fifty at a time.
    """
    bodies = []
    for number in islice(numbers, messages):
        inbox = 10 + number % _TENANTS
        bodies.append(payload(number, inbox // 10, inbox))

    async def send_some(own: list[dict[str, Any]]) -> None:
        for body in own:
            receipt = await hub_.services.receive_message(
                read_event(body), SecretText(json.dumps(body)), caller=hub_.caller
            )
            assert receipt.reception is Reception.ACCEPTED, receipt

    start = perf_counter()
    await asyncio.gather(*(send_some(bodies[n::_SENDERS]) for n in range(_SENDERS)))
    return (perf_counter() - start) / messages * 1e6


def looking_again(conversations: int = 10_000, looks: int = 2000) -> Iterator[Figure]:
    """
    The look at the conversation right before an answer is posted, on SQLite, without Chatwoot.
    """
    with TemporaryDirectory() as folder:
        found = asyncio.run(_looks_ms(Path(folder), conversations, looks))
    yield at_most(
        f"second look before posting, {conversations:,} conversations known",
        1,
        median(found),
        "ms",
        f"p99 {quantiles(found, n=100)[-1]:.2f} ms",
    )


async def _looks_ms(folder: Path, conversations: int, looks: int) -> list[float]:
    async with hub_in(folder) as hub_:
        await fill(hub_, _MAPPED)
        numbers = count()
        for _ in range(looks // _CHUNK):
            await _accepted(hub_, numbers, _CHUNK)
        ports, silence = hub_.services.ports, hub_.services.deliver_message.posting.silence
        now, seen = datetime.now(UTC), Seen(status=Status.PENDING, wrote=Wrote.CUSTOMER)
        for account in range(1, 1 + _MAPPED):
            keys = [
                ConversationKey(ChatwootId(str(account)), ChatwootId(str(id_)))
                for id_ in range(1, 1 + conversations // _MAPPED)
            ]
            sightings = tuple(Sighting(key, seen, now) for key in keys)
            await ports.store.commit(Changeset(sightings=sightings))
        found = []
        for message_ in await ports.inbox.page({Stage.QUEUED}, limit=looks):
            start = perf_counter()
            why, _ = await silence.before_posting(message_, None)
            found.append((perf_counter() - start) * 1000)
            assert why is None, why
    return found


def delivering() -> Iterator[Figure]:
    """
    Messages of one tenant from the first message to the last posted answer, with the default
    capacities and a crew and a Chatwoot that answer at once, in few and in many conversations.
    """
    # An utterance of a history costs a crew's task as much as opening and reading a message.
    for history, conversations, goal in (
        (0, 10, 400),
        (0, 100, 400),
        (0, 1000, 400),
        (20, 10, 150),
    ):
        rates, costs = [], []
        for _ in range(_ROUNDS):
            with TemporaryDirectory() as text:
                rate, cost = delivery(Path(text), conversations, history)
            rates.append(rate)
            costs.append(cost)
        yield rate_of_at_least(
            f"{_DELIVERED} messages of one tenant delivered, {conversations:,} conversations, "
            f"crews told of {history} before",
            goal,
            rates,
            f"{median(costs) * 1000:.2f} ms of the server's processor each, receipt included",
        )


def resting() -> Iterator[Figure]:
    """
    Processor time of an idle server: without messages, or with messages that cannot be taken.
    """
    with TemporaryDirectory() as text, hanging_crew() as crew:
        for waiting in (0, _STUCK):
            with hub(Path(text) / str(waiting), **PRIVATE) as server:
                prepare(server, crew, tenants=1)
                if waiting:
                    stuck = [signed(n, tenants=1, conversations=waiting) for n in range(waiting)]
                    _all_answered(send(server.port, stuck, count=waiting))
                time.sleep(2)
                before = server.processor_seconds()
                time.sleep(_REST_SECONDS)
                used = (server.processor_seconds() - before) / _REST_SECONDS
                yield at_most(
                    f"processor at rest, {waiting:,} messages behind a crew that hangs",
                    2,
                    used * 100,
                    "%",
                )


def delivery(
    folder: Path, conversations: int, history: int, **environment: str
) -> tuple[float, float]:
    """
    Delivered messages per second, and the server's processor time for each.
    """
    messages = [signed(n, tenants=1, conversations=conversations) for n in range(_DELIVERED)]
    with floor("others", folder) as others:
        url = f"http://127.0.0.1:{others.port}"
        chatwoot = {
            "ODOO_AI_CONFIG_CHATWOOT_URL": url,
            "ODOO_AI_CONFIG_CHATWOOT_API_TOKEN": "token",
            "ODOO_AI_CONFIG_HISTORY_MESSAGES": str(history),
        }
        with hub(folder, **PRIVATE, **chatwoot, **environment) as server:
            # No robot talks with another one here: nobody has to be called after 20 answers.
            prepare(server, f"{url}/crew", tenants=1, answer_when={"most_answers": _PLENTY})
            before = server.processor_seconds()
            _all_answered(send(server.port, messages, count=_DELIVERED, connections=_SENDERS))
            done = {"posted": 0}
            while done["posted"] < _DELIVERED:
                time.sleep(0.05)
                with urllib.request.urlopen(url) as answer:
                    done = json.load(answer)
            cost = server.processor_seconds() - before
    return _DELIVERED / done["seconds"], cost / _DELIVERED


def _load(server: Server) -> Load:
    requests = [signed(n) for n in range(_WARM_UP + _COUNT)]
    send(server.port, requests[:_WARM_UP], count=_WARM_UP, connections=_SENDERS)
    measured = send(server.port, requests[_WARM_UP:], count=_COUNT, connections=_SENDERS)
    return _all_answered(measured)


@cache
def _recorded() -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(_FIXTURE.read_text("utf-8"))
    return payload


def payload(
    number: int, account: int, inbox: int, conversations: int = _CONVERSATIONS
) -> dict[str, Any]:
    recorded = _recorded()
    return recorded | {
        "id": number + 1,
        "account": recorded["account"] | {"id": account},
        "inbox": recorded["inbox"] | {"id": inbox},
        "conversation": recorded["conversation"] | {"id": number % conversations + 1},
    }


def signed(number: int, *, tenants: int = _TENANTS, conversations: int = _CONVERSATIONS) -> bytes:
    """
    A message as Chatwoot sends it.
    """
    message_ = payload(number, 1, number % tenants + 1, conversations)
    body = json.dumps(message_, ensure_ascii=False, separators=(",", ":")).encode()
    at = str(int(time.time()))
    digest = hmac.new(_SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "X-Chatwoot-Timestamp": at,
        "X-Chatwoot-Signature": f"sha256={digest}",
        "X-Chatwoot-Delivery": f"00000000-0000-0000-0000-{number:012d}",
    }
    return request("POST", "/webhook", headers=headers, body=body)


def prepare(
    server: Server, crew: str, *, tenants: int = _TENANTS, **rules: dict[str, Any]
) -> None:
    """
    Give each tenant an inbox, and a crew at the URL *crew* with *rules* of its document.
    """
    crews = {"default_crew": "ia", "crews": {"ia": {"type": "http", "url": crew}}, **rules}
    for tenant in range(tenants):
        account = f"account_{tenant}"
        mapping = {
            "chatwoot_account_id": 1,
            "chatwoot_inbox_id": tenant + 1,
            "internal_account_id": account,
            "domain": "retail",
        }
        credentials = {"token": "t", "name": account}
        for event in (
            {"event": "mapping_sync", "account_id": account, "mapping": mapping},
            {
                "event": "credentials_sync",
                "account_id": account,
                "domain": "retail",
                **credentials,
            },
        ):
            _call(server, "/odoo-webhook", event)
        _call(server, f"/configs/{account}/retail/crews", {"yaml_content": json.dumps(crews)})


def _call(server: Server, path: str, body: dict[str, Any]) -> None:
    call = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}",
        data=json.dumps(body).encode(),
        headers={"X-API-Key": API_KEY, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(call) as answer:
        answer.read()


@contextmanager
def hanging_crew() -> Iterator[str]:
    """
    Yield the URL of a crew that never answers.
    """
    # The kernel accepts connections, and nobody reads from them.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def _all_answered(load: Load) -> Load:
    if set(load.statuses) != {200}:
        raise RuntimeError(f"not every answer was 200: {load.statuses}")
    return load
