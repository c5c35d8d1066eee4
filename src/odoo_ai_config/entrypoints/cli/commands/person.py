"""
``person``: what the hub has of a person, to answer a request of that person.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from attrs import frozen
from cyclopts import App, Parameter

from odoo_ai_config.application.messages.persons import Presence
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import MessageId
from odoo_ai_config.domain.messages.persons import Person
from odoo_ai_config.entrypoints.cli.flags import (
    ARGUMENTS,
    AS_SET,
    OPTIONS,
    WRITE_AS_SET,
    StoreFlags,
    WriteFlags,
)
from odoo_ai_config.entrypoints.cli.session import OPERATOR, operator, reading, session
from odoo_ai_config.entrypoints.cli.terminal import moment, say, say_json, say_table, tell
from odoo_ai_config.entrypoints.http.messages.persons import export_shown, presence_shown
from odoo_ai_config.entrypoints.http.platform.texts import Language
from odoo_ai_config.entrypoints.wiring import Services

person: Final = App(
    name="person",
    help="Encontra, exporta e apaga o que o hub guarda de uma pessoa.",
    group_parameters=OPTIONS,
    group_arguments=ARGUMENTS,
)


@Parameter(name="*")
@frozen
class Who:
    """
    The person, named in one of three ways.
    """

    number: Annotated[str | None, Parameter(help="Número do WhatsApp.")] = None
    contact: Annotated[
        str | None, Parameter(help="Contato do Chatwoot: CONTA/CONTATO, como 1/77.")
    ] = None
    identifier: Annotated[
        str | None, Parameter(help="Identificador do contato no Chatwoot (identifier).")
    ] = None

    def of(self, services: Services) -> Person:
        """
        The person.

        Raises:
            InvalidValueError: It is not named in exactly one way.
        """
        return services.numbers.person(self.number, self.contact, self.identifier)


NOBODY: Final = Who()
Tenant = Annotated[str | None, Parameter(help="Só o que é deste cliente; sem ele, de todos.")]


@person.command
async def find(
    *,
    who: Who = NOBODY,
    tenant: Tenant = None,
    json: Annotated[bool, Parameter(help="Mostra JSON.")] = False,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Mostra quais clientes têm algo de uma pessoa, e quanto.
    """
    async with reading(flags) as services:
        found = await _found(services, who.of(services), tenant)
        complete = await services.find_person.search.complete()
    if json:
        say_json([presence_shown(one) for one in found])
    else:
        _say(found)
    if not complete:
        tell("Há mensagens de uma versão anterior que ainda não se acham; veja: person index")


@person.command
async def export(
    *, who: Who = NOBODY, tenant: Tenant = None, flags: WriteFlags = WRITE_AS_SET
) -> None:
    """
    Escreve em JSON o que o hub guarda de uma pessoa, com os textos; fica registrado na auditoria.
    """
    parts: list[Any] = []
    caller = operator(flags)
    async with session(flags) as services:
        await services.name_persons()
        named = who.of(services)
        for one in await _found(services, named, tenant):
            after: MessageId | None = None
            while True:
                page = await services.export_person(named, one.tenant, caller=caller, after=after)
                parts.append(export_shown(page, Language.PORTUGUESE, complete=True))
                if page.next is None:
                    break
                after = page.next
    say_json(parts)


@person.command
async def erase(
    *,
    who: Who = NOBODY,
    tenant: Tenant = None,
    special_numbers: Annotated[
        bool, Parameter(help="Retira também os números especiais do mapeamento.")
    ] = False,
    dry_run: Annotated[bool, Parameter(help="Só mostra o que seria apagado.")] = False,
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Apaga o que o hub guarda de uma pessoa: textos, respostas e o que a encontra.

    Ficam os ids e o desfecho das mensagens; o que espera resposta termina. Interrompido, continua
    de onde parou quando repetido.
    """
    caller = operator(flags)
    async with session(flags) as services:
        await services.name_persons()
        named = who.of(services)
        found = [
            await services.erase_person(
                named, one.tenant, caller=caller, numbers=special_numbers, dry_run=dry_run
            )
            for one in await _found(services, named, tenant)
        ]
    _say(found)
    tell("Nada foi apagado: é um ensaio." if dry_run else "Apagado.")
    if not special_numbers and any(one.numbers for one in found):
        tell("Os números especiais do mapeamento ficam; para retirá-los: --special-numbers")


@person.command
async def index(*, flags: StoreFlags = AS_SET) -> None:
    """
    Faz as mensagens de uma versão anterior serem achadas; o servidor o faz sozinho ao iniciar.
    """
    async with session(flags) as services:
        named = await services.name_persons()
    say(f"Mensagens que agora se acham: {named}")


async def _found(services: Services, named: Person, tenant: str | None) -> Sequence[Presence]:
    of = None if tenant is None else TenantId(tenant)
    return await services.find_person(named, caller=OPERATOR, tenant=of)


def _say(found: Sequence[Presence]) -> None:
    if not found:
        tell("Nada desta pessoa.")
        return
    heading = ("CLIENTE", "MENSAGENS", "ESPERAM", "PRIMEIRA", "ÚLTIMA", "CONVERSAS", "NÚMEROS")
    say_table(heading, [_row(one) for one in found])


def _row(found: Presence) -> tuple[str, ...]:
    return (
        str(found.tenant),
        str(found.messages),
        str(found.waiting),
        "-" if found.first is None else moment(found.first),
        "-" if found.last is None else moment(found.last),
        str(len(found.conversations)),
        ", ".join(str(one.channel) for one in found.numbers) or "-",
    )
