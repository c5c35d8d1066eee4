"""
The feed: what of the hub changed, in an order that never changes.

It is read out of the audit trail, whose entries are numbered one after the other when they are
linked. So nobody can see a change before an earlier one, and no commit writes anything more.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import ClassVar, Final

from attrs import evolve, frozen

from odoo_ai_config.domain.audit import LinkedEntry, TrailEnd
from odoo_ai_config.domain.changes import AuditAction, AuditEntry
from odoo_ai_config.domain.channels.history import moment_text
from odoo_ai_config.domain.errors import DomainError, InvalidValueError
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    CREWS,
    PAUSES,
    SUBSCRIPTIONS,
    BusinessArea,
    DocumentKind,
    TenantId,
)
from odoo_ai_config.domain.json_types import JsonObject


@frozen
class FeedCompactedError(DomainError):
    """
    The cursor is not of this feed, or of another copy of the store: read all, then go on anew.

    Args:
        cursor: Where to go on, after everything was read.
    """

    code: ClassVar[str] = "compacted"
    cursor: str


class FeedKind(enum.Enum):
    """
    What changed. The values are public.
    """

    CONFIG = "config"
    CREDENTIALS = "credentials"
    CREWS = "crews"
    DOCUMENT = "document"
    MAPPING = "mapping"
    COLLECTION = "collection"
    PAUSE = "pause"
    TENANT = "tenant"

    @classmethod
    def from_text(cls, name: str) -> FeedKind:
        """
        The kind of changes called *name*.

        Raises:
            InvalidValueError: There is none.
        """
        try:
            return cls(name)
        except ValueError:
            known = tuple(kind.value for kind in cls)
            raise InvalidValueError("kinds", "feed_kind", known) from None


# Listeners are told the same ones, and their texts are made once.
@frozen(cache_hash=True)
class Change:
    """
    That something changed, and never what is in it.

    Args:
        number: Of its entry in the audit trail; 0 for who is not told it.
        cursor: Where a reader goes on behind it: opaque, because a number would tell readers of
            one tenant how much happens at others.
        at: When it was written.
        action: What happened.
        tenants: Whose it is; two if a channel went from one to the other, none if nobody's.
        area: Of a document.
        document: The kind of a document.
        name: Of a collection, a channel or a conversation.
        version: The version that it has now; None of what has none.
        deleted: Whether a document is deleted with this version.
    """

    number: int
    cursor: str
    at: datetime
    kind: FeedKind
    action: AuditAction
    tenants: tuple[TenantId, ...] = ()
    area: BusinessArea | None = None
    document: DocumentKind | None = None
    name: str | None = None
    version: int | None = None
    deleted: bool = False

    def seen_by(self, tenant: TenantId | None) -> Change | None:
        """
        What whoever may see *tenant* (None: all) is told of it: nothing of another tenant.
        """
        if tenant is None:
            return self
        return evolve(self, tenants=(tenant,)) if tenant in self.tenants else None


@frozen
class Interest:
    """
    What somebody is told of.

    Args:
        tenant: Only changes of this one; None for all.
        behind: Only changes behind this number of the trail: somebody else had the tenant's id
            before.
    """

    kinds: frozenset[FeedKind] = frozenset(FeedKind)
    tenant: TenantId | None = None
    behind: int = 0

    def among(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        """
        Those of *changes* that it is about.
        """
        wanted = (one for one in changes if one.kind in self.kinds and one.number > self.behind)
        of_kinds = (one.seen_by(self.tenant) for one in wanted)
        return tuple(one for one in of_kinds if one is not None)


EVERYTHING: Final = Interest()
_OF_DOCUMENTS: Final[Mapping[DocumentKind, FeedKind]] = {
    CONFIG: FeedKind.CONFIG,
    CREDENTIALS: FeedKind.CREDENTIALS,
    CREWS: FeedKind.CREWS,
    # By itself it says of no channel; a pause that people make has an entry beside it, which does.
    PAUSES: FeedKind.PAUSE,
}
_PAUSES: Final = frozenset(
    {
        AuditAction.CONVERSATION_PAUSED,
        AuditAction.CONVERSATION_RESUMED,
        AuditAction.CHANNEL_PAUSED,
        AuditAction.CHANNEL_RESUMED,
        AuditAction.TENANT_PAUSED,
        AuditAction.TENANT_RESUMED,
    }
)
_OF_TENANTS: Final = frozenset(
    {
        AuditAction.TENANT_SUSPENDED,
        AuditAction.SUSPENSION_ENDED,
        AuditAction.ERASURE_BEGUN,
        AuditAction.TENANT_ERASED,
        AuditAction.TENANT_REOPENED,
        AuditAction.TENANT_RENAMED,
        AuditAction.AREA_MOVED,
    }
)
# After them the id is somebody else's, or nobody's: who listened to it asks again who he is.
_ENDS: Final = frozenset(
    {
        AuditAction.ERASURE_BEGUN,
        AuditAction.TENANT_ERASED,
        AuditAction.TENANT_REOPENED,
        AuditAction.TENANT_RENAMED,
    }
)
# Entries of these may end what somebody hears.
ENDING: Final = _ENDS | {AuditAction.KEY_REVOKED}
# What `document_audit`, a push and `MappingChange` write.
_DOCUMENT: Final = re.compile(r"(?P<area>[^/ ]+)/(?P<kind>[^/ ]+) v(?P<version>[0-9]+)")
_COLLECTION: Final = re.compile(r"(?P<name>[^ ]+) v(?P<version>[0-9]+)")
_CHANNEL: Final = re.compile(
    r"(?P<name>[^ ]+) v(?P<version>[0-9]+) [a-z_]+: (?P<owners>[^()]*?)(?: \([^()]*\))?"
)


def body_of_change(change: Change) -> JsonObject:
    """
    *change* as readers see it.
    """
    said: JsonObject = {
        "cursor": change.cursor,
        "at": moment_text(change.at),
        "kind": change.kind.value,
        "action": change.action.value,
        "tenants": [tenant.value for tenant in change.tenants],
    }
    if change.area is not None:
        said["domain"] = change.area.value
    if change.document is not None:
        said["document"] = change.document.value
    if change.name is not None:
        said["name"] = change.name
    if change.version is not None:
        said["version"] = change.version
    if change.deleted:
        said["deleted"] = True
    return said


def change_of(linked: LinkedEntry, veil: Callable[[TrailEnd], str]) -> Change | None:
    """
    The change that an entry of the trail is about, with the cursor that *veil* makes of its place.

    None if nothing that is served has changed.
    """
    change = _read(linked)
    return None if change is None else evolve(change, cursor=veil(linked.end))


def changes_of(entries: Iterable[LinkedEntry], veil: Callable[[TrailEnd], str]) -> list[Change]:
    """
    The changes that *entries* are about.
    """
    changes = (change_of(linked, veil) for linked in entries)
    return [change for change in changes if change is not None]


def ends(entry: AuditEntry, *, key_id: str, tenant: TenantId | None) -> bool:
    """
    Whether *entry* ends the right of a key to hear more of *tenant*, or of all if it is None.
    """
    if entry.action is AuditAction.KEY_REVOKED:
        return entry.subject == key_id
    return tenant is not None and entry.action in _ENDS and entry.tenant == tenant


def _read(linked: LinkedEntry) -> Change | None:
    entry = linked.entry
    tenants = () if entry.tenant is None else (entry.tenant,)
    change = Change(linked.number, "", entry.at, FeedKind.TENANT, entry.action, tenants)
    if entry.action in _OF_TENANTS:
        return change
    if entry.action in _PAUSES:
        return evolve(change, kind=FeedKind.PAUSE, name=entry.subject)
    read = _READERS.get(entry.action)
    return None if read is None else read(change, entry.subject)


def _of_document(change: Change, subject: str) -> Change | None:
    said = _DOCUMENT.fullmatch(subject)
    # Subscriptions are of nobody else's concern.
    if said is None or said["area"] == SUBSCRIPTIONS.value:
        return None
    document = DocumentKind(said["kind"])
    return evolve(
        change,
        kind=_OF_DOCUMENTS.get(document, FeedKind.DOCUMENT),
        area=BusinessArea(said["area"]),
        document=document,
        version=int(said["version"]),
        deleted=change.action is AuditAction.DOCUMENT_DELETED,
    )


def _of_collection(change: Change, subject: str) -> Change | None:
    said = _COLLECTION.fullmatch(subject)
    if said is None:
        return None
    kind, version = FeedKind.COLLECTION, int(said["version"])
    return evolve(change, kind=kind, name=said["name"], version=version)


def _of_channel(change: Change, subject: str) -> Change | None:
    said = _CHANNEL.fullmatch(subject)
    if said is None:
        return None
    # Who has lost the channel has to know it, too.
    owners = [owner.partition("/")[0] for owner in said["owners"].split(" -> ") if owner]
    tenants = tuple(map(TenantId, dict.fromkeys(owners))) or change.tenants
    kind, version = FeedKind.MAPPING, int(said["version"])
    return evolve(change, kind=kind, name=said["name"], version=version, tenants=tenants)


_READERS: Final[Mapping[AuditAction, Callable[[Change, str], Change | None]]] = {
    AuditAction.DOCUMENT_CHANGED: _of_document,
    AuditAction.DOCUMENT_DELETED: _of_document,
    AuditAction.COLLECTION_CHANGED: _of_collection,
    AuditAction.CHANNEL_CHANGED: _of_channel,
}
