"""
What is read ahead is never older than the decision that it is read for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from attrs import frozen
from motor.motor_asyncio import AsyncIOMotorClient

from odoo_ai_config.adapters.mongo import read_ahead
from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.adapters.mongo.read_ahead import ReadAhead, reading_in
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.conversations.state import Seen, Wrote, succeeding
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import ChatwootId, DocumentKey
from odoo_ai_config.domain.messages.inbox import body_context
from tests.contract.mongo_stores import stores_over
from tests.contract.samples import (
    AT,
    fingerprint,
    key,
    message,
    revision,
    secret,
    sighting,
    tenant_key,
    text_of,
)
from tests.contract.stores import Stores
from tests.mongo_server import Commands, open_client, temporary_database

INCOMING = IncomingMessage(ChatwootId("1"), ChatwootId("1"))
OLD, NEW = tenant_key(), tenant_key(key_id="k2")


@frozen
class Process:
    """
    One of two processes over one database.
    """

    database: MongoDatabase
    stores: Stores
    commands: Commands

    async def current(self, *keys: DocumentKey) -> set[int]:
        return {found.version for found in (await self.stores.config.current(keys)).values()}


@pytest.fixture
async def processes(mongo_uri: str) -> AsyncIterator[tuple[Process, Process]]:
    commands = Commands()
    async with (
        open_client(AsyncIOMotorClient, mongo_uri, event_listeners=[commands]) as client,
        temporary_database(client) as database,
    ):
        databases = database, MongoDatabase(database.client, database.name)
        ours, theirs = (Process(one, stores_over(one), commands) for one in databases)
        yield ours, theirs


async def test_documents_are_as_of_the_beginning_of_the_decision(
    processes: tuple[Process, Process],
) -> None:
    ours, theirs = processes
    await theirs.stores.config.commit(Changeset(revisions=(revision(),)))
    for version in (2, 3, 4):
        async with ours.stores.inbox.delivering(message(), now=AT):
            await ours.current(key())
        # Not even what another process writes between two decisions is missed.
        await theirs.stores.config.commit(Changeset(revisions=(revision(version=version),)))
        assert await ours.current(key()) == {version}
        async with ours.stores.inbox.delivering(message(), now=AT):
            assert await ours.current(key()) == {version}


async def test_content_that_is_known_is_not_read_again(
    processes: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, _ = processes
    other = key(kind="metadata")
    written = revision(), revision(other)
    await ours.stores.config.commit(Changeset(revisions=written))
    parsed: list[str] = []
    parse = ReadAhead._parse

    def noted(ahead: ReadAhead, record: dict[str, str]) -> Revision:
        parsed.append(record["_id"])
        return parse(ahead, record)

    monkeypatch.setattr(ReadAhead, "_parse", noted)
    # Room for one of them.
    monkeypatch.setattr(read_ahead, "_MOST_CHARACTERS", read_ahead._size(written[0]))
    for asked in (key(), key(), key(), other, other, key()):
        async with ours.stores.inbox.delivering(message(), now=AT):
            assert await ours.current(asked) == {1}
    # At first the call reads each by itself. Then the one takes the place of the other.
    assert parsed == [str(key()), str(other), str(key())]


async def test_nothing_is_known_after_the_decision_or_in_another_database(
    processes: tuple[Process, Process],
) -> None:
    ours, theirs = processes
    outlived = asyncio.Event()

    async def left_behind() -> bool:
        await outlived.wait()
        return reading_in(ours.database) is None

    async with ours.stores.inbox.receiving(message().origin, INCOMING, now=AT):
        assert reading_in(ours.database) is not None
        assert reading_in(theirs.database) is None
        task = asyncio.create_task(left_behind())
    assert reading_in(ours.database) is None
    outlived.set()
    assert await task


async def test_state_that_changed_meanwhile_is_read_and_both_changes_stay(
    processes: tuple[Process, Process],
) -> None:
    ours, theirs = processes
    first = sighting(seen=Seen(wrote=Wrote.CUSTOMER))
    by_person = sighting(seen=Seen(wrote=Wrote.PERSON), minute=1)
    closed = sighting(seen=Seen(told_closed=True), minute=2)
    for known in (None, first):
        if known is not None:
            await theirs.stores.config.commit(Changeset(sightings=(known,)))
        before = await ours.stores.conversations.find(first.key)
        await theirs.stores.config.commit(Changeset(sightings=(by_person,)))
        await ours.stores.config.commit(Changeset(sightings=(closed,)))
        expected = succeeding(succeeding(before, by_person), closed)
        assert await ours.stores.conversations.find(first.key) == expected


async def test_state_that_was_read_is_not_read_again_for_a_commit(
    processes: tuple[Process, Process],
) -> None:
    ours, _ = processes
    told = sighting()
    for number in range(2):
        await ours.stores.conversations.find(told.key)
        with ours.commands.at_most(2):
            await ours.stores.config.commit(Changeset(sightings=(told,)))
        found = await ours.stores.conversations.find(told.key)
        assert found is not None
        assert found.revision == number + 1


async def test_text_that_was_sealed_again_meanwhile_opens(
    processes: tuple[Process, Process],
) -> None:
    ours, theirs = processes
    queued, sealed = message(), secret()
    before = text_of(queued)
    await theirs.stores.config.commit(
        Changeset(messages=(queued,), secrets=(before, sealed), new_tenant_key=OLD)
    )

    async def key_of_text() -> str:
        found = await ours.stores.secrets.sealed(body_context(queued), fingerprint())
        assert found is not None
        known = await ours.stores.secrets.tenant_key(OLD.tenant, found.key_id)
        return "" if known is None else known.key_id

    # Learns what is asked for.
    async with ours.stores.inbox.delivering(queued, now=AT):
        assert await key_of_text() == "k1"
        await ours.stores.secrets.sealed(sealed.context, fingerprint())
    secrets = theirs.stores.secrets
    async with ours.stores.inbox.delivering(queued, now=AT):
        assert await secrets.add_key(NEW, successor_of=OLD)
        for old in (before, sealed):
            assert await secrets.reseal(old, type(old)(old.context, old.fingerprint, "k2", b"new"))
        assert await secrets.retire_keys(NEW)
        # As of the beginning.
        assert await key_of_text() == "k1"
        assert await ours.stores.secrets.tenant_key(OLD.tenant, "k9") is None
        assert await key_of_text() == "k2"
        again = await ours.stores.secrets.sealed(sealed.context, fingerprint())
        assert again is not None
        assert again.envelope == b"new"


async def test_message_without_its_texts_is_like_one_that_was_not_read_ahead(
    processes: tuple[Process, Process],
) -> None:
    # As a process of an earlier version writes it beside a newer one.
    ours, _ = processes
    queued = message()
    text = text_of(queued)
    await ours.stores.config.commit(
        Changeset(messages=(queued,), secrets=(text,), new_tenant_key=OLD)
    )
    place = {"_id": queued.id.value, "conversation": queued.conversation}
    await ours.database["messages"].update_one(place, {"$unset": {"sealed": ""}})
    for _ in range(2):
        async with ours.stores.inbox.delivering(queued, now=AT):
            assert await ours.stores.secrets.sealed(text.context, text.fingerprint) is None


async def test_habits_are_bounded(
    processes: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, _ = processes
    monkeypatch.setattr(read_ahead, "_MOST_HABITS", 2)
    ahead = read_ahead.ReadAhead(ours.database)
    first = ahead.habit("first")
    assert ahead.habit("first") is first
    ahead.habit("second")
    ahead.habit("third")
    assert ahead.habit("first") is not first
    async with ahead.reading(first, AT, conversation=None) as reading:
        reading.documents([str(number) for number in range(100)])
    assert len(first.documents) == 16
    assert "99" in first.documents
