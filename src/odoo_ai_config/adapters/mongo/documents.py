"""
The records of the database and the domain objects that they stand for.

By hand: this is the hot path of every request, and a reader sees here how the data lies in
the database. Names that come from outside are values and never field names. Instants are
microseconds since 1970: a BSON date keeps milliseconds only.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import asdict

from odoo_ai_config.adapters.mongo.database import Record
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import (
    AuditAction,
    AuditEntry,
    AuditId,
    Claim,
    Delivery,
    DeliveryId,
)
from odoo_ai_config.domain.channels.mapping import (
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    SpecialNumber,
)
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.collections import (
    CollectionHead,
    CollectionKey,
    CollectionName,
    Item,
    ItemState,
)
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    TenantKey,
)
from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import (
    BusinessDomain,
    ChatwootId,
    CredentialRef,
    DocumentKey,
    DocumentKind,
    TenantDomain,
    TenantId,
)
from odoo_ai_config.domain.outcomes import ItemCounts, Notice, Outcome, WriteKind

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def instant_record(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def instant_from(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def revision_record(revision: Revision) -> Record:
    """
    A revision without an ``_id``: the newest is kept under its key, each in the history.
    """
    key, authored = revision.key, revision.document.authored
    return {
        "tenant": key.tenant.value,
        "domain": key.domain.value,
        "kind": key.kind.value,
        "version": revision.version,
        "text": revision.document.text,
        "authored": None if authored is None else {"text": authored.text, "exact": authored.exact},
        "created_at": instant_record(revision.created_at),
        "updated_at": instant_record(revision.updated_at),
        "author": revision.author,
        "deleted": revision.deleted,
    }


def document_key_from(record: Record) -> DocumentKey:
    return DocumentKey(
        TenantId(record["tenant"]), BusinessDomain(record["domain"]), DocumentKind(record["kind"])
    )


def revision_from(record: Record) -> Revision:
    authored = record["authored"]
    return Revision(
        key=document_key_from(record),
        version=record["version"],
        document=Document(
            record["text"],
            None if authored is None else AuthoredYaml(authored["text"], authored["exact"]),
        ),
        created_at=instant_from(record["created_at"]),
        updated_at=instant_from(record["updated_at"]),
        author=record["author"],
        deleted=record["deleted"],
    )


def mapping_record(revision: MappingRevision) -> Record:
    mapping = revision.mapping
    key = mapping.key
    return {
        "_id": str(key),
        "account": None if key.account is None else key.account.value,
        "inbox": None if key.inbox is None else key.inbox.value,
        "holder": None if key.holder is None else owner_record(key.holder),
        "owner": owner_record(mapping.owner),
        "sequence": mapping.sequence,
        "fallback": mapping.fallback,
        "active": mapping.active,
        "numbers": [
            {
                "digits": special.number.digits,
                "comparable": special.number.comparable,
                "crew": special.crew,
            }
            for special in mapping.numbers
        ],
        "version": revision.version,
        "created_at": instant_record(revision.created_at),
        "updated_at": instant_record(revision.updated_at),
        "author": revision.author,
    }


def mapping_from(record: Record) -> MappingRevision:
    account, inbox, holder = record["account"], record["inbox"], record["holder"]
    return MappingRevision(
        mapping=ChannelMapping(
            key=ChannelKey(
                None if account is None else ChatwootId(account),
                None if inbox is None else ChatwootId(inbox),
                None if holder is None else owner_from(holder),
            ),
            owner=owner_from(record["owner"]),
            # Negative ones were taken once.
            sequence=max(0, record["sequence"]),
            fallback=record["fallback"],
            numbers=tuple(
                SpecialNumber(PhoneNumber(number["digits"]), number["crew"])
                for number in record["numbers"]
            ),
            active=record["active"],
        ),
        version=record["version"],
        created_at=instant_from(record["created_at"]),
        updated_at=instant_from(record["updated_at"]),
        author=record["author"],
    )


def secret_id(context: SealContext, fingerprint: Fingerprint) -> str:
    """
    Name a sealed value. The purpose may hold anything, but what surrounds it has no slash.
    """
    return f"{context.owner}/{context.ref}/{context.purpose}/{fingerprint.value}"


def secret_record(secret: SealedSecret) -> Record:
    context = secret.context
    return {
        "_id": secret_id(context, secret.fingerprint),
        "tenant": context.tenant.value,
        "domain": context.domain.value,
        "ref": context.ref.value,
        "purpose": context.purpose,
        "fingerprint": secret.fingerprint.value,
        "key_id": secret.key_id,
        "envelope": secret.envelope,
    }


def secret_from(record: Record) -> SealedSecret:
    return SealedSecret(
        context=SealContext(
            owner=owner_from(record), ref=CredentialRef(record["ref"]), purpose=record["purpose"]
        ),
        fingerprint=Fingerprint(record["fingerprint"]),
        key_id=record["key_id"],
        envelope=record["envelope"],
    )


def tenant_key_record(key: TenantKey) -> Record:
    """
    One entry in the list of a tenant's data keys.
    """
    return {
        "id": key.key_id,
        "master_id": key.master_id,
        "wrapped": key.wrapped,
        "created_at": instant_record(key.created_at),
    }


def tenant_keys_from(record: Record) -> list[TenantKey]:
    """
    Every data key of one tenant, oldest first.
    """
    return [
        TenantKey(
            tenant=TenantId(record["_id"]),
            key_id=key["id"],
            master_id=key["master_id"],
            wrapped=key["wrapped"],
            created_at=instant_from(key["created_at"]),
        )
        for key in record["keys"]
    ]


def delivery_id_record(delivery_id: DeliveryId) -> Record:
    return {"caller": delivery_id.caller, "key": delivery_id.key}


def delivery_record(delivery: Delivery) -> Record:
    outcome = delivery.outcome
    return {
        "_id": delivery_id_record(delivery.claim.id),
        "digest": delivery.claim.digest,
        "outcome": {
            "kind": outcome.kind.value,
            "owner": owner_record(outcome.owner),
            "versions": [{"of": name, "version": n} for name, n in outcome.versions.items()],
            "changed": outcome.changed,
            "at": instant_record(outcome.at),
            "notices": [
                {"code": notice.code, "field": notice.field} for notice in outcome.notices
            ],
            "items": None if outcome.items is None else asdict(outcome.items),
            "digests": [{"of": name, "digest": d} for name, d in outcome.digests.items()],
        },
        "recorded_at": instant_record(delivery.recorded_at),
        "expires_at": instant_record(delivery.expires_at),
    }


def delivery_from(record: Record) -> Delivery:
    outcome = record["outcome"]
    # Outcomes that older versions recorded say nothing of items and digests.
    items = outcome.get("items")
    return Delivery(
        claim=Claim(DeliveryId(record["_id"]["caller"], record["_id"]["key"]), record["digest"]),
        outcome=Outcome(
            kind=WriteKind(outcome["kind"]),
            owner=owner_from(outcome["owner"]),
            versions={entry["of"]: entry["version"] for entry in outcome["versions"]},
            changed=outcome["changed"],
            at=instant_from(outcome["at"]),
            notices=tuple(Notice(entry["code"], entry["field"]) for entry in outcome["notices"]),
            items=None if items is None else ItemCounts(**items),
            digests={entry["of"]: entry["digest"] for entry in outcome.get("digests", ())},
        ),
        recorded_at=instant_from(record["recorded_at"]),
        expires_at=instant_from(record["expires_at"]),
    )


def collection_record(head: CollectionHead) -> Record:
    """
    What a push says of a collection, and its name; how far traces were pruned it does not know.
    """
    return {
        "tenant": head.key.tenant.value,
        "name": head.key.name.value,
        "version": head.version,
        "size": head.size,
        "created_at": instant_record(head.created_at),
        "updated_at": instant_record(head.updated_at),
    }


def collection_from(record: Record) -> CollectionHead:
    return CollectionHead(
        CollectionKey(TenantId(record["tenant"]), CollectionName(record["name"])),
        version=record["version"],
        size=record["size"],
        created_at=instant_from(record["created_at"]),
        updated_at=instant_from(record["updated_at"]),
        floor=record["floor"],
    )


def item_place(key: CollectionKey, id_: str) -> str:
    """
    Name an item. Its id may hold anything, but what stands before it has one slash.
    """
    return f"{key}/{id_}"


def item_record(head: CollectionHead, item: Item) -> Record:
    return {
        "_id": item_place(head.key, item.id),
        "collection": str(head.key),
        "id": item.id,
        "version": head.version,
        "digest": item.digest,
        "text": item.text,
        "removed_at": None,
    }


def trace_record(head: CollectionHead) -> Record:
    """
    What the record of an item becomes when the push that led to *head* removes it.
    """
    return {
        "version": head.version,
        "digest": None,
        "text": None,
        "removed_at": instant_record(head.updated_at),
    }


def item_from(record: Record) -> Item:
    return Item(record["id"], record["text"], record["digest"])


def item_state_from(record: Record) -> ItemState:
    item = None if record["text"] is None else item_from(record)
    return ItemState(record["id"], record["version"], item)


def audit_record(entry: AuditEntry) -> Record:
    return {
        "at": instant_record(entry.at),
        "action": entry.action.value,
        "actor": entry.actor,
        "tenant": None if entry.tenant is None else entry.tenant.value,
        "subject": entry.subject,
        "request_id": entry.request_id,
    }


def audit_from(record: Record) -> AuditEntry:
    return AuditEntry(
        at=instant_from(record["at"]),
        action=AuditAction(record["action"]),
        actor=record["actor"],
        tenant=None if record["tenant"] is None else TenantId(record["tenant"]),
        subject=record["subject"],
        request_id=record["request_id"],
        id=AuditId(str(record["_id"])),
    )


def api_key_record(key: ApiKey) -> Record:
    return {
        "_id": key.id,
        "name": key.name,
        "digest": key.digest,
        "scopes": sorted(scope.value for scope in key.scopes),
        "tenant": None if key.tenant is None else key.tenant.value,
        "created_at": instant_record(key.created_at),
        "revoked_at": None if key.revoked_at is None else instant_record(key.revoked_at),
    }


def api_key_from(record: Record) -> ApiKey:
    revoked_at = record["revoked_at"]
    return ApiKey(
        id=record["_id"],
        name=record["name"],
        digest=record["digest"],
        scopes=frozenset(map(Scope, record["scopes"])),
        tenant=None if record["tenant"] is None else TenantId(record["tenant"]),
        created_at=instant_from(record["created_at"]),
        revoked_at=None if revoked_at is None else instant_from(revoked_at),
    )


def owner_record(owner: TenantDomain) -> Record:
    return {"tenant": owner.tenant.value, "domain": owner.domain.value}


def owner_from(record: Record) -> TenantDomain:
    return TenantDomain(TenantId(record["tenant"]), BusinessDomain(record["domain"]))
