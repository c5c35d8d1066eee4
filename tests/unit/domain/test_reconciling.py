from __future__ import annotations

import pytest
from attrs import evolve

from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.reconciliation import (
    Acknowledged,
    Held,
    Standing,
    found,
    found_channel,
    held_channel,
    held_collection,
    held_document,
    worth_naming,
)
from tests.contract.samples import AT, DAY, deleted, item, mapping, owner, pushed, revision


@pytest.mark.parametrize(
    ("known", "held", "standing"),
    [
        (Acknowledged(3), Held(3, "a"), Standing.EQUAL),
        (Acknowledged(3), Held(4, "a"), Standing.DIFFERS),
        (Acknowledged(3), Held(2, "a"), Standing.MISSING),
        (Acknowledged(3), None, Standing.MISSING),
        (Acknowledged(3), Held(3, "a", deleted=True), Standing.MISSING),
        (Acknowledged(3, "a"), Held(3, "a"), Standing.EQUAL),
        (Acknowledged(3, "a"), Held(3, "b"), Standing.DIFFERS),
        (Acknowledged(3, "a"), Held(2, "a"), Standing.EQUAL),
        (Acknowledged(3, "a"), Held(2, "b"), Standing.MISSING),
        (Acknowledged(None, "a"), Held(2, "a"), Standing.EQUAL),
        (Acknowledged(None, "a"), Held(2, "b"), Standing.DIFFERS),
        (Acknowledged(), Held(1, "a"), Standing.DIFFERS),
        (Acknowledged(), None, Standing.MISSING),
    ],
)
def test_digest_decides_and_else_the_version(
    known: Acknowledged, held: Held | None, standing: Standing
) -> None:
    finding = found(known, held)
    assert (finding.standing, finding.held) == (standing, held)


def test_channel_of_another_tenant_is_taken_and_nothing_is_told_of_it() -> None:
    current = mapping("1", "7", tenant="other")
    finding = found_channel(Acknowledged(1), current, owner())
    assert (finding.standing, finding.held) == (Standing.TAKEN, None)
    off = mapping("1", "7", tenant="other", active=False)
    assert found_channel(Acknowledged(1), off, owner()).standing is Standing.MISSING


def test_channel_of_another_area_differs_even_at_the_same_version() -> None:
    current = mapping("1", "7")
    sales = owner(domain="sales")
    assert found_channel(Acknowledged(1), current, owner()).standing is Standing.EQUAL
    assert found_channel(Acknowledged(1), current, sales).standing is Standing.DIFFERS
    assert found_channel(Acknowledged(2), current, sales).standing is Standing.MISSING
    assert found_channel(Acknowledged(1), None, sales).standing is Standing.MISSING


def test_digest_of_a_channel_tells_every_part_of_it() -> None:
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
    assert held_channel(current) == Held(1, part_of.digest)


def test_digest_of_a_document_is_that_of_its_data() -> None:
    first, again, other = revision(a=1), revision(version=5, a=1), revision(a=2)
    assert held_document(first).digest == held_document(again).digest
    assert held_document(first).digest != held_document(other).digest
    assert held_document(deleted(first)).deleted


def test_collection_that_was_pushed_at_another_time_has_another_digest() -> None:
    head = pushed(item("1")).head
    assert held_collection(head) == held_collection(evolve(head))
    later = evolve(head, updated_at=AT + DAY)
    assert held_collection(head).digest != held_collection(later).digest


def test_channels_that_are_off_and_holders_are_not_worth_naming() -> None:
    shown = mapping("1", "7")
    others: list[MappingRevision] = [
        mapping("1", "8", active=False),
        mapping(None, None, fallback=True),
    ]
    assert worth_naming([*others, shown]) == [shown]
