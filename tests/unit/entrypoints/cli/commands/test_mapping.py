from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from odoo_ai_config.application.channels.history import MOST_CHANGES
from odoo_ai_config.domain.channels.history import moment_text
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.entrypoints.library import open_hub
from tests.unit.entrypoints.cli.conftest import Command


async def fill(folder: Path, *, pruned: bool = False) -> str:
    """
    Two versions of one channel and one of another; the moment of the first version.
    """
    store = f"sqlite:///{folder}/var/odoo-ai-config.db"
    async with open_hub(store) as hub:
        await hub.sync_mapping(
            chatwoot_account_id="1",
            chatwoot_inbox_id="7",
            tenant="a",
            is_fallback=True,
            special_whatsapp_numbers={"5511987654321": "boss"},
        )
        (first,) = await hub.mapping_history()
        await hub.sync_mapping(chatwoot_account_id="1", chatwoot_inbox_id="7", tenant="b")
        await hub.sync_mapping(
            chatwoot_account_id="2", chatwoot_inbox_id="8", tenant="b", active=False
        )
        if pruned:
            policy = RetentionPolicy(keep=1)
            await hub.services.link_audit_trail()
            await hub.services.ports.store.prune(policy, now=first.at)
    return moment_text(first.at)


@pytest.fixture
def at(folder: Path) -> str:
    return asyncio.run(fill(folder))


def test_history_shows_who_changed_what(command: Command, at: str) -> None:
    heading, *rows = command("mapping", "history").lines
    assert heading.split() == ["QUANDO", "QUEM", "VERSÃO", "CANAL", "MUDANÇA", "DE", "PARA"]
    assert [row.split()[2:4] for row in rows] == [
        ["1", "channel/2/8"],
        ["2", "channel/1/7"],
        ["1", "channel/1/7"],
    ]
    assert rows[2].startswith(f"{at}  library")
    owned = ["a/default,", "reserva", "10,", "1", "número(s)"]
    assert rows[2].split()[4:] == ["incluído", "-", *owned]
    assert rows[1].split()[4:] == ["movido", *owned, "b/default"]
    assert rows[0].endswith("b/default, desligado")


def test_pages_of_the_history_follow_each_other(command: Command, at: str) -> None:
    first = command("mapping", "history", "--limit", "2")
    assert len(first.lines) == 3
    second = command("mapping", "history", *first.err.split()[-2:])
    assert len(second.lines) == 2
    assert at in second.out


def test_history_of_a_channel_or_tenant_as_json(command: Command, at: str) -> None:
    found = json.loads(command("mapping", "history", "--channel", "channel/1/7", "--json").out)
    assert [entry["version"] for entry in found] == [2, 1]
    found = json.loads(command("mapping", "history", "--tenant", "a", "--json").out)
    assert [entry["version"] for entry in found] == [2, 1]
    assert found[1]["at"] == at


def test_difference_is_shown_and_then_rolled_back(command: Command, at: str) -> None:
    shown = command("mapping", "diff", "--from", at)
    assert [row.split()[:2] for row in shown.lines[1:]] == [
        ["channel/1/7", "movido"],
        ["channel/2/8", "incluído"],
    ]
    rehearsed = command("mapping", "rollback", "--at", at, "--dry-run")
    assert "Nada foi gravado." in rehearsed.err
    done = command("mapping", "rollback", "--at", at)
    assert done.out == rehearsed.out
    assert [row.split()[:2] for row in done.lines[1:]] == [["channel/1/7", "movido"]]
    again = command("mapping", "rollback", "--at", at)
    assert (again.status, again.out) == (0, "")
    assert "Nada a mudar." in again.err
    assert "mapping_rolled_back" in command("audit").out
    none = command("mapping", "diff", "--from", at, "--to", at)
    assert "Nenhuma diferença." in none.err


@pytest.mark.usefixtures("at")
def test_only_the_first_channels_that_differ_are_shown(command: Command, folder: Path) -> None:
    (folder / "nothing").mkdir()
    channels = [
        {"account": number, "inbox": 1, "tenant": "a"} for number in range(1, MOST_CHANGES + 2)
    ]
    Path("mapping.json").write_text(json.dumps({"channels": channels}))
    assert command("import", "nothing", "--mapping-file", "mapping.json").status == 0
    difference = command("mapping", "diff", "--from", "2001-01-01T00:00:00Z")
    assert len(difference.lines) == 1 + MOST_CHANGES
    assert f"só os primeiros {MOST_CHANGES} canais" in difference.err


@pytest.mark.usefixtures("at")
def test_channel_is_rolled_back_to_a_version(command: Command) -> None:
    words = ("mapping", "rollback", "--channel", "channel/1/7", "--version", "1", "--json")
    (change,) = json.loads(command(*words).out)
    assert change["after"]["tenant"] == "a"


def test_pruned_version_is_said_to_be_pruned(command: Command, folder: Path) -> None:
    at = asyncio.run(fill(folder, pruned=True))
    assert "removida pela retenção  b/default" in command("mapping", "history").out
    refused = command("mapping", "rollback", "--at", at)
    assert (refused.status, refused.out) == (1, "")
    assert "retenção" in refused.err


@pytest.mark.usefixtures("empty_store")
def test_empty_history_is_said_to_be_empty(command: Command) -> None:
    ended = command("mapping", "history")
    assert (ended.status, ended.out) == (0, "")
    assert "Nenhuma mudança" in ended.err


@pytest.mark.usefixtures("at")
@pytest.mark.parametrize(
    "words",
    [
        ("history", "--limit", "0"),
        ("history", "--after", "x"),
        ("history", "--channel", "x"),
        ("diff", "--from", "ontem"),
        ("rollback",),
        ("rollback", "--version", "1"),
        ("rollback", "--at", "2026-04-23T19:14:20Z", "--channel", "channel/1/7", "--version", "1"),
        ("rollback", "--channel", "channel/9/9", "--version", "1"),
    ],
)
def test_words_that_cannot_be_are_one_line(command: Command, words: tuple[str, ...]) -> None:
    ended = command("mapping", *words)
    assert (ended.status, ended.out, len(ended.err.splitlines())) == (1, "", 1)
