"""
``tenants``: the clients; the pause of the AI, suspension and erasure of one.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from functools import partial
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter

from odoo_ai_config.application.tenants import verified
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import BusinessArea, TenantArea, TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.retention import (
    CREDENTIAL_DAYS,
    MESSAGE_DAYS,
    VERSION_DAYS,
    VERSIONS,
)
from odoo_ai_config.domain.tenants import (
    CertificateInvalidError,
    Standing,
    TenantContents,
    TenantState,
    standing_of,
)
from odoo_ai_config.entrypoints.cli.commands.conversations import Until, say_pause, until_of
from odoo_ai_config.entrypoints.cli.flags import (
    ARGUMENTS,
    AS_SET,
    OPTIONS,
    WRITE_AS_SET,
    AsJson,
    StoreFlags,
    WriteFlags,
)
from odoo_ai_config.entrypoints.cli.progress import progress
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.session import (
    OPERATOR,
    all_tenants,
    every,
    operator,
    reading,
    session,
)
from odoo_ai_config.entrypoints.cli.terminal import (
    Listing,
    moment,
    say,
    say_json,
    say_table,
    say_text,
    tell,
)
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.http.tenants.handlers import tenant_shown
from odoo_ai_config.entrypoints.http.tenants.lifecycle import keys_shown, standing_shown

tenants: Final = App(
    name="tenants",
    help="Lista os clientes; pausa a IA para um, muda uma área, suspende, apaga ou reabre.",
    group_parameters=OPTIONS,
    group_arguments=ARGUMENTS,
)

Tenant = Annotated[str, Parameter(help="Cliente (account_id).")]

_STANDINGS: Final = {
    Standing.ACTIVE: "ativo",
    Standing.SUSPENDED: "suspenso",
    Standing.ERASING: "sendo apagado",
    Standing.ERASED: "apagado",
    Standing.RENAMING: "mudando de identificador",
    Standing.RENAMED: "com outro identificador",
}
# By the names of `TenantContents`.
_KINDS: Final = {
    "documents": "documentos",
    "revisions": "versões de documentos",
    "credentials": "credenciais criptografadas",
    "channels": "canais",
    "collections": "coleções",
    "items": "itens de coleções",
    "messages": "mensagens",
    "conversations": "conversas",
    "requests": "registros de requisições",
    "api_keys": "chaves de API",
    "addresses": "endereços secretos",
}


@tenants.default
async def list_(*, json: AsJson = False, flags: StoreFlags = AS_SET) -> None:
    """
    Lista os clientes e seus documentos.
    """
    async with reading(flags) as services:
        found = [one async for one in all_tenants(services)]
    if json:
        say_json([tenant_shown(one) for one in found])
    elif found:
        rows = [_row(revision) for one in found for revision in one.documents]
        say_table(("CLIENTE", "ÁREA", "TIPO", "VERSÃO", "ATUALIZADO"), rows)
    else:
        tell("Nenhum cliente ainda; envie um evento com: odoo-ai-config send credentials")


def _row(revision: Revision) -> tuple[str, ...]:
    key = revision.key
    updated = moment(revision.updated_at)
    return (str(key.tenant), str(key.domain), str(key.kind), str(revision.version), updated)


@tenants.command
async def pause(tenant: Tenant, *, until: Until = None, flags: WriteFlags = WRITE_AS_SET) -> None:
    """
    Pausa a IA para um cliente, em todos os canais.
    """
    owner, end = TenantId(tenant), until_of(until)
    async with session(flags) as services:
        after = await services.pause_tenant(owner, caller=operator(flags), until=end)
    say_pause(f"cliente {owner}", after.pause)


@tenants.command
async def resume(tenant: Tenant, *, flags: WriteFlags = WRITE_AS_SET) -> None:
    """
    Termina a pausa de um cliente; as dos canais e conversas ficam.
    """
    owner = TenantId(tenant)
    async with session(flags) as services:
        after = await services.pause_tenant.end(owner, caller=operator(flags))
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
    flags: WriteFlags = WRITE_AS_SET,
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
            kept, own = await services.tenant_retention.set(owner, body, caller=operator(flags))
    else:
        async with reading(flags) as services:
            kept, own = await services.tenant_retention(owner, caller=operator(flags))
    if json:
        say_json({**kept.body, "own": sorted(own)})
        return
    rows = [
        (name, str(value), "cliente" if name in own else "hub")
        for name, value in kept.body.items()
    ]
    say_table(("PRAZO", "VALOR", "DE"), rows)


@tenants.command
async def suspend(tenant: Tenant, *, flags: WriteFlags = WRITE_AS_SET) -> None:
    """
    Suspende um cliente: nada dele é servido nem roteado, e nada se perde.

    O que o Odoo envia continua sendo guardado. A IA se cala.
    """
    owner = TenantId(tenant)
    async with session(flags) as services:
        state = await services.suspend_tenant(owner, caller=operator(flags))
    _say_standing(owner, state)


@tenants.command
async def unsuspend(tenant: Tenant, *, flags: WriteFlags = WRITE_AS_SET) -> None:
    """
    Termina a suspensão de um cliente.
    """
    owner = TenantId(tenant)
    async with session(flags) as services:
        state = await services.suspend_tenant.end(owner, caller=operator(flags))
    _say_standing(owner, state)


@tenants.command
async def erase(
    tenant: Tenant,
    *,
    confirm: Annotated[str | None, Parameter(help="O identificador do cliente outra vez.")] = None,
    dry_run: Annotated[bool, Parameter(help="Só conta o que seria apagado.")] = False,
    large: Annotated[
        bool,
        Parameter(
            help="Regrava um arquivo SQLite de qualquer tamanho, para que nele não sobre nada; "
            "ninguém grava enquanto isso (dois segundos a cada 100 MiB). Sem isto, só até 64 MiB."
        ),
    ] = False,
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Apaga um cliente, para sempre: ficam o certificado e a trilha de auditoria.

    Interrompido, continua de onde estava quando o comando é repetido; um servidor continua
    sozinho.
    """
    owner = TenantId(tenant)
    if dry_run:
        async with reading(flags) as services:
            _say_contents(await services.erase_tenant.planned(owner, caller=OPERATOR))
        return
    if confirm != tenant:
        raise CommandError(f"Para apagar o cliente {owner}, escreva também: --confirm {owner}")
    async with session(flags) as services:
        with progress("passos") as advance:
            state = await services.erase_tenant(
                owner,
                caller=operator(flags),
                confirmation=confirm,
                large=large,
                on_progress=advance,
            )
    if state.contents is not None:
        _say_contents(state.contents)
    _say_standing(owner, state)
    tell(f"Certificado: odoo-ai-config tenants certificate {owner}")


