"""
The program on MongoDB: the same as on a file, but for the URL.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from pymongo import MongoClient

from tests.e2e.hub_process import environment, run, serving
from tests.e2e.load import Writer
from tests.mongo_server import mongo_uri

__all__ = ["mongo_uri"]


async def test_workers_and_the_command_line_share_a_replica_set(
    mongo_uri: str, tmp_path: Path
) -> None:
    store = urlsplit(mongo_uri)._replace(path=f"/e2e_{uuid4().hex}").geturl()
    env = environment(ODOO_AI_CONFIG_STORE_URL=store)
    with serving(tmp_path, "--workers", "2", env=env) as hub:
        writer = Writer("a")
        async with hub.client(force_close=True) as client:
            for number in range(1, 4):
                await writer.write(client)
                assert await writer.stored(client) == number
        listed = run(tmp_path, "history", "a", env=env)
        assert listed.returncode == 0, listed.stderr
        assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == ["3", "2", "1"]
        assert run(tmp_path, "doctor", "--port", "0", env=env).returncode == 0
        assert hub.stop() == 0
    assert not (tmp_path / "var" / "odoo-ai-config.db").exists()


def test_missing_index_is_told_by_doctor_and_built_by_migrate(
    mongo_uri: str, tmp_path: Path
) -> None:
    name = f"e2e_{uuid4().hex}"
    store = urlsplit(mongo_uri)._replace(path=f"/{name}").geturl()
    env = environment(ODOO_AI_CONFIG_STORE_URL=store)
    made = run(tmp_path, "init", env=env)
    assert made.returncode == 0, made.stderr
    with MongoClient[Any](mongo_uri) as client:
        client[name]["documents"].drop_index("of_tenant")
        told = run(tmp_path, "doctor", "--port", "0", env=env)
        assert "faltam índices: documents.of_tenant" in told.stdout
        assert "older_schema" in told.stdout
        refused = run(tmp_path, "tenants", env=env)
        assert (refused.returncode, "older_schema" in refused.stderr) == (1, True)
        built = run(tmp_path, "migrate", env=env)
        assert built.stderr.splitlines() == ["documents: índices of_tenant (2 registros)"]
        assert "of_tenant" in client[name]["documents"].index_information()
        told = run(tmp_path, "doctor", "--port", "0", env=env)
        assert "older_schema" not in told.stdout
        client.drop_database(name)
