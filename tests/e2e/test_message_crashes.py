"""
kill -9 at any moment: acknowledged messages are answered once and in order.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web

from tests.e2e.customers import (
    Customer,
    Shop,
    broken_promises,
    connect,
    database_of,
    free_port,
    kept_in,
    let_pass,
    new_crew,
    until_settled,
)
from tests.e2e.hub_process import environment, serving
from tests.stand_ins.chatwoot import ChatwootStandIn, Webhook
from tests.stand_ins.crew import Asked, Behaviour, CrewStandIn, answers, fails

SHOPS = 3
CUSTOMERS = 9
# A posted answer may be behind twenty newer messages.
MOST_UNANSWERED = 10
LONG = 7200


def moody(crew: CrewStandIn, chance: random.Random) -> Behaviour:
    """
    Answer at once most of the time, else later, not now, or not at all.
    """

    async def behave(asked: Asked, request: web.Request) -> web.StreamResponse:
        later = crew.later(asked.task["text"], after=chance.random() / 10)
        behaviours = [answers(), later, fails()]
        (chosen,) = chance.choices(behaviours, weights=[8, 3, 1])
        return await chosen(asked, request)

    return behave


async def write_until_it_fails(customer: Customer, webhook: Webhook) -> None:
    while await customer.write(webhook):
        while customer.unanswered() >= MOST_UNANSWERED:
            # The test polls for an answer; the hub may be down meanwhile.
            await asyncio.sleep(0.01)


def acknowledged_by(customers: list[Customer]) -> int:
    return sum(len(customer.acknowledged) for customer in customers)


def answers_to(customers: list[Customer]) -> int:
    return sum(len(customer.answers()) for customer in customers)


@pytest.mark.parametrize(
    "rounds",
    [3, pytest.param(50, marks=[pytest.mark.long, pytest.mark.timeout(1800)])],
)
async def test_acknowledged_messages_survive_a_kill_at_any_moment_and_are_answered_once(
    rounds: int, tmp_path: Path
) -> None:
    chance = random.Random(rounds)
    port = free_port()
    variables = environment(
        ODOO_AI_CONFIG_PUBLIC_URL=f"http://127.0.0.1:{port}",
        ODOO_AI_CONFIG_PRIVATE_TARGETS="127.0.0.0/8",
    )
    database = database_of(tmp_path)
    async with AsyncExitStack() as stack:
        chatwoot = await stack.enter_async_context(ChatwootStandIn(slowness=0.05).open())
        # The answers come back as events, too.
        webhook = Webhook(f"http://127.0.0.1:{port}/webhook")
        chatwoot.webhooks.append(webhook)
        crews = [await stack.enter_async_context(new_crew().open()) for _ in range(SHOPS)]
        shops = [Shop(f"loja-{n}", n + 1, crew) for n, crew in enumerate(crews)]
        customers = [Customer(chatwoot, shops[n % SHOPS], 300 + n) for n in range(CUSTOMERS)]
        for crew in crews:
            crew.then = moody(crew, chance)
        cut_off = 0
        for round_ in range(rounds):
            with serving(tmp_path, env=variables, port=port) as hub:
                if round_ == 0:
                    async with hub.client() as client:
                        await connect(client, chatwoot)
                        for shop in shops:
                            await shop.open(client)
                enough = acknowledged_by(customers) + chance.randint(1, 40)
                tasks = [
                    asyncio.create_task(write_until_it_fails(customer, webhook))
                    for customer in customers
                ]
                while acknowledged_by(customers) < enough:
                    await asyncio.sleep(0.001)
                # Every other kill comes after Chatwoot stored a post and before it answers.
                posted = answers_to(customers)
                while round_ % 2 == 0 and answers_to(customers) == posted:
                    await asyncio.sleep(0.001)
                hub.kill()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            kept = kept_in(database)
            cut_off += sum(stage == "answered" for stage, _ in kept.values())
            # The messages of a killed worker come back.
            let_pass(LONG, database)
        # Otherwise nothing shows that an answer is not posted again.
        assert cut_off > 0
        for crew in crews:
            crew.then = answers()
        with serving(tmp_path, env=variables, port=port) as hub:
            await until_settled(database)
            await chatwoot.events_told()
            assert hub.stop() == 0
    assert broken_promises(customers, database) == []
