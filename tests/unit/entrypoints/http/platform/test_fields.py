"""
Reading objects into classes, and the errors of invalid ones.
"""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from attrs import field, frozen

from odoo_ai_config.domain.channels.mapping import SpecialNumber
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.odoo_events.payloads import Credentials
from odoo_ai_config.entrypoints.http.platform.errors import (
    FieldError,
    HttpRefusalError,
    IncompleteDataError,
    InvalidFieldsError,
)
from odoo_ai_config.entrypoints.http.platform.fields import MOST_ERRORS, read, shape_of
from odoo_ai_config.entrypoints.http.platform.wire_types import MAX_TEXT, WireType
from tests.golden_description import golden_description

SECRET = "canario-4711"


@frozen
class Part:
    number: int
    text: str | None = None


@frozen
class Whole:
    account_id: TenantId
    open: bool | None = None
    text: str = "default"
    secret: SecretText | None = None
    hour: float | None = None
    part: Part | None = None
    parts: Annotated[tuple[Part, ...], 300] = ()
    texts: tuple[str, ...] | None = None
    numbers: tuple[SpecialNumber, ...] = ()


def errors_of(*layers: dict[str, Any]) -> list[tuple[str, str]]:
    prefixes = ("inner.", "")[-len(layers) :]
    with pytest.raises(HttpRefusalError) as refusal:
        read(Whole, dict(zip(prefixes, layers, strict=True)))
    error = refusal.value
    assert isinstance(error, InvalidFieldsError | IncompleteDataError)
    assert SECRET not in str(error)
    assert (error.__cause__, error.__context__) == (None, None)
    return [(one.field, one.rule) for one in error.errors]


def test_first_layer_that_says_something_wins() -> None:
    inner: JsonObject = {"account_id": False, "open": False, "text": " "}
    outer: JsonObject = {"account_id": 1, "open": True, "text": " b ", "unknown": [1]}
    assert read(Whole, {"inner.": inner, "": outer}) == Whole(TenantId("1"), open=False, text="b")


def test_empty_elements_fall_out_of_lists() -> None:
    body: JsonObject = {
        "account_id": "1",
        "texts": ["a", None, " b ", False],
        "parts": [{}, {"number": "7"}],
    }
    assert read(Whole, {"": body}) == Whole(TenantId("1"), parts=(Part(7),), texts=("a", "b"))


def test_all_errors_are_told_with_their_paths() -> None:
    inner = {"account_id": [SECRET], "secret": {SECRET: SECRET}, "hour": 25}
    outer = {
        "text": "x" * (MAX_TEXT + 1),
        "part": {"text": "a"},
        "parts": [{"number": 1}, SECRET, {"number": "1_0", "text": 5}],
        "texts": SECRET,
        "numbers": [{"number": "5511999999999", "crew": "a b"}],
    }
    assert errors_of(inner, outer) == [
        ("inner.account_id", "identifier"),
        ("text", "too_long"),
        ("inner.secret", "text"),
        ("inner.hour", "hour"),
        ("part.number", "required"),
        ("parts.1", "object"),
        ("parts.2.number", "integer"),
        ("parts.2.text", "text"),
        ("texts", "list"),
        ("numbers.0.crew", "crew"),
    ]


def test_what_is_missing_is_told_first() -> None:
    assert errors_of({}, {"text": 5}) == [("inner.account_id", "required"), ("text", "text")]


def test_no_more_errors_are_told_than_anybody_mends_at_a_time() -> None:
    assert errors_of({"parts": [SECRET] * 300}) == [
        (f"parts.{place}", "object") for place in range(MOST_ERRORS)
    ]
    assert errors_of({"parts": [SECRET] * 301}) == [
        ("account_id", "required"),
        ("parts", "too_many"),
    ]


def test_errors_of_the_caller_come_first_and_refuse_alone() -> None:
    noted = [FieldError("credentials", "object")]
    bodies: list[tuple[JsonObject, list[str]]] = [
        ({"account_id": 1}, ["credentials"]),
        ({"account_id": 1, "text": 5}, ["credentials", "text"]),
    ]
    for body, expected in bodies:
        with pytest.raises(InvalidFieldsError) as refusal:
            read(Whole, {"": body}, noted=noted)
        assert [error.field for error in refusal.value.errors] == expected


def _unforeseen(value: object, _: object) -> str:
    raise TypeError(value)


@frozen
class FaultyType:
    text: Annotated[str, WireType(_unforeseen, {})]


@frozen
class FaultyClass:
    text: str = field()

    @text.validator
    def _check(self, _attribute: object, value: str) -> None:
        raise TypeError(value)


@pytest.mark.parametrize("faulty", [FaultyType, FaultyClass])
def test_fault_of_the_hub_is_no_refusal(faulty: type) -> None:
    with pytest.raises(TypeError):
        read(faulty, {"": {"text": "a"}})


def test_schemas_name_what_is_read() -> None:
    schemas = golden_description()["components"]["schemas"]
    described = set(schemas["CredentialsEvent"]["properties"])
    read_ = set(shape_of(Credentials).types)
    assert described == read_ | {"credentials", "event_type", "event", "source"}
    assert set(schemas["McpConfig"]["properties"]) == {
        "url",
        "db",
        "username",
        "password",
        "credential_ref",
    }
