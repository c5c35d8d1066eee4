"""
The chain of the audit trail.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.audit import LinkedEntry, TrailEnd, TrailFault, followed, linked
from odoo_ai_config.domain.changes import AuditAction, AuditEntry
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import TenantId
from tests import strategies

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ENTRY = AuditEntry(NOON, AuditAction.KEY_CREATED, "cli", TenantId("ana"), "k1", None, "teste ç")


def chain(length: int) -> list[LinkedEntry]:
    return list(linked(TrailEnd(), [evolve(ENTRY, subject=f"k{n}") for n in range(length)]))


def test_hash_is_that_of_the_values_in_order_behind_the_hash_before() -> None:
    [first, second] = linked(TrailEnd(), [ENTRY, evolve(ENTRY, tenant=None)])
    for one, before, tenant in ((first, "0" * 64, "ana"), (second, first.hash, None)):
        values = [
            before,
            str(one.number),
            "2026-01-01T12:00:00.000000Z",
            "key_created",
            "cli",
            tenant,
            "k1",
            None,
            "teste ç",
        ]
        text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
        assert one.hash == hashlib.sha256(text.encode()).hexdigest()


def test_chain_is_the_same_whatever_its_parts() -> None:
    whole = chain(5)
    entries = [one.entry for one in whole]
    first = list(linked(TrailEnd(), entries[:2]))
    assert [*first, *linked(first[-1].end, entries[2:])] == whole
    assert followed(TrailEnd(), whole) == (whole[-1].end, None)
    assert followed(whole[1].end, whole[2:], known=whole[3].end) == (whole[-1].end, None)
    assert followed(TrailEnd(), []) == (TrailEnd(), None)


@given(
    entries=st.lists(strategies.audit_entries(), min_size=2, max_size=6),
    changed=strategies.audit_entries(),
    data=st.data(),
)
def test_every_change_is_found_where_it_is(
    entries: list[AuditEntry], changed: AuditEntry, data: st.DataObject
) -> None:
    whole = list(linked(TrailEnd(), entries))
    place = data.draw(st.integers(0, len(whole) - 2))
    if changed != entries[place]:
        tampered = [*whole]
        tampered[place] = evolve(whole[place], entry=changed)
        end, fault = followed(TrailEnd(), tampered)
        assert (end.number, fault) == (place, TrailFault.CHANGED)
        # Not even with a hash of its own that is right.
        [tampered[place]] = linked(end, [changed])
        assert followed(TrailEnd(), tampered) == (tampered[place].end, TrailFault.CHANGED)
    left = [one for one in whole if one.number != place + 1]
    assert followed(TrailEnd(), left)[1] is TrailFault.MISSING


def test_trail_that_was_replaced_as_a_whole_is_not_the_known_one() -> None:
    known = chain(3)[1].end
    forged = list(linked(TrailEnd(), [evolve(ENTRY, actor="x")] * 3))
    end, fault = followed(TrailEnd(), forged, known)
    assert (end.number, fault) == (1, TrailFault.FORKED)


def test_end_is_read_as_it_is_written() -> None:
    for end in (TrailEnd(), chain(12)[-1].end):
        assert TrailEnd.from_text(str(end)) == end


@pytest.mark.parametrize("text", ["", "1", "1:abc", f"-1:{'0' * 64}", f"01:{'0' * 64}"])
def test_other_text_is_no_end(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        TrailEnd.from_text(text)
    assert caught.value.rule == "trail_end"
