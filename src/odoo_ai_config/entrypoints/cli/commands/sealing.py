"""
``seal``: encrypt secrets that older versions left readable in documents.
"""

from __future__ import annotations

from odoo_ai_config.entrypoints.cli.flags import WRITE_AS_SET, WriteFlags
from odoo_ai_config.entrypoints.cli.progress import progress
from odoo_ai_config.entrypoints.cli.session import operator, session
from odoo_ai_config.entrypoints.cli.terminal import say, tell


async def seal(*, flags: WriteFlags = WRITE_AS_SET) -> int:
    """
    Criptografa segredos que ficaram legíveis em documentos, também nas versões anteriores.

    Cada documento ganha uma versão com referências; as anteriores são reescritas com o mesmo
    número. Interrompido, continua de onde parou quando repetido. Faça antes um backup
    e pare o servidor.
    """
    async with session(flags) as services:
        with progress("documentos verificados") as advance:
            report = await services.seal_stored_secrets(
                caller=operator(flags), on_progress=advance
            )
    documents, revisions = report.documents, report.revisions
    say(
        f"Segredos criptografados em {documents} documento(s); "
        f"{revisions} versão(ões) reescrita(s)."
    )
    for place in report.unsealed:
        tell(f"Parece um segredo, mas não pode ser criptografado: {place}")
    for place in report.refused:
        tell(f"Não foi criptografado, corrija e repita: {place}")
    if documents or revisions:
        tell("Troque as senhas que ficaram legíveis e apague os backups antigos.")
    return 1 if report.refused else 0
