"""
Checks of `doctor` about the machine: folders, disk, key ring, clock and port.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from odoo_ai_config.application.errors import InvalidKeyRingError, SpoolUnavailableError
from odoo_ai_config.entrypoints.cli.checks.probing import hub_answers
from odoo_ai_config.entrypoints.cli.checks.results import CheckResult, failed, passed, warning
from odoo_ai_config.entrypoints.cli.terminal import moment
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.settings import Settings

_CLOCK_SLACK: Final = timedelta(minutes=2)
_GIBIBYTE: Final = 1024**3
_SCARCE_BYTES: Final = 200 * 1024**2


async def machine_checks(container: Container, now: datetime) -> AsyncIterator[CheckResult]:
    """
    The results of these checks. They do not open the store.
    """
    settings = container.settings()
    location = settings.store
    yield _data_folder(settings.data_dir)
    yield _space(settings.data_dir)
    if location.technology == "sqlite" and location.path.absolute().parent != (
        settings.data_dir.absolute()
    ):
        yield _space(location.path.parent)
    yield _log_folder(settings.log_dir)
    if not ring_will_be_made(settings):
        yield _key_ring(container)
    newest = max(_file_times(settings.data_dir), default=now)
    yield clock_behind(now, newest, "há arquivos de") or passed("relógio", moment(now))
    yield await _port(settings)
    if settings.spool_file.exists():
        async for result in _spool(settings):
            yield result


def clock_behind(now: datetime, newest: datetime, what: str) -> CheckResult | None:
    """
    A failure if the clock is behind *newest*, the time of *what*.
    """
    if newest <= now + _CLOCK_SLACK:
        return None
    text = f"marca {moment(now)}, mas {what} {moment(newest)}"
    return failed("relógio", text, "acerte o relógio (timedatectl set-ntp true)")


def ring_will_be_made(settings: Settings) -> bool:
    """
    Whether the next start creates the key ring, if no data needs one.
    """
    return settings.keyring is None and not settings.keyring_path.exists()


def _key_ring(container: Container) -> CheckResult:
    try:
        source = container.key_ring()
        seen = source.status()
    except InvalidKeyRingError as error:
        return failed("chaveiro", error.advice)
    if not seen.private:
        return failed(
            "chaveiro",
            f"{source.place} não pertence só a quem roda o servidor",
            f"execute: chmod 600 {source.place} (e chown, se o dono for outro)",
        )
    return passed("chaveiro", f"{source.place}, chave atual {seen.ring.current_id}")


async def _spool(settings: Settings) -> AsyncIterator[CheckResult]:
    # Not of the container that only reads: to count is to write nothing.
    container, subject = Container(settings=settings), "espera em disco"
    try:
        spool = container.spool()
        if spool is None:
            return
        census = await spool.census()
    except SpoolUnavailableError:
        advice = "confira o disco e as permissões"
        yield failed(subject, f"{settings.spool_file} não pode ser usado", advice)
        return
    finally:
        container.spool.shutdown()
    text = f"{census.waiting} à espera do armazenamento, {census.kept} recusadas"
    if census.kept:
        yield warning(subject, text, "veja: odoo-ai-config spool list")
    elif census.waiting:
        yield warning(subject, text, "o servidor as recebe assim que o armazenamento voltar")
    else:
        yield passed(subject, text)


def _data_folder(folder: Path) -> CheckResult:
    subject = "pasta de dados"
    if not folder.exists():
        parent = _nearest(folder)
        if os.access(parent, os.W_OK | os.X_OK):
            return passed(subject, f"{folder} será criada na primeira execução")
        return failed(
            subject,
            f"{folder} não pode ser criada",
            f"dê permissão de escrita em {parent} ou mude ODOO_AI_CONFIG_DATA_DIR",
        )
    if not folder.is_dir():
        return failed(subject, f"{folder} não é uma pasta", "mude ODOO_AI_CONFIG_DATA_DIR")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        advice = f"execute: chown -R $USER {folder}"
        return failed(subject, f"{folder} não pode ser lida ou gravada", advice)
    if stat.S_IMODE(folder.stat().st_mode) & stat.S_IRWXO:
        advice = f"execute: chmod 700 {folder}"
        return warning(subject, f"{folder} está aberta a outros usuários", advice)
    return passed(subject, str(folder))


def _nearest(folder: Path) -> Path:
    # The nearest parent folder that exists.
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def _space(folder: Path) -> CheckResult:
    nearest = _nearest(folder)
    free = shutil.disk_usage(nearest).free
    text = f"{free / _GIBIBYTE:.1f} GiB livres em {nearest}"
    if free < _SCARCE_BYTES:
        return failed("disco", text, "libere espaço: gravações vão falhar")
    if free < _GIBIBYTE:
        return warning("disco", text, "libere espaço em breve")
    return passed("disco", text)


def _log_folder(folder: Path | None) -> CheckResult:
    if folder is None:
        return passed("logs", "só na saída de erros")
    nearest = _nearest(folder)
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        advice = "mude ODOO_AI_CONFIG_LOG_DIR (vazio desliga os arquivos)"
        return failed("logs", f"{folder} não pode ser gravada", advice)
    for file in folder.glob("*.log"):
        # Left by a start under another user, for instance.
        if not (file.is_file() and os.access(file, os.W_OK)):
            advice = f"execute: chown -R $USER {folder}"
            return failed("logs", f"{file} não pode ser gravado", advice)
    return passed("logs", str(folder))


def _file_times(folder: Path) -> Iterator[datetime]:
    # The program itself is a file, even if there is no data yet.
    for path in (Path(__file__), *folder.glob("*")):
        try:
            yield datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except OSError:
            continue


async def _port(settings: Settings) -> CheckResult:
    place = f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            reason = error.strerror
        else:
            return passed("porta", f"{place} está livre")
    if await hub_answers(settings):
        return passed("porta", f"um odoo-ai-config já responde em {place}")
    return failed("porta", f"{place} não pode ser usada ({reason})", "mude SERVER_PORT")
