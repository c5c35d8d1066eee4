"""
Whether the hub still has what it acknowledged to a source.

A source that pushes does not always retry, and a hub may have been restored from a backup. So a
source tells the hub what it expects there, and the drift shows what it must send again.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

from attrs import field, frozen

from odoo_ai_config.domain.channels.mapping import ChannelKey, MappingRevision
from odoo_ai_config.domain.collections import CollectionHead, CollectionName
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    METADATA,
    DocumentKind,
    TenantArea,
)

# The documents that Odoo's events write.
PUSHED_KINDS = (CONFIG, CREDENTIALS, METADATA)


class DriftStatus(enum.Enum):
    """
    How the hub's state compares with what a source expects. The values are public.
    """

    EQUAL = "equal"
    DIFFERS = "differs"
    MISSING = "missing"
    TAKEN = "taken"


@frozen
class ExpectedState:
    """
    What the hub acknowledged when a source last pushed a thing.

    Args:
        version: None if the source has none.
        digest: None if the source did not keep it. After a restore, the same version may stand
            for another content, so the digest is the better evidence.
    """

    version: int | None = None
    digest: str | None = None


@frozen
class ActualState:
    """
    The state of a thing in the hub.

    Args:
        deleted: Only its tombstone is left.
        former_digest: Another digest of the same content, which a source may have from before.
    """

    version: int
    digest: str
    deleted: bool = False
    former_digest: str | None = None


@frozen
class ExpectedArea:
    """
    What a source expects of one business area.

    Args:
        collections: Those of the tenant, which all of its business areas share.
    """

    owner: TenantArea
    documents: Mapping[DocumentKind, ExpectedState] = field(factory=dict)
    channels: Mapping[ChannelKey, ExpectedState] = field(factory=dict)
    collections: Mapping[CollectionName, ExpectedState] = field(factory=dict)


@frozen
class Drift:
    """
    How one thing compares, and its state in the hub, if it is there.
    """

    status: DriftStatus
    actual: ActualState | None


def drift_of(expected: ExpectedState, actual: ActualState | None) -> Drift:
    """
    Compare what a source expects with the *actual* state.

    If the source kept the digest, the digest decides, whatever the versions are. A version that
    the hub has not reached is missing.
    """
    return Drift(_status(expected, actual), actual)


def _status(expected: ExpectedState, actual: ActualState | None) -> DriftStatus:
    if actual is None or actual.deleted:
        return DriftStatus.MISSING
    if expected.digest is None:
        same = actual.version == expected.version
    else:
        same = expected.digest in (actual.digest, actual.former_digest)
    if same:
        return DriftStatus.EQUAL
    if expected.version is not None and actual.version < expected.version:
        return DriftStatus.MISSING
    return DriftStatus.DIFFERS


def channel_drift(
    expected: ExpectedState, current: MappingRevision | None, owner: TenantArea
) -> Drift:
    """
    Compare what *owner* expects of a channel with its *current* mapping.

    *owner* does not see the state of a channel that another tenant has now.
    """
    if current is None:
        return drift_of(expected, None)
    if current.mapping.owner.tenant != owner.tenant:
        taken = current.mapping.active
        return Drift(DriftStatus.TAKEN if taken else DriftStatus.MISSING, None)
    drift = drift_of(expected, actual_channel(current))
    if drift.status is DriftStatus.EQUAL and current.mapping.owner != owner:
        return Drift(DriftStatus.DIFFERS, drift.actual)
    return drift


def actual_document(revision: Revision) -> ActualState:
    """
    The state of a document.
    """
    document = revision.document
    return ActualState(revision.version, document.digest, revision.deleted, document.former_digest)


def actual_channel(revision: MappingRevision) -> ActualState:
    """
    The state of a channel's mapping.
    """
    return ActualState(revision.version, revision.mapping.digest)


def actual_collection(head: CollectionHead) -> ActualState:
    """
    The state of a collection.
    """
    return ActualState(head.version, head.digest)


def worth_naming(revisions: Iterable[MappingRevision]) -> list[MappingRevision]:
    """
    Those of *revisions* that a source may be missing: active mappings of channels.

    A source may have good reason to forget a channel that is switched off.
    """
    return [
        revision
        for revision in revisions
        if revision.mapping.active and revision.mapping.key.holder is None
    ]
