"""
Authored YAML text and the structured data it stands for.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Final, Protocol

from odoo_ai_config.domain.json_types import JsonObject

# Nesting of collections; deeper documents are refused.
MAX_DEPTH: Final = 64


class YamlCodec(Protocol):
    """
    Reads, writes and amends YAML 1.2.

    Values are JSON values: text keys, no dates, no shared parts. No document holds null
    characters, halves of surrogate pairs, integers beyond 64 bits or nesting deeper than
    `MAX_DEPTH`.
    """

    @abstractmethod
    def parse(self, text: str) -> JsonObject:
        """
        Read one document.

        ``18:00``, ``yes`` and ``on`` are text, and so are dates, in ISO form. What only one of
        YAML 1.1 and 1.2 calls a number is text (``12E5``, ``0o17``, ``089``, ``1_000``), except
        in a text that is JSON. Keys become text (``1`` is ``"1"``, ``true`` is ``"true"``). A
        document that is no mapping becomes ``{"data": ...}``, an empty one ``{}``.

        Raises:
            InvalidYamlError: The text is not YAML, is too long or too deep, repeats a key, expands
                too many aliases, or has tags of a programming language.
        """

    @abstractmethod
    def render(self, body: JsonObject) -> str:
        """
        Write *body* for people, in its own key order.

        ``parse(render(body)) == body``, and readers of YAML 1.1 and of 1.2 read the same.

        Raises:
            InvalidYamlError: *body* is nested too deep.
        """

    @abstractmethod
    def amend(self, text: str, body: JsonObject) -> str:
        """
        Change *text* as little as possible so that it stands for *body*.

        What stays keeps its comments, order and quoting; new keys go to the end of their
        mapping. A *text* that cannot be amended is rendered again. Always
        ``parse(amend(text, body)) == body``.

        Raises:
            InvalidYamlError: *text* cannot be parsed, or *body* cannot be rendered.
        """
