"""
The audit trail in MongoDB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from heapq import merge
from itertools import islice
from typing import Final

from attrs import frozen
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne

from odoo_ai_config.adapters.mongo.database import UNLINKED, MongoDatabase, Record, Session
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.lease import alone
from odoo_ai_config.adapters.mongo.records import (
    from_instant,
    from_record,
    read_all,
    replaced_id,
    to_record,
)
from odoo_ai_config.adapters.mongo.transaction import BulkWrite, Write, in_transaction, send
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.domain.access import Occasion
from odoo_ai_config.domain.audit import LinkedEntry, TrailEnd, Voucher, linked
from odoo_ai_config.domain.changes import AuditEntry, change_audit, document_audit
from odoo_ai_config.domain.channels.history import MappingChange
from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.identifiers import DocumentKey, TenantId

# The record that says how far the trail goes.
END: Final[Record] = {"_id": "end"}
LINKED: Final[Record] = {"$unset": {"unlinked": "", "reason": "", "request_id": ""}}
# Who listens to what changes hears nothing for so long after a process was killed in its middle.
_KEPT_WAITING: Final = 10.0
# Where pending entries are: their own, and revisions.
_ENTRIES: Final = "pending_audit"
_SOURCES: Final[Mapping[str, Sequence[Record]]] = {
    _ENTRIES: [{"$sort": {"at": 1, "_id": 1}}],
    "revisions": [
        {"$match": UNLINKED},
        {"$sort": {"updated_at": 1}},
        {"$project": {"text": 0, "authored": 0}},
    ],
    "mappings": [{"$match": UNLINKED}, {"$sort": {"updated_at": 1}}],
    "mapping_revisions": [{"$match": UNLINKED}, {"$sort": {"updated_at": 1}}],
}


@frozen
class _Pending:
    """
    An entry, and the write that says that it is linked.
    """

    entry: AuditEntry
    collection: str
    settling: Write


class MongoAuditLog(AuditLog):
    """
    The chain in one collection, to which one process at a time adds.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._chain = database["audit"]

    @translated
    async def entries(
        self, *, tenant: TenantId | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[LinkedEntry]:
        if limit < 1:
            return []
        wanted: Record = {} if tenant is None else {"tenant": tenant.value}
        if before is not None:
            wanted["_id"] = {"$lt": before}
        return await read_all(self._chain.find(wanted).sort("_id", -1).limit(limit), LinkedEntry)

    @translated
    async def chain(self, *, after: int = 0, limit: int = 1000) -> Sequence[LinkedEntry]:
        if limit < 1:
            return []
        cursor = self._chain.find({"_id": {"$gt": after}}).sort("_id", 1).limit(limit)
        return await read_all(cursor, LinkedEntry)

    @translated
    async def end(self) -> tuple[TrailEnd, Voucher | None]:
        return end_in(await self._database["audit_end"].find_one(END))

    @translated
    async def link(self, vouch: Callable[[TrailEnd], Voucher], *, limit: int = 250) -> int:
        waiting = await self._database.gathered(
            {
                name: (name, [*pipeline, {"$limit": 1}, {"$project": {"_id": 1}}])
                for name, pipeline in _SOURCES.items()
            }
        )
        if not any(waiting.values()):
            return 0
        work = partial(self._link, vouch, limit)
        return await alone(self._database, "audit", work, 0, seconds=_KEPT_WAITING)

    async def _link(self, vouch: Callable[[TrailEnd], Voucher], limit: int) -> int:
        async def work(session: Session) -> int:
            places: dict[str, tuple[str, Sequence[Record]]] = {
                name: (name, [*pipeline, {"$limit": limit}]) for name, pipeline in _SOURCES.items()
            }
            places["end"] = ("audit_end", [{"$match": END}])
            found = await self._database.gathered(places, session)
            mapped = [*found["mappings"], *found["mapping_revisions"]]
            before = await replaced_before(self._database, mapped, session)
            sources = [
                (_about_document(record) for record in found["revisions"]),
                (_about_mapping("mappings", one, before) for one in found["mappings"]),
                (
                    _about_mapping("mapping_revisions", one, before)
                    for one in found["mapping_revisions"]
                ),
                (_entry(record) for record in found[_ENTRIES]),
            ]
            some = list(islice(merge(*sources, key=lambda one: one.entry.at), limit))
            if some:
                end, _ = end_in(next(iter(found["end"]), None))
                added = list(linked(end, [one.entry for one in some]))
                await send(self._database, list(_writes(added, some, vouch)), session)
            return len(some)

        return await in_transaction(self._database, work)


async def replaced_before(
    database: MongoDatabase, revisions: Sequence[Record], session: Session | None = None
) -> dict[str, MappingRevision]:
    """
    The revisions of channels before these ones, by their names.
    """
    wanted = [
        {"channel": one.get("channel", one["_id"]), "version": one["version"] - 1}
        for one in revisions
        if one["version"] > 1
    ]
    if not wanted:
        return {}
    cursor = database["mapping_revisions"].find({"$or": wanted}, session=session)
    return {one["_id"]: from_record(one, MappingRevision) async for one in cursor}


def end_in(record: Record | None) -> tuple[TrailEnd, Voucher | None]:
    """
    What the record of `END` says.
    """
    if record is None:
        return TrailEnd(), None
    return TrailEnd(record["number"], record["hash"]), from_record(record["voucher"], Voucher)


def _entry(record: Record) -> _Pending:
    settling = partial(DeleteOne, {"_id": record["_id"]})
    return _Pending(from_record(record, AuditEntry), _ENTRIES, settling)


def entry_about(record: Record) -> AuditEntry:
    """
    The entry about the version of a document that *record* is.
    """
    return document_audit(
        from_record(record, DocumentKey),
        record["version"],
        deleted=record["deleted"],
        author=record["author"],
        at=from_instant(record["updated_at"]),
        occasion=_occasion_of(record),
    )


def _occasion_of(record: Record) -> Occasion:
    return Occasion(record.get("reason"), record.get("request_id"))


def _about_document(record: Record) -> _Pending:
    place = {name: record[name] for name in ("document", "version")}
    return _Pending(entry_about(record), "revisions", partial(UpdateOne, place, LINKED))


def entry_about_mapping(record: Record, before: Mapping[str, MappingRevision]) -> AuditEntry:
    """
    The entry about the revision of a channel that *record* is; *before* has the one before it.
    """
    revision = from_record(record, MappingRevision)
    channel: str = record["channel"] if "channel" in record else record["_id"]
    change = MappingChange.of(revision, before.get(replaced_id(channel, revision.version - 1)))
    return change_audit(change, _occasion_of(record))


def _about_mapping(
    collection: str, record: Record, before: Mapping[str, MappingRevision]
) -> _Pending:
    names = ("_id", "version", "channel")
    place: Record = {name: record[name] for name in names if name in record}
    settling = partial(UpdateOne, place, LINKED)
    return _Pending(entry_about_mapping(record, before), collection, settling)


def _writes(
    added: Sequence[LinkedEntry],
    settled: Sequence[_Pending],
    vouch: Callable[[TrailEnd], Voucher],
) -> Iterator[BulkWrite]:
    end = added[-1].end
    record = {**END, "number": end.number, "hash": end.hash, "voucher": to_record(vouch(end))}
    yield BulkWrite("audit_end", [partial(ReplaceOne, END, record, upsert=True)])
    yield BulkWrite("audit", [partial(InsertOne, to_record(one)) for one in added])
    for name in _SOURCES:
        yield BulkWrite(name, [one.settling for one in settled if one.collection == name])
