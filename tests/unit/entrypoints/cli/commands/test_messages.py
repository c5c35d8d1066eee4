from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import (
    BusinessArea,
    ChatwootId,
    TenantArea,
    TenantId,
)
from odoo_ai_config.entrypoints.cli.flags import AS_SET
from odoo_ai_config.entrypoints.cli.session import OPERATOR, session
from tests.unit.entrypoints.cli.conftest import Command
from tests.unit.entrypoints.http.web_hub import fixture, having

WHATSAPP = fixture("chatwoot_message_created_whatsapp")
WRONG_STAGE = "A mensagem não está numa etapa que permita esta operação"
NOBODYS_ID = "0198b6e2-7c1f-7cc3-98f5-1a3b5c7d9e0f"


def map_account(account: str = "1", tenant: str = "acme") -> None:
    async def write() -> None:
        async with session(AS_SET) as services:
            owner = TenantArea(TenantId(tenant), BusinessArea("retail"))
            mapping = ChannelMapping(ChannelKey(ChatwootId(account), None), owner)
            await services.sync_mapping(mapping, caller=OPERATOR)

    asyncio.run(write())


def receive(*numbers: int, account: int = 1) -> list[str]:
    """
    Receive messages in separate conversations, and return their ids.
    """

    async def take() -> list[str]:
        names = []
        async with session(AS_SET) as services:
            for number in numbers:
                payload = having(WHATSAPP, number, "id")
                payload = having(payload, number, "conversation", "id")
                payload = having(payload, account, "account", "id")
                text = SecretText(json.dumps(payload))
                receipt = await services.receive_message(
                    read_event(payload), text, caller=OPERATOR
                )
                names.append(str(receipt.id))
        return names

    return asyncio.run(take())


def kill(names: Sequence[str]) -> None:
    async def write() -> None:
        async with session(AS_SET) as services:
            for message in await services.list_messages(caller=OPERATOR):
                if str(message.id) in names:
                    dead = message.dead(reason="crew_refused", at=message.updated_at)
                    await services.ports.store.commit(Changeset(messages=(dead,)))

    asyncio.run(write())


def stages(command: Command) -> dict[str, str]:
    found = json.loads(command("messages", "list", "--json").out)
    return {message["message_id"]: message["stage"] for message in found}


def audited(folder: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "var" / "odoo-ai-config.db") as database:
        return [
            row
            for row in database.execute("SELECT action, subject FROM audit ORDER BY id")
            if row[0].startswith("message_")
        ]


@pytest.mark.usefixtures("empty_store")
def test_no_message_is_said_to_be_there(command: Command) -> None:
    for arguments in (("list",), ("replay", "--stage", "dead")):
        ended = command("messages", *arguments)
        assert (ended.status, ended.out, ended.err.splitlines()[-1]) == (
            0,
            "",
            "Nenhuma mensagem.",
        )


def test_messages_are_listed_newest_first(command: Command) -> None:
    map_account()
    (queued,) = receive(1)
    (nobodys,) = receive(2, account=9)
    ended = command("messages", "list")
    heading, first, second = (line.split() for line in ended.lines)
    assert heading == [
        "MENSAGEM",
        "ETAPA",
        "MOTIVO",
        "CLIENTE",
        "ÁREA",
        "TENTATIVAS",
        "RECEBIDA",
    ]
    assert first[:6] == [nobodys, "unresolved", "no_route", "-", "-", "0"]
    assert second[:6] == [queued, "queued", "-", "acme", "retail", "0"]


def test_messages_are_listed_by_stage_and_tenant_in_pages(command: Command) -> None:
    map_account()
    map_account("2", "other")
    first, second, third = receive(1, 2, 3)
    (others,) = receive(4, account=2)
    kill([first, others])

    def listed(*arguments: str) -> list[str]:
        return [line.split()[0] for line in command("messages", "list", *arguments).lines[1:]]

    assert listed("--stage", "dead") == [others, first]
    assert listed("--stage", "dead", "--stage", "queued") == [others, third, second, first]
    assert listed("--stage", "dead", "--tenant", "acme") == [first]
    ended = command("messages", "list", "--tenant", "acme", "--limit", "2")
    assert [line.split()[0] for line in ended.lines[1:]] == [third, second]
    assert f"Há mais; continue com: --after {second}" in ended.err
    assert listed("--tenant", "acme", "--after", second) == [first]


def test_messages_are_listed_as_json_with_all_that_is_known(command: Command) -> None:
    map_account()
    (name,) = receive(1)
    (message,) = json.loads(command("messages", "list", "--json").out)
    assert (message["message_id"], message["tenant_id"]) == (name, "acme")
    assert json.loads(command("messages", "show", name).out) == message
    assert WHATSAPP["content"] not in str(message)


def test_text_is_shown_on_request_and_that_is_audited(command: Command, folder: Path) -> None:
    (name,) = receive(1)
    closed = command("messages", "show", name)
    assert WHATSAPP["content"] not in closed.out
    assert audited(folder) == []
    opened = json.loads(command("messages", "show", name, "--open").out)
    assert opened["content"]["text"] == WHATSAPP["content"]
    assert opened["answer"] is None
    assert audited(folder) == [("message_read", name)]


