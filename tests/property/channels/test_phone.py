from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.channels.phone import PhoneNumber, comparable, digits_of
from tests.strategies import brazilian_mobiles, not_numbers, number_digits, written_numbers

area_codes = st.integers(11, 99)
mobiles = st.integers(60_000_000, 99_999_999)
others = st.integers(0, 59_999_999).map("{:08d}".format)


@given(st.data())
def test_however_a_number_is_written_its_digits_are_read(data: st.DataObject) -> None:
    digits = data.draw(number_digits())
    assert digits_of(data.draw(written_numbers(st.just(digits)))) == digits


@given(not_numbers())
def test_text_that_is_not_a_number_has_no_digits(text: str | None) -> None:
    assert digits_of(text) is None


@given(st.text(max_size=80))
def test_any_text_has_eight_to_fifteen_digits_or_none(text: str) -> None:
    digits = digits_of(text)
    assert digits is None or (digits.isascii() and digits.isdecimal() and 8 <= len(digits) <= 15)


@given(area_codes, mobiles)
def test_ninth_digit_of_a_mobile_number_does_not_matter(area: int, local: int) -> None:
    assert PhoneNumber(f"55{area}9{local}") == PhoneNumber(f"55{area}{local}")


@given(area_codes, others)
def test_landline_is_never_the_mobile_number_that_looks_like_it(area: int, local: str) -> None:
    assert PhoneNumber(f"55{area}9{local}") != PhoneNumber(f"55{area}{local}")


@given(number_digits())
def test_comparable_form_of_a_comparable_form_is_the_same(digits: str) -> None:
    assert comparable(comparable(digits)) == comparable(digits)


@given(number_digits(), number_digits() | brazilian_mobiles())
def test_only_the_ninth_digit_of_a_brazilian_mobile_is_ignored(one: str, other: str) -> None:
    if PhoneNumber(one) == PhoneNumber(other) and one != other:
        short, long = sorted((one, other), key=len)
        assert (len(short), len(long)) == (12, 13)
        assert long[:2] == "55"
        assert long[:4] + long[5:] == short
        assert long[4] == "9"
        assert long[5] in "6789"
