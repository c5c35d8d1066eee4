"""
What the hub posts to a conversation, one message at a time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import web_address
from odoo_ai_config.domain.json_types import (
    Json,
    JsonObject,
    is_storable,
    is_storable_value,
    unknown_names,
)

MOST_FILES: Final = 10
MOST_ITEMS: Final = 20
LONGEST_NAME: Final = 255
_FILE_NAME: Final = re.compile(r"(?!\s*\.{0,2}\s*\Z)[^\x00-\x1f\x7f/\\]{1,255}")
# The kinds of a message that Chatwoot's API takes from a bot, and the members of their items.
# Chatwoot refuses others. https://github.com/chatwoot/chatwoot, content_attribute_validator.rb
CONTENT_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset(),
    "input_text": frozenset(),
    "input_textarea": frozenset(),
    "input_email": frozenset(),
    "input_csat": frozenset(),
    "input_select": frozenset({"title", "value"}),
    "cards": frozenset({"title", "description", "media_url", "actions"}),
    "form": frozenset(
        {
            "type",
            "placeholder",
            "label",
            "name",
            "options",
            "default",
            "required",
            "pattern",
            "title",
            "pattern_error",
        }
    ),
    "article": frozenset({"title", "description", "link"}),
}
_ACTIONS_OF_CARDS: Final = frozenset({"text", "type", "payload", "uri"})


def require_known(of: JsonObject, known: Collection[str], *, within: str = "") -> None:
    """
    Refuse an object with a member that is not *known*, by its name.

    Raises:
        InvalidValueError: The rule is ``unknown_member``, the field *within* and the name.
    """
    for name in unknown_names(of, known):
        raise InvalidValueError(f"{within}{name}", "unknown_member")


def require_words(text: str, where: str) -> None:
    """
    Refuse a *text* that is blank, or that a store cannot keep.

    Raises:
        InvalidValueError: The rule is ``text`` or ``required``.
    """
    if not is_storable(text):
        raise InvalidValueError(where, "text")
    if not text.strip():
        raise InvalidValueError(where, "required")


def require_name(text: str, where: str) -> None:
    """
    Refuse a *text* that cannot be a name: as `require_words`, and at most `LONGEST_NAME`.
    """
    require_words(text, where)
    if len(text) > LONGEST_NAME:
        raise InvalidValueError(where, "at_most_255")


@frozen
class OutgoingFile:
    """
    A file that the hub fetches and uploads to Chatwoot.

    Args:
        url: Where it is; it may contain a token.
        name: Its name for the customer; None for the one that its address or its server tells.

    Raises:
        InvalidValueError: One of them has a wrong form.
    """

    url: str = field(repr=False)
    name: str | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        web_address(self.url, "url")
        if self.name is not None and not (
            is_storable(self.name) and _FILE_NAME.fullmatch(self.name)
        ):
            raise InvalidValueError("name", "file_name")


@frozen
class Template:
    """
    A template that WhatsApp has approved, for a conversation in which it takes nothing else.

    Args:
        category: As Meta says it, for instance ``UTILITY``.
        parameters: The values of its variables, in the form of Chatwoot's ``processed_params``.

    Raises:
        InvalidValueError: One of them has a wrong form.
    """

    name: str
    language: str
    category: str | None = None
    parameters: JsonObject = field(factory=dict, repr=False, hash=False)

    def __attrs_post_init__(self) -> None:
        require_name(self.name, "name")
        require_name(self.language, "language")
        if self.category is not None:
            require_name(self.category, "category")
        if not is_storable_value(self.parameters):
            raise InvalidValueError("parameters", "json")


@frozen
class OutgoingMessage:
    """
    A message to a customer, or a note to the people in Chatwoot.

    Args:
        private: It is a note, which the customer does not see.
        content_type: Chatwoot's kind of the message, one of `CONTENT_TYPES`.
        items: The choices, cards, fields or articles of a message of such a kind.
        attachments: With a plain text only: channels drop the file of another kind of message.

    Raises:
        InvalidValueError: It says nothing, or its parts do not go together.
    """

    text: str | None = field(repr=False)
    private: bool = False
    content_type: str = "text"
    items: tuple[JsonObject, ...] = field(default=(), repr=False, hash=False)
    attachments: tuple[OutgoingFile, ...] = ()
    template: Template | None = None

    def __attrs_post_init__(self) -> None:
        if self.text is not None:
            require_words(self.text, "text")
        self._check_items()
        if len(self.attachments) > MOST_FILES:
            raise InvalidValueError("attachments", "at_most_10")
        if self.attachments and self.content_type != "text":
            raise InvalidValueError("attachments", "contradiction")
        if self.template is not None and (
            self.private or self.attachments or self.content_type != "text"
        ):
            raise InvalidValueError("template", "contradiction")
        if self.text is None and self.content_type.startswith("input_"):
            # A question, which channels refuse without words.
            raise InvalidValueError("text", "required")
        if not (self.text or self.items or self.attachments or self.template):
            raise InvalidValueError("text", "required")

    def _check_items(self) -> None:
        known = CONTENT_TYPES.get(self.content_type)
        if known is None:
            raise InvalidValueError("content_type", "unknown_value")
        if len(self.items) > MOST_ITEMS:
            raise InvalidValueError("items", "at_most_20")
        if self.items and not known:
            raise InvalidValueError("items", "contradiction")
        if known and not self.items:
            raise InvalidValueError("items", "required")
        for number, item in enumerate(self.items):
            where = f"items[{number}]"
            require_known(item, known, within=f"{where}.")
            if not is_storable_value(item):
                raise InvalidValueError(where, "json")
            if self.content_type == "input_select":
                for name in ("title", "value"):
                    _require_text(item.get(name), f"{where}.{name}")
            if self.content_type == "cards":
                _check_actions(item.get("actions"), f"{where}.actions")


def _require_text(value: Json, where: str) -> None:
    if not isinstance(value, str):
        raise InvalidValueError(where, "required" if value is None else "text")
    require_name(value, where)


def _check_actions(actions: Json, where: str) -> None:
    if not isinstance(actions, list):
        raise InvalidValueError(where, "required" if actions is None else "list")
    if not actions:
        raise InvalidValueError(where, "required")
    if len(actions) > MOST_ITEMS:
        raise InvalidValueError(where, "at_most_20")
    for number, action in enumerate(actions):
        if not isinstance(action, dict):
            raise InvalidValueError(f"{where}[{number}]", "object")
        require_known(action, _ACTIONS_OF_CARDS, within=f"{where}[{number}].")
