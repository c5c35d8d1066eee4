"""
``keyring``: the master keys, on which all sealed values depend.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import Annotated, Final

from attrs import asdict, frozen
from cyclopts import App, Parameter

from odoo_ai_config.application.credentials.rotation import MasterKeyNeed
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.cli.flags import (
    AS_SET,
    OPTIONS,
    WRITE_AS_SET,
    AsJson,
    StoreFlags,
    WriteFlags,
)
from odoo_ai_config.entrypoints.cli.progress import progress
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.session import operator, session, writing
from odoo_ai_config.entrypoints.cli.terminal import Listing, moment, say, tell
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.startup import opened

keyring: Final = App(
    name="keyring",
    help="Mostra, rotaciona e retira as chaves mestras, que protegem todas as credenciais.",
    group_parameters=OPTIONS,
)


@keyring.command
async def status(*, json: AsJson = False, flags: StoreFlags = AS_SET) -> None:
    """
    Mostra as chaves mestras e quantas chaves de clientes cada uma protege.

    Só aparecem impressões digitais, nunca as chaves.
    """
    container = Container(settings=flags.settings(), read_only=True)
    async with opened(container) as services:
        used = await services.ports.secrets.master_ids()
    seen = container.key_ring().status()
    ring = seen.ring
    _RING.say(
        [
            _KeyUse(key.id, key.created_at, key.id == ring.current_id, used.get(key.id, 0))
            for key in ring.keys
        ],
        json=json,
    )
    tell(f"Chaveiro: {container.key_ring().place}")
    if any(master_id != ring.current_id for master_id in used):
        tell("Há chaves de clientes sob uma chave antiga; conclua com: keyring rotate")


@frozen
class _KeyUse:
    """
    A master key, and how many data keys it wraps.
    """

    id: str
    created_at: datetime | None
    current: bool
    data_keys: int


_RING: Final = Listing[_KeyUse](
    ("CHAVE MESTRA", "CRIADA", "ATUAL", "CHAVES DE CLIENTES"),
    lambda one: (
        one.id,
        moment(one.created_at),
        "sim" if one.current else "não",
        str(one.data_keys),
    ),
    asdict,
    "Nenhuma chave mestra.",
)


@keyring.command
def add(*, flags: StoreFlags = AS_SET) -> None:
    """
    Acrescenta uma chave mestra nova, que ainda não é a atual.

    Assim ela pode ser copiada para todas as máquinas antes de `keyring rotate`.
    """
    key = Container(settings=flags.settings(), make=False).key_ring().add()
    say(f"Chave mestra {key.id} acrescentada.")
    tell("Distribua o chaveiro e faça um backup; depois: odoo-ai-config keyring rotate")


@keyring.command
async def rotate(
    *,
    tenant: Annotated[
        str | None,
        Parameter(
            help="Rotaciona só a chave de dados deste cliente e criptografa de novo seus segredos."
        ),
    ] = None,
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Torna atual a chave mestra mais nova e passa para ela as chaves de todos os clientes.

    Pode rodar com o servidor no ar. Interrompida, continua de onde parou quando repetida.
    """
    container, caller = Container(settings=flags.settings(), make=False), operator(flags)
    async with writing(container) as services:
        if tenant is not None:
            with progress("segredos criptografados de novo") as advance:
                done = await services.rotate_tenant_key(
                    TenantId(tenant), caller=caller, on_progress=advance
                )
            verb = "concluída" if done.resumed else "feita"
            key_id = done.key.key_id
            say(f"Rotação do cliente {verb}: {done.resealed} segredos sob a chave {key_id}.")
            _refuse_damage([f"{place.owner}/{place.ref}" for place in done.damaged])
            return
        newest = container.key_ring().ring().newest
        container.key_ring().make_current(newest.id)
        with progress("chaves de clientes") as advance:
            rotated = await services.rotate_master_key(caller=caller, on_progress=advance)
    say(f"Chave mestra atual: {rotated.master_id}; chaves de clientes: {rotated.rewrapped}.")
    _refuse_damage([str(owner) for owner in rotated.damaged])


@keyring.command
async def drop(
    master_id: Annotated[str, Parameter(help="Chave mestra, como `keyring status` mostra.")],
    *,
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Retira do chaveiro uma chave mestra de que nada mais precisa.

    Faça-o depois em cada máquina. Backups anteriores à rotação ainda precisam dela: guarde com
    eles uma cópia do chaveiro. Certificados de exclusão assinados sob ela passam a ser conferidos
    só com --public-key: anote antes a chave pública, que este comando mostra.
    """
    async with session(flags) as services:
        public_key = services.ports.certificates.public_keys().get(master_id)
        if public_key is not None:
            tell(
                f"Sem {master_id}, os certificados assinados sob ela só se conferem com: tenants "
                f"verify --public-key {b64encode(public_key).decode()}"
            )
        need = await services.drop_master_key(master_id, caller=operator(flags))
    if need is not None:
        raise CommandError(f"A chave {master_id} ficou: {_NEEDS[need]}.")
    say(f"Chave mestra {master_id} retirada do chaveiro.")


_NEEDS: Final = {
    MasterKeyNeed.NEW_DATA_KEYS: "ela é a atual; antes: keyring add e keyring rotate",
    MasterKeyNeed.DATA_KEYS: "ainda protege chaves de clientes; conclua com: keyring rotate",
    MasterKeyNeed.SPOOL: "há o que espera em disco pelo armazenamento; veja: spool list",
    MasterKeyNeed.AUDIT_TRAIL: "o fim da trilha de auditoria foi confirmado com ela; repita",
}


def _refuse_damage(places: list[str]) -> None:
    if places:
        raise CommandError(
            f"Não abriram e ficaram como estavam: {', '.join(places)}; "
            "restaure-os de um backup e repita."
        )
