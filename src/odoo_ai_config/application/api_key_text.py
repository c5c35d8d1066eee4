"""
API keys as their holders write them: ``oac_<id>_<secret>``.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import field, frozen

_ID: Final = re.compile(r"[A-Za-z0-9-]{12}", re.ASCII)
_FORM: Final = re.compile(rf"oac_({_ID.pattern})_([A-Za-z0-9_-]{{43}})", re.ASCII)
ID_SIZE: Final = 12
SECRET_BYTES: Final = 32


@frozen
class ApiKeyText:
    """
    A key in the hands of its holder.
    """

    id: str
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> ApiKeyText | None:
        """
        Read a key; None if *text* does not have the form of one.
        """
        match = _FORM.fullmatch(text)
        return None if match is None else cls(match[1], match[2])

    def reveal(self) -> str:
        """
        The key to be handed over, once.
        """
        return f"oac_{self.id}_{self.secret}"


def is_key_id(text: str) -> bool:
    """
    Whether *text* has the form of a key's id.
    """
    return _ID.fullmatch(text) is not None
