"""
``serve``: the server, as one process or as several that accept from one socket.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from typing import Annotated

import structlog
import uvloop
from cyclopts import Parameter

from odoo_ai_config.application.keys import NotedRevocations
from odoo_ai_config.entrypoints.apps import names_of
from odoo_ai_config.entrypoints.cli.flags import SERVER_AS_SET, ServerFlags
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.serve.supervising import LIFE_SIGN, supervise
from odoo_ai_config.entrypoints.cli.terminal import say
from odoo_ai_config.entrypoints.logs import logging_to
from odoo_ai_config.entrypoints.server import listening_socket
from odoo_ai_config.entrypoints.serving import http_options, prepare, run_server
from odoo_ai_config.entrypoints.settings import Settings
from odoo_ai_config.entrypoints.startup import FirstSecrets

_log = structlog.get_logger()


def init(*, flags: ServerFlags = SERVER_AS_SET) -> None:
    """
    Cria o banco de dados, o chaveiro e a primeira chave de API, sem iniciar o servidor.

    O que já existe fica como está. Só `init`, `serve` e `demo` criam um armazenamento.
    """
    settings = flags.settings()
    first = asyncio.run(prepare(settings))
    _announce_key(settings, first)
    if first.webhook_token is not None:
        say(f"Token do webhook para o Chatwoot guardado em {settings.webhook_token_path}")
    say(f"Armazenamento pronto: {settings.store.place}")


def serve(
    *,
    restored: Annotated[
        bool,
        Parameter(
            help="Só na primeira vez depois de restaurar um backup: mensagens que estavam a "
            "caminho não são enviadas; ficam paradas até que alguém decida o que fazer."
        ),
    ] = False,
    flags: ServerFlags = SERVER_AS_SET,
) -> None:
    """
    Inicia o servidor e o mantém até Ctrl+C ou SIGTERM.

    Na primeira execução cria o banco de dados, o chaveiro, uma chave de API e um endereço de
    webhook para o Chatwoot, que mostra uma única vez. Ao parar, responde tudo o que já aceitou.
    """
    settings = flags.settings()
    options = http_options(settings)
    if settings.workers > 1 and settings.store.technology == "memory":
        raise CommandError(
            "memory:// não serve para vários processos, pois cada um teria os seus dados; "
            "use --workers 1 ou outro --store-url."
        )
    with listening(settings.host, settings.port) as listener:
        place = _place(settings, listener)
        if settings.workers == 1:
            with _logging(settings, worker=0):
                _run(
                    run_server(
                        settings,
                        options,
                        listener,
                        ready=lambda first: _announce(settings, first, place),
                        restored=restored,
                    )
                )
        else:
            # The log file is the first worker's: only one process may rotate it.
            with _logging(settings, worker=None):
                first = asyncio.run(prepare(settings, restored=restored))
                asyncio.run(
                    supervise(
                        flags.as_arguments(),
                        listener,
                        count=settings.workers,
                        grace=settings.shutdown_seconds,
                        ready=lambda: _announce(settings, first, place),
                    )
                )


def worker(
    *,
    listener: Annotated[int, Parameter(show=False)],
    lifeline: Annotated[int, Parameter(show=False)],
    number: Annotated[int, Parameter(show=False)],
    flags: ServerFlags = SERVER_AS_SET,
) -> None:
    """
    Um dos processos de `serve --workers N`; só o próprio `serve` o inicia.
    """
    settings = flags.settings()
    with _logging(settings, worker=number):
        _run(
            _work(settings, socket.socket(fileno=listener), socket.socket(fileno=lifeline), number)
        )


def _run(serving: Coroutine[object, object, None]) -> None:
    # What asyncio's own loop costs is much of what a read costs (docs/benchmarks.md).
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serving)


async def _work(
    settings: Settings, listener: socket.socket, lifeline: socket.socket, number: int
) -> None:
    async with _tied_to(lifeline):
        await run_server(
            settings,
            http_options(settings),
            listener,
            ready=lambda _first: lifeline.sendall(LIFE_SIGN),
            upkeep=number == 0,
        )


@asynccontextmanager
async def _tied_to(lifeline: socket.socket) -> AsyncIterator[None]:
    # The other end closes when the parent ends, however it ends: then nobody supervises this
    # process any more, and it must not keep the port.
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_reader(lifeline)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(lifeline, stop)
    try:
        yield
    finally:
        loop.remove_reader(lifeline)
        lifeline.close()


@contextmanager
def listening(
    host: str, port: int, *, set_by: str = "--port ou SERVER_PORT"
) -> Iterator[socket.socket]:
    """
    A socket that listens at *host* and *port*, which *set_by* sets, until the context ends.

    Raises:
        CommandError: The address cannot be used.
    """
    try:
        listener = listening_socket(host, port)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "nome inválido"
        raise CommandError(
            f"Não foi possível escutar em {host}:{port} ({reason}); outro "
            f"programa usa a porta? Escolha outra com {set_by}."
        ) from error
    with listener:
        yield listener


@contextmanager
def _logging(settings: Settings, *, worker: int | None) -> Iterator[None]:
    log = logging_to(
        folder=None if worker is None else settings.log_dir,
        level=settings.log_level,
        form=settings.log_format,
        worker=worker or 0,
    )
    try:
        with log:
            yield
    except OSError as error:
        if error.filename is None:
            raise
        raise CommandError(
            f"{error.filename} não pode ser criado, lido ou gravado ({error.strerror}); confira o "
            "dono e as permissões da pasta."
        ) from error


def _place(settings: Settings, listener: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listener.getsockname()[1]}"


def _announce_key(settings: Settings, first: FirstSecrets) -> None:
    if first.api_key is not None:
        say(f"Chave de API criada e guardada em {settings.api_key_path} (mostrada só desta vez):")
        say(first.api_key.reveal())


def announce_revocations(settings: Settings, revocations: NotedRevocations) -> None:
    """
    Say what is known of keys that were revoked after the backup.
    """
    ids = revocations.ids
    say(f"Backup restaurado: {len(ids)} ID(s) revogado(s) em {settings.revoked_keys_path}.")
    if revocations.doubtful or not ids:
        say(
            "Aviso: esse arquivo pode estar incompleto; confira o que está em vigor (keys list, "
            "addresses list) e revogue o que não deve valer (keys revoke, addresses revoke)."
        )


def _announce(settings: Settings, first: FirstSecrets, place: str) -> None:
    _announce_key(settings, first)
    if first.webhook_token is not None:
        say(
            "Endereço do webhook para o Chatwoot; o fim dele é secreto e está guardado em "
            f"{settings.webhook_token_path} (mostrado só desta vez):"
        )
        say(f"{settings.public_url or place}/webhook/{first.webhook_token.reveal()}")
    if first.revocations is not None:
        announce_revocations(settings, first.revocations)
    say(f"odoo-ai-config {version('odoo-ai-config')} escutando em {place}")
    _log.info("server_ready", place=place, apps=names_of(settings.apps), workers=settings.workers)
