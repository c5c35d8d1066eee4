"""
Conversations in MongoDB.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from pymongo import InsertOne, ReplaceOne

from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.lease import alone
from odoo_ai_config.adapters.mongo.pruning import batches
from odoo_ai_config.adapters.mongo.read_ahead import reading_in
from odoo_ai_config.adapters.mongo.records import (
    from_record,
    read_all,
    to_instant,
    to_record,
)
from odoo_ai_config.adapters.mongo.transaction import BulkWrite, Write
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.domain.conversations.state import (
    Conversation,
    ConversationKey,
    Sighting,
    stored_after,
)
from odoo_ai_config.domain.identifiers import TenantId


class MongoConversationStore(ConversationStore):
    """
    Reads the records that commits write.

    They are not those of `conversations`, which keep the turns of messages and go with them.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._states = database["conversation_states"]

    @translated
    async def find(self, key: ConversationKey) -> Conversation | None:
        name = str(key)
        reading = reading_in(self._database)
        found = None if reading is None else reading.states(name)
        if found is None:
            read_at = self._database.states.now()
            found = await self._states.find({"_id": name}).to_list(None)
            self._database.states.remember(name, found, read_at=read_at)
        return from_record(found[0], Conversation) if found else None

    @translated
    async def page(
        self,
        *,
        tenant: TenantId | None = None,
        after: ConversationKey | None = None,
        limit: int,
    ) -> Sequence[Conversation]:
        wanted: Record = {} if tenant is None else {"owner.tenant": tenant.value}
        if after is not None:
            account, id_ = after.account.value, after.id.value
            # Where the alternatives begin in the index: they alone would not bound it.
            wanted["account"] = {"$gte": account}
            wanted["$or"] = [
                {"account": {"$gt": account}},
                {"account": account, "id": {"$gt": id_}},
            ]
        cursor = self._states.find(wanted).sort([("account", 1), ("id", 1)]).limit(limit)
        return await read_all(cursor, Conversation)

    @translated
    async def prune(self, *, before: datetime) -> int:
        return await alone(
            self._database, "pruning of conversations", lambda: self._remove(before), 0
        )

    async def _remove(self, before: datetime) -> int:
        removed = 0
        earlier = {"$lt": to_instant(before)}
        ended = [{"pause": None}, {"pause.until": earlier}]
        old: Record = {"updated_at": earlier, "$or": ended}
        async for batch in batches(self._database, "conversation_states", old, ["revision"]):
            # One that was written meanwhile has another revision.
            result = await self._states.delete_many({"$or": batch})
            removed += result.deleted_count
        return removed


def state_writes(
    sightings: Sequence[Sighting],
    stored: Sequence[Record],
    *,
    refusal: type[Exception] | None = None,
) -> BulkWrite:
    """
    Change the *stored* states of conversations as *sightings* say.

    The writes raise *refusal* if other states are stored by now.
    """
    before = {record["_id"]: from_record(record, Conversation) for record in stored}
    after = before.copy()
    for sighting in sightings:
        name = str(sighting.key)
        state = stored_after(after.get(name), sighting)
        if state is not None:
            after[name] = state
    writes: list[Write] = []
    for name, state in after.items():
        record = {"_id": name} | to_record(state)
        if name in before:
            place = {"_id": name, "revision": before[name].revision}
            writes.append(partial(ReplaceOne, place, record))
        else:
            writes.append(partial(InsertOne, record))
    return BulkWrite("conversation_states", writes, refusal)
