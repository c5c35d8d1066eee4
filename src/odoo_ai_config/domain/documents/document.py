"""
The content of a document: structured data, and the YAML text if a person wrote one.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.json_types import JsonObject, ReadOnlyJsonObject

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
        """
        return sha256(self.text.encode()).hexdigest()

    def with_body(self, body: ReadOnlyJsonObject) -> Document:
        """
        Replace the data; a YAML text stays, marked as no longer exact.
        """
        merged = Document.of(body)
        if merged.text == self.text:
            return self
        if self.authored is None:
            return merged
        return Document(merged.text, AuthoredYaml(self.authored.text, exact=False))
