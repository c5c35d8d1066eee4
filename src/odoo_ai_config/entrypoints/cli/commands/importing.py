"""
``import``: read the files of another installation, or of the old server.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
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
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.channels.sections import MappingSections
from odoo_ai_config.domain.documents.diffing import unified_diff
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import Revision, content_of
from odoo_ai_config.domain.errors import CodedError
from odoo_ai_config.domain.identifiers import CREDENTIALS, DocumentKey
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.cli.commands.exporting import mapping_text, text_of_mapping
from odoo_ai_config.entrypoints.cli.document_files import (
    MAPPING_FILE,
    DocumentFile,
    document_files,
    place_of,
)
from odoo_ai_config.entrypoints.cli.flags import WRITE_AS_SET, WriteFlags
from odoo_ai_config.entrypoints.cli.refusals import CommandError, advice_on
from odoo_ai_config.entrypoints.cli.session import all_tenants, operator, rehearsing, session
from odoo_ai_config.entrypoints.cli.terminal import say, say_text, tell
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
    DELETED = "apagado"
    UNCHANGED = "igual"
    IGNORED = "ignorado"
    FAILED = "falhou"


@frozen
class FileReport:
    """
    One line of the report, and the warnings about the file.

    Args:
        diff: What a dry run would change, line by line.
    """

    fate: Fate
    path: Path
    remark: str = ""
    warnings: tuple[str, ...] = ()
    diff: str | None = None


async def import_(
    folder: Annotated[Path, Parameter(help="Pasta com <área>/<cliente>/<tipo>.yaml.")],
    *,
    mapping_file: Annotated[
        Path | None,
        Parameter(
            help="Mapeamento do Chatwoot, JSON ou YAML: channels, ou accounts, inboxes...; sem "
            f"esta opção, {MAPPING_FILE} da pasta, se existe."
        ),
    ] = None,
    replace_mapping: Annotated[
        bool, Parameter(help="O arquivo é o mapeamento inteiro: o que não está nele é desligado.")
    ] = False,
    prune: Annotated[
        bool,
        Parameter(help="Apaga documentos que a pasta não tem; veja antes o plano, com --dry-run."),
    ] = False,
    dry_run: Annotated[
        bool, Parameter(help="Só mostra o plano, com as diferenças; nada é gravado.")
    ] = False,
    flags: WriteFlags = WRITE_AS_SET,
) -> int:
    """
    Importa uma pasta de documentos e o mapeamento.

    Repetir não cria versões; um arquivo ruim não impede os outros, mas com ele nada é apagado.
    Valores de credentials são criptografados; `sealed:...` de uma exportação só vale no
    armazenamento de onde veio.
    """
    if not folder.is_dir():
        raise CommandError(f"{folder} não é uma pasta.")
    files = list(document_files(folder))
    if mapping_file is None and (folder / MAPPING_FILE).is_file():
        mapping_file = folder / MAPPING_FILE
    async with (rehearsing if dry_run else session)(flags) as services:
        take_in = _Importer(services, operator(flags), dry_run)
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
        if prune:
            reports += await take_in.pruned(folder, reports)
    for report in reports:
        remark = f": {report.remark}" if report.remark else ""
        say(f"{report.fate.value:10}  {report.path}{remark}")
        if report.diff:
            say_text(report.diff)
        for warning in report.warnings:
            tell(f"{report.path}: {warning}")
    counted = Counter(report.fate for report in reports)
    summary = ", ".join(f"{counted[fate]} {fate.value}(s)" for fate in Fate if counted[fate])
    tell(f"{summary or 'Nenhum arquivo'}{' (simulação: nada foi gravado)' if dry_run else ''}.")
    if reports and counted.keys() <= {Fate.UNCHANGED, Fate.IGNORED}:
        tell("Nada a fazer.")
    return 1 if counted[Fate.FAILED] else 0


@define
class _Importer:
    _services: Services
    _caller: ApiKey
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
        request = DocumentWrite(key, self._caller, dry_run=self._dry_run)
        written = await self._services.publish_document(request, text=text)
        outcome = written.outcome
        if not outcome.changed:
            return FileReport(Fate.UNCHANGED, path)
        version = outcome.versions[str(key.kind)]
        unsealed = "".join(
            f"; {notice.field} {NOTICES[notice.code].portuguese}" for notice in outcome.notices
        )
        return FileReport(
            Fate.CREATED if current is None else Fate.UPDATED,
            path,
            f"{key} v{version}{unsealed}",
            diff=await self._difference(current, content_of(written.revision)),
        )

    async def pruned(self, folder: Path, reports: Sequence[FileReport]) -> list[FileReport]:
        """
        Delete the documents that have no file, unless a file failed.

        The credentials of a business area stay while the folder has other files of it: they cannot
        be brought back.
        """
        if not self._seen or any(report.fate is Fate.FAILED for report in reports):
            raise CommandError("Nada foi apagado: não há documentos na pasta, ou um deles falhou.")
        areas = {key.owner for key in self._seen}
        return [
            await _reported(folder / place_of(revision.key), self._delete(folder, revision))
            async for tenant in all_tenants(self._services)
            for revision in tenant.documents
            if revision.key not in self._seen
            and not (revision.key.kind == CREDENTIALS and revision.key.owner in areas)
        ]

    async def _delete(self, folder: Path, revision: Revision) -> FileReport:
        request = DocumentWrite(
            revision.key, self._caller, revision.version, dry_run=self._dry_run
        )
        await self._services.delete_document(request)
        return FileReport(
            Fate.DELETED,
            folder / place_of(revision.key),
            f"{revision.key} v{revision.version}",
            diff=await self._difference(revision.document, None),
        )

    async def _difference(self, before: Document | None, after: Document | None) -> str | None:
        if not self._dry_run:
            return None
        texts = ["", ""]
        for place, document in enumerate((before, after)):
            if document is not None:
                texts[place] = await yaml_of(document, self._services.ports.yaml)
        return _diff(*texts)

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
        before = await mapping_text(self._services)
        written = await self._services.write_mapping(
            sections, caller=self._caller, replace=replace, dry_run=self._dry_run
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
            _diff(before or "", text_of_mapping(written.sections)) if self._dry_run else None,
        )


async def _reported(path: Path, work: Awaitable[FileReport]) -> FileReport:
    try:
        return await work
    except StoreUnavailableError:
        raise
    except (CommandError, CodedError) as error:
        return FileReport(Fate.FAILED, path, advice_on(error))


def _diff(before: str, after: str) -> str:
    told = unified_diff(before, after, names=("no hub", "na pasta"))
    return "(diferenças demais para mostrar)" if told is None else told.rstrip()


def _text_of(path: Path) -> str:
    try:
        # As it is: ends of lines are a part of what somebody wrote.
        return path.read_bytes().decode("utf-8-sig")
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
