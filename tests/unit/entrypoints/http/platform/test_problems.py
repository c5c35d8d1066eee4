from __future__ import annotations

import inspect
import re
from collections import Counter

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs

from odoo_ai_config.application import errors as application_errors
from odoo_ai_config.application.errors import (
    ApplicationError,
    InvalidKeyRingError,
    MasterKeyMissingError,
    StoreUnusableError,
)
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.addresses import AddressMismatchError
from odoo_ai_config.domain.channels.mapping import ChannelOwnedError
from odoo_ai_config.domain.errors import (
    AmbiguousMappingError,
    CodedError,
    DocumentDeletedError,
    DomainError,
    EncryptedValueError,
    InvalidApiKeyError,
    InvalidValueError,
    InvalidYamlError,
    PreconditionFailedError,
)
from odoo_ai_config.domain.feed import FeedCompactedError
from odoo_ai_config.domain.identifiers import BusinessArea, TenantArea, TenantId
from odoo_ai_config.domain.messages.inbox import Stage, WrongStageError
from odoo_ai_config.domain.tenants import (
    AreaMovedError,
    MoveTooLargeError,
    TenantErasedError,
    TenantRenamedError,
    TenantSuspendedError,
)
from odoo_ai_config.entrypoints.http.platform import errors as http_errors
from odoo_ai_config.entrypoints.http.platform.app_keys import LastOrders
from odoo_ai_config.entrypoints.http.platform.errors import (
    FieldError,
    HttpRefusalError,
    IncompleteDataError,
    InvalidFieldsError,
    MethodNotAllowedError,
    RateLimitedError,
    SignatureError,
    UnsupportedEncodingError,
)
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from odoo_ai_config.entrypoints.http.platform.problems import Problem, problem_of
from odoo_ai_config.entrypoints.http.platform.refusals import REFUSALS, headers_of
from odoo_ai_config.entrypoints.http.platform.request_trace import RequestTrace
from odoo_ai_config.entrypoints.http.platform.store_watch import StoreWatch
from odoo_ai_config.entrypoints.http.platform.texts import RULES, Language
from tests.source_tree import ROOT, domain_errors
from tests.unit.application.memory_hub import MemoryHub

CANARY = "canario-4711"
ROOTS = {DomainError, ApplicationError, HttpRefusalError, SignatureError}
CLASSES: list[type[CodedError]] = sorted(
    {
        error
        for module in (application_errors, http_errors)
        for _, error in inspect.getmembers(module, inspect.isclass)
        if issubclass(error, ApplicationError | HttpRefusalError) and error not in ROOTS
    }
    | {*domain_errors()},
    key=lambda error: error.__name__,
)
WITH_ARGUMENTS: dict[type[CodedError], CodedError] = {
    InvalidValueError: InvalidValueError("mapping.sequence", "sequence"),
    InvalidYamlError: InvalidYamlError(3, 7),
    PreconditionFailedError: PreconditionFailedError(4),
    DocumentDeletedError: DocumentDeletedError(5),
    EncryptedValueError: EncryptedValueError("odoo_password"),
    AmbiguousMappingError: AmbiguousMappingError("inboxes"),
    AddressMismatchError: AddressMismatchError("account_id"),
    ChannelOwnedError: ChannelOwnedError(TenantId("a"), TenantId("b")),
    ScopeMissingError: ScopeMissingError(Scope.WEBHOOK),
    WrongStageError: WrongStageError(Stage.DONE),
    AreaMovedError: AreaMovedError(TenantArea(TenantId("acme"), BusinessArea("food"))),
    MoveTooLargeError: MoveTooLargeError(5000),
    FeedCompactedError: FeedCompactedError("cursor"),
    TenantErasedError: TenantErasedError(TenantId("acme")),
    TenantRenamedError: TenantRenamedError(TenantId("acme"), TenantId("acme2")),
    TenantSuspendedError: TenantSuspendedError(TenantId("acme")),
    StoreUnusableError: StoreUnusableError(CANARY),
    InvalidKeyRingError: InvalidKeyRingError(CANARY),
    MasterKeyMissingError: MasterKeyMissingError(CANARY),
    MethodNotAllowedError: MethodNotAllowedError({"POST", "GET"}),
    UnsupportedEncodingError: UnsupportedEncodingError(["identity", "gzip"]),
    RateLimitedError: RateLimitedError(1.2),
    InvalidFieldsError: InvalidFieldsError([FieldError("a", "text")]),
    IncompleteDataError: IncompleteDataError(["a", "b"], [FieldError("a", "required")]),
}


