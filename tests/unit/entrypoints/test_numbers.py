from __future__ import annotations

import string
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.channels.phone import PhoneNumber, sender_of
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.entrypoints.numbers import NumberReader
from tests.unit.domain.channels.test_phone import AREA_CODES

BRAZIL, PORTUGAL, USA, NOWHERE = map(NumberReader, ("BR", "PT", "US", None))
NATIONAL = [
    "(11) 98765-4321",
    "011 98765-4321",
    "(011) 98765-4321",
    "0 21 11 98765-4321",
    "11 98765-4321",
    "11987654321",
    "11.98765.4321",
]
INTERNATIONAL = [
    "0055 11 98765-4321",
    "0055 (0)11 98765-4321",
    "+55 (0)11 98765-4321",
    "+55 11 98765\u20114321",
    "55 11 98765-4321",
    "5511987654321",
    "whatsapp:+5511987654321",
    "5511987654321@s.whatsapp.net",
    "\u202a+55\u00a011 98765-4321\u202c",
]


def refused(reader: NumberReader, text: str) -> bool:
    try:
        reader.read(text)
    except InvalidValueError as error:
        return (error.field, error.rule) == ("number", "phone_number")
    return False


@pytest.mark.parametrize("text", NATIONAL)
def test_national_form_is_understood_in_its_country_and_refused_elsewhere(text: str) -> None:
    assert BRAZIL.read(text).digits == "5511987654321"
    assert all(refused(reader, text) for reader in (PORTUGAL, USA, NOWHERE))


@pytest.mark.parametrize("text", INTERNATIONAL)
def test_form_with_the_country_code_is_understood_everywhere(text: str) -> None:
    for reader in (BRAZIL, PORTUGAL, USA, NOWHERE):
        assert reader.read(text).digits == "5511987654321"


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("+351 912 345 678", "351912345678"),
        ("351912345678", "351912345678"),
        ("14155552671", "14155552671"),
        ("+1 (415) 555-2671", "14155552671"),
        ("(55) 99123-4567", "5555991234567"),  # an area code like the country's
        ("11 8765-4321", "551187654321"),  # as WhatsApp knows it
        ("(11) 3333-4444", "551133334444"),
        ("+55 11 93333-4444", "5511933334444"),
        ("+52 1 55 1234 5678", "5215512345678"),  # as WhatsApp still knows it
        ("5215512345678", "5215512345678"),
    ],
)
def test_other_numbers_are_understood(text: str, digits: str) -> None:
    assert BRAZIL.read(text).digits == digits


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "00",
        "123",
        "98765-4321",
        "12345678",
        "+55 11 1234",
        "+55 11 98765-43210",
        "11 98765-4321 ramal 2",
        "11 98765-4321 / 11 98765-4322",
        "0800 COMPRE",
        "+999 12345678",
        "9" * 40,
        "\u0661\u0661987654321",
        "ana@example.org",
        "BR.",
    ],
)
def test_what_can_be_no_number_is_refused(text: str) -> None:
    assert refused(BRAZIL, text)


@pytest.mark.parametrize("hidden", ["BR.13491208655302741918", "176415330668607@lid"])
def test_id_of_a_sender_who_hides_the_number_is_taken_as_it_is(hidden: str) -> None:
    assert BRAZIL.read(f" {hidden} ").digits == hidden
    assert BRAZIL.asked(hidden) == hidden


@given(st.sampled_from(AREA_CODES), st.integers(60_000_000, 99_999_999))
def test_mobile_number_matches_itself_in_all_its_forms(area: int, eight: int) -> None:
    forms = [
        f"({area}) 9{eight}",
        f"0{area} 9{eight}",
        f"+55 (0){area} 9{eight}",
        f"0055{area}9{eight}",
        f"55{area}{eight}",
        f"{area} {eight}",
        f"whatsapp:+55{area}9{eight}",
    ]
    known = {BRAZIL.read(form) for form in forms}
    said = {PhoneNumber.from_text(f"+55{area}9{eight}"), PhoneNumber.from_text(f"55{area}{eight}")}
    assert known == said
    assert len(known) == 1


@given(st.sampled_from(AREA_CODES), st.integers(20_000_000, 59_999_999))
def test_landline_is_never_the_mobile_number_that_looks_like_it(area: int, eight: int) -> None:
    assert BRAZIL.read(f"({area}) {eight}") != PhoneNumber.from_text(f"+55{area}9{eight}")


@given(st.text(string.digits + "+-() .@lidBR0\u00a0\u202a", max_size=30))
def test_number_that_is_read_is_read_again_from_what_is_stored(text: str) -> None:
    for reader in (BRAZIL, NOWHERE):
        if not refused(reader, text):
            number = reader.read(text)
            written = f"+{number.digits}" if number.digits.isdigit() else number.digits
            assert reader.read(written) == number
            assert sender_of(number.digits) == number.digits


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        (None, None),
        ("(11) 98765-4321", "5511987654321"),
        ("+5511987654321", "+5511987654321"),
        ("351912345678", "351912345678"),
        ("12345678", "12345678"),
        ("nobody", None),
    ],
)
def test_question_takes_numbers_as_people_and_as_messages_write_them(
    text: str | None, sender: str | None
) -> None:
    assert BRAZIL.asked(text) == sender


@pytest.mark.parametrize("text", ["+5511987654321", "551187654321", "BR.123"])
def test_usual_numbers_do_not_load_the_package(text: str) -> None:
    script = (
        "import sys; from odoo_ai_config.entrypoints.numbers import NumberReader; "
        f"NumberReader().read({text!r}); NumberReader().asked('+351912345678'); "
        "sys.exit('phonenumbers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
