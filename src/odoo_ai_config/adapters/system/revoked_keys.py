"""
Revoked keys in a file of the data folder, apart from the database and its backups.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection
from pathlib import Path

from odoo_ai_config.adapters.private_files import (
    PRIVATE_FILE,
    make_private_folder,
    sync_folder,
    write_durably,
)
from odoo_ai_config.application.errors import StoreUnusableError
from odoo_ai_config.application.ports.revoked_keys import RevokedKeys


class RevokedKeysFile(RevokedKeys):
    """
    One id a line. Lines are only ever added, by any number of processes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def note(self, key_ids: Collection[str]) -> None:
        await asyncio.to_thread(self._append, key_ids)

    async def noted(self) -> frozenset[str]:
        return await asyncio.to_thread(self._read)

    def _append(self, key_ids: Collection[str]) -> None:
        # The line break in front ends a line that was cut off by a loss of power.
        lines = "".join(f"\n{key_id}\n" for key_id in sorted(key_ids)).encode("ascii")
        flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW
        try:
            make_private_folder(self._path.parent)
            write_durably(os.open(self._path, flags, PRIVATE_FILE), lines)
            sync_folder(self._path.parent)
        except OSError as error:
            raise StoreUnusableError(
                f"A revogação ou exclusão não pôde ser anotada em {self._path} "
                f"({error.strerror}): se um backup anterior for restaurado, o que foi revogado ou "
                "apagado voltará. Conserte a pasta e repita."
            ) from error

    def _read(self) -> frozenset[str]:
        try:
            content = self._path.read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise StoreUnusableError(
                f"O arquivo {self._path}, com a lista de revogações, não pode ser lido "
                f"({error.strerror}); conserte as permissões."
            ) from error
        return frozenset(content.split())
