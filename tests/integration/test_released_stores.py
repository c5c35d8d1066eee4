"""
Stores that earlier versions wrote; `tests/fixtures/released` tells how they were made.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest
from attrs import evolve, frozen
from bson import json_util
from dependency_injector import providers
from pymongo import MongoClient

from odoo_ai_config.adapters.sqlite.schema import _MIGRATIONS
from odoo_ai_config.application.messages.conversation_states import MARK
from odoo_ai_config.application.messages.reading import OpenedMessage
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.changes import AuditAction
from odoo_ai_config.domain.channels.history import Unshown
from odoo_ai_config.domain.chatwoot import ChatwootChange
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.inbox import InboxMessage, Stage
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.library import IN_PROCESS, Hub, open_hub
from odoo_ai_config.entrypoints.settings import Settings, read_settings
from odoo_ai_config.entrypoints.startup import opened
from tests.key_rings import master_key
from tests.stand_ins.chatwoot import TOKEN, ChatwootStandIn, Conversation
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.crew import CrewStandIn

RELEASED = Path(__file__).parents[1] / "fixtures" / "released"
SQLITE_SCHEMAS = range(1, 12)
MONGO_SCHEMAS = (1, 3, 5, 9)
# The version of schema 3 first served what schema 2 introduced.
COLLECTIONS_AND_MESSAGES = 3
MAPPING_HISTORY = 9
API_KEYS = {
    "sqlite_schema_1.db.gz": "oac_Ll7ypeYaVqGo_IwywFH6yIpCwgl-SOtvOyuEQgZRWuXXBFVwTpIQK2uE",
    "sqlite_schema_2.db.gz": "oac_HX3Iny3dTRps_pFh8ji7OByY3BLMY0Du8wbNxhApU9UXOry3ippvUdxo",
    "sqlite_schema_3.db.gz": "oac_AvdTQtHoo2k2_KC9cbUxh-P6wC23ZxWFRKiXYSX74vLWCrtX4h1nNbGw",
    "sqlite_schema_4.db.gz": "oac_9SLdk4PpQ3or_p0eXqDOZ-RQdtb4L9wwx3wzNVC_8AIYt4R6XDOQPAxQ",
    "sqlite_schema_5.db.gz": "oac_ywXa3cyys0zH_49SxGbjeJNjW_ii09BdG2iKr5pE4ZhaO3UREshAv5hk",
    "sqlite_schema_6.db.gz": "oac_Z0hNc3wfMUZy_F-_uwN5wGMaApmUCGQEuDHjyX_gTDiPnIP_A0t9DGSY",
    "sqlite_schema_7.db.gz": "oac_Z0hNc3wfMUZy_F-_uwN5wGMaApmUCGQEuDHjyX_gTDiPnIP_A0t9DGSY",
    "sqlite_schema_8.db.gz": "oac_B7OeuqLntVKG_-LAevrjy33zlZqupQFF7BHmvSSe3AmpyVUzNngNkK-I",
    "sqlite_schema_9.db.gz": "oac_coTlgM96Eyzd_ER39neh5hYeJ_mzHsPzMGpHHtlyaW-6a61EqaI2cp54",
    "sqlite_schema_10.db.gz": "oac_coTlgM96Eyzd_ER39neh5hYeJ_mzHsPzMGpHHtlyaW-6a61EqaI2cp54",
    "sqlite_schema_11.db.gz": "oac_coTlgM96Eyzd_ER39neh5hYeJ_mzHsPzMGpHHtlyaW-6a61EqaI2cp54",
    "mongo_1.json.gz": "oac_GuKFxVYncUHw_pOiTmy4NYNikLOxM2eM5c4F5LoUf88nQG-4mm8feW0c",
    "mongo_3.json.gz": "oac_OyUuRFffx8LC_5SPrUIUjl7_sLThYO1M5guY1sUoQ3W9vp_XLlwVz7hM",
    "mongo_5.json.gz": "oac_EsUynj5B0CB1_jP65QcfrfR8TJ3dt4237roL2re4v91OxYMGub-v84SQ",
    "mongo_9.json.gz": "oac_ny1DDiehT6Dx_kFLnW1019kG3CO8jogeFCNRLylc3eQflD3VQUNLvPd0",
}
# Those that were killed with messages at every stage, by conversation and in the order in which
# they came. Two are of one conversation; that of the first belongs to another tenant.
WITH_MESSAGES = (
    "sqlite_schema_9.db.gz",
    "sqlite_schema_10.db.gz",
    "sqlite_schema_11.db.gz",
    "mongo_9.json.gz",
)
STAGES = [
    ("301", Stage.UNRESOLVED, "crew_not_found"),
    ("401", Stage.QUEUED, "crew_unavailable"),
    ("401", Stage.QUEUED, None),
    ("403", Stage.AWAITING, None),
    ("404", Stage.ANSWERED, "chatwoot_unavailable"),
    ("405", Stage.ANSWERED, "chatwoot_unavailable"),
    ("406", Stage.DONE, None),
    ("407", Stage.DONE, "silence"),
    ("408", Stage.IGNORED, "outgoing"),
    ("409", Stage.DEAD, "crew_refused"),
    ("410", Stage.DEAD, "chatwoot_refused"),
    ("411", Stage.DISCARDED, "crew_refused"),
    # A worker had it in hand.
    ("402", Stage.QUEUED, None),
]
ANSWERS = {
    "404": "Resposta que o Chatwoot não aceitou ainda",
    "405": "Nota para a equipe",
    "406": "Já respondida",
    "410": "O Chatwoot não achou a conversa",
}
FINISHED = {"406", "407", "408", "411"}


def test_each_released_schema_has_its_file() -> None:
    # A new schema adds the file of the one before it.
    assert max(SQLITE_SCHEMAS) >= len(_MIGRATIONS) - 1
    assert {path.name for path in RELEASED.glob("*.gz")} == set(API_KEYS)


@pytest.mark.parametrize("schema", SQLITE_SCHEMAS)
async def test_sqlite_file_of_an_earlier_version_opens(tmp_path: Path, schema: int) -> None:
    name = f"sqlite_schema_{schema}.db.gz"
    url = unpacked(tmp_path, name)

    await assert_everything_is_there(url, name, schema)
    # Again, after the migration.
    await assert_everything_is_there(url, name, schema)


@pytest.mark.parametrize("schema", MONGO_SCHEMAS)
async def test_mongodb_of_an_earlier_version_opens(mongo_uri: str, schema: int) -> None:
    name = f"mongo_{schema}.json.gz"
    with restored(mongo_uri, name) as url:
        await assert_everything_is_there(url, name, schema)


def unpacked(folder: Path, name: str) -> str:
    """
    The URL of a copy of a SQLite file.
    """
    file = folder / "hub.db"
    file.write_bytes(gzip.decompress((RELEASED / name).read_bytes()))
    return f"sqlite:///{file}"


@contextmanager
def restored(uri: str, name: str) -> Iterator[str]:
    """
    The URL of a database that holds a dump.
    """
    dump = gzip.decompress((RELEASED / name).read_bytes())
    database = f"released_{uuid4().hex}"
    options = json_util.JSONOptions(tz_aware=True)
    server, _, query = uri.partition("?")
    with MongoClient[dict[str, object]](uri) as client:
        for collection, records in json_util.loads(dump.decode(), json_options=options).items():
            if records:
                client[database][collection].insert_many(records)
        try:
            yield f"{server.rstrip('/')}/{database}?{query}"
        finally:
            client.drop_database(database)


def settings_for(url: str) -> Settings:
    ring = base64.b64encode(master_key("first").material).decode()
    local = {"private_targets": "127.0.0.1"}
    return read_settings(flags={"store_url": url, "keyring": ring, **local}, environment={})


async def assert_everything_is_there(url: str, name: str, schema: int) -> None:
    async with open_hub(settings_for(url)) as hub:
        await assert_settings_are_there(hub)
        caller = await hub.services.authenticate(API_KEYS[name])
        assert caller.scopes == frozenset(Scope)
        route = await hub.route("1", "7")
        assert str(route.owner) == "account_1/retail"
        if schema < MAPPING_HISTORY:
            await assert_present_mapping_is_the_first_known(hub)
        if schema >= COLLECTIONS_AND_MESSAGES:
            assert await hub.collection("123456", "products_informations").item("2") == {
                "id": "2",
                "name": "Chá",
            }
            await assert_message_is_there(evolve(hub, caller=caller))
        await assert_trail_has_what_was_before(hub)


async def assert_trail_has_what_was_before(hub: Hub) -> None:
    await hub.services.link_audit_trail()
    report = await hub.services.verify_audit_trail(caller=hub.caller)
    assert report.fault is None
    found = [one.entry for one in await hub.audit(limit=10_000)]
    assert len(found) == report.checked
    assert any(entry.action is AuditAction.KEY_CREATED for entry in found)
    versions = [
        (str(entry.tenant), entry.subject)
        for entry in found
        if entry.action in {AuditAction.DOCUMENT_CHANGED, AuditAction.CHANNEL_CHANGED}
    ]
    # Each once.
    assert len(set(versions)) == len(versions)
    for version in (1, 2):
        assert ("123456", f"default/credentials v{version}") in versions
    changes = {str(change) for change in await hub.mapping_history(limit=1000)}
    assert changes <= {subject for _, subject in versions}


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
    values = {
        (ref, version): await hub.credential(tenant, domain, ref)
        for tenant, domain, ref, version in (
            ("123456", "default", "token_referencia", 2),
            ("account_1", "retail", "account_1-abcd1234", 1),
        )
    }
    assert {name: secret.reveal() for name, secret in values.items()} == {
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
    *_, message = await hub.messages()
    read = await hub.services.read_message.opened(message.id, caller=hub.caller)
    assert read.text is not None
    assert read.text.text == "Olá, qual o horário de funcionamento?"


@frozen
class Upgrade:
    """
    A hub of today on a store with the messages of an earlier one, and the systems around it.

    Args:
        old: The messages as they were, oldest first.
    """

    hub: Hub
    clock: ManualClock
    crew: CrewStandIn
    chatwoot: ChatwootStandIn
    old: list[InboxMessage]

    def place(self, conversation: str) -> Conversation:
        account = 1 if conversation == "301" else 2
        return self.chatwoot.conversation(int(conversation), account=account)

    def of(self, conversation: str) -> list[InboxMessage]:
        return [one for one in self.old if str(one.origin.conversation) == conversation]

    async def now(self, conversation: str) -> list[tuple[Stage, str | None]]:
        """
        Stage and reason of the messages of *conversation*.
        """
        found = [await self.hub.services.ports.inbox.find(one.id) for one in self.of(conversation)]
        return [(one.stage, one.reason) for one in found if one is not None]

    async def read(self, message: InboxMessage) -> OpenedMessage:
        return await self.hub.services.read_message.opened(message.id, caller=IN_PROCESS)

    async def settle(self) -> None:
        """
        Deliver everything that waits, however long it would.
        """
        inbox = self.hub.services.ports.inbox
        while (due := await inbox.next_due()) is not None:
            self.clock.tick(timedelta(hours=2))
            # Its end waits for what it has in hand.
            async with self.hub.deliveries():
                while due is not None and due <= self.clock.now():
                    await asyncio.sleep(0.01)
                    due = await inbox.next_due()


@pytest.fixture(params=WITH_MESSAGES)
async def upgrade(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Upgrade]:
    name: str = request.param
    if name.startswith("sqlite"):
        async with upgraded(unpacked(tmp_path, name)) as upgrade:
            yield upgrade
        return
    with restored(request.getfixturevalue("mongo_uri"), name) as url:
        async with upgraded(url) as upgrade:
            yield upgrade


@asynccontextmanager
async def upgraded(url: str) -> AsyncIterator[Upgrade]:
    clock = ManualClock(datetime.now(UTC))
    container = Container(settings=settings_for(url), clock=providers.Object(clock))
    crew, chatwoot = CrewStandIn(), ChatwootStandIn(accounts={1, 2})
    async with opened(container) as services, crew.open(), chatwoot.open():
        hub = Hub(services)
        old = [*reversed(await hub.messages())]
        # The time of the upgrade, whenever this test runs.
        clock.time = max(message.updated_at for message in old) + timedelta(seconds=1)
        change = ChatwootChange(base_url=chatwoot.url)
        for account in ("1", "2"):
            await services.set_chatwoot_account(ChatwootId(account), change, caller=IN_PROCESS)
        crews = f"default_crew: a\ncrews:\n  a: {{type: http, url: {crew.url}}}\n"
        await hub.publish("account_2", "retail", "crews", crews)
        upgrade = Upgrade(hub, clock, crew, chatwoot, old)
        for message in old:
            upgrade.place(str(message.origin.conversation)).status = "pending"
        yield upgrade


async def test_messages_of_an_earlier_version_are_shown(upgrade: Upgrade) -> None:
    assert [
        (str(message.origin.conversation), message.stage, message.reason)
        for message in upgrade.old
    ] == STAGES
    for message in upgrade.old:
        # What the earlier version did not know of.
        assert message == evolve(
            message, part_of=None, steps=0, withheld=None, refused=(), resent=0, told_at=None
        )
        read = await upgrade.read(message)
        assert (read.text is None) == (message.stage is Stage.IGNORED)
        answer = None if read.answer is None else read.answer.messages[0].text
        assert answer == ANSWERS.get(str(message.origin.conversation))
    assert await upgrade.hub.conversations() == []


async def test_messages_of_an_earlier_version_are_delivered(upgrade: Upgrade) -> None:
    (awaiting,) = upgrade.of("403")
    await upgrade.hub.answer(awaiting.id.value, "Agora sim")
    await upgrade.settle()

    sent = {
        conversation: upgrade.place(conversation).sent
        for conversation in {conversation for conversation, *_ in STAGES} - FINISHED
    }
    assert sent == {
        "301": [],
        "401": ["A crew está fora", "E esta espera atrás"],
        "402": ["A crew pensa"],
        "403": ["Agora sim"],
        "404": [ANSWERS["404"]],
        "405": [],
        "409": [],
        "410": [],
    }
    # As the crew said it to the earlier version: for people only.
    assert upgrade.place("405").notes == [ANSWERS["405"]]
    asked = [message for name in ("401", "402") for message in upgrade.of(name)]
    assert {one.task["id"] for one in upgrade.crew.asked} == {str(one.id) for one in asked}
    for conversation in ("401", "402", "403", "404", "405"):
        first, *_ = upgrade.of(conversation)
        posted, *_ = upgrade.place(conversation).messages
        assert posted["content_attributes"][MARK] == str(first.id)
        assert set(await upgrade.now(conversation)) == {(Stage.DONE, None)}
    for conversation in FINISHED:
        assert upgrade.place(conversation).messages == []


async def test_answer_that_an_earlier_version_posted_is_not_posted_again(upgrade: Upgrade) -> None:
    # Chatwoot took it, and its acknowledgement was lost.
    (answered,) = upgrade.of("404")
    said = {"content": ANSWERS["404"], "content_attributes": {MARK: str(answered.id)}}
    place = "/api/v1/accounts/2/conversations/404"
    token = {"api_access_token": TOKEN}
    async with (
        aiohttp.ClientSession(upgrade.chatwoot.url, headers=token) as client,
        client.post(f"{place}/messages", json=said) as posted,
    ):
        assert posted.status == 200
    await upgrade.settle()

    assert upgrade.place("404").sent == [ANSWERS["404"]]
    assert await upgrade.now("404") == [(Stage.DONE, None)]


async def test_dead_messages_of_an_earlier_version_are_replayed(upgrade: Upgrade) -> None:
    for conversation in ("409", "410"):
        (dead,) = upgrade.of(conversation)
        await upgrade.hub.replay(dead.id.value)
    await upgrade.settle()

    # The crew is asked where it has not answered yet.
    assert upgrade.place("409").sent == ["A crew responde outra coisa"]
    assert upgrade.place("410").sent == [ANSWERS["410"]]
    for conversation in ("409", "410"):
        assert await upgrade.now(conversation) == [(Stage.DONE, None)]


async def test_people_are_told_of_what_got_stuck_in_an_earlier_version(upgrade: Upgrade) -> None:
    tell = upgrade.hub.services.tell_people
    causes = [cause async for cause in tell()]
    assert sorted(causes) == ["chatwoot_refused", "crew_not_found", "crew_refused"]
    await upgrade.settle()

    for conversation in ("301", "409", "410"):
        place = upgrade.place(conversation)
        assert (place.status, len(place.notes), place.sent) == ("open", 1, [])
        assert place.labels == ["ia-sem-resposta"]
    upgrade.clock.tick(timedelta(minutes=20))
    assert [cause async for cause in tell()] == []


async def test_crews_are_told_what_an_earlier_version_received(upgrade: Upgrade) -> None:
    event = json.loads((RELEASED.parent / "chatwoot_message_created_whatsapp.json").read_text())
    event |= {"id": 9999, "content": "E agora?", "account": {"id": 2}}
    event["conversation"] |= {"id": 406, "status": "pending"}
    await upgrade.hub.receive(event)
    await upgrade.settle()

    told = next(one.task for one in upgrade.crew.asked if one.task["text"] == "E agora?")
    assert [said["text"] for said in told["history"]] == ["Uma pergunta", ANSWERS["406"]]


async def test_finished_messages_of_an_earlier_version_are_pruned(upgrade: Upgrade) -> None:
    upgrade.clock.tick(timedelta(days=31))
    assert await upgrade.hub.services.prune_messages() == len(FINISHED)

    kept = [one for one in upgrade.old if str(one.origin.conversation) not in FINISHED]
    assert [*reversed(await upgrade.hub.messages())] == kept
    for message in kept:
        assert (await upgrade.read(message)).text is not None
