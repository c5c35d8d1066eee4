"""
Checks of `doctor` about the store: its content, its key ring and its API keys.
"""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
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
from odoo_ai_config.entrypoints.cli.checks.machine import clock_behind, ring_will_be_made
from odoo_ai_config.entrypoints.cli.checks.results import (
    CheckResult,
    CheckStatus,
    failed,
    passed,
    warning,
)
from odoo_ai_config.entrypoints.cli.refusals import FAULTS, advice_on
from odoo_ai_config.entrypoints.cli.session import OPERATOR
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.settings import Settings
from odoo_ai_config.entrypoints.startup import opened_stores
from odoo_ai_config.entrypoints.wiring import Services

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
# As many as take a second or two.
_MOST_SEARCHED: Final = 5000
_MOST_VERIFIED: Final = 5000
_SOON: Final = timedelta(days=14)


async def store_checks(container: Container, now: datetime) -> AsyncIterator[CheckResult]:
    """
    The results of these checks, or what the first start will create.
    """
    subject = "armazenamento"
    settings = container.settings()
    location = settings.store
    if location.technology == "sqlite" and not location.path.exists():
        yield passed(subject, f"{location.path} será criado na primeira execução")
        if ring_will_be_made(settings):
            yield _first_ring(settings)
        yield _first_key_file(settings)
        return
    try:
        async with opened_stores(container) as stores:
            services = container.services()
            await stores.ensure_ready()
            await stores.rehearse_writing()
            yield passed(subject, "pode ser lido e gravado")
            if stores.examine is not None:
                whole = await stores.examine()
                text = "sem danos" if whole else "sem danos até onde houve tempo de conferir"
                yield passed(subject, text)
            yield await _ring_of_data(services, settings)
            yield await _readable_secrets(services)
            yield await _history(services, now)
            yield await _trail(services)
            yield await _key(services, settings, now)
            yield await _expiring(services, now)
            yield await _revocations(services, settings)
            if App.CHATWOOT in settings.apps:
                async for result in answering(services, settings):
                    yield result
    except StoreUnusableError as error:
        yield _unusable(error, settings)
    except ApplicationError as error:
        yield failed(subject, advice_on(error))


def _first_ring(settings: Settings) -> CheckResult:
    return passed("chaveiro", f"{settings.keyring_path} será criado na primeira execução")


def _first_key_file(settings: Settings) -> CheckResult:
    subject, path = "chave de API", settings.api_key_path
    if settings.api_key is not None:
        return passed(subject, "definida em ODOO_AI_CONFIG_API_KEY")
    if not path.exists():
        return passed(subject, f"{path} será criada na primeira execução")
    if stat.S_IMODE(path.stat().st_mode) & _OTHERS:
        advice = f"execute: chmod 600 {path} e troque a chave (keys create, keys revoke)"
        return failed(subject, f"{path} está acessível a outros usuários", advice)
    return passed(subject, str(path))


def _unusable(error: StoreUnusableError, settings: Settings) -> CheckResult:
    subject = "armazenamento"
    # A start creates these after the tables.
    left = (settings.keyring_path, settings.api_key_path, settings.revoked_keys_path)
    used = next((path for path in left if path.exists()), None)
    if error.failure is StoreFailure.EMPTY and used is not None:
        return failed(
            subject,
            f"está vazio, mas há {used} de antes: os dados estavam no arquivo -wal, que foi "
            "removido, ou o arquivo foi trocado",
            "restaure um backup antes de iniciar o servidor, que começaria do zero",
        )
    if error.failure in (StoreFailure.EMPTY, StoreFailure.OLDER_SCHEMA):
        return warning(subject, error.advice)
    return failed(subject, error.advice)


async def _ring_of_data(services: Services, settings: Settings) -> CheckResult:
    subject = "chaveiro"
    needed = await services.ports.secrets.master_ids()
    if ring_will_be_made(settings):
        if not needed:
            return _first_ring(settings)
        return failed(
            subject,
            f"falta {settings.keyring_path}, e os dados precisam da chave "
            f"{', '.join(sorted(needed))}",
            "restaure o chaveiro do backup antes de iniciar o servidor",
        )
    if needed:
        try:
            await services.check_key_ring()
        except (InvalidKeyRingError, MasterKeyMissingError) as error:
            return failed(subject, advice_on(error))
    return passed(subject, "é o destes dados")


