"""
``messages``: the messages from Chatwoot, and what to do about stuck ones.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Annotated, Final

from cyclopts import App, Parameter

from odoo_ai_config.application.messages.replay import MOST_AT_ONCE, Replay
from odoo_ai_config.domain.errors import DomainError
from odoo_ai_config.domain.events import subject_of
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import STUCK, InboxMessage, MessageId, Stage
from odoo_ai_config.domain.subscriptions import SubscriptionId
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
from odoo_ai_config.entrypoints.cli.refusals import CommandError, refusal_text
from odoo_ai_config.entrypoints.cli.session import OPERATOR, operator, reading, session
from odoo_ai_config.entrypoints.cli.terminal import Listing, moment, say_json, say_table, tell
from odoo_ai_config.entrypoints.http.messages.handlers import state_of, summary_of
from odoo_ai_config.entrypoints.http.platform.texts import Language

messages: Final = App(
    name="messages",
    help="Mostra as mensagens do Chatwoot, reenvia e descarta as que estão paradas.",
    group_parameters=OPTIONS,
    group_arguments=ARGUMENTS,
)

_STAGES: Final = ", ".join(stage.value for stage in Stage)
_STUCK: Final = tuple(stage for stage in Stage if stage in STUCK)

Ids = Annotated[str, Parameter(help="Mensagem, como `messages list` mostra.")]
Tenant = Annotated[str | None, Parameter(help="Só as deste cliente.")]
Subscription = Annotated[
    str | None,
    Parameter(help="Só os eventos a esta inscrição, como `subscriptions list` mostra."),
]


@messages.command(name="list")
async def list_(
    *,
    stage: Annotated[
        list[str] | None,
        Parameter(help=f"Só as desta etapa; repita para mais de uma: {_STAGES}."),
    ] = None,
    tenant: Tenant = None,
    subscription: Subscription = None,
    after: Annotated[
        str | None, Parameter(help="Continua depois desta mensagem, a última da página anterior.")
    ] = None,
    limit: Annotated[int, Parameter(help="Quantas, das mais novas.")] = 50,
    json: AsJson = False,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Lista mensagens, das mais novas para as mais antigas, sem os textos.

    As paradas: --stage unresolved --stage dead --stage failed
    """
    size = positive(limit)
    stages = _stages(stage, tuple(Stage))
    bound = None if tenant is None else TenantId(tenant)
    told = None if subscription is None else SubscriptionId(subscription)
    start = None if after is None else MessageId(after)
    async with reading(flags) as services:
        # One more than asked for shows whether there are more.
        found = await services.list_messages(
            caller=OPERATOR,
            stages=stages,
            tenant=bound,
            subscription=told,
            after=start,
            limit=size + 1,
        )
    page = found[:size]
    _MESSAGES.say(page, json=json)
    if len(found) > size:
        tell(f"Há mais; continue com: --after {page[-1].id}")


def _row(message: InboxMessage) -> tuple[str, ...]:
    destination, told = message.destination, subject_of(message)
    owner = None if destination is None else destination.owner
    area = "-" if owner is None else str(owner.domain)
    return (
        str(message.id),
        message.stage.value,
        message.reason or "-",
        "-" if owner is None else str(owner.tenant),
        area if told is None else str(told.subscription),
        str(message.attempts),
        moment(message.received_at),
    )


_MESSAGES: Final = Listing(
    ("MENSAGEM", "ETAPA", "MOTIVO", "CLIENTE", "ÁREA", "TENTATIVAS", "RECEBIDA"),
    _row,
    lambda message: summary_of(message, Language.PORTUGUESE),
    "Nenhuma mensagem.",
)


