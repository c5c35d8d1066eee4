"""
A store that is restored from a backup.
"""

from __future__ import annotations

import importlib.util
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pymongo
import pytest

from odoo_ai_config.entrypoints.library import open_hub
from odoo_ai_config.entrypoints.settings import read_settings
from tests.e2e.hub_process import HubProcess, environment, run, serving
from tests.mongo_server import mongo_uri
from tests.unit.application.messages.deliveries import payload

__all__ = ["mongo_uri"]

ADDON_CLIENT = Path(__file__).parents[2] / "odoo_addons" / "odoo_ai_config" / "hub_client.py"
# More than one transaction holds back.
MESSAGES = 101
CREWS = "default_crew: sales\ncrews: {sales: {type: http, url: 'https://crew.invalid/'}}"


def backup_of_file(folder: Path) -> Callable[[], None]:
    """
    Make a backup as docs/operations.md says, and return a function that restores it.
    """
    database, copy = folder / "var" / "odoo-ai-config.db", folder / "copy.db"
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)

    def restore() -> None:
        for suffix in ("-wal", "-shm"):
            Path(f"{database}{suffix}").unlink(missing_ok=True)
        database.write_bytes(copy.read_bytes())

    return restore


def backup_of_database(url: str) -> Callable[[], None]:
    with pymongo.MongoClient[dict[str, Any]](url) as client:
        database = client.get_default_database()
        copy = {name: list(database[name].find()) for name in database.list_collection_names()}

    def restore() -> None:
        with pymongo.MongoClient[dict[str, Any]](url) as client:
            database = client.get_default_database()
            for name in database.list_collection_names():
                database[name].delete_many({})
                if copy.get(name):
                    database[name].insert_many(copy[name])

    return restore


def told(folder: Path, env: dict[str, str], *command: str) -> Any:
    finished = run(folder, *command, "--json", env=env)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


async def status_with(hub: HubProcess, key: str) -> int:
    async with (
        hub.client(force_close=True) as client,
        client.get("/v1/tenants", headers={"X-API-Key": key}) as response,
    ):
        return response.status


async def messages_in_store(folder: Path, env: dict[str, str]) -> None:
    settings = read_settings(environment=env, flags={"data_dir": str(folder / "var")})
    async with open_hub(settings) as hub:
        await hub.sync_mapping(chatwoot_account_id="1", tenant="acme")
        await hub.publish("acme", "default", "crews", CREWS)
        for number in range(1, MESSAGES + 1):
            await hub.receive(payload(number))


