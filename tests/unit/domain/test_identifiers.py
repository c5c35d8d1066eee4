from __future__ import annotations

from collections.abc import Callable

import pytest

from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    BusinessArea,
    ChatwootId,
    CredentialRef,
    DocumentKey,
    DocumentKind,
    TenantArea,
    TenantId,
)

BAD_EVERYWHERE = ["", " ", "a b", "a/b", "../etc", "a\n", "\u0661", "é", "a\x00", "$gt", "{}"]


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Saúde e Bem-Estar", "saude-e-bem-estar"),
        ("saude-e-bem-estar", "saude-e-bem-estar"),
        ("real_estate", "real_estate"),
        ("  Açaí & Cia.  ", "acai-cia"),
        ("RETAIL", "retail"),
        ("Straße", "strasse"),
        ("Loja №1", "loja-no1"),
        ("Marca™", "marcatm"),
        ("İstanbul", "istanbul"),
        ("--_x_--", "x"),
        ("x" * 100, "x" * 64),
        ("x" * 63 + " y", "x" * 63),
        ("0", "0"),
    ],
)
def test_free_text_becomes_a_slug(text: str, slug: str) -> None:
    assert BusinessArea.from_text(text) == BusinessArea(slug)


@pytest.mark.parametrize("text", ["", "   ", "---", "___", "餐厅", "🙂", "x" * 129])
def test_text_without_a_slug_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        BusinessArea.from_text(text)
    assert (caught.value.field, caught.value.rule) == ("domain", "domain")


def test_business_area_is_named_default_by_default() -> None:
    assert BusinessArea().value == "default"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (TenantId, "a" * 128),
        (TenantId, "account_1.x@y-z"),
        (TenantId, "0"),
        (BusinessArea, "a" * 64),
        (DocumentKind, "crews"),
        (CredentialRef, "_" + "a" * 255),
        (CredentialRef, "account_1-abcd1234:x+y=z~"),
        (ChatwootId, "1"),
        (ChatwootId, "account_1"),
    ],
)
def test_valid_names_stay_unchanged(kind: Callable[[str], object], text: str) -> None:
    assert str(kind(text)) == text


@pytest.mark.parametrize(
    ("kind", "rule", "bad"),
    [
        (TenantId, "account_id", ["_a", ".a", "-a", "@a", "a" * 129, "a:b"]),
        (BusinessArea, "domain", ["A", "-a", "_a", "a" * 65, "a.b"]),
        (DocumentKind, "config_type", ["Config", "-a", "a" * 65]),
        (CredentialRef, "credential_ref", ["-a", ".a", "a" * 257]),
        (ChatwootId, "chatwoot_id", ["-1", "_1", "1.5", "1" * 65]),
    ],
)
def test_names_of_another_form_are_refused(
    kind: Callable[[str], object], rule: str, bad: list[str]
) -> None:
    for text in [*BAD_EVERYWHERE, *bad]:
        with pytest.raises(InvalidValueError) as caught:
            kind(text)
        assert caught.value.rule == rule


def test_document_knows_the_business_area_that_it_belongs_to() -> None:
    owner = TenantArea(TenantId("t"), BusinessArea("retail"))
    key = owner.document(CONFIG)
    assert key == DocumentKey(TenantId("t"), BusinessArea("retail"), CONFIG)
    assert key.owner == owner
    assert (str(owner), str(key)) == ("t/retail", "t/retail/config")


def test_owners_are_sorted_by_tenant_first() -> None:
    owners = [
        TenantArea(TenantId("b"), BusinessArea("a")),
        TenantArea(TenantId("a"), BusinessArea("b")),
        TenantArea(TenantId("a"), BusinessArea("a")),
    ]
    assert [str(owner) for owner in sorted(owners)] == ["a/a", "a/b", "b/a"]
