"""
``doctor``: what is wrong with an installation, and what to do about it.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from odoo_ai_config.application.errors import (
    ApplicationError,
    InvalidKeyRingError,
    MasterKeyMissingError,
    StoreFailure,
    StoreUnusableError,
)
from odoo_ai_config.domain.errors import InvalidApiKeyError
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.cli.checks.answering import answering
from odoo_ai_config.entrypoints.cli.checks.probing import hub_answers
from odoo_ai_config.entrypoints.cli.checks.results import Finding, Verdict
from odoo_ai_config.entrypoints.cli.commands.sealing import readable_secrets
from odoo_ai_config.entrypoints.cli.flags import SERVER_AS_SET, ServerFlags, reader_of
from odoo_ai_config.entrypoints.cli.refusals import advice_on
from odoo_ai_config.entrypoints.cli.terminal import moment, say, tell
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.settings import Settings, SettingsError, SettingSources
from odoo_ai_config.entrypoints.wiring import Services

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_CLOCK_SLACK: Final = timedelta(minutes=2)
_GIBIBYTE: Final = 1024**3
_SCARCE_BYTES: Final = 200 * 1024**2
# Names of the replaced service, and what has taken their place.
_OLD_NAMES: Final[Mapping[str, str]] = {
    "CONFIG_SERVICE_API_KEY": "ODOO_AI_CONFIG_API_KEY",
    "CONFIG_SERVICE_URL": "o endereço em que os clientes chamam (aqui: SERVER_HOST e SERVER_PORT)",
    "API_KEY": "ODOO_AI_CONFIG_API_KEY",
    "DATABASE_URL": "ODOO_AI_CONFIG_STORE_URL",
    "POSTGRES_PASSWORD": "ODOO_AI_CONFIG_STORE_URL",
    "CREDENTIAL_ENCRYPTION_KEY": "ODOO_AI_CONFIG_KEYRING",
    "WEBHOOK_SECRET_KEY": "ODOO_AI_CONFIG_LEGACY_ODOO_SECRETS",
}


async def doctor(*, flags: ServerFlags = SERVER_AS_SET) -> int:
    """
    Confere a instalação e diz o que consertar.

    Termina com 0 se nada falhou; avisos não contam. Não cria nem altera nada.
    """
    failed = 0
    async for finding in examined(flags.sources()):
        say(str(finding))
        failed += finding.verdict is Verdict.BAD
    tell(f"{failed} falha(s)." if failed else "Nenhuma falha.")
    return 1 if failed else 0


async def examined(sources: SettingSources) -> AsyncIterator[Finding]:
    """
    Every finding, each as soon as it is known.
    """
    for name in sources.present(list(_OLD_NAMES)):
        yield Finding(
            Verdict.DOUBTFUL, "ambiente", f"{name} não é lida", f"use {_OLD_NAMES[name]}"
        )
    try:
        settings = sources.settings()
        location = settings.store
    except SettingsError as error:
        yield Finding(Verdict.BAD, "configurações", str(error), "corrija a variável ou a opção")
        return
    yield Finding(Verdict.GOOD, "configurações", "todas válidas")
    if settings.require_signature and not (
        settings.webhook_secrets or settings.legacy_odoo_secrets
    ):
        yield Finding(
            Verdict.BAD,
            "assinaturas",
            "são exigidas, mas não há segredo",
            "defina ODOO_AI_CONFIG_WEBHOOK_SECRETS",
        )
    container = reader_of(settings)
    now = Container.clock().now()
    yield _data_folder(settings.data_dir)
    yield _space(settings.data_dir)
    if location.technology == "sqlite" and location.path.absolute().parent != (
        settings.data_dir.absolute()
    ):
        yield _space(location.path.parent)
    yield _log_folder(settings.log_dir)
    if not _ring_is_yet_to_be_made(settings):
        yield _key_ring(container)
    yield _clock(settings.data_dir, now)
    yield await _port(settings)
    if location.technology == "sqlite" and not location.path.exists():
        yield Finding(
            Verdict.GOOD, "armazenamento", f"{location.path} será criado na primeira execução"
        )
        if _ring_is_yet_to_be_made(settings):
            yield _first_ring(settings)
        yield _first_key_file(settings)
        return
    async for finding in _store(container, settings, now):
        yield finding


def _data_folder(folder: Path) -> Finding:
    subject = "pasta de dados"
    if not folder.exists():
        parent = next(path for path in folder.absolute().parents if path.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            return Finding(Verdict.GOOD, subject, f"{folder} será criada na primeira execução")
        return Finding(
            Verdict.BAD,
            subject,
            f"{folder} não pode ser criada",
            f"dê permissão de escrita em {parent} ou mude ODOO_AI_CONFIG_DATA_DIR",
        )
    if not folder.is_dir():
        return Finding(
            Verdict.BAD, subject, f"{folder} não é uma pasta", "mude ODOO_AI_CONFIG_DATA_DIR"
        )
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Finding(
            Verdict.BAD,
            subject,
            f"{folder} não pode ser lida ou gravada",
            f"execute: chown -R $USER {folder}",
        )
    if stat.S_IMODE(folder.stat().st_mode) & stat.S_IRWXO:
        return Finding(
            Verdict.DOUBTFUL,
            subject,
            f"{folder} está aberta a outros usuários",
            f"execute: chmod 700 {folder}",
        )
    return Finding(Verdict.GOOD, subject, str(folder))


def _space(folder: Path) -> Finding:
    nearest = next(
        path for path in (folder.absolute(), *folder.absolute().parents) if path.exists()
    )
    free = shutil.disk_usage(nearest).free
    text = f"{free / _GIBIBYTE:.1f} GiB livres em {nearest}"
    if free < _SCARCE_BYTES:
        return Finding(Verdict.BAD, "disco", text, "libere espaço: gravações vão falhar")
    if free < _GIBIBYTE:
        return Finding(Verdict.DOUBTFUL, "disco", text, "libere espaço em breve")
    return Finding(Verdict.GOOD, "disco", text)


def _log_folder(folder: Path | None) -> Finding:
    if folder is None:
        return Finding(Verdict.GOOD, "logs", "só na saída de erros")
    nearest = next(
        path for path in (folder.absolute(), *folder.absolute().parents) if path.exists()
    )
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        return Finding(
            Verdict.BAD,
            "logs",
            f"{folder} não pode ser gravada",
            "mude ODOO_AI_CONFIG_LOG_DIR (vazio desliga os arquivos)",
        )
    for file in folder.glob("*.log"):
        # Left by a start under another user, for instance.
        if not (file.is_file() and os.access(file, os.W_OK)):
            return Finding(
                Verdict.BAD,
                "logs",
                f"{file} não pode ser gravado",
                f"execute: chown -R $USER {folder}",
            )
    return Finding(Verdict.GOOD, "logs", str(folder))


def _ring_is_yet_to_be_made(settings: Settings) -> bool:
    # Unless the data needs one: then it was lost.
    return settings.keyring is None and not settings.keyring_path.exists()


def _first_ring(settings: Settings) -> Finding:
    return Finding(
        Verdict.GOOD, "chaveiro", f"{settings.keyring_path} será criado na primeira execução"
    )


def _key_ring(container: Container) -> Finding:
    subject = "chaveiro"
    try:
        seen = container.key_ring().status()
    except InvalidKeyRingError as error:
        return Finding(Verdict.BAD, subject, error.advice)
    if not seen.private:
        return Finding(
            Verdict.BAD,
            subject,
            f"{seen.place} não pertence só a quem roda o servidor",
            f"execute: chmod 600 {seen.place} (e chown, se o dono for outro)",
        )
    return Finding(Verdict.GOOD, subject, f"{seen.place}, chave atual {seen.ring.current_id}")


def _clock(folder: Path, now: datetime) -> Finding:
    newest = max(_written(folder), default=None)
    if newest is not None and newest > now + _CLOCK_SLACK:
        return Finding(
            Verdict.BAD,
            "relógio",
            f"marca {moment(now)}, mas há arquivos de {moment(newest)}",
            "acerte o relógio (timedatectl set-ntp true)",
        )
    return Finding(Verdict.GOOD, "relógio", moment(now))


def _written(folder: Path) -> Iterator[datetime]:
    # The program itself was written some day too, even where there is no data yet.
    for path in (Path(__file__), *folder.glob("*")):
        try:
            yield datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except OSError:
            continue


async def _port(settings: Settings) -> Finding:
    subject, place = "porta", f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            reason = error.strerror
        else:
            return Finding(Verdict.GOOD, subject, f"{place} está livre")
    if await hub_answers(settings):
        return Finding(Verdict.GOOD, subject, f"um odoo-ai-config já responde em {place}")
    return Finding(
        Verdict.BAD, subject, f"{place} não pode ser usada ({reason})", "mude SERVER_PORT"
    )


def _first_key_file(settings: Settings) -> Finding:
    subject, path = "chave de API", settings.api_key_path
    if settings.api_key is not None:
        return Finding(Verdict.GOOD, subject, "definida em ODOO_AI_CONFIG_API_KEY")
    if not path.exists():
        return Finding(Verdict.GOOD, subject, f"{path} será criada na primeira execução")
    if stat.S_IMODE(path.stat().st_mode) & _OTHERS:
        return Finding(
            Verdict.BAD,
            subject,
            f"{path} está acessível a outros usuários",
            f"execute: chmod 600 {path} e troque a chave (keys create, keys revoke)",
        )
    return Finding(Verdict.GOOD, subject, str(path))


async def _store(
    container: Container, settings: Settings, now: datetime
) -> AsyncIterator[Finding]:
    subject = "armazenamento"
    try:
        container.init_resources()
        services, stores = container.services(), container.stores()
        await stores.ensure_ready()
        await stores.rehearse_writing()
        yield Finding(Verdict.GOOD, subject, "pode ser lido e gravado")
        if stores.examine is not None:
            whole = await stores.examine()
            text = "sem danos" if whole else "sem danos até onde houve tempo de conferir"
            yield Finding(Verdict.GOOD, subject, text)
        yield await _ring_of_data(services, settings)
        yield await readable_secrets(services)
        yield await _history(services, now)
        yield await _key(services, settings)
        yield await _revocations(services, settings)
        if App.CHATWOOT in settings.apps:
            async for finding in answering(services, settings):
                yield finding
    except StoreUnusableError as error:
        yield _unusable(error, settings)
    except ApplicationError as error:
        yield Finding(Verdict.BAD, subject, advice_on(error))
    finally:
        container.shutdown_resources()


def _unusable(error: StoreUnusableError, settings: Settings) -> Finding:
    subject = "armazenamento"
    # A start makes the tables first, and these after them.
    left = (settings.keyring_path, settings.api_key_path, settings.revoked_keys_path)
    used = next((path for path in left if path.exists()), None)
    if error.failure is StoreFailure.EMPTY and used is not None:
        return Finding(
            Verdict.BAD,
            subject,
            f"está vazio, mas há {used} de antes: os dados estavam no arquivo -wal, que foi "
            "removido, ou o arquivo foi trocado",
            "restaure um backup antes de iniciar o servidor, que começaria do zero",
        )
    due = error.failure in (StoreFailure.EMPTY, StoreFailure.OLDER_SCHEMA)
    return Finding(Verdict.DOUBTFUL if due else Verdict.BAD, subject, error.advice)


async def _ring_of_data(services: Services, settings: Settings) -> Finding:
    subject = "chaveiro"
    needed = await services.ports.secrets.master_ids()
    if _ring_is_yet_to_be_made(settings):
        if not needed:
            return _first_ring(settings)
        return Finding(
            Verdict.BAD,
            subject,
            f"falta {settings.keyring_path}, e os dados precisam da chave "
            f"{', '.join(sorted(needed))}",
            "restaure o chaveiro do backup antes de iniciar o servidor",
        )
    if needed:
        try:
            await services.check_key_ring()
        except (InvalidKeyRingError, MasterKeyMissingError) as error:
            return Finding(Verdict.BAD, subject, advice_on(error))
    return Finding(Verdict.GOOD, subject, "é o destes dados")


async def _history(services: Services, now: datetime) -> Finding:
    newest = next(iter(await services.ports.audit.entries(limit=1)), None)
    if newest is not None and newest.at > now + _CLOCK_SLACK:
        return Finding(
            Verdict.BAD,
            "relógio",
            f"marca {moment(now)}, mas já se gravou algo em {moment(newest.at)}",
            "acerte o relógio (timedatectl set-ntp true)",
        )
    return Finding(Verdict.GOOD, "relógio", "nada gravado no futuro")


async def _key(services: Services, settings: Settings) -> Finding:
    found = _first_key_file(settings)
    if settings.api_key is not None or found.verdict is Verdict.BAD:
        return found
    create = "crie uma com: odoo-ai-config keys create --name operador --scope admin"
    subject, path = "chave de API", settings.api_key_path
    active = [key for key in await services.ports.api_keys.api_keys() if key.revoked_at is None]
    if not active:
        # The first start makes one only where there has never been any.
        return Finding(Verdict.DOUBTFUL, subject, "nenhuma chave em vigor", create)
    if not path.exists():
        return Finding(Verdict.GOOD, subject, f"{len(active)} em vigor; não há {path}")
    try:
        await services.authenticate(path.read_text(encoding="utf-8").strip())
    except InvalidApiKeyError:
        return Finding(
            Verdict.DOUBTFUL,
            subject,
            f"a de {path} não vale mais",
            f"apague o arquivo ou {create}",
        )
    except (OSError, UnicodeDecodeError):
        return Finding(Verdict.BAD, subject, f"{path} não pode ser lida", "verifique o dono")
    return Finding(Verdict.GOOD, subject, f"{path} é aceita; {len(active)} em vigor")


async def _revocations(services: Services, settings: Settings) -> Finding:
    subject, path = "chaves revogadas", settings.revoked_keys_path
    try:
        noted = await services.revoke_api_key.noted_so_far()
    except StoreUnusableError as error:
        return Finding(Verdict.BAD, subject, error.advice)
    text = f"{len(noted.ids)} anotada(s) em {path}"
    if noted.doubtful:
        return Finding(
            Verdict.DOUBTFUL,
            subject,
            f"{text}; faltam {len(noted.missing)} que já foram revogadas, e {noted.torn} linha(s) "
            "estão danificadas",
            "confira as chaves em vigor (keys list); o próximo início do servidor anota as que "
            "faltam",
        )
    return Finding(Verdict.GOOD, subject, text)
