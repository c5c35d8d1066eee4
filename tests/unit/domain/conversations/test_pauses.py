from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given

from odoo_ai_config.domain.channels.mapping import ChannelKey
from odoo_ai_config.domain.conversations.pauses import (
    MOST_CHANNELS,
    NO_PAUSES,
    PausePlace,
    Pauses,
    inbox_named,
    paused_until,
    read_pauses,
    require_pauses,
)
from odoo_ai_config.domain.conversations.state import Pause
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import Json, JsonObject
from tests.contract.samples import AT, DAY, MINUTE, owner
from tests.strategies import pauses_documents

INBOX = inbox_named("1/7")
FOREVER = Pause("key")
SHORT = Pause("key", AT + MINUTE)


@given(pauses_documents())
def test_what_is_written_is_read(pauses: Pauses) -> None:
    document = Document.of(pauses.body)
    assert read_pauses(document.body) == pauses
    require_pauses(document.body, owner("acme", "default"))


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({"tenants": {}}, "document", "unknown_field"),
        ({"channels": []}, "channels", "object"),
        ({"channels": None}, "channels", "object"),
        ({"channels": {"1": {"by": "a"}}}, "channels", "inbox_channel"),
        ({"channels": {"1/": {"by": "a"}}}, "channels", "inbox_channel"),
        ({"channels": {"1/7/9": {"by": "a"}}}, "channels", "inbox_channel"),
        ({"channels": {"channel/1/7": {"by": "a"}}}, "channels", "inbox_channel"),
        ({"channels": {"1/7": None}}, "channels.*", "object"),
        ({"channels": {"1/7": True}}, "channels.*", "object"),
        ({"channels": {"1/7": {"by": "a", "why": "b"}}}, "channels.*", "unknown_field"),
        ({"tenant": True}, "tenant", "object"),
        ({"tenant": {}}, "tenant.by", "name"),
        ({"tenant": {"by": ""}}, "tenant.by", "name"),
        ({"tenant": {"by": "a" * 129}}, "tenant.by", "name"),
        ({"tenant": {"by": "a", "until": 1796000000}}, "tenant.until", "moment"),
        ({"tenant": {"by": "a", "until": "2026-12-01"}}, "tenant.until", "moment"),
        ({"tenant": {"by": "a", "until": "2026-12-01T09:00:00"}}, "tenant.until", "moment"),
    ],
)
def test_fault_is_refused_by_its_place(body: JsonObject, field: str, rule: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        read_pauses(body)
    assert (refused.value.field, refused.value.rule) == (field, rule)


def test_pauses_of_another_area_are_refused_because_nobody_would_look_at_them() -> None:
    with pytest.raises(InvalidValueError) as refused:
        require_pauses({}, owner("acme", "retail"))
    assert refused.value.rule == "default_domain"


def test_number_of_channels_is_limited() -> None:
    def paused(count: int) -> Json:
        return {f"1/{number}": {"by": "a"} for number in range(1, count + 1)}

    full = read_pauses({"channels": paused(MOST_CHANNELS)})
    with pytest.raises(InvalidValueError):
        read_pauses({"channels": paused(MOST_CHANNELS + 1)})
    with pytest.raises(InvalidValueError):
        full.with_(inbox_named("2/1"), FOREVER, now=AT)
    # One that is paused already is no other one.
    assert full.with_(INBOX, SHORT, now=AT).at(INBOX) == SHORT


def test_whole_account_is_no_channel_that_can_be_paused() -> None:
    with pytest.raises(InvalidValueError):
        Pauses(channels={ChannelKey(ChatwootId("1")): FOREVER})


def test_pause_replaces_the_one_before_and_ends() -> None:
    pauses = NO_PAUSES.with_(INBOX, FOREVER, now=AT).with_(None, FOREVER, now=AT)
    assert (pauses.at(INBOX), pauses.at(None)) == (FOREVER, FOREVER)
    shorter = pauses.with_(INBOX, SHORT, now=AT)
    assert (shorter.at(INBOX), shorter.at(None)) == (SHORT, FOREVER)
    assert shorter.with_(INBOX, None, now=AT) == Pauses(FOREVER)
    assert pauses.with_(None, None, now=AT) == Pauses(channels={INBOX: FOREVER})
    assert NO_PAUSES.with_(INBOX, None, now=AT) == NO_PAUSES


def test_write_forgets_pauses_that_have_ended() -> None:
    pauses = Pauses(SHORT, {INBOX: SHORT, inbox_named("1/8"): FOREVER})
    later = pauses.with_(inbox_named("1/9"), FOREVER, now=AT + MINUTE)
    assert later == Pauses(channels={inbox_named("1/8"): FOREVER, inbox_named("1/9"): FOREVER})


def test_message_meets_the_pauses_of_its_inbox_and_of_its_tenant() -> None:
    one, seven, eight = ChatwootId("1"), ChatwootId("7"), ChatwootId("8")
    pauses = Pauses(SHORT, {INBOX: FOREVER})
    assert pauses.of(one, seven) == {PausePlace.CHANNEL: FOREVER, PausePlace.TENANT: SHORT}
    assert pauses.of(one, eight) == {PausePlace.TENANT: SHORT}
    assert pauses.of(one, None) == pauses.of(None, seven) == {PausePlace.TENANT: SHORT}
    assert NO_PAUSES.of(one, seven) == {}


def test_pause_ends_at_its_end_and_not_before() -> None:
    tick = timedelta(microseconds=1)
    assert SHORT.holds(AT + MINUTE - tick)
    assert not SHORT.holds(AT + MINUTE)
    assert FOREVER.holds(AT + 1000 * DAY)


def test_pause_that_has_ended_cannot_begin() -> None:
    assert paused_until(None, by="a", now=AT) == Pause("a")
    assert paused_until(AT + MINUTE, by="a", now=AT) == Pause("a", AT + MINUTE)
    with pytest.raises(InvalidValueError) as refused:
        paused_until(AT, by="a", now=AT)
    assert refused.value.field == "until"
