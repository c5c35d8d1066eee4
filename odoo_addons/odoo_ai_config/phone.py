# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""
WhatsApp numbers as people type them, read by the rules of the hub.
"""

import re

_DIGITS = re.compile(r"[0-9]{8,15}", re.ASCII)
_BRAZILIAN_MOBILE = re.compile(r"55[1-9][0-9]9[6-9][0-9]{7}", re.ASCII)
# Text copied from WhatsApp contains non-breaking spaces and invisible marks.
_PUNCTUATION = str.maketrans(
    "", "", " +-().\t\u00a0\u2010\u2011\u2013\u200e\u202a\u202c\u202f\u2066\u2069"
)
# Senders who hide their number: WhatsApp's own ids, and Meta's for one business.
_HIDDEN = re.compile(r"[0-9]{5,20}@lid|[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}", re.ASCII)
_LONGEST = 64


def digits_of(text):
    """
    The 8 to 15 digits of a number with its country code, or None if it is not one.
    """
    if not text or len(text) > _LONGEST:
        return None
    digits = text.strip().translate(_PUNCTUATION)
    return digits if _DIGITS.fullmatch(digits) else None


def sender_of(text):
    """
    The digits of a number, or the id of a sender who hides it; None if it is neither.
    """
    hidden = (text or "").strip()
    return hidden if _HIDDEN.fullmatch(hidden) else digits_of(text)


def comparable(digits):
    """
    *digits* without the ninth digit of Brazilian mobiles, which WhatsApp often leaves out.

    With 2 to 5 after it, the eight digits are a landline, somebody else's number.
    """
    if _BRAZILIAN_MOBILE.fullmatch(digits):
        return digits[:4] + digits[5:]
    return digits
