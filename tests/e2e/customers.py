"""
Customers who write to shops through Chatwoot, and remember the hub's acknowledgements.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import socket
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
from attrs import define, field, frozen

from odoo_ai_config.application.messages.conversation_states import MARK
from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.messages.inbox import HUB_NOTICE
from tests.stand_ins.chatwoot import SECRET, TOKEN, ChatwootStandIn, Webhook
from tests.stand_ins.crew import CrewStandIn

_MICROSECONDS = 1_000_000
# The messages that the hub acts on, by account and Chatwoot's id.
Kept: TypeAlias = Mapping[tuple[str, str], tuple[str, str | None]]


@frozen
class Shop:
    """
    A tenant with its own Chatwoot inbox and crew.

    Args:
        crew_settings: The settings of the crew in its document, besides the address.
    """

    tenant: str
    inbox: int
    crew: CrewStandIn
    crew_settings: Mapping[str, object] = field(factory=dict)
    account: int = 1
    domain: str = "retail"

    async def open(self, client: aiohttp.ClientSession, *, mapped: bool = True) -> None:
        """
        Push its credentials and mapping as Odoo does, and publish its crew.
        """
        event = {"account_id": self.tenant, "domain": self.domain, "token": "odoo"}
        synced = {**event, "event_type": "credentials_sync", "name": self.tenant}
        await called(client, "POST", "/odoo-webhook", {**synced, "odoo_password": "senha"})
        if mapped:
            await self.be_mapped(client)
        await self.employ(client)

    async def employ(self, client: aiohttp.ClientSession) -> None:
        """
        Publish its crew; the tenant's credentials already exist.
        """
        crew: dict[str, object] = {"type": "http", "url": self.crew.url, **self.crew_settings}
        area = f"/configs/{self.tenant}/{self.domain}"
        if self.crew.secret is not None:
            crew["secret_ref"] = "crew_secret"
            change = {"credentials": {"crew_secret": self.crew.secret}}
            await called(client, "PATCH", f"{area}/credentials", change)
        # Customers of tests write faster than people.
        rules = {"most_answers": {"answers": 100, "minutes": 1}}
        yaml = f"default_crew: atendimento\ncrews:\n  atendimento: {crew}\nanswer_when: {rules}\n"
        await called(client, "POST", f"{area}/crews", {"yaml_content": yaml})

    async def be_mapped(self, client: aiohttp.ClientSession) -> None:
        """
        Push the mapping of its inbox as Odoo does.
        """
        mapping = {
            "chatwoot_account_id": self.account,
            "chatwoot_inbox_id": self.inbox,
            "internal_account_id": self.tenant,
            "domain": self.domain,
        }
        event = {"event_type": "mapping_sync", "mapping": mapping}
        await called(client, "POST", "/odoo-webhook", event)


@define
class Customer:
    """
    Somebody in a conversation with a shop, who writes one message at a time.

    Args:
        written: Chatwoot's messages, in the order in which they were written.
        acknowledged: Ids of those that the hub acknowledged.
    """

    chatwoot: ChatwootStandIn
    shop: Shop
    conversation: int
    written: list[dict[str, Any]] = field(factory=list)
    acknowledged: set[int] = field(factory=set)

    async def write(self, *webhooks: Webhook, delivery: str | None = None) -> bool:
        """
        Write another message, sent to all *webhooks* at once; return whether one acknowledged it.
        """
        message = self.chatwoot.customer_writes(
            f"Pergunta {len(self.written)} da conversa {self.conversation}",
            conversation=self.conversation,
            account=self.shop.account,
            inbox=self.shop.inbox,
            told=False,
        )
        self.written.append(message)
        statuses = await asyncio.gather(
            *(self.chatwoot.tell(message, one, delivery=delivery) for one in webhooks)
        )
        if 200 in statuses:
            self.acknowledged.add(message["id"])
        return 200 in statuses

    def posted(self) -> list[dict[str, Any]]:
        """
        The messages of the hub that reached the customer.
        """
        place = self.chatwoot.conversation(self.conversation, account=self.shop.account)
        return [
            message
            for message in place.messages
            if MARK in message["content_attributes"] and not message["private"]
        ]

    def answers(self) -> list[str]:
        """
        The shop's answers to the customer; that to a burst has a line for each message.
        """
        return [line for message in self.posted() for line in message["content"].split("\n")]

    def unanswered(self) -> int:
        """
        The number of acknowledged messages without an answer.
        """
        return len(self.acknowledged) - len(set(self.answers()))

    def broken_promises(self, kept: Kept) -> list[str]:
        """
        Everything that is wrong once the hub has nothing left to do. Crews repeat the question.
        """
        broken = []
        answers = Counter(self.answers())
        for message in self.written:
            number, text = message["id"], message["content"]
            stage, reason = kept.get((str(self.shop.account), str(number)), (None, None))
            least, most = _answers_due(stage, reason)
            if stage is None and number in self.acknowledged:
                broken.append(f"{number}: acknowledged and lost")
            if not least <= answers.pop(text, 0) <= most:
                broken.append(f"{number}: {stage} ({reason}) with another number of answers")
        broken += [f"conversation {self.conversation}: answered {text!r}" for text in answers]
        # An unacknowledged message may have been accepted at any time.
        asked = [one["content"] for one in self.written if one["id"] in self.acknowledged]
        order = [text for text in dict.fromkeys(self.answers()) if text in set(asked)]
        if order != [text for text in asked if text in set(order)]:
            broken.append(f"conversation {self.conversation}: answered out of order")
        return broken


def _answers_due(stage: str | None, reason: str | None) -> tuple[int, int]:
    match stage, reason:
        case "done", None:
            return 1, 1
        case ("dead", _) | ("done", "gathered"):
            # It may be unknown whether the post arrived, or that of the whole burst.
            return 0, 1
        case ((None | "done" | "ignored" | "unresolved"), _):
            return 0, 0
        case _:
            # Still on its way, which is a fault by itself.
            return 1, 0


def new_crew() -> CrewStandIn:
    """
    A crew that signs, and requires signatures.
    """
    return CrewStandIn(secret=f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}")


async def connect(client: aiohttp.ClientSession, chatwoot: ChatwootStandIn) -> None:
    """
    Configure the hub's access to the accounts of *chatwoot*.
    """
    access = {"base_url": chatwoot.url, "api_access_token": TOKEN, "webhook_secrets": [SECRET]}
    for account in chatwoot.accounts:
        await called(client, "PUT", f"/v1/chatwoot/accounts/{account}", access)


async def called(
    client: aiohttp.ClientSession, method: str, path: str, body: object = None
) -> Any:
    """
    The answer to a call that has to succeed.
    """
    headers = {}
    if method == "PATCH":
        headers["Content-Type"] = "application/merge-patch+json"
    async with client.request(method, path, json=body, headers=headers) as response:
        answer = await response.json()
        assert response.status == 200, answer
        return answer


def free_port() -> int:
    """
    A free port, for a server that returns to the same one.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def database_of(folder: Path) -> Path:
    return folder / "var" / "odoo-ai-config.db"


