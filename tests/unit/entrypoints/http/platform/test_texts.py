from __future__ import annotations

import ast
from functools import cache

import pytest

from odoo_ai_config.domain.channels import routing
from odoo_ai_config.domain.outcomes import EVENTS, WriteKind
from odoo_ai_config.entrypoints.http.platform.notices import NOTICES
from odoo_ai_config.entrypoints.http.platform.texts import (
    EVENT_DONE,
    EVENT_FAILED,
    RULES,
    Language,
    enumeration,
    preferred_language,
    rule_text,
)
from tests.source_tree import PACKAGE, modules


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "pt-BR"),
        ("", "pt-BR"),
        ("en", "en"),
        ("en-US,en;q=0.9,pt;q=0.8", "en"),
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt-BR"),
        ("en;q=0.3, PT;q=0.7", "pt-BR"),
        ("fr, en;q=0.1", "en"),
        ("*", "pt-BR"),
        ("en;q=0", "pt-BR"),
        ("en;q=nan", "pt-BR"),
        ("en;q=", "pt-BR"),
        ("en;q=1.2.3", "pt-BR"),
        ("en;q=²", "pt-BR"),
        ("en;level=1", "pt-BR"),
        (";;;,,,=;q", "pt-BR"),
        ("\udcff\udcfe", "pt-BR"),
    ],
)
def test_language_follows_the_qualities(header: str | None, language: str) -> None:
    assert preferred_language(header).value == language


def test_every_event_has_its_words() -> None:
    # And the item that a record of Odoo stands for.
    known = {*EVENTS, WriteKind.COLLECTION}
    assert set(EVENT_DONE) == known
    assert set(EVENT_FAILED) == known


@cache
def _calls() -> list[tuple[str, list[ast.expr]]]:
    return [
        (node.func.id, node.args)
        for _, tree in modules(PACKAGE)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]


def _string_arguments(function: str, position: int) -> set[str]:
    arguments = [args[position] for name, args in _calls() if name == function and args[position:]]
    return {str(one.value) for one in arguments if isinstance(one, ast.Constant)}


def test_every_rule_of_the_source_has_its_words() -> None:
    rules = _string_arguments("InvalidValueError", 1) | _string_arguments("_matches", 0)
    rules |= _string_arguments("FieldError", 1) | _string_arguments("BrokenRuleError", 0)
    assert {"account_id", "phone_number", "required", "too_long"} <= rules
    # These are about the operator's settings, which no request has.
    assert rules - set(RULES) == set()


def test_every_notice_of_the_source_has_its_words() -> None:
    still_routed = {f"still_routed_by_{rule.value}" for rule in routing.RULES}
    assert _string_arguments("Notice", 0) | still_routed == set(NOTICES)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("rule", RULES)
def test_rules_are_worded_with_their_limit(rule: str, language: Language) -> None:
    text = rule_text(rule, 7, language)
    assert "{" not in text
    assert not text.endswith(".")


def test_names_are_enumerated_as_in_a_sentence() -> None:
    assert enumeration(["a"], Language.PORTUGUESE) == "a"
    assert enumeration(["a", "b", "c"], Language.PORTUGUESE) == "a, b e c"
    assert enumeration(["a", "b"], Language.ENGLISH) == "a and b"