@pytest.mark.parametrize(
    ("technology", "more"),
    [("sqlite", ()), ("sqlite", ("--workers", "2")), ("mongodb", ())],
    ids=["sqlite", "workers", "mongodb"],
)
async def test_restored_store_brings_back_no_revoked_key_and_sends_no_message(
    technology: str, more: tuple[str, ...], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    env = environment()
    url = ""
    if technology == "mongodb":
        server: str = request.getfixturevalue("mongo_uri")
        url = urlsplit(server)._replace(path=f"/e2e_{uuid4().hex}").geturl()
        env = environment(ODOO_AI_CONFIG_STORE_URL=url)
    with serving(tmp_path, "--apps", "config", env=env) as hub:
        created = run(
            tmp_path, "keys", "create", "--name", "crm", "--scope", "config:read", env=env
        )
        key = created.stdout.strip()
        assert await status_with(hub, key) == 200
        assert hub.stop() == 0
    await messages_in_store(tmp_path, env)
    restore = backup_of_database(url) if url else backup_of_file(tmp_path)
    assert run(tmp_path, "keys", "revoke", key.split("_")[1], env=env).returncode == 0

    restore()

    with serving(tmp_path, "--restored", *more, env=env) as hub:
        assert any("1 ID(s) revogado(s)" in line for line in hub.printed)
        assert not any(line.startswith("Aviso") for line in hub.printed)
        assert await status_with(hub, key) == 401
        assert await status_with(hub, hub.api_key) == 200
        held = told(tmp_path, env, "messages", "list", "--stage", "dead", "--limit", "200")
        assert [message["reason"] for message in held] == ["restored"] * MESSAGES
        # The start also makes what Chatwoot needs.
        entries = [
            (entry["action"], entry["actor"])
            for entry in told(tmp_path, env, "audit")
            if entry["action"] != "document_changed"
        ]
        assert entries[:2] == [
            ("store_restored", "startup"),
            ("key_revoked", "startup"),
        ]
        assert hub.stop() == 0

    # Without the option the messages are sent, but the key stays revoked all the same.
    restore()
    with serving(tmp_path, "--apps", "config", env=env) as hub:
        assert await status_with(hub, key) == 401
        assert told(tmp_path, env, "messages", "list", "--stage", "dead") == []
        assert hub.stop() == 0

    # The list of revoked keys is lost, and the start says so.
    restore()
    (tmp_path / "var" / "revoked-keys").write_text("")
    with serving(tmp_path, "--restored", *more, env=env) as hub:
        assert any("0 ID(s) revogado(s)" in line for line in hub.printed)
        assert any(line.startswith("Aviso") and "keys revoke" in line for line in hub.printed)
        assert hub.stop() == 0


class Odoo:
    """
    What the add-on does: it sends events by its own client, and keeps what was acknowledged.
    """

    def __init__(self, hub: HubProcess) -> None:
        client = import_file(ADDON_CLIENT)
        self.client = client.HubClient(hub.url, hub.api_key)
        self.known: dict[str, Any] = {"tenant_id": "acme", "domain": "default", "mappings": []}

    def send(self, event: dict[str, Any], message_id: str) -> dict[str, Any]:
        outcome = self.client.send(event, message_id)
        assert outcome.accepted, outcome
        answer: dict[str, Any] = outcome.answer
        self.known |= {
            name: value
            for name, value in answer.items()
            if name.endswith(("_version", "_digest")) and not name.startswith("mapping")
        }
        return answer

    def credentials(self, password: str, message_id: str) -> dict[str, Any]:
        event = {"event_type": "credentials_sync", "account_id": "acme", "token": "t"}
        return self.send(event | {"odoo_password": password}, message_id)

    def company(self, name: str, message_id: str) -> dict[str, Any]:
        event = {"event_type": "company_metadata_sync", "account_id": "acme", "name": name}
        return self.send(event, message_id)

    def channel(self, inbox: int, message_id: str, *, deleted: bool = False) -> None:
        address = {"chatwoot_account_id": 1, "chatwoot_inbox_id": inbox}
        mapping = address | {"internal_account_id": "acme", "domain": "default"}
        event = "mapping_delete" if deleted else "mapping_sync"
        answer = self.send({"event_type": event, "mapping": mapping}, message_id)
        others = [one for one in self.known["mappings"] if one["chatwoot_inbox_id"] != inbox]
        acknowledged = address | {
            "version": answer["mapping_version"],
            "digest": answer["mapping_digest"],
        }
        self.known["mappings"] = others if deleted else [*others, acknowledged]

    def standing(self) -> dict[str, str]:
        """
        What the hub says of everything that it acknowledged, and of what it should not have.
        """
        outcome = self.client.reconcile([self.known])
        assert outcome.accepted, outcome
        (entry,) = outcome.answer["entries"]
        return {
            **{one["config_type"]: one["status"] for one in entry["documents"]},
            **{f"inbox {one['chatwoot_inbox_id']}": one["status"] for one in entry["mappings"]},
            **{
                f"inbox {one['chatwoot_inbox_id']}": "unknown"
                for one in outcome.answer["unknown"]["mappings"]
            },
        }


def import_file(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("technology", ["sqlite", "mongodb"])
async def test_restored_backup_and_odoo_converge_by_the_addons_comparison(
    technology: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    target = f"sqlite:///{tmp_path}/restored.db"
    if technology == "mongodb":
        server: str = request.getfixturevalue("mongo_uri")
        target = urlsplit(server)._replace(path=f"/e2e_{uuid4().hex}").geturl()
    with serving(tmp_path, "--apps", "config") as hub:
        odoo = Odoo(hub)
        odoo.credentials("antes", "m-1")
        company = odoo.company("Loja", "m-2")
        odoo.channel(7, "m-3")
        odoo.channel(8, "m-4")
        assert run(tmp_path, "backup", "hub.backup").returncode == 0
        odoo.credentials("depois", "m-5")
        odoo.channel(9, "m-6")
        odoo.channel(8, "m-7", deleted=True)
        assert set(odoo.standing().values()) == {"equal"}
        known = odoo.known
        assert hub.stop() == 0

    assert run(tmp_path, "restore", "hub.backup", "--to", target).returncode == 0

    with serving(
        tmp_path, "--apps", "config", env=environment(ODOO_AI_CONFIG_STORE_URL=target)
    ) as hub:
        odoo = Odoo(hub)
        odoo.known = known
        assert odoo.standing() == {
            "config": "equal",
            "credentials": "missing",
            "metadata": "equal",
            "inbox 7": "equal",
            "inbox 8": "unknown",
            "inbox 9": "missing",
        }
        # An event from before is acknowledged as it was then, and changes nothing.
        assert odoo.company("Loja", "m-2") == company
        # One that was lost is news, also under the id that the lost store had recorded.
        odoo.credentials("depois", "m-5")
        odoo.channel(9, "m-8")
        odoo.channel(8, "m-9", deleted=True)
        assert set(odoo.standing().values()) == {"equal"}
        assert hub.stop() == 0
    flags = {"data_dir": str(tmp_path / "var"), "store_url": target}
    async with open_hub(read_settings(environment=environment(), flags=flags)) as library:
        assert (await library.credential("acme", "default", "t")).reveal() == "depois"
