"""
The YAML text of a document, made when somebody asks for it and never before.
"""

from __future__ import annotations

from odoo_ai_config.application.off_loop import cost_of_yaml, run_off_loop
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.domain.documents.document import Document


async def yaml_of(document: Document, codec: YamlCodec) -> str:
    """
    Show *document* as YAML: as authored, if a person wrote it.

    A text that later merges have left behind is brought up to date, its comments kept.
    """
    authored = document.authored
    if authored is None:
        return await run_off_loop(lambda: codec.render(document.body), cost=2 * len(document.text))
    if authored.exact:
        return authored.text
    return await run_off_loop(
        lambda: codec.amend(authored.text, document.body),
        cost=cost_of_yaml(authored.text) + len(document.text),
    )
