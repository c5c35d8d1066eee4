"""
What one event writes: a changeset, which a store commits as a whole or not at all.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.domain.access import NO_OCCASION, ApiKey, Occasion, TokenUse
from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.channels.history import MappingChange
from odoo_ai_config.domain.channels.mapping import (
    ChannelClaim,
    ChannelMapping,
    MappingDecision,
    MappingRevision,
)
from odoo_ai_config.domain.collections import CollectionChange
from odoo_ai_config.domain.conversations.state import Sighting
from odoo_ai_config.domain.credentials.secrets import SealContext, SealedSecret, TenantKey
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import HUB, DocumentKey, TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.domain.tenants import TenantState, TenantVersion


@frozen
class IdempotencyKey:
    """
    An idempotency key and the caller that chose it: callers do not share keys.
    """

    caller: str
    key: str

    def __str__(self) -> str:
        return f"{self.caller}:{self.key}"


@frozen
class Claim:
    """
    A request that must run only once: its idempotency key and the digest of its content.
    """

    id: IdempotencyKey
    digest: str


@frozen
class IdempotencyRecord:
    """
    The record of a request that was done, for the answer to its repetition.

    Args:
        expires_at: When the hub may forget it.
    """

    claim: Claim
    outcome: Outcome
    recorded_at: datetime
    expires_at: datetime


class AuditAction(enum.Enum):
    """
    The actions that the audit trail records.
    """

    CREDENTIAL_READ = "credential_read"
    CREDENTIAL_DELETED = "credential_deleted"
    DOCUMENT_CHANGED = "document_changed"
    DOCUMENT_DELETED = "document_deleted"
    COLLECTION_CHANGED = "collection_changed"
    CHANNEL_CHANGED = "channel_changed"
    CHANNEL_MOVED = "channel_moved"
    ACCOUNT_ENTERED = "account_entered"
    FALLBACK_SET = "fallback_set"
    NUMBER_SHARED = "number_shared"
    MAPPING_ROLLED_BACK = "mapping_rolled_back"
    KEY_CREATED = "key_created"
    KEY_ROTATED = "key_rotated"
    KEY_REVOKED = "key_revoked"
    ADDRESS_CREATED = "address_created"
    ADDRESS_REVOKED = "address_revoked"
    MASTER_KEY_ROTATED = "master_key_rotated"
    MASTER_KEY_DROPPED = "master_key_dropped"
    TENANT_KEY_ROTATED = "tenant_key_rotated"
    STORED_SECRETS_SEALED = "stored_secrets_sealed"
    MESSAGE_READ = "message_read"
    MESSAGE_REPLAYED = "message_replayed"
    MESSAGE_DISCARDED = "message_discarded"
    CONVERSATION_PAUSED = "conversation_paused"
    CONVERSATION_RESUMED = "conversation_resumed"
    CHANNEL_PAUSED = "channel_paused"
    CHANNEL_RESUMED = "channel_resumed"
    TENANT_PAUSED = "tenant_paused"
    TENANT_RESUMED = "tenant_resumed"
    STORE_RESTORED = "store_restored"
    PERSON_EXPORTED = "person_exported"
    PERSON_ERASED = "person_erased"
    TENANT_SUSPENDED = "tenant_suspended"
    SUSPENSION_ENDED = "suspension_ended"
    ERASURE_BEGUN = "erasure_begun"
    TENANT_ERASED = "tenant_erased"
    TENANT_REOPENED = "tenant_reopened"
    AREA_MOVED = "area_moved"
    TENANT_RENAMED = "tenant_renamed"
    RENAME_FINISHED = "rename_finished"


@frozen
class AuditEntry:
    """
    Who did what to which tenant, and when.

    Args:
        subject: Names the thing (a reference, a channel, a key id); never a value.
        request_id: Of the request that did it. A new entry gets it from its changeset.
        reason: Why, as the actor said. A new entry gets that of its changeset, too.
    """

    at: datetime
    action: AuditAction
    actor: str
    tenant: TenantId | None
    subject: str
    request_id: str | None = None
    reason: str | None = None

    def on(self, occasion: Occasion) -> AuditEntry:
        """
        The entry with the *occasion* on which it was done.
        """
        if occasion == NO_OCCASION:
            return self
        return evolve(self, request_id=occasion.request_id, reason=occasion.reason)


def mapping_audit(
    mapping: ChannelMapping, decision: MappingDecision, *, actor: str, at: datetime
) -> tuple[AuditEntry, ...]:
    """
    The audit entries for a mapping that affects what others have.

    The entry for a channel that moves belongs to the tenant that loses it, and the entry for a
    shared number to the tenant that had it before. The others belong to the owner of *mapping*.
    The change itself gets its entry from the store: see `change_audit`.
    """
    if decision.revision is None:
        return ()
    tenant = mapping.owner.tenant
    affected = (
        (AuditAction.CHANNEL_MOVED, decision.loser),
        (AuditAction.ACCOUNT_ENTERED, tenant if decision.enters else None),
        (AuditAction.FALLBACK_SET, tenant if decision.promoted else None),
        (AuditAction.NUMBER_SHARED, decision.rival),
    )
    subject = f"{mapping.key} -> {mapping.owner}"
    return tuple(
        AuditEntry(at, action, actor, affected_tenant, subject)
        for action, affected_tenant in affected
        if affected_tenant is not None
    )


def document_audit(
    key: DocumentKey,
    version: int,
    *,
    deleted: bool,
    author: str,
    at: datetime,
    occasion: Occasion = NO_OCCASION,
) -> AuditEntry:
    """
    The entry about a version of a document.
    """
    action = AuditAction.DOCUMENT_DELETED if deleted else AuditAction.DOCUMENT_CHANGED
    subject = f"{key.domain}/{key.kind} v{version}"
    return AuditEntry(at, action, author, key.tenant, subject).on(occasion)


def change_audit(change: MappingChange, occasion: Occasion = NO_OCCASION) -> AuditEntry:
    """
    The entry about a version of a mapping.

    It belongs to the new owner of the channel.
    """
    after = change.change.after
    tenant = after.owner.tenant if isinstance(after, ChannelMapping) else None
    action = AuditAction.CHANNEL_CHANGED
    return AuditEntry(change.at, action, change.author, tenant, str(change)).on(occasion)


@frozen
class Changeset:
    """
    Everything that one event writes, committed atomically.

    A store refuses the whole changeset and writes nothing of it if

    - a revision, collection or message is not the successor of the stored one,
    - a new message was received before,
    - the request of *idempotency_record* is already recorded,
    - the tenant of *new_tenant_key* already has a key,
    - *sealed_under* is no longer a key of its tenant,
    - another tenant has what *claim* names,
    - the whole mapping is not at *mapping_state*,
    - a tenant is not at its version in *versions*,
    - one of `tenants` is closed, or
    - a tenant whose data keys a state destroys has others than the state names.

    Args:
        claim: What the mappings rely on: no other tenant has a channel in the claimed account,
            nor a claimed number together with a channel in an account that both tenants share.
        mapping_state: The version of the whole mapping that the decision relies on (`state_of`).
        versions: Of the tenants whose whole property the decision relies on.
        secrets: Newly sealed values. A value that is already stored under the same reference
            and fingerprint stays as it is.
        erased: Places whose sealed values go, all but those in *secrets*. The texts of a message
            go with the state of it that names none.
        sealed_under: The data key of *secrets*. Only its id counts: the key stays the same when
            another master key wraps it.
        collections: At most one change for each collection.
        messages: New ones (revision 1) and new states of others. A new message was received
            before if a stored one has its delivery, or its account, message id and event.
        sightings: What was learned about conversations; each changes the newest state of its own
            (`Conversation.after`), whoever wrote that.
        api_keys: Keys to add, or changed forms of stored ones that are not revoked.
        addresses: Likewise for secret addresses.
        address_uses: Uses of stored addresses. The latest counts; unknown addresses do not.
        tenant_states: At most one new state for each tenant, for which the rest of the changeset
            may be written whatever the state says.
        key_uses: Likewise for API keys.
        occasion: The audit trail has it with all that the changeset leaves there: *audit*, and an
            entry for each revision of a document and of a mapping.
        moved: Documents whose *revisions* come from another place, with their authors and times.
    """

    revisions: tuple[Revision, ...] = ()
    mappings: tuple[MappingRevision, ...] = ()
    claim: ChannelClaim | None = None
    mapping_state: int | None = None
    versions: tuple[TenantVersion, ...] = ()
    secrets: tuple[SealedSecret, ...] = ()
    erased: tuple[SealContext, ...] = ()
    new_tenant_key: TenantKey | None = None
    sealed_under: TenantKey | None = None
    collections: tuple[CollectionChange, ...] = ()
    messages: tuple[InboxMessage, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    idempotency_record: IdempotencyRecord | None = None
    audit: tuple[AuditEntry, ...] = ()
    api_keys: tuple[ApiKey, ...] = ()
    addresses: tuple[Address, ...] = ()
    address_uses: tuple[TokenUse, ...] = ()
    key_uses: tuple[TokenUse, ...] = ()
    tenant_states: tuple[TenantState, ...] = ()
    occasion: Occasion = NO_OCCASION
    moved: frozenset[DocumentKey] = frozenset()

    @property
    def empty(self) -> bool:
        """
        Whether there is nothing to commit.
        """
        return self == _NOTHING

    @property
    def tenants(self) -> frozenset[TenantId]:
        """
        The tenants that must not be closed: those that would have something new.

        A stored message that moves on is nothing new: once it is removed, nothing can follow on
        it. The same holds for what was learned about its conversation, and what is revoked is
        nothing new either.
        """
        owners = {
            *(revision.key.tenant for revision in self.revisions),
            *(revision.mapping.owner.tenant for revision in self.mappings),
            *(change.head.key.tenant for change in self.collections),
            *(message.holder.tenant for message in self.messages if message.revision == 1),
            *(key.tenant for key in self.api_keys if key.revoked_at is None),
            *(one.feed.owner.tenant for one in self.addresses if one.revoked_at is None),
        }
        if not self.messages:
            owners |= {one.seen.owner.tenant for one in self.sightings if one.seen.owner}
        if self.new_tenant_key is not None:
            owners.add(self.new_tenant_key.tenant)
        known = {HUB, *(state.tenant for state in self.tenant_states)}
        return frozenset(owner for owner in owners if owner is not None and owner not in known)

    @property
    def audit_entries(self) -> tuple[AuditEntry, ...]:
        """
        *audit* with the *occasion*.
        """
        return tuple(entry.on(self.occasion) for entry in self.audit)

    def occasion_of(self, revision: Revision) -> Occasion:
        """
        The occasion of the entry about *revision*.

        None if it was *moved*: whoever moves it does not speak for its author.
        """
        return NO_OCCASION if revision.key in self.moved else self.occasion

    @property
    def size(self) -> int:
        """
        Number of rows to write, counting only the kinds that may be very many.
        """
        kinds = self.revisions, self.mappings, self.secrets, self.erased, self.audit
        rows = sum(map(len, kinds))
        for change in self.collections:
            rows += len(change.items) + len(change.removed)
        return rows


_NOTHING: Final = Changeset()
