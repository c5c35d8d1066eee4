"""
The bodies that write documents, unless they are documents themselves.
"""

from __future__ import annotations

from typing import Annotated

from attrs import frozen

from odoo_ai_config.entrypoints.http.platform.fields import WireType, verbatim


@frozen
class YamlText:
    """
    A document as it was authored.
    """

    yaml_content: Annotated[str, WireType(verbatim, "YamlMapping")]


@frozen
class VersionChoice:
    """
    A version to bring back.
    """

    version: int
