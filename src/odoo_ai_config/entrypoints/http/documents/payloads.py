"""
Bodies that write documents without being documents.
"""

from __future__ import annotations

from typing import Annotated

from attrs import frozen

from odoo_ai_config.entrypoints.http.platform.fields import WireType, verbatim


@frozen
class YamlText:
    """
    A document as authored text.
    """

    yaml_content: Annotated[str, WireType(verbatim, "YamlMapping")]


@frozen
class VersionChoice:
    """
    A version to restore.
    """

    version: int
