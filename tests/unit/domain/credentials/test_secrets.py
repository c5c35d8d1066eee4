from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.credentials.secrets import Fingerprint, SealContext, SecretText
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import (
    BusinessArea,
    CredentialRef,
    TenantArea,
    TenantId,
)

DIGEST = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    "value", ["", DIGEST[:-1], DIGEST + "0", DIGEST.upper(), DIGEST[:-1] + "g", DIGEST + "\n"]
)
def test_fingerprint_is_thirty_two_hexadecimal_digits(value: str) -> None:
    with pytest.raises(InvalidValueError):
        Fingerprint(value)


def test_fingerprint_is_read_back_from_its_mask() -> None:
    mark = Fingerprint(DIGEST)
    assert mark.mask == f"sealed:{DIGEST}"
    assert Fingerprint.from_mask(mark.mask) == mark


@pytest.mark.parametrize("text", ["", DIGEST, "sealed:", f"sealed:{DIGEST}0", f"SEALED:{DIGEST}"])
def test_other_text_is_not_a_mask(text: str) -> None:
    assert Fingerprint.from_mask(text) is None


def test_secrets_are_equal_by_their_text() -> None:
    assert SecretText("a") == SecretText("a")
    assert SecretText("a") != SecretText("b")
    assert SecretText("a") != "a"
    assert len({SecretText("a"), SecretText("a"), SecretText("b")}) == 2


@given(st.text(st.characters(exclude_categories=[])))
def test_text_and_its_bytes_are_the_same_secret(text: str) -> None:
    encoded = text.encode("utf-8", "surrogatepass")
    secret = SecretText.from_utf8(encoded)
    assert secret == SecretText(text)
    assert hash(secret) == hash(SecretText(text))
    assert (secret.reveal(), secret.reveal_utf8()) == (text, encoded)


def test_secret_is_revealed_only_on_purpose() -> None:
    secret = SecretText("canary")
    assert secret.reveal() == "canary"
    assert f"{secret!r} {secret!s} {secret} {secret:>20}" == "SecretText(***) *** *** ***"


def test_context_names_tenant_and_business_area() -> None:
    owner = TenantArea(TenantId("t"), BusinessArea("retail"))
    context = SealContext(owner, CredentialRef("ref"))
    assert (context.tenant, context.domain) == (owner.tenant, owner.domain)
    assert context.purpose == "credential"


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_secret_cannot_be_copied_or_pickled(duplicate: Callable[[object], object]) -> None:
    with pytest.raises(TypeError):
        duplicate(SecretText("canary"))
