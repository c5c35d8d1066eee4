from __future__ import annotations

import pytest
from attrs import evolve

from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.reconciliation import (
    ActualState,
    DriftStatus,
    ExpectedState,
    actual_channel,
    actual_collection,
    actual_document,
    channel_drift,
    drift_of,
    worth_naming,
)
from tests.contract.samples import AT, DAY, deleted, item, mapping, owner, pushed, revision


@pytest.mark.parametrize(
    ("known", "held", "status"),
    [
        (ExpectedState(3), ActualState(3, "a"), DriftStatus.EQUAL),
        (ExpectedState(3), ActualState(4, "a"), DriftStatus.DIFFERS),
        (ExpectedState(3), ActualState(2, "a"), DriftStatus.MISSING),
        (ExpectedState(3), None, DriftStatus.MISSING),
        (ExpectedState(3), ActualState(3, "a", deleted=True), DriftStatus.MISSING),
        (ExpectedState(3, "a"), ActualState(3, "a"), DriftStatus.EQUAL),
        (ExpectedState(3, "a"), ActualState(3, "b"), DriftStatus.DIFFERS),
        (ExpectedState(3, "a"), ActualState(2, "a"), DriftStatus.EQUAL),
        (ExpectedState(3, "a"), ActualState(2, "b"), DriftStatus.MISSING),
        (ExpectedState(None, "a"), ActualState(2, "a"), DriftStatus.EQUAL),
        (ExpectedState(None, "a"), ActualState(2, "b"), DriftStatus.DIFFERS),
        (ExpectedState(), ActualState(1, "a"), DriftStatus.DIFFERS),
        (ExpectedState(), None, DriftStatus.MISSING),
    ],
)
def test_digest_decides_and_without_one_the_version(
    known: ExpectedState, held: ActualState | None, status: DriftStatus
) -> None:
    drift = drift_of(known, held)
    assert (drift.status, drift.actual) == (status, held)


def test_channel_of_another_tenant_is_taken_and_its_state_is_hidden() -> None:
    current = mapping("1", "7", tenant="other")
    drift = channel_drift(ExpectedState(1), current, owner())
    assert (drift.status, drift.actual) == (DriftStatus.TAKEN, None)
    off = mapping("1", "7", tenant="other", active=False)
    assert channel_drift(ExpectedState(1), off, owner()).status is DriftStatus.MISSING


def test_channel_of_another_area_differs_even_at_the_same_version() -> None:
    current = mapping("1", "7")
    sales = owner(domain="sales")
    assert channel_drift(ExpectedState(1), current, owner()).status is DriftStatus.EQUAL
    assert channel_drift(ExpectedState(1), current, sales).status is DriftStatus.DIFFERS
    assert channel_drift(ExpectedState(2), current, sales).status is DriftStatus.MISSING
    assert channel_drift(ExpectedState(1), None, sales).status is DriftStatus.MISSING


def test_every_part_of_a_mapping_changes_its_digest() -> None:
    current = mapping("1", "7", numbers=(("12345678", "boss"),))
    part_of = current.mapping
    others = [
        evolve(part_of, owner=owner("other")),
        evolve(part_of, sequence=3),
        evolve(part_of, fallback=True),
        evolve(part_of, active=False),
        evolve(part_of, numbers=()),
        evolve(part_of, numbers=mapping(numbers=(("12345678", "c"),)).mapping.numbers),
        mapping("1", "8", numbers=(("12345678", "boss"),)).mapping,
    ]
    digests = {part_of.digest, *(other.digest for other in others)}
    assert len(digests) == len(others) + 1
    assert actual_channel(current) == ActualState(1, part_of.digest)


def test_digest_of_a_document_is_that_of_its_data() -> None:
    first, again, other = revision(a=1), revision(version=5, a=1), revision(a=2)
    assert actual_document(first).digest == actual_document(again).digest
    assert actual_document(first).digest != actual_document(other).digest
    assert actual_document(deleted(first)).deleted


def test_collection_pushed_at_another_time_has_another_digest() -> None:
    head = pushed(item("1")).head
    assert actual_collection(head) == actual_collection(evolve(head))
    later = evolve(head, updated_at=AT + DAY)
    assert actual_collection(head).digest != actual_collection(later).digest


def test_inactive_channels_and_holder_entries_are_not_named() -> None:
    shown = mapping("1", "7")
    others: list[MappingRevision] = [
        mapping("1", "8", active=False),
        mapping(None, None, fallback=True),
    ]
    assert worth_naming([*others, shown]) == [shown]
