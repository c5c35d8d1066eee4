"""
``subscriptions``: who is told of changes and of what becomes of messages.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Final, TypeVar

from cyclopts import App, Parameter

from odoo_ai_config.application.subscriptions import SubscriptionChange
from odoo_ai_config.domain.access import lifetime
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.feed import FeedKind
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.subscriptions import MessageOutcome, Subscription, SubscriptionId
from odoo_ai_config.entrypoints.cli.flags import (
    AS_SET,
    OPTIONS,
    WRITE_AS_SET,
    AsJson,
    StoreFlags,
    WriteFlags,
)
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.session import OPERATOR, operator, reading, session
from odoo_ai_config.entrypoints.cli.terminal import Listing, moment, say, tell
from odoo_ai_config.entrypoints.http.subscriptions.handlers import subscription_shown

subscriptions: Final = App(
    name="subscriptions",
    help="Cria, lista, testa e remove inscrições: quem é avisado do que muda.",
    group_parameters=OPTIONS,
)

E = TypeVar("E", bound=Enum)

Id = Annotated[str, Parameter(help="ID da inscrição, como `subscriptions list` mostra.")]
OfTenant = Annotated[
    str | None, Parameter(help="De qual cliente ela é; sem esta opção, do hub inteiro.")
]
_KINDS: Final = ", ".join(kind.value for kind in FeedKind)
_OUTCOMES: Final = ", ".join(outcome.value for outcome in MessageOutcome)


def _members(kind: type[E], names: list[str], known: str) -> frozenset[E]:
    try:
        return frozenset(map(kind, names))
    except ValueError:
        raise CommandError(f"Nome desconhecido; escolha entre {known}.") from None


def _tenant(name: str | None) -> TenantId | None:
    return None if name is None else TenantId(name)


@subscriptions.command
async def create(
    url: Annotated[str, Parameter(help="Endereço (https) que recebe os eventos.")],
    *,
    kind: Annotated[
        list[str] | None, Parameter(help=f"O que muda; repita para mais de um: {_KINDS}.")
    ] = None,
    outcome: Annotated[
        list[str] | None,
        Parameter(help=f"O desfecho das mensagens; repita para mais de um: {_OUTCOMES}."),
    ] = None,
    tenant: OfTenant = None,
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Cria uma inscrição e mostra o segredo dela uma única vez.

    O segredo vai para a saída padrão, sozinho; ele confere as assinaturas (Standard Webhooks).
    """
    kinds = _members(FeedKind, kind or [], _KINDS)
    outcomes = _members(MessageOutcome, outcome or [], _OUTCOMES)
    async with session(flags) as services:
        made, secret = await services.manage_subscriptions.create(
            _tenant(tenant), url, kinds, outcomes, caller=operator(flags)
        )
    _hand_over(f"Inscrição {made.id} criada", secret)


def _hand_over(what: str, secret: SecretText) -> None:
    tell(f"{what}; guarde o segredo agora, ele não será mostrado de novo:")
    say(secret.reveal())


@subscriptions.command(name="list")
async def list_(
    *, tenant: OfTenant = None, json: AsJson = False, flags: StoreFlags = AS_SET
) -> None:
    """
    Lista as inscrições de um cliente, ou as do hub inteiro.
    """
    async with reading(flags) as services:
        found = await services.manage_subscriptions.listed(_tenant(tenant), caller=OPERATOR)
    _LISTED.say(sorted(found.values(), key=lambda one: one.created_at), json=json)


def _row(one: Subscription) -> tuple[str, ...]:
    told = [kind.value for kind in FeedKind if kind in one.kinds]
    told += [outcome.value for outcome in MessageOutcome if outcome in one.outcomes]
    off = "" if one.off is None else f"{one.off.reason} ({moment(one.off.at)})"
    return (one.id.value, one.url, ",".join(told), moment(one.created_at), off)


_LISTED: Final = Listing(
    ("ID", "ENDEREÇO", "AVISA DE", "CRIADA", "DESLIGADA"),
    _row,
    subscription_shown,
    "Nenhuma inscrição aqui; --tenant mostra as de um cliente, e subscriptions create cria uma",
)


@subscriptions.command
async def enable(
    subscription: Id, *, tenant: OfTenant = None, flags: WriteFlags = WRITE_AS_SET
) -> None:
    """
    Liga de novo uma inscrição desligada; o que morreu enquanto isso, `messages replay` reenvia.
    """
    await _switch(subscription, tenant, flags, on=True)
    say(f"Inscrição {subscription} ligada.")


@subscriptions.command
async def disable(
    subscription: Id, *, tenant: OfTenant = None, flags: WriteFlags = WRITE_AS_SET
) -> None:
    """
    Desliga uma inscrição: nada mais é enviado a ela.
    """
    await _switch(subscription, tenant, flags, on=False)
    say(f"Inscrição {subscription} desligada.")


async def _switch(id_: str, tenant: str | None, flags: WriteFlags, *, on: bool) -> None:
    change = SubscriptionChange(on=on)
    async with session(flags) as services:
        await services.manage_subscriptions.change(
            _tenant(tenant), SubscriptionId(id_), change, caller=operator(flags)
        )


@subscriptions.command
async def rotate(
    subscription: Id,
    *,
    tenant: OfTenant = None,
    overlap: Annotated[
        str, Parameter(help="Por quanto tempo o segredo antigo também assina: 1d, 12h, 30m.")
    ] = "1d",
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Troca o segredo de uma inscrição e mostra o novo uma única vez.
    """
    both = lifetime(overlap)
    async with session(flags) as services:
        _, secret = await services.manage_subscriptions.rotate(
            _tenant(tenant), SubscriptionId(subscription), overlap=both, caller=operator(flags)
        )
    _hand_over(f"Segredo de {subscription} trocado", secret)


@subscriptions.command(name="test")
async def try_out(
    subscription: Id, *, tenant: OfTenant = None, flags: WriteFlags = WRITE_AS_SET
) -> None:
    """
    Envia um evento de teste; quem o entrega é o servidor.
    """
    async with session(flags) as services:
        message = await services.send_trial(
            _tenant(tenant), SubscriptionId(subscription), caller=operator(flags)
        )
    say(f"Evento de teste a caminho: {message.id}; veja `messages show {message.id}`.")


@subscriptions.command
async def remove(
    subscription: Id, *, tenant: OfTenant = None, flags: WriteFlags = WRITE_AS_SET
) -> None:
    """
    Remove uma inscrição; o que ainda esperava por ela não é enviado.
    """
    async with session(flags) as services:
        await services.manage_subscriptions.remove(
            _tenant(tenant), SubscriptionId(subscription), caller=operator(flags)
        )
    say(f"Inscrição {subscription} removida.")
