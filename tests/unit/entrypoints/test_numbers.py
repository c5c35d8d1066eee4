from __future__ import annotations

import re
import string
import subprocess
import sys

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odoo_ai_config.domain.channels.phone import PhoneNumber, comparable, sender_of
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.messages.persons import Person
from odoo_ai_config.entrypoints.numbers import NumberReader
from tests.strategies import written_numbers
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
    "whatsapp:11987654321",
    "tel:11987654321",
    "\u200f11 \uff198765-4321",
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
    "5511987654321@c.us",
    "tel:+5511987654321",
    "tel:+55-11-98765-4321",
    "\u202a+55\u00a011 98765-4321\u202c",
    "\u200f\uff0b5511 98765-4321\ufeff",
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
        # WhatsApp's own id: the number exists, however new its range.
        ("2290112345678@s.whatsapp.net", "2290112345678"),
        ("2290112345678@c.us", "2290112345678"),
        ("+39 02 3661 8300", "390236618300"),  # the 0 belongs to the number
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
        "+55 00 99999-9999",
        "+55 11 1234-5678",
        "+55 11 59999-9999",
        "whatsapp:+55 11 8888-88777",
        "+55 23 98765-4321",
        "+1 199 999 9999",
        "+351 000 000 000",
        "+52 1 055 123 4567",
        "5500999999999@s.whatsapp.net",
        "999912345678@s.whatsapp.net",
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


@given(st.sampled_from(AREA_CODES), st.integers(910_000_000, 999_999_999), st.data())
def test_person_is_the_same_however_the_number_is_written(
    area: int, local: int, data: st.DataObject
) -> None:
    digits = f"55{area}{local}"
    person = BRAZIL.person(data.draw(written_numbers(st.just(digits))), None, None)
    assert person == Person.of_number(PhoneNumber(digits))
    assert person.value == sender_of(comparable(digits))


# Of what people dial before the number itself in one of these countries.
LONGEST_TRUNK = 4
COUNTRIES = ("55", "1", "351", "39", "52", "521", "54", "549", "44", "225", "", "0055")


@given(
    st.sampled_from(("+", "whatsapp:+", "whatsapp:", "")),
    st.sampled_from(COUNTRIES),
    st.integers(0, 3),
    st.text(string.digits, min_size=7, max_size=12),
)
@settings(max_examples=300)
def test_number_that_is_read_exists_and_is_the_one_that_was_typed(
    mark: str, country: str, zeros: int, rest: str
) -> None:
    text = f"{mark}{country}{'0' * zeros}{rest}"
    if refused(NOWHERE, text):
        return
    digits = NOWHERE.read(text).digits
    # The package has neither the numbers without the ninth digit nor Mexico's old ones.
    full = digits[:4] + "9" + digits[4:] if re.fullmatch("55[0-9]{10}", digits) else digits
    known = {digits, full, re.sub("^521(?=[0-9]{10}$)", "52", digits)}
    assert any(phonenumbers.is_valid_number(phonenumbers.parse(f"+{one}")) for one in known)
    # Only what a country puts before a number, such as a 0 with a carrier, may be gone: the others
    # are those that were typed, in their order. Argentina's 15 for mobiles becomes a 9.
    typed = iter(re.sub("[^0-9]", "", text))
    assert all(digit in typed for digit in digits.removeprefix("549"))
    assert len(digits) >= len(re.sub("[^0-9]", "", text).removeprefix("00")) - LONGEST_TRUNK


@given(st.integers(10, 99), st.sampled_from(("", "9", "8")), st.integers(0, 10**8 - 1))
def test_brazilian_number_is_read_by_the_rule_of_the_package(
    area: int, ninth: str, eight: int
) -> None:
    digits = f"55{area}{ninth}{eight:08}"
    said = phonenumbers.parse(f"+{digits}")
    old = area in AREA_CODES and not ninth and f"{eight:08}"[0] in "6789"
    assert refused(BRAZIL, f"+{digits}") is not (phonenumbers.is_valid_number(said) or old)


@pytest.mark.parametrize(
    ("country", "text", "sender"),
    [
        ("AR", "11 2345-6789", "5491123456789"),
        ("AR", "011 15 2345-6789", "5491123456789"),
        ("AR", "+54 9 11 2345-6789", "5491123456789"),
        ("MX", "55 1234 5678", "5215512345678"),
        ("MX", "+52 1 55 1234 5678", "525512345678"),
        ("BR", "whatsapp:11 98765-4321", "551187654321"),
    ],
)
def test_typed_number_is_that_of_the_sender(country: str, text: str, sender: str) -> None:
    assert NumberReader(country).read(text) == PhoneNumber.from_text(f"{sender}@s.whatsapp.net")


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
