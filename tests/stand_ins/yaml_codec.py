"""
YAML for tests that are not about YAML.
"""

from __future__ import annotations

import json
from typing import NoReturn

from odoo_ai_config.application.ports.yaml_codec import MAX_DEPTH, YamlCodec
from odoo_ai_config.domain.errors import InvalidYamlError
from odoo_ai_config.domain.json_types import (
    INTEGERS,
    Json,
    JsonObject,
    is_storable,
    unique_members,
)

_BYTE_ORDER_MARK = "\ufeff"


class JsonYamlCodec(YamlCodec):
    """
    Reads and writes JSON, which is also YAML 1.2; it is fast and does not keep comments.
    """

    def __init__(self, max_length: int = 256 * 1024) -> None:
        self._max_length = max_length

    def parse(self, text: str) -> JsonObject:
        text = text.removeprefix(_BYTE_ORDER_MARK)
        if len(text) > self._max_length:
            raise InvalidYamlError
        if not text.strip():
            return {}
        try:
            value: Json = _DECODER.decode(text)
        except json.JSONDecodeError as error:
            raise InvalidYamlError(error.lineno, error.colno) from None
        except (RecursionError, ValueError):
            raise InvalidYamlError from None
        _check(value, 0)
        return value if isinstance(value, dict) else {"data": value}

    def render(self, body: JsonObject) -> str:
        _check(body, 0)
        return json.dumps(body, ensure_ascii=False, indent=2) + "\n"

    def amend(self, text: str, body: JsonObject) -> str:
        rendered = self.render(body)
        return text if _sorted(self.parse(text)) == _sorted(body) else rendered


def _sorted(body: JsonObject) -> str:
    return json.dumps(body, sort_keys=True)


def _check(value: Json, depth: int) -> None:
    if isinstance(value, str):
        acceptable = is_storable(value)
    elif isinstance(value, int):
        acceptable = value in INTEGERS
    elif isinstance(value, float):
        acceptable = abs(value) < float("inf")
    else:
        acceptable = value is None or depth < MAX_DEPTH
    if not acceptable:
        raise InvalidYamlError
    if isinstance(value, dict):
        for key, part in value.items():
            _check(key, depth + 1)
            _check(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            _check(part, depth + 1)


def _refuse_constant(_: str) -> NoReturn:
    raise InvalidYamlError


_DECODER = json.JSONDecoder(object_pairs_hook=unique_members, parse_constant=_refuse_constant)
