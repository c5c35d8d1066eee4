"""
``export``: every document and the mapping as files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from odoo_ai_config.application.documents.reading import yaml_of
from odoo_ai_config.domain.errors import MappingNotFoundError
from odoo_ai_config.entrypoints.cli.document_files import MAPPING_FILE, place_of
from odoo_ai_config.entrypoints.cli.flags import AS_SET, StoreFlags
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.session import OPERATOR, all_tenants, reading
from odoo_ai_config.entrypoints.cli.terminal import say, tell
from odoo_ai_config.entrypoints.http.channels.payloads import mapping_object
from odoo_ai_config.entrypoints.private_files import write_private


async def export(
    folder: Annotated[Path, Parameter(help="Pasta de destino; é criada se não existe.")],
    *,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Exporta todos os documentos e o mapeamento, na forma que `import` lê.

    Credenciais saem como referências (`sealed:...`), nunca em texto claro: não é um
    backup; para isso copie o banco de dados e o chaveiro. Só quem exporta lê os arquivos,
    e nenhum link dentro da pasta é seguido.
    """
    written = 0
    async with reading(flags) as services:
        async for tenant in all_tenants(services):
            for revision in tenant.documents:
                text = await yaml_of(revision.document, services.ports.yaml)
                _write(folder, place_of(revision.key), text)
                written += 1
        try:
            sections = await services.read_mapping(caller=OPERATOR)
        except MappingNotFoundError:
            mapping = None
        else:
            mapping = folder / MAPPING_FILE
            content = json.dumps(mapping_object(sections), ensure_ascii=False, indent=2)
            _write(folder, MAPPING_FILE, f"{content}\n")
    say(f"{written} documento(s) em {folder}")
    if mapping is not None:
        say(f"mapeamento em {mapping}")
        tell(f"Para importar: odoo-ai-config import {folder} --mapping-file {mapping}")


def _write(folder: Path, place: Path | str, text: str) -> None:
    # Opened from its parent, so that the folder itself is not a link: others may put one into
    # /tmp. The operator is responsible for the path to the parent.
    top = Path.cwd() / folder
    try:
        write_private(top.parent, Path(top.name) / place, text)
    except OSError as error:
        raise CommandError(f"{error.filename} não pode ser gravado ({error.strerror}).") from error