@tenants.command
async def reopen(tenant: Tenant, *, flags: WriteFlags = WRITE_AS_SET) -> None:
    """
    Reabre um cliente apagado, ou o identificador que um cliente deixou.

    O que o Odoo envia com ele volta a ser guardado, com outra chave; nada de antes volta.
    """
    owner = TenantId(tenant)
    async with session(flags) as services:
        state = await services.reopen_tenant(owner, caller=operator(flags))
    _say_standing(owner, state)


@tenants.command
async def standings(*, json: AsJson = False, flags: StoreFlags = AS_SET) -> None:
    """
    Lista os clientes suspensos, os apagados e os identificadores que mudaram.
    """
    async with reading(flags) as services:
        read = partial(services.read_standing.unserved, caller=OPERATOR)
        found = [state async for state in every(read, lambda state: state.tenant)]
    _UNSERVED.say(found, json=json)


_UNSERVED: Final = Listing[TenantState](
    ("CLIENTE", "SITUAÇÃO", "DESDE", "POR", "MOTIVO"),
    lambda state: (
        str(state.tenant),
        _STANDINGS[state.standing],
        moment(state.since),
        state.by,
        state.reason or "-",
    ),
    lambda state: standing_shown(state.tenant, state),
    "Todos os clientes estão ativos.",
)


@tenants.command
async def certificate(tenant: Tenant, *, flags: StoreFlags = AS_SET) -> None:
    """
    Mostra o certificado assinado de um cliente apagado, em JSON.
    """
    async with reading(flags) as services:
        found = await services.read_standing.certificate(TenantId(tenant), caller=OPERATOR)
    say_text(found.text)


@tenants.command
async def certificate_keys(*, json: AsJson = False, flags: StoreFlags = AS_SET) -> None:
    """
    Lista as chaves públicas que conferem os certificados.
    """
    async with reading(flags) as services:
        found = keys_shown(services.ports.certificates)
    if json:
        say_json(found)
        return
    rows = [(key.key_id, key.algorithm, key.public_key) for key in found]
    say_table(("ID", "ALGORITMO", "CHAVE PÚBLICA"), rows)


