"""
A long test under failures: ``python -m tests.soak --minutes 20``.

Two servers over one SQLite file receive messages of six shops and are killed at random, while
crews and Chatwoot misbehave in every way and repeat events, and people take conversations over
and give them back. At the end every acknowledged message must be answered exactly once and in
order, or have the right stage, and no answer may have gone out while a person had the
conversation, as far as the hub knew; otherwise the status is 1. So it is if a danger never came.
Everything listens on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from statistics import median, quantiles

import aiohttp
from attrs import define, field, frozen

from tests.e2e.customers import (
    Customer,
    Shop,
    broken_promises,
    called,
    connect,
    database_of,
    free_port,
    kept_in,
    new_crew,
    open_messages,
)
from tests.e2e.hub_process import environment
from tests.soak.chaos import Keeper, moody, trouble
from tests.soak.people import DANGERS, ENDS, People
from tests.stand_ins.chatwoot import ChatwootStandIn, Webhook
from tests.stand_ins.crew import hangs

_MOODY_SHOPS = 4
_CUSTOMERS_PER_SHOP = 4
# The hub only looks for a posted answer among the newest twenty messages.
_MOST_OPEN = 8
_PAUSE = (0.2, 3.0)
# Mostly one message, sometimes some of them at once.
_BURSTS = (1, 1, 1, 1, 1, 1, 1, 3)
_LONG_PAUSE = (10.0, 30.0)
# Leases, pauses between attempts and missing answers all time out long before.
_LONGEST_REST = 900.0
_ATTEMPTS = "4"
_RESENDS = 40
# By then every danger has come.
_ENOUGH_MINUTES = 2


@define
class Traffic:
    """
    The writing customers, and the answers to their webhooks.

    Args:
        open: Chatwoot's ids of the open messages.
    """

    webhooks: list[Webhook]
    chance: random.Random
    seen: Counter[str] = field(factory=Counter)
    open: set[tuple[str, str]] = field(factory=set)
    stopped: bool = False

    async def watch(self, database: Path) -> None:
        """
        Update `open`.
        """
        while True:
            self.open = await asyncio.to_thread(open_messages, database)
            await asyncio.sleep(0.3)

    async def write(self, customer: Customer, pause: tuple[float, float]) -> None:
        """
        Let *customer* write until all are stopped.
        """
        while not self.stopped:
            await asyncio.sleep(self.chance.uniform(*pause))
            account = str(customer.shop.account)
            waiting = sum((account, str(one)) in self.open for one in customer.acknowledged)
            if waiting < _MOST_OPEN:
                for _ in range(self.chance.choice(_BURSTS)):
                    await self._write(customer)

    async def _write(self, customer: Customer) -> None:
        delivery = str(uuid.uuid4())
        if self.chance.random() < 0.3:
            # Two webhooks of one installation: the same message under two delivery ids.
            self.seen["told to both servers at a time"] += 1
            await customer.write(*self.webhooks)
        else:
            await customer.write(self.chance.choice(self.webhooks), delivery=delivery)
        message = customer.written[-1]
        if message["id"] not in customer.acknowledged and self.chance.random() < 0.5:
            await self._send_again(customer, delivery)
        if message["id"] not in customer.acknowledged:
            self.seen["never acknowledged"] += 1
            return
        for old in (message, self.chance.choice(customer.written)):
            if old["id"] in customer.acknowledged and self.chance.random() < 0.15:
                again = delivery if self.chance.random() < 0.5 and old is message else None
                self.seen["told again"] += 1
                way = self.chance.choice(self.webhooks)
                status = await customer.chatwoot.tell(old, way, delivery=again)
                self.seen[f"told again: {status}"] += 1

    async def _send_again(self, customer: Customer, delivery: str) -> None:
        message = customer.written[-1]
        for _ in range(_RESENDS):
            way = self.chance.choice(self.webhooks)
            if await customer.chatwoot.tell(message, way, delivery=delivery) == 200:
                customer.acknowledged.add(message["id"])
                self.seen["acknowledged when sent again"] += 1
                return
            await asyncio.sleep(0.3)


@frozen
class Soak:
    """
    The participants of one soak.
    """

    folder: Path
    chatwoot: ChatwootStandIn
    shops: list[Shop]
    keepers: list[Keeper]
    traffic: Traffic
    customers: list[Customer]
    people: People
    met: Counter[str] = field(factory=Counter)

    @property
    def database(self) -> Path:
        return database_of(self.folder)

    async def run(self, seconds: float, chance: random.Random) -> list[str]:
        """
        Run for this many *seconds*, then let the hub settle; return the faults.
        """
        keeping = [asyncio.create_task(keeper.keep()) for keeper in self.keepers]
        async with self._client() as client:
            await _reachable(client)
            await connect(client, self.chatwoot)
            unmapped = self.shops[-1]
            for shop in self.shops:
                await shop.open(client, mapped=shop is not unmapped)
            chaos = asyncio.create_task(trouble(self.chatwoot, chance, self.met))
            watching = asyncio.create_task(self.traffic.watch(self.database))
            working = asyncio.create_task(self.people.work(self.customers))
            writing = [
                asyncio.create_task(
                    self.traffic.write(one, _LONG_PAUSE if one.shop is unmapped else _PAUSE)
                )
                for one in self.customers
            ]
            # From now on none of these may end by itself.
            done, _ = await asyncio.wait(
                [*keeping, *writing, chaos, watching, working],
                timeout=seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            self.traffic.stopped = True
            for task in done:
                task.result()
            await asyncio.gather(*writing)
            for task in (chaos, watching, working):
                task.cancel()
            self.chatwoot.failures.clear()
            self.chatwoot.lost_answers = 0
            for keeper in self.keepers:
                keeper.calm.set()
            await _reachable(client)
            faults = await self._rest()
            faults += await self._unresolved(client, unmapped)
            await self.chatwoot.events_told()
        for keeper in self.keepers:
            keeper.over.set()
        await asyncio.gather(*keeping)
        return [
            *faults,
            *broken_promises(self.customers, self.database),
            *self.people.broken_promises(self.customers),
            *self.people.told_people(self.customers),
            *self._said_in_logs(),
        ]

    async def _rest(self) -> list[str]:
        started = time.monotonic()
        try:
            async with asyncio.timeout(_LONGEST_REST):
                while await asyncio.to_thread(open_messages, self.database):
                    await asyncio.sleep(0.5)
        except TimeoutError:
            return [f"still on their way: {sorted(open_messages(self.database))}"]
        self.met["seconds until nothing was open"] += round(time.monotonic() - started)
        return []

    async def _unresolved(self, client: aiohttp.ClientSession, shop: Shop) -> list[str]:
        kept = kept_in(self.database)
        reasons = Counter(reason for stage, reason in kept.values() if stage == "unresolved")
        self.met["unresolved until their mapping came"] = reasons["no_route"]
        await shop.be_mapped(client)
        behind = ""
        while True:
            replay = f"/v1/messages/replay?stage=unresolved{behind}"
            following = (await called(client, "POST", replay))["next"]
            if following is None:
                return await self._rest()
            behind = f"&after={following}"

    def _said_in_logs(self) -> list[str]:
        faults = []
        events: Counter[str] = Counter()
        for file in self.folder.glob("*/logs/*_unified_server*.log*"):
            for line in file.read_text("utf-8").splitlines():
                if "Pergunta" in line or "senha" in line:
                    faults.append(f"in the log: {line}")
                events[_event_in(line)] += 1
        if events["unexpected_error"]:
            faults.append(f"{events['unexpected_error']} unexpected errors in the log")
        for name, count in sorted(events.items()):
            if name.startswith("delivery_"):
                self.met[f"log: {name}"] = count
        return faults

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[aiohttp.ClientSession]:
        key = self.folder / "var" / "api-key"
        while not key.exists():
            await asyncio.sleep(0.1)
        url = f"http://127.0.0.1:{self.keepers[0].port}"
        headers = {"X-API-Key": key.read_text().strip()}
        async with aiohttp.ClientSession(url, headers=headers) as client:
            yield client

    def unmet(self) -> list[str]:
        """
        The dangers that did not come, without which the soak shows too little.
        """
        ends = self._ends()
        return [
            f"never met: {name}"
            for met, names in ((self.people.met, DANGERS), (ends, ENDS))
            for name in names
            if not met[name]
        ]

    def _ends(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for stage, reason in kept_in(self.database).values():
            counts[stage if reason is None else f"{stage} ({reason})"] += 1
        return counts

    def report(self) -> Iterable[str]:
        """
        The report, line by line.
        """
        written = [message for one in self.customers for message in one.written]
        acknowledged = sum(len(one.acknowledged) for one in self.customers)
        yield f"messages written: {len(written)}, acknowledged: {acknowledged}"
        yield from _table("messages by where they ended", self._ends())
        yield from _table("people", self.people.met)
        yield from _table("killed", sum((one.kills for one in self.keepers), Counter()))
        yield from _table("customers", self.traffic.seen)
        yield from _table("Chatwoot's troubles, and other figures", self.met)
        yield from _table(
            "statuses at the webhook",
            Counter(str(one.status) for one in self.chatwoot.deliveries),
        )
        yield from _table(
            "statuses of answers that came later",
            Counter(str(status) for shop in self.shops for status in shop.crew.answered_later),
        )
        taken = sorted(one.seconds for one in self.chatwoot.deliveries if one.status == 200)
        yield f"seconds to an acknowledgement: median {median(taken):.3f}, p99 {_p99(taken):.3f}"
        asked = sum(len(shop.crew.asked) for shop in self.shops)
        yield f"crews were asked {asked} times"


def _table(title: str, counts: Counter[str]) -> Iterable[str]:
    yield f"{title}:"
    for name, count in counts.most_common():
        yield f"  {name}: {count}"


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]


def _event_in(line: str) -> str:
    event = json.loads(line).get("event")
    return event if isinstance(event, str) else ""


async def _reachable(client: aiohttp.ClientSession) -> None:
    while True:
        with suppress(aiohttp.ClientError):
            async with client.get("/ready") as response:
                if response.status == 200:
                    return
        await asyncio.sleep(0.1)


@asynccontextmanager
async def _prepared(folder: Path, chance: random.Random) -> AsyncIterator[Soak]:
    ports = free_port(), free_port()
    variables = environment(
        ODOO_AI_CONFIG_PUBLIC_URL=f"http://127.0.0.1:{ports[0]}",
        ODOO_AI_CONFIG_PRIVATE_TARGETS="127.0.0.0/8",
        ODOO_AI_CONFIG_DELIVERY_ATTEMPTS=_ATTEMPTS,
        # The shortest lease that is allowed.
        ODOO_AI_CONFIG_LEASE_SECONDS="75",
        ODOO_AI_CONFIG_DATA_DIR=str(folder / "var"),
    )
    async with AsyncExitStack() as stack:
        webhooks = [Webhook(f"http://127.0.0.1:{port}/webhook") for port in ports]
        chatwoot = await stack.enter_async_context(ChatwootStandIn(slowness=0.02).open())
        # Answers come back as events of both webhooks.
        chatwoot.webhooks += webhooks
        shops = []
        for number in range(_MOODY_SHOPS + 2):
            crew = await stack.enter_async_context(new_crew().open())
            crew.then = hangs() if number == 0 else moody(crew, chance)
            settings: dict[str, object] = {"timeout_seconds": 2, "answer_within_seconds": 6}
            if number == 1:
                settings["answer_when"] = {"gather_seconds": 1}
            shops.append(Shop(f"loja-{number}", number + 1, crew, settings))
        kills: Counter[str] = Counter()
        keepers = []
        apps = ((), ("--workers", "2", "--apps", "chatwoot"))
        for name, port, arguments in zip("ab", ports, apps, strict=True):
            (folder / name).mkdir()
            keepers.append(Keeper(folder / name, arguments, variables, port, chance, kills))
        customers = [
            Customer(chatwoot, shop, 300 + number)
            for number, shop in enumerate(shops * _CUSTOMERS_PER_SHOP)
        ]
        traffic, people = Traffic(webhooks, chance), People(chatwoot, chance)
        yield Soak(folder, chatwoot, shops, keepers, traffic, customers, people)


async def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=None, help="of all random choices")
    parser.add_argument("--folder", type=Path, help="where to work; it is kept then")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{options.minutes:g} minutes in {folder}, seed {seed}", flush=True)
    chance = random.Random(seed)
    async with _prepared(folder, chance) as soak:
        faults = await soak.run(options.minutes * 60, chance)
        for line in soak.report():
            print(line)
        if options.minutes >= _ENOUGH_MINUTES:
            faults += soak.unmet()
    for fault in faults[:50]:
        print(f"FAULT: {fault}")
    print(f"{len(faults)} faults" if faults else "every promise was kept")
    if not faults and options.folder is None:
        shutil.rmtree(folder)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
