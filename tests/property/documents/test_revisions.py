from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import (
    RetentionPolicy,
    Revision,
    content_of,
    require_version,
    rolled_back,
    successor,
    tombstone,
    version_of,
)
from odoo_ai_config.domain.errors import DocumentDeletedError, PreconditionFailedError
from odoo_ai_config.domain.identifiers import CONFIG, BusinessArea, TenantArea, TenantId
from odoo_ai_config.domain.json_types import JsonObject, with_whole_numbers
from odoo_ai_config.domain.reconciliation import (
    DriftStatus,
    ExpectedState,
    actual_document,
    drift_of,
)
from tests.strategies import (
    documents,
    instants,
    json_objects,
    retention_policies,
    revisions,
)

KEY = TenantArea(TenantId("t"), BusinessArea()).document(CONFIG)
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
bodies = st.sampled_from([Document.of({}), Document.of({"a": 1}), Document.of({"a": 2})])


@st.composite
def histories(draw: st.DrawFn) -> list[Revision]:
    """
    The revisions of some writes, deletions and roll-backs, oldest first.
    """
    history: list[Revision] = []
    for step in range(draw(st.integers(1, 12))):
        at = NOON + timedelta(minutes=step)
        current = history[-1] if history else None
        action = draw(st.sampled_from(["write", "delete", "roll back"]))
        if current is None or action == "write":
            new = successor(current, KEY, draw(bodies), author="ana", at=at)
        elif action == "delete":
            new = None if current.deleted else tombstone(current, author="ana", at=at)
        else:
            target = draw(st.sampled_from(history))
            if target.deleted:
                continue
            new = rolled_back(current, target, author="ana", at=at)
        if new is not None:
            history.append(new)
    return history


@given(histories())
def test_versions_count_from_one_without_gaps(history: list[Revision]) -> None:
    assert [revision.version for revision in history] == list(range(1, len(history) + 1))


@given(histories())
def test_every_version_differs_from_the_one_before(history: list[Revision]) -> None:
    for before, after in pairwise(history):
        assert content_of(before) != content_of(after)


@given(histories())
def test_document_is_as_old_as_its_first_version_since_it_was_last_deleted(
    history: list[Revision],
) -> None:
    born = history[0].updated_at
    for before, revision in zip([None, *history], history, strict=False):
        if before is not None and before.deleted:
            born = revision.updated_at
        assert revision.created_at == born


@given(histories(), st.data())
def test_roll_back_is_a_new_version_with_the_old_body(
    history: list[Revision], data: st.DataObject
) -> None:
    current, target = history[-1], data.draw(st.sampled_from(history))
    if target.deleted:
        with pytest.raises(DocumentDeletedError):
            rolled_back(current, target, author="bia", at=NOON)
        return
    new = rolled_back(current, target, author="bia", at=NOON)
    if new is None:
        assert content_of(current) == target.document
    else:
        assert new.version == current.version + 1
        assert (new.document, new.deleted) == (target.document, False)


@given(revisions(), documents(), instants())
def test_repeating_a_write_makes_no_second_version(
    current: Revision, document: Document, at: datetime
) -> None:
    written = successor(current, current.key, document, author="ana", at=at) or current
    assert successor(written, written.key, document, author="bia", at=at) is None


@given(st.none() | revisions(versions=st.integers(1, 3)), st.none() | st.integers(-1, 4))
def test_only_a_writer_who_is_out_of_date_is_refused(
    current: Revision | None, expected: int | None
) -> None:
    allowed = {None, version_of(current)}
    if current is None or current.deleted:
        allowed.add(0)
    if expected in allowed:
        require_version(current, expected)
    else:
        with pytest.raises(PreconditionFailedError) as caught:
            require_version(current, expected)
        assert caught.value.current == version_of(current)


@given(histories(), retention_policies(), st.timedeltas(timedelta(), timedelta(days=4000)))
def test_current_version_and_the_newest_ones_are_never_pruned(
    history: list[Revision], policy: RetentionPolicy, age: timedelta
) -> None:
    latest, now = history[-1].version, history[-1].updated_at + age
    gone = [old for old in history if policy.allows_pruning(old, latest=latest, now=now)]
    kept = [old for old in history if old not in gone]
    assert kept[-1] == history[-1]
    # Pruning removes the oldest revisions and leaves no gaps.
    assert gone + kept == history
    if policy.keep is not None:
        assert len(kept) <= policy.keep
    if policy.max_age is not None:
        assert all(now - old.updated_at <= policy.max_age for old in kept[:-1])
    elif policy.keep is None:
        assert gone == []
    else:
        assert len(kept) == min(policy.keep, len(history))


@given(json_objects())
def test_equal_numbers_make_no_version(body: JsonObject) -> None:
    whole = Document.of(json.loads(with_whole_numbers(json.dumps(body))))
    first = successor(None, KEY, Document.of(body), author="odoo", at=NOON)
    assert first is not None
    assert successor(first, KEY, whole, author="odoo", at=NOON) is None
    state = actual_document(first)
    for digest in (whole.digest, first.document.digest, first.document.former_digest):
        assert drift_of(ExpectedState(9, digest), state).status is DriftStatus.EQUAL
