"""
What all stores of one process keep, and the one place where a changeset goes into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar

from attrs import define, evolve, field

from odoo_ai_config.application.errors import (
    MessageRecordedError,
    RequestRecordedError,
    StoreUnavailableError,
    TenantKeyChangedError,
)
from odoo_ai_config.domain.access import ApiKey, TokenUse
from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.audit import LinkedEntry, TrailEnd, Voucher
from odoo_ai_config.domain.changes import (
    AuditEntry,
    Changeset,
    IdempotencyKey,
    IdempotencyRecord,
    change_audit,
    document_audit,
)
from odoo_ai_config.domain.channels.history import MappingChange
from odoo_ai_config.domain.channels.mapping import ChannelKey, MappingRevision, state_of
from odoo_ai_config.domain.channels.routing import RoutingTable
from odoo_ai_config.domain.collections import (
    CollectionChange,
    CollectionHead,
    CollectionKey,
    ItemState,
)
from odoo_ai_config.domain.conversations.state import (
    Conversation,
    ConversationKey,
    stored_after,
)
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    TenantKey,
)
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import DocumentKey, TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Origin
from odoo_ai_config.domain.tenants import TenantState, TenantVersion, refuse_closed

T = TypeVar("T", ApiKey, Address)
_Versioned: TypeAlias = DocumentKey | ChannelKey | CollectionKey | MessageId


@define
class KeptCollection:
    """
    A collection: its items and the tombstones of removed ones.

    Args:
        removed_at: When each item was removed that left a tombstone.
    """

    head: CollectionHead
    states: dict[str, ItemState] = field(factory=dict)
    removed_at: dict[str, datetime] = field(factory=dict)

    def take(self, change: CollectionChange) -> None:
        """
        Apply *change*.
        """
        version, at = change.head.version, change.head.updated_at
        self.head = evolve(change.head, compaction_floor=self.head.compaction_floor)
        for item in change.items:
            self.states[item.id] = ItemState(item.id, version, item)
            self.removed_at.pop(item.id, None)
        for id_ in change.removed:
            self.states[id_] = ItemState(id_, version, None)
            self.removed_at[id_] = at


@define
class MemoryState:
    """
    The content of a memory store; every adapter over one state sees the same.

    Nothing here awaits, so that each call is atomic on its event loop.

    Args:
        away: Set it to rehearse an outage.
        histories: Revisions by document, oldest first; never empty.
        mapping_histories: Revisions by channel, oldest first; never empty.
        keys: Data keys by tenant, the active one last; never empty.
        messages: In the order in which they were received.
        audit: Pending entries that commits brought.
        audit_of_revisions: Pending entries about revisions of documents and mappings.
        trail: Linked entries, and the voucher for the end of them.
    """

    away: bool = False
    histories: dict[DocumentKey, list[Revision]] = field(factory=dict)
    mapping_histories: dict[ChannelKey, list[MappingRevision]] = field(factory=dict)
    routing: RoutingTable = field(factory=RoutingTable)
    keys: dict[TenantId, list[TenantKey]] = field(factory=dict)
    secrets: dict[tuple[SealContext, Fingerprint], SealedSecret] = field(factory=dict)
    collections: dict[CollectionKey, KeptCollection] = field(factory=dict)
    messages: dict[MessageId, InboxMessage] = field(factory=dict)
    conversations: dict[ConversationKey, Conversation] = field(factory=dict)
    idempotency_records: dict[IdempotencyKey, IdempotencyRecord] = field(factory=dict)
    audit: list[AuditEntry] = field(factory=list)
    audit_of_revisions: list[AuditEntry] = field(factory=list)
    trail: list[LinkedEntry] = field(factory=list)
    voucher: Voucher | None = None
    api_keys: dict[str, ApiKey] = field(factory=dict)
    addresses: dict[str, Address] = field(factory=dict)
    tenant_states: dict[TenantId, TenantState] = field(factory=dict)

    @property
    def trail_end(self) -> TrailEnd:
        """
        The end of the audit trail.
        """
        return self.trail[-1].end if self.trail else TrailEnd()

    @property
    def mappings(self) -> dict[ChannelKey, MappingRevision]:
        """
        The newest revision of each channel.
        """
        return {key: history[-1] for key, history in self.mapping_histories.items()}

    def require_presence(self) -> None:
        """
        Raise `StoreUnavailableError` during a rehearsed outage.
        """
        if self.away:
            raise StoreUnavailableError

    def holds_key(self, tenant: TenantId, key_id: str) -> bool:
        """
        Whether *tenant* has a data key of this id.
        """
        return any(key.key_id == key_id for key in self.keys.get(tenant, ()))

    def received(self, origin: Origin) -> Iterator[MessageId]:
        """
        The messages that are the same as the one that *origin* is of.
        """
        marks = set(origin.marks)
        return (
            message.id
            for message in self.messages.values()
            if not marks.isdisjoint(message.origin.marks)
        )

    def apply(self, changeset: Changeset) -> None:
        """
        Take in *changeset* as a whole or refuse it as a whole: all checks, then all writes.
        """
        self._check(changeset)
        for revision in changeset.revisions:
            self.histories.setdefault(revision.key, []).append(revision)
            self.audit_of_revisions.append(
                document_audit(
                    revision.key,
                    revision.version,
                    deleted=revision.deleted,
                    author=revision.author,
                    at=revision.updated_at,
                    occasion=changeset.occasion_of(revision),
                )
            )
        for mapped in changeset.mappings:
            history = self.mapping_histories.setdefault(mapped.mapping.key, [])
            mapping_change = MappingChange.of(mapped, history[-1] if history else None)
            self.audit_of_revisions.append(change_audit(mapping_change, changeset.occasion))
            history.append(mapped)
            self.routing.put(mapped.mapping, mapped.version)
        if changeset.new_tenant_key is not None:
            self.keys[changeset.new_tenant_key.tenant] = [changeset.new_tenant_key]
        gone = set(changeset.erased)
        for place in [place for place in self.secrets if place[0] in gone]:
            del self.secrets[place]
        for secret in changeset.secrets:
            self.secrets.setdefault((secret.context, secret.fingerprint), secret)
        for change in changeset.collections:
            kept = self.collections.setdefault(change.head.key, KeptCollection(change.head))
            kept.take(change)
        self.messages |= {message.id: message for message in changeset.messages}
        for sighting in changeset.sightings:
            known = self.conversations.get(sighting.key)
            after = stored_after(known, sighting)
            if after is not None:
                self.conversations[sighting.key] = after
        if changeset.idempotency_record is not None:
            record = changeset.idempotency_record
            self.idempotency_records[record.claim.id] = _unaliased(record)
        self.audit += changeset.audit_entries
        self.api_keys |= {key.id: key for key in changeset.api_keys}
        self.addresses |= {address.id: address for address in changeset.addresses}
        _use(self.addresses, changeset.address_uses)
        _use(self.api_keys, changeset.key_uses)
        self._put_states(changeset.tenant_states)

    def version_of(self, tenant: TenantId) -> TenantVersion:
        """
        The version of everything of *tenant*.
        """
        histories = [one for key, one in self.histories.items() if key.tenant == tenant]
        mapped = [one for one in self.mappings.values() if one.mapping.owner.tenant == tenant]
        keys = [one for one in self.api_keys.values() if one.tenant == tenant]
        addresses = [one for one in self.addresses.values() if one.feed.owner.tenant == tenant]
        return TenantVersion(
            tenant,
            documents=sum(history[-1].version for history in histories),
            channels=state_of(mapped),
            collections=sum(key.tenant == tenant for key in self.collections),
            api_keys=len(keys) + sum(one.revoked_at is not None for one in keys),
            addresses=len(addresses) + sum(one.revoked_at is not None for one in addresses),
            data_keys=tuple(sorted(key.key_id for key in self.keys.get(tenant, ()))),
        )

    def _put_states(self, states: Sequence[TenantState]) -> None:
        for state in states:
            self.tenant_states[state.tenant] = state
            if state.destroys_keys:
                self.keys.pop(state.tenant, None)

    def _check(self, changeset: Changeset) -> None:
        record = changeset.idempotency_record
        if record is not None and record.claim.id in self.idempotency_records:
            raise RequestRecordedError
        for tenant in sorted(changeset.tenants):
            refuse_closed(tenant, self.tenant_states.get(tenant))
        new, under = changeset.new_tenant_key, changeset.sealed_under
        if new is not None and new.tenant in self.keys:
            raise TenantKeyChangedError
        if under is not None and under != new and not self.holds_key(under.tenant, under.key_id):
            raise TenantKeyChangedError
        self._check_receipts([m for m in changeset.messages if m.revision == 1])
        claim = changeset.claim
        if claim is not None and self.routing.rivals_of(claim).dispute(claim):
            raise RevisionConflictError
        relied_on = changeset.mapping_state
        if relied_on is not None and relied_on != state_of(self.mappings.values()):
            raise RevisionConflictError
        if any(one != self.version_of(one.tenant) for one in changeset.versions):
            raise RevisionConflictError
        stored = (self.api_keys.get(key.id) for key in changeset.api_keys)
        if any(key is not None and key.revoked_at is not None for key in stored):
            raise RevisionConflictError
        self._check_versions(changeset)
        for state in changeset.tenant_states:
            self._check_state(state)

    def _check_state(self, state: TenantState) -> None:
        stored = self.tenant_states.get(state.tenant)
        if state.revision != (1 if stored is None else stored.revision + 1):
            raise RevisionConflictError
        keys = {key.key_id for key in self.keys.get(state.tenant, ())}
        if state.destroys_keys and keys != set(state.data_keys):
            raise TenantKeyChangedError

    def _check_versions(self, changeset: Changeset) -> None:
        written: list[tuple[_Versioned, int]] = [
            *((revision.key, revision.version) for revision in changeset.revisions),
            *((revision.mapping.key, revision.version) for revision in changeset.mappings),
            *((change.head.key, change.head.version) for change in changeset.collections),
            *((message.id, message.revision) for message in changeset.messages),
        ]
        # A changeset may hold several revisions of one document, each succeeding the last.
        latest: dict[_Versioned, int] = {}
        for key, version in written:
            if version != latest.get(key, self._version_of(key)) + 1:
                raise RevisionConflictError
            latest[key] = version

    def _version_of(self, key: _Versioned) -> int:
        if isinstance(key, DocumentKey):
            history = self.histories.get(key)
            return history[-1].version if history else 0
        if isinstance(key, ChannelKey):
            mapped = self.mapping_histories.get(key)
            return mapped[-1].version if mapped else 0
        if isinstance(key, CollectionKey):
            return self.collections[key].head.version if key in self.collections else 0
        return self.messages[key].revision if key in self.messages else 0

    def _check_receipts(self, received: list[InboxMessage]) -> None:
        marks = [mark for message in received for mark in message.origin.marks]
        twice = len(set(marks)) < len(marks)
        if twice or any(any(self.received(message.origin)) for message in received):
            raise MessageRecordedError


def _use(tokens: dict[str, T], uses: Sequence[TokenUse]) -> None:
    for use in uses:
        used = tokens.get(use.id)
        if used is not None and (used.used_at is None or used.used_at < use.at):
            tokens[use.id] = evolve(used, used_at=use.at)


@define
class MemoryAdapter:
    """
    An adapter over *state*, whose every use of the state is refused during an outage.
    """

    _state: MemoryState

    @property
    def state(self) -> MemoryState:
        self._state.require_presence()
        return self._state


def _unaliased(record: IdempotencyRecord) -> IdempotencyRecord:
    # The caller may still hold the dictionaries that the outcome was made of.
    outcome = record.outcome
    copied = evolve(outcome, versions=dict(outcome.versions), digests=dict(outcome.digests))
    return evolve(record, outcome=copied)
