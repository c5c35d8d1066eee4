"""
``conversations`` and ``channels``: why the AI is silent, and its pauses.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from cyclopts import App, Parameter

from odoo_ai_config.domain.channels.history import moment_of
from odoo_ai_config.domain.conversations.pauses import inbox_named
from odoo_ai_config.domain.conversations.state import (
    Conversation,
    ConversationKey,
    Pause,
    Status,
    Wrote,
)
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.cli.flags import (
    ARGUMENTS,
    AS_SET,
    OPTIONS,
    WRITE_AS_SET,
    AsJson,
    StoreFlags,
    WriteFlags,
    positive,
)
from odoo_ai_config.entrypoints.cli.session import OPERATOR, operator, reading, session
from odoo_ai_config.entrypoints.cli.terminal import Listing, moment, say, say_json, tell
from odoo_ai_config.entrypoints.http.conversations.handlers import (
    conversation_shown,
    state_shown,
)
from odoo_ai_config.entrypoints.http.platform.texts import Language

conversations: Final = App(
    name="conversations",
    help="Mostra as conversas e por que a IA se cala nelas; pausa e devolve uma conversa.",
    group_parameters=OPTIONS,
    group_arguments=ARGUMENTS,
)
channels: Final = App(
    name="channels",
    help="Pausa a IA num canal.",
    group_parameters=OPTIONS,
    group_arguments=ARGUMENTS,
)

_STATUSES: Final = {
    None: "-",
    Status.OPEN: "aberta",
    Status.PENDING: "pendente",
    Status.RESOLVED: "resolvida",
    Status.SNOOZED: "adiada",
}
_AUTHORS: Final = {
    None: "-",
    Wrote.CUSTOMER: "cliente",
    Wrote.PERSON: "pessoa",
    Wrote.AI: "IA",
}

Name = Annotated[str, Parameter(help="Conversa: CONTA/CONVERSA, como 1/301.")]
Channel = Annotated[str, Parameter(help="Canal: CONTA/CAIXA, como 1/7.")]
Until = Annotated[
    str | None,
    Parameter(
        help="Até quando: ISO 8601 com fuso, como 2099-12-01T09:00:00-03:00; sem ele, até alguém "
        "terminar a pausa."
    ),
]


def until_of(text: str | None) -> datetime | None:
    """
    The end of a pause, as ``--until`` names it.

    Raises:
        InvalidValueError: It is no moment.
    """
    try:
        return None if text is None else moment_of(text)
    except InvalidValueError as error:
        raise InvalidValueError("until", error.rule) from None


def say_pause(where: str, pause: Pause | None) -> None:
    """
    Print whether there is a pause.
    """
    if pause is None:
        say(f"Sem pausa: {where}")
    else:
        say(f"Em pausa: {where}, {_told(pause)}")


def _told(pause: Pause) -> str:
    end = "sem prazo" if pause.until is None else f"até {moment(pause.until)}"
    return f"{end}, por {pause.by}"


@conversations.command(name="list")
async def list_(
    *,
    tenant: Annotated[str | None, Parameter(help="Só as deste cliente.")] = None,
    after: Annotated[
        str | None, Parameter(help="Continua depois desta conversa, a última da página anterior.")
    ] = None,
    limit: Annotated[int, Parameter(help="Quantas.")] = 50,
    json: AsJson = False,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Lista as conversas que o hub conhece.
    """
    size = positive(limit)
    bound = None if tenant is None else TenantId(tenant)
    start = None if after is None else ConversationKey.from_text(after)
    async with reading(flags) as services:
        # One more than asked for shows whether there are more.
        found = await services.list_conversations(
            caller=OPERATOR, tenant=bound, after=start, limit=size + 1
        )
    page = found[:size]
    _CONVERSATIONS.say(page, json=json)
    if len(found) > size:
        tell(f"Há mais; continue com: --after {page[-1].key}")


def _row(conversation: Conversation) -> tuple[str, ...]:
    pause = conversation.pause
    return (
        str(conversation.key),
        str(conversation.tenant or "-"),
        _STATUSES[conversation.status],
        str(conversation.assignee or "-"),
        conversation.team or "-",
        _AUTHORS[conversation.last_wrote],
        "-" if pause is None else _told(pause),
    )


_CONVERSATIONS: Final = Listing(
    ("CONVERSA", "CLIENTE", "STATUS", "PESSOA", "TIME", "ÚLTIMA DE", "PAUSA"),
    _row,
    conversation_shown,
    "Nenhuma conversa.",
)


@conversations.command
async def show(conversation: Name, *, flags: StoreFlags = AS_SET) -> None:
    """
    Mostra uma conversa e se a IA responderia agora, regra por regra.
    """
    key = ConversationKey.from_text(conversation)
    async with reading(flags) as services:
        found, explanation = await services.explain_silence(key, caller=OPERATOR)
    state = state_shown(found, explanation, Language.PORTUGUESE)
    say_json(state)
    if state.answering is not None:
        why = state.answering.why
        tell("A IA responderia." if why is None else f"A IA não responderia: {why}.")


@conversations.command
async def pause(
    conversation: Name, *, until: Until = None, flags: WriteFlags = WRITE_AS_SET
) -> None:
    """
    Pausa a IA numa conversa, como a nota interna `/bot off`.
    """
    key, end = ConversationKey.from_text(conversation), until_of(until)
    async with session(flags) as services:
        after = await services.pause_conversation(key, caller=operator(flags), until=end)
    say_pause(f"conversa {key}", after.pause)


@conversations.command
async def resume(conversation: Name, *, flags: WriteFlags = WRITE_AS_SET) -> None:
    """
    Devolve uma conversa à IA, como a nota interna `/bot on`.

    A pausa dela termina, e o que uma pessoa escreveu não cala mais a IA. Atribuição e status ficam
    como estão no Chatwoot.
    """
    key = ConversationKey.from_text(conversation)
    async with session(flags) as services:
        after = await services.pause_conversation.end(key, caller=operator(flags))
    say_pause(f"conversa {key}", after.pause)


@channels.command(name="pause")
async def pause_channel(
    channel: Channel, *, until: Until = None, flags: WriteFlags = WRITE_AS_SET
) -> None:
    """
    Pausa a IA num canal, para o cliente que o tem.
    """
    key, end = inbox_named(channel), until_of(until)
    async with session(flags) as services:
        after = await services.pause_tenant(key, caller=operator(flags), until=end)
    say_pause(f"canal {channel}, cliente {after.tenant}", after.pause)


@channels.command(name="resume")
async def resume_channel(channel: Channel, *, flags: WriteFlags = WRITE_AS_SET) -> None:
    """
    Termina a pausa de um canal; a do cliente fica.
    """
    key = inbox_named(channel)
    async with session(flags) as services:
        after = await services.pause_tenant.end(key, caller=operator(flags))
    say_pause(f"canal {channel}, cliente {after.tenant}", after.pause)
