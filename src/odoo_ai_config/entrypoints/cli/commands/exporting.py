"""
``export``: every document and the mapping as files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from odoo_ai_config.application.documents.reading import yaml_of
from odoo_ai_config.domain.channels.sections import MappingSections
from odoo_ai_config.domain.errors import MappingNotFoundError
from odoo_ai_config.domain.identifiers import DocumentKey
from odoo_ai_config.entrypoints.cli.document_files import MAPPING_FILE, document_files, place_of
from odoo_ai_config.entrypoints.cli.flags import AS_SET, StoreFlags
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.session import OPERATOR, all_tenants, reading
from odoo_ai_config.entrypoints.cli.terminal import say, tell
from odoo_ai_config.entrypoints.http.channels.payloads import mapping_object
from odoo_ai_config.entrypoints.private_files import write_private
from odoo_ai_config.entrypoints.wiring import Services


async def export(
    folder: Annotated[Path, Parameter(help="Pasta de destino; é criada se não existe.")],
    *,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Exporta todos os documentos e o mapeamento (se há canais), na forma que `import` lê.

    Credenciais saem como referências (`sealed:...`), nunca em texto claro: não é um
    backup; para isso há `backup`. Só quem exporta lê os arquivos,
    e nenhum link dentro da pasta é seguido.
    """
    written: set[DocumentKey] = set()
    async with reading(flags) as services:
        async for tenant in all_tenants(services):
            for revision in tenant.documents:
                text = await yaml_of(revision.document, services.ports.yaml)
                _write(folder, place_of(revision.key), text)
                written.add(revision.key)
        mapping = await mapping_text(services)
        if mapping is not None:
            _write(folder, MAPPING_FILE, mapping)
    say(f"{len(written)} documento(s) em {folder}")
    if mapping is not None:
        say(f"mapeamento em {folder / MAPPING_FILE}")
    for file in document_files(folder):
        if file.key is not None and file.key not in written:
            tell(f"{file.path}: este documento não existe mais no hub; import o criaria de novo")
    tell(f"Para importar: odoo-ai-config import {folder}")


async def mapping_text(services: Services) -> str | None:
    """
    The whole mapping as its file has it; None if there is no channel.
    """
    try:
        return text_of_mapping(await services.read_mapping(caller=OPERATOR))
    except MappingNotFoundError:
        return None


def text_of_mapping(sections: MappingSections) -> str:
    """
    A mapping as its file has it.
    """
    return f"{json.dumps(mapping_object(sections), ensure_ascii=False, indent=2)}\n"


def _write(folder: Path, place: Path | str, text: str) -> None:
    # Opened from its parent, so that the folder itself is not a link: others may put one into
    # /tmp. The operator is responsible for the path to the parent.
    top = Path.cwd() / folder
    try:
        write_private(top.parent, Path(top.name) / place, text)
    except OSError as error:
        raise CommandError(f"{error.filename} não pode ser gravado ({error.strerror}).") from error
