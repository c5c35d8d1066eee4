"""
When nobody can answer a customer, people in Chatwoot learn of it, and what was missed is received.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.e2e.customers import Shop, connect, new_crew
from tests.e2e.hub_process import environment, run, serving
from tests.stand_ins.chatwoot import (
    BOT_TOKEN,
    TOKEN,
    ChatwootStandIn,
    Conversation,
    Webhook,
)
from tests.stand_ins.crew import answers, replies

LABEL = "ia-sem-resposta"


def an_hour_ago() -> str:
    return (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")


async def until_labelled(places: list[Conversation]) -> None:
    while any(LABEL not in place.labels for place in places):
        await asyncio.sleep(0.05)


async def test_two_processes_tell_people_once(tmp_path: Path) -> None:
    env = environment(ODOO_AI_CONFIG_PRIVATE_TARGETS="127.0.0.0/8")
    async with ChatwootStandIn().open() as chatwoot, new_crew().open() as crew:
        with serving(tmp_path, env=env) as one, serving(tmp_path, env=env):
            async with one.client() as client:
                shop = Shop("acme", 7, crew)
                await shop.open(client)
                await connect(client, chatwoot)
                # The crew cannot answer this: it refuses the message for good.
                crew.then = replies(422)
                chatwoot.webhooks.append(Webhook(f"{one.url}/webhook"))
                places = [chatwoot.conversation(number) for number in (301, 302)]
                for place in places:
                    place.status = "pending"
                    for number in range(3):
                        chatwoot.customer_writes(f"Oi {number}", conversation=place.id)
                await until_labelled(places)
                # Somebody has looked again by then.
                places.append(chatwoot.conversation(303))
                places[-1].status = "pending"
                chatwoot.customer_writes("Oi", conversation=303)
                await until_labelled(places)
                for place in places:
                    while place.status != "open":
                        await asyncio.sleep(0.05)
                    assert place.sent == []
                    assert len(place.notes) == 1
                    assert "recusou a mensagem" in place.notes[0]


async def test_messages_of_an_outage_are_caught_up_with(tmp_path: Path) -> None:
    env = environment(ODOO_AI_CONFIG_PRIVATE_TARGETS="127.0.0.0/8")
    async with ChatwootStandIn().open() as chatwoot, new_crew().open() as crew:
        with serving(tmp_path, env=env) as hub:
            async with hub.client() as client:
                await Shop("acme", 7, crew).open(client)
                await connect(client, chatwoot)
            crew.then = answers("Das 9h às 18h.")
            place = chatwoot.conversation(301)
            place.status = "pending"
            for number in range(3):
                chatwoot.customer_writes(f"Oi {number}", told=False)
            chatwoot.bots = {TOKEN}
            command = ("chatwoot", "catch-up", "1", "--since", an_hour_ago())
            refused = await asyncio.to_thread(run, tmp_path, *command, env=env)
            assert refused.returncode == 1
            assert "agente" in refused.stderr
            chatwoot.bots = {BOT_TOKEN}
            counted = await asyncio.to_thread(run, tmp_path, *command, "--dry-run", env=env)
            assert counted.stdout == "Mensagens de clientes que não chegaram: 3\n", counted.stderr
            received = await asyncio.to_thread(run, tmp_path, *command, env=env)
            assert received.stdout == "Recebidas para a IA: 3; não são para ela: 0\n"
            while len(place.sent) < 3:
                await asyncio.sleep(0.05)
            again = await asyncio.to_thread(run, tmp_path, *command, env=env)
            assert again.stdout == "Recebidas para a IA: 0; não são para ela: 0\n"
            asked = [one.task["text"] for one in crew.asked]
            assert asked == ["Oi 0", "Oi 1", "Oi 2"]


async def test_start_catches_up_where_it_is_asked_for(tmp_path: Path) -> None:
    env = environment(ODOO_AI_CONFIG_PRIVATE_TARGETS="127.0.0.0/8")
    async with ChatwootStandIn().open() as chatwoot, new_crew().open() as crew:
        crew.then = answers("Das 9h às 18h.")
        with serving(tmp_path, env=env) as hub:
            async with hub.client() as client:
                await Shop("acme", 7, crew).open(client)
                await connect(client, chatwoot)
        chatwoot.conversation(301).status = "pending"
        chatwoot.customer_writes("Oi", told=False)
        with serving(tmp_path, env=env | {"ODOO_AI_CONFIG_CATCH_UP_MINUTES": "60"}):
            while not chatwoot.conversation(301).sent:
                await asyncio.sleep(0.05)


def test_time_of_a_catch_up_needs_its_zone(tmp_path: Path) -> None:
    for time in ("2026-11-29T10:00", "ontem", "0001-01-01T00:00+14:00"):
        refused = run(tmp_path, "chatwoot", "catch-up", "1", "--since", time)
        assert refused.returncode == 1
        assert "--since" in refused.stderr
        assert "Traceback" not in refused.stderr
