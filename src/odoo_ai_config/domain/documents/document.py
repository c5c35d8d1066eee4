"""
The content of a document: structured data, and the YAML text if a person wrote one.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.json_types import JsonObject, ReadOnlyJsonObject, with_whole_numbers

# Many events merge into the same document, and each of them reads all of it.
LARGEST_DOCUMENT: Final = 2 * 2**20
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@frozen
class AuthoredYaml:
    """
    YAML as a person wrote it, kept for its comments and its key order.

    Args:
        exact: The text still means the same as the document's body. An event that merges into
            the body leaves the text as it is; a reader who asks for YAML gets an updated text.
    """

    text: str = field(repr=False)
    exact: bool = True


@frozen
class Document:
    """
    An immutable JSON object, with the YAML text that a person wrote for it.

    Two documents are equal if they have the same data in the same order and the same YAML. The
    data is kept as JSON text: nobody can change it from outside, stores write it as it is, and
    a comparison compares two strings. A store returns the text that `of` made, so reading does
    not parse it and only checks its first and last character.
    """

    text: str = field(repr=False)
    authored: AuthoredYaml | None = None

    @text.validator
    def _check_text(self, _attribute: object, value: str) -> None:
        if not (value.startswith("{") and value.endswith("}")):
            raise InvalidValueError("document", "json_object")

    @classmethod
    def of(cls, body: ReadOnlyJsonObject, authored: AuthoredYaml | None = None) -> Document:
        """
        Make a document of *body*, in its key order.

        Raises:
            InvalidValueError: It has a number that is not finite, half a surrogate pair, or
                more than `LARGEST_DOCUMENT` characters.
        """
        try:
            text = _ENCODER.encode(body)
            text.encode()
        except ValueError:
            # Not chained: the cause quotes the value.
            raise InvalidValueError("document", "json") from None
        if len(text) > LARGEST_DOCUMENT:
            raise InvalidValueError("document", "document_size")
        return cls(text, authored)

    @property
    def body(self) -> JsonObject:
        """
        The data, as a copy that the caller may change.
        """
        body: JsonObject = json.loads(self.text)
        return body

    @property
    def digest(self) -> str:
        """
        SHA-256 of the data. Sources use it to compare what they pushed with what the hub has.

        Equal numbers are one value: ``10.0`` counts as ``10``.
        """
        return sha256(with_whole_numbers(self.text).encode()).hexdigest()

    @property
    def former_digest(self) -> str:
        """
        The digest that sources have from before equal numbers were one value.
        """
        return sha256(self.text.encode()).hexdigest()

    def says_the_same(self, other: Document) -> bool:
        """
        Whether *other* has equal data in the same order, and the same YAML.
        """
        if self == other:
            return True
        return self.authored == other.authored and _equal(self.text, other.text)

    def with_body(self, body: ReadOnlyJsonObject) -> Document:
        """
        Replace the data; a YAML text stays, marked as no longer exact.
        """
        merged = Document.of(body)
        if _equal(merged.text, self.text):
            return self
        if self.authored is None:
            return merged
        return Document(merged.text, AuthoredYaml(self.authored.text, exact=False))


def _equal(one: str, other: str) -> bool:
    return one == other or with_whole_numbers(one) == with_whole_numbers(other)
