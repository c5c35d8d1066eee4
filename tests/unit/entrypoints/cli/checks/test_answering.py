from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

import pytest

from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId
from odoo_ai_config.entrypoints.cli.flags import AS_SET
from odoo_ai_config.entrypoints.cli.session import OPERATOR, session
from tests.unit.entrypoints.cli.commands.test_messages import kill, receive
from tests.unit.entrypoints.cli.conftest import Command

URL = ("--url", "https://chatwoot.example")


@pytest.fixture
def started(command: Command) -> None:
    """
    An installation with a store and no settings for Chatwoot.
    """
    assert command("keys", "create", "--name", "first", "--scope", "admin").status == 0


def found(command: Command, subject: str) -> str:
    """
    The only result about *subject*; the run itself must succeed.
    """
    ended = command("doctor", "--port", "0")
    assert ended.status == 0, ended.out
    (line,) = [line for line in ended.lines if line[7:].startswith(f"{subject}: ")]
    return line


def set_up(
    command: Command, monkeypatch: pytest.MonkeyPatch, *tokens: str, secret: str = ""
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{secret}\n"))
    assert command("chatwoot", "set", *tokens).status == 0


def map_channels(*owners: str, active: bool = True) -> None:
    async def write() -> None:
        async with session(AS_SET) as services:
            for number, owner in enumerate(owners, start=1):
                tenant, domain = owner.split("/")
                mapping = ChannelMapping(
                    ChannelKey(ChatwootId(str(number))),
                    TenantArea(TenantId(tenant), BusinessArea(domain)),
                    active=active,
                )
                await services.sync_mapping(mapping, caller=OPERATOR)

    asyncio.run(write())


def describe_crews(command: Command, folder: Path, owner: str) -> None:
    tenant, domain = owner.split("/")
    file = folder / "in" / domain / tenant / "crews.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("crews: {echo: {type: echo}}\n")
    ended = command("import", "in")
    assert ended.status == 0, ended.err


@pytest.mark.usefixtures("started")
def test_hub_that_knows_no_chatwoot_is_told_how_to(command: Command) -> None:
    for subject in ("chatwoot", "webhook do chatwoot"):
        line = found(command, subject)
        assert line.startswith("aviso")
        assert "odoo-ai-config chatwoot set" in line


@pytest.mark.usefixtures("started")
def test_settings_for_every_account_are_enough(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_AI_CONFIG_CHATWOOT_URL", "https://chatwoot.example")
    assert found(command, "chatwoot").startswith("aviso")
    monkeypatch.setenv("ODOO_AI_CONFIG_CHATWOOT_API_TOKEN", "api-canario")
    assert found(command, "chatwoot").startswith("ok")
    assert found(command, "webhook do chatwoot").startswith("aviso")
    monkeypatch.setenv("ODOO_AI_CONFIG_CHATWOOT_SECRETS", "segredo-canario")
    assert found(command, "webhook do chatwoot").startswith("ok")


@pytest.mark.usefixtures("started")
def test_account_that_lacks_something_is_named(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(command, monkeypatch, "7", *URL, "--api-token", "--new-address", secret="api-canario")
    assert found(command, "chatwoot").startswith("ok")
    assert found(command, "webhook do chatwoot").startswith("ok")
    set_up(command, monkeypatch, "8", *URL)
    for subject in ("chatwoot", "webhook do chatwoot"):
        line = found(command, subject)
        assert line.startswith("aviso")
        assert "da conta 8:" in line
    set_up(command, monkeypatch, "--api-token", "--add-secret", secret="api-canario\nsegredo")
    for subject in ("chatwoot", "webhook do chatwoot"):
        assert found(command, subject).startswith("ok")


@pytest.mark.usefixtures("started")
def test_many_lacking_accounts_are_counted(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for account in range(1, 8):
        set_up(command, monkeypatch, str(account), *URL)
    assert "da conta 1, 2, 3, 4, 5 e mais 2:" in found(command, "chatwoot")


@pytest.mark.usefixtures("started")
def test_stuck_messages_are_counted_and_the_command_told(command: Command) -> None:
    assert found(command, "mensagens").startswith("ok")
    map_channels("acme/retail")
    kill(receive(1))
    receive(2, 3, account=9)
    line = found(command, "mensagens")
    assert line.startswith("aviso")
    assert "2 unresolved, 1 dead" in line
    assert "messages list --stage unresolved --stage dead" in line


@pytest.mark.usefixtures("started")
def test_area_with_a_channel_and_without_crews_is_named(command: Command, folder: Path) -> None:
    assert "nenhum canal" in found(command, "crews")
    map_channels("acme/retail", "beta/default")
    line = found(command, "crews")
    assert line.startswith("aviso")
    assert "acme/retail, beta/default" in line
    describe_crews(command, folder, "acme/default")
    assert "crews: beta/default ->" in found(command, "crews")
    describe_crews(command, folder, "beta/default")
    assert found(command, "crews").startswith("ok")


@pytest.mark.usefixtures("started")
def test_channel_that_is_switched_off_needs_no_crews(command: Command) -> None:
    map_channels("acme/retail", active=False)
    assert found(command, "crews").startswith("ok")


@pytest.mark.usefixtures("started")
def test_so_many_tenants_are_looked_at_and_no_more(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odoo_ai_config.entrypoints.cli.checks.answering._MOST_TENANTS", 1)
    map_channels("acme/retail", "beta/retail")
    assert "crews: acme/retail ->" in found(command, "crews")
    describe_crews(command, folder, "acme/retail")
    assert "1 clientes" in found(command, "crews")


@pytest.mark.usefixtures("started")
def test_server_without_the_chatwoot_app_is_not_asked_for_any(command: Command) -> None:
    ended = command("doctor", "--port", "0", "--apps", "config")
    assert ended.status == 0
    assert "chatwoot" not in ended.out
    assert "crews" not in ended.out
