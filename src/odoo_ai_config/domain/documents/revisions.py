"""
Versions of documents: counted from 1 without gaps, immutable, and made only by a real change.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from attrs import evolve, field, frozen

from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.errors import (
    DocumentDeletedError,
    DocumentNotFoundError,
    InvalidValueError,
    PreconditionFailedError,
)
from odoo_ai_config.domain.event_times import later_than, latest
from odoo_ai_config.domain.identifiers import DocumentKey


@frozen
class Revision:
    """
    One version of one document.

    Args:
        created_at: The time of the document's first revision.
        updated_at: The time of this revision, always after that of the one before it.
        author: Id of the API key that wrote it, or the name of a process of the hub.
        deleted: This is a tombstone: the document does not exist from this version on.
        event_at: The time of the newest event that led to this version, if it is known. What
            people write has none of its own and keeps the one before.
    """

    key: DocumentKey
    version: int = field()
    document: Document
    created_at: datetime
    updated_at: datetime
    author: str
    deleted: bool = False
    event_at: datetime | None = None

    @version.validator
    def _check_version(self, _attribute: object, value: int) -> None:
        if value < 1:
            raise InvalidValueError("version", "positive")


def successor(
    current: Revision | None,
    key: DocumentKey,
    document: Document,
    *,
    author: str,
    at: datetime,
    event_at: datetime | None = None,
) -> Revision | None:
    """
    The revision that a write of *document* makes; None if it changes nothing.
    """
    if current is None:
        return Revision(
            key, 1, document, created_at=at, updated_at=at, author=author, event_at=event_at
        )
    if not current.deleted and document.says_the_same(current.document):
        return None
    return Revision(
        key,
        current.version + 1,
        document,
        created_at=at if current.deleted else current.created_at,
        updated_at=later_than(current.updated_at, at),
        author=author,
        event_at=latest(event_at, current.event_at),
    )


def rolled_back(
    current: Revision | None, target: Revision, *, author: str, at: datetime
) -> Revision | None:
    """
    A new revision with the content of *target*; None if the document already has that content.

    Raises:
        DocumentDeletedError: *target* is a tombstone.
    """
    return successor(current, target.key, living(target).document, author=author, at=at)


def tombstone(current: Revision | None, *, author: str, at: datetime) -> Revision:
    """
    The revision that deletes the document.

    Raises:
        DocumentNotFoundError: The document was never written.
        DocumentDeletedError: It is already deleted.
    """
    current = living(current)
    return evolve(
        current,
        version=current.version + 1,
        document=Document.of({}),
        updated_at=later_than(current.updated_at, at),
        author=author,
        deleted=True,
    )


def living(current: Revision | None) -> Revision:
    """
    *current*, if the document exists.

    Raises:
        DocumentNotFoundError: The document was never written.
        DocumentDeletedError: It is deleted.
    """
    if current is None:
        raise DocumentNotFoundError
    if current.deleted:
        raise DocumentDeletedError(current.version)
    return current


def content_of(current: Revision | None) -> Document | None:
    """
    The content of the document; None if it does not exist.
    """
    return None if current is None or current.deleted else current.document


def digests_of(**newest: Revision | None) -> dict[str, str]:
    """
    The digests of those *newest* revisions that have content, by their names.
    """
    contents = {name: content_of(revision) for name, revision in newest.items()}
    return {name: content.digest for name, content in contents.items() if content is not None}


def version_of(current: Revision | None) -> int:
    """
    The present version of a document; 0 if it was never written.
    """
    return 0 if current is None else current.version


def require_version(current: Revision | None, expected: int | None) -> None:
    """
    Refuse a writer who expects another version.

    *expected* is 0 if the writer wants to create the document, and None if any version will do.
    A deleted document counts as absent for a writer who wants to create it.

    Raises:
        PreconditionFailedError: The document is at another version.
    """
    if expected is None:
        return
    seen = 0 if current is not None and current.deleted and expected == 0 else version_of(current)
    if seen != expected:
        raise PreconditionFailedError(version_of(current))


class Dated(Protocol):
    """
    A version of anything that keeps its old versions.
    """

    @property
    def version(self) -> int: ...

    @property
    def updated_at(self) -> datetime: ...


@frozen
class RetentionPolicy:
    """
    Which old revisions may go: those beyond the newest *keep*, and those older than *max_age*.

    It is for documents and for mappings. None turns a rule off. The current revision always stays.

    Args:
        credentials: How long the values of deleted credentials stay, for a rollback to bring back.
    """

    keep: int | None = None
    max_age: timedelta | None = None
    credentials: timedelta = timedelta()

    def __attrs_post_init__(self) -> None:
        if self.keep is not None and self.keep < 1:
            raise InvalidValueError("keep", "positive")
        if self.max_age is not None and self.max_age <= timedelta():
            raise InvalidValueError("max_age", "positive")

    @property
    def keeps_all(self) -> bool:
        """
        Whether every revision stays.
        """
        return self.keep is None and self.max_age is None

    def allows_pruning(self, revision: Dated, *, latest: int, now: datetime) -> bool:
        """
        Whether *revision* may go, if *latest* is the present version.
        """
        if revision.version >= latest:
            return False
        if self.keep is not None and revision.version <= latest - self.keep:
            return True
        return self.max_age is not None and now - revision.updated_at > self.max_age
