from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from odoo_ai_config.entrypoints.library import open_hub
from tests.unit.entrypoints.cli.conftest import Command


@pytest.fixture
def pushed(folder: Path) -> None:
    async def push() -> None:
        async with open_hub() as hub:
            await hub.sync_credentials(
                account_id="loja", token="odoo", enabled_collections=["business_rules"]
            )
            products = hub.collection("loja", "products")
            await products.replace({f"{n:04}": {"id": n, "name": f"Camisa {n}"} for n in range(9)})
            await products.amend({}, removed=["0008"])

    asyncio.run(push())


def test_collections_of_a_client_are_listed(command: Command, pushed: None) -> None:
    heading, rules, products = command("collections", "loja").lines
    assert heading.split() == ["COLEÇÃO", "HABILITADA", "VERSÃO", "ITENS", "ATUALIZADA"]
    assert rules.split() == ["business_rules", "sim"]
    assert products.split()[:4] == ["products_informations", "não", "2", "8"]


def test_items_are_shown_one_a_line(command: Command, pushed: None) -> None:
    shown = [json.loads(line) for line in command("collections", "loja", "products").lines]
    assert shown == [{"id": n, "name": f"Camisa {n}"} for n in range(8)]


def test_every_page_is_shown(command: Command, folder: Path) -> None:
    async def push() -> None:
        async with open_hub() as hub:
            many = {f"{n:04}": {"id": n} for n in range(1001)}
            await hub.collection("loja", "products").replace(many)

    asyncio.run(push())
    assert len(command("collections", "loja", "products").lines) == 1001


def test_what_is_not_there_is_said(command: Command, pushed: None) -> None:
    nobody = command("collections", "ninguem")
    assert (nobody.status, nobody.out) == (0, "")
    assert "ninguem não tem coleções" in nobody.err
    missing = command("collections", "loja", "scheduling-rules")
    assert missing.status == 1
    assert "Coleção não encontrada" in missing.err