@tenants.command
def verify(
    file: Annotated[Path, Parameter(help="Arquivo com o certificado.")],
    *,
    public_key: Annotated[
        str | None,
        Parameter(help="Chave pública, em Base64; sem ela, as chaves deste hub."),
    ] = None,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Confere um certificado: com a chave pública apenas, ou com o chaveiro que o assinou.

    Sem --public-key, precisa da chave mestra em que foi assinado; não precisa do armazenamento.
    """
    try:
        text = file.read_text("utf-8")
    except (OSError, ValueError):
        raise CommandError(f"Não é possível ler {file}.") from None
    key = None if public_key is None else _public_key(public_key)
    container = Container(settings=flags.settings(), make=False)
    ring = container.key_ring()
    other = (
        "indique a chave pública de quem o assinou (--public-key), ou o chaveiro "
        f"(agora {ring.place})"
    )
    if key is None and ring.found() is None:
        raise CommandError(f"Não há chaveiro para conferir: {other}.")
    try:
        found = verified(text, container.certificates(), key)
    except CertificateInvalidError:
        if key is not None:
            raise
        raise CommandError(
            f"O certificado foi alterado, ou nenhuma chave do chaveiro o assinou: {other}."
        ) from None
    statement = found.statement
    say(
        f"Certificado autêntico: cliente {statement['tenant']}, apagado em "
        f"{statement['erased_at']} por {statement['by']} (chave {found.signature.key_id})."
    )


@tenants.command
async def move(
    tenant: Tenant,
    *,
    from_area: Annotated[str, Parameter(help="Área de negócio como ela se chama agora.")],
    to_area: Annotated[str, Parameter(help="Área de negócio como ela vai se chamar.")],
    dry_run: Annotated[bool, Parameter(help="Só mostra o que mudaria.")] = False,
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Muda uma área de negócio: documentos com o histórico, credenciais, canais e endereços.

    O nome antigo passa a responder com o novo; mude-o também no Odoo.
    """
    owner = TenantId(tenant)
    source = TenantArea(owner, BusinessArea.from_text(from_area))
    target = TenantArea(owner, BusinessArea.from_text(to_area))
    async with (reading if dry_run else session)(flags) as services:
        plan = await services.move_area(source, target, caller=operator(flags), dry_run=dry_run)
    rows = [(f"{one.key.kind}", str(one.version)) for one in plan.documents]
    say_table(("DOCUMENTO", "VERSÃO"), rows)
    done = "mudaria" if dry_run else "mudou"
    say(
        f"{source} {done} para {target}: {plan.revisions} versões, "
        f"{plan.credentials} credenciais, {plan.channels} canais, {plan.addresses} endereços."
    )


@tenants.command
async def rename(
    tenant: Tenant,
    *,
    to: Annotated[str, Parameter(help="Identificador que o cliente vai ter.")],
    dry_run: Annotated[bool, Parameter(help="Só mostra o que mudaria.")] = False,
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Dá outro identificador a um cliente: tudo dele muda junto.

    O identificador antigo passa a responder com o novo; mude-o também no Odoo.
    """
    old, new = TenantId(tenant), TenantId(to)
    async with (reading if dry_run else session)(flags) as services:
        rename_tenant = services.rename_tenant
        if dry_run:
            _say_contents(await rename_tenant.planned(old, new, caller=OPERATOR))
            return
        state = await rename_tenant(old, new, caller=operator(flags))
    if state.contents is not None:
        _say_contents(state.contents)
    _say_standing(old, state)
    if state.standing is not Standing.RENAMED:
        tell(
            "Um servidor tem mensagens em mãos: ele termina sozinho, e este comando também, "
            "quando repetido."
        )


def _public_key(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError):
        raise InvalidValueError("public_key", "public_key") from None


def _say_standing(tenant: TenantId, state: TenantState | None) -> None:
    since = "" if state is None else f", desde {moment(state.since)}, por {state.by}"
    to = "" if state is None or state.successor is None else f" ({state.successor})"
    say(f"Cliente {tenant}: {_STANDINGS[standing_of(state)]}{to}{since}")


def _say_contents(contents: TenantContents) -> None:
    rows = [(_KINDS[kind], str(count)) for kind, count in contents.counts.items()]
    say_table(("O QUÊ", "QUANTOS"), rows)
