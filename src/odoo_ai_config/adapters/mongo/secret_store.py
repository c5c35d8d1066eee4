"""
Sealed values in MongoDB, and the data keys of each tenant in one record.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from odoo_ai_config.adapters.mongo.database import IS_TEXT, MongoDatabase, Record, Session
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.read_ahead import reading_in
from odoo_ai_config.adapters.mongo.records import (
    read_all,
    read_one,
    secret_id,
    tenant_keys_from,
    texts_from,
    to_record,
)
from odoo_ai_config.adapters.mongo.transaction import in_transaction
from odoo_ai_config.adapters.mongo.uses import TOUCH
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.domain.credentials.secrets import (
    CREDENTIAL,
    Fingerprint,
    SealContext,
    SealedSecret,
    TenantKey,
)
from odoo_ai_config.domain.identifiers import CredentialRef, TenantArea, TenantId
from odoo_ai_config.domain.messages.inbox import TEXT_PURPOSES


class MongoSecretStore(SecretStore):
    """
    Holds wrapped keys and envelopes, which nothing here can open.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._keys = database["tenant_keys"]
        self._secrets = database["secrets"]
        self._messages = database["messages"]
        self._sealing_keys = database.sealing_keys

    @translated
    async def active_key(self, tenant: TenantId) -> TenantKey | None:
        keys = await self._keys_of(tenant)
        return keys[-1] if keys else None

    @translated
    async def active_keys(
        self, *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[TenantKey]:
        # A closed tenant has a record without keys.
        beyond = {"_id": {"$gt": "" if after is None else after.value}, "active": IS_TEXT}
        cursor = self._keys.find(beyond).sort("_id", 1).limit(limit)
        return [tenant_keys_from(record)[-1] async for record in cursor]

    async def sealing_key(self, tenant: TenantId) -> TenantKey | None:
        key = self._sealing_keys.get(tenant)
        if key is None:
            read_at = self._sealing_keys.now()
            key = await self.active_key(tenant)
            if key is not None:
                self._sealing_keys.remember(tenant, key, read_at=read_at)
        return key

    @translated
    async def tenant_key(self, tenant: TenantId, key_id: str) -> TenantKey | None:
        reading = reading_in(self._database)
        known = None if reading is None else reading.tenant_key(tenant, key_id)
        if known is not None:
            return known
        keys = await self._keys_of(tenant)
        return next((key for key in keys if key.key_id == key_id), None)

    @translated
    async def keys_of(self, tenant: TenantId) -> Sequence[TenantKey]:
        return await self._keys_of(tenant)

    @translated
    async def sealed(self, context: SealContext, fingerprint: Fingerprint) -> SealedSecret | None:
        reading = reading_in(self._database)
        if context.purpose not in TEXT_PURPOSES:
            id_ = secret_id(context, fingerprint)
            known = None if reading is None else reading.secret(id_)
            return known or await read_one(self._secrets, {"_id": id_}, SealedSecret)
        known = None if reading is None else reading.text(context, fingerprint)
        if known is not None:
            return known
        place = _place_of_text(context, fingerprint)
        record = await self._messages.find_one(place, ["holder", f"sealed.{context.purpose}"])
        return None if record is None else texts_from(record)[0]

    @translated
    async def stored_in(
        self, owner: TenantArea
    ) -> Mapping[CredentialRef, Collection[Fingerprint]]:
        found: dict[CredentialRef, set[Fingerprint]] = {}
        wanted = {**to_record(owner), "purpose": CREDENTIAL}
        async for record in self._secrets.find(wanted, ["ref", "fingerprint"]):
            marks = found.setdefault(CredentialRef(record["ref"]), set())
            marks.add(Fingerprint(record["fingerprint"]))
        return found

    @translated
    async def master_ids(self) -> Mapping[str, int]:
        groups = await self._database.aggregated(
            "tenant_keys",
            [
                {"$project": {"keys.master_id": True}},
                {"$unwind": "$keys"},
                {"$group": {"_id": "$keys.master_id", "count": {"$sum": 1}}},
            ],
        )
        return {group["_id"]: group["count"] for group in groups}

    @translated
    async def keys_not_wrapped_by(self, master_id: str, *, limit: int) -> Sequence[TenantKey]:
        if limit < 1:
            return []
        others = {"keys": {"$elemMatch": {"master_id": {"$ne": master_id}}}}
        cursor = self._keys.find(others).sort("_id", 1).limit(limit)
        found = [
            key
            for record in await cursor.to_list(None)
            for key in tenant_keys_from(record)
            if key.master_id != master_id
        ]
        return found[:limit]

    @translated
    async def rewrap(self, old: TenantKey, new: TenantKey) -> bool:
        result = await self._keys.update_one(_exactly(old), {"$set": {"keys.$": to_record(new)}})
        return result.matched_count == 1

    @translated
    async def add_key(self, key: TenantKey, *, successor_of: TenantKey) -> bool:
        async def succeed(session: Session) -> bool:
            result = await self._keys.update_one(
                _exactly(successor_of) | {"active": successor_of.key_id},
                {"$push": {"keys": to_record(key)}, "$set": {"active": key.key_id}},
                session=session,
            )
            if result.matched_count == 0:
                return False
            await self._forget_uses(key.tenant, session)
            return True

        return await in_transaction(self._database, succeed)

    @translated
    async def secrets_not_sealed_by(self, key: TenantKey, *, limit: int) -> Sequence[SealedSecret]:
        if limit < 1:
            return []
        cursor = self._secrets.find(_sealed_by_others(key)).limit(limit)
        found = await read_all(cursor, SealedSecret)
        for purpose, place in _texts_sealed_by_others(key).items():
            if len(found) == limit:
                # To MongoDB a limit of 0 is none.
                break
            messages = self._messages.find(place, ["holder", f"sealed.{purpose}"])
            for record in await messages.limit(limit - len(found)).to_list(None):
                found += texts_from(record)
        return found

    @translated
    async def reseal(self, old: SealedSecret, new: SealedSecret) -> bool:
        collection, place, change = _replacing(old, new)
        key = {"_id": new.context.tenant.value, "keys.id": new.key_id}

        async def replace(session: Session) -> bool:
            used = await self._keys.update_one(key, TOUCH, session=session)
            if used.matched_count == 0:
                return False
            shard: Record = {}
            if collection == "messages":
                # A cluster finds the shard of a message by its conversation.
                found = await self._messages.find_one(place, ["conversation"], session=session)
                if found is None:
                    return False
                shard = found
            result = await self._database[collection].update_one(
                place | shard, {"$set": change}, session=session
            )
            return result.matched_count == 1

        return await in_transaction(self._database, replace)

    @translated
    async def retire_keys(self, active: TenantKey) -> bool:
        async def remove_others(session: Session) -> bool:
            if await self._secrets.find_one(_sealed_by_others(active), session=session):
                return False
            for place in _texts_sealed_by_others(active).values():
                if await self._messages.find_one(place, ["_id"], session=session):
                    return False
            # A commit that seals with another key writes to one of these records and collides.
            await self._forget_uses(active.tenant, session)
            result = await self._keys.update_one(
                _exactly(active) | {"active": active.key_id},
                {"$pull": {"keys": {"id": {"$ne": active.key_id}}}},
                session=session,
            )
            return result.matched_count == 1

        return await in_transaction(self._database, remove_others)

    async def _forget_uses(self, tenant: TenantId, session: Session) -> None:
        uses = self._database.key_uses.all_of(tenant.value)
        await self._database["key_uses"].bulk_write(uses, session=session)

    async def _keys_of(self, tenant: TenantId) -> list[TenantKey]:
        record = await self._keys.find_one({"_id": tenant.value})
        return [] if record is None else tenant_keys_from(record)


def _exactly(key: TenantKey) -> Record:
    return {"_id": key.tenant.value, "keys": {"$elemMatch": to_record(key)}}


def _sealed_by_others(key: TenantKey) -> Record:
    return {"tenant": key.tenant.value, "key_id": {"$ne": key.key_id}}


def _texts_sealed_by_others(key: TenantKey) -> dict[str, Record]:
    # By purpose: each is answered by an index of its own.
    return {
        purpose: {
            "holder.tenant": key.tenant.value,
            f"sealed.{purpose}.key_id": IS_TEXT | {"$ne": key.key_id},
        }
        for purpose in TEXT_PURPOSES
    }


def _place_of_text(context: SealContext, fingerprint: Fingerprint) -> Record:
    return {
        "_id": context.ref.value,
        "holder": to_record(context.owner),
        f"sealed.{context.purpose}.fingerprint": fingerprint.value,
    }


def _replacing(old: SealedSecret, new: SealedSecret) -> tuple[str, Record, Record]:
    """
    The collection and the place of *old*, and what *new* changes there.
    """
    context = old.context
    collection, place, field = "secrets", {"_id": secret_id(context, old.fingerprint)}, ""
    if context.purpose in TEXT_PURPOSES:
        collection, place = "messages", _place_of_text(context, old.fingerprint)
        field = f"sealed.{context.purpose}."
    before = {f"{field}key_id": old.key_id, f"{field}envelope": old.envelope}
    change = {f"{field}key_id": new.key_id, f"{field}envelope": new.envelope}
    return collection, place | before, change
