from __future__ import annotations

import pytest

from odoo_ai_config.application.errors import StoreFailure, StoreUnavailableError
from odoo_ai_config.client.refusals import HubRefusedError, refusal_of
from odoo_ai_config.client.transport import json_object
from odoo_ai_config.domain.errors import DomainError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.http.platform.errors import RateLimitedError
from odoo_ai_config.entrypoints.http.platform.problems import problem_of
from odoo_ai_config.entrypoints.http.platform.refusals import REFUSALS
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes
from odoo_ai_config.entrypoints.http.platform.texts import Language
from tests.source_tree import domain_errors
from tests.unit.domain.test_errors import ARGUMENTS, TENANT

# A problem document has less than these classes.
UNTOLD = {"invalid_value", "move_too_large"}
REFUSED = [error(*ARGUMENTS.get(error, ())) for error in domain_errors() if error in REFUSALS]


def told(error: DomainError | StoreUnavailableError | RateLimitedError) -> Exception:
    document = json_bytes(problem_of(error, Language.ENGLISH))
    return refusal_of(json_object(document), TenantId(TENANT.value))


@pytest.mark.parametrize("error", REFUSED, ids=lambda error: error.code)
def test_refusal_is_the_error_that_the_hub_raised(error: DomainError) -> None:
    found = told(error)
    assert isinstance(found, DomainError)
    assert found.code == error.code
    if error.code in UNTOLD:
        assert isinstance(found, HubRefusedError)
    else:
        assert type(found) is type(error)
        # The place of a mistake in YAML is only in the text for people.
        assert vars(found) == vars(error) or error.code == "invalid_yaml"


def test_failure_of_the_store_is_told_with_its_cause() -> None:
    error = StoreUnavailableError(StoreFailure.NO_PRIMARY)
    assert (type(told(error)), vars(told(error))) == (type(error), vars(error))


def test_refusal_of_the_interface_has_its_code_and_text() -> None:
    found = told(RateLimitedError(1.0))
    assert isinstance(found, HubRefusedError)
    assert (found.code, str(found)) == ("rate_limited", "Too many requests; try again shortly")


def test_refusal_names_the_invalid_fields() -> None:
    found = refusal_of({"code": "invalid_fields", "errors": [{"field": "a"}, {"field": "b"}, 3]})
    assert isinstance(found, HubRefusedError)
    assert (found.fields, str(found)) == (("a", "b"), "invalid_fields")


@pytest.mark.parametrize(
    "problem",
    [
        {"code": "scope_missing", "scope": "no such scope"},
        {"code": "document_deleted"},
        {"code": "document_deleted", "version": None},
        {"code": "tenant_renamed", "moved_to": "../"},
        {"code": "area_moved", "moved_to": 3},
        {"code": "no_such_code"},
    ],
)
def test_problem_that_says_too_little_keeps_its_code(problem: dict[str, object]) -> None:
    found = refusal_of({**problem, "errors": None})  # type: ignore[dict-item]
    assert isinstance(found, HubRefusedError)
    assert found.code == problem["code"]
