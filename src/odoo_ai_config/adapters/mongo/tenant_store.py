"""
Where tenants stand, in MongoDB, and the removal of what an erased one leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Final

from bson import ObjectId

from odoo_ai_config.adapters.mongo.audit_log import entry_about
from odoo_ai_config.adapters.mongo.conversations import remove_messages, settle_queues
from odoo_ai_config.adapters.mongo.database import UNLINKED, MongoDatabase, Record, Session
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.records import from_record, read_all, read_one, to_record
from odoo_ai_config.adapters.mongo.transaction import in_transaction
from odoo_ai_config.application.errors import TenantKeyChangedError
from odoo_ai_config.application.ports.tenant_store import TenantStore
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.tenants import (
    CLOSED,
    Remembered,
    Standing,
    TenantContents,
    TenantState,
    TenantVersion,
    refuse_closed,
)

_STEP: Final = 250
# Of messages, whose removal is a transaction.
_SHORT_STEP: Final = 100
_ALL: Final = "all"
_USUAL: Final = Remembered()
# Whose state a process keeps in memory.
_UNUSUAL: Final[Record] = {
    "$or": [
        {"standing": {"$in": [one.value for one in Standing if one is not Standing.ACTIVE]}},
        {"moves.0": {"$exists": True}},
    ]
}


class MongoTenantStore(TenantStore):
    """
    Reads which tenants are not active or have moved at most every two seconds.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._states = database["tenant_states"]

    @translated
    async def current(self, tenant: TenantId) -> TenantState | None:
        return await read_one(self._states, {"_id": tenant.value}, TenantState)

    @translated
    async def remembered(self, tenant: TenantId) -> Remembered:
        return (await self.unusual()).get(tenant, _USUAL)

    @translated
    async def unusual(self) -> Mapping[TenantId, Remembered]:
        cache = self._database.standings
        known = cache.get(_ALL)
        if known is None:
            read_at = cache.now()
            found = await self._states.find(_UNUSUAL, ["standing", "moves", "successor"]).to_list(
                None
            )
            known = {TenantId(record["_id"]): from_record(record, Remembered) for record in found}
            cache.remember(_ALL, known, read_at=read_at)
        return known

    @translated
    async def states(
        self, standings: Collection[Standing], *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[TenantState]:
        if limit < 1:
            return []
        wanted: Record = {"standing": {"$in": _values(standings)}}
        wanted["_id"] = {"$gt": "" if after is None else after.value}
        return await read_all(self._states.find(wanted).sort("_id", 1).limit(limit), TenantState)

    @translated
    async def contents(self, tenant: TenantId) -> TenantContents:
        places = _places(tenant) | {
            "channels": ("mappings", {"owner.tenant": tenant.value}),
        }
        counts = await asyncio.gather(*(self._count(*place) for place in places.values()))
        return TenantContents(**dict(zip(places, counts, strict=True)))

    async def _count(self, collection: str, wanted: Record) -> int:
        pipeline: list[Record] = [{"$match": wanted}, {"$count": "count"}]
        found = await self._database.aggregated(collection, pipeline)
        return sum(one["count"] for one in found)

    @translated
    async def version(self, tenant: TenantId) -> TenantVersion:
        return await _version(self._database, tenant)

    @translated
    async def remove_some(self, tenant: TenantId) -> bool:
        async for removed in self._removals(tenant):
            if removed:
                return True
        return False

    @translated
    async def forget_number(self, tenant: TenantId, number: str) -> None:
        gone: Record = {"numbers": {"comparable": number}}
        wanted: Record = {"owner.tenant": tenant.value, "numbers.comparable": number}
        await self._database["mapping_revisions"].update_many(wanted, {"$pull": gone})

    @translated
    async def scrub(self, *, large: bool) -> bool:  # noqa: ARG002 - the server reuses the space
        # Its files keep what was removed until the space is used again; what was sealed is
        # unreadable there.
        await self._database.require_transactions()
        return True

    async def _removals(self, tenant: TenantId) -> AsyncIterator[bool]:
        """
        Remove a part of each kind, and say whether there was something.
        """
        # What names others goes first: a write that follows on it finds nothing, and brings
        # nothing back behind this.
        for name, (collection, wanted) in _places(tenant).items():
            if name == "messages":
                yield await self._remove_messages(wanted)
            elif name == "revisions":
                yield await self._remove_unlinked({**wanted, **UNLINKED})
                yield await self._remove(collection, {**wanted, "unlinked": None})
            else:
                yield await self._remove(collection, wanted)
        self._database.api_keys.clear()
        numbers: Record = {"owner.tenant": tenant.value, "numbers.0": {"$exists": True}}
        result = await self._database["mapping_revisions"].update_many(
            numbers, {"$set": {"numbers": []}}
        )
        yield result.matched_count > 0

    async def _remove(self, collection: str, wanted: Record) -> bool:
        found = await self._database[collection].find(wanted, ["_id"]).limit(_STEP).to_list(None)
        if found:
            ids = [record["_id"] for record in found]
            await self._database[collection].delete_many({"_id": {"$in": ids}})
        return bool(found)

    async def _remove_unlinked(self, wanted: Record) -> bool:
        """
        Remove revisions that the audit trail does not have yet; it gets their entries.
        """

        async def remove(session: Session) -> bool:
            revisions = self._database["revisions"]
            without_content = {"text": False, "authored": False}
            cursor = revisions.find(wanted, without_content, session=session).limit(_SHORT_STEP)
            found = await cursor.to_list(None)
            if found:
                entries = [{"_id": ObjectId(), **to_record(entry_about(one))} for one in found]
                await self._database["pending_audit"].insert_many(entries, session=session)
                # A cluster finds their shards by their documents.
                names = sorted({one["document"] for one in found})
                removed = {"_id": {"$in": [one["_id"] for one in found]}}
                removed["document"] = {"$in": names}
                await revisions.delete_many(removed, session=session)
            return bool(found)

        return await in_transaction(self._database, remove)

    async def _remove_messages(self, wanted: Record) -> bool:
        async def remove(session: Session) -> bool:
            messages = self._database["messages"]
            fields = ["marks", "conversation"]
            found = (
                await messages.find(wanted, fields, session=session)
                .limit(_SHORT_STEP)
                .to_list(None)
            )
            if not found:
                return False
            await remove_messages(self._database, found, session)
            names = {record["conversation"] for record in found}
            await settle_queues(self._database, names, session)
            return True

        self._database.heads_seen = None
        return await in_transaction(self._database, remove)


def _places(tenant: TenantId) -> dict[str, tuple[str, Record]]:
    """
    What belongs to *tenant* by the names of `TenantContents`, in the order of its removal.
    """
    id_ = tenant.value
    # Names begin with the tenant's id and a slash, which is in no id; "0" is what follows it.
    own = {"$gte": f"{id_}/", "$lt": f"{id_}0"}
    return {
        "documents": ("documents", {"tenant": id_}),
        "revisions": ("revisions", {"document": own}),
        "credentials": ("secrets", {"tenant": id_}),
        "collections": ("collections", {"tenant": id_}),
        "items": ("items", {"collection": own}),
        "messages": ("messages", {"holder.tenant": id_}),
        "conversations": ("conversation_states", {"owner.tenant": id_}),
        "requests": ("deliveries", {"outcome.owner.tenant": id_}),
        "api_keys": ("api_keys", {"tenant": id_}),
        "addresses": ("addresses", {"tenant": id_}),
    }


def _values(standings: Collection[Standing]) -> list[str]:
    return sorted(standing.value for standing in standings)


async def require_open(database: MongoDatabase, tenants: Collection[TenantId]) -> None:
    """
    Raise `TenantErasedError` or `TenantRenamedError` if one of *tenants* is closed.
    """
    wanted = {
        "_id": {"$in": sorted(tenant.value for tenant in tenants)},
        "standing": {"$in": _values(CLOSED)},
    }
    closed = await read_one(database["tenant_states"], wanted, TenantState)
    if closed is not None:
        refuse_closed(closed.tenant, closed)


async def _version(
    database: MongoDatabase, tenant: TenantId, session: Session | None = None
) -> TenantVersion:
    of_tenant: Record = {"tenant": tenant.value}
    revoked: Record = {**of_tenant, "revoked_at": {"$ne": None}}
    places: dict[str, tuple[str, Sequence[Record]]] = {
        "documents": ("documents", _total(of_tenant, "$version")),
        "channels": ("mappings", _total({"owner.tenant": tenant.value}, "$version")),
        "collections": ("collections", _total(of_tenant)),
        "api_keys": ("api_keys", _total(of_tenant)),
        "revoked_api_keys": ("api_keys", _total(revoked)),
        "addresses": ("addresses", _total(of_tenant)),
        "revoked_addresses": ("addresses", _total(revoked)),
        "data_keys": (
            "tenant_keys",
            [{"$match": {"_id": tenant.value}}, {"$project": {"keys.id": True}}],
        ),
    }
    found = await database.gathered(places, session)
    data_keys = {key["id"] for record in found.pop("data_keys") for key in record["keys"]}
    totals = {name: sum(one["number"] for one in some) for name, some in found.items()}
    return TenantVersion(
        tenant,
        documents=totals["documents"],
        channels=totals["channels"],
        collections=totals["collections"],
        api_keys=totals["api_keys"] + totals["revoked_api_keys"],
        addresses=totals["addresses"] + totals["revoked_addresses"],
        data_keys=tuple(sorted(data_keys)),
    )


def _total(wanted: Record, each: str | int = 1) -> list[Record]:
    return [{"$match": wanted}, {"$group": {"_id": None, "number": {"$sum": each}}}]


async def require_version(
    database: MongoDatabase, version: TenantVersion, session: Session
) -> None:
    """
    Raise `RevisionConflictError` if something of a tenant was written after *version*.
    """
    # Whoever writes something of it at the same time writes one of these records and collides.
    uses = database.key_uses.all_of(version.tenant.value)
    await database["key_uses"].bulk_write(uses, session=session)
    if await _version(database, version.tenant, session) != version:
        raise RevisionConflictError


def closes(state: TenantState) -> bool:
    """
    Whether the commit of *state* closes its tenant: `close_uses` comes first in its transaction.
    """
    return state.destroys_keys or state.standing is Standing.RENAMING


async def write_state(database: MongoDatabase, state: TenantState, session: Session) -> None:
    """
    Write *state*, and close or open its tenant for other commits; `close_uses` is done already.

    Raises:
        RevisionConflictError: It does not succeed the stored one.
        TenantKeyChangedError: The tenant has other data keys than those that it destroys.
    """
    states, id_ = database["tenant_states"], state.tenant.value
    stored = await read_one(states, {"_id": id_}, TenantState, session)
    if state.revision != (1 if stored is None else stored.revision + 1):
        raise RevisionConflictError
    await states.replace_one({"_id": id_}, to_record(state), upsert=True, session=session)
    if state.destroys_keys:
        await _close(database, state, session)
    elif state.standing is Standing.RENAMING:
        # Its data keys stay until nothing is sealed under them.
        await close(database, id_, session)
    elif not state.is_closed and stored is not None and stored.is_closed:
        await open_keys(database, id_, session)


async def _close(database: MongoDatabase, state: TenantState, session: Session) -> None:
    keys, id_ = database["tenant_keys"], state.tenant.value
    record = await keys.find_one({"_id": id_}, ["keys.id"], session=session)
    stored = [] if record is None else [key["id"] for key in record["keys"]]
    if set(stored) != set(state.data_keys):
        raise TenantKeyChangedError
    await close_keys(database, id_, session)


async def close_keys(database: MongoDatabase, id_: str, session: Session | None = None) -> None:
    """
    Remove the data keys of a tenant, and keep others from being made.
    """
    gone: Record = {"$set": {"keys": []}, "$unset": {"active": ""}}
    await database["tenant_keys"].update_one({"_id": id_}, gone, session=session)
    await close(database, id_, session)


async def close(database: MongoDatabase, id_: str, session: Session | None = None) -> None:
    """
    Keep others from making the first data key of a tenant.
    """
    # A record without keys stays, so that no commit brings a first one.
    closed: Record = {"$set": {"closed": True}, "$setOnInsert": {"keys": []}}
    await database["tenant_keys"].update_one({"_id": id_}, closed, upsert=True, session=session)


async def close_uses(database: MongoDatabase, id_: str, session: Session | None = None) -> None:
    """
    Keep others from writing anything new of a tenant.

    A writer that never pauses collides with a transaction each time that does this late.
    """
    uses = database.key_uses.closing(id_)
    await database["key_uses"].bulk_write(uses, session=session)


async def open_keys(database: MongoDatabase, id_: str, session: Session | None = None) -> None:
    """
    Let data keys of a tenant be made again, if they were kept from that.
    """
    await database["tenant_keys"].delete_one({"_id": id_, "closed": True}, session=session)
    uses = database.key_uses.opening(id_)
    await database["key_uses"].bulk_write(uses, session=session)
