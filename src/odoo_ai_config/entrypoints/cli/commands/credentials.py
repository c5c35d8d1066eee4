"""
``credentials``: delete a sealed credential.
"""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import App, Parameter

from odoo_ai_config.domain.identifiers import (
    CREDENTIALS,
    BusinessArea,
    CredentialRef,
    TenantArea,
    TenantId,
)
from odoo_ai_config.entrypoints.cli.flags import ARGUMENTS, OPTIONS, WRITE_AS_SET, WriteFlags
from odoo_ai_config.entrypoints.cli.session import operator, session
from odoo_ai_config.entrypoints.cli.terminal import say, tell

credentials: Final = App(
    name="credentials",
    help="Apaga uma credencial, com todos os valores que ela já teve.",
    group_parameters=OPTIONS,
    group_arguments=ARGUMENTS,
)


@credentials.command
async def delete(
    tenant: Annotated[str, Parameter(help="Cliente (account_id).")],
    ref: Annotated[str, Parameter(help="Referência da credencial, como está no documento.")],
    *,
    domain: Annotated[str, Parameter(help="Área de negócio.")] = "default",
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Apaga uma credencial.

    O documento credentials ganha uma versão sem ela. Nenhuma volta a uma versão anterior traz o
    valor de novo.
    """
    owner = TenantArea(TenantId(tenant), BusinessArea.from_text(domain))
    async with session(flags) as services:
        outcome = await services.delete_credential(
            owner, CredentialRef(ref), caller=operator(flags)
        )
    say(f"Apagada: {owner}/{ref}; credentials v{outcome.versions[str(CREDENTIALS)]}")
    for notice in outcome.notices:
        tell(f"A configuração ainda cita esta credencial: {notice.field}")
