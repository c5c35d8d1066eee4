from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.library import open_hub
from tests.unit.entrypoints.cli.conftest import Command

NUMBER = ("--number", "(11) 98765-4321")
EVENT: JsonObject = {
    "event": "message_created",
    "id": 1,
    "content": "c4n4ry",
    "message_type": "incoming",
    "account": {"id": 1},
    "inbox": {"id": 7},
    "conversation": {"id": 301},
    "sender": {"id": 77, "phone_number": "+5511987654321"},
}


@pytest.fixture
def said(folder: Path, empty_store: None) -> None:
    async def receive() -> None:
        async with open_hub() as hub:
            await hub.sync_mapping(
                chatwoot_account_id="1",
                tenant="123456",
                special_whatsapp_numbers={"5511987654321": "boss"},
            )
            await hub.receive(dict(EVENT))

    asyncio.run(receive())


def test_person_is_found_exported_and_erased(command: Command, said: None) -> None:
    row = command("person", "find", *NUMBER).lines[1].split()
    assert row[:3] == ["123456", "1", "1"]
    told = json.loads(command("person", "find", "--contact", "1/77", "--json").out)
    assert [one["messages"] for one in told] == [1]
    [part] = json.loads(command("person", "export", *NUMBER).out)
    assert [one["content"]["text"] for one in part["messages"]] == ["c4n4ry"]

    rehearsal = command("person", "erase", *NUMBER, "--dry-run")
    assert "ensaio" in rehearsal.err
    erased = command("person", "erase", *NUMBER, "--tenant", "123456")
    assert erased.lines == rehearsal.lines
    assert "--special-numbers" in erased.err
    again = command("person", "erase", *NUMBER, "--special-numbers")
    assert again.lines[1].split()[:2] == ["123456", "0"]
    assert "Nada desta pessoa" in command("person", "find", *NUMBER).err


def test_messages_of_earlier_versions_are_indexed(command: Command, said: None) -> None:
    import sqlite3

    with sqlite3.connect("var/odoo-ai-config.db") as connection:
        connection.execute("UPDATE messages SET persons = NULL")
    assert "person index" in command("person", "find", *NUMBER).err
    assert command("person", "index").lines[0].endswith(": 1")
    assert command("person", "find", *NUMBER).lines[1].split()[1] == "1"


def test_person_has_to_be_named_once(command: Command, empty_store: None) -> None:
    for words in ((), (*NUMBER, "--identifier", "x")):
        assert command("person", "find", *words).status != 0
