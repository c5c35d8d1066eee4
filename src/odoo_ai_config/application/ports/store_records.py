"""
Everything that a store keeps, record by record: how stores are copied and backed up.
"""

from __future__ import annotations

import enum
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Final, Protocol, TypeAlias

from attrs import AttrsInstance, frozen

from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.audit import LinkedEntry, TrailEnd, Voucher
from odoo_ai_config.domain.changes import AuditEntry, IdempotencyRecord
from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.collections import CollectionHead, CollectionKey, ItemState
from odoo_ai_config.domain.conversations.state import Conversation
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    TenantKey,
)
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage, answer_context, body_context
from odoo_ai_config.domain.tenants import TenantState

# A page ends at so many records, or where its texts and envelopes have so many bytes.
PAGE_RECORDS: Final = 250
PAGE_BYTES: Final = 4 * 2**20


@frozen
class TenantKeys:
    """
    The data keys of a tenant, the active one last.
    """

    tenant: TenantId
    keys: tuple[TenantKey, ...]


@frozen
class ReplacedMapping:
    """
    A revision of a channel that a newer one replaced.

    Args:
        lost: The newer one belongs to another tenant.
    """

    revision: MappingRevision
    lost: bool


@frozen
class StoredItem:
    """
    An item of a collection, or its tombstone.

    Args:
        removed_at: When it was removed; None if it is there.
    """

    collection: CollectionKey
    state: ItemState
    removed_at: datetime | None


@frozen
class StoredMessage:
    """
    A message with its sealed texts.
    """

    message: InboxMessage
    texts: tuple[SealedSecret, ...]


@frozen
class StoredEnd:
    """
    How far the audit trail is linked, and the key ring's proof of it.
    """

    end: TrailEnd
    voucher: Voucher


def places_of_texts(message: InboxMessage) -> list[tuple[SealContext, Fingerprint]]:
    """
    Where the sealed texts of *message* are that it names.
    """
    places = ((body_context(message), message.body), (answer_context(message), message.answer))
    return [(context, fingerprint) for context, fingerprint in places if fingerprint is not None]


Record: TypeAlias = AttrsInstance


class RecordKind(enum.Enum):
    """
    The kinds of records. What other records refer to comes before them.
    """

    API_KEYS = "api_keys"
    ADDRESSES = "addresses"
    TENANT_KEYS = "tenant_keys"
    TENANT_STATES = "tenant_states"
    SECRETS = "secrets"
    REVISIONS = "revisions"
    MAPPINGS = "mappings"
    REPLACED_MAPPINGS = "replaced_mappings"
    COLLECTIONS = "collections"
    ITEMS = "items"
    CONVERSATIONS = "conversations"
    MESSAGES = "messages"
    REQUESTS = "requests"
    AUDIT = "audit"
    AUDIT_END = "audit_end"
    PENDING_AUDIT = "pending_audit"


# What the records of each kind are.
CLASSES: Final[Mapping[RecordKind, type[Record]]] = {
    RecordKind.API_KEYS: ApiKey,
    RecordKind.ADDRESSES: Address,
    RecordKind.TENANT_KEYS: TenantKeys,
    RecordKind.TENANT_STATES: TenantState,
    RecordKind.SECRETS: SealedSecret,
    RecordKind.REVISIONS: Revision,
    RecordKind.MAPPINGS: MappingRevision,
    RecordKind.REPLACED_MAPPINGS: ReplacedMapping,
    RecordKind.COLLECTIONS: CollectionHead,
    RecordKind.ITEMS: StoredItem,
    RecordKind.CONVERSATIONS: Conversation,
    RecordKind.MESSAGES: StoredMessage,
    RecordKind.REQUESTS: IdempotencyRecord,
    RecordKind.AUDIT: LinkedEntry,
    RecordKind.AUDIT_END: StoredEnd,
    # Not linked yet, whatever the store makes them from. They have no places but their order.
    RecordKind.PENDING_AUDIT: AuditEntry,
}
# Their order says something, and new ones come last.
ORDERED: Final = frozenset({RecordKind.MESSAGES, RecordKind.PENDING_AUDIT})


@frozen
class RecordPage:
    """
    Some records of one kind.

    Args:
        end: Where the next page begins; None behind the last record.
    """

    records: Sequence[Record]
    end: object | None


class StoreRecords(Protocol):
    """
    Reads and replaces the records of a store, whatever its layout, each kind in its own order.

    What a store derives from its records (the newest revision of a document, the head of a
    conversation) follows from them. Nobody else may write to a store whose records are replaced.
    Instants are those that are stored, also where a store compares them with a clock of its own.
    """

    @abstractmethod
    async def page(self, kind: RecordKind, start: object | None = None) -> RecordPage:
        """
        Return the records of *kind* that come behind *start*, the `end` of a page.

        A page may be empty. Messages come in the order in which they were written, and pending
        entries of the audit trail in one that stays the same.
        """

    @abstractmethod
    async def find(self, kind: RecordKind, records: Sequence[Record]) -> Sequence[Record | None]:
        """
        Return for each of *records* the stored one that has its place; None if there is none.

        Of any kind but pending entries.
        """

    @abstractmethod
    async def put(self, kind: RecordKind, records: Sequence[Record]) -> None:
        """
        Store *records*, each in its place. Ordered ones that are new go behind all others.
        """

    @abstractmethod
    async def remove(self, kind: RecordKind, records: Sequence[Record]) -> None:
        """
        Remove *records*, which were read from this store; of pending entries, all there are.
        """

    @abstractmethod
    def moment(self) -> AbstractAsyncContextManager[StoreRecords]:
        """
        The records as they are at one moment, to be read page by page while others write.

        Raises:
            StoreUnavailableError: The store cannot show one moment for that long.
        """

    @abstractmethod
    async def finish(self) -> None:
        """
        Let servers use the store, which was opened as an unfinished one.
        """
