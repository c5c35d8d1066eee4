from __future__ import annotations

import pytest

from odoo_ai_config.domain.credentials.secrets import Fingerprint, SecretText
from odoo_ai_config.domain.documents.credentials import (
    GivenCredentials,
    NamedReference,
    fingerprints_in,
    given_credentials,
    references_in,
    references_named_in,
)
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import CredentialRef
from odoo_ai_config.domain.json_types import Json, JsonObject

ONE = Fingerprint("1" * 32)


def test_only_masks_are_taken_for_fingerprints() -> None:
    body: JsonObject = {"credentials": {"a": ONE.mask, "b": "sealed:x", "c": 5}}
    assert fingerprints_in(Document.of(body)) == {"a": ONE}
    assert fingerprints_in(Document.of({"credentials": []})) == {}
    assert fingerprints_in(None) == {}


def test_written_credentials_are_split_into_plain_and_sealed() -> None:
    given = given_credentials(
        {
            "account_id": "account_1",
            "credentials": {
                "a": "plain",
                "b": "ENC:marked",
                "c": ONE.mask,
                "d": "",
                "e": None,
                "f": False,
                "g": "ENC:",
                "h": "ENC:False",
            },
        }
    )
    assert given == GivenCredentials(
        {CredentialRef("a"): SecretText("plain"), CredentialRef("b"): SecretText("marked")},
        {CredentialRef("c"): ONE},
        frozenset("def"),
        frozenset("b"),
    )
    assert given.left_out({"a": ONE, "c": ONE, "d": ONE, "g": ONE, "z": ONE}) == {
        CredentialRef("g"): ONE,
        CredentialRef("z"): ONE,
    }


@pytest.mark.parametrize("body", [{}, {"credentials": None}, {"credentials": {}}])
def test_credentials_may_be_absent(body: JsonObject) -> None:
    assert given_credentials(body) == GivenCredentials({}, {})


@pytest.mark.parametrize(
    "body",
    [
        {"credentials": []},
        {"credentials": {"a": 5}},
        {"credentials": {"a": True}},
        {"credentials": {"a": {"b": "canary"}}},
        {"credentials": {"no reference": "canary"}},
        {"credentials": {}, "password": "canary"},
    ],
)
def test_anything_else_in_credentials_is_refused_without_repeating_it(body: JsonObject) -> None:
    with pytest.raises(InvalidValueError) as caught:
        given_credentials(body)
    assert "canary" not in str(caught.value)


def test_references_are_found_wherever_they_are() -> None:
    config: JsonObject = {
        "credential_ref": "outside",
        "integrations": {
            "mcp": {"config": {"credential_ref": "a", "url": "x"}},
            "list": [{"token_ref": "b"}, "text"],
            "empty_ref": "",
            "nested_ref": {"inner_ref": "c"},
        },
    }
    assert references_in(config) == (
        NamedReference(("integrations", "mcp", "config", "credential_ref"), "a"),
        NamedReference(("integrations", "list", 0, "token_ref"), "b"),
        NamedReference(("integrations", "nested_ref", "inner_ref"), "c"),
    )
    assert references_in(config)[1].path == "integrations.list[0].token_ref"


def test_every_reference_of_a_document_is_a_name() -> None:
    body: JsonObject = {
        "credential_ref": "outside",
        "crews": {"a": {"secret_ref": "b", "url": "c"}},
        "list": [{"token_ref": "d"}, {"empty_ref": "", "number_ref": 5}],
    }
    assert references_named_in([body, {"secret_ref": "e"}]) == {"outside", "b", "d", "e"}


@pytest.mark.parametrize("integrations", [None, "text", []])
def test_config_without_integrations_refers_to_nothing(integrations: Json) -> None:
    assert references_in({"integrations": integrations}) == ()
