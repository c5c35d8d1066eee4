"""
Stores that earlier versions wrote; `tests/fixtures/released` tells how they were made.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from attrs import evolve
from bson import json_util
from pymongo import MongoClient

from odoo_ai_config.adapters.sqlite.schema import _MIGRATIONS
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.channels.history import Unshown
from odoo_ai_config.entrypoints.library import Hub, open_hub
from odoo_ai_config.entrypoints.settings import read_settings
from tests.key_rings import master_key

RELEASED = Path(__file__).parents[1] / "fixtures" / "released"
SQLITE_SCHEMAS = range(1, 9)
MONGO_SCHEMAS = (1, 3, 5)
# The version of schema 3 first served what schema 2 introduced.
COLLECTIONS_AND_MESSAGES = 3
API_KEYS = {
    "sqlite_schema_1.db.gz": "oac_Ll7ypeYaVqGo_IwywFH6yIpCwgl-SOtvOyuEQgZRWuXXBFVwTpIQK2uE",
    "sqlite_schema_2.db.gz": "oac_HX3Iny3dTRps_pFh8ji7OByY3BLMY0Du8wbNxhApU9UXOry3ippvUdxo",
    "sqlite_schema_3.db.gz": "oac_AvdTQtHoo2k2_KC9cbUxh-P6wC23ZxWFRKiXYSX74vLWCrtX4h1nNbGw",
    "sqlite_schema_4.db.gz": "oac_9SLdk4PpQ3or_p0eXqDOZ-RQdtb4L9wwx3wzNVC_8AIYt4R6XDOQPAxQ",
    "sqlite_schema_5.db.gz": "oac_ywXa3cyys0zH_49SxGbjeJNjW_ii09BdG2iKr5pE4ZhaO3UREshAv5hk",
    "sqlite_schema_6.db.gz": "oac_Z0hNc3wfMUZy_F-_uwN5wGMaApmUCGQEuDHjyX_gTDiPnIP_A0t9DGSY",
    "sqlite_schema_7.db.gz": "oac_Z0hNc3wfMUZy_F-_uwN5wGMaApmUCGQEuDHjyX_gTDiPnIP_A0t9DGSY",
    "sqlite_schema_8.db.gz": "oac_B7OeuqLntVKG_-LAevrjy33zlZqupQFF7BHmvSSe3AmpyVUzNngNkK-I",
    "mongo_1.json.gz": "oac_GuKFxVYncUHw_pOiTmy4NYNikLOxM2eM5c4F5LoUf88nQG-4mm8feW0c",
    "mongo_3.json.gz": "oac_OyUuRFffx8LC_5SPrUIUjl7_sLThYO1M5guY1sUoQ3W9vp_XLlwVz7hM",
    "mongo_5.json.gz": "oac_EsUynj5B0CB1_jP65QcfrfR8TJ3dt4237roL2re4v91OxYMGub-v84SQ",
}


def test_each_released_schema_has_its_file() -> None:
    # A new schema adds the file of the one before it.
    assert max(SQLITE_SCHEMAS) >= len(_MIGRATIONS) - 1
    assert {path.name for path in RELEASED.glob("*.gz")} == set(API_KEYS)


@pytest.mark.parametrize("schema", SQLITE_SCHEMAS)
async def test_sqlite_file_of_an_earlier_version_opens(tmp_path: Path, schema: int) -> None:
    name = f"sqlite_schema_{schema}.db.gz"
    file = tmp_path / "hub.db"
    file.write_bytes(gzip.decompress((RELEASED / name).read_bytes()))

    await assert_everything_is_there(f"sqlite:///{file}", name, schema)
    # Again, after the migration.
    await assert_everything_is_there(f"sqlite:///{file}", name, schema)


@pytest.mark.parametrize("schema", MONGO_SCHEMAS)
async def test_mongodb_of_an_earlier_version_opens(mongo_uri: str, schema: int) -> None:
    name = f"mongo_{schema}.json.gz"
    with restored(mongo_uri, gzip.decompress((RELEASED / name).read_bytes())) as url:
        await assert_everything_is_there(url, name, schema)


@contextmanager
def restored(uri: str, dump: bytes) -> Iterator[str]:
    """
    The URL of a database that holds *dump*.
    """
    database = f"released_{uuid4().hex}"
    options = json_util.JSONOptions(tz_aware=True)
    server, _, query = uri.partition("?")
    with MongoClient[dict[str, object]](uri) as client:
        for name, records in json_util.loads(dump.decode(), json_options=options).items():
            if records:
                client[database][name].insert_many(records)
        try:
            yield f"{server.rstrip('/')}/{database}?{query}"
        finally:
            client.drop_database(database)


async def assert_everything_is_there(url: str, name: str, schema: int) -> None:
    ring = base64.b64encode(master_key("first").material).decode()
    settings = read_settings(flags={"store_url": url, "keyring": ring}, environment={})
    async with open_hub(settings) as hub:
        await assert_settings_are_there(hub)
        caller = await hub.services.authenticate(API_KEYS[name])
        assert caller.scopes == frozenset(Scope)
        route = await hub.route("1", "7")
        assert str(route.owner) == "account_1/retail"
        await assert_present_mapping_is_the_first_known(hub)
        if schema >= COLLECTIONS_AND_MESSAGES:
            assert await hub.collection("123456", "products_informations").item("2") == {
                "id": "2",
                "name": "Chá",
            }
            await assert_message_is_there(evolve(hub, caller=caller))


async def assert_present_mapping_is_the_first_known(hub: Hub) -> None:
    for change in await hub.mapping_history():
        before = None if change.version == 1 else Unshown.PRUNED
        assert change.change.before == before
        key = change.change.key
        present = (await hub.services.ports.channels.current((key,)))[key]
        assert change.change.after == present.mapping


async def assert_settings_are_there(hub: Hub) -> None:
    config = await hub.config("account_1", "retail")
    assert config["name"] == "Loja Exemplo"
    opened = {
        (ref, version): await hub.credential(tenant, domain, ref)
        for tenant, domain, ref, version in (
            ("123456", "default", "token_referencia", 2),
            ("account_1", "retail", "account_1-abcd1234", 1),
        )
    }
    assert {name: secret.reveal() for name, secret in opened.items()} == {
        ("token_referencia", 2): "çã😀 segunda senha",
        ("account_1-abcd1234", 1): "senha_segura",
    }
    first = await hub.document("123456", "default", "credentials", version=1)
    newest = await hub.document("123456", "default", "credentials")
    assert (first.version, newest.version) == (1, 2)
    # Known values are recognised, not sealed again.
    again = await hub.sync_credentials(
        account_id="123456",
        token="token_referencia",
        odoo_url="https://odoo.example.com",
        odoo_password="çã😀 segunda senha",
    )
    assert again.versions["credentials"] == 2


async def assert_message_is_there(hub: Hub) -> None:
    [message] = await hub.messages()
    opened = await hub.services.read_message.opened(message.id, caller=hub.caller)
    assert opened.text is not None
    assert opened.text.text == "Olá, qual o horário de funcionamento?"
