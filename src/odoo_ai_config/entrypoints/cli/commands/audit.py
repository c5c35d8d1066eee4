"""
``audit``: the audit trail.
"""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import App, Parameter
from msgspec.json import encode

from odoo_ai_config.domain.audit import LinkedEntry, TrailEnd
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.cli.flags import AS_SET, OPTIONS, AsJson, StoreFlags, positive
from odoo_ai_config.entrypoints.cli.refusals import FAULTS, CommandError
from odoo_ai_config.entrypoints.cli.session import OPERATOR, reading
from odoo_ai_config.entrypoints.cli.terminal import Listing, moment, say, tell
from odoo_ai_config.entrypoints.http.audit.handlers import entry_of

audit: Final = App(
    name="audit",
    help="Mostra, confere e exporta a trilha de auditoria.",
    group_parameters=OPTIONS,
)


@audit.default
async def list_(
    *,
    tenant: Annotated[str | None, Parameter(help="Só o que diz respeito a este cliente.")] = None,
    after: Annotated[
        int | None, Parameter(help="Continua depois deste registro, o último da página anterior.")
    ] = None,
    limit: Annotated[int, Parameter(help="Quantos, dos mais novos.")] = 50,
    json: AsJson = False,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Mostra a trilha de auditoria: quem leu segredos, mudou documentos, canais ou chaves, e por quê.

    Do mais novo para o mais antigo. Só há nomes e identificadores, nunca valores.
    """
    size = positive(limit)
    bound = None if tenant is None else TenantId(tenant)
    async with reading(flags) as services:
        # One more than asked for shows whether there are more.
        found = await services.read_audit_trail(
            caller=OPERATOR, tenant=bound, before=after, limit=size + 1
        )
    page = found[:size]
    _TRAIL.say(page, json=json)
    if len(found) > size:
        tell(f"Há mais; continue com: --after {page[-1].number}")


def _row(linked: LinkedEntry) -> tuple[str, ...]:
    entry = linked.entry
    tenant = "-" if entry.tenant is None else str(entry.tenant)
    reason = entry.reason or "-"
    return (moment(entry.at), entry.action.value, entry.actor, tenant, entry.subject, reason)


_TRAIL: Final = Listing(
    ("QUANDO", "AÇÃO", "QUEM", "CLIENTE", "O QUÊ", "POR QUÊ"),
    _row,
    entry_of,
    "Nenhum registro.",
)


@audit.command
async def verify(
    *,
    known: Annotated[
        str | None,
        Parameter(help="Um fim da trilha que este comando mostrou antes: NÚMERO:HASH."),
    ] = None,
    flags: StoreFlags = AS_SET,
) -> int:
    """
    Confere que nenhum registro foi alterado, removido ou incluído, e mostra o fim da trilha.

    Guarde o fim fora deste servidor: com --known, ele prova depois que nada antes dele mudou.
    Termina com 1 se algo não confere.
    """
    end = None if known is None else TrailEnd.from_text(known)
    async with reading(flags) as services:
        report = await services.verify_audit_trail(caller=OPERATOR, known=end)
    if report.fault is not None:
        raise CommandError(
            f"O registro {report.at} {FAULTS[report.fault]}; conferem os {report.checked} antes."
        )
    tell(f"Registros conferidos: {report.checked}. Fim da trilha:")
    say(str(report.end))
    return 0


@audit.command
async def export(
    *,
    after: Annotated[int, Parameter(help="O último registro que você já tem.")] = 0,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Exporta a trilha, um registro JSON por linha, do mais antigo para o mais novo.
    """
    async with reading(flags) as services:
        while page := await services.read_audit_trail.chain(caller=OPERATOR, after=after):
            for linked in page:
                say(encode(entry_of(linked)).decode())
            after = page[-1].number
