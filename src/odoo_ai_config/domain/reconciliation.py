"""
Whether the hub still has what it acknowledged to a source.

Sources that push do not always retry, and a hub may have been restored from a backup. So a
source says what it believes to be current, and what differs shows what it has to send again.
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
    TenantDomain,
)

# What Odoo's events write.
PUSHED_KINDS = (CONFIG, CREDENTIALS, METADATA)


class Standing(enum.Enum):
    """
    How what the hub has stands to what a source knows of. The values are public.
    """

    EQUAL = "equal"
    DIFFERS = "differs"
    MISSING = "missing"
    TAKEN = "taken"


@frozen
class Acknowledged:
    """
    What a source was told when it last pushed a thing.

    Args:
        version: None if it was never told one.
        digest: None if it kept none; a version alone may have come to stand for another
            content after a restore.
    """

    version: int | None = None
    digest: str | None = None


@frozen
class Held:
    """
    What the hub has of a thing.

    Args:
        deleted: There is but the trace of it.
    """

    version: int
    digest: str
    deleted: bool = False


@frozen
class KnownArea:
    """
    What a source believes to be current of one business area.

    Args:
        collections: Those of the tenant, whose business areas share them.
    """

    owner: TenantDomain
    documents: Mapping[DocumentKind, Acknowledged] = field(factory=dict)
    channels: Mapping[ChannelKey, Acknowledged] = field(factory=dict)
    collections: Mapping[CollectionName, Acknowledged] = field(factory=dict)


@frozen
class Finding:
    """
    How one thing stands, and what the hub has of it, if anything.
    """

    standing: Standing
    held: Held | None


def found(known: Acknowledged, held: Held | None) -> Finding:
    """
    Compare what a source knows with what is *held*.

    The digest decides where the source kept it, whatever the versions. What was acknowledged
    at a version that the hub has not reached is missing.
    """
    return Finding(_standing(known, held), held)


def _standing(known: Acknowledged, held: Held | None) -> Standing:
    if held is None or held.deleted:
        return Standing.MISSING
    same = held.version == known.version if known.digest is None else held.digest == known.digest
    if same:
        return Standing.EQUAL
    if known.version is not None and held.version < known.version:
        return Standing.MISSING
    return Standing.DIFFERS


def found_channel(
    known: Acknowledged, current: MappingRevision | None, owner: TenantDomain
) -> Finding:
    """
    Compare what *owner* knows of a channel with its *current* mapping.

    What the hub has of a channel that is another tenant's now is not for *owner* to see.
    """
    if current is not None and current.mapping.owner.tenant != owner.tenant:
        taken = current.mapping.active
        return Finding(Standing.TAKEN if taken else Standing.MISSING, None)
    finding = found(known, None if current is None else held_channel(current))
    elsewhere = current is not None and current.mapping.owner != owner
    if elsewhere and finding.standing is Standing.EQUAL:
        return Finding(Standing.DIFFERS, finding.held)
    return finding


def held_document(revision: Revision) -> Held:
    """
    What the hub has of a document.
    """
    return Held(revision.version, revision.document.digest, revision.deleted)


def held_channel(revision: MappingRevision) -> Held:
    """
    What the hub has of a channel.
    """
    return Held(revision.version, revision.mapping.digest)


def held_collection(head: CollectionHead) -> Held:
    """
    What the hub has of a collection.
    """
    return Held(head.version, head.digest)


def worth_naming(revisions: Iterable[MappingRevision]) -> list[MappingRevision]:
    """
    Those of *revisions* that a source may be missing: active ones of channels.

    A channel that is switched off may well be forgotten by its source.
    """
    return [
        revision
        for revision in revisions
        if revision.mapping.active and revision.mapping.key.holder is None
    ]
