from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.channels.phone import (
    PhoneNumber,
    comparable,
    digits_of,
    sender_of,
)
from tests.strategies import brazilian_mobiles, not_numbers, number_digits, written_numbers

ADD_ON: Final = runpy.run_path(
    str(Path(__file__).parents[3] / "odoo_addons" / "odoo_ai_config" / "phone.py")
)

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


# The country, where the digit is that one spelling has more, and the digit.
ONE_MORE: Final = {"55": (4, "9"), "54": (2, "9"), "52": (2, "1")}


@given(number_digits(), number_digits() | brazilian_mobiles())
def test_only_one_digit_of_a_mobile_is_ignored(one: str, other: str) -> None:
    if PhoneNumber(one) == PhoneNumber(other) and one != other:
        short, long = sorted((one, other), key=len)
        assert (len(short), len(long)) == (12, 13)
        at, digit = ONE_MORE[long[:2]]
        assert long[:at] + long[at + 1 :] == short
        assert long[at] == digit
        assert long[:2] != "55" or long[5] in "6789"


@given(st.sampled_from(sorted(ONE_MORE)), st.text("0123456789", min_size=9, max_size=12))
def test_spelling_with_one_more_digit_is_the_same_number(country: str, rest: str) -> None:
    at, digit = ONE_MORE[country]
    short = f"{country}{rest}"
    long = f"{short[:at]}{digit}{short[at:]}"
    mobile = country != "55" or (short[2] != "0" and short[4] in "6789")
    same = len(long) == 13 and mobile
    # What is left may have one more digit itself.
    assert (comparable(long) == short) is same


@given(written_numbers(number_digits()) | not_numbers().map(str) | st.text(max_size=40))
def test_the_add_on_reads_numbers_as_the_hub_does(text: str) -> None:
    # Odoo's users write numbers only.
    around = r"^\s*(?:whatsapp:|tel:)|(?:@s\.whatsapp\.net|@c\.us)\s*$"
    bare = re.sub(around, "", text, flags=re.IGNORECASE)
    assert ADD_ON["sender_of"](bare) == sender_of(bare)
    assert ADD_ON["comparable"](bare) == comparable(bare)
