"""
Checks of `doctor` about the path of a message: from Chatwoot to a crew, and back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from odoo_ai_config.application.chatwoot.accounts import ChatwootAccount
from odoo_ai_config.domain.documents.revisions import content_of
from odoo_ai_config.domain.identifiers import CREWS, BusinessArea, TenantArea
from odoo_ai_config.domain.messages.inbox import STUCK, Stage
from odoo_ai_config.entrypoints.cli.checks.results import CheckResult, passed, warning
from odoo_ai_config.entrypoints.cli.session import OPERATOR
from odoo_ai_config.entrypoints.settings import Settings
from odoo_ai_config.entrypoints.wiring import Services

_MOST_NAMED: Final = 5
_MOST_TENANTS: Final = 500


async def answering(services: Services, settings: Settings) -> AsyncIterator[CheckResult]:
    """
    The results of these checks. They open no secret and call no other service.
    """
    whole = await services.read_chatwoot_accounts.one(None, caller=OPERATOR)
    accounts = await services.read_chatwoot_accounts(caller=OPERATOR)
    yield _reach(whole, accounts, settings)
    yield _proof(whole, accounts, settings)
    yield await _stuck(services)
    yield await _crews(services)


def _reach(
    whole: ChatwootAccount, accounts: Sequence[ChatwootAccount], settings: Settings
) -> CheckResult:
    def reached(account: ChatwootAccount) -> bool:
        own, all_ = account.settings, whole.settings
        url = own.base_url or all_.base_url or settings.chatwoot_url
        token = own.api_token or all_.api_token or settings.chatwoot_api_token
        return url is not None and token is not None

    missing = [account for account in accounts if not reached(account)]
    if missing or not (accounts or reached(whole)):
        return warning(
            "chatwoot",
            f"sem endereço ou api_access_token{_of(missing)}: respostas não chegam ao cliente",
            "execute: odoo-ai-config chatwoot set [CONTA] --url https://... --api-token",
        )
    return passed("chatwoot", "há endereço e api_access_token")


def _proof(
    whole: ChatwootAccount, accounts: Sequence[ChatwootAccount], settings: Settings
) -> CheckResult:
    subject = "webhook do chatwoot"

    def proven(account: ChatwootAccount) -> bool:
        return bool(account.settings.webhook_secrets or account.settings.webhook_tokens)

    for_all = proven(whole) or bool(settings.chatwoot_secrets or settings.chatwoot_tokens)
    missing = [] if for_all else [account for account in accounts if not proven(account)]
    if missing or not (accounts or for_all):
        return warning(
            subject,
            f"sem segredo nem endereço secreto{_of(missing)}: "
            "só são aceitas requisições com chave de API",
            "execute: odoo-ai-config chatwoot set [CONTA] --add-secret (ou --new-address)",
        )
    return passed(subject, "há segredo ou endereço secreto")


def _of(accounts: Sequence[ChatwootAccount]) -> str:
    return f" da conta {_listed([str(one.account) for one in accounts])}" if accounts else ""


async def _stuck(services: Services) -> CheckResult:
    census = await services.ports.inbox.census()
    counts = [
        f"{census.messages[stage].count} {stage.value}"
        for stage in Stage
        if stage in STUCK and stage in census.messages
    ]
    if Stage.DEAD in census.events:
        counts.append(f"{census.events[Stage.DEAD].count} eventos mortos a inscrições")
    if counts:
        return warning(
            "mensagens",
            f"paradas: {', '.join(counts)}",
            "veja o motivo: odoo-ai-config messages list --stage unresolved --stage dead",
        )
    return passed("mensagens", "nenhuma parada")


async def _crews(services: Services) -> CheckResult:
    revisions = await services.ports.channels.mappings()
    owners = sorted({entry.mapping.owner for entry in revisions if entry.mapping.active})
    if not owners:
        return passed("crews", "nenhum canal mapeado ainda")
    # As many as take a few seconds. A fault that many tenants share shows in these, too.
    tenants = sorted({owner.tenant for owner in owners})[:_MOST_TENANTS]
    documents = await services.ports.store.documents_of(tenants, [CREWS])
    described = {document.key.owner for document in documents if content_of(document) is not None}
    missing = [
        str(owner)
        for owner in owners
        if owner.tenant <= tenants[-1]
        and not described & {owner, TenantArea(owner.tenant, BusinessArea())}
    ]
    if missing:
        return warning(
            "crews",
            f"com canal mapeado e sem documento crews: {_listed(missing)}",
            "grave o documento crews da área, ou o da área default do cliente "
            "(docs/crews.pt-BR.md)",
        )
    return passed("crews", f"descritas ({len(tenants)} clientes conferidos)")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" e mais {more}" if more > 0 else "")
