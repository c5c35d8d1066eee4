"""
The page about Chatwoot says of the rules what the hub reads.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve

from odoo_ai_config.adapters.yaml.yaml_codec import RuamelYamlCodec
from odoo_ai_config.domain.conversations.answering import (
    DEFAULT_RULES,
    Silence,
    Trait,
    read_rules,
    rules_in,
)
from odoo_ai_config.domain.conversations.state import Conversation, ConversationKey
from odoo_ai_config.domain.crews import require_crews
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import ReadOnlyJsonObject
from odoo_ai_config.domain.messages.inbox import Reception
from odoo_ai_config.domain.messages.receiving import Ignored
from odoo_ai_config.entrypoints.cli.program import program
from tests.contract.samples import owner
from tests.docs.test_examples import blocks_in
from tests.source_tree import ROOT

PAGES: Final = [ROOT / "docs" / name for name in ("chatwoot.md", "chatwoot.pt-BR.md")]
NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
CONVERSATION: Final = Conversation(ConversationKey(ChatwootId("1"), ChatwootId("301")), 0, NOW)
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def document_of(page: Path) -> ReadOnlyJsonObject:
    (block,) = (one for one in blocks_in(page.read_text("utf-8")) if one.language == "yaml")
    return RuamelYamlCodec().parse(block.text)


def table_of(page: Path, first: str) -> dict[str, str]:
    """
    The table whose first row begins with *first*: the rest of each row by its first cell.
    """
    text = page.read_text("utf-8")
    rows = text[text.index(f"| `{first}` |") :].partition("\n\n")[0].splitlines()
    return {
        found[1]: found[2]
        for found in (re.match(r"\| `(\w+)` (.*)", row) for row in rows)
        if found
    }


@pages
def test_rules_of_the_page_are_the_defaults_where_it_says_so(page: Path) -> None:
    document = document_of(page)
    require_crews(document, owner())
    rules = rules_in(document, crew=None, account=None, inbox=None)
    assert rules.company_hours
    assert (
        evolve(
            rules,
            statuses=None,
            teams=frozenset(),
            labels_any=frozenset(),
            company_hours=False,
        )
        == DEFAULT_RULES
    )


@pages
def test_rules_of_an_inbox_of_the_page_are_read(page: Path) -> None:
    account, inbox = ChatwootId("1"), ChatwootId("7")
    hours = rules_in(document_of(page), crew=None, account=account, inbox=inbox).hours
    assert hours is not None
    assert hours.zone == "America/Manaus"


@pages
def test_every_rule_is_explained_with_its_reason(page: Path) -> None:
    table = table_of(page, "statuses")
    document: Any = document_of(page)
    assert table.keys() == document["answer_when"].keys()
    for name in table:
        # The hub knows it: it has an opinion on its value.
        with pytest.raises(InvalidValueError, match=name):
            read_rules({name: [7]}, "answer_when")
    with pytest.raises(InvalidValueError):
        read_rules({"more": 1}, "answer_when")
    told = {
        silence
        for silence in Silence
        if any(f"`{silence.value}`" in row for row in table.values())
    }
    of_rules = {one.rule for one in DEFAULT_RULES.verdicts(CONVERSATION, now=NOW)}
    assert told == of_rules - {Silence.PAUSED, Silence.BLOCKED} | {Silence.TOO_MANY_ANSWERS}


@pages
def test_every_kind_of_message_that_gets_no_answer_is_explained(page: Path) -> None:
    table = table_of(page, "blocked")
    reasons = {
        trait.value: DEFAULT_RULES.silence(CONVERSATION, [trait], now=NOW) for trait in Trait
    }
    assert {word: row.split("`")[1] for word, row in table.items()} == {
        word: reason.value for word, reason in reasons.items() if reason is not None
    }


@pages
def test_every_answer_to_an_event_and_every_reason_to_ignore_one_is_explained(page: Path) -> None:
    assert table_of(page, "accepted").keys() == {one.value for one in Reception}
    assert {one.value for one in Ignored} <= table_of(page, "not_a_message").keys()


@pages
def test_every_command_of_the_page_is_understood(page: Path) -> None:
    text = page.read_text("utf-8")
    commands = re.findall(
        r"^\$ odoo-ai-config (.+)$|`odoo-ai-config (\w+ [^`]+)`", text, re.MULTILINE
    )
    assert len(commands) > 10
    for words in ("".join(found).split() for found in commands):
        program().parse_args(words, exit_on_error=False, print_error=False)
