"""
Labels of a conversation.
"""

from __future__ import annotations

from collections.abc import Iterable

from odoo_ai_config.domain.conversations.state import LONGEST_LABEL


def is_label(text: str) -> bool:
    """
    Whether Chatwoot takes *text* for one label.
    """
    return (
        text.isprintable()
        and 0 < len(text.strip()) == len(text) <= LONGEST_LABEL
        and "," not in text
    )


def labels_after(
    there: Iterable[str], *, added: Iterable[str] = (), removed: Iterable[str] = ()
) -> tuple[str, ...]:
    """
    The labels *there* with those *added* and without those *removed*; what is not named stays.

    Chatwoot writes its labels in lower case, so case does not matter. Adding wins over removing.
    """
    wanted = {label.casefold(): label for label in added}
    gone = {label.casefold() for label in removed} - wanted.keys()
    kept = {label.casefold(): label for label in there if label.casefold() not in gone}
    return tuple((wanted | kept).values())
