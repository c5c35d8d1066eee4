"""
The hub on a MongoDB that is 5 ms away, there and back, against bare motor scripts.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import uuid4

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import InsertOne, UpdateOne
from pymongo.read_concern import ReadConcern

from benchmarks.figures import Figure, at_least, at_most, rate_of_at_least
from benchmarks.messages import delivery, payload
from benchmarks.mongo import URI_VARIABLE, address, writing_to
from benchmarks.processes import far, mongodb
from benchmarks.routing import hub_in
from odoo_ai_config.adapters.mongo.database import DURABLE, Client, MongoDatabase, Record
from odoo_ai_config.adapters.mongo.migration import prepare
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId
from odoo_ai_config.domain.messages.inbox import Reception

_MILLISECONDS = 5
_EVENTS = 24
_ROUNDS = 3
_MESSAGES = 128
_CONVERSATIONS = 100
# As many as a process delivers at a time.
_AT_ONCE = 64
_SEALED = 3_000
_WHERE = f"MongoDB {_MILLISECONDS} ms away"


def working() -> Iterator[Figure]:
    """
    Credentials events and the receipt of messages.

    On a real replica set also messages from their receipt to their answer.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        near = os.environ.get(URI_VARIABLE) or stack.enter_context(mongodb(folder / "server"))
        uri = stack.enter_context(far(near, _MILLISECONDS))
        yield from asyncio.run(
            writing_to(uri, folder / "events", _EVENTS, rounds=_ROUNDS, where=_WHERE)
        )
        found = median(asyncio.run(_accepted_ms(folder / "accepted", address(uri, _name()))))
        floor = median(asyncio.run(_accepted_barely_ms(uri)))
        remark = f"{found - floor:.1f} ms more than a script that sends as many commands"
        yield at_most(f"message accepted in process, {_WHERE}, p50", 25, found, "ms", remark)
        if URI_VARIABLE not in os.environ:
            # The stand-in handles one command after the other: its own time would be the figure.
            return
        rates, floors = [], []
        for round_ in range(_ROUNDS):
            floors.append(asyncio.run(_written_barely(uri)))
            store = {"ODOO_AI_CONFIG_STORE_URL": address(uri, _name())}
            rate, _ = delivery(folder / f"whole{round_}", _CONVERSATIONS, 0, **store)
            rates.append(rate)
        yield rate_of_at_least(f"messages from receipt to answer, {_WHERE}", 300, rates)
        yield at_least(
            f"messages from receipt to answer, {_WHERE} / the writes of a bare motor script",
            0.85,
            [rate / floor for rate, floor in zip(rates, floors, strict=True)],
            f"{median(rates):.0f}/s; script {median(floors):.0f}/s",
        )


def _name() -> str:
    return f"benchmark_far_{uuid4().hex[:8]}"


async def _accepted_ms(folder: Path, url: str) -> list[float]:
    async with hub_in(folder, url) as hub:
        account = ChannelMapping(
            ChannelKey(ChatwootId("1")), TenantArea(TenantId("acme"), BusinessArea())
        )
        await hub.services.sync_mapping(account, caller=hub.caller)
        found = []
        for number in range(_MESSAGES):
            # Each in a conversation in which no other one waits.
            message = payload(number, 1, 10, _MESSAGES)
            event, text = read_event(message), SecretText(json.dumps(message))
            start = perf_counter()
            receipt = await hub.services.receive_message(event, text, caller=hub.caller)
            found.append((perf_counter() - start) * 1000)
            if receipt.reception is not Reception.ACCEPTED:
                raise RuntimeError(f"the message was not accepted: {receipt}")
        # The first ones learn what is asked for, and use each record that tells the key.
        return found[_MESSAGES // 2 :]


async def _accepted_barely_ms(uri: str) -> list[float]:
    """
    Milliseconds of a script that reads one record and makes the writes of the hub.
    """
    async with _script(uri) as script:
        found = []
        for number in range(_MESSAGES):
            start = perf_counter()
            await script.look(number)
            await script.accept(number)
            found.append((perf_counter() - start) * 1000)
        return found[_MESSAGES // 2 :]


async def _written_barely(uri: str) -> float:
    """
    Messages per second of a script that makes the writes of the hub, and reads nothing.
    """
    async with _script(uri) as script:
        numbers = count()

        async def work() -> None:
            for _ in range(_MESSAGES // _AT_ONCE):
                await script.message(next(numbers))

        start = perf_counter()
        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
        return next(numbers) / (perf_counter() - start)


@asynccontextmanager
async def _script(uri: str) -> AsyncIterator[_Script]:
    client: Client = AsyncIOMotorClient(uri)
    name = _name()
    try:
        await prepare(MongoDatabase(client, name))
        yield _Script(client, name)
    finally:
        await client.drop_database(name)
        client.close()


def _text(name: str) -> Record:
    return {"fingerprint": name, "key_id": "k", "envelope": secrets.token_bytes(_SEALED)}


class _Script:
    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name

    async def look(self, number: int) -> None:
        """
        Read the mark of a message.
        """
        await self._client[self._name]["marks"].find_one({"_id": f"d/msg_{number}"})

    async def accept(self, number: int) -> None:
        """
        Store one message of a conversation of its own.
        """
        id_, conversation = f"msg_{number}", f"1/{number}"
        record = {"_id": id_, "revision": 1, "open": True, "conversation": conversation}
        text = _text(id_)
        ready = {"ready": "tenant", "due_at": number, "arrival": number, "stage": "queued"}
        holder = {"holder": {"tenant": "tenant", "domain": "default"}}
        stored = {**record, **ready, **holder, "sealed": {"body": text}}
        turn = {"$set": {"turns": number}, "$inc": {"open": 1}}
        await self._write(
            *(InsertOne({"_id": f"{kind}/{id_}"}, self._in("marks")) for kind in "dm"),
            InsertOne(stored, self._in("messages")),
            UpdateOne(
                {"_id": conversation}, turn, upsert=True, namespace=self._in("conversations")
            ),
            UpdateOne(
                {"_id": f"tenant/{number % 64}"},
                {"$inc": {"uses": 1}},
                upsert=True,
                namespace=self._in("key_uses"),
            ),
        )

    async def message(self, number: int) -> None:
        """
        One message of a conversation of its own: stored, claimed, answered, done.
        """
        await self.accept(number)
        id_, conversation = f"msg_{number}", f"1/{number}"
        place = {"_id": id_}
        messages = self._client[self._name]["messages"]
        await messages.find_one_and_update(place, {"$inc": {"revision": 1}})
        answered = {
            "$set": {"stage": "answered", "sealed.answer": _text(id_)},
            "$inc": {"revision": 1},
        }
        await self._write(
            UpdateOne(place, answered, namespace=self._in("messages")),
            InsertOne({"_id": conversation, "revision": 1}, self._in("conversation_states")),
        )
        done = {"$set": {"stage": "done", "ready": None}, "$inc": {"revision": 1}}
        await self._write(
            UpdateOne(place, done, namespace=self._in("messages")),
            UpdateOne(
                {"_id": conversation},
                {"$set": {"open": 0}},
                namespace=self._in("conversations"),
            ),
        )

    def _in(self, collection: str) -> str:
        return f"{self._name}.{collection}"

    async def _write(self, *writes: InsertOne[Record] | UpdateOne) -> None:
        async with (
            await self._client.start_session() as session,
            session.start_transaction(read_concern=ReadConcern("snapshot"), write_concern=DURABLE),
        ):
            await self._client.bulk_write([*writes], session=session)  # type: ignore[arg-type]
