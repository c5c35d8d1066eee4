"""
Writes JSON values as readable YAML.
"""

from __future__ import annotations

import re

from odoo_ai_config.adapters.yaml.syntax_tree import JsonScalar, resolve_plain
from odoo_ai_config.application.ports.yaml_codec import MAX_DEPTH
from odoo_ai_config.domain.errors import InvalidYamlError
from odoo_ai_config.domain.json_types import Json, JsonObject

# A longer key needs "? " before it (YAML allows 1024 characters without).
_LONGEST_SIMPLE_KEY = 1000

_PLAIN = re.compile(r"[^\W\d][^#:]*(?:(?::(?! )|(?<! )#)[^#:]*)*|[/(][^#:]*|[0-9][^#:]*")
_FLOW_INDICATOR = re.compile(r"[\[\]{},]")
_LOOKS_LIKE_A_NUMBER = re.compile(r"[0-9][0-9a-fA-FxXoO_.:+\-TtZ ]*")
_YAML_1_1_BOOLEANS = frozenset({"y", "n", "yes", "no", "on", "off"})
_ESCAPED = re.compile('["\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]')
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_LITERAL_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
    r"|\A[ \t\n]|^[ \t]+$|\n\n\Z",
    re.MULTILINE,
)


def render(body: JsonObject) -> str:
    """
    The whole document, in block style.
    """
    return "\n".join(block_lines(body, 0, 1)) + "\n" if body else "{}\n"


def block_lines(value: JsonObject | list[Json], indent: int, depth: int) -> list[str]:
    """
    The lines of a collection that is not empty, each entry at column *indent*.
    """
    if depth > MAX_DEPTH:
        raise InvalidYamlError
    if isinstance(value, dict):
        return [
            line for key, part in value.items() for line in entry_lines(key, part, indent, depth)
        ]
    lines: list[str] = []
    for item in value:
        inline, nested = value_lines(item, indent + 2, depth)
        if not inline:
            # A collection starts on the line of its dash.
            inline, *nested = nested
            inline = inline[indent + 2 :]
        lines += [f"{' ' * indent}- {inline}", *nested]
    return lines


def entry_lines(key: str, value: Json, indent: int, depth: int) -> list[str]:
    """
    The lines of one key with its value.
    """
    inline, nested = value_lines(value, indent + 2, depth)
    margin = " " * indent
    name = scalar(key)
    head = [f"{margin}? {name}", f"{margin}:"] if _is_long(name) else [f"{margin}{name}:"]
    if inline:
        head[-1] += f" {inline}"
    return head + nested


def value_lines(value: Json, indent: int, depth: int) -> tuple[str, list[str]]:
    """
    The text on the line of a key, and the lines below it, at column *indent*.
    """
    if isinstance(value, (dict, list)):
        if value:
            return "", block_lines(value, indent, depth + 1)
        return ("{}" if isinstance(value, dict) else "[]"), []
    if isinstance(value, str) and "\n" in value and not _LITERAL_UNFIT.search(value):
        header = "|" if value.endswith("\n") else "|-"
        margin = " " * indent
        lines = value.removesuffix("\n").split("\n")
        return header, [margin + line if line else "" for line in lines]
    return scalar(value), []


def flow(value: Json, *, as_json: bool) -> str:
    """
    *value* on one line, as a part of a flow collection.
    """
    if isinstance(value, dict):
        parts = (flow_entry(key, part, as_json=as_json) for key, part in value.items())
        return f"{{{', '.join(parts)}}}"
    if isinstance(value, list):
        return f"[{', '.join(flow(part, as_json=as_json) for part in value)}]"
    if isinstance(value, str) and (as_json or _FLOW_INDICATOR.search(value)):
        return double_quoted(value)
    return scalar(value)


def flow_entry(key: str, value: Json, *, as_json: bool) -> str:
    """
    One key with its value in a flow mapping.
    """
    name = flow(key, as_json=as_json)
    mark = "? " if _is_long(name) else ""
    return f"{mark}{name}: {flow(value, as_json=as_json)}"


def scalar(value: JsonScalar) -> str:
    """
    A value on one line, quoted if it would not read back as itself.
    """
    if isinstance(value, str):
        return value if _is_plain(value) else double_quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    digits = repr(value)
    # In YAML 1.1, 1e+16 is text and 1.0e+16 is a number.
    return digits if "." in digits else digits.replace("e", ".0e")


def double_quoted(text: str) -> str:
    """
    *text* between double quotes, for readers of JSON and of YAML.
    """
    return f'"{_ESCAPED.sub(_escape, text)}"'


def single_quoted(text: str) -> str:
    """
    *text* between single quotes if they can hold it, else between double ones.
    """
    if _ESCAPED.search(text.replace('"', "").replace("\\", "")):
        return double_quoted(text)
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _SHORT_ESCAPES.get(character) or f"\\u{ord(character):04x}"


def _is_long(name: str) -> bool:
    return len(name) > _LONGEST_SIMPLE_KEY


def _is_plain(text: str) -> bool:
    if (
        _PLAIN.fullmatch(text) is None
        or _ESCAPED.search(text)
        or text != text.strip()
        or text.endswith(":")
    ):
        return False
    if text.lower() in _YAML_1_1_BOOLEANS or _LOOKS_LIKE_A_NUMBER.fullmatch(text):
        return False
    return resolve_plain(text) == text
