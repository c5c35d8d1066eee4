from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.revisions import (
    RetentionPolicy,
    Revision,
    content_of,
    living,
    require_version,
    rolled_back,
    successor,
    tombstone,
    version_of,
)
from odoo_ai_config.domain.errors import (
    DocumentDeletedError,
    DocumentNotFoundError,
    InvalidValueError,
    PreconditionFailedError,
)
from odoo_ai_config.domain.identifiers import CONFIG, BusinessArea, TenantArea, TenantId

KEY = TenantArea(TenantId("t"), BusinessArea()).document(CONFIG)
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def revision(version: int = 1, body: int = 1, *, deleted: bool = False) -> Revision:
    document = Document.of({} if deleted else {"value": body})
    return Revision(KEY, version, document, NOON, NOON, "ana", deleted=deleted)


@pytest.mark.parametrize("version", [0, -1])
def test_versions_count_from_one(version: int) -> None:
    with pytest.raises(InvalidValueError):
        revision(version)


def test_first_write_makes_version_one() -> None:
    written = successor(None, KEY, Document.of({}), author="ana", at=NOON)
    assert written == Revision(KEY, 1, Document.of({}), NOON, NOON, "ana")


def test_next_write_remembers_when_the_document_was_created() -> None:
    written = successor(revision(4), KEY, Document.of({}), author="bia", at=LATER)
    assert written == Revision(KEY, 5, Document.of({}), NOON, LATER, "bia")


def test_write_that_changes_nothing_makes_no_version() -> None:
    current = revision()
    assert successor(current, KEY, current.document, author="bia", at=LATER) is None


def test_new_comment_alone_is_a_change() -> None:
    document = Document.of({"value": 1}, AuthoredYaml("value: 1 # one\n"))
    written = successor(revision(), KEY, document, author="bia", at=LATER)
    assert version_of(written) == 2


def test_write_after_a_delete_starts_the_document_anew_under_the_next_version() -> None:
    gone = revision(3, deleted=True)
    written = successor(gone, KEY, Document.of({}), author="bia", at=LATER)
    assert written == Revision(KEY, 4, Document.of({}), LATER, LATER, "bia")


def test_roll_back_writes_the_old_content_as_a_new_version() -> None:
    written = rolled_back(revision(3, body=3), revision(1, body=1), author="bia", at=LATER)
    assert written == Revision(KEY, 4, Document.of({"value": 1}), NOON, LATER, "bia")


def test_roll_back_to_what_is_there_makes_no_version() -> None:
    assert rolled_back(revision(3), revision(1), author="bia", at=LATER) is None


def test_roll_back_brings_a_deleted_document_back() -> None:
    written = rolled_back(revision(2, deleted=True), revision(1), author="bia", at=LATER)
    assert written is not None
    assert (written.version, written.deleted, written.document.body) == (3, False, {"value": 1})


def test_tombstone_has_no_content_to_roll_back_to() -> None:
    with pytest.raises(DocumentDeletedError) as caught:
        rolled_back(revision(3), revision(2, deleted=True), author="bia", at=LATER)
    assert caught.value.version == 2


def test_delete_is_a_version_without_content() -> None:
    gone = tombstone(revision(2), author="bia", at=LATER)
    assert gone == Revision(KEY, 3, Document.of({}), NOON, LATER, "bia", deleted=True)


def test_deleted_document_cannot_be_deleted_again() -> None:
    with pytest.raises(DocumentDeletedError):
        tombstone(revision(2, deleted=True), author="bia", at=LATER)


def test_document_that_never_existed_cannot_be_deleted() -> None:
    with pytest.raises(DocumentNotFoundError):
        tombstone(None, author="bia", at=LATER)


def test_only_a_document_that_exists_is_living() -> None:
    assert living(revision()) == revision()
    with pytest.raises(DocumentNotFoundError):
        living(None)
    with pytest.raises(DocumentDeletedError) as caught:
        living(revision(7, deleted=True))
    assert caught.value.version == 7


def test_only_a_document_that_exists_has_content() -> None:
    assert content_of(revision()) == revision().document
    assert content_of(revision(deleted=True)) is None
    assert content_of(None) is None


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        (None, None),
        (None, 0),
        (revision(3), None),
        (revision(3), 3),
        (revision(3, deleted=True), 3),
        (revision(3, deleted=True), 0),
    ],
)
def test_writer_who_saw_the_current_version_may_write_and_nobody_else(
    current: Revision | None, expected: int | None
) -> None:
    require_version(current, expected)
    with pytest.raises(PreconditionFailedError):
        require_version(current, 7)


@pytest.mark.parametrize(
    ("current", "expected", "at"),
    [
        (None, 1, 0),
        (None, -1, 0),
        (revision(3), 0, 3),
        (revision(3), 2, 3),
        (revision(3), 4, 3),
        (revision(3, deleted=True), 2, 3),
    ],
)
def test_writer_who_saw_another_version_is_refused(
    current: Revision | None, expected: int, at: int
) -> None:
    with pytest.raises(PreconditionFailedError) as caught:
        require_version(current, expected)
    assert caught.value.current == at


@pytest.mark.parametrize(
    "policy",
    [{"keep": 0}, {"keep": -1}, {"max_age": timedelta()}, {"max_age": -timedelta(seconds=1)}],
)
def test_policy_that_would_keep_nothing_is_refused(policy: dict[str, int | timedelta]) -> None:
    with pytest.raises(InvalidValueError):
        RetentionPolicy(**policy)  # type: ignore[arg-type]  # one field or the other


@pytest.mark.parametrize(
    ("policy", "pruned"),
    [
        (RetentionPolicy(), []),
        (RetentionPolicy(keep=1), [1, 2, 3]),
        (RetentionPolicy(keep=3), [1]),
        (RetentionPolicy(keep=9), []),
        (RetentionPolicy(max_age=timedelta(days=2)), [1]),
        (RetentionPolicy(max_age=timedelta(days=1)), [1, 2]),
        (RetentionPolicy(max_age=timedelta.max), []),
        (RetentionPolicy(keep=3, max_age=timedelta(days=1)), [1, 2]),
        (RetentionPolicy(keep=2, max_age=timedelta(days=9)), [1, 2]),
    ],
)
def test_policy_prunes_revisions_beyond_its_number_or_age(
    policy: RetentionPolicy, pruned: list[int]
) -> None:
    now = NOON + timedelta(days=4)
    history = [
        evolve(revision(version), updated_at=NOON + timedelta(days=version))
        for version in (1, 2, 3, 4)
    ]
    gone = [old.version for old in history if policy.allows_pruning(old, latest=4, now=now)]
    assert gone == pruned
