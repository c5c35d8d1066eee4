from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from odoo_ai_config.domain.crews import Crew, CrewKind, crew_of, require_crews
from odoo_ai_config.domain.errors import CrewNotFoundError, InvalidValueError
from odoo_ai_config.domain.identifiers import CredentialRef
from odoo_ai_config.domain.json_types import Json, JsonObject
from tests.contract.samples import owner

OWNER = owner("acme", "retail")
URL = "https://crew.example/tasks"
HTTP: JsonObject = {
    "type": "http",
    "url": URL,
    "secret_ref": "crew_secret",
    "timeout_seconds": 12.5,
    "answer_within_seconds": 900,
}
BODY: JsonObject = {
    "default_crew": "atendimento",
    "crews": {
        "atendimento": HTTP,
        "analytics": {"type": "echo"},
        "admin": {"type": "in_process", "timeout_seconds": 5},
    },
}


def with_crew(**changes: Json) -> JsonObject:
    return {"default_crew": "x", "crews": {"x": {**HTTP, **changes}}}


def fault_in(body: JsonObject) -> tuple[str, str]:
    with pytest.raises(InvalidValueError) as fault:
        require_crews(body, OWNER)
    return fault.value.field, fault.value.rule


@pytest.mark.parametrize("name", ["atendimento", None])
def test_crew_is_what_the_document_describes(name: str | None) -> None:
    assert crew_of(BODY, OWNER, name) == Crew(
        "atendimento",
        OWNER,
        CrewKind.HTTP,
        url=URL,
        secret=CredentialRef("crew_secret"),
        timeout=timedelta(seconds=12.5),
        patience=timedelta(minutes=15),
    )


def test_missing_fields_of_a_crew_have_defaults() -> None:
    assert crew_of(BODY, OWNER, "analytics") == Crew("analytics", OWNER, CrewKind.ECHO)
    assert crew_of(BODY, OWNER, "admin") == Crew(
        "admin", OWNER, CrewKind.IN_PROCESS, timeout=timedelta(seconds=5)
    )
    bare: JsonObject = {"crews": {"x": {"type": "http", "url": URL}}}
    assert crew_of(bare, OWNER, "x") == Crew("x", OWNER, CrewKind.HTTP, url=URL)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (BODY, "sales"),
        ({"crews": {}}, "sales"),
        ({"crews": {"x": HTTP}}, None),
    ],
)
def test_crew_that_is_not_described_is_not_found(body: JsonObject, name: str | None) -> None:
    with pytest.raises(CrewNotFoundError):
        crew_of(body, OWNER, name)


def test_fault_in_one_crew_does_not_affect_the_others() -> None:
    body: JsonObject = {"crews": {"good": HTTP, "bad": {"type": "smoke signals"}}}

    assert crew_of(body, OWNER, "good").url == URL
    with pytest.raises(InvalidValueError, match=r"crews\.\*\.type"):
        crew_of(body, OWNER, "bad")


def test_good_document_is_accepted_and_one_with_a_fault_is_refused() -> None:
    require_crews(BODY, OWNER)
    require_crews({"crews": {}}, OWNER)
    with pytest.raises(InvalidValueError, match=r"crews\.\*\.type"):
        require_crews({"crews": {"good": HTTP, "bad": {"type": "smoke signals"}}}, OWNER)


