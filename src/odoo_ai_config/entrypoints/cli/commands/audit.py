"""
``audit``: the audit trail.
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from odoo_ai_config.domain.changes import AuditEntry, AuditId
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.cli.flags import AS_SET, StoreFlags, positive
from odoo_ai_config.entrypoints.cli.session import OPERATOR, reading
from odoo_ai_config.entrypoints.cli.terminal import moment, say_json, say_table, tell
from odoo_ai_config.entrypoints.http.audit.handlers import entry_of


async def audit(
    *,
    tenant: Annotated[str | None, Parameter(help="Só o que diz respeito a este cliente.")] = None,
    after: Annotated[
        str | None, Parameter(help="Continua depois deste registro, o último da página anterior.")
    ] = None,
    limit: Annotated[int, Parameter(help="Quantos, dos mais novos.")] = 50,
    json: Annotated[
        bool, Parameter(help="Mostra JSON, com o ID da requisição de cada um.")
    ] = False,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Mostra a trilha de auditoria: quem leu segredos, mudou canais ou chaves.

    Do mais novo para o mais antigo. Só há nomes e identificadores, nunca valores.
    """
    size = positive(limit)
    bound = None if tenant is None else TenantId(tenant)
    start = None if after is None else AuditId(after)
    async with reading(flags) as services:
        # One more than asked for shows whether there are more.
        found = await services.read_audit_trail(
            caller=OPERATOR, tenant=bound, after=start, limit=size + 1
        )
    page = found[:size]
    if json:
        say_json([entry_of(entry) for entry in page])
    elif page:
        say_table(("QUANDO", "AÇÃO", "QUEM", "CLIENTE", "O QUÊ"), [_row(entry) for entry in page])
    else:
        tell("Nenhum registro.")
    if len(found) > size:
        tell(f"Há mais; continue com: --after {page[-1].id}")


def _row(entry: AuditEntry) -> tuple[str, ...]:
    tenant = "-" if entry.tenant is None else str(entry.tenant)
    return (moment(entry.at), entry.action.value, entry.actor, tenant, entry.subject)
