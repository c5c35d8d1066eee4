"""
Reads the numbers that people type, by the customs of their country.

At the edge and not in the domain: how a country writes its numbers is data of the package
``phonenumbers``, and everything inside has numbers with their country code.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from attrs import frozen

from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.domain.channels.phone import (
    DIGITS,
    INTERNATIONAL,
    MAX_TEXT,
    WHATSAPP_USERS,
    PhoneNumber,
    bare,
    hidden_id,
    sender_of,
    typed,
)
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.messages.persons import Person, one_of

DEFAULT_COUNTRY: Final = "BR"
_ABROAD: Final = "00"
_AREA: Final = "(?:[14689][1-9]|2[12478]|3[1-578]|5[1345]|7[134579])"
# Most numbers are written like this, and reading them needs no package.
_BRAZILIAN: Final = re.compile(f"55{_AREA}(?:[2-9]|9[1-9])[0-9]{{7}}", re.ASCII)
# A mobile number as it was before the ninth digit, as WhatsApp still knows many.
_EIGHT_DIGITS: Final = re.compile(f"55{_AREA}[6-9][0-9]{{7}}", re.ASCII)
# WhatsApp keeps the 1 before mobile numbers that Mexico gave up in 2019; the package has no such
# numbers any more.
_MEXICAN: Final = re.compile(r"521([1-9][0-9]{9})", re.ASCII)


@frozen
class NumberReader:
    """
    Understands numbers of one country in its own forms, and those of others with ``+`` or ``00``.

    Args:
        country: The country (ISO 3166, two letters) whose numbers need no country code; None if
            every number needs one.
    """

    country: str | None = DEFAULT_COUNTRY

    def read(self, text: str, *, field: str = "number") -> PhoneNumber:
        """
        Read a number that a person typed, or the id of a sender who hides the number.

        Without ``+``, a number of the default country is understood as one, with or without its
        0 and its carrier; otherwise it must have a country code. With ``@s.whatsapp.net`` or
        ``@c.us`` it is WhatsApp's own id of somebody, whose number may be of a range that the
        package does not know yet.

        Raises:
            InvalidValueError: *text* is neither, or no number can be like that there.
        """
        hidden = hidden_id(text)
        if hidden is not None:
            return PhoneNumber(hidden)
        digits = bare(text) if len(text) <= MAX_TEXT else ""
        # The package would also read letters and extensions.
        if digits.isascii() and digits.isdigit():
            found = self._found(digits, text)
            if found is not None:
                return PhoneNumber(found)
        raise InvalidValueError(field, "phone_number")

    async def beside(self, channels: ChannelDirectory) -> Callable[[str], PhoneNumber]:
        """
        Read as `read` does, but take what is stored in *channels* as it is shown there.

        Whoever reads the mapping and writes it back changes nothing: not even numbers from
        before this reader, which it would refuse or understand as others.
        """
        revisions = await channels.mappings()
        stored = await run_off_loop(
            lambda: {s.number.digits for revision in revisions for s in revision.mapping.numbers},
            cost=ENTRY * len(revisions),
        )

        def read(text: str) -> PhoneNumber:
            said = text.strip()
            return PhoneNumber(said) if said in stored else self.read(text)

        return read

    def asked(self, text: str | None) -> str | None:
        """
        The sender that a question is about, as an incoming message would have it.
        """
        if text is None or INTERNATIONAL.fullmatch(text.strip()) is not None:
            return text
        try:
            return self.read(text).digits
        except InvalidValueError:
            return sender_of(text)

    def person(self, number: str | None, contact: str | None, identifier: str | None) -> Person:
        """
        The person who is named in one of three ways, the number as `read` reads it.

        Raises:
            InvalidValueError: It is not exactly one, or has a wrong form.
        """
        return one_of(
            (
                None if number is None else Person.of_number(self.read(number)),
                None if contact is None else Person.from_contact(contact),
                None if identifier is None else Person.of_identifier(identifier),
            )
        )

    def _found(self, digits: str, text: str) -> str | None:
        said = typed(text).lower()
        marked = "+" in said
        if digits.startswith(_ABROAD):
            digits, marked = digits[len(_ABROAD) :], True
        if _BRAZILIAN.fullmatch(digits) is not None:
            return digits
        mexican = _MEXICAN.fullmatch(digits)
        if mexican is not None and _parsed(f"52{mexican[1]}") is not None:
            return digits
        if said.endswith(WHATSAPP_USERS):
            return digits if _parsed(digits, known=False) == digits else None
        at_home = None if marked or self.country is None else _parsed(digits, self.country)
        return at_home or _parsed(digits)


def has_numbers(country: str) -> bool:
    """
    Whether *country* (ISO 3166, two letters) has a telephone network that is known.
    """
    if country == DEFAULT_COUNTRY:
        return True
    from phonenumbers import SUPPORTED_REGIONS

    return country in SUPPORTED_REGIONS


def _parsed(digits: str, country: str | None = None, *, known: bool = True) -> str | None:
    """
    *digits* with their country code, if there are such numbers; if not *known*, of such a length.
    """
    # It takes 76 ms and 3 MB, and most numbers do not need it.
    import phonenumbers

    try:
        number = phonenumbers.parse(digits if country else f"+{digits}", country)
    except phonenumbers.NumberParseException:
        return None
    found = f"{number.country_code}{phonenumbers.national_significant_number(number)}"
    if known:
        real = phonenumbers.is_valid_number(number) or _EIGHT_DIGITS.fullmatch(found) is not None
    else:
        reason = phonenumbers.is_possible_number_with_reason(number)
        real = reason == phonenumbers.ValidationResult.IS_POSSIBLE
    return found if real and DIGITS.fullmatch(found) is not None else None
