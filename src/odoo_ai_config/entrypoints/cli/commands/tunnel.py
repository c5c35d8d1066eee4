"""
``tunnel``: make the server on this machine reachable from the internet for a while.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Annotated, Final, Protocol, cast

from cyclopts import Parameter

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.entrypoints.cli.checks.probing import hub_answers, reachable_place
from odoo_ai_config.entrypoints.cli.flags import SERVER_AS_SET, ServerFlags
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.terminal import say, tell
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
    with _stop_signals() as stopping:
        async with _open(ngrok, place, settings.ngrok_authtoken, domain, stopping) as url:
            if url is not None:
                for line in instructions(url, settings):
                    say(line)
                await stopping.wait()
    tell("Túnel fechado.")


def instructions(url: str, settings: Settings) -> Iterator[str]:
    """
    What to change elsewhere so that all requests go to *url*.
    """
    yield f"Túnel aberto: {url} -> http://{reachable_place(settings)}"
    yield ""
    yield "No Chatwoot (Configurações > Integrações > Webhooks), a URL do webhook:"
    yield f"  {url}/webhook"
    yield "Ou, se ele não assina o que envia (antes da versão 4.11), com o fim secreto que"
    if settings.webhook_token_path.exists():
        yield f"está em {settings.webhook_token_path}:"
    else:
        yield "se cria com `odoo-ai-config chatwoot set --new-address`:"
    yield f"  {url}/webhook/<fim secreto>"
    yield ""
    yield "No .env deste servidor, para as equipes que respondem depois (e reinicie-o):"
    yield f"  ODOO_AI_CONFIG_PUBLIC_URL={url}"
    yield ""
    yield "Na VPS, no .env dos serviços de IA que leem as configurações daqui:"
    yield f"  CONFIG_SERVICE_URL={url}"
    yield ""
    yield "No Odoo (Configurações > Técnico > Parâmetros do sistema):"
    for parameter in (
        "config_service_url",
        "config_service.url",
        "ai_credentials_manager.config_service_url",
        "company_services.config_service_url",
        "business_rules.mcp_url",
    ):
        yield f"  {parameter} = {url}"
    yield "Nas credenciais de cada cliente que usam o ngrok (use_ngrok):"
    yield f"  ngrok_url = {url}"
    yield ""
    yield "As chaves de API não mudam. Ctrl+C fecha o túnel."


def _ngrok() -> Ngrok:
    try:
        return cast("Ngrok", importlib.import_module("ngrok"))
    except ModuleNotFoundError as error:
        raise CommandError(
            f"Falta o pacote ngrok; instale-o: {sys.executable} -m pip install 'ngrok>=1.4'"
        ) from error


@contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stopping.set)
    try:
        yield stopping
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


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
