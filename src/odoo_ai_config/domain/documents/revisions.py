"""
Versions: numbered from 1 without gaps, immutable, and made only by a real change.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import evolve, field, frozen

from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.errors import (
    DocumentDeletedError,
    DocumentNotFoundError,
    InvalidValueError,
    PreconditionFailedError,
)
from odoo_ai_config.domain.identifiers import DocumentKey


@frozen
class Revision:
    """
    One version of one document.

    Args:
        created_at: When the document's first revision was made.
        updated_at: When this revision was made.
        author: Id of the API key that wrote it, or the name of a process of the hub.
        deleted: A tombstone: the document does not exist from this version on.
    """

    key: DocumentKey
    version: int = field()
    document: Document
    created_at: datetime
    updated_at: datetime
    author: str
    deleted: bool = False

    @version.validator
    def _check_version(self, _attribute: object, value: int) -> None:
        if value < 1:
            raise InvalidValueError("version", "positive")


def successor(
    current: Revision | None, key: DocumentKey, document: Document, *, author: str, at: datetime
) -> Revision | None:
    """
    The revision that writing *document* makes, or None if it would change nothing.
    """
    if current is None:
        return Revision(key, 1, document, created_at=at, updated_at=at, author=author)
    if document == current.document and not current.deleted:
        return None
    return Revision(
        key,
        current.version + 1,
        document,
        created_at=at if current.deleted else current.created_at,
        updated_at=at,
        author=author,
    )


def rolled_back(
    current: Revision | None, target: Revision, *, author: str, at: datetime
) -> Revision | None:
    """
    A new revision with the content of *target*, or None if that is the content already.

    History never shrinks.

    Raises:
        DocumentDeletedError: *target* is a tombstone and has no content.
    """
    return successor(current, target.key, living(target).document, author=author, at=at)


def tombstone(current: Revision | None, *, author: str, at: datetime) -> Revision:
    """
    The revision that deletes the document.

    Raises:
        DocumentNotFoundError: There is none.
        DocumentDeletedError: It is deleted already.
    """
    current = living(current)
    return evolve(
        current,
        version=current.version + 1,
        document=Document.of({}),
        updated_at=at,
        author=author,
        deleted=True,
    )


def living(current: Revision | None) -> Revision:
    """
    *current*, if the document exists.

    Raises:
        DocumentNotFoundError: It never did.
        DocumentDeletedError: It did.
    """
    if current is None:
        raise DocumentNotFoundError
    if current.deleted:
        raise DocumentDeletedError(current.version)
    return current


def content_of(current: Revision | None) -> Document | None:
    """
    What the document holds; None if it does not exist, or no longer.
    """
    return None if current is None or current.deleted else current.document


def digests_of(**newest: Revision | None) -> dict[str, str]:
    """
    The digests of those of the *newest* revisions that hold anything, by their names.
    """
    contents = {name: content_of(revision) for name, revision in newest.items()}
    return {name: content.digest for name, content in contents.items() if content is not None}


def version_of(current: Revision | None) -> int:
    """
    The version a document is at; 0 if it has never been written.
    """
    return 0 if current is None else current.version


def require_version(current: Revision | None, expected: int | None) -> None:
    """
    Refuse a writer whose picture of the document is out of date.

    *expected* is the version that the writer saw, 0 for "I want to create it", None for
    "I do not care". A deleted document counts as absent for a writer who wants to create it.

    Raises:
        PreconditionFailedError: The document is at another version.
    """
    if expected is None:
        return
    seen = 0 if current is not None and current.deleted and expected == 0 else version_of(current)
    if seen != expected:
        raise PreconditionFailedError(version_of(current))


@frozen
class RetentionPolicy:
    """
    Which old revisions may go: those beyond the newest *keep* or older than *max_age*.

    None switches a rule off. The current revision always stays.
    """

    keep: int | None = None
    max_age: timedelta | None = None

    def __attrs_post_init__(self) -> None:
        if self.keep is not None and self.keep < 1:
            raise InvalidValueError("keep", "positive")
        if self.max_age is not None and self.max_age <= timedelta():
            raise InvalidValueError("max_age", "positive")

    def allows_pruning(self, revision: Revision, *, latest: int, now: datetime) -> bool:
        """
        Whether *revision* of a document that is at version *latest* may go.
        """
        if revision.version >= latest:
            return False
        if self.keep is not None and revision.version <= latest - self.keep:
            return True
        return self.max_age is not None and now - revision.updated_at > self.max_age
