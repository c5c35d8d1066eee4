"""
Subscriptions in their document.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.feed import FeedKind
from odoo_ai_config.domain.identifiers import SUBSCRIPTIONS, BusinessArea
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.subscriptions import (
    MessageOutcome,
    Off,
    Subscription,
    SubscriptionId,
    document_of,
    subscriptions_in,
)
from tests.strategies import json_values

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
IDS = st.from_regex(r"sub_[A-Za-z0-9_-]{8,40}", fullmatch=True).map(SubscriptionId)


@st.composite
def subscriptions(draw: st.DrawFn) -> Subscription:
    kinds = draw(st.dictionaries(st.sampled_from(FeedKind), st.integers(0, 10**15)))
    outcomes = draw(st.frozensets(st.sampled_from(MessageOutcome), min_size=0 if kinds else 1))
    off = st.builds(Off, MOMENTS, st.sampled_from(["failing", "by_hand"]))
    return Subscription(
        draw(IDS),
        "https://receiver.example.com/hook",
        kinds,
        outcomes,
        draw(MOMENTS),
        draw(MOMENTS),
        draw(st.none() | MOMENTS),
        draw(st.none() | off),
    )


@given(st.lists(subscriptions(), unique_by=lambda one: one.id.value))
def test_document_has_what_was_written(several: list[Subscription]) -> None:
    known = {one.id.value: one for one in several}
    assert subscriptions_in(document_of(known)) == known


@given(name=st.text(max_size=20), body=json_values())
def test_what_is_no_subscription_counts_as_absent(name: str, body: object) -> None:
    document: JsonObject = {name: body}  # type: ignore[dict-item]
    assert subscriptions_in(document) == {}


def test_area_of_subscriptions_is_nobodys_name() -> None:
    for text in ("hub-subscriptions", "Hub Subscriptions", "HUB-subscriptions"):
        with pytest.raises(InvalidValueError) as refused:
            BusinessArea.from_text(text)
        assert refused.value.rule == "domain_reserved"
    assert SUBSCRIPTIONS.value == "hub-subscriptions"
