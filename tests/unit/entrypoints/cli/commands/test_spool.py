from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from odoo_ai_config.adapters.sqlite.message_spool import open_spool
from odoo_ai_config.application.ports.message_spool import SpoolLimits
from tests.contract.test_message_spool import arrival
from tests.unit.entrypoints.cli.conftest import Command

IDS = [arrival(number).id.value for number in range(3)]


@pytest.fixture
def refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    A spool of a hub whose MongoDB is away: one arrival waits, two were refused.
    """
    monkeypatch.setenv(
        "ODOO_AI_CONFIG_STORE_URL", "mongodb://127.0.0.1:1/hub?serverSelectionTimeoutMS=50"
    )
    path = folder / "var" / "spool.db"

    async def fill() -> None:
        with open_spool(path, SpoolLimits(2**20)) as spool:
            for number in range(3):
                await spool.add(arrival(number))
            codes = {arrival(number).id: "tenant_forbidden" for number in (1, 2)}
            await spool.settle(done=[], refused=codes)

    asyncio.run(fill())
    return path


@pytest.mark.usefixtures("refused")
def test_refused_arrivals_are_listed_let_in_and_discarded_without_the_store(
    command: Command,
) -> None:
    listed = command("spool", "list")
    assert listed.status == 0
    assert [line.split()[0] for line in listed.lines[1:]] == IDS[1:]
    assert "tenant_forbidden" in listed.out
    assert "1; bytes: 3072" in listed.err
    assert command("spool", "retry", IDS[1]).out == "De volta à espera: 1.\n"
    assert command("spool", "discard", IDS[2]).out == "Apagados: 1.\n"
    listed = command("spool", "list")
    assert (listed.out, listed.status) == ("", 0)
    assert "Nada foi recusado" in listed.err
    assert "2; bytes: 2048" in listed.err


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize("action", ["retry", "discard"])
def test_only_what_was_refused_can_be_let_in_or_discarded(command: Command, action: str) -> None:
    ended = command("spool", action, IDS[0], "msg_of_nobody")
    assert (ended.status, ended.out) == (1, "")
    assert "2; veja spool list" in ended.err
    assert "waiting" not in ended.err
    assert "pelo armazenamento: 1" in command("spool", "list").err


@pytest.mark.usefixtures("folder")
def test_hub_without_a_spool_says_why(command: Command) -> None:
    ended = command("spool", "list")
    assert ended.status == 1
    assert "só com MongoDB" in ended.err


@pytest.mark.usefixtures("refused")
def test_doctor_tells_what_waits_and_what_was_refused(command: Command) -> None:
    assert found(command) == (
        "aviso  espera em disco: 1 à espera do armazenamento, 2 recusadas "
        "-> veja: odoo-ai-config spool list"
    )
    command("spool", "discard", *IDS[1:])
    assert "1 à espera do armazenamento, 0 recusadas -> o servidor as recebe" in found(command)


def test_doctor_finds_an_empty_spool_and_one_that_cannot_be_used(
    command: Command, refused: Path
) -> None:
    command("spool", "retry", *IDS[1:])

    async def empty() -> None:
        with open_spool(refused, SpoolLimits(2**20)) as spool:
            await spool.settle(done=[arrival(number).id for number in range(3)], refused={})

    asyncio.run(empty())
    assert found(command).startswith("ok     espera em disco: 0 à espera")
    refused.write_bytes(b"no database" * 1000)
    assert found(command).startswith(f"falha  espera em disco: {refused.relative_to(Path.cwd())}")


@pytest.mark.usefixtures("refused")
def test_doctor_says_nothing_about_a_spool_that_is_switched_off(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_AI_CONFIG_SPOOL_BYTES", "0")
    assert found(command) == ""


def found(command: Command) -> str:
    """
    What `doctor` says about the spool.
    """
    lines = command("doctor", "--port", "0").lines
    return "".join(line for line in lines if "espera em disco" in line)
