"""
What is missing in an installation to take in messages from Chatwoot and to answer them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from odoo_ai_config.application.chatwoot.accounts import ChatwootAccount
from odoo_ai_config.domain.documents.revisions import content_of
from odoo_ai_config.domain.identifiers import CREWS, BusinessDomain, TenantDomain
from odoo_ai_config.domain.messages.inbox import STUCK, Stage
from odoo_ai_config.entrypoints.cli.checks.results import Finding, Verdict
from odoo_ai_config.entrypoints.cli.session import OPERATOR
from odoo_ai_config.entrypoints.settings import Settings
from odoo_ai_config.entrypoints.wiring import Services

_MOST_NAMED: Final = 5
_MOST_TENANTS: Final = 500


async def answering(services: Services, settings: Settings) -> AsyncIterator[Finding]:
    """
    Findings about the way of a message; nothing is opened and nobody is called.

    Raises:
        StoreUnavailableError: The store is away.
    """
    whole = await services.read_chatwoot_accounts.one(None, caller=OPERATOR)
    accounts = await services.read_chatwoot_accounts(caller=OPERATOR)
    yield _reach(whole, accounts, settings)
    yield _proof(whole, accounts, settings)
    yield await _stuck(services)
    yield await _crews(services)


def _reach(
    whole: ChatwootAccount, accounts: Sequence[ChatwootAccount], settings: Settings
) -> Finding:
    subject = "chatwoot"

    def reached(account: ChatwootAccount) -> bool:
        own, all_ = account.settings, whole.settings
        url = own.base_url or all_.base_url or settings.chatwoot_url
        token = own.api_token or all_.api_token or settings.chatwoot_api_token
        return url is not None and token is not None

    lacking = [account for account in accounts if not reached(account)]
    if lacking or not (accounts or reached(whole)):
        whose = _listed([str(account.account) for account in lacking])
        return Finding(
            Verdict.DOUBTFUL,
            subject,
            f"sem endereço ou api_access_token{f' da conta {whose}' if whose else ''}: "
            "respostas não chegam ao cliente",
            "execute: odoo-ai-config chatwoot set [CONTA] --url https://... --api-token",
        )
    return Finding(Verdict.GOOD, subject, "há endereço e api_access_token")


def _proof(
    whole: ChatwootAccount, accounts: Sequence[ChatwootAccount], settings: Settings
) -> Finding:
    subject = "webhook do chatwoot"

    def proven(account: ChatwootAccount) -> bool:
        return bool(account.settings.webhook_secrets or account.settings.webhook_tokens)

    for_all = proven(whole) or bool(settings.chatwoot_secrets or settings.chatwoot_tokens)
    lacking = [] if for_all else [account for account in accounts if not proven(account)]
    if lacking or not (accounts or for_all):
        whose = _listed([str(account.account) for account in lacking])
        return Finding(
            Verdict.DOUBTFUL,
            subject,
            f"sem segredo nem endereço secreto{f' da conta {whose}' if whose else ''}: "
            "só entra o que traz chave de API",
            "execute: odoo-ai-config chatwoot set [CONTA] --add-secret (ou --new-address)",
        )
    return Finding(Verdict.GOOD, subject, "há segredo ou endereço secreto")


async def _stuck(services: Services) -> Finding:
    subject = "mensagens"
    census = await services.ports.inbox.census()
    counts = [
        f"{census[stage].count} {stage.value}"
        for stage in Stage
        if stage in STUCK and stage in census
    ]
    if counts:
        return Finding(
            Verdict.DOUBTFUL,
            subject,
            f"paradas: {', '.join(counts)}",
            "veja o motivo: odoo-ai-config messages list --stage unresolved --stage dead",
        )
    return Finding(Verdict.GOOD, subject, "nenhuma parada")


async def _crews(services: Services) -> Finding:
    subject = "equipes"
    revisions = await services.ports.channels.mappings()
    owners = sorted({entry.mapping.owner for entry in revisions if entry.mapping.active})
    if not owners:
        return Finding(Verdict.GOOD, subject, "nenhum canal mapeado ainda")
    # To look at more takes longer than it is worth here: what is missing is alike everywhere.
    tenants = sorted({owner.tenant for owner in owners})[:_MOST_TENANTS]
    documents = await services.ports.store.documents_of(tenants, [CREWS])
    described = {document.key.owner for document in documents if content_of(document) is not None}
    lacking = [
        str(owner)
        for owner in owners
        if owner.tenant <= tenants[-1]
        and not described & {owner, TenantDomain(owner.tenant, BusinessDomain())}
    ]
    if lacking:
        return Finding(
            Verdict.DOUBTFUL,
            subject,
            f"com canal mapeado e sem documento crews: {_listed(lacking)}",
            "grave um crews para a área, ou para a área padrão do cliente (docs/crews.md)",
        )
    return Finding(Verdict.GOOD, subject, f"descritas ({len(tenants)} clientes conferidos)")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" e mais {more}" if more > 0 else "")
