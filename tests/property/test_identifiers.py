from __future__ import annotations

import re
import unicodedata
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, CredentialRef, TenantId
from tests.strategies import document_keys, printable, slugs, tenant_ids

free_text = printable(max_size=128) | st.text(max_size=128)


def slug_of(text: str) -> str | None:
    try:
        return BusinessArea.from_text(text).value
    except InvalidValueError:
        return None


@given(free_text)
def test_slugging_twice_changes_nothing(text: str) -> None:
    slug = slug_of(text)
    assert slug is None or slug_of(slug) == slug


@given(slugs())
def test_slug_is_left_as_it_is(slug: str) -> None:
    assert slug_of(slug) == slug


@given(free_text)
def test_slug_is_the_same_for_composed_and_decomposed_text(text: str) -> None:
    composed, decomposed = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    if len(decomposed) <= 128:
        assert slug_of(composed) == slug_of(decomposed)


@given(st.text("abzÁãçÉüñ09 _-&", max_size=60))
def test_case_and_surrounding_space_do_not_matter(text: str) -> None:
    assert slug_of(f" {text} ") == slug_of(f"  {text.upper()}") == slug_of(f"{text.lower()} ")


@given(st.from_regex(r"[a-zA-Z0-9][^\W_]{0,20}", fullmatch=True))
def test_text_that_begins_with_a_latin_letter_or_digit_has_a_slug(text: str) -> None:
    slug = slug_of(text)
    assert slug is not None
    assert slug.startswith(text[0].lower())


@given(tenant_ids())
def test_tenant_id_follows_the_published_pattern(tenant: TenantId) -> None:
    assert re.match(r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}\Z", tenant.value)


@given(
    st.text(max_size=140) | st.from_regex(r"[\w.@: /$-]{1,20}"),
    st.sampled_from([TenantId, ChatwootId, CredentialRef]),
)
def test_name_stays_unchanged_or_is_refused(
    text: str, kind: type[TenantId | ChatwootId | CredentialRef]
) -> None:
    with suppress(InvalidValueError):
        name = kind(text).value
        assert name == text
        assert name.isascii()
        assert not set(name) & set("/\\ \n\0$")


@given(st.lists(document_keys(), min_size=2, max_size=6))
def test_different_documents_have_different_names(keys: list[object]) -> None:
    assert len({str(key) for key in keys}) == len(set(keys))
