"""
``keys``: the API keys.
"""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import App, Parameter

from odoo_ai_config.domain.access import ApiKey, Scope, lifetime
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.cli.flags import (
    AS_SET,
    OPTIONS,
    WRITE_AS_SET,
    AsJson,
    StoreFlags,
    WriteFlags,
    length_of,
)
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.session import OPERATOR, operator, reading, session
from odoo_ai_config.entrypoints.cli.terminal import Listing, moment, say, tell
from odoo_ai_config.entrypoints.http.keys.handlers import key_shown

keys: Final = App(
    name="keys", help="Cria, lista, troca e revoga chaves de API.", group_parameters=OPTIONS
)

KeyId = Annotated[str, Parameter(help="ID da chave, como `keys list` mostra.")]
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
    expires: Annotated[
        str | None, Parameter(help="Por quanto tempo vale: 90d, 12h, 30m; sem esta opção, sempre.")
    ] = None,
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Cria uma chave e a mostra uma única vez.

    A chave vai para a saída padrão, sozinha; dela só se guarda o resumo criptográfico.
    `admin` inclui todos os escopos.
    """
    scopes = frozenset(map(_scope, scope))
    bound = None if tenant is None else TenantId(tenant)
    length = length_of(expires)
    async with session(flags) as services:
        key, text = await services.create_api_key(
            name=name, scopes=scopes, tenant=bound, lifetime=length, caller=operator(flags)
        )
    _hand_over(key, text)


def _hand_over(key: ApiKey, text: SecretText) -> None:
    until = "" if key.expires_at is None else f", válida até {moment(key.expires_at)}"
    tell(f"Chave {key.id} criada{until}; guarde-a agora, ela não será mostrada de novo:")
    say(text.reveal())


@keys.command(name="list")
async def list_(*, json: AsJson = False, flags: StoreFlags = AS_SET) -> None:
    """
    Lista as chaves, as revogadas e as vencidas também.

    O último uso é anotado no máximo uma vez por hora.
    """
    async with reading(flags) as services:
        found = await services.list_api_keys(caller=OPERATOR)
    _KEYS.say(found, json=json)


def _row(key: ApiKey) -> tuple[str, ...]:
    scopes = ",".join(scope.value for scope in Scope if scope in key.scopes)
    tenant = "todos" if key.tenant is None else str(key.tenant)
    times = (key.created_at, key.used_at, key.expires_at, key.revoked_at)
    return (key.id, key.name, scopes, tenant, *map(moment, times))


_KEYS: Final = Listing(
    ("ID", "NOME", "ESCOPOS", "CLIENTE", "CRIADA", "ÚLTIMO USO", "VENCE", "REVOGADA"),
    _row,
    key_shown,
    "Nenhuma chave; crie uma com: odoo-ai-config keys create",
)


@keys.command
async def rotate(
    key_id: KeyId,
    *,
    overlap: Annotated[
        str, Parameter(help="Por quanto tempo a antiga ainda vale: 7d, 12h, 30m.")
    ] = "7d",
    expires: Annotated[
        str | None, Parameter(help="Por quanto tempo a nova vale; sem esta opção, como a antiga.")
    ] = None,
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Cria a sucessora de uma chave, com os mesmos direitos, e a mostra uma única vez.

    As duas valem até o fim do prazo; depois só a nova.
    """
    both, length = lifetime(overlap), length_of(expires)
    async with session(flags) as services:
        key, text = await services.rotate_api_key(
            key_id, overlap=both, lifetime=length, caller=operator(flags)
        )
    _hand_over(key, text)


@keys.command
async def revoke(key_id: KeyId, *, flags: WriteFlags = WRITE_AS_SET) -> None:
    """
    Revoga uma chave, para sempre; os servidores a recusam em até dois segundos.
    """
    async with session(flags) as services:
        key = await services.revoke_api_key(key_id, caller=operator(flags))
    say(f"Chave {key.id} ({key.name}) revogada em {moment(key.revoked_at)}.")