def example(error: type[CodedError]) -> CodedError:
    return WITH_ARGUMENTS[error] if error in WITH_ARGUMENTS else error()


@pytest.mark.parametrize("error", CLASSES)
def test_every_refusal_has_a_status_and_words_in_both_languages(error: type[CodedError]) -> None:
    portuguese = problem_of(example(error), Language.PORTUGUESE)
    english = problem_of(example(error), Language.ENGLISH)
    assert portuguese.code == english.code == error.code
    assert portuguese.status == english.status
    assert 400 <= portuguese.status <= 503
    assert portuguese.detail != english.detail
    for problem in (portuguese, english):
        assert problem.detail
        assert not problem.detail.endswith(".")
        assert len(problem.detail) < 160
        assert CANARY not in repr(problem)


def test_table_has_each_class_and_no_other() -> None:
    assert set(REFUSALS) == {*CLASSES}


def test_codes_are_unique_over_all_layers() -> None:
    codes = Counter(error.code for error in CLASSES)
    assert [code for code, times in codes.items() if times > 1] == []


@pytest.mark.parametrize("error", CLASSES)
def test_every_code_is_documented_with_its_status_and_portuguese_text(
    error: type[CodedError],
) -> None:
    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    row = next((line for line in page.splitlines() if line.startswith(f"| `{error.code}`")), "")
    problem = problem_of(example(error), Language.PORTUGUESE)
    assert f"| {problem.status} |" in row
    assert problem.detail.partition(":")[0].partition(" (")[0] in row


@pytest.mark.parametrize("member", Problem.__annotations__)
def test_every_member_is_documented(member: str) -> None:
    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    assert f"`{member}`" in page or f'"{member}":' in page


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_documented(rule: str) -> None:
    assert f"`{rule}`" in (ROOT / "docs" / "errors.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (InvalidApiKeyError(), {"WWW-Authenticate": "ApiKey"}),
        (http_errors.SignatureMissingError(), {"WWW-Authenticate": "Signature"}),
        (MethodNotAllowedError({"POST", "GET"}), {"Allow": "GET, POST"}),
        (UnsupportedEncodingError(["identity", "gzip"]), {"Accept-Encoding": "identity, gzip"}),
        (RateLimitedError(0.0001), {"Retry-After": "1"}),
        (RateLimitedError(1.2), {"Retry-After": "2"}),
        (application_errors.StoreUnavailableError(), {"Retry-After": "2"}),
        (application_errors.ContentionError(), {"Retry-After": "2"}),
        (application_errors.CrewUnavailableError(), {"Retry-After": "2"}),
        (application_errors.CrewUnavailableError(29.5), {"Retry-After": "30"}),
        (application_errors.ChatwootUnavailableError(5), {"Retry-After": "5"}),
        (application_errors.SealBrokenError(), {}),
    ],
)
def test_headers_tell_what_to_do(error: CodedError, headers: dict[str, str]) -> None:
    assert headers_of(error) == headers


def test_place_in_the_yaml_is_told() -> None:
    told = problem_of(InvalidYamlError(3, 7), Language.PORTUGUESE).detail
    assert told == "YAML inválido (linha 3, coluna 7)"
    assert problem_of(InvalidYamlError(), Language.ENGLISH).detail == "Invalid YAML"


async def test_unforeseen_error_is_a_500_that_tells_nothing_and_logs_no_message() -> None:
    async def fail(request: web.Request) -> web.Response:
        raise LookupError(CANARY, await request.text())

    metrics = Metrics()
    app = web.Application()
    watch = StoreWatch(MemoryHub().ports.store.check, metrics.store_failure)
    served = RequestTrace(metrics, LastOrders(), watch).of("/fail", "POST", fail, None)
    app.router.add_post("/fail", served)
    async with TestClient(TestServer(app)) as client:
        with capture_logs() as logs:
            answer = await client.post("/fail", data=CANARY, headers={"Accept-Language": "en"})
        problem = await answer.json()
    assert answer.status == 500
    assert answer.content_type == "application/problem+json"
    assert problem["code"] == "internal_error"
    assert problem["detail"] == "Internal error; it is in the log"
    assert answer.headers["X-Request-ID"] == problem["request_id"]
    (line,) = [log for log in logs if log["event"] == "request_failed"]
    assert line["error"] == "LookupError"
    assert "in fail" in line["stack"]
    assert CANARY not in str(logs) + str(problem)
    assert b"odoo_ai_config_unexpected_errors_total 1.0" in metrics.exposition()


def test_documented_codes_exist() -> None:
    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `([a-z_]+)` \| [45]\d\d \|", page, re.MULTILINE))
    assert documented == {error.code for error in CLASSES}
