"""
WhatsApp numbers, as Chatwoot, Twilio, Evolution and people write them.

Senders who hide their number have ids, which are registered and matched in its place.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import category, normalize

from attrs import field, frozen

from odoo_ai_config.domain.errors import InvalidValueError

# E.164 allows 15 digits; no number with an area code has fewer than 8.
DIGITS: Final = re.compile(r"[0-9]{8,15}", re.ASCII)
_E164: Final = re.compile(r"\+?([0-9]{8,15})", re.ASCII)
# With the country code beyond doubt: such a number means the same in every country.
INTERNATIONAL: Final = re.compile(r"\+[1-9][0-9]{7,14}|[1-9][0-9]{11,14}", re.ASCII)
# WhatsApp's own id of a sender, and Meta's business-scoped user id: the sender's country, and up
# to 128 letters and digits, after "ENT." if it holds for several linked businesses.
HIDDEN: Final = re.compile(r"[0-9]{5,20}@lid|[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}", re.ASCII)
SENDER: Final = re.compile(f"(?:{DIGITS.pattern}|{HIDDEN.pattern})", re.ASCII)
# WhatsApp knows mobile numbers with one digit more or less than people write: Brazil's ninth digit
# (Anatel's resolution 553/2010), Argentina's 9 for mobiles, and the 1 that Mexico gave up in 2019.
# In Brazil, a number that also exists without the 9 goes on with 6 to 9; with 2 to 5 the eight
# digits are a landline, somebody else's number.
_WITH_ONE_MORE: Final = re.compile(
    "55[1-9][0-9]9[6-9][0-9]{7}|549[0-9]{10}|521[0-9]{10}", re.ASCII
)
_PUNCTUATION: Final = str.maketrans("", "", " +-().\t\u2212")
# Spaces and hyphens of any kind, and invisible marks, for instance for the direction of writing:
# a number copied from WhatsApp or a page contains them.
_INVISIBLE: Final = frozenset({"Cf", "Pd", "Zs"})
# A superscript is not a digit of the number.
_OTHER_DIGIT: Final = "No"
WHATSAPP_PREFIX: Final = "whatsapp:"
_TEL: Final = "tel:"
# How WhatsApp names somebody by the number; libraries for its web client use the second.
WHATSAPP_USERS: Final = ("@s.whatsapp.net", "@c.us")
LID: Final = "@lid"
MAX_TEXT: Final = 64
_LONGEST_ID: Final = 140


def business_scoped_id(text: str | None) -> str | None:
    """
    The id in *text* of a WhatsApp user for one business (BSUID), ``BR.123...``; None for others.
    """
    said = hidden_id(None if text is None else text.removeprefix(WHATSAPP_PREFIX))
    return None if said is None or said.endswith(LID) else said


def hidden_id(text: str | None) -> str | None:
    """
    The id of a sender without a number in *text*, an ``@lid`` or ``BR.123...``; None for others.
    """
    if text is None or len(text) > _LONGEST_ID:
        return None
    said = typed(text)
    return said if HIDDEN.fullmatch(said) is not None else None


def typed(text: str) -> str:
    """
    *text* as a keyboard has it: in plain characters, without invisible ones.
    """
    return (text if text.isascii() else "".join(map(_plain, text))).strip()


def _plain(character: str) -> str:
    kind = category(character)
    if character.isascii() or kind == _OTHER_DIGIT:
        return character
    return "" if kind in _INVISIBLE else normalize("NFKC", character)


def bare(text: str) -> str:
    """
    *text* without ``+``, spaces, punctuation, ``whatsapp:``, ``tel:`` and `WHATSAPP_USERS`.
    """
    said = typed(text).lower().removeprefix(WHATSAPP_PREFIX).removeprefix(_TEL)
    for ending in WHATSAPP_USERS:
        said = said.removesuffix(ending)
    return said.translate(_PUNCTUATION)


def digits_of(text: str | None) -> str | None:
    """
    The digits of a number with its country code; None if *text* is not a number.
    """
    if text is None or len(text) > MAX_TEXT:
        return None
    plain = _E164.fullmatch(text)
    if plain is not None:
        return plain[1]
    digits = bare(text)
    return digits if DIGITS.fullmatch(digits) is not None else None


def sender_of(text: str | None) -> str | None:
    """
    What identifies the sender in *text*: the digits of a number, or a hidden sender's id.
    """
    digits = digits_of(text)
    return hidden_id(text) if digits is None else digits


def comparable(sender: str) -> str:
    """
    Reduce *sender* to a form that is equal for both spellings of a mobile number.

    ``55 DD 9XXXXXXXX`` is ``55 DD XXXXXXXX``, ``54 9 11...`` is ``54 11...``, and ``52 1 55...``
    is ``52 55...``.
    """
    if _WITH_ONE_MORE.fullmatch(sender) is None:
        return sender
    # In Brazil it comes after the area code, elsewhere after the country's.
    place = 4 if sender.startswith("55") else 2
    return sender[:place] + sender[place + 1 :]


@frozen
class PhoneNumber:
    """
    A WhatsApp number. It is equal to the same number in the other spelling of `comparable`.

    Args:
        digits: With the country code. For a sender who hides the number, the id in its place; it
            is equal to itself only.
    """

    digits: str = field(eq=False)
    comparable: str = field(init=False)

    @digits.validator
    def _check_digits(self, _attribute: object, value: str) -> None:
        if SENDER.fullmatch(value) is None:
            raise InvalidValueError("number", "phone_number")

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "comparable", comparable(self.digits))

    @classmethod
    def from_text(cls, text: str, *, field: str = "number") -> PhoneNumber:
        """
        Read a number with its country code, or the id of a hidden sender.

        What people type is read by `NumberReader`, which also knows how their country writes.

        Raises:
            InvalidValueError: *text* is neither a number of 8 to 15 digits nor such an id.
        """
        sender = sender_of(text)
        if sender is None:
            raise InvalidValueError(field, "phone_number")
        return cls(sender)

    def __str__(self) -> str:
        return self.digits
