"""
``mcp``: the tools for an AI client that starts this program and talks to it by pipes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Final

from attrs import evolve
from cyclopts import Parameter

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.cli.flags import AS_SET, StoreFlags
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.session import reading, session
from odoo_ai_config.entrypoints.http.mcp.calls import Call
from odoo_ai_config.entrypoints.http.mcp.json_rpc import reply_to, too_large
from odoo_ai_config.entrypoints.logs import logging_to
from odoo_ai_config.entrypoints.settings import Settings
from odoo_ai_config.entrypoints.startup import trusted

_READS: Final = frozenset({Scope.CONFIG_READ, Scope.MESSAGES_READ})
_WRITES: Final = frozenset({Scope.CONFIG_WRITE, Scope.MESSAGES_WRITE})


async def mcp(
    *,
    write: Annotated[
        bool, Parameter(help="Oferece também as ferramentas que alteram, com confirm: true.")
    ] = False,
    tenant: Annotated[str | None, Parameter(help="Dá acesso só a este cliente.")] = None,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Atende um cliente de IA (MCP) pela entrada e saída padrão.

    É o cliente que inicia este comando, na máquina do armazenamento. Pela rede, ele usa o
    endereço /mcp do servidor.
    """
    if sys.stdin is None or sys.stdin.isatty():
        # A thread that waits for a terminal would keep Ctrl+C from ending the program.
        raise CommandError("mcp é iniciado por um cliente de IA, que lhe escreve por um pipe.")
    settings = flags.settings()
    caller = evolve(
        trusted("mcp"),
        scopes=_READS | _WRITES if write else _READS,
        tenant=None if tenant is None else TenantId(tenant),
    )
    opened = session(flags) if write else reading(flags)
    # Standard output is for answers only.
    with logging_to(folder=None, level="warning", form="auto"):
        async with opened as services:
            await _serve(Call(services, caller), settings)


async def _serve(call: Call, settings: Settings) -> None:
    async for line in _lines(settings.max_body_bytes):
        body: bytes | None = too_large()
        if line is not None:
            body = (await reply_to(line, call, max_depth=settings.max_json_depth)).body
        if body is not None:
            sys.stdout.buffer.write(body + b"\n")
            sys.stdout.buffer.flush()


async def _lines(most: int) -> AsyncIterator[bytes | None]:
    """
    The lines of standard input until it is closed; None for one of more than *most* bytes.
    """
    fits = True
    while part := await asyncio.to_thread(sys.stdin.buffer.readline, most + 1):
        # What has no end is a piece of a long line, or the last one.
        whole = part.endswith(b"\n")
        if whole or len(part) <= most:
            yield part if fits else None
        fits = whole
