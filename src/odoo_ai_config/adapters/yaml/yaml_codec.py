"""
YAML as people write it, read and amended without the loss of their comments.
"""

from __future__ import annotations

from contextlib import suppress

from odoo_ai_config.adapters.yaml.amending import IntricateError, amend, same_json
from odoo_ai_config.adapters.yaml.rendering import render
from odoo_ai_config.adapters.yaml.syntax_tree import Mapping, Node, Scalar, read, to_json
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.domain.errors import InvalidYamlError
from odoo_ai_config.domain.json_types import JsonObject

_BYTE_ORDER_MARK = "\ufeff"


class RuamelYamlCodec(YamlCodec):
    """
    Has no state, so any number of threads may use one.

    Args:
        max_length: Characters that a text may have. The parser is plain Python and takes about
            a second for this default; a much longer text would keep the whole process busy.
    """

    def __init__(self, max_length: int = 256 * 1024) -> None:
        self._max_length = max_length

    def parse(self, text: str) -> JsonObject:
        return _body(self._read(text))

    def render(self, body: JsonObject) -> str:
        return render(body)

    def amend(self, text: str, body: JsonObject) -> str:
        root = self._read(text)
        if same_json(_body(root), body):
            return text
        with suppress(IntricateError, InvalidYamlError):
            amended = self._amended(text, root, body)
            if same_json(self.parse(amended), body):
                return amended
        return render(body)

    def _amended(self, text: str, root: Node | None, body: JsonObject) -> str:
        if root is None:
            # A text without a value may still hold comments.
            return _with_final_line_break(text) + render(body)
        lines = text.removeprefix(_BYTE_ORDER_MARK).replace("\r\n", "\n")
        lines = _with_final_line_break(lines)
        if lines != text:
            # Places have moved, and a final line break may even change the last value.
            root = self._read(lines)
        if not isinstance(root, Mapping):
            raise IntricateError
        amended = amend(lines, root, body)
        if "\r\n" in text:
            amended = amended.replace("\n", "\r\n")
        return _BYTE_ORDER_MARK + amended if text.startswith(_BYTE_ORDER_MARK) else amended

    def _read(self, text: str) -> Node | None:
        return read(text.removeprefix(_BYTE_ORDER_MARK), self._max_length)


def _body(root: Node | None) -> JsonObject:
    if root is None or (isinstance(root, Scalar) and root.start == root.end):
        return {}
    value = to_json(root)
    return value if isinstance(value, dict) else {"data": value}


def _with_final_line_break(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
