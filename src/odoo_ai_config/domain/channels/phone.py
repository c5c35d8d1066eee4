"""
WhatsApp numbers, as Chatwoot, Twilio, Evolution and people write them.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.errors import InvalidValueError

# E.164 allows 15 digits; no number with an area code has fewer than 8.
DIGITS: Final = re.compile(r"[0-9]{8,15}", re.ASCII)
_E164: Final = re.compile(r"\+?([0-9]{8,15})", re.ASCII)
_BRAZILIAN_MOBILE: Final = re.compile(r"55[1-9][0-9]9[0-9]{8}", re.ASCII)
# A number copied from WhatsApp contains non-breaking spaces and hyphens, and invisible marks for
# the direction of writing.
_PUNCTUATION: Final = str.maketrans(
    "", "", " +-().\t\u00a0\u2010\u2011\u2013\u200e\u202a\u202c\u202f\u2066\u2069"
)
_PREFIX: Final = "whatsapp:"
_SUFFIX: Final = "@s.whatsapp.net"
_NINTH_DIGIT: Final = 4
_MAX_TEXT: Final = 64


def digits_of(text: str | None) -> str | None:
    """
    The digits of a number; None if *text* is not a number.

    ``+``, spaces, punctuation, ``whatsapp:`` and ``@s.whatsapp.net`` are ignored. Meta's
    business-scoped user ids (``BR.123...``) and ``@lid`` ids are not numbers.
    """
    if text is None or len(text) > _MAX_TEXT:
        return None
    plain = _E164.fullmatch(text)
    if plain is not None:
        return plain[1]
    digits = text.strip().removeprefix(_PREFIX).removesuffix(_SUFFIX).translate(_PUNCTUATION)
    return digits if DIGITS.fullmatch(digits) is not None else None


def comparable(digits: str) -> str:
    """
    Reduce *digits* to a form that is equal for both spellings of a Brazilian mobile number.

    WhatsApp knows many Brazilian mobile numbers without the ninth digit, which Anatel's
    resolution 553/2010 added: ``55 DD 9XXXXXXXX`` is ``55 DD XXXXXXXX`` there.
    """
    if _BRAZILIAN_MOBILE.fullmatch(digits) is not None:
        return digits[:_NINTH_DIGIT] + digits[_NINTH_DIGIT + 1 :]
    return digits


@frozen
class PhoneNumber:
    """
    A WhatsApp number. It is equal to the same number with or without the Brazilian ninth digit.
    """

    digits: str = field(eq=False)
    comparable: str = field(init=False)

    @digits.validator
    def _check_digits(self, _attribute: object, value: str) -> None:
        if DIGITS.fullmatch(value) is None:
            raise InvalidValueError("number", "phone_number")

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "comparable", comparable(self.digits))

    @classmethod
    def from_text(cls, text: str, *, field: str = "number") -> PhoneNumber:
        """
        Read a number that a person typed.

        Raises:
            InvalidValueError: *text* is not a number of 8 to 15 digits.
        """
        digits = digits_of(text)
        if digits is None:
            raise InvalidValueError(field, "phone_number")
        return cls(digits)

    def __str__(self) -> str:
        return self.digits