def test_older_document_without_crews_is_accepted() -> None:
    require_crews({"sales": {"model": "small"}}, OWNER)

    with pytest.raises(InvalidValueError, match="crews"):
        crew_of({"sales": {"model": "small"}}, OWNER, "sales")


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({"crews": {}, "crew": {}}, "document", "unknown_field"),
        ({"default_crew": "x"}, "crews", "required"),
        ({"crews": {"x": {**HTTP, "typing": "yes"}}}, "crews.*.typing", "boolean"),
        ({"crews": None}, "crews", "required"),
        ({"crews": []}, "crews", "object"),
        ({"crews": {"não": HTTP}}, "crews", "crew"),
        ({"crews": {"": HTTP}}, "crews", "crew"),
        ({"crews": {"x": HTTP}, "default_crew": 1}, "default_crew", "text"),
        ({"crews": {"x": HTTP}, "default_crew": "y"}, "default_crew", "unknown_crew"),
        ({"crews": {"x": None}}, "crews.*", "object"),
        ({"crews": {"x": "http"}}, "crews.*", "object"),
        ({"crews": {"x": {}}}, "crews.*.type", "required"),
        (with_crew(type="grpc"), "crews.*.type", "crew_type"),
        (with_crew(type=["http"]), "crews.*.type", "crew_type"),
        (with_crew(secretref="x"), "crews.*", "unknown_field"),
        (with_crew(type="echo"), "crews.*", "unknown_field"),
        (with_crew(type="in_process"), "crews.*", "unknown_field"),
        (with_crew(url=None), "crews.*.url", "required"),
        (with_crew(url=1), "crews.*.url", "url"),
        (with_crew(secret_ref=1), "crews.*.secret_ref", "text"),
        (with_crew(secret_ref="um segredo"), "crews.*.secret_ref", "credential_ref"),
        (with_crew(timeout_seconds="30"), "crews.*.timeout_seconds", "number"),
        (with_crew(timeout_seconds=True), "crews.*.timeout_seconds", "number"),
        (with_crew(timeout_seconds=None), "crews.*.timeout_seconds", "number"),
        (with_crew(timeout_seconds=0), "crews.*.timeout_seconds", "seconds"),
        (with_crew(timeout_seconds=1e-300), "crews.*.timeout_seconds", "seconds"),
        (with_crew(timeout_seconds=60.5), "crews.*.timeout_seconds", "seconds"),
        (with_crew(timeout_seconds=1e300), "crews.*.timeout_seconds", "seconds"),
        (with_crew(answer_within_seconds=86_401), "crews.*.answer_within_seconds", "seconds"),
        (with_crew(answer_within_seconds=-1), "crews.*.answer_within_seconds", "seconds"),
    ],
)
def test_faults_are_named_by_their_path(body: JsonObject, field: str, rule: str) -> None:
    assert fault_in(body) == (field, rule)


@pytest.mark.parametrize("seconds", [0.1, 1, 60])
def test_timeouts_at_the_limits(seconds: float) -> None:
    crew = crew_of(with_crew(timeout_seconds=seconds), OWNER, "x")

    assert crew.timeout == timedelta(seconds=seconds)


@pytest.mark.parametrize("seconds", [0.1, 86_400])
def test_patience_at_the_limits(seconds: float) -> None:
    crew = crew_of(with_crew(answer_within_seconds=seconds), OWNER, "x")

    assert crew.patience == timedelta(seconds=seconds)


def test_secret_may_be_left_out() -> None:
    assert crew_of(with_crew(secret_ref=None), OWNER, "x").secret is None


@pytest.mark.parametrize(
    "url",
    [
        "https://crew.example",
        "HTTPS://crew.example",
        "http://127.0.0.1:9000/",
        "https://[2001:db8::1]:8443/a/b?token=c&d=%20",
        "https://crew_1.local?x",
        f"https://crew.example/{'x' * 2027}",
    ],
)
def test_addresses_that_a_crew_may_have(url: str) -> None:
    assert crew_of(with_crew(url=url), OWNER, "x").url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "crew.example",
        "//crew.example",
        "ftp://crew.example",
        "https://",
        "https:///tasks",
        "https://user@crew.example",
        "https://user:secret@crew.example",
        "https://crew.example@evil.example",
        "https://crew.example\\@evil.example",
        "https://crew.example#x",
        "https://crew.example/a#x",
        "https://crew.example/a b",
        "https://crew.example/a\r\nX-Other: 1",
        "https://crew.example\n",
        " https://crew.example",
        "https://equipe-é.example",
        "https://crew.example:",
        "https://crew.example:123456",
        "https://crew.example/ç",
        f"https://crew.example/{'x' * 2028}",
    ],
)
def test_addresses_that_a_crew_may_not_have(url: str) -> None:
    assert fault_in(with_crew(url=url)) == ("crews.*.url", "url")


@pytest.mark.parametrize("kind", CrewKind)
def test_every_kind_of_crew_can_be_described(kind: CrewKind) -> None:
    description: dict[str, Any] = {"type": kind.value}
    if kind is CrewKind.HTTP:
        description["url"] = URL

    assert crew_of({"crews": {"x": description}}, OWNER, "x").kind is kind
