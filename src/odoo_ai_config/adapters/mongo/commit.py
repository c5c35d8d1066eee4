"""
Commits of changesets.

In the common case nothing is read: every write says what it expects to find. If one finds
something else, the commit begins again and reads first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from pymongo import DeleteMany, InsertOne
from pymongo.errors import PyMongoError

from odoo_ai_config.adapters.mongo.changeset_writes import (
    WHOLE_MAPPING,
    SealedBeforeError,
    fixed_writes,
    new_secrets,
    secrets_if_absent,
)
from odoo_ai_config.adapters.mongo.channel_directory import claim_writes, rivals_of
from odoo_ai_config.adapters.mongo.conversation_store import state_writes
from odoo_ai_config.adapters.mongo.conversations import (
    Queue,
    Texts,
    UnforeseenError,
    common_writes,
    relies_on_itself,
    takes_part,
)
from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record, Session
from odoo_ai_config.adapters.mongo.driver_errors import is_passing
from odoo_ai_config.adapters.mongo.records import mapping_record, replaced_record, secrets_at
from odoo_ai_config.adapters.mongo.tenant_store import (
    close_uses,
    closes,
    require_version,
    write_state,
)
from odoo_ai_config.adapters.mongo.transaction import (
    BulkWrite,
    Write,
    chunks,
    in_transaction,
    is_written,
    send,
)
from odoo_ai_config.application.errors import TenantKeyChangedError
from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.mapping import ChannelClaim
from odoo_ai_config.domain.credentials.secrets import SealedSecret, TenantKey
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.messages.inbox import TEXT_PURPOSES, InboxMessage

# Of a message: what decides its place in the queue.
_PLACE: Final = {"revision": 1, "open": 1, "turn": 1, "ready": 1, "holder": 1, "conversation": 1}


class ClosedError(Exception):
    """
    A tenant was closed when its record was written.
    """


async def commit(database: MongoDatabase, changeset: Changeset) -> None:
    """
    Write *changeset*, as a whole or not at all.
    """
    if changeset.messages:
        database.heads_seen = None
    texts = _texts_of(changeset)
    states = _known_states(database, changeset)
    simple = len(changeset.messages) <= 1 and not _erased_places(changeset)
    if states is not None and simple and not changeset.tenant_states:
        try:
            return await _commit_unread(database, changeset, texts, states)
        except (UnforeseenError, SealedBeforeError):
            pass
    return await _commit_read(database, changeset, texts)


async def _commit_unread(
    database: MongoDatabase,
    changeset: Changeset,
    texts: Mapping[str, Texts],
    states: Sequence[Record],
) -> None:
    # Nearly every value is new, and a plain insert is the cheapest way to find out.
    bulks = await _fixed(database, changeset, new_secrets(changeset))
    used = _key_use_unread(database, changeset, texts)
    bulks += [*used, _open_uses(database, changeset, used, UnforeseenError)]
    for message in changeset.messages:
        some, ahead = texts.get(message.id.value, {}), await database.clock.ahead()
        bulks += common_writes(message, some, ahead=ahead)
    bulks.append(state_writes(changeset.sightings, states, refusal=UnforeseenError))
    bulks = [bulk for bulk in bulks if bulk.writes]
    relies = changeset.claim is not None or changeset.mapping_state is not None
    # A write of one record is atomic without a transaction.
    alone = not (relies or _replaces(changeset)) and sum(len(bulk.writes) for bulk in bulks) == 1
    if alone:
        try:
            return await send(database, bulks, None)
        except PyMongoError as error:
            # The driver has tried it twice; a transaction is repeated for longer.
            if not is_passing(error):
                raise

    async def write_all(session: Session) -> None:
        if alone and await is_written(database, bulks[0], session):
            return
        await _write(database, changeset, bulks, session)

    return await in_transaction(database, write_all)


def _known_states(database: MongoDatabase, changeset: Changeset) -> list[Record] | None:
    """
    The states that *changeset* changes, as they were read before it; None if one was not.
    """
    found: list[Record] = []
    for name in {str(sighting.key) for sighting in changeset.sightings}:
        states = database.states.get(name)
        # After this commit it is another one.
        database.states.forget(name)
        if states is None:
            return None
        found += states
    return found


async def _commit_read(
    database: MongoDatabase, changeset: Changeset, texts: Mapping[str, Texts]
) -> None:
    bulks = await _fixed(database, changeset, secrets_if_absent(changeset))
    by_conversation: dict[str, list[InboxMessage]] = defaultdict(list)
    for message in changeset.messages:
        by_conversation[message.conversation].append(message)
    ahead = await database.clock.ahead() if changeset.messages else timedelta(0)

    async def write_all(session: Session) -> None:
        for state in filter(closes, changeset.tenant_states):
            await close_uses(database, state.tenant.value, session)
        stored = await database.gathered(_places(database, changeset, by_conversation), session)
        used = _key_use(database, changeset, stored.get("key", ()))
        found = [*used, _open_uses(database, changeset, used, ClosedError)]
        queues = _queues(by_conversation, stored)
        for name, messages in by_conversation.items():
            found += queues[name].writes(messages, texts, ahead=ahead)
        found.append(state_writes(changeset.sightings, stored["states"]))
        gone = [record["_id"] for record in stored.get("erased", ())]
        erasing = [partial(DeleteMany, {"_id": {"$in": some}}) for some in chunks(gone)]
        written = [BulkWrite("secrets", erasing), *bulks, *found]
        await _write(database, changeset, written, session)

    await in_transaction(database, write_all)


async def _fixed(
    database: MongoDatabase, changeset: Changeset, secrets: BulkWrite
) -> list[BulkWrite]:
    return await run_off_loop(
        lambda: list(fixed_writes(database, changeset, secrets)), cost=ENTRY * changeset.size
    )


async def _write(
    database: MongoDatabase, changeset: Changeset, bulks: Sequence[BulkWrite], session: Session
) -> None:
    # First: afterwards a claim would find its own mappings.
    if changeset.claim is not None:
        await _require_undisputed(database, changeset.claim, session)
    if changeset.mapping_state is not None:
        await _require_state(database, changeset.mapping_state, session)
    for version in changeset.versions:
        await require_version(database, version, session)
    for state in changeset.tenant_states:
        await write_state(database, state, session)
    replaced = await _replaced(database, changeset, session) if _replaces(changeset) else []
    written = [*bulks, BulkWrite("mapping_revisions", replaced)]
    await send(database, [bulk for bulk in written if bulk.writes], session)


def _replaces(changeset: Changeset) -> bool:
    return any(revision.version > 1 for revision in changeset.mappings)


def _texts_of(changeset: Changeset) -> dict[str, dict[str, SealedSecret]]:
    """
    The sealed texts of each message, by purpose. They are stored with their message only.
    """
    holders = {message.id.value: message.holder for message in changeset.messages}
    texts: dict[str, dict[str, SealedSecret]] = defaultdict(dict)
    for secret in changeset.secrets:
        context = secret.context
        if context.purpose in TEXT_PURPOSES and holders.get(context.ref.value) == context.owner:
            texts[context.ref.value][context.purpose] = secret
    return texts


def _places(
    database: MongoDatabase,
    changeset: Changeset,
    by_conversation: Mapping[str, Sequence[InboxMessage]],
) -> dict[str, tuple[str, list[Record]]]:
    """
    Where everything is stored that *changeset* changes or relies on.
    """
    names = [name for name, some in by_conversation.items() if any(map(takes_part, some))]
    written = [message.id.value for message in changeset.messages if message.revision > 1]
    states = [str(sighting.key) for sighting in changeset.sightings]
    places: dict[str, tuple[str, list[Record]]] = {
        "conversations": ("conversations", _named(names)),
        "states": ("conversation_states", _named(states)),
        "messages": (
            "messages",
            [
                {"$match": {"_id": {"$in": written}, "conversation": {"$in": names}}},
                {"$project": _PLACE},
            ],
        ),
    }
    erased = _erased_places(changeset)
    if erased:
        places["erased"] = ("secrets", [{"$match": {"$or": erased}}, {"$project": {"_id": 1}}])
    relied_on = _relied_on(database, changeset)
    if relied_on is not None:
        places["key"] = ("tenant_keys", [{"$match": relied_on}, {"$project": {"active": 1}}])
    for number, name in enumerate(names):
        places[f"queue {number}"] = (
            "messages",
            [
                {"$match": {"conversation": name, "open": True}},
                {"$sort": {"turn": 1}},
                # At least one of them stays where it is.
                {"$limit": len(by_conversation[name]) + 1},
                {"$project": _PLACE},
            ],
        )
    return places


def _erased_places(changeset: Changeset) -> list[Record]:
    # The texts of messages go with the write of their message.
    return [secrets_at(place) for place in changeset.erased if place.purpose not in TEXT_PURPOSES]


def _named(names: Sequence[str]) -> list[Record]:
    return [{"$match": {"_id": {"$in": names}}}]


def _queues(
    by_conversation: Mapping[str, Sequence[InboxMessage]],
    stored: Mapping[str, Sequence[Record]],
) -> dict[str, Queue]:
    queues = {name: Queue(name) for name in by_conversation}
    for record in stored["conversations"]:
        queues[record["_id"]].place = {"turns": record["turns"], "open": record["open"]}
    for part, records in stored.items():
        if part.startswith("queue "):
            for record in records:
                queues[record["conversation"]].waiting[record["_id"]] = record
    for record in stored["messages"]:
        queues[record["conversation"]].stored[record["_id"]] = record
    return queues


def _key_use_unread(
    database: MongoDatabase, changeset: Changeset, texts: Mapping[str, Texts]
) -> list[BulkWrite]:
    used = _used_key(changeset)
    if used is None or any(
        relies_on_itself(message, texts.get(message.id.value, {}))
        for message in changeset.messages
    ):
        return []
    use = database.key_uses.one_that(used.tenant.value, active=used.key_id)
    if use is None:
        raise UnforeseenError
    return [BulkWrite("key_uses", [use], UnforeseenError)]


def _key_use(
    database: MongoDatabase, changeset: Changeset, stored: Sequence[Record]
) -> list[BulkWrite]:
    used = _used_key(changeset)
    if used is None:
        return []
    if not stored:
        raise TenantKeyChangedError
    use = database.key_uses.one_of(used.tenant.value, active=stored[0]["active"])
    return [BulkWrite("key_uses", [use], ClosedError)]


def _open_uses(
    database: MongoDatabase,
    changeset: Changeset,
    key_use: Sequence[BulkWrite],
    refusal: type[Exception],
) -> BulkWrite:
    """
    Writes that raise *refusal* if a tenant of *changeset* is closed.

    They collide with whoever relies on the version of the tenant, too. The use of a key is such
    a write.
    """
    under = changeset.sealed_under if key_use else None
    others = changeset.tenants - ({under.tenant} if under is not None else set())
    uses = [database.key_uses.one_open(tenant.value) for tenant in sorted(others)]
    return BulkWrite("key_uses", uses, refusal)


def _used_key(changeset: Changeset) -> TenantKey | None:
    used = changeset.sealed_under
    return None if used == changeset.new_tenant_key else used


def _relied_on(database: MongoDatabase, changeset: Changeset) -> Record | None:
    used = _used_key(changeset)
    if used is None:
        return None
    # A key from the cache may have been replaced long ago: it must still be the active one.
    cached = database.sealing_keys.get(used.tenant) == used
    place = {"active": used.key_id} if cached else {"keys.id": used.key_id}
    return {"_id": used.tenant.value, **place}


async def _require_undisputed(
    database: MongoDatabase, claim: ChannelClaim, session: Session
) -> None:
    await database["channel_claims"].bulk_write(claim_writes(claim), session=session)
    if (await rivals_of(database, claim, session)).dispute(claim):
        raise RevisionConflictError


async def _require_state(database: MongoDatabase, state: int, session: Session) -> None:
    # Whoever commits a mapping at the same time writes one of these records and collides.
    writes = database.mapping_uses.all_of(WHOLE_MAPPING)
    await database["channel_claims"].bulk_write(writes, session=session)
    groups = await database.aggregated(
        "mappings", [{"$group": {"_id": None, "state": {"$sum": "$version"}}}], session
    )
    if sum(group["state"] for group in groups) != state:
        raise RevisionConflictError


async def _replaced(
    database: MongoDatabase, changeset: Changeset, session: Session
) -> list[Write]:
    """
    The writes that keep the mappings which *changeset* replaces.
    """
    by_channel: dict[str, Record] = {}
    keys = [str(revision.mapping.key) for revision in changeset.mappings if revision.version > 1]
    for some in chunks(keys):
        cursor = database["mappings"].find({"_id": {"$in": some}}, session=session)
        by_channel |= {record["_id"]: record async for record in cursor}
    kept: list[Write] = []
    for revision in changeset.mappings:
        record = mapping_record(revision)
        channel = record["_id"]
        if channel in by_channel:
            kept.append(partial(InsertOne, replaced_record(by_channel[channel], record)))
        by_channel[channel] = record
    return kept
