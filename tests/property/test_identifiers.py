from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import (
    BusinessArea,
    ChatwootId,
    CredentialRef,
    TenantId,
    web_address,
)
from tests.strategies import document_keys, printable, slugs, tenant_ids

free_text = printable(max_size=128) | st.text(max_size=128)


def slug_of(text: str) -> str | None:
    try:
        return BusinessArea.from_text(text).value
    except InvalidValueError:
        return None


def is_web_address(text: str) -> bool:
    try:
        web_address(text, "a.place")
    except InvalidValueError as error:
        refused = (error.field, error.rule)
    else:
        return True
    assert refused == ("a.place", "url")
    return False


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


# Parts of a host's name, and what the standards for domains say of each.
LABELS: Final = {
    **dict.fromkeys(
        ("odoo", "a", "x1", "1x", "x-y", "under_score", "xn--mller-kva", "a" * 63), True
    ),
    **dict.fromkeys(("", "-h", "h-", "-", "a" * 64, "müller", "a b"), False),
}


@given(
    st.lists(st.sampled_from(sorted(LABELS)), min_size=1, max_size=3),
    st.sampled_from(("", ".", "..")),
    st.none() | st.integers(0, 99_999),
    st.sampled_from(("", "/", "/web?db=x", "?x")),
)
def test_address_of_a_host_that_can_exist_is_one(
    labels: list[str], end: str, port: int | None, rest: str
) -> None:
    host = ".".join(labels) + end
    text = f"https://{host}{'' if port is None else f':{port}'}{rest}"
    # One dot may close the name.
    exists = all(LABELS[label] for label in host.removesuffix(".").split("."))
    assert is_web_address(text) is (exists and (port is None or 1 <= port <= 65535))


@given(st.lists(st.integers(0, 300), min_size=1, max_size=5), st.sampled_from(("", ".example")))
def test_host_of_numbers_is_an_address_of_ipv4(numbers: list[int], end: str) -> None:
    exists = len(numbers) == 4 and max(numbers) <= 255
    assert is_web_address(f"http://{'.'.join(map(str, numbers))}{end}") is (exists or bool(end))


@given(st.ip_addresses(v=6), st.ip_addresses(v=4))
def test_host_in_brackets_is_an_address_of_ipv6(six: IPv6Address, four: IPv4Address) -> None:
    assert is_web_address(f"http://[{six}]:8069/")
    assert is_web_address(f"http://{four}")
    assert not is_web_address(f"http://[{four}]")
    assert not is_web_address(f"http://[{str(six)[1:]}:]:")
    assert not is_web_address(f"http://{four}.0x")
