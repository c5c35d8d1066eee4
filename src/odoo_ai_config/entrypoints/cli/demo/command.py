"""
``demo``: the hub, a fake Chatwoot and a crew in one process, to try them without any account.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import Annotated, Final

import aiohttp
from aiohttp import web
from cyclopts import Parameter

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.entrypoints.cli.demo import crew
from odoo_ai_config.entrypoints.cli.demo.chatwoot import ACCOUNT, INBOX, DemoChatwoot
from odoo_ai_config.entrypoints.cli.demo.desk import Desk
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.sample_events import (
    CredentialsSample,
    EventSample,
    MappingSample,
)
from odoo_ai_config.entrypoints.cli.serve.serving import listening
from odoo_ai_config.entrypoints.cli.terminal import say_text
from odoo_ai_config.entrypoints.logs import logging_to
from odoo_ai_config.entrypoints.serving import http_options, run_server
from odoo_ai_config.entrypoints.settings import PREFIX, SettingSources, Source

TENANT: Final = "loja"
_HOST: Final = "127.0.0.1"
_HIGHEST_PORT: Final = 65_534
_SECRET_BYTES: Final = 24
_SECONDS: Final = 10.0
# A message with files.
_LARGEST_BODY: Final = 64 * 1024 * 1024


def demo(
    *,
    port: Annotated[
        int,
        Parameter(
            help="Porta do hub; a página fica na porta seguinte. 0 para duas portas livres."
        ),
    ] = 8000,
) -> None:
    """
    Inicia o hub com um Chatwoot de mentira e uma crew, para experimentar sem conta nenhuma.

    Mostra o endereço de uma página em que você escreve como cliente e atende como pessoa.
    Nada é gravado: os dados ficam na memória até Ctrl+C. Só esta máquina o alcança.
    Um servidor que já exista, o ambiente e .env não mudam nada, nem são alterados.
    """
    if not 0 <= port <= _HIGHEST_PORT:
        raise CommandError(f"--port deve ser um inteiro de 0 a {_HIGHEST_PORT}.")
    with (
        listening(_HOST, port, set_by="--port") as for_hub,
        listening(_HOST, port + 1 if port else 0, set_by="--port") as for_desk,
        logging_to(folder=None, level="warning", form="auto"),
    ):
        asyncio.run(_run(for_hub, for_desk))


async def _run(for_hub: socket.socket, for_desk: socket.socket) -> None:
    hub, desk = _url(for_hub), _url(for_desk)
    key, secret, token = (SecretText(secrets.token_urlsafe(_SECRET_BYTES)) for _ in range(3))
    # Nothing else is set: neither by the environment nor by a file.
    given = {
        "STORE_URL": "memory://",
        "LOG_DIR": "",
        "API_KEY": key.reveal(),
        "CHATWOOT_URL": desk,
        "CHATWOOT_API_TOKEN": token.reveal(),
        "CHATWOOT_SECRETS": secret.reveal(),
        "PRIVATE_TARGETS": _HOST,
        "SHUTDOWN_SECONDS": "2",
    }
    settings = SettingSources(
        {Source.FLAG: {f"{PREFIX}_{name}": value for name, value in given.items()}}
    ).settings()
    welcome = f"""\
Página (cliente e Chatwoot): {desk}
Hub: {hub} (interface em /docs, o cliente em /ui/clients/{TENANT}/default)
Chave de API, para outro terminal:
export KEY={key.reveal()}
Nada é gravado. Ctrl+C encerra."""
    chatwoot = DemoChatwoot(f"{hub}/webhook", secret, token)
    app = web.Application(client_max_size=_LARGEST_BODY)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout) as anybody,
        aiohttp.ClientSession(
            hub, timeout=timeout, headers={"X-API-Key": key.reveal()}
        ) as operator,
    ):
        app.add_routes([*Desk(chatwoot, operator).routes(), *chatwoot.routes()])
        app.add_routes([web.post(crew.PATH, crew.take)])
        listens = asyncio.Event()
        try:
            await runner.setup()
            await web.SockSite(runner, for_desk).start()
            async with asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(chatwoot.tell(anybody))
                beginning = tasks.create_task(_begin(operator, listens, desk, welcome))
                await run_server(
                    settings, http_options(settings), for_hub, ready=lambda _first: listens.set()
                )
                telling.cancel()
                beginning.cancel()
        finally:
            await runner.cleanup()


async def _begin(
    operator: aiohttp.ClientSession, listens: asyncio.Event, desk: str, welcome: str
) -> None:
    """
    Once the hub listens, push a client as Odoo does, and its crew; then say *welcome*.
    """
    await listens.wait()
    crews = (
        "default_crew: atendimento\n"
        f"crews: {{atendimento: {{type: http, url: '{desk}{crew.PATH}'}}}}\n"
    )
    events: tuple[EventSample, ...] = (
        CredentialsSample(account_id=TENANT, name="Loja Exemplo"),
        MappingSample(
            account_id=TENANT, chatwoot_account_id=str(ACCOUNT), chatwoot_inbox_id=str(INBOX)
        ),
    )
    for path, body in (
        *(("/odoo-webhook", event.sent()) for event in events),
        (f"/configs/{TENANT}/default/crews", {"yaml_content": crews}),
    ):
        async with operator.post(path, json=body) as answer:
            answer.raise_for_status()
    say_text(welcome)


def _url(listener: socket.socket) -> str:
    return f"http://{_HOST}:{listener.getsockname()[1]}"
