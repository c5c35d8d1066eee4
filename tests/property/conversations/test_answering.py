"""
When the AI answers, over any rules and any history.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.conversations.answering import (
    DEFAULT_RULES,
    DEFAULT_SILENCING_LABELS,
    AnswerRules,
    OutsideHours,
    Silence,
    Trait,
    names_in,
    read_rules,
    require_rules,
    rules_in,
)
from odoo_ai_config.domain.conversations.state import (
    Conversation,
    ConversationKey,
    Seen,
    Sighting,
    Status,
    succeeding,
)
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import Json, JsonObject, shown_name
from tests import strategies

KEY = ConversationKey(ChatwootId("1"), ChatwootId("301"))
NOW = datetime(2026, 4, 23, 12, 0, tzinfo=UTC)
NAMES = st.lists(st.text(min_size=1, max_size=20), max_size=5)
# Neither blank nor in parts.
VISIBLE = st.characters(categories=["L", "N", "S"])
LABELS = st.lists(st.text(VISIBLE, min_size=1, max_size=20), max_size=5)
# What may be said, and with what it is kept.
MEMBERS: Mapping[str, st.SearchStrategy[tuple[Json, dict[str, Any]]]] = {
    "statuses": st.lists(st.sampled_from(Status)).map(
        lambda values: ([one.value for one in values], {"statuses": frozenset(values)})
    ),
    "assigned": st.booleans().map(lambda value: (value, {"assigned": value})),
    "team": st.text(min_size=1, max_size=20).map(
        lambda name: (name, {"teams": frozenset({name.lower()})})
    ),
    "labels_any": LABELS.map(
        lambda names: (list(names), {"labels_any": frozenset(name.lower() for name in names)})
    ),
    "labels_none": LABELS.map(
        lambda names: (list(names), {"labels_none": frozenset(name.lower() for name in names)})
    ),
    "after_person": (st.none() | st.integers(0, 10080)).map(
        lambda minutes: (
            "until_handed_back" if minutes is None else {"minutes": minutes},
            {"after_person": None if minutes is None else timedelta(minutes=minutes)},
        )
    ),
    "hours": st.sampled_from(
        [
            (None, {"hours": None, "company_hours": False}),
            ("company", {"hours": None, "company_hours": True}),
        ]
    ),
    "outside_hours": st.sampled_from(OutsideHours).map(
        lambda value: (value.value, {"outside": value, "outside_text": None})
    )
    | st.text("aç \n", min_size=1)
    .filter(str.strip)
    .map(lambda text: ({"text": text}, {"outside": OutsideHours.SILENT, "outside_text": text})),
    "answer_to": st.lists(st.sampled_from(Trait)).map(
        lambda values: ([one.value for one in values], {"answer_to": frozenset(values)})
    ),
    "most_answers": st.tuples(st.integers(1, 100), st.integers(1, 1440)).map(
        lambda pair: (
            {"answers": pair[0], "minutes": pair[1]},
            {"most_answers": pair[0], "window": timedelta(minutes=pair[1])},
        )
    ),
    "gather_seconds": st.integers(0, 60).map(
        lambda seconds: (seconds, {"gather": timedelta(seconds=seconds)})
    ),
    "transcription_seconds": st.floats(0, 120).map(
        lambda seconds: (seconds, {"transcription": timedelta(seconds=seconds)})
    ),
    "unanswered": st.just(("nothing", {"unanswered": None}))
    | st.tuples(st.integers(60, 86_400), st.sampled_from([None, "ia-sem-resposta", "x"])).map(
        lambda pair: (
            {"after_seconds": pair[0], "label": pair[1]},
            {"unanswered": timedelta(seconds=pair[0]), "unanswered_label": pair[1]},
        )
    ),
}
SAID = st.fixed_dictionaries({}, optional=dict(MEMBERS))


def spoken(said: Mapping[str, tuple[Json, dict[str, Any]]]) -> JsonObject:
    return {name: value for name, (value, _) in said.items()}


def meant(said: Mapping[str, tuple[Json, dict[str, Any]]]) -> dict[str, Any]:
    return {name: value for _, kept in said.values() for name, value in kept.items()}


@given(SAID)
def test_what_is_said_is_kept(said: Mapping[str, tuple[Json, dict[str, Any]]]) -> None:
    assert read_rules(spoken(said), "answer_when") == AnswerRules(**meant(said))


@given(st.lists(SAID, min_size=4, max_size=4), st.lists(st.booleans(), min_size=4, max_size=4))
def test_nearest_word_on_each_member_holds(
    said: list[Mapping[str, tuple[Json, dict[str, Any]]]], present: list[bool]
) -> None:
    holders = [
        {"answer_when": spoken(one)} if there else {}
        for one, there in zip(said, present, strict=True)
    ]
    area, crew, account, channel = holders
    body: dict[str, Any] = {
        **area,
        "crews": {"vendas": crew},
        "channels": {"1/7": channel, "1": account},
    }
    require_rules(body)
    rules = rules_in(body, crew="vendas", account=ChatwootId("1"), inbox=ChatwootId("7"))
    nearest = [meant(one) for one, there in zip(said, present, strict=True) if there]
    assert rules == AnswerRules(**ChainMap(*reversed(nearest)))


@given(SAID, st.text().filter(lambda name: name not in MEMBERS), strategies.json_values())
def test_unknown_member_is_never_taken(
    said: Mapping[str, tuple[Json, dict[str, Any]]], name: str, value: Json
) -> None:
    with pytest.raises(InvalidValueError) as refused:
        read_rules(spoken(said) | {name: value}, "answer_when")
    where = f"answer_when.{shown_name(name)}"
    assert (refused.value.field, refused.value.rule) == (where, "unknown_member")


@given(
    st.dictionaries(
        st.sampled_from([*MEMBERS, "more"]),
        strategies.json_values()
        | st.sampled_from([["open"], {"minutes": 1}, {"text": "x"}, "company", ["a"], 3])
        | st.fixed_dictionaries({"weekly": strategies.json_values()}),
    )
    | strategies.json_values()
)
def test_any_value_is_read_or_refused(value: Json) -> None:
    with suppress(InvalidValueError):
        rules = read_rules(value, "answer_when")
        assert isinstance(value, dict)
        assert set(value) <= set(MEMBERS)
        assert timedelta(0) <= rules.gather <= timedelta(seconds=60)
        assert timedelta(0) <= rules.transcription <= timedelta(seconds=120)
        assert 1 <= rules.most_answers <= 100
        assert timedelta(minutes=1) <= rules.window <= timedelta(days=1)


RULE = SAID.map(spoken) | strategies.json_values()
HOLDER = st.fixed_dictionaries({}, optional={"answer_when": RULE}) | strategies.json_values()
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "answer_when": RULE,
        "default_crew": st.sampled_from(["a", "b", 5, None, []]),
        "crews": st.dictionaries(st.sampled_from("ab"), HOLDER) | strategies.json_values(),
        "channels": st.dictionaries(st.sampled_from(["1", "1/7", "1/7/8"]), HOLDER)
        | strategies.json_values(),
    },
)


@given(DOCUMENTS, st.none() | st.sampled_from("ab"), st.none() | st.just(ChatwootId("7")))
def test_document_that_was_taken_has_rules_for_every_message(
    body: JsonObject, crew: str | None, inbox: ChatwootId | None
) -> None:
    try:
        require_rules(body)
    except InvalidValueError:
        with suppress(InvalidValueError):
            rules_in(body, crew=crew, account=ChatwootId("1"), inbox=inbox)
    else:
        assert isinstance(
            rules_in(body, crew=crew, account=ChatwootId("1"), inbox=inbox), AnswerRules
        )


@given(
    DOCUMENTS,
    st.none() | st.sampled_from("ab"),
    st.none() | st.just(ChatwootId("7")),
    st.lists(strategies.sightings(st.just(KEY)), min_size=1, max_size=3),
    st.data(),
)
def test_erased_person_changes_no_silence(
    body: JsonObject,
    crew: str | None,
    inbox: ChatwootId | None,
    sightings: list[Sighting],
    data: st.DataObject,
) -> None:
    spared = DEFAULT_RULES.names | names_in(body)
    some = st.sampled_from(sorted(spared)).map(str.upper) | st.text()
    labels, team = tuple(data.draw(st.lists(some, max_size=4))), data.draw(some)
    before = evolve(after(sightings), labels=labels, team=team)
    forgotten = before.after(Seen(forgets_all_but=spared), now=NOW)
    rules = DEFAULT_RULES
    with suppress(InvalidValueError):
        rules = rules_in(body, crew=crew, account=ChatwootId("1"), inbox=inbox)
    verdicts = [rules.verdicts(one, now=NOW) for one in (before, forgotten)]
    assert [one.silent for one in verdicts[0]] == [one.silent for one in verdicts[1]]
    assert {name.lower() for name in (*forgotten.labels, forgotten.team or "")} <= spared | {""}


def after(sightings: list[Sighting]) -> Conversation:
    known = None
    for one in sightings:
        known = succeeding(known, one)
    assert known is not None
    return known


@given(
    st.lists(strategies.sightings(st.just(KEY)), min_size=1, max_size=6),
    strategies.instants(),
    st.booleans(),
    st.booleans(),
    st.sets(st.sampled_from(Trait)),
)
def test_ai_answers_only_where_nobody_else_does(
    sightings: list[Sighting],
    now: datetime,
    agent_bot: bool,
    paused: bool,
    traits: set[Trait],
) -> None:
    one = after(sightings)
    silence = DEFAULT_RULES.silence(one, traits, now=now, agent_bot=agent_bot, paused=paused)
    if silence is not None:
        assert isinstance(silence, Silence)
        return
    assert not traits
    assert not paused
    assert one.assignee is None
    assert not one.blocked
    assert not set(DEFAULT_SILENCING_LABELS) & {label.lower() for label in one.labels}
    assert one.status in {None, Status.PENDING, Status.OPEN}
    assert one.status is not Status.OPEN or not (agent_bot or one.began_pending)
    assert one.pause is None or (one.pause.until is not None and one.pause.until <= now)
    for at in (one.person_at, one.handed_over_at):
        assert at is None or (one.handed_back_at is not None and at <= one.handed_back_at)
