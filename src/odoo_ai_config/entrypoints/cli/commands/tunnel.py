"""
``tunnel``: make the server on this machine reachable from the internet for a while.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Final, Protocol, cast

from cyclopts import Parameter

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.entrypoints.cli.checks.probing import hub_answers, reachable_place
from odoo_ai_config.entrypoints.cli.flags import SERVER_AS_SET, ServerFlags
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.terminal import say_text, tell
from odoo_ai_config.entrypoints.server import stop_signals
from odoo_ai_config.entrypoints.settings import Settings

_CONNECT_SECONDS: Final = 30.0
_TOKEN_PAGE: Final = "https://dashboard.ngrok.com/get-started/your-authtoken"  # noqa: S105 - an address
# The rest of the text may quote the token.
_ERROR_CODE: Final = re.compile(r"ERR_NGROK_\d+")
_TOKEN_REFUSED: Final = frozenset(
    {"ERR_NGROK_105", "ERR_NGROK_106", "ERR_NGROK_107", "ERR_NGROK_4018"}
)
_TOO_MANY: Final = frozenset({"ERR_NGROK_108", "ERR_NGROK_334"})


class Listener(Protocol):
    """
    A tunnel of the package ``ngrok``.
    """

    def url(self) -> str: ...

    def close(self) -> Awaitable[None]: ...


class Ngrok(Protocol):
    """
    The part of the package ``ngrok`` (1.4 or newer) that is used.
    """

    def forward(self, addr: str, **options: str) -> Awaitable[Listener]: ...


async def tunnel(
    *,
    domain: Annotated[
        str | None, Parameter(help="Domínio reservado no ngrok, para a URL não mudar a cada vez.")
    ] = None,
    flags: ServerFlags = SERVER_AS_SET,
) -> None:
    """
    Abre um túnel do ngrok até o servidor desta máquina, até Ctrl+C.

    Mostra a URL pública e o que mudar no Chatwoot, no Odoo e na VPS.
    Precisa do pacote ngrok e de NGROK_AUTHTOKEN, no ambiente ou em .env.
    """
    settings = flags.settings()
    place = reachable_place(settings)
    if not await hub_answers(settings):
        raise CommandError(
            f"Nenhum odoo-ai-config responde em http://{place}; inicie-o antes, em outro "
            "terminal: ./scripts/start_unified_server.py (a porta é a de SERVER_PORT)."
        )
    ngrok = _ngrok()
    if settings.ngrok_authtoken is None:
        raise CommandError(
            f"Falta o token do ngrok; copie-o de {_TOKEN_PAGE} e guarde-o em .env: "
            "NGROK_AUTHTOKEN=..."
        )
    with stop_signals() as stopping:
        async with _open(ngrok, place, settings.ngrok_authtoken, domain, stopping) as url:
            if url is not None:
                say_text(instructions(url, settings))
                await stopping.wait()
    tell("Túnel fechado.")


def instructions(url: str, settings: Settings) -> str:
    """
    What to change elsewhere so that all requests go to *url*.
    """
    token = settings.webhook_token_path
    token_place = (
        f"está em {token}:"
        if token.exists()
        else "se cria com `odoo-ai-config chatwoot set --new-address`:"
    )
    return f"""\
Túnel aberto: {url} -> http://{reachable_place(settings)}

No Chatwoot (Configurações > Integrações > Webhooks), a URL do webhook:
  {url}/webhook
Ou, se ele não assina o que envia (antes da versão 4.11.2), com o token que
{token_place}
  {url}/webhook/<token>

No .env deste servidor, para as crews que respondem depois (e reinicie-o):
  ODOO_AI_CONFIG_PUBLIC_URL={url}

Na VPS, no .env dos serviços de IA que leem as configurações daqui:
  CONFIG_SERVICE_URL={url}

No Odoo (Configurações > Técnico > Parâmetros do sistema):
  config_service_url = {url}
  config_service.url = {url}
  ai_credentials_manager.config_service_url = {url}
  company_services.config_service_url = {url}
  business_rules.mcp_url = {url}
Nas credenciais de cada cliente que usam o ngrok (use_ngrok):
  ngrok_url = {url}

As chaves de API não mudam. Ctrl+C fecha o túnel."""


def _ngrok() -> Ngrok:
    try:
        return cast("Ngrok", importlib.import_module("ngrok"))
    except ModuleNotFoundError as error:
        raise CommandError(
            f"Falta o pacote ngrok; instale-o: {sys.executable} -m pip install 'ngrok>=1.4'"
        ) from error


@asynccontextmanager
async def _open(
    ngrok: Ngrok, place: str, token: SecretText, domain: str | None, stopping: asyncio.Event
) -> AsyncIterator[str | None]:
    options = {} if domain is None else {"domain": domain}
    opening = asyncio.ensure_future(ngrok.forward(place, authtoken=token.reveal(), **options))
    stopped = asyncio.ensure_future(stopping.wait())
    await asyncio.wait(
        {opening, stopped}, timeout=_CONNECT_SECONDS, return_when=asyncio.FIRST_COMPLETED
    )
    stopped.cancel()
    if not opening.done():
        opening.cancel()
        if not stopping.is_set():
            raise CommandError(_advice(""))
        yield None
        return
    try:
        listener = opening.result()
    except ValueError as error:
        # The cause may quote the token.
        raise CommandError(_advice(str(error.args))) from None
    try:
        yield listener.url()
    finally:
        # Ngrok may have closed it already.
        with suppress(ValueError):
            await listener.close()


def _advice(text: str) -> str:
    found = _ERROR_CODE.search(text)
    code = found[0] if found is not None else ""
    if code in _TOKEN_REFUSED:
        return f"O ngrok não aceitou o token ({code}); confira NGROK_AUTHTOKEN: {_TOKEN_PAGE}"
    if code in _TOO_MANY:
        return f"Já há um túnel aberto com este token ou domínio ({code}); feche-o antes."
    if code:
        return f"O ngrok recusou o túnel; veja https://ngrok.com/docs/errors/{code.lower()}"
    return "O ngrok não conectou; verifique a internet, o proxy e o firewall desta máquina."
