"""
Bodies that write documents without being documents.
"""

from __future__ import annotations

from typing import Annotated, Final

from attrs import frozen

from odoo_ai_config.entrypoints.http.platform.schema import Component
from odoo_ai_config.entrypoints.http.platform.wire_types import WireType, verbatim

_YAML: Final = Component(
    "YamlMapping",
    {"type": "string", "description": "A YAML 1.2 mapping.", "examples": ["a: 1\n"]},
)
MERGE_PATCH: Final = Component(
    "MergePatch",
    {
        "type": "object",
        "description": "A JSON merge patch (RFC 7396): null takes a field out.",
        "examples": [{"sales": {"size": 3}}],
    },
)


@frozen
class YamlText:
    """
    A document as authored text.
    """

    yaml_content: Annotated[str, WireType(verbatim, _YAML)]


@frozen
class VersionChoice:
    """
    A version to restore.
    """

    version: int
