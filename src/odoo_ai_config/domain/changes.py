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
from odoo_ai_config.domain.collections import CollectionChange
from odoo_ai_config.domain.credentials import SealedSecret, TenantKey
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.inbox import InboxMessage
from odoo_ai_config.domain.mapping import ChannelMapping, MappingRevision
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.domain.versioning import Revision

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
    subject = f"{mapping.key} -> {mapping.owner}"
    return AuditEntry(at, AuditAction.CHANNEL_MOVED, actor, loser, subject)


@frozen
class Changeset:
    """
    Everything that one event writes, committed atomically.

    A store refuses it as a whole, and leaves no trace of it, if any revision or collection is
    not the successor of what is stored, if the delivery is recorded already, if the tenant of
    *new_tenant_key* has a key, or if *sealed_under* is no longer a key of its tenant. So it
    does if a message is new and was received before, or is not at the revision before.

    Args:
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


_NOTHING: Final = Changeset()
