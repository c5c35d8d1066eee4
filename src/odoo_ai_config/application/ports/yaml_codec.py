"""
Authored YAML text and the structured data it stands for.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Final, Protocol

from odoo_ai_config.domain.json_types import JsonObject

# Collections within each other; deeper documents are refused.
MAX_DEPTH: Final = 64


class YamlCodec(Protocol):
    """
    Reads, writes and amends YAML 1.2.

    What goes in and out is what JSON can say: text keys, no dates, no objects that
    share parts. Null characters, halves of surrogate pairs, integers beyond 64 bits
    and nesting deeper than `MAX_DEPTH` are in no document.
    """

    @abstractmethod
    def parse(self, text: str) -> JsonObject:
        """
        Read one document.

        ``18:00``, ``yes`` and ``on`` are text, as are dates, in their ISO form. Keys
        become text (``1`` is ``"1"``, ``true`` is ``"true"``). A document that is no
        mapping comes as ``{"data": ...}``, an empty one as ``{}``.

        Raises:
            InvalidYamlError: The text is not YAML, is too long or too deep, repeats a
                key, expands aliases without measure, or names tags of a language.
        """

    @abstractmethod
    def render(self, body: JsonObject) -> str:
        """
        Write *body* for people to read, in its own key order.

        ``parse(render(body)) == body``, and readers of YAML 1.1 find the same texts.

        Raises:
            InvalidYamlError: *body* is nested too deep to be read again.
        """

    @abstractmethod
    def amend(self, text: str, body: JsonObject) -> str:
        """
        Change *text* as little as it takes to stand for *body*.

        Comments, order and quoting of what stays are kept, new keys go to the end of
        their mapping. A *text* that cannot be amended is rendered anew; in any case
        ``parse(amend(text, body)) == body``.

        Raises:
            InvalidYamlError: *text* cannot be parsed, or *body* not be rendered.
        """
