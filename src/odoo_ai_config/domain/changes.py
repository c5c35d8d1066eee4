"""
What one event writes: a changeset that is there as a whole or not at all.
"""

from __future__ import annotations

import enum
import re
from datetime import datetime
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.channels.mapping import (
    ChannelClaim,
    ChannelMapping,
    MappingDecision,
    MappingRevision,
)
from odoo_ai_config.domain.collections import CollectionChange
from odoo_ai_config.domain.credentials.secrets import SealedSecret, TenantKey
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage
from odoo_ai_config.domain.outcomes import Outcome

_AUDIT_ID: Final = re.compile(r"[0-9a-f]{1,24}", re.ASCII)


@frozen
class DeliveryId:
    """
    An idempotency key together with the caller that chose it; callers do not share keys.
    """

    caller: str
    key: str

    def __str__(self) -> str:
        return f"{self.caller}:{self.key}"


@frozen
class Claim:
    """
    A request that wants to be done once: its id and the digest of what it asks for.
    """

    id: DeliveryId
    digest: str


@frozen
class Delivery:
    """
    The record of a request that was done: what a repetition of it is answered with.

    Args:
        expires_at: When it may be forgotten.
    """

    claim: Claim
    outcome: Outcome
    recorded_at: datetime
    expires_at: datetime


class AuditAction(enum.Enum):
    """
    What is written to the audit trail.
    """

    CREDENTIAL_READ = "credential_read"
    CHANNEL_MOVED = "channel_moved"
    ACCOUNT_ENTERED = "account_entered"
    FALLBACK_SET = "fallback_set"
    NUMBER_SHARED = "number_shared"
    KEY_CREATED = "key_created"
    KEY_REVOKED = "key_revoked"
    MASTER_KEY_ROTATED = "master_key_rotated"
    TENANT_KEY_ROTATED = "tenant_key_rotated"
    STORED_SECRETS_SEALED = "stored_secrets_sealed"
    MESSAGE_READ = "message_read"
    MESSAGE_REPLAYED = "message_replayed"
    MESSAGE_DISCARDED = "message_discarded"
    STORE_RESTORED = "store_restored"


@frozen
class AuditId:
    """
    Names an entry of the audit trail.
    """

    value: str = field()

    @value.validator
    def _check(self, _attribute: object, value: str) -> None:
        if _AUDIT_ID.fullmatch(value) is None:
            raise InvalidValueError("audit_id", "audit_id")

    def __str__(self) -> str:
        return self.value


@frozen
class AuditEntry:
    """
    Who did what to which tenant, and when.

    *subject* names the thing (a reference, a channel, a key id), never a value. An entry that
    was read has an *id*, which its store gave it; it says nothing of what was done.
    """

    at: datetime
    action: AuditAction
    actor: str
    tenant: TenantId | None
    subject: str
    request_id: str | None = None
    id: AuditId | None = field(default=None, eq=False)


def channel_moved(
    mapping: ChannelMapping, loser: TenantId, *, actor: str, at: datetime
) -> AuditEntry:
    """
    The trace of a channel that *loser* lost to the owner of *mapping*.
    """
    return _mapped(AuditAction.CHANNEL_MOVED, mapping, loser, actor=actor, at=at)


def mapping_traces(
    mapping: ChannelMapping, decision: MappingDecision, *, actor: str, at: datetime
) -> tuple[AuditEntry, ...]:
    """
    What the audit trail keeps of a mapping that touches what others have, one entry each.

    A channel that moved is told to the tenant that lost it, and a number to the one that had it
    before; the rest to the owner of *mapping*.
    """
    if decision.revision is None:
        return ()
    traces = []
    if decision.loser is not None:
        traces.append(channel_moved(mapping, decision.loser, actor=actor, at=at))
    tenant = mapping.owner.tenant
    for action, whose in (
        (AuditAction.ACCOUNT_ENTERED, tenant if decision.enters else None),
        (AuditAction.FALLBACK_SET, tenant if decision.promoted else None),
        (AuditAction.NUMBER_SHARED, decision.rival),
    ):
        if whose is not None:
            traces.append(_mapped(action, mapping, whose, actor=actor, at=at))
    return tuple(traces)


def _mapped(
    action: AuditAction, mapping: ChannelMapping, tenant: TenantId, *, actor: str, at: datetime
) -> AuditEntry:
    return AuditEntry(at, action, actor, tenant, f"{mapping.key} -> {mapping.owner}")


@frozen
class Changeset:
    """
    Everything that one event writes, committed atomically.

    A store refuses it as a whole, and leaves no trace of it, if any revision or collection is
    not the successor of what is stored, if the delivery is recorded already, if the tenant of
    *new_tenant_key* has a key, or if *sealed_under* is no longer a key of its tenant. So it
    does if a message is new and was received before, or is not at the revision before, and if
    another tenant has what *claim* says.

    Args:
        claim: What the mappings rely on: that no other tenant has a channel in its account,
            nor one of its numbers together with channels in an account of both.
        secrets: Newly sealed values; one that is stored already under the same reference
            and fingerprint is left as it is.
        sealed_under: The data key that *secrets* were sealed with. Its id counts: it is the
            same key still when another master key wraps it meanwhile.
        collections: At most one change of each.
        messages: New ones (revision 1) and new states of others. A message was received before
            if one that is stored has its delivery id, or its account, message id and event.
        api_keys: Keys to add, or to replace by a revoked form of themselves.
    """

    revisions: tuple[Revision, ...] = ()
    mappings: tuple[MappingRevision, ...] = ()
    claim: ChannelClaim | None = None
    secrets: tuple[SealedSecret, ...] = ()
    new_tenant_key: TenantKey | None = None
    sealed_under: TenantKey | None = None
    collections: tuple[CollectionChange, ...] = ()
    messages: tuple[InboxMessage, ...] = ()
    delivery: Delivery | None = None
    audit: tuple[AuditEntry, ...] = ()
    api_keys: tuple[ApiKey, ...] = ()

    @property
    def empty(self) -> bool:
        """
        Whether there is nothing to commit.
        """
        return self == _NOTHING

    @property
    def size(self) -> int:
        """
        Number of rows written, of the kinds of which there may be very many.
        """
        rows = len(self.mappings) + len(self.secrets) + len(self.audit)
        for change in self.collections:
            rows += len(change.items) + len(change.removed)
        return rows


_NOTHING: Final = Changeset()
