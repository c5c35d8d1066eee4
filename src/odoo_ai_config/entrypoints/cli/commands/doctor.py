"""
``doctor``: what is wrong with an installation, and what to do about it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

from attrs import asdict

from odoo_ai_config.entrypoints.cli.checks.machine import machine_checks
from odoo_ai_config.entrypoints.cli.checks.results import (
    CheckResult,
    CheckStatus,
    failed,
    passed,
    warning,
)
from odoo_ai_config.entrypoints.cli.checks.store import store_checks
from odoo_ai_config.entrypoints.cli.flags import SERVER_AS_SET, AsJson, ServerFlags
from odoo_ai_config.entrypoints.cli.terminal import say, say_json, tell
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.settings import SettingsError, SettingSources

# Settings of the old server, and their replacements.
_OLD_NAMES: Final[Mapping[str, str]] = {
    "CONFIG_SERVICE_API_KEY": "ODOO_AI_CONFIG_API_KEY",
    "CONFIG_SERVICE_URL": "o endereço em que os clientes chamam (aqui: SERVER_HOST e SERVER_PORT)",
    "API_KEY": "ODOO_AI_CONFIG_API_KEY",
    "DATABASE_URL": "ODOO_AI_CONFIG_STORE_URL",
    "POSTGRES_PASSWORD": "ODOO_AI_CONFIG_STORE_URL",
    "WEBHOOK_SECRET_KEY": "ODOO_AI_CONFIG_LEGACY_ODOO_SECRETS",
}


async def doctor(*, json: AsJson = False, flags: ServerFlags = SERVER_AS_SET) -> int:
    """
    Confere a instalação e diz o que consertar.

    Termina com 0 se nada falhou; avisos não contam. Não cria nem altera nada.
    """
    found: list[CheckResult] = []
    async for result in all_checks(flags.sources()):
        found.append(result)
        if not json:
            say(str(result))
    if json:
        say_json([asdict(result) for result in found])
    failures = sum(result.status is CheckStatus.FAILED for result in found)
    tell(f"{failures} falha(s)." if failures else "Nenhuma falha.")
    return 1 if failures else 0


async def all_checks(sources: SettingSources) -> AsyncIterator[CheckResult]:
    """
    The results of all checks, each as soon as it is known.
    """
    for name in sources.present(list(_OLD_NAMES)):
        yield warning("ambiente", f"{name} não é lida", f"use {_OLD_NAMES[name]}")
    try:
        settings = sources.settings()
        settings.store  # noqa: B018  # reading it validates it
    except SettingsError as error:
        yield failed("configurações", str(error), "corrija a variável ou a opção")
        return
    yield passed("configurações", "todas válidas")
    if settings.require_signature and not (
        settings.webhook_secrets or settings.legacy_odoo_secrets
    ):
        yield failed(
            "assinaturas",
            "são exigidas, mas não há segredo",
            "defina ODOO_AI_CONFIG_WEBHOOK_SECRETS",
        )
    container, now = Container(settings=settings, read_only=True), Container.clock().now()
    for checks in (machine_checks, store_checks):
        async for result in checks(container, now):
            yield result
