"""
YAML as people write it, read and amended without losing their comments.
"""

from __future__ import annotations

from odoo_ai_config.adapters.yaml.amending import IntricateError, amend, same_json
from odoo_ai_config.adapters.yaml.rendering import render
from odoo_ai_config.adapters.yaml.syntax_tree import Mapping, Node, Scalar, read, to_json
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.domain.errors import InvalidYamlError
from odoo_ai_config.domain.json_types import JsonObject

_BYTE_ORDER_MARK = "\ufeff"


class RuamelYamlCodec(YamlCodec):
    """
    Keeps nothing between calls, so any number of threads may use one.

    Args:
        max_length: Characters that a text may have. The parser is plain Python and
            takes about a second for this default, so that a much longer text would be
            a way to keep the whole process busy.
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
        rendered = render(body)
        if not isinstance(root, Mapping):
            # A text without any value may still hold comments worth keeping.
            candidate = _with_final_line_break(text) + rendered if root is None else rendered
            return candidate if self._stands_for(candidate, body) else rendered
        lines = text.removeprefix(_BYTE_ORDER_MARK)
        has_crlf = "\r\n" in lines
        if has_crlf:
            lines = lines.replace("\r\n", "\n")
        lines = _with_final_line_break(lines)
        if lines != text:
            # Places have moved, and a final line break may even add to the last value.
            root = self._read(lines)
        if not isinstance(root, Mapping):
            return rendered
        try:
            amended = amend(lines, root, body)
        except IntricateError:
            return rendered
        if has_crlf:
            amended = amended.replace("\n", "\r\n")
        if text.startswith(_BYTE_ORDER_MARK):
            amended = _BYTE_ORDER_MARK + amended
        return amended if self._stands_for(amended, body) else rendered

    def _read(self, text: str) -> Node | None:
        return read(text.removeprefix(_BYTE_ORDER_MARK), self._max_length)

    def _stands_for(self, text: str, body: JsonObject) -> bool:
        try:
            return same_json(self.parse(text), body)
        except InvalidYamlError:
            return False


def _body(root: Node | None) -> JsonObject:
    if root is None or (isinstance(root, Scalar) and root.start == root.end):
        return {}
    value = to_json(root)
    return value if isinstance(value, dict) else {"data": value}


def _with_final_line_break(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
