from __future__ import annotations

import inspect
import re
from collections import Counter

import pytest

from odoo_ai_config.application import errors as application_errors
from odoo_ai_config.application.errors import ApplicationError
from odoo_ai_config.domain.errors import DomainError
from tests.source_tree import ROOT, domain_errors

ROOTS = (DomainError, ApplicationError)
ERRORS = sorted(
    {
        error
        for _, error in inspect.getmembers(application_errors, inspect.isclass)
        if issubclass(error, ROOTS) and error not in ROOTS
    }
    | {*domain_errors()},
    key=lambda error: error.__name__,
)


def test_there_are_errors_of_both_layers() -> None:
    assert any(issubclass(error, DomainError) for error in ERRORS)
    assert any(issubclass(error, ApplicationError) for error in ERRORS)


@pytest.mark.parametrize("error", ERRORS)
def test_each_error_states_its_own_code(error: type[DomainError | ApplicationError]) -> None:
    assert "code" in vars(error)
    assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", error.code)


def test_no_two_errors_share_a_code() -> None:
    codes = Counter(error.code for error in ERRORS)
    assert [code for code, times in codes.items() if times > 1] == []


@pytest.mark.parametrize("error", ERRORS)
def test_each_code_is_documented(error: type[DomainError | ApplicationError]) -> None:
    documented = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert f"`{error.code}`" in documented
