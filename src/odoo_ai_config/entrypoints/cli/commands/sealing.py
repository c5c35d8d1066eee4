"""
``seal``: secrets that lie readable in documents from before the hub took them out.
"""

from __future__ import annotations

from typing import Final

from odoo_ai_config.entrypoints.cli.checks.results import Finding, Verdict
from odoo_ai_config.entrypoints.cli.commands.keyring import progress
from odoo_ai_config.entrypoints.cli.flags import AS_SET, StoreFlags
from odoo_ai_config.entrypoints.cli.session import session
from odoo_ai_config.entrypoints.cli.terminal import say, tell
from odoo_ai_config.entrypoints.wiring import Services

# As many as a second or two will do.
_MOST_SEARCHED: Final = 5000


async def seal(*, flags: StoreFlags = AS_SET) -> int:
    """
    Sela os segredos que ficaram legíveis em documentos antigos, também nas versões anteriores.

    Cada documento ganha uma versão com referências; as anteriores são reescritas com o mesmo
    número. Interrompido, continua de onde parou quando repetido. Faça antes uma cópia de
    segurança e pare o servidor.
    """
    async with session(flags) as services:
        with progress("documentos verificados") as advance:
            report = await services.seal_stored_secrets(on_progress=advance)
    say(f"{report.documents} documento(s) selado(s), {report.revisions} versão(ões) reescrita(s).")
    for place in report.unsealed:
        tell(f"Parece um segredo, mas não pode ser selado: {place}")
    for place in report.refused:
        tell(f"Não foi selado, corrija e repita: {place}")
    if report.documents or report.revisions:
        tell("Troque as senhas que ficaram legíveis e apague os backups antigos.")
    return 1 if report.refused else 0


async def readable_secrets(services: Services) -> Finding:
    """
    Whether a document holds a secret in clear, as far as a short search can tell.
    """
    subject = "segredos"
    search = await services.seal_stored_secrets.search(_MOST_SEARCHED)
    if search.found is not None:
        return Finding(
            Verdict.BAD,
            subject,
            f"{search.found} guarda segredos em texto claro (talvez outros também)",
            "faça um backup, pare o servidor e execute: odoo-ai-config seal",
        )
    if not search.complete:
        return Finding(
            Verdict.GOOD, subject, f"nenhum legível nas primeiras {search.searched} versões"
        )
    return Finding(Verdict.GOOD, subject, "nenhum legível nos documentos")
