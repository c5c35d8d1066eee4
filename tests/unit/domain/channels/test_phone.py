from __future__ import annotations

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.channels.phone import (
    PhoneNumber,
    comparable,
    digits_of,
    hidden_id,
    sender_of,
)
from odoo_ai_config.domain.errors import InvalidValueError

# Every area code that Anatel has assigned.
AREA_CODES = [
    *range(11, 20), 21, 22, 24, 27, 28, *range(31, 36), 37, 38, *range(41, 50), 51, 53, 54, 55,
    *range(61, 70), 71, 73, 74, 75, 77, 79, *range(81, 90), *range(91, 100),
]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "5511987654321",
        "+5511987654321",
        "whatsapp:+5511987654321",
        "whatsapp:5511987654321",
        "5511987654321@s.whatsapp.net",
        "5511987654321@c.us",
        "tel:+5511987654321",
        "TEL:+55-11-98765-4321",
        "+55 11 98765-4321",
        "+55 (11) 98765.4321",
        "  +5511987654321\t",
        "+55\u00a011\u00a098765\u201143211"[:-1],
        "\u202a+55 11 98765\u20114321\u202c",
        "\u2066+55\u202f11 98765\u20134321\u2069",
        "\ufeff\uff0b\uff15\uff15 \uff0811\uff09 98765\uff0d4321\u200f",
        "+55 11 98765\u22124321",
    ],
)
def test_number_is_read_in_every_form_in_which_it_is_written(text: str) -> None:
    assert digits_of(text) == "5511987654321"


OF_NO_WIDTH = [chr(code) for code in range(0x110000) if category(chr(code)) in ("Cf", "Pd", "Zs")]
WIDE = str.maketrans("+-()0123456789", "".join(chr(ord(c) + 0xFEE0) for c in "+-()0123456789"))


@given(st.sets(st.integers(0, 17)), st.lists(st.sampled_from(OF_NO_WIDTH), min_size=1), st.data())
def test_invisible_and_wide_characters_change_no_number(
    wide: set[int], marks: list[str], data: st.DataObject
) -> None:
    text = "+55 (11) 98765-4321"
    parts = [c.translate(WIDE) if at in wide else c for at, c in enumerate(text)]
    for mark in marks[:20]:
        parts.insert(data.draw(st.integers(0, len(parts))), mark)
    assert digits_of("".join(parts)) == "5511987654321"


@pytest.mark.parametrize("other", ["\u00b2", "\u2460", "\u00bd", "\u0661", "\u2163", "\u2121"])
def test_digit_of_something_else_is_no_digit_of_the_number(other: str) -> None:
    assert digits_of(f"+55 11 98765-4321{other}") is None


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "+",
        "BR.5511987654321",
        "BR.13491208655302741918",
        "5511987654321@lid",
        "176415330668607@lid",
        "5511987654321@g.us",
        "3f6f1a4e-7e4c-4a57-9a0a-111111111111",
        "11111111-2222-3333-4444-555555555555",
        "1234567",
        "1234567890123456",
        "++5511987654321a",
        "\u0665\u0665\u0661\u0661\u0669\u0668\u0667\u0666\u0665",
        "ana@example.org",
        "5511987654321\n5511987654322",
        "0" * 64 + "1",
        " " * 60 + "55119876",
    ],
)
def test_other_text_has_no_digits(text: str | None) -> None:
    assert digits_of(text) is None


@pytest.mark.parametrize(
    "hidden", ["BR.5511987654321", " US.ENT.11815799212886844830 ", "5511987654321@lid"]
)
def test_sender_who_hides_the_number_is_known_by_the_id_alone(hidden: str) -> None:
    sender = sender_of(hidden)
    assert sender == hidden.strip() == hidden_id(hidden)
    assert PhoneNumber.from_text(hidden) == PhoneNumber(sender)
    assert PhoneNumber(sender) != PhoneNumber("5511987654321")
    assert comparable(sender) == sender


@pytest.mark.parametrize(
    "text", [None, "", "br.123", "BRA.123", "BR.", "BR.1 2", "1@lid", "x@lid", "BR." + "1" * 129]
)
def test_other_text_is_no_id(text: str | None) -> None:
    assert hidden_id(text) is sender_of(text) is None


@pytest.mark.parametrize("first", range(2, 6))
def test_landline_is_not_the_mobile_with_a_nine_before_it(first: int) -> None:
    landline, mobile = PhoneNumber(f"5511{first}3334444"), PhoneNumber(f"55119{first}3334444")
    assert landline != mobile
    assert (landline.comparable, mobile.comparable) == (landline.digits, mobile.digits)


@pytest.mark.parametrize("area", AREA_CODES)
def test_mobile_matches_with_and_without_its_ninth_digit_in_every_area(area: int) -> None:
    long, short = PhoneNumber(f"55{area}987654321"), PhoneNumber(f"55{area}87654321")
    assert long == short
    assert hash(long) == hash(short)
    assert long.comparable == short.comparable == comparable(long.digits)


@pytest.mark.parametrize(
    ("said", "sender"), [("541123456789", "5491123456789"), ("525512345678", "5215512345678")]
)
def test_mobile_matches_as_whatsapp_knows_it_in_argentina_and_mexico(
    said: str, sender: str
) -> None:
    assert PhoneNumber(said) == PhoneNumber(sender)
    assert comparable(said) == comparable(sender) == said


def test_there_are_sixty_seven_area_codes() -> None:
    assert len(set(AREA_CODES)) == 67


@pytest.mark.parametrize(
    "digits",
    [
        "5511887654321",  # thirteen digits, but no ninth digit
        "5501987654321",  # no area code begins with 0
        "551198765432",  # twelve digits: the 9 belongs to the number
        "55119876543210",  # fourteen
        "5411987654321",  # Argentina, where the 9 would be before the area
        "549112345678",  # too short to have one digit more
        "52155123456789",
        "5315512345678",
        "1119876543219",
    ],
)
def test_other_numbers_are_compared_digit_by_digit(digits: str) -> None:
    assert comparable(digits) == digits


def test_number_remembers_how_it_was_written() -> None:
    number = PhoneNumber.from_text("+55 11 98765-4321")
    assert (number.digits, str(number)) == ("5511987654321", "5511987654321")


@pytest.mark.parametrize(
    "digits", ["", "abc", "+5511987654321", "1234567", "1" * 16, "12345678\n"]
)
def test_number_cannot_be_made_of_anything_but_digits(digits: str) -> None:
    with pytest.raises(InvalidValueError):
        PhoneNumber(digits)


def test_refusal_names_the_field_but_not_the_number() -> None:
    with pytest.raises(InvalidValueError) as caught:
        PhoneNumber.from_text("call 12345", field="mapping.special_whatsapp_numbers[0].number")
    assert caught.value.field == "mapping.special_whatsapp_numbers[0].number"
    assert caught.value.rule == "phone_number"
    assert "12345" not in str(caught.value)