def kept_in(database: Path) -> Kept:
    """
    The stage of every message that the hub acts on, or would if no person did.
    """
    silences = [silence.value for silence in Silence]
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT account, message, stage, reason FROM messages WHERE event != ? AND"
            f" (stage != 'ignored' OR reason IN ({', '.join('?' * len(silences))}))",
            [HUB_NOTICE, *silences],
        )
        return {(account, message): (stage, reason) for account, message, stage, reason in rows}


def open_messages(database: Path) -> set[tuple[str, str]]:
    """
    Account and Chatwoot's id of the open messages.
    """
    with closing(sqlite3.connect(database)) as connection:
        return set(
            connection.execute("SELECT account, message FROM messages WHERE due_at IS NOT NULL")
        )


async def until_settled(database: Path) -> None:
    """
    Return once the hub has nothing left to do.
    """
    while open_messages(database):
        await asyncio.sleep(0.05)


def let_pass(seconds: int, database: Path) -> None:
    """
    Move due times back, as if *seconds* had passed without a hub.
    """
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE messages SET due_at = due_at - ? WHERE due_at IS NOT NULL",
            (seconds * _MICROSECONDS,),
        )


def broken_promises(customers: Iterable[Customer], database: Path) -> list[str]:
    """
    Everything that is wrong, and messages that no customer wrote.
    """
    customers = list(customers)
    kept = kept_in(database)
    written = {
        (str(one.shop.account), str(message["id"])) for one in customers for message in one.written
    }
    broken = [f"{key}: kept, and nobody wrote it" for key in kept.keys() - written]
    for customer in customers:
        broken += customer.broken_promises(kept)
    return broken
