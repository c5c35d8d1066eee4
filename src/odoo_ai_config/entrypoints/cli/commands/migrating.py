"""
``migrate``: bring a large database to the version of this program, before the servers start.
"""

from __future__ import annotations

from odoo_ai_config.entrypoints.cli.flags import AS_SET, StoreFlags
from odoo_ai_config.entrypoints.cli.progress import steps_shown
from odoo_ai_config.entrypoints.cli.terminal import say
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.startup import opened_stores


async def migrate(*, flags: StoreFlags = AS_SET) -> None:
    """
    Leva o banco de dados à versão deste programa, pelo tempo que for preciso.

    O MongoDB ganha os índices que faltam e os registros são convertidos. O início do servidor faz
    isso sozinho num banco novo ou pequeno, e sempre num arquivo SQLite; num banco grande ele pede
    este comando. Interrompido, continua de onde parou quando repetido. Faça antes um backup e pare
    os servidores da versão anterior.
    """
    async with opened_stores(Container(settings=flags.settings(), make=False)) as stores:
        if stores.migrate is not None:
            with steps_shown() as show:
                await stores.migrate(show)
        await stores.ensure_ready()
    say("O banco de dados está na versão deste programa.")
