from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.unit.entrypoints.cli.conftest import Command

ADDRESS = "http://SERVIDOR:PORTA/webhook/"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stdin = io.StringIO()
    monkeypatch.setattr(sys, "stdin", stdin)
    return stdin


def type_in(stdin: io.StringIO, *lines: str) -> None:
    stdin.seek(0)
    stdin.truncate()
    stdin.write("".join(f"{line}\n" for line in lines))
    stdin.seek(0)


def test_account_is_set_with_secrets_from_standard_input(
    command: Command, folder: Path, typed: io.StringIO
) -> None:
    type_in(typed, "api-canario", "segredo-canario")
    ended = command(
        "chatwoot", "set", "1", "--url", "https://chatwoot.example", "--api-token", "--add-secret"
    )
    assert ended.status == 0
    assert "conta 1:" in ended.err
    account = json.loads(ended.out)
    assert account["account_id"] == "1"
    assert account["base_url"] == "https://chatwoot.example"
    assert account["api_access_token"].startswith("sealed:")
    assert len(account["webhook_secrets"]) == 1
    assert account["webhook_tokens"] == []
    assert json.loads(command("chatwoot", "show", "1").out) == account
    assert "canario" not in ended.out + ended.err
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert all(b"canario" not in path.read_bytes() for path in files)


def test_secrets_are_added_for_a_rotation_and_removed_after_it(
    command: Command, typed: io.StringIO
) -> None:
    type_in(typed, "um", "dois", "tres")
    first = json.loads(command("chatwoot", "set", "1", "--add-secret").out)
    both = json.loads(command("chatwoot", "set", "1", "--add-secret").out)
    assert both["webhook_secrets"][:1] == first["webhook_secrets"]
    only = json.loads(command("chatwoot", "set", "1", "--add-secret", "--remove-secrets").out)
    assert len(only["webhook_secrets"]) == 1
    assert json.loads(command("chatwoot", "set", "1").out) == only


def test_new_address_is_shown_once_and_can_be_removed(command: Command) -> None:
    ended = command("chatwoot", "set", "--new-address")
    *shown, address = ended.lines
    account = json.loads("\n".join(shown))
    assert "todas as contas:" in ended.err
    assert account["account_id"] is None
    assert len(account["webhook_tokens"]) == 1
    token = address.removeprefix(ADDRESS)
    assert len(token) == 32
    assert token not in command("chatwoot", "show").out
    gone = json.loads(command("chatwoot", "set", "--remove-addresses").out)
    assert gone["webhook_tokens"] == []


def test_accounts_are_listed_after_what_holds_for_all(command: Command) -> None:
    command("chatwoot", "set", "7", "--url", "https://chatwoot.example", "--new-address")
    assert [line.split() for line in command("chatwoot", "list").lines[1:]] == [
        ["todas", "-", "não", "0", "0", "-"],
        ["7", "https://chatwoot.example", "não", "0", "1", "-"],
    ]


@pytest.mark.usefixtures("empty_store")
def test_secret_that_is_not_told_changes_nothing(command: Command, typed: io.StringIO) -> None:
    type_in(typed, "  ")
    ended = command("chatwoot", "set", "1", "--api-token")
    assert ended.status == 1
    assert "api_access_token" in ended.err
    assert len(command("chatwoot", "list").lines) == 2


def test_secret_is_asked_for_unseen_on_a_terminal(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "segredo"

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", answer)
    assert command("chatwoot", "set", "1", "--add-secret").status == 0
    assert asked == ["Segredo da assinatura: "]


@pytest.mark.parametrize("account", ["Conta", "a b"])
def test_account_that_chatwoot_cannot_have_is_refused(command: Command, account: str) -> None:
    ended = command("chatwoot", "set", account, "--url", "https://chatwoot.example")
    assert ended.status == 1
    assert ended.err.startswith("Erro: ")


def test_invalid_address_is_refused(command: Command) -> None:
    ended = command("chatwoot", "set", "--url", "chatwoot.example")
    assert ended.status == 1
    assert "https://" in ended.err


def test_bot_of_an_account_is_told_and_stays(command: Command) -> None:
    for flag, agent_bot, shown in (("--agent-bot", True, "sim"), ("--no-agent-bot", False, "não")):
        assert json.loads(command("chatwoot", "set", "7", flag).out)["agent_bot"] is agent_bot
        assert json.loads(command("chatwoot", "set", "7").out)["agent_bot"] is agent_bot
        assert command("chatwoot", "list").lines[-1].split()[-1] == shown
