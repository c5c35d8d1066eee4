"""
``import``: read the files of another installation, or of the old server.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from enum import Enum
from pathlib import Path
from typing import Annotated

from attrs import define, field, frozen
from cyclopts import Parameter
from rich.console import Console
from rich.progress import track

from odoo_ai_config.application.documents.reading import yaml_of
from odoo_ai_config.application.documents.writing import DocumentWrite
from odoo_ai_config.application.errors import StoreUnavailableError
from odoo_ai_config.domain.channels.sections import MappingSections
from odoo_ai_config.domain.documents.revisions import content_of
from odoo_ai_config.domain.errors import CodedError
from odoo_ai_config.domain.identifiers import DocumentKey
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.cli.document_files import DocumentFile, document_files
from odoo_ai_config.entrypoints.cli.flags import AS_SET, StoreFlags
from odoo_ai_config.entrypoints.cli.refusals import CommandError, advice_on
from odoo_ai_config.entrypoints.cli.session import OPERATOR, rehearsing, session
from odoo_ai_config.entrypoints.cli.terminal import say, tell
from odoo_ai_config.entrypoints.http.channels.payloads import mapping_sections
from odoo_ai_config.entrypoints.http.platform.json_body import parse_json
from odoo_ai_config.entrypoints.http.platform.notices import NOTICES
from odoo_ai_config.entrypoints.http.platform.wire_types import reading
from odoo_ai_config.entrypoints.wiring import Services


class Fate(Enum):
    """
    What happened to a file.
    """

    CREATED = "criado"
    UPDATED = "atualizado"
    UNCHANGED = "igual"
    IGNORED = "ignorado"
    FAILED = "falhou"


@frozen
class FileReport:
    """
    One line of the report, and the warnings about the file.
    """

    fate: Fate
    path: Path
    remark: str = ""
    warnings: tuple[str, ...] = ()


async def import_(
    folder: Annotated[Path, Parameter(help="Pasta com <área>/<cliente>/<tipo>.yaml.")],
    *,
    mapping_file: Annotated[
        Path | None,
        Parameter(help="Mapeamento do Chatwoot, JSON ou YAML: channels, ou accounts, inboxes..."),
    ] = None,
    replace_mapping: Annotated[
        bool, Parameter(help="O arquivo é o mapeamento inteiro: o que não está nele é desligado.")
    ] = False,
    dry_run: Annotated[bool, Parameter(help="Só diz o que seria feito; nada é gravado.")] = False,
    flags: StoreFlags = AS_SET,
) -> int:
    """
    Importa uma pasta de documentos e, se indicado, o mapeamento.

    Repetir não cria versões; um arquivo ruim não impede os outros. Valores de credentials
    são criptografados; `sealed:...` de uma exportação só vale no armazenamento de onde veio.
    """
    if not folder.is_dir():
        raise CommandError(f"{folder} não é uma pasta.")
    files = list(document_files(folder))
    async with (rehearsing if dry_run else session)(flags) as services:
        take_in = _Importer(services, dry_run)
        bar = track(
            files,
            description="Importando",
            console=Console(file=sys.stderr),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        reports = [await take_in.document(file) for file in bar]
        if mapping_file is not None:
            reports.append(await take_in.mapping(mapping_file, replace=replace_mapping))
    for report in reports:
        remark = f": {report.remark}" if report.remark else ""
        say(f"{report.fate.value:10}  {report.path}{remark}")
        for warning in report.warnings:
            tell(f"{report.path}: {warning}")
    counted = Counter(report.fate for report in reports)
    summary = ", ".join(f"{counted[fate]} {fate.value}(s)" for fate in Fate if counted[fate])
    tell(f"{summary or 'Nenhum arquivo'}{' (simulação: nada foi gravado)' if dry_run else ''}.")
    return 1 if counted[Fate.FAILED] else 0


@define
class _Importer:
    _services: Services
    _dry_run: bool
    _seen: dict[DocumentKey, Path] = field(init=False, factory=dict)

    async def document(self, file: DocumentFile) -> FileReport:
        """
        Write the document of one file.

        Raises:
            StoreUnavailableError: The store is unavailable, for the other files, too.
        """
        if file.refused:
            return FileReport(Fate.FAILED, file.path, file.refused)
        if file.key is None:
            return FileReport(Fate.IGNORED, file.path, file.ignored)
        twin = self._seen.setdefault(file.key, file.path)
        if twin != file.path:
            return FileReport(Fate.FAILED, file.path, f"é o mesmo documento que {twin}")
        return await _reported(file.path, self._publish(file.path, file.key))

    async def _publish(self, path: Path, key: DocumentKey) -> FileReport:
        text = _text_of(path)
        current = content_of((await self._services.ports.store.current((key,))).get(key))
        # An exported file is not a change, even if the document was never written as YAML.
        if current is not None and await yaml_of(current, self._services.ports.yaml) == text:
            return FileReport(Fate.UNCHANGED, path)
        request = DocumentWrite(key, OPERATOR, dry_run=self._dry_run)
        outcome = (await self._services.publish_document(request, text=text)).outcome
        if not outcome.changed:
            return FileReport(Fate.UNCHANGED, path)
        version = outcome.versions[str(key.kind)]
        unsealed = "".join(
            f"; {notice.field} {NOTICES[notice.code].portuguese}" for notice in outcome.notices
        )
        return FileReport(
            Fate.CREATED if current is None else Fate.UPDATED, path, f"{key} v{version}{unsealed}"
        )

    async def mapping(self, path: Path, *, replace: bool) -> FileReport:
        """
        Write the mapping.

        Raises:
            StoreUnavailableError: The store is unavailable.
        """
        return await _reported(path, self._write_mapping(path, replace=replace))

    async def _write_mapping(self, path: Path, *, replace: bool) -> FileReport:
        ports = self._services.ports
        numbers = await self._services.numbers.beside(ports.channels)
        sections = reading(numbers, lambda: _sections_of(path, ports.yaml.parse))
        written = await self._services.write_mapping(
            sections, caller=OPERATOR, replace=replace, dry_run=self._dry_run
        )
        if not written.changed:
            return FileReport(Fate.UNCHANGED, path)
        fate = Fate.CREATED if written.first else Fate.UPDATED
        # A rehearsal has not written the documents of those whom the mapping names.
        warnings = () if self._dry_run else written.notices
        return FileReport(
            fate,
            path,
            f"{written.changed} canal(is)",
            tuple(f"{one.field}: {NOTICES[one.code].portuguese}" for one in warnings),
        )


async def _reported(path: Path, work: Awaitable[FileReport]) -> FileReport:
    try:
        return await work
    except StoreUnavailableError:
        raise
    except (CommandError, CodedError) as error:
        return FileReport(Fate.FAILED, path, advice_on(error))


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CommandError(f"não pode ser lido ({error.strerror})") from error
    except UnicodeDecodeError:
        raise CommandError("não está em UTF-8") from None


def _sections_of(path: Path, parse_yaml: Callable[[str], JsonObject]) -> MappingSections:
    text = _text_of(path)
    told: Json
    if path.suffix == ".json":
        told = parse_json(text.encode())
    else:
        told = parse_yaml(text)
        # That is how a text without an object is read.
        told = told["data"] if told.keys() == {"data"} else told
    if not isinstance(told, dict):
        raise CommandError("não é um objeto com channels, ou com accounts e inboxes")
    return mapping_sections(told)
