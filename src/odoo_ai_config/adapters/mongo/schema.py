"""
The collections with their indexes, and the way from one version of them to the next.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias

from attrs import frozen
from pymongo import DESCENDING, IndexModel, ReplaceOne, UpdateOne

from odoo_ai_config.adapters.mongo.database import (
    ANY_CASE,
    IS_TEXT,
    LOST,
    SCHEMA,
    UNLINKED,
    MongoDatabase,
    Record,
)
from odoo_ai_config.adapters.mongo.lease import LEASES
from odoo_ai_config.adapters.mongo.pruning import batches
from odoo_ai_config.adapters.mongo.records import from_record
from odoo_ai_config.domain.channels.phone import comparable
from odoo_ai_config.domain.identifiers import RETENTION
from odoo_ai_config.domain.messages.inbox import (
    ANSWER,
    BODY,
    HUB_EVENT,
    TEXT_PURPOSES,
    InboxMessage,
)

# Takes how many more records a step has seen.
Progress: TypeAlias = Callable[[int], None]
_ACTIVE: Final[Record] = {"active": True}
# The revisions that the audit trail does not have yet.
_PENDING: Final = IndexModel(["updated_at"], name="pending", partialFilterExpression=UNLINKED)
# Every collection, with its indexes beside that of `_id`. It exists before the first transaction.
COLLECTIONS: Final[Mapping[str, Sequence[IndexModel]]] = {
    "documents": [
        # Covers the listing of tenants: no document is read for it.
        IndexModel(["tenant", "domain", "kind", "deleted"], name="of_tenant"),
        IndexModel(["tenant", "deleted"], name="spelling", collation=ANY_CASE),
        # Of the tenants that have a policy of their own; the others cost nothing.
        IndexModel(
            ["tenant"], name="retention", partialFilterExpression={"kind": RETENTION.value}
        ),
    ],
    "revisions": [
        IndexModel(["document", "version"], name="version", unique=True),
        _PENDING,
    ],
    "mappings": [
        IndexModel(["owner.tenant", "_id"], name="of_tenant"),
        IndexModel(["account", "owner.tenant"], name="presence", partialFilterExpression=_ACTIVE),
        IndexModel(["numbers.comparable"], name="number", partialFilterExpression=_ACTIVE),
        IndexModel(
            ["sequence", "owner.tenant", "owner.domain", "_id"],
            name="fallback",
            partialFilterExpression={"active": True, "fallback": True},
        ),
        IndexModel(["updated_at", "_id"], name="by_time"),
        _PENDING,
    ],
    # Those that a newer one replaced.
    "mapping_revisions": [
        IndexModel(["channel", "version"], name="version", unique=True),
        IndexModel(["updated_at", "channel", "version"], name="by_time"),
        IndexModel(["owner.tenant", "updated_at", "channel", "version"], name="of_tenant"),
        # Those after which the channel went to another tenant: by the time of that, by channel.
        IndexModel(
            ["owner.tenant", "lost_at", "channel", "version"],
            name="lost_by_time",
            partialFilterExpression=LOST,
        ),
        IndexModel(
            ["owner.tenant", "channel"], name="lost_channels", partialFilterExpression=LOST
        ),
        _PENDING,
    ],
    "secrets": [
        IndexModel(["tenant", "key_id"], name="sealed_by"),
        IndexModel(["tenant", "domain"], name="of_area"),
    ],
    "tenant_keys": [IndexModel(["keys.master_id"], name="wrapped_by")],
    # Idempotency records, under their first name.
    "deliveries": [IndexModel(["expires_at"], name="expiry")],
    "collections": [IndexModel(["tenant", "name"], name="of_tenant")],
    "items": [
        IndexModel(["collection", "version", "id"], name="of_collection"),
        # Covers comparing a whole collection: no text is read for it.
        IndexModel(["collection", "id", "digest"], name="digests"),
        IndexModel(
            ["collection", "version"],
            name="traces",
            # Only tombstones have a number in this field.
            partialFilterExpression={"removed_at": {"$gt": 0}},
        ),
    ],
    # By number. Nothing is ever changed or removed here.
    "audit": [IndexModel(["tenant", ("_id", DESCENDING)], name="by_tenant")],
    # Entries of commits, until they are linked.
    "pending_audit": [IndexModel(["at", "_id"], name="oldest")],
    "audit_end": [],
    "messages": [
        # The heads of all conversations.
        IndexModel(["due_at", "ready"], name="due", partialFilterExpression={"ready": IS_TEXT}),
        IndexModel(["conversation", "turn"], name="queue", partialFilterExpression={"open": True}),
        IndexModel(["conversation", ("arrival", DESCENDING)], name="by_conversation"),
        # Covers the counting of those that wait: no message is read for it.
        IndexModel(
            ["stage", ("arrival", DESCENDING), "received_at", "origin.event"], name="at_stage"
        ),
        IndexModel(["holder.tenant", "stage", ("arrival", DESCENDING)], name="of_tenant"),
        IndexModel(["stage", "updated_at", "_id"], name="by_stage"),
        IndexModel(
            ["origin.delivery"],
            name="events",
            partialFilterExpression={"origin.event": HUB_EVENT},
        ),
        # Those of earlier versions have none and a text: they are found by that.
        IndexModel(["persons", "body"], name="of_persons"),
        *(
            IndexModel(
                ["holder.tenant", f"sealed.{purpose}.key_id"],
                name=f"{purpose}_sealed_by",
                partialFilterExpression={f"sealed.{purpose}.key_id": IS_TEXT},
            )
            for purpose in TEXT_PURPOSES
        ),
    ],
    # What recognises a message that comes again.
    "marks": [],
    "conversation_states": [
        IndexModel(["owner.tenant", "account", "id"], name="of_tenant"),
        IndexModel(["account", "id"], name="all"),
        IndexModel(["updated_at"], name="by_time"),
    ],
    "addresses": [
        IndexModel(["tenant", "_id"], name="of_tenant"),
        IndexModel(
            ["revoked_at"], name="revoked", partialFilterExpression={"revoked_at": {"$gt": 0}}
        ),
    ],
    "api_keys": [IndexModel(["created_at", "_id"], name="oldest")],
    # The queue of each conversation.
    "conversations": [
        IndexModel(["turns"], name="at_rest", partialFilterExpression={"open": 0}),
    ],
    # Where tenants stand that are not, or were not always, active.
    "tenant_states": [IndexModel(["standing", "_id"], name="by_standing")],
    "key_uses": [],
    "channel_claims": [],
    "checks": [],
    # Who does the work that one process does at a time.
    LEASES: [],
    # The version of the records.
    SCHEMA: [],
}

# Indexes of earlier versions that nothing reads any more, by collection. A changed index gets a
# new name and its old one comes here, so that it is there until the new one is.
FORMER: Final[Mapping[str, Sequence[str]]] = {
    "audit": ["newest", "of_tenant"],
    "documents": ["living"],
    "mappings": ["owner"],
    "messages": ["marks", "ready", "turns", "of_conversation", "finished", "newest"],
    "secrets": ["purpose"],
}

# By what a cluster may spread each collection that grows: docs/scaling.md. No record ever changes
# these fields, and every write of one record names them. The others stay on one shard.
SHARD_KEYS: Final[Mapping[str, Mapping[str, int | str]]] = {
    # Ids that begin with the tenant, whose records are therefore beside one another.
    "documents": {"_id": 1},
    "secrets": {"_id": 1},
    "items": {"_id": 1},
    # A unique index has to begin with the key.
    "revisions": {"document": 1, "version": 1},
    "mapping_revisions": {"channel": 1, "version": 1},
    # A conversation has all its messages on one shard.
    "messages": {"conversation": "hashed"},
    # Some ids begin with the time: in ranges, all new records would go to one shard.
    "marks": {"_id": "hashed"},
    "conversations": {"_id": "hashed"},
    "conversation_states": {"_id": "hashed"},
    "key_uses": {"_id": "hashed"},
    "deliveries": {"_id": "hashed"},
    "audit": {"_id": "hashed"},
    "pending_audit": {"_id": "hashed"},
}


@frozen
class Step:
    """
    What leads from one version of the stored records to the next.

    Args:
        name: What it does, for the operator.
        over: The collection that it reads: its size tells how long the step takes.
        run: Changes the records, in batches. It may be interrupted anywhere and then begins from
            its start, so it looks for what is still to do.
    """

    name: str
    over: str
    run: Callable[[MongoDatabase, Progress], Awaitable[None]]


# The field of a message that has the fingerprint of its text, by purpose.
_NAMED: Final[Mapping[str, str]] = {BODY: "body", ANSWER: "answer"}
# What earlier versions stored as comparable forms, of which some are others now.
_COMPARED_OTHERWISE: Final = "^(55[1-9][0-9][0-5][0-9]{7}|(549|521)[0-9]{10})$"


async def _compare_numbers_anew(database: MongoDatabase, progress: Progress) -> None:
    """
    Correct what earlier versions stored as comparable forms.

    They took Brazil's ninth digit from every number of a mobile's length, so that
    `55 DD 9 3333-4444` was the landline `55 DD 3333-4444`, and left Argentina's 9 and Mexico's
    1 where they were.
    """
    taken: Record = {"active": True, "numbers.comparable": {"$regex": _COMPARED_OTHERWISE}}
    async for record in database["mappings"].find(taken, ["numbers"]):
        before = record["numbers"]
        after = [{**one, "comparable": comparable(one["digits"])} for one in before]
        if after != before:
            await database["mappings"].update_one(
                {"_id": record["_id"], "numbers": before}, {"$set": {"numbers": after}}
            )
        progress(1)


async def _move_texts(database: MongoDatabase, progress: Progress) -> None:
    """
    Move the sealed texts of messages from beside the credentials into their messages.
    """
    texts: Record = {"purpose": {"$in": list(TEXT_PURPOSES)}}
    async for batch in batches(database, "secrets", texts):
        moved = [
            UpdateOne(
                {
                    "_id": text["ref"],
                    "holder": {"tenant": text["tenant"], "domain": text["domain"]},
                    # Those that a newer text replaced are left behind.
                    _NAMED[text["purpose"]]: text["fingerprint"],
                },
                {
                    "$set": {
                        f"sealed.{text['purpose']}": {
                            field: text[field] for field in ("fingerprint", "key_id", "envelope")
                        }
                    }
                },
            )
            for text in batch
        ]
        await database["messages"].bulk_write(moved, ordered=False)
        await database["secrets"].delete_many({"_id": {"$in": [text["_id"] for text in batch]}})
        progress(len(batch))


async def _move_marks(database: MongoDatabase, progress: Progress) -> None:
    """
    Copy the marks of messages to a collection of their own, and name every conversation.
    """
    async for batch in batches(database, "messages", {}, {"sealed": False}):
        marks = [
            UpdateOne({"_id": mark}, {"$setOnInsert": {"message": one["_id"]}}, upsert=True)
            for one in batch
            for mark in one["marks"]
        ]
        if marks:
            await database["marks"].bulk_write(marks, ordered=False)
        named = [
            UpdateOne(
                {"_id": one["_id"], "conversation": None},
                {"$set": {"conversation": from_record(one, InboxMessage).conversation}},
            )
            for one in batch
            if one.get("conversation") is None
        ]
        if named:
            await database["messages"].bulk_write(named, ordered=False)
        progress(len(batch))


async def _begin_trail(database: MongoDatabase, progress: Progress) -> None:
    """
    Make everything pending that happened before the audit trail became a chain.
    """
    async for batch in batches(database, "audit", {"hash": None}):
        moved = [ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in batch]
        await database["pending_audit"].bulk_write(moved, ordered=False)
        await database["audit"].delete_many({"_id": {"$in": [one["_id"] for one in batch]}})
    for name in ("mappings", "mapping_revisions", "revisions"):
        async for batch in batches(database, name, {"unlinked": None}, ["_id"]):
            named = {"_id": {"$in": [one["_id"] for one in batch]}}
            await database[name].update_many(named, {"$set": UNLINKED})
            progress(len(batch))


# Item n leads from version n to version n + 1. Never change one that was released. All indexes of
# `COLLECTIONS` are there when a step runs.
STEPS: Final = (
    Step("comparar de novo os números especiais", "mappings", _compare_numbers_anew),
    Step("juntar os textos às mensagens", "secrets", _move_texts),
    Step("separar as marcas das mensagens", "messages", _move_marks),
    Step("encadear a trilha de auditoria", "revisions", _begin_trail),
)
