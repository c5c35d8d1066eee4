"""
When the AI answers: every reason for silence, their order, and the reading of ``answer_when``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations, product
from typing import Any, Final

import pytest
from attrs import evolve, frozen

from odoo_ai_config.domain.conversations.answering import (
    DEFAULT_RULES,
    LONGEST_AFTER_PERSON,
    LONGEST_GATHER,
    LONGEST_TEXT,
    LONGEST_TRANSCRIPTION,
    LONGEST_UNANSWERED,
    LONGEST_WINDOW,
    MOST_ANSWERS,
    MOST_NAMES,
    SHORTEST_UNANSWERED,
    AnswerRules,
    OutsideHours,
    Silence,
    Trait,
    read_rules,
    require_rules,
    rules_in,
    when_posting,
)
from odoo_ai_config.domain.conversations.hours import BusinessHours
from odoo_ai_config.domain.conversations.state import (
    LONGEST_LABEL,
    Conversation,
    ConversationKey,
    Pause,
    Status,
)
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import ChatwootId

NOW: Final = datetime(2026, 4, 23, 12, 0, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
ANA: Final = ChatwootId("3")
NO_OBJECTS: Final[list[Any]] = [None, [], "pending", 5, True]
NO_NAMES: Final[list[Any]] = [None, 5, {}, [5], "", [""]]
NO_CHANNELS: Final[list[Any]] = [[], "1/7", {str(number): {} for number in range(MOST_NAMES + 1)}]
WEEK: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
STATED: Final[dict[str, Any]] = {
    "timezone": "UTC",
    "weekly": {day: ["08:00-18:00"] for day in WEEK},
}
ONE, SEVEN = ChatwootId("1"), ChatwootId("7")
BLANK: Final = Conversation(ConversationKey(ONE, ChatwootId("301")), 1, NOW)
EVERY_DAY: Final = (((8 * 60, 18 * 60),),) * 7
OPEN_NOW: Final = BusinessHours("UTC", EVERY_DAY)
CLOSED_NOW: Final = BusinessHours("UTC", (((0, 60),),) * 7)

# The reasons in the order in which they are told: those of the message before all others.
OF_MESSAGES: Final = [
    "blocked_contact",
    "group",
    "automatic_message",
    "reaction",
    "unsupported_content",
    "voice_call",
    "command_contact",
]
OF_CONVERSATIONS: Final = [
    "paused",
    "blocked_contact",
    "silencing_label",
    "label_missing",
    "other_team",
    "human_has_it",
    "human_wrote",
    "handed_over",
    "conversation_status",
    "outside_hours",
]


@frozen
class Part:
    """
    A part of the conversation or of the rules, and the reason for silence that it is.
    """

    why: str | None
    conversation: Mapping[str, Any] = {}
    rules: Mapping[str, Any] = {}


NOTHING: Final = Part(None)
PEOPLE: Final = (
    NOTHING,
    Part("human_wrote", {"person_at": NOW - HOUR}),
    Part("human_wrote", {"person_at": NOW - HOUR, "handed_over_at": NOW - 2 * HOUR}),
    Part("handed_over", {"person_at": NOW - 2 * HOUR, "handed_over_at": NOW - HOUR}),
    Part(None, {"person_at": NOW - HOUR, "handed_back_at": NOW - HOUR}),
    Part("human_wrote", {"person_at": NOW - HOUR, "handed_back_at": NOW - HOUR - MINUTE}),
    Part("human_wrote", {"person_at": NOW - HOUR}, {"after_person": HOUR + MINUTE}),
    Part(None, {"person_at": NOW - HOUR}, {"after_person": HOUR}),
    Part(None, {"handed_over_at": NOW - HOUR}, {"after_person": timedelta(0)}),
)
PAUSES: Final = (
    NOTHING,
    Part("paused", {"pause": Pause("ana")}),
    Part("paused", {"pause": Pause("ana", NOW + MINUTE)}),
    Part(None, {"pause": Pause("ana", NOW)}),
)
BLOCKS: Final = (
    NOTHING,
    Part("blocked_contact", {"blocked": True}),
    Part(None, {"blocked": True}, {"answer_to": frozenset({Trait.BLOCKED})}),
)
LABELS: Final = (
    Part(None, {"labels": ("vip",)}),
    Part("silencing_label", {"labels": ("vip", "humano")}),
    Part("silencing_label", {"labels": ("Sem-Bot",)}),
    Part("silencing_label", {"labels": ("vip",)}, {"labels_none": frozenset({"vip"})}),
    Part(None, {"labels": ("humano",)}, {"labels_none": frozenset()}),
    Part("label_missing", {"labels": ("vip",)}, {"labels_any": frozenset({"ia", "bot"})}),
    Part(None, {"labels": ("VIP", "Bot")}, {"labels_any": frozenset({"ia", "bot"})}),
)
TEAMS: Final = (
    Part(None, {"team": "vendas"}),
    Part("other_team", {"team": "vendas"}, {"teams": frozenset({"suporte"})}),
    Part("other_team", {"team": None}, {"teams": frozenset({"suporte"})}),
    Part(None, {"team": "Suporte"}, {"teams": frozenset({"suporte"})}),
)
ASSIGNEES: Final = (
    NOTHING,
    Part("human_has_it", {"assignee": ANA}),
    Part(None, {"assignee": ANA}, {"assigned": True}),
)
HOURS: Final = (
    NOTHING,
    Part(None, {}, {"hours": OPEN_NOW}),
    Part("outside_hours", {}, {"hours": CLOSED_NOW}),
    Part(None, {}, {"hours": CLOSED_NOW, "outside": OutsideHours.ANSWER}),
)
# Each status, whether it was pending before, and the statuses of the rules; then in which of the
# two ways of connecting Chatwoot the AI is silent: an account's webhook, an agent bot.
STATUSES: Final = [
    (None, False, None, ""),
    (None, False, {Status.OPEN}, ""),
    (Status.PENDING, True, None, ""),
    (Status.OPEN, False, None, "bot"),
    (Status.OPEN, True, None, "webhook bot"),
    (Status.RESOLVED, False, None, "webhook bot"),
    (Status.SNOOZED, False, None, "webhook bot"),
    (Status.OPEN, True, {Status.OPEN}, ""),
    (Status.PENDING, True, {Status.OPEN}, "webhook bot"),
    (Status.RESOLVED, False, {Status.RESOLVED, Status.SNOOZED}, ""),
]


FACTORS: Final = (PAUSES, BLOCKS, LABELS, TEAMS, ASSIGNEES, PEOPLE, HOURS)


def combined() -> Iterator[Sequence[Part]]:
    """
    Every two parts of different kinds, and every set of reasons.
    """
    for one, other in combinations(FACTORS, 2):
        yield from product(one, other)
    yield from product(*({part.why: part for part in factor}.values() for factor in FACTORS))


@pytest.mark.parametrize(("status", "began", "statuses", "silent"), STATUSES)
@pytest.mark.parametrize("agent_bot", [False, True])
def test_first_reason_is_told_of_every_conversation_under_every_rule(
    status: Status | None,
    began: bool,
    statuses: set[Status] | None,
    silent: str,
    agent_bot: bool,
) -> None:
    way = "bot" if agent_bot else "webhook"
    of_status = "conversation_status" if way in silent.split() else None
    met = set()
    for parts in combined():
        conversation: dict[str, Any] = {"status": status, "began_pending": began}
        rules: dict[str, Any] = {"statuses": None if statuses is None else frozenset(statuses)}
        for part in parts:
            conversation |= part.conversation
            rules |= part.rules
        whys = filter(None, [of_status, *(part.why for part in parts)])
        expected = min(whys, key=OF_CONVERSATIONS.index, default=None)
        silence = AnswerRules(**rules).silence(
            evolve(BLANK, **conversation), now=NOW, agent_bot=agent_bot
        )
        assert (None if silence is None else silence.value) == expected, (conversation, rules)
        met.add(expected)
    assert met >= {*OF_CONVERSATIONS, None} - {
        "conversation_status",
        "outside_hours",
        of_status,
        None,
    }
    assert (None in met) == (of_status is None)


def test_traits_are_told_before_all_else_in_their_order() -> None:
    busy = evolve(BLANK, status=Status.RESOLVED, assignee=ANA, labels=("humano",), blocked=True)
    names = [trait.value for trait in Trait]
    for bits in product([False, True], repeat=len(names)):
        traits = [Trait(name) for name, has in zip(names, bits, strict=True) if has]
        first = next((why for why, has in zip(OF_MESSAGES, bits, strict=True) if has), None)
        silence = DEFAULT_RULES.silence(busy, traits, now=NOW, paused=True)
        assert silence is Silence(first or "paused")
        answering = AnswerRules(answer_to=frozenset(Trait))
        assert answering.silence(BLANK, traits, now=NOW) is None
        assert answering.silence(BLANK, traits, now=NOW, paused=True) is Silence.PAUSED


def test_only_the_traits_that_are_named_are_answered() -> None:
    rules = AnswerRules(answer_to=frozenset({Trait.GROUP}))
    assert rules.silence(BLANK, [Trait.GROUP], now=NOW) is None
    assert rules.silence(BLANK, [Trait.GROUP, Trait.CALL], now=NOW) is Silence.CALL


def test_person_who_comes_while_the_crew_thinks_took_over() -> None:
    took = {why for why in Silence if when_posting(why) is not why}
    assert took == {Silence.HUMAN_HAS_IT, Silence.HUMAN_WROTE, Silence.NOT_ITS_STATUS}
    assert {when_posting(why) for why in took} == {Silence.HUMAN_TOOK_OVER}


def test_every_member_is_read() -> None:
    rules = read_rules(
        {
            "statuses": ["open", "pending", "open"],
            "assigned": True,
            "team": "Vendas",
            "labels_any": ["ia", "Bot"],
            "labels_none": [],
            "after_person": {"minutes": 30},
            "hours": STATED,
            "outside_hours": {"text": " Voltamos às 8h. "},
            "answer_to": ["group", "reaction"],
            "most_answers": {"answers": 5, "minutes": 3},
            "gather_seconds": 2.5,
            "transcription_seconds": 20,
            "unanswered": {"after_seconds": 90, "label": "socorro"},
        },
        "answer_when",
    )
    assert rules == AnswerRules(
        statuses=frozenset({Status.OPEN, Status.PENDING}),
        assigned=True,
        teams=frozenset({"vendas"}),
        labels_any=frozenset({"ia", "bot"}),
        labels_none=frozenset(),
        after_person=30 * MINUTE,
        hours=OPEN_NOW,
        outside_text=" Voltamos às 8h. ",
        answer_to=frozenset({Trait.GROUP, Trait.REACTION}),
        most_answers=5,
        window=3 * MINUTE,
        gather=timedelta(seconds=2.5),
        transcription=timedelta(seconds=20),
        unanswered=timedelta(seconds=90),
        unanswered_label="socorro",
    )
    assert "Voltamos" not in repr(rules)
    assert read_rules({}, "answer_when") == DEFAULT_RULES


def test_later_word_replaces_what_the_earlier_one_said() -> None:
    def over(said: Any, before: Any) -> AnswerRules:
        return read_rules(said, "answer_when", over=read_rules(before, "answer_when"))

    assert over({"after_person": "until_handed_back"}, {"after_person": {"minutes": 1}}) == (
        DEFAULT_RULES
    )
    assert over({"hours": "company"}, {"hours": STATED}) == AnswerRules(company_hours=True)
    assert over({"hours": STATED}, {"hours": "company"}) == AnswerRules(hours=OPEN_NOW)
    assert over({"hours": None}, {"hours": "company"}) == DEFAULT_RULES
    assert over({"outside_hours": "silent"}, {"outside_hours": {"text": "x"}}) == DEFAULT_RULES
    assert over({"outside_hours": {"text": "x"}}, {"outside_hours": "answer"}) == AnswerRules(
        outside_text="x"
    )
    said: Any = {"unanswered": {"after_seconds": 90}}
    assert over({"unanswered": {"label": None}}, said) == AnswerRules(
        unanswered=timedelta(seconds=90), unanswered_label=None
    )
    assert over({"unanswered": {}}, {"unanswered": "nothing"}) == DEFAULT_RULES
    assert over({"unanswered": "nothing"}, said).unanswered is None
    assert over({"team": ["a", "B"]}, {"team": "c"}) == AnswerRules(teams=frozenset("ab"))


@pytest.mark.parametrize(
    ("said", "where", "rule"),
    [
        *((said, "", "object") for said in NO_OBJECTS),
        ({"status": ["open"]}, ".status", "unknown_member"),
        ({"Assigned": True}, ".Assigned", "unknown_member"),
        ({"statuses": "open"}, ".statuses", "list"),
        ({"statuses": None}, ".statuses", "list"),
        ({"statuses": ["aberta"]}, ".statuses", "unknown_value"),
        ({"statuses": [["open"]]}, ".statuses", "unknown_value"),
        ({"statuses": ["OPEN"]}, ".statuses", "unknown_value"),
        *(({"assigned": said}, ".assigned", "boolean") for said in (None, 1, "true")),
        *(({"team": said}, ".team", "names") for said in NO_NAMES),
        ({"labels_any": "vip"}, ".labels_any", "names"),
        ({"labels_none": [None]}, ".labels_none", "names"),
        ({"labels_none": ["l" * (LONGEST_LABEL + 1)]}, ".labels_none", "names"),
        ({"labels_none": ["l"] * (MOST_NAMES + 1)}, ".labels_none", "names"),
        ({"after_person": 30}, ".after_person", "after_person"),
        ({"after_person": None}, ".after_person", "after_person"),
        ({"after_person": {"minutes": 1, "hours": 1}}, ".after_person", "after_person"),
        ({"after_person": {}}, ".after_person", "after_person"),
        ({"after_person": {"minutes": -1}}, ".after_person", "whole_number"),
        ({"after_person": {"minutes": 1.0}}, ".after_person", "whole_number"),
        ({"after_person": {"minutes": True}}, ".after_person", "whole_number"),
        ({"after_person": {"minutes": 7 * 24 * 60 + 1}}, ".after_person", "whole_number"),
        ({"hours": "Company"}, ".hours", "object"),
        ({"hours": {"timezone": "UTC"}}, ".hours.weekly", "weekly_hours"),
        ({"outside_hours": "text"}, ".outside_hours", "unknown_value"),
        ({"outside_hours": None}, ".outside_hours", "unknown_value"),
        ({"outside_hours": {"text": "x", "more": 1}}, ".outside_hours", "unknown_value"),
        *(
            ({"outside_hours": {"text": text}}, ".outside_hours.text", "outside_text")
            for text in (None, 5, "", " \n", "x" * (LONGEST_TEXT + 1))
        ),
        *(
            ({name: [label]}, f".{name}", "label")
            for name in ("labels_any", "labels_none")
            for label in ("vip,ouro", " vip", "vip\n", " ")
        ),
        ({"answer_to": ["groups"]}, ".answer_to", "unknown_value"),
        *(
            ({"most_answers": said}, ".most_answers", "most_answers")
            for said in (None, 5, {"answers": 1}, {"answers": 1, "minutes": 1, "hours": 1})
        ),
        *(
            ({"most_answers": {"answers": answers, "minutes": 1}}, ".most_answers", "whole_number")
            for answers in (0, MOST_ANSWERS + 1, "5", None)
        ),
        *(
            ({"most_answers": {"answers": 1, "minutes": minutes}}, ".most_answers", "whole_number")
            for minutes in (0, 24 * 60 + 1)
        ),
        *(({"gather_seconds": said}, ".gather_seconds", "number") for said in (None, True, "3")),
        *(
            ({"gather_seconds": said}, ".gather_seconds", "seconds")
            for said in (-1, 60.5, 10**400)
        ),
        ({"gather_seconds": float("nan")}, ".gather_seconds", "seconds"),
        ({"transcription_seconds": 120.5}, ".transcription_seconds", "seconds"),
        *(
            ({"unanswered": said}, ".unanswered", "unanswered")
            for said in (None, "Nothing", 300, {"after_seconds": 300, "more": 1})
        ),
        *(
            ({"unanswered": {"after_seconds": said}}, ".unanswered.after_seconds", "number")
            for said in (True, "300", None)
        ),
        *(
            (
                {"unanswered": {"after_seconds": said}},
                ".unanswered.after_seconds",
                "unanswered_seconds",
            )
            for said in (59.9, 86_401)
        ),
        *(
            ({"unanswered": {"label": said}}, ".unanswered.label", "label")
            for said in ("", " x", "a,b", "a\n", 5, "l" * (LONGEST_LABEL + 1))
        ),
    ],
)
def test_fault_is_refused_by_its_place_and_rule(said: Any, where: str, rule: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        read_rules(said, "answer_when")
    assert (refused.value.field, refused.value.rule) == (f"answer_when{where}", rule)


def test_limits_are_reached() -> None:
    rules = read_rules(
        {
            "labels_any": [f"{number:0{LONGEST_LABEL}}" for number in range(MOST_NAMES)],
            "after_person": {"minutes": 7 * 24 * 60},
            "outside_hours": {"text": "x" * LONGEST_TEXT},
            "most_answers": {"answers": MOST_ANSWERS, "minutes": 24 * 60},
            "gather_seconds": 60,
            "transcription_seconds": 120,
            "unanswered": {"after_seconds": 86_400, "label": "l" * LONGEST_LABEL},
        },
        "answer_when",
    )
    assert rules.unanswered == LONGEST_UNANSWERED
    assert rules.after_person == LONGEST_AFTER_PERSON
    assert rules.window == LONGEST_WINDOW
    assert (rules.gather, rules.transcription) == (LONGEST_GATHER, LONGEST_TRANSCRIPTION)
    assert len(rules.labels_any) == MOST_NAMES
    least: dict[str, Any] = {"gather_seconds": 0, "transcription_seconds": 0}
    least["after_person"] = {"minutes": 0}
    assert read_rules(least, "answer_when") == AnswerRules(after_person=timedelta(0))
    assert read_rules({"most_answers": {"answers": 1, "minutes": 1}}, "").most_answers == 1
    soon: Any = {"unanswered": {"after_seconds": 60}}
    assert read_rules(soon, "").unanswered == SHORTEST_UNANSWERED


def gather(seconds: int) -> dict[str, Any]:
    return {"answer_when": {"gather_seconds": seconds}}


def test_nearest_word_holds() -> None:
    body: dict[str, Any] = {
        **gather(1),
        "default_crew": "vendas",
        "crews": {"vendas": gather(2), "outra": {}, "odd": 5},
        "channels": {"1": gather(3), "1/7": gather(4), "2/7": gather(5), "odd": None},
    }
    places = [
        ("vendas", ONE, SEVEN, 4),
        ("vendas", ONE, ChatwootId("8"), 3),
        ("vendas", ONE, None, 3),
        ("vendas", ChatwootId("2"), SEVEN, 5),
        ("vendas", ChatwootId("2"), ONE, 2),
        (None, ChatwootId("9"), None, 2),
        ("outra", ChatwootId("9"), None, 1),
        ("odd", None, None, 1),
        ("unknown", None, None, 1),
    ]
    for crew, account, inbox, seconds in places:
        rules = rules_in(body, crew=crew, account=account, inbox=inbox)
        assert rules.gather == timedelta(seconds=seconds), (crew, account, inbox)
    assert rules_in({}, crew=None, account=None, inbox=None) == DEFAULT_RULES
    alone: dict[str, Any] = {"crews": {"vendas": gather(2)}, "default_crew": 5}
    assert rules_in(alone, crew=None, account=ONE, inbox=SEVEN) == DEFAULT_RULES


def test_member_that_a_channel_does_not_name_is_the_crews_or_the_areas() -> None:
    body: dict[str, Any] = {
        "answer_when": {"assigned": True, "labels_none": ["a"], "team": "a"},
        "crews": {"c": {"answer_when": {"labels_none": ["b"], "team": "b"}}},
        "channels": {"1": {"answer_when": {"team": "c"}}},
    }
    assert rules_in(body, crew="c", account=ONE, inbox=None) == AnswerRules(
        assigned=True, labels_none=frozenset("b"), teams=frozenset("c")
    )


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({"answer_when": None}, "answer_when", "object"),
        ({"crews": {"a": {"answer_when": {"x": 1}}}}, "crews.*.answer_when.x", "unknown_member"),
        *(({"channels": said}, "channels", "channels") for said in NO_CHANNELS),
        *(
            ({"channels": {name: {}}}, "channels", "channels")
            for name in ("", "/7", "1/", "1/7/8", "1 ", "a.b", "á", "x" * 65, "1\n")
        ),
        ({"channels": {"1": None}}, "channels.*", "object"),
        ({"channels": {"1": {"crew": "a"}}}, "channels.*.crew", "unknown_member"),
        (
            {"channels": {"1/7": {"answer_when": {"assigned": 1}}}},
            "channels.*.answer_when.assigned",
            "boolean",
        ),
    ],
)
def test_document_with_a_fault_anywhere_is_refused(
    body: dict[str, Any], field: str, rule: str
) -> None:
    with pytest.raises(InvalidValueError) as refused:
        require_rules(body)
    assert (refused.value.field, refused.value.rule) == (field, rule)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"crews": 5, "channels": None},
        {"crews": {"a": 5, "b": {}}, "channels": {}},
        {"channels": {"1": {}, "account_1/7": gather(1), "x" * 64: gather(60)}},
        {"channels": {str(number): {} for number in range(MOST_NAMES)}},
    ],
)
def test_document_without_a_fault_is_taken(body: dict[str, Any]) -> None:
    require_rules(body)
    assert rules_in(body, crew="a", account=ONE, inbox=SEVEN) == DEFAULT_RULES


@pytest.mark.parametrize("said", [*NO_OBJECTS, {}, {"messages": 5}, {"hours": 5}])
def test_history_says_both_how_many_and_how_old(said: Any) -> None:
    with pytest.raises(InvalidValueError) as caught:
        read_rules({"history": said}, "answer_when")
    assert (caught.value.field, caught.value.rule) == ("answer_when.history", "history")
