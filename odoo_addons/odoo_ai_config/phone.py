# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""
WhatsApp numbers as people type them, read by the rules of the hub.
"""

import re
from unicodedata import category, normalize

_DIGITS = re.compile(r"[0-9]{8,15}", re.ASCII)
# The last digit of a match is the one that WhatsApp adds or leaves out: Brazil's ninth digit, that
# landlines do not have, Argentina's 9 for mobiles, and the 1 that Mexico gave up.
_WITH_ONE_MORE = re.compile(
    r"(?:55[1-9][0-9](?=9[6-9][0-9]{7}\Z)|54(?=9[0-9]{10}\Z)|52(?=1[0-9]{10}\Z))[0-9]", re.ASCII
)
_PUNCTUATION = str.maketrans("", "", " +-().\t\u2212")
# Invisible marks, and spaces and hyphens of any kind, as in text copied from WhatsApp.
_INVISIBLE = frozenset({"Cf", "Pd", "Zs"})
# A superscript is not a digit of the number.
_OTHER_DIGIT = "No"
# Senders who hide their number: WhatsApp's own ids, and Meta's for one business.
_HIDDEN = re.compile(r"[0-9]{5,20}@lid|[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}", re.ASCII)
_LONGEST = 64


def _plain(character):
    kind = category(character)
    if character.isascii() or kind == _OTHER_DIGIT:
        return character
    return "" if kind in _INVISIBLE else normalize("NFKC", character)


def _typed(text):
    return "".join(map(_plain, text)).strip()


def digits_of(text):
    """
    The 8 to 15 digits of a number with its country code, or None if it is not one.
    """
    if not text or len(text) > _LONGEST:
        return None
    digits = _typed(text).translate(_PUNCTUATION)
    return digits if _DIGITS.fullmatch(digits) else None


def sender_of(text):
    """
    The digits of a number, or the id of a sender who hides it; None if it is neither.
    """
    hidden = _typed(text or "")
    return hidden if _HIDDEN.fullmatch(hidden) else digits_of(text)


def comparable(digits):
    """
    *digits* in a form that is equal for both spellings of a mobile number.
    """
    found = _WITH_ONE_MORE.match(digits)
    return digits[: found.end() - 1] + digits[found.end() :] if found else digits
