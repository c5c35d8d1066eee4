"""
Writes of received messages, and the order of the messages in a conversation.

Each transaction that accepts, closes or reopens a message writes to the record of its
conversation. Two of one conversation therefore collide, and neither misses what the other does:
every conversation with an open message has exactly one head, marked `ready`.

A message has its turn by the time of its receipt, or behind the last turn if that is later. So
nothing has to be read where nothing else is open.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final, TypeAlias

from attrs import define, field
from bson import ObjectId
from pymongo import ASCENDING, DeleteOne, InsertOne, UpdateOne

from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record, Session
from odoo_ai_config.adapters.mongo.records import message_record, text_record, to_instant
from odoo_ai_config.adapters.mongo.transaction import BulkWrite, Write
from odoo_ai_config.application.errors import MessageRecordedError
from odoo_ai_config.domain.credentials.secrets import SealedSecret
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.messages.inbox import ANSWER, BODY, OPEN, STUCK, InboxMessage

# The sealed texts of a message, by purpose.
Texts: TypeAlias = Mapping[str, SealedSecret]
# Messages at other stages are finished: no conversation waits for them.
_TAKES_A_TURN: Final = OPEN | STUCK
_AT_REST: Final[Record] = {"turns": 0, "open": 0}


class UnforeseenError(Exception):
    """
    What is stored is not as in the common case, and has to be read.
    """


def takes_part(message: InboxMessage) -> bool:
    """
    Whether the write of *message* depends on its conversation.
    """
    return message.revision > 1 or message.stage in _TAKES_A_TURN


def relies_on_itself(message: InboxMessage, texts: Texts) -> bool:
    """
    Whether *message* keeps the key of its new *texts* alive, because its payload is under it too.

    The write finds out whether it still is.
    """
    return message.revision > 1 and message.is_open and set(texts) == {ANSWER}


def common_writes(message: InboxMessage, texts: Texts, *, ahead: timedelta) -> Iterator[BulkWrite]:
    """
    Writes for the only message of a commit, if nothing else of its conversation is open.

    Otherwise they raise `UnforeseenError`. The server's clock is *ahead*.
    """
    record = message_record(message, ahead=ahead)
    if message.revision == 1:
        turn = to_instant(message.received_at) if message.stage in _TAKES_A_TURN else None
        ready = message.holder.tenant.value if message.is_open else None
        yield from _accepting(message, texts, record | {"turn": turn, "ready": ready})
        if turn is not None:
            at_rest: Record = {"_id": message.conversation, "open": 0, "turns": {"$lt": turn}}
            change = {"$set": {"turns": turn}, "$inc": {"open": int(message.is_open)}}
            yield _of_conversation(partial(UpdateOne, at_rest, change, upsert=True))
        return
    # A new holder would change where its conversation waits.
    place: Record = {"open": True, "holder.tenant": message.holder.tenant.value}
    if relies_on_itself(message, texts):
        place[f"sealed.{BODY}.key_id"] = texts[ANSWER].key_id
    if not message.is_open:
        record["ready"] = None
    write = _advancing(message, texts, record, place)
    yield BulkWrite("messages", [write], UnforeseenError)
    if not message.is_open:
        last = {"_id": message.conversation, "open": 1}
        yield _of_conversation(partial(UpdateOne, last, {"$set": {"open": 0}}))


def _of_conversation(write: Write) -> BulkWrite:
    return BulkWrite("conversations", [write], UnforeseenError)


@define
class Queue:
    """
    A conversation while messages are written to it.

    Args:
        name: `InboxMessage.conversation`.
        place: Its record.
        waiting: Its first open messages, as they are stored: more than are written.
        stored: The stored messages that are written, by id.
    """

    name: str
    place: Record = field(factory=_AT_REST.copy)
    waiting: dict[str, Record] = field(factory=dict)
    stored: dict[str, Record] = field(factory=dict)

    def writes(
        self, messages: Sequence[InboxMessage], texts: Mapping[str, Texts], *, ahead: timedelta
    ) -> Iterator[BulkWrite]:
        """
        Writes for all *messages* of a commit that belong to the conversation.

        The server's clock is *ahead*.

        Raises:
            RevisionConflictError: One does not succeed what is stored.
        """
        stored_heads = {id_ for id_, one in self.waiting.items() if one["ready"] is not None}
        moves = [self._moves(message) for message in messages]
        head = min(self.waiting, key=lambda id_: self.waiting[id_]["turn"], default=None)
        written = set()
        for message in messages:
            id_ = message.id.value
            written.add(id_)
            some = texts.get(id_, {})
            record = message_record(message, ahead=ahead)
            record["turn"] = self.stored[id_]["turn"]
            record["ready"] = message.holder.tenant.value if id_ == head else None
            if message.revision == 1:
                yield from _accepting(message, some, record)
            else:
                write = _advancing(message, some, record, {})
                yield BulkWrite("messages", [write], RevisionConflictError)
        changes = dict.fromkeys(stored_heads - written - {head})
        if head is not None and head not in written | stored_heads:
            changes[head] = self.waiting[head]["holder"]["tenant"]
        if changes:
            yield BulkWrite("messages", [self._appointing(*one) for one in changes.items()])
        if any(moves):
            change = {"$set": self.place}
            write = partial(UpdateOne, {"_id": self.name}, change, upsert=True)
            yield BulkWrite("conversations", [write])

    def _moves(self, message: InboxMessage) -> bool:
        """
        Follow the write of *message*, and return whether others of the conversation see it.
        """
        id_ = message.id.value
        if message.revision == 1:
            # A copy that is stored already is refused by the write.
            before: Record = {"open": False, "turn": None}
        else:
            known = self.stored.get(id_)
            if known is None or known["revision"] != message.revision - 1:
                raise RevisionConflictError
            before = known
        turn = before["turn"]
        if turn is None and message.stage in _TAKES_A_TURN:
            turn = max(self.place["turns"] + 1, to_instant(message.received_at))
            self.place["turns"] = turn
        after: Record = {
            "revision": message.revision,
            "open": message.is_open,
            "turn": turn,
            "ready": None,
            "holder": {"tenant": message.holder.tenant.value},
        }
        self.stored[id_] = after
        self.waiting.pop(id_, None)
        if message.is_open:
            self.waiting[id_] = after
        self.place["open"] += int(message.is_open) - int(before["open"])
        return bool(turn != before["turn"] or message.is_open != before["open"])

    def _appointing(self, id_: str, tenant: str | None) -> Write:
        place = {"_id": id_, "conversation": self.name}
        return partial(UpdateOne, place, {"$set": {"ready": tenant}})


def _accepting(message: InboxMessage, texts: Texts, record: Record) -> Iterator[BulkWrite]:
    marks = [{"_id": mark, "message": message.id.value} for mark in message.origin.marks]
    yield BulkWrite("marks", [partial(InsertOne, mark) for mark in marks], MessageRecordedError)
    new = {
        "_id": message.id.value,
        **record,
        # The order in which messages came, whatever the clocks of the processes say.
        "arrival": ObjectId(),
        "sealed": {purpose: text_record(text) for purpose, text in texts.items()},
    }
    yield BulkWrite("messages", [partial(InsertOne, new)], RevisionConflictError)


def _advancing(message: InboxMessage, texts: Texts, record: Record, place: Record) -> Write:
    sealed = {f"sealed.{purpose}": text_record(text) for purpose, text in texts.items()}
    named = {BODY: message.body, ANSWER: message.answer}
    gone = [purpose for purpose, mark in named.items() if mark is None and purpose not in texts]
    change: Record = {"$set": record | sealed}
    if gone:
        change["$unset"] = {f"sealed.{purpose}": "" for purpose in gone}
    before = {
        "_id": message.id.value,
        "conversation": message.conversation,
        "revision": message.revision - 1,
    }
    return partial(UpdateOne, before | place, change)


async def remove_messages(
    database: MongoDatabase, found: Sequence[Record], session: Session
) -> int:
    """
    Remove the messages that *found* names, with their marks, and return how many there were.

    Together: a mark that stays behind would refuse its message for ever, and a message without
    its marks would be received a second time.
    """
    marks = [mark for record in found for mark in record["marks"]]
    await database["marks"].delete_many({"_id": {"$in": marks}}, session=session)
    ids = [record["_id"] for record in found]
    # A cluster finds their shards by their conversations.
    names = sorted({record["conversation"] for record in found})
    removed = {"_id": {"$in": ids}, "conversation": {"$in": names}}
    result = await database["messages"].delete_many(removed, session=session)
    return result.deleted_count


async def settle_queues(
    database: MongoDatabase, names: Collection[str], session: Session | None = None
) -> None:
    """
    Bring the queues of conversations in step with the messages that are in them.
    """
    wanted: Record = {"conversation": {"$in": sorted(names)}, "open": True}
    cursor = database["messages"].find(
        wanted, ["conversation", "turn", "ready", "holder.tenant"], session=session
    )
    waiting: dict[str, list[Record]] = {name: [] for name in names}
    for record in await cursor.sort("turn", ASCENDING).to_list(None):
        waiting[record["conversation"]].append(record)
    heads, queues = list[UpdateOne](), list[UpdateOne | DeleteOne]()
    for name, messages in waiting.items():
        for number, one in enumerate(messages):
            ready = None if number else one["holder"]["tenant"]
            if one["ready"] != ready:
                place = {"_id": one["_id"], "conversation": name}
                heads.append(UpdateOne(place, {"$set": {"ready": ready}}))
        if messages:
            change = {"$set": {"open": len(messages)}, "$max": {"turns": messages[-1]["turn"]}}
            queues.append(UpdateOne({"_id": name}, change, upsert=True))
        else:
            # The next message has a later turn anyway.
            queues.append(DeleteOne({"_id": name}))
    if heads:
        await database["messages"].bulk_write(heads, ordered=False, session=session)
    await database["conversations"].bulk_write(queues, ordered=False, session=session)
