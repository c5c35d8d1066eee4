"""
``tenants``: the clients, and the pause of the AI for one.
"""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import App, Parameter

from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.retention import (
    CREDENTIAL_DAYS,
    MESSAGE_DAYS,
    VERSION_DAYS,
    VERSIONS,
)
from odoo_ai_config.entrypoints.cli.commands.conversations import Until, say_pause, until_of
from odoo_ai_config.entrypoints.cli.flags import ARGUMENTS, AS_SET, OPTIONS, StoreFlags
from odoo_ai_config.entrypoints.cli.session import OPERATOR, all_tenants, reading, session
from odoo_ai_config.entrypoints.cli.terminal import moment, say_json, say_table, tell

tenants: Final = App(
    name="tenants",
    help="Lista os clientes e seus documentos, e pausa a IA para um deles.",
    group_parameters=OPTIONS,
    group_arguments=ARGUMENTS,
)

Tenant = Annotated[str, Parameter(help="Cliente (account_id).")]


@tenants.default
async def list_(*, flags: StoreFlags = AS_SET) -> None:
    """
    Lista os clientes e seus documentos.
    """
    async with reading(flags) as services:
        rows = [_row(doc) async for one in all_tenants(services) for doc in one.documents]
    if not rows:
        tell("Nenhum cliente ainda; envie um evento com: odoo-ai-config send credentials")
        return
    say_table(("CLIENTE", "ÁREA", "TIPO", "VERSÃO", "ATUALIZADO"), rows)


def _row(revision: Revision) -> tuple[str, ...]:
    key = revision.key
    updated = moment(revision.updated_at)
    return (str(key.tenant), str(key.domain), str(key.kind), str(revision.version), updated)


@tenants.command
async def pause(tenant: Tenant, *, until: Until = None, flags: StoreFlags = AS_SET) -> None:
    """
    Pausa a IA para um cliente, em todos os canais.
    """
    owner, end = TenantId(tenant), until_of(until)
    async with session(flags) as services:
        after = await services.pause_tenant(owner, caller=OPERATOR, until=end)
    say_pause(f"cliente {owner}", after.pause)


@tenants.command
async def resume(tenant: Tenant, *, flags: StoreFlags = AS_SET) -> None:
    """
    Termina a pausa de um cliente; as dos canais e conversas ficam.
    """
    owner = TenantId(tenant)
    async with session(flags) as services:
        after = await services.pause_tenant.end(owner, caller=OPERATOR)
    say_pause(f"cliente {owner}", after.pause)


def _number(help_: str) -> Parameter:
    return Parameter(help=f"{help_}; sem a opção, vale a configuração do hub.")


@tenants.command
async def retention(
    tenant: Tenant,
    *,
    versions: Annotated[
        int | None, _number("Versões mais novas de cada documento e canal; 0 para todas")
    ] = None,
    version_days: Annotated[int | None, _number("Dias das versões antigas; 0 para sempre")] = None,
    message_days: Annotated[
        int | None, _number("Dias das mensagens já tratadas; 0 para sempre")
    ] = None,
    deleted_credential_days: Annotated[
        int | None, _number("Dias dos valores de credenciais apagadas; 0: somem na hora")
    ] = None,
    reset: Annotated[bool, Parameter(help="Volta à configuração do hub.")] = False,
    json: Annotated[bool, Parameter(help="Mostra JSON.")] = False,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Mostra por quanto tempo se guarda o que é de um cliente; com opções, muda.

    As opções dadas substituem todas as anteriores.
    """
    owner = TenantId(tenant)
    given = {
        VERSIONS: versions,
        VERSION_DAYS: version_days,
        MESSAGE_DAYS: message_days,
        CREDENTIAL_DAYS: deleted_credential_days,
    }
    body: JsonObject = {name: value for name, value in given.items() if value is not None}
    if body or reset:
        async with session(flags) as services:
            kept, own = await services.tenant_retention.set(owner, body, caller=OPERATOR)
    else:
        async with reading(flags) as services:
            kept, own = await services.tenant_retention(owner, caller=OPERATOR)
    if json:
        say_json({**kept.body, "own": sorted(own)})
        return
    rows = [
        (name, str(value), "cliente" if name in own else "hub")
        for name, value in kept.body.items()
    ]
    say_table(("PRAZO", "VALOR", "DE"), rows)
