"""
The YAML text of a document, made when somebody asks for it and never before.
"""

from __future__ import annotations

import asyncio

from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.domain.documents import Document


async def yaml_of(document: Document, codec: YamlCodec) -> str:
    """
    Show *document* as YAML: as authored, if a person wrote it.

    A text that later merges have left behind is brought up to date, its comments kept.
    """
    authored = document.authored
    if authored is None:
        return await asyncio.to_thread(codec.render, document.body)
    if authored.exact:
        return authored.text
    return await asyncio.to_thread(codec.amend, authored.text, document.body)