@messages.command
async def show(
    message: Ids,
    *,
    open_: Annotated[
        bool,
        Parameter(
            name="--open",
            help="Mostra também o que o cliente e a crew escreveram; fica registrado.",
        ),
    ] = False,
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Mostra uma mensagem: etapa, motivo, rota e tentativas.
    """
    message_id = MessageId(message)
    # Opening a message is noted in the audit trail.
    async with (session if open_ else reading)(flags) as services:
        read = services.read_message
        if open_:
            say_json(
                state_of(
                    await read.opened(message_id, caller=operator(flags)), Language.PORTUGUESE
                )
            )
        else:
            say_json(
                summary_of(await read(message_id, caller=operator(flags)), Language.PORTUGUESE)
            )


@messages.command
async def replay(
    *ids: Ids,
    stage: Annotated[
        list[str] | None, Parameter(help="Em vez de indicar mensagens: as paradas nesta etapa.")
    ] = None,
    tenant: Tenant = None,
    subscription: Subscription = None,
    limit: Annotated[int, Parameter(help="Quantas no máximo, das mais antigas.")] = MOST_AT_ONCE,
    flags: WriteFlags = WRITE_AS_SET,
) -> int:
    """
    Reenvia mensagens paradas, com o mapeamento atual.

    Termina com 1 se alguma ficou onde estava. Uma resposta que a crew já deu é só enviada. Eventos
    a inscrições só são reenviados com --subscription, ou um a um.
    """
    chosen = (stage, tenant, subscription) != (None, None, None)
    if bool(ids) == chosen:
        raise CommandError(
            "Indique as mensagens, ou escolha-as com --stage, --tenant ou --subscription."
        )
    names = [MessageId(text) for text in ids]
    stages = _stages(stage, _STUCK)
    bound = None if tenant is None else TenantId(tenant)
    told = None if subscription is None else SubscriptionId(subscription)
    size = positive(limit)
    async with session(flags) as services:
        replaying = services.replay_messages
        if names:
            replays = await replaying.each(names, caller=operator(flags))
        else:
            matching = partial(
                replaying.matching,
                caller=OPERATOR,
                stages=stages,
                tenant=bound,
                subscription=told,
            )
            replays = await _replayed(matching, size)
    return _told([(entry.id, "a caminho", entry.refusal) for entry in replays])


async def _replayed(
    matching: Callable[..., Awaitable[Sequence[Replay]]], limit: int
) -> Sequence[Replay]:
    replays: list[Replay] = []
    after: MessageId | None = None
    while page := await matching(after=after, limit=limit - len(replays)):
        replays += page
        after = page[-1].id
        if len(replays) == limit:
            break
    return replays


@messages.command
async def discard(
    *ids: Ids,
    yes: Annotated[bool, Parameter(help="Não pergunta antes.")] = False,
    flags: WriteFlags = WRITE_AS_SET,
) -> int:
    """
    Descarta mensagens paradas, para sempre; a retenção as remove depois.
    """
    if not ids:
        raise CommandError("Indique ao menos uma mensagem.")
    names = [MessageId(text) for text in ids]
    if not yes and not _confirmed(len(names)):
        tell("Nada foi descartado.")
        return 1
    outcomes: list[tuple[MessageId, str, str | None]] = []
    async with session(flags) as services:
        for name in names:
            try:
                await services.discard_message(name, caller=operator(flags))
            except DomainError as error:
                outcomes.append((name, "", error.code))
            else:
                outcomes.append((name, "descartada", None))
    return _told(outcomes)


def _confirmed(count: int) -> bool:
    if not sys.stdin.isatty():
        raise CommandError("Sem terminal para perguntar; confirme com --yes.")
    what = "esta mensagem? Ninguém a" if count == 1 else f"estas {count} mensagens? Ninguém as"
    sys.stderr.write(f"Descartar {what} responderá. [s/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"s", "sim"}


def _told(outcomes: Sequence[tuple[MessageId, str, str | None]]) -> int:
    """
    Print the result of each message; the exit status is 1 if one was refused.
    """
    if not outcomes:
        tell("Nenhuma mensagem.")
        return 0
    rows = [
        (str(name), done if refusal is None else refusal_text(refusal))
        for name, done, refusal in outcomes
    ]
    say_table(("MENSAGEM", "RESULTADO"), rows)
    return int(any(refusal is not None for _, _, refusal in outcomes))


def _stages(names: Sequence[str] | None, among: Sequence[Stage]) -> Collection[Stage]:
    known = {stage.value: stage for stage in among}
    if names is None:
        return among
    if not known.keys() >= set(names):
        raise CommandError(f"Etapa inválida; escolha entre {', '.join(known)}.")
    return [known[name] for name in names]
