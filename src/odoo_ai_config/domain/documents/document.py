"""
What a document holds: structured data, and the YAML text that a person wrote, if any.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.json_types import JsonObject, ReadOnlyJsonObject

# Many events merge into one document, and each of them reads all of it.
LARGEST_DOCUMENT: Final = 2 * 2**20
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@frozen
class AuthoredYaml:
    """
    YAML as a person wrote it, kept for its comments and its key order.

    *exact* says that the text still means exactly the document's body; a sync that merges
    into the body leaves the text alone, and it is brought up to date when somebody asks for it.
    """

    text: str = field(repr=False)
    exact: bool = True


@frozen
class Document:
    """
    An immutable JSON object, equal to one with the same data in the same order and the same text.

    The body is kept as JSON text: nobody can change it from outside, stores write it as it
    is, and comparing two of them is comparing two strings. A store hands back the text that
    `of` made, so that a read costs no parsing; only its frame is checked.
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
            InvalidValueError: JSON in UTF-8 cannot express it: there is a number that is not
                finite or half a surrogate pair in it; or it has more than `LARGEST_DOCUMENT`
                characters.
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
        SHA-256 of the data, by which two hubs, or one and its backup, are compared.
        """
        return sha256(self.text.encode()).hexdigest()

    def with_body(self, body: ReadOnlyJsonObject) -> Document:
        """
        Replace the data by a merge of it; an authored text stays, marked as no longer exact.
        """
        merged = Document.of(body)
        if merged.text == self.text:
            return self
        if self.authored is None:
            return merged
        return Document(merged.text, AuthoredYaml(self.authored.text, exact=False))
