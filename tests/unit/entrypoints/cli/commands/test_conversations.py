from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from odoo_ai_config.application.documents.writing import DocumentWrite
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.conversations.state import (
    ConversationKey,
    Seen,
    Sighting,
    Status,
    Wrote,
)
from odoo_ai_config.domain.identifiers import CREWS, ChatwootId
from odoo_ai_config.entrypoints.cli.flags import AS_SET
from odoo_ai_config.entrypoints.cli.session import OPERATOR, session
from tests.contract.samples import owner
from tests.unit.entrypoints.cli.commands.test_messages import map_account
from tests.unit.entrypoints.cli.conftest import Command

UNTIL = "2099-12-01T09:00:00-03:00"


@pytest.fixture
def acme(folder: Path, empty_store: None) -> None:
    """
    A client with an account and two conversations.
    """
    map_account()

    async def see() -> None:
        async with session(AS_SET) as services:
            crews = DocumentWrite(owner("acme", "retail").document(CREWS), OPERATOR)
            text = "default_crew: eco\ncrews: {eco: {type: echo}}\n"
            await services.publish_document(crews, text=text)
            for id_, seen in (
                ("301", {"status": Status.PENDING, "wrote": Wrote.CUSTOMER}),
                ("302", {"status": Status.OPEN, "assignee": ChatwootId("3"), "team": "vendas"}),
            ):
                key = ConversationKey(ChatwootId("1"), ChatwootId(id_))
                said = Seen(owner=owner("acme", "retail"), **seen)
                sighting = Sighting(key, said, services.pause_tenant.clock.now())
                await services.ports.store.commit(Changeset(sightings=(sighting,)))

    asyncio.run(see())


def audited(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "var" / "odoo-ai-config.db") as database:
        found = [action for (action,) in database.execute("SELECT action FROM audit ORDER BY id")]
    return [action for action in found if action.endswith(("_paused", "_resumed"))]


def shown(command: Command, name: str) -> tuple[Any, str]:
    ended = command("conversations", "show", name)
    assert ended.status == 0
    return json.loads(ended.out), ended.err


@pytest.mark.usefixtures("acme")
def test_conversations_are_listed(command: Command) -> None:
    heading, first, second = command("conversations", "list").lines
    assert heading.split()[:3] == ["CONVERSA", "CLIENTE", "STATUS"]
    assert first.split() == ["1/301", "acme", "pendente", "-", "-", "cliente", "-"]
    assert second.split() == ["1/302", "acme", "aberta", "3", "vendas", "-", "-"]
    page = command("conversations", "list", "--limit", "1")
    assert "--after 1/301" in page.err
    rest = command("conversations", "list", "--after", "1/301", "--json")
    assert [one["conversation_id"] for one in json.loads(rest.out)] == ["302"]
    assert command("conversations", "list", "--tenant", "other").err == "Nenhuma conversa.\n"


@pytest.mark.usefixtures("acme")
def test_conversation_is_shown_with_the_reason_of_its_silence(command: Command) -> None:
    state, told = shown(command, "1/302")
    assert state["answering"]["reason"] == "human_has_it"
    assert told == "A IA não responderia: A conversa está atribuída a uma pessoa.\n"
    _, told = shown(command, "1/301")
    assert told == "A IA responderia.\n"


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("group", "name", "where"),
    [
        ("conversations", "1/301", "conversa 1/301"),
        ("channels", "1/7", "canal 1/7, cliente acme"),
    ],
)
def test_pause_begins_and_ends(
    command: Command, folder: Path, group: str, name: str, where: str
) -> None:
    paused = command(group, "pause", name, "--until", UNTIL)
    assert paused.out == f"Em pausa: {where}, até 2099-12-01 12:00:00Z, por cli\n"
    assert command(group, "pause", name).out == f"Em pausa: {where}, sem prazo, por cli\n"
    if group == "conversations":
        assert "sem prazo, por cli" in command("conversations", "list").out
        state, _ = shown(command, name)
        assert state["answering"]["reason"] == "paused"
    assert command(group, "resume", name).out == f"Sem pausa: {where}\n"
    assert audited(folder) == [
        f"{group[:-1]}_paused",
        f"{group[:-1]}_paused",
        f"{group[:-1]}_resumed",
    ]


@pytest.mark.usefixtures("acme")
def test_client_is_paused_and_listed_as_ever(command: Command) -> None:
    assert (
        command("tenants", "pause", "acme").out == "Em pausa: cliente acme, sem prazo, por cli\n"
    )
    assert shown(command, "1/301")[1] == "A IA não responderia: A IA está em pausa.\n"
    listed = [line.split()[:3] for line in command("tenants").lines[1:]]
    assert listed == [["acme", "default", "pauses"], ["acme", "retail", "crews"]]
    assert command("tenants", "resume", "acme").out == "Sem pausa: cliente acme\n"
    nobody = command("tenants", "pause", "nobody")
    assert (nobody.status, nobody.err) == (1, "Erro: Cliente não encontrado.\n")


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (("conversations", "show", "301"), "conversa como 1/301"),
        (("conversations", "pause", "1/999"), "O hub não conhece esta conversa"),
        (("conversations", "pause", "1/301", "--until", "amanhã"), "until deve ser data e hora"),
        (("channels", "pause", "7"), "canais como 1/7"),
        (("channels", "resume", "9/7"), "Mapeamento não encontrado"),
        (("conversations", "pause", "1/301", "--until", "2001-01-01T00:00:00Z"), "futuro"),
    ],
)
def test_wrong_name_or_time_is_refused_in_words(
    command: Command, tokens: tuple[str, ...], text: str
) -> None:
    ended = command(*tokens)
    assert ended.status == 1
    assert text in ended.err