async def _readable_secrets(services: Services) -> CheckResult:
    # As far as a short search can tell.
    search = await services.seal_stored_secrets.search(_MOST_SEARCHED)
    if search.found is not None:
        return failed(
            "segredos",
            f"{search.found} guarda segredos em texto claro (talvez outros também)",
            "faça um backup, pare o servidor e execute: odoo-ai-config seal",
        )
    if not search.complete:
        return passed("segredos", f"nenhum legível nas primeiras {search.searched} versões")
    return passed("segredos", "nenhum legível nos documentos")


async def _history(services: Services, now: datetime) -> CheckResult:
    newest = next(iter(await services.ports.audit.entries(limit=1)), None)
    behind = newest and clock_behind(now, newest.entry.at, "já se gravou algo em")
    return behind or passed("relógio", "nada gravado no futuro")


async def _trail(services: Services) -> CheckResult:
    subject = "trilha de auditoria"
    report = await services.verify_audit_trail(caller=OPERATOR, newest=_MOST_VERIFIED)
    if report.fault is not None:
        return failed(
            subject,
            f"o registro {report.at} {FAULTS[report.fault]}",
            "guarde uma cópia do armazenamento, e compare com a última exportação da trilha",
        )
    return passed(subject, f"conferem os {report.checked} últimos registros")


async def _expiring(services: Services, now: datetime) -> CheckResult:
    subject = "validade das chaves"
    found = await services.ports.api_keys.api_keys()
    expired = [key.id for key in found if key.revoked_at is None and key.ended(now)]
    lasting = [key for key in found if not key.ended(now + _SOON)]
    soon = [
        key.id
        for key in found
        if key.ended(now + _SOON)
        and not key.ended(now)
        # Its holder has until then to take the other one.
        and not any(other.succeeds(key) for other in lasting)
    ]
    if soon:
        return warning(
            subject,
            f"vencem em até {_SOON.days} dias: {', '.join(soon)}",
            "troque cada uma com: odoo-ai-config keys rotate ID",
        )
    return passed(subject, f"nenhuma vence em {_SOON.days} dias; vencidas: {len(expired)}")


async def _key(services: Services, settings: Settings, now: datetime) -> CheckResult:
    first = _first_key_file(settings)
    if settings.api_key is not None or first.status is CheckStatus.FAILED:
        return first
    create = "crie uma com: odoo-ai-config keys create --name operador --scope admin"
    subject, path = "chave de API", settings.api_key_path
    active = [key for key in await services.ports.api_keys.api_keys() if not key.ended(now)]
    if not active:
        # A start creates one only if there has never been one.
        return warning(subject, "nenhuma chave em vigor", create)
    if not path.exists():
        return passed(subject, f"{len(active)} em vigor; não há {path}")
    try:
        await services.authenticate(path.read_text(encoding="utf-8").strip())
    except InvalidApiKeyError:
        return warning(subject, f"a de {path} não vale mais", f"apague o arquivo ou {create}")
    except (OSError, UnicodeDecodeError):
        return failed(subject, f"{path} não pode ser lida", "verifique o dono")
    return passed(subject, f"{path} é aceita; {len(active)} em vigor")


async def _revocations(services: Services, settings: Settings) -> CheckResult:
    subject, path = "revogações", settings.revoked_keys_path
    try:
        noted = await services.revoke_api_key.noted_so_far()
    except StoreUnusableError as error:
        return failed(subject, error.advice)
    text = f"{len(noted.ids)} anotada(s) em {path}"
    if noted.doubtful:
        return warning(
            subject,
            f"{text}; faltam {len(noted.missing)}, e {noted.torn} linha(s) estão danificadas",
            "confira o que está em vigor (keys list, addresses list); o próximo início do "
            "servidor anota as que faltam",
        )
    return passed(subject, text)
