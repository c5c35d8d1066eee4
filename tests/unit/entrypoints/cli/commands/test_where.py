from __future__ import annotations

import json
from pathlib import Path

import pytest

from odoo_ai_config.application.errors import InvalidKeyRingError, MasterKeyMissingError
from odoo_ai_config.entrypoints.library import open_hub
from tests.unit.entrypoints.cli.conftest import Command


def places(command: Command, *tokens: str) -> dict[str, list[str]]:
    ended = command("where", "--json", *tokens)
    assert ended.status == 0
    return {one["what"]: [one["place"], one["state"]] for one in json.loads(ended.out)}


def test_where_tells_what_is_used_and_makes_nothing(
    command_alone: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_AI_CONFIG_API_KEY", "uma-chave-bem-comprida")
    (folder / ".env").write_text("ODOO_AI_CONFIG_LOG_DIR=elsewhere\n")
    found = places(command_alone)
    data = folder / "var"
    assert found["armazenamento"] == [str(data / "odoo-ai-config.db"), "não existe"]
    assert found["pasta de dados"] == [str(data), "não existe"]
    assert found["chaveiro"] == [str(data / "keyring.json"), "não existe"]
    assert found["pasta de logs"] == [str(folder / "elsewhere"), "não existe"]
    assert found[".env"] == [str(folder / ".env"), "existe"]
    assert [path.name for path in folder.iterdir()] == [".env"]
    rows = command_alone("where").lines
    assert any(line.split()[1:] == ["ODOO_AI_CONFIG_API_KEY", "ambiente"] for line in rows)
    assert any(line.split()[1:] == ["ODOO_AI_CONFIG_LOG_DIR", ".env"] for line in rows)
    assert "uma-chave" not in "".join(rows)


def test_where_shows_no_password_of_the_store(command_alone: Command, folder: Path) -> None:
    url = "mongodb://hub:senha@a.example:27017,b.example/oac?replicaSet=rs0"
    (folder / "hub.yaml").write_text(f"store_url: {url}\n")
    found = places(command_alone, "--config", "hub.yaml")
    assert found["armazenamento"] == ["mongodb://a.example:27017,b.example/oac", ""]
    assert found["espera em disco"] == [str(folder / "var" / "spool.db"), "não existe"]
    assert found["arquivo de configuração"] == [str(folder / "hub.yaml"), "existe"]


def test_where_names_the_current_key_and_a_ring_that_is_damaged(
    command: Command, folder: Path
) -> None:
    ring = folder / "var" / "keyring.json"
    current = json.loads(ring.read_text())["current"]
    assert places(command)["chaveiro"] == [str(ring), f"chave atual {current}"]
    ring.write_text("{}")
    assert places(command)["chaveiro"] == [str(ring), "não pode ser usado"]


def test_init_makes_a_store_once(command_alone: Command, folder: Path) -> None:
    made = command_alone("init")
    assert made.status == 0
    key = next(line for line in made.lines if line.startswith("oac_"))
    assert (folder / "var" / "api-key").read_text().strip() == key
    token = (folder / "var" / "chatwoot-token").read_text().strip()
    assert token not in made.out
    assert made.lines[-1] == f"Armazenamento pronto: {folder}/var/odoo-ai-config.db"
    again = command_alone("init")
    assert (again.status, len(again.lines)) == (0, 1)
    assert len(command_alone("keys", "list").lines) == 2


def test_file_of_a_server_is_opened_with_the_key_ring_beside_it(
    command_alone: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_alone("init")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    url = f"sqlite:///{folder}/var/odoo-ai-config.db"
    found = places(command_alone, "--store-url", url)
    assert found["pasta de dados"] == [str(folder / "var"), "existe"]
    made = command_alone("keys", "create", "--name", "x", "--scope", "admin", "--store-url", url)
    assert made.status == 0
    assert list((folder / "elsewhere").iterdir()) == []


async def test_library_opens_the_file_of_a_server_or_says_what_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "hub").mkdir()
    monkeypatch.chdir(folder / "hub")
    async with open_hub() as hub:
        await hub.sync_credentials(account_id="acme", token="t", odoo_password="senha")
    (folder / "crm").mkdir()
    monkeypatch.chdir(folder / "crm")
    url = f"sqlite:///{folder}/hub/var/odoo-ai-config.db"
    async with open_hub(url) as hub:
        assert (await hub.credential("acme", "default", "t")).reveal() == "senha"
    assert list((folder / "crm").iterdir()) == []

    (folder / "hub" / "var" / "keyring.json").rename(folder / "keyring.json")
    with pytest.raises(MasterKeyMissingError) as missing:
        async with open_hub(url):
            pass
    assert f"{folder}/crm/var/keyring.json" in str(missing.value)
    assert "data_dir" in str(missing.value)
    assert not isinstance(missing.value, InvalidKeyRingError)
