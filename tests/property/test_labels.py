"""
Labels against a model that compares them without case.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.conversations.labels import labels_after

LABELS = st.lists(st.text(st.sampled_from("aAbBß"), min_size=1, max_size=2))


def folded(labels: list[str] | tuple[str, ...]) -> set[str]:
    return {label.casefold() for label in labels}


@given(LABELS, LABELS, LABELS)
def test_what_was_there_and_is_not_named_stays(
    there: list[str], added: list[str], removed: list[str]
) -> None:
    after = labels_after(there, added=added, removed=removed)

    assert folded(after) == (folded(there) - folded(removed)) | folded(added)
    assert len(folded(after)) == len(after)
    # None is spelled anew, and a repetition changes nothing.
    assert {label for label in after if label.casefold() not in folded(added)} <= {*there}
    assert {*labels_after(after, added=added, removed=removed)} == {*after}


@given(LABELS)
def test_nothing_changes_without_a_wish(there: list[str]) -> None:
    assert folded(labels_after(there)) == folded(there)
