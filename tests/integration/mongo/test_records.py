"""
The records of existing databases. Their form stays the same, whatever code reads and writes them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve
from bson import json_util
from motor.motor_asyncio import AsyncIOMotorClient

from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.domain.access import TokenUse
from odoo_ai_config.domain.addresses import Feed, RecordKind
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.collections import (
    CollectionChange,
    CollectionHead,
    CollectionName,
    CollectionPage,
    ItemState,
    Position,
)
from odoo_ai_config.domain.conversations.state import succeeding
from odoo_ai_config.domain.documents.document import AuthoredYaml
from odoo_ai_config.domain.identifiers import CREWS, METADATA
from odoo_ai_config.domain.messages.inbox import MessageId, Origin, Stage
from odoo_ai_config.domain.outcomes import ItemCounts, WriteKind
from tests.contract.mongo_stores import stores_over
from tests.contract.samples import (
    AT,
    DAY,
    address,
    api_key,
    audit_entry,
    collection_key,
    deleted,
    fingerprint,
    full,
    item,
    key,
    mapping,
    message,
    owner,
    request_record,
    revision,
    secret,
    sighting,
    stray,
    tenant_key,
)
from tests.contract.stores import Stores
from tests.mongo_server import open_client, temporary_database
from tests.trail import acts

Records = dict[str, list[dict[str, Any]]]
STORED: Final = Path(__file__).parents[2] / "fixtures" / "mongo_records.json"
# The database or the store generates these.
MADE_UP: Final = {"revisions": "_id", "pending_audit": "_id", "messages": "arrival"}

AUTHORED: Final = revision(authored=AuthoredYaml("name: Loja # ação\n"), name="Loja")
MERGED: Final = revision(key(kind=METADATA), authored=AuthoredYaml("a: 1\n", exact=False), a=2)
CREATED: Final = revision(key(kind=CREWS), crews=[])
GONE: Final = deleted(CREATED)
CHANNEL: Final = evolve(
    mapping("1", "7", numbers=(("5511987654321", "boss"), ("14155550100", "us"))), event_at=AT
)
ACCOUNT: Final = mapping("1", None, sequence=0)
INBOX: Final = mapping(None, "7", active=False)
FALLBACK: Final = mapping(None, None, fallback=True)
SECRET: Final = secret(ref="account_1-odoo")
OLD_KEY, NEW_KEY = tenant_key(), tenant_key(key_id="k2")
EVENT: Final = request_record("event")
PUSH: Final = evolve(
    request_record("push"),
    outcome=evolve(
        request_record().outcome,
        kind=WriteKind.COLLECTION,
        versions={"products_informations": 2},
        changed=False,
        notices=(),
        items=ItemCounts(received=5, added=1, changed=2, removed=1, unchanged=1),
        digests={},
    ),
)
SHIRT, TEA = item("a/b c", name="Camisa"), item("2", name="Chá")
HEAD: Final = CollectionHead(collection_key(), 1, 2, AT, AT, event_at=AT + DAY, whole_at=AT)
SHRUNK: Final = evolve(HEAD, version=2, size=1, updated_at=AT + DAY)
BOUND_KEY: Final = api_key("bound", tenant="acme").revoked(AT + DAY)
FREE_KEY: Final = api_key("free", day=1)
ADDRESS: Final = evolve(address("used", odoo_url="x_url"), used_at=AT + DAY)
CLOSED: Final = evolve(
    address("closed").revoked(AT + DAY, "a2"),
    feed=Feed(owner(), RecordKind.COLLECTION, CollectionName("faq"), fields={"a.b": "_id"}),
)
OF_TENANT: Final = audit_entry()
OF_HUB: Final = evolve(audit_entry(tenant=None, day=1), request_id=None)
RECEIVED: Final = evolve(
    message("message-whole"), origin=evolve(message("message-whole").origin, proof="0f1e")
)
WHOLE: Final = evolve(
    RECEIVED,
    stage=Stage.ANSWERED,
    revision=2,
    attempts=2,
    reason="timeout",
    answer=fingerprint(2),
    replays=1,
    claims=3,
    part_of=MessageId("message-lost"),
    steps=2,
    withheld="person_wrote",
    refused=("labels", "priority"),
    resent=1,
    told_at=AT + DAY,
)
LOST: Final = evolve(stray("message-lost"), origin=Origin("message_created"))
IGNORED: Final = evolve(stray("message-ignored", Stage.IGNORED), body=None)
SEEN: Final = sighting("7", full())
TALK: Final = succeeding(None, SEEN)


@pytest.fixture
async def database(mongo_uri: str) -> AsyncIterator[MongoDatabase]:
    async with (
        open_client(AsyncIOMotorClient, mongo_uri) as client,
        temporary_database(client) as database,
    ):
        yield database


@pytest.fixture
def stores(database: MongoDatabase) -> Stores:
    return stores_over(database)


@pytest.fixture
def stored() -> Records:
    records: Records = json_util.loads(STORED.read_text(encoding="utf-8"))
    return records


async def test_records_of_today_are_written(
    database: MongoDatabase, stores: Stores, stored: Records
) -> None:
    await stores.config.commit(
        Changeset(
            revisions=(AUTHORED, MERGED, CREATED),
            mappings=(CHANNEL, ACCOUNT, INBOX, FALLBACK),
            secrets=(SECRET,),
            new_tenant_key=OLD_KEY,
            collections=(CollectionChange(HEAD, (SHIRT, TEA)),),
            messages=(RECEIVED, LOST, IGNORED),
            sightings=(SEEN,),
            idempotency_record=EVENT,
            audit=(OF_TENANT,),
            api_keys=(BOUND_KEY, FREE_KEY),
            addresses=(evolve(ADDRESS, used_at=None), CLOSED),
        )
    )
    await stores.config.commit(
        Changeset(
            revisions=(GONE,),
            collections=(CollectionChange(SHRUNK, removed=(TEA.id,)),),
            messages=(WHOLE,),
            idempotency_record=PUSH,
            audit=(OF_HUB,),
            address_uses=(TokenUse("used", AT + DAY),),
        )
    )
    assert await stores.secrets.add_key(NEW_KEY, successor_of=OLD_KEY)

    written = {name: await database[name].find().to_list(None) for name in stored}
    for name, records in stored.items():
        assert comparable(name, written[name]) == comparable(name, records)


def comparable(collection: str, records: list[dict[str, Any]]) -> list[list[tuple[str, str]]]:
    # The order of fields matters in embedded documents: queries compare some as a whole.
    return sorted(
        sorted(
            (name, json_util.dumps(value))
            for name, value in record.items()
            if name != MADE_UP.get(collection)
        )
        for record in records
    )


async def test_records_of_today_are_read(
    database: MongoDatabase, stores: Stores, stored: Records
) -> None:
    await restore(database, stored)
    await assert_everything_is_read(stores)


async def test_records_without_later_fields_are_read(
    database: MongoDatabase, stores: Stores, stored: Records
) -> None:
    later: dict[str, Any] = {"claims": 0, "part_of": None, "steps": 0, "withheld": None}
    later |= {"refused": (), "resent": 0, "told_at": None}
    for message_ in stored["messages"]:
        del message_["origin"]["edition"]
        for name in later:
            del message_[name]
    for record in stored["deliveries"]:
        del record["outcome"]["items"], record["outcome"]["digests"]
    for revision_ in stored["documents"]:
        del revision_["event_at"]
    for caller in stored["api_keys"]:
        del caller["expires_at"], caller["used_at"]
    for entry in stored["pending_audit"]:
        del entry["reason"]
    for head in stored["collections"]:
        del head["event_at"], head["whole_at"]
    for mapping_ in stored["mappings"]:
        del mapping_["event_at"]
        # Negative ones were accepted once.
        mapping_["sequence"] = min(mapping_["sequence"], -mapping_["sequence"])
    await restore(database, stored)

    mappings = await stores.channels.mappings()
    assert {mapping_.mapping.sequence for mapping_ in mappings} == {0}
    assert await stores.config.current([MERGED.key]) == {MERGED.key: MERGED}
    heads = await stores.collections.heads(owner().tenant)
    assert heads == [evolve(SHRUNK, event_at=None, whole_at=None)]
    assert await stores.inbox.find(WHOLE.id) == evolve(WHOLE, **later)
    assert await stores.api_keys.api_keys() == [BOUND_KEY, FREE_KEY]
    assert await acts(stores.audit) == [OF_HUB, OF_TENANT]
    for recorded in (EVENT, PUSH):
        assert await stores.config.idempotency_record(recorded.claim.id) == evolve(
            recorded, outcome=evolve(recorded.outcome, items=None, digests={})
        )


async def restore(database: MongoDatabase, stored: Records) -> None:
    for name, records in stored.items():
        await database[name].insert_many(records)


async def assert_everything_is_read(stores: Stores) -> None:
    config, acme = stores.config, owner().tenant
    newest = (AUTHORED, MERGED, GONE)
    assert await config.current([revision.key for revision in newest]) == {
        revision.key: revision for revision in newest
    }
    assert await config.history(GONE.key) == [GONE, CREATED]
    assert await config.keys() == [AUTHORED.key, GONE.key, MERGED.key]
    assert await stores.channels.mappings() == [INBOX, ACCOUNT, CHANNEL, FALLBACK]
    assert await stores.secrets.sealed(SECRET.context, SECRET.fingerprint) == SECRET
    assert await stores.secrets.tenant_key(acme, "k1") == OLD_KEY
    assert await stores.secrets.active_key(acme) == NEW_KEY
    assert await config.idempotency_record(EVENT.claim.id) == EVENT
    assert await config.idempotency_record(PUSH.claim.id) == PUSH
    page = await stores.collections.page(HEAD.key, Position(since=0, version=0), limit=10)
    assert page == CollectionPage(
        SHRUNK, (ItemState(SHIRT.id, 1, SHIRT), ItemState(TEA.id, 2, None)), complete=True
    )
    assert await stores.collections.items(HEAD.key, [SHIRT.id, TEA.id]) == {SHIRT.id: SHIRT}
    assert await acts(stores.audit) == [OF_HUB, OF_TENANT]
    assert await stores.api_keys.api_keys() == [BOUND_KEY, FREE_KEY]
    assert await stores.addresses.addresses() == [CLOSED, ADDRESS]
    assert await stores.conversations.page(limit=10) == [TALK]
    for kept in (WHOLE, LOST, IGNORED):
        assert await stores.inbox.find(kept.id) == kept
