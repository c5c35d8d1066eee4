"""
Documents as files: ``<domain>/<tenant>/<type>.yaml`` below a folder, the mapping beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen

from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import BusinessArea, DocumentKey, DocumentKind, TenantId

MAPPING_FILE: Final = "chatwoot_mapping.json"
_SUFFIXES: Final = (".yaml", ".yml")
_DEPTH: Final = 3


@frozen
class DocumentFile:
    """
    A file and the document that its path names.

    Args:
        ignored: Why the file is not meant to be a document.
        refused: Why the file is not a document, although it looks like one.
    """

    path: Path
    key: DocumentKey | None = None
    ignored: str = ""
    refused: str = ""


def document_files(folder: Path) -> Iterator[DocumentFile]:
    """
    Every file below *folder* but the mapping, sorted by name.

    Files with ``_`` or ``.`` at the start of their name are templates or hidden files.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / MAPPING_FILE:
            yield _document_file(path, path.relative_to(folder))


def _document_file(path: Path, place: Path) -> DocumentFile:
    if any(part.startswith(("_", ".")) for part in place.parts):
        return DocumentFile(path, ignored="modelo ou arquivo oculto")
    if len(place.parts) != _DEPTH or place.suffix not in _SUFFIXES:
        return DocumentFile(path, ignored="não é <área>/<cliente>/<tipo>.yaml")
    domain, tenant, _ = place.parts
    try:
        key = DocumentKey(
            TenantId(tenant), BusinessArea.from_text(domain), DocumentKind(place.stem)
        )
    except InvalidValueError as error:
        names = {
            "account_id": "cliente",
            "domain": "área",
            "domain_reserved": "área",
            "config_type": "tipo",
        }
        return DocumentFile(path, refused=f"nome de {names[error.rule]} inválido")
    return DocumentFile(path, key)


def place_of(key: DocumentKey) -> Path:
    """
    The path of a document's file below the folder.
    """
    return Path(str(key.domain), str(key.tenant), f"{key.kind}.yaml")
