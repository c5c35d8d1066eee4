from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import pytest

from tests.unit.entrypoints.cli.conftest import Command


@pytest.fixture
def key_ids(command: Command) -> list[str]:
    """
    The ids of keys created one after the other.
    """
    made = [
        command("keys", "create", "--name", "ia", "--scope", "config:read", *bound)
        for bound in ((), ("--tenant", "123456"), ())
    ]
    return [key.out.split("_")[1] for key in made]


def test_what_was_done_last_comes_first(command: Command, key_ids: list[str]) -> None:
    heading, *rows = command("audit").lines
    assert heading.split() == ["QUANDO", "AÇÃO", "QUEM", "CLIENTE", "O", "QUÊ", "POR", "QUÊ"]
    assert [row.split()[-2] for row in rows] == key_ids[::-1]
    assert [row.split()[-3] for row in rows] == ["-", "123456", "-"]
    assert all("key_created" in row for row in rows)


def test_pages_follow_each_other(command: Command, key_ids: list[str]) -> None:
    first = command("audit", "--limit", "2")
    assert len(first.lines) == 3
    second = command("audit", *first.err.split()[-2:])
    assert [row.split()[-2] for row in second.lines[1:]] == key_ids[:1]
    assert second.err == ""


def test_trail_of_one_tenant_as_json(command: Command, key_ids: list[str]) -> None:
    (entry,) = json.loads(command("audit", "--tenant", "123456", "--json").out)
    assert (entry["tenant_id"], entry["subject"]) == ("123456", key_ids[1])


@pytest.mark.usefixtures("empty_store")
def test_empty_trail_is_said_to_be_empty(command: Command) -> None:
    ended = command("audit")
    assert (ended.status, ended.out) == (0, "")
    assert "Nenhum registro" in ended.err


@pytest.mark.parametrize(
    ("option", "text"),
    [("--limit", "0"), ("--limit", str(2**63)), ("--tenant", "a b")],
)
def test_option_that_cannot_be_is_one_line(command: Command, option: str, text: str) -> None:
    ended = command("audit", option, text)
    assert (ended.status, len(ended.err.splitlines())) == (1, 1)


def test_reason_is_told_with_what_was_done(command: Command, key_ids: list[str]) -> None:
    command("keys", "revoke", key_ids[0], "--reason", "INC-4711: vazou")
    newest = command("audit", "--limit", "1").lines[1]
    assert newest.split()[3:] == ["cli", "-", key_ids[0], "INC-4711:", "vazou"]
    refused = command("keys", "revoke", key_ids[1], "--reason", "senha=hunter2hunter2")
    assert (refused.status, len(refused.err.splitlines())) == (1, 1)
    assert "hunter2" not in refused.err


def test_trail_is_checked_and_its_end_shown(command: Command, key_ids: list[str]) -> None:
    first = command("audit", "verify")
    assert (first.status, first.err) == (
        0,
        f"Registros conferidos: {len(key_ids)}. Fim da trilha:\n",
    )
    [end] = first.lines
    command("keys", "revoke", key_ids[0])
    again = command("audit", "verify", "--known", end)
    assert (again.status, again.lines != [end]) == (0, True)


def test_changed_entry_is_named(command: Command, key_ids: list[str], folder: Path) -> None:
    [end] = command("audit", "verify").lines
    with sqlite3.connect(folder / "var" / "odoo-ai-config.db") as database:
        database.execute("UPDATE audit SET actor = 'nobody' WHERE id = 2")
    told = command("audit", "verify")
    assert (told.status, told.out) == (1, "")
    assert told.err == "Erro: O registro 2 foi alterado depois de gravado; conferem os 1 antes.\n"
    assert "falha  trilha de auditoria: o registro 2" in command("doctor").out
    with sqlite3.connect(folder / "var" / "odoo-ai-config.db") as database:
        database.execute("DELETE FROM audit WHERE id > 1")
        database.execute("UPDATE audit_end SET (number, hash) = (SELECT id, hash FROM audit)")
    assert "o chaveiro não confirma" in command("audit", "verify").err
    assert "o registro 2 falta" in command("audit", "verify", "--known", end).err.lower()
    assert len(key_ids) == 3


def test_export_can_be_checked_without_the_hub(command: Command, key_ids: list[str]) -> None:
    lines = command("audit", "export").lines
    before = "0" * 64
    for line in lines:
        entry = json.loads(line)
        told = entry.pop("hash")
        text = json.dumps([before, *entry.values()], ensure_ascii=False, separators=(",", ":"))
        before = hashlib.sha256(text.encode()).hexdigest()
        assert before == told
    assert [json.loads(line)["subject"] for line in lines] == key_ids
    assert command("audit", "export", "--after", "2").lines == lines[2:]


def test_end_that_is_none_is_refused(command: Command, key_ids: list[str]) -> None:
    ended = command("audit", "verify", "--known", "1:2")
    assert (ended.status, len(ended.err.splitlines()), len(key_ids)) == (1, 1, 3)
