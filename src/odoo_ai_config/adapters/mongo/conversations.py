"""
Writes of received messages, and the order of the messages in a conversation.

Each transaction that accepts, closes or reopens a message writes to the record of its
conversation. Two of one conversation therefore collide, and neither misses what the other does:
every conversation with an open message has exactly one head, marked `ready`.
"""

from __future__ import annotations

from bson import ObjectId
from pymongo import ReturnDocument, UpdateMany, UpdateOne
from pymongo.errors import DuplicateKeyError

from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record, Session
from odoo_ai_config.adapters.mongo.driver_errors import duplicate_field
from odoo_ai_config.adapters.mongo.records import message_record
from odoo_ai_config.application.errors import MessageRecordedError
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.messages.inbox import OPEN, STUCK, InboxMessage

# Messages at other stages are finished: no conversation waits for them.
_TAKES_A_TURN = OPEN | STUCK


async def write_message(database: MongoDatabase, message: InboxMessage, session: Session) -> None:
    """
    Accept *message* if it is new, or replace the revision before it.
    """
    if message.revision == 1:
        await _accept(database, message, session)
    else:
        await _advance(database, message, session)


async def written_alone(database: MongoDatabase, message: InboxMessage) -> bool:
    """
    Write *message* if one write without a transaction is enough, and return whether it was.

    It is if the message does not change which ones of its conversation are open.
    """
    if message.revision == 1:
        if message.stage in _TAKES_A_TURN:
            return False
        await _insert(database, _new_record(message), None)
        return True
    if not message.is_open:
        return False
    result = await database["messages"].update_one(
        {**_before(message), "open": True}, {"$set": message_record(message)}
    )
    return result.matched_count == 1


async def _accept(database: MongoDatabase, message: InboxMessage, session: Session) -> None:
    record = _new_record(message)
    if message.stage in _TAKES_A_TURN:
        conversation = await database["conversations"].find_one_and_update(
            {"_id": message.conversation},
            {"$inc": {"turns": 1, "open": int(message.is_open)}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        is_head = message.is_open and conversation["open"] == 1
        record |= {
            "conversation": message.conversation,
            "turn": conversation["turns"],
            "ready": message.holder.tenant.value if is_head else None,
        }
    await _insert(database, record, session)


async def _advance(database: MongoDatabase, message: InboxMessage, session: Session) -> None:
    record = message_record(message)
    if not message.is_open:
        record["ready"] = None
    before = await database["messages"].find_one_and_update(
        _before(message), {"$set": record}, {"open": True}, session=session
    )
    if before is None:
        raise RevisionConflictError
    change = int(message.is_open) - int(before["open"])
    if change == 0:
        return
    conversation = await database["conversations"].find_one_and_update(
        {"_id": message.conversation},
        {"$inc": {"open": change}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    if conversation["open"] > 0:
        await _appoint_head(database, message.conversation, session)


async def _appoint_head(database: MongoDatabase, conversation: str, session: Session) -> None:
    waiting = {"conversation": conversation, "open": True}
    head = await database["messages"].find_one(
        waiting, ["holder", "ready"], sort=[("turn", 1)], session=session
    )
    if head is not None and head["ready"] is None:
        await database["messages"].bulk_write(
            [
                # A replayed message goes before the one that became head in the meantime.
                UpdateMany({**waiting, "ready": {"$gte": ""}}, {"$set": {"ready": None}}),
                UpdateOne({"_id": head["_id"]}, {"$set": {"ready": head["holder"]["tenant"]}}),
            ],
            session=session,
        )


async def _insert(database: MongoDatabase, record: Record, session: Session | None) -> None:
    try:
        await database["messages"].insert_one(record, session=session)
    except DuplicateKeyError as error:
        refusal = (
            MessageRecordedError if duplicate_field(error) == "marks" else RevisionConflictError
        )
        raise refusal from error


def _new_record(message: InboxMessage) -> Record:
    return {
        "_id": message.id.value,
        **message_record(message),
        # The order in which messages came, whatever the clocks of the processes say.
        "arrival": ObjectId(),
        "conversation": None,
        "turn": None,
        "ready": None,
    }


def _before(message: InboxMessage) -> Record:
    return {"_id": message.id.value, "revision": message.revision - 1}
