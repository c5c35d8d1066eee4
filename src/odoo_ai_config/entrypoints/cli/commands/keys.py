"""
``keys``: the API keys.
"""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import App, Parameter

from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.cli.flags import AS_SET, OPTIONS, StoreFlags
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.session import reading, session
from odoo_ai_config.entrypoints.cli.terminal import moment, say, say_table, tell

keys: Final = App(
    name="keys", help="Cria, lista e revoga chaves de API.", group_parameters=OPTIONS
)

_SCOPES: Final = ", ".join(scope.value for scope in Scope)


def _scope(text: str) -> Scope:
    try:
        return Scope(text)
    except ValueError:
        raise CommandError(f"Escopo desconhecido; escolha entre {_SCOPES}.") from None


@keys.command
async def create(
    *,
    name: Annotated[str, Parameter(help="Para quem é a chave.")],
    scope: Annotated[
        list[str], Parameter(help=f"O que ela permite; repita para mais de um: {_SCOPES}.")
    ],
    tenant: Annotated[
        str | None, Parameter(help="Único cliente que ela alcança; sem esta opção, todos.")
    ] = None,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Cria uma chave e a mostra uma única vez.

    A chave vai para a saída padrão, sozinha; dela só se guarda o resumo criptográfico.
    `admin` inclui todos os escopos.
    """
    scopes = frozenset(map(_scope, scope))
    bound = None if tenant is None else TenantId(tenant)
    async with session(flags) as services:
        key, text = await services.create_api_key(name=name, scopes=scopes, tenant=bound)
    tell(f"Chave {key.id} criada; guarde-a agora, ela não será mostrada de novo:")
    say(text.reveal())


@keys.command(name="list")
async def list_(*, flags: StoreFlags = AS_SET) -> None:
    """
    Lista as chaves, as revogadas também.
    """
    async with reading(flags) as services:
        found = await services.ports.api_keys.api_keys()
    if not found:
        tell("Nenhuma chave; crie uma com: odoo-ai-config keys create")
        return
    heading = ("ID", "NOME", "ESCOPOS", "CLIENTE", "CRIADA", "REVOGADA")
    say_table(heading, [_row(key) for key in found])


def _row(key: ApiKey) -> tuple[str, ...]:
    scopes = ",".join(scope.value for scope in Scope if scope in key.scopes)
    tenant = "todos" if key.tenant is None else str(key.tenant)
    return (key.id, key.name, scopes, tenant, moment(key.created_at), moment(key.revoked_at))


@keys.command
async def revoke(
    key_id: Annotated[str, Parameter(help="ID da chave, como `keys list` mostra.")],
    *,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Revoga uma chave, para sempre; os servidores a recusam em até dois segundos.
    """
    async with session(flags) as services:
        key = await services.revoke_api_key(key_id)
    say(f"Chave {key.id} ({key.name}) revogada em {moment(key.revoked_at)}.")