def test_named_messages_are_sent_on_their_way(command: Command, folder: Path) -> None:
    map_account()
    dead, queued = receive(1, 2)
    kill([dead])
    ended = command("messages", "replay", dead, queued, NOBODYS_ID)
    assert ended.status == 1
    assert [line.split(maxsplit=1) for line in ended.lines[1:]] == [
        [dead, "a caminho"],
        [queued, f"{WRONG_STAGE} (wrong_stage)"],
        [NOBODYS_ID, "Mensagem não encontrada (message_not_found)"],
    ]
    assert stages(command)[dead] == "queued"
    assert audited(folder) == [("message_replayed", dead)]


def test_stuck_messages_are_sent_on_their_way_by_stage(command: Command) -> None:
    map_account()
    names = receive(1, 2, 3, 4)
    kill(names)
    (nobodys,) = receive(5, account=9)
    ended = command("messages", "replay", "--stage", "dead", "--tenant", "acme", "--limit", "3")
    assert ended.status == 0
    assert [line.split()[0] for line in ended.lines[1:]] == names[:3]
    left = command("messages", "replay", "--stage", "unresolved", "--stage", "dead")
    assert left.status == 1
    assert [line.split(maxsplit=1)[1] for line in left.lines[1:]] == [
        "a caminho",
        "Nenhum canal mapeado a recebe (no_route)",
    ]
    assert stages(command) == dict.fromkeys(names, "queued") | {nobodys: "unresolved"}


def test_more_messages_than_a_page_holds_are_sent_on_their_way(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odoo_ai_config.application.messages.replay.MOST_AT_ONCE", 2)
    map_account()
    names = receive(1, 2, 3, 4, 5)
    kill(names)
    ended = command("messages", "replay", "--tenant", "acme", "--limit", "4")
    assert ended.status == 0
    assert [line.split()[0] for line in ended.lines[1:]] == names[:4]
    assert command("messages", "replay", "--tenant", "acme").lines[1].split()[0] == names[4]


def test_events_to_a_subscription_are_listed_and_sent_again(command: Command) -> None:
    command("subscriptions", "create", "https://crm.example.com/hub", "--outcome", "dead")
    (one,) = json.loads(command("subscriptions", "list", "--json").out)
    name = one["id"]
    command("subscriptions", "test", name)
    (event,) = stages(command)
    kill([event])
    listed = command("messages", "list", "--subscription", name)
    assert [line.split()[0] for line in listed.lines[1:]] == [event]
    assert command("messages", "replay", "--stage", "dead").lines[1:] == []
    ended = command("messages", "replay", "--subscription", name)
    assert (ended.status, ended.lines[1].split()[0]) == (0, event)


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay",),
        ("replay", "--subscription", "x"),
        ("replay", NOBODYS_ID, "--subscription", "sub_12345678"),
        ("replay", NOBODYS_ID, "--stage", "dead"),
        ("replay", NOBODYS_ID, "--tenant", "acme"),
        ("replay", "--stage", "queued"),
        ("replay", "--stage", "dead", "--limit", "0"),
        ("list", "--stage", "lost"),
        ("list", "--limit", "-1"),
        ("list", "--after", "x"),
        ("show", "x"),
        ("show", NOBODYS_ID),
        ("discard",),
        ("discard", "x", "--yes"),
    ],
)
def test_what_cannot_be_meant_is_refused(command: Command, arguments: tuple[str, ...]) -> None:
    ended = command("messages", *arguments)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.splitlines()[-1].startswith("Erro: ")


def test_messages_are_put_aside(command: Command, folder: Path) -> None:
    first, second = receive(1, 2)
    map_account()
    (queued,) = receive(3)
    ended = command("messages", "discard", first, second, queued, "--yes")
    assert ended.status == 1
    assert [line.split(maxsplit=1) for line in ended.lines[1:]] == [
        [first, "descartada"],
        [second, "descartada"],
        [queued, f"{WRONG_STAGE} (wrong_stage)"],
    ]
    assert stages(command) == {first: "discarded", second: "discarded", queued: "queued"}
    assert audited(folder) == [("message_discarded", name) for name in (first, second)]
    assert command("messages", "discard", first, "--yes").status == 0


@pytest.mark.parametrize(
    ("said", "stage", "status"),
    [
        ("s", "discarded", 0),
        ("Sim", "discarded", 0),
        ("n", "unresolved", 1),
        ("", "unresolved", 1),
    ],
)
def test_messages_are_put_aside_after_a_yes_only(
    command: Command, monkeypatch: pytest.MonkeyPatch, said: str, stage: str, status: int
) -> None:
    first, second = receive(1, 2)
    stdin = io.StringIO(f"{said}\n")
    monkeypatch.setattr(stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", stdin)
    ended = command("messages", "discard", first, second)
    assert ended.status == status
    assert "Descartar estas 2 mensagens? Ninguém as responderá. [s/N] " in ended.err
    assert set(stages(command).values()) == {stage}


def test_one_message_is_asked_about_as_one(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = receive(1)
    stdin = io.StringIO("s\n")
    monkeypatch.setattr(stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", stdin)
    ended = command("messages", "discard", name)
    assert "Descartar esta mensagem? Ninguém a responderá. [s/N] " in ended.err


def test_nothing_is_put_aside_where_nobody_can_be_asked(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = receive(1)
    monkeypatch.setattr(sys, "stdin", io.StringIO("s\n"))
    ended = command("messages", "discard", name)
    assert ended.status == 1
    assert "--yes" in ended.err
    assert stages(command) == {name: "unresolved"}
