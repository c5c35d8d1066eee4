"""
``chatwoot``: how Chatwoot authenticates, and where the hub sends answers.
"""

from __future__ import annotations

import getpass
import secrets
import sys
from datetime import UTC, datetime
from typing import Annotated, Final

from cyclopts import App, Parameter

from odoo_ai_config.application.chatwoot.accounts import ChatwootAccount
from odoo_ai_config.domain.chatwoot import ChatwootChange, Value
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import ChatwootId, CredentialRef
from odoo_ai_config.entrypoints.catching_up import receive_missed
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
from odoo_ai_config.entrypoints.cli.terminal import Listing, say, say_json, tell
from odoo_ai_config.entrypoints.http.chatwoot.accounts import account_shown

chatwoot: Final = App(
    name="chatwoot",
    help="Mostra e muda a configuração das contas do Chatwoot.",
    group_parameters=OPTIONS,
)

_ALL: Final = "todas"
_TOKEN_BYTES: Final = 24

Account = Annotated[
    str | None,
    Parameter(help="Número da conta no Chatwoot; sem ele, a configuração de todas as contas."),
]


@chatwoot.command(name="set")
async def set_(  # noqa: PLR0913 - one option for each setting
    account: Account = None,
    *,
    url: Annotated[
        str | None, Parameter(help="Endereço do Chatwoot, https://...; vazio para remover.")
    ] = None,
    api_token: Annotated[bool, Parameter(help="Pergunta o api_access_token.")] = False,
    add_secret: Annotated[
        bool, Parameter(help="Pergunta mais um segredo com que o Chatwoot assina.")
    ] = False,
    remove_secrets: Annotated[bool, Parameter(help="Remove os segredos que havia.")] = False,
    new_address: Annotated[
        bool, Parameter(help="Cria mais um endereço secreto e o mostra uma única vez.")
    ] = False,
    remove_addresses: Annotated[
        bool, Parameter(help="Remove os endereços secretos que havia.")
    ] = False,
    agent_bot: Annotated[
        bool | None,
        Parameter(
            negative="--no-agent-bot",
            help="O Chatwoot usa um robô para o hub: conversa aberta é das pessoas.",
        ),
    ] = None,
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Muda a configuração de uma conta do Chatwoot, ou de todas.

    O que não é indicado fica como está. Segredos são lidos da entrada padrão, um por linha: num
    terminal, são perguntados e não aparecem. Os servidores os usam em até dois segundos.
    """
    named = None if account is None else ChatwootId(account)
    token = (_asked("api_access_token"),) if api_token else None
    secret = (_asked("Segredo da assinatura"),) if add_secret else ()
    made = (SecretText(secrets.token_urlsafe(_TOKEN_BYTES)),) if new_address else ()
    async with session(flags) as services:
        before = await services.read_chatwoot_accounts.one(named, caller=operator(flags))
        settings = before.settings
        kept_secrets = () if remove_secrets else _sealed(before, settings.webhook_secrets)
        kept_tokens = () if remove_addresses else _sealed(before, settings.webhook_tokens)
        change = ChatwootChange(
            None if url is None else url.strip(),
            token,
            (*kept_secrets, *secret),
            (*kept_tokens, *made),
            None if agent_bot is None else (agent_bot,),
        )
        after = await services.set_chatwoot_account(named, change, caller=operator(flags))
    tell(f"Chatwoot, {'todas as contas' if named is None else f'conta {named}'}:")
    say_json(account_shown(after))
    for fresh in made:
        public = flags.settings().public_url or "http://SERVIDOR:PORTA"
        tell("Endereço para o Chatwoot; guarde-o agora, ele não será mostrado de novo:")
        say(f"{public}/webhook/{fresh.reveal()}")


@chatwoot.command
async def show(account: Account = None, *, flags: StoreFlags = AS_SET) -> None:
    """
    Mostra a configuração de uma conta, ou a de todas; dos segredos, só impressões digitais.
    """
    named = None if account is None else ChatwootId(account)
    async with reading(flags) as services:
        found = await services.read_chatwoot_accounts.one(named, caller=OPERATOR)
    say_json(account_shown(found))


@chatwoot.command(name="list")
async def list_(*, json: AsJson = False, flags: StoreFlags = AS_SET) -> None:
    """
    Lista as contas configuradas e a configuração de todas.
    """
    async with reading(flags) as services:
        whole = await services.read_chatwoot_accounts.one(None, caller=OPERATOR)
        accounts = await services.read_chatwoot_accounts(caller=OPERATOR)
    _ACCOUNTS.say((whole, *accounts), json=json)


@chatwoot.command(name="catch-up")
async def catch_up(
    account: Annotated[str, Parameter(help="Número da conta no Chatwoot.")],
    *,
    since: Annotated[str, Parameter(help="Desde quando, com o fuso: 2026-11-29T10:00-03:00.")],
    until: Annotated[str | None, Parameter(help="Até quando; sem ele, até agora.")] = None,
    dry_run: Annotated[bool, Parameter(help="Só conta, sem receber nada.")] = False,
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Busca no Chatwoot as mensagens de clientes que o hub não recebeu, e as recebe.

    Precisa de um token que possa ler as conversas: o de um agente. Pode ser repetido: nenhuma
    mensagem é recebida duas vezes.
    """
    named, begins = ChatwootId(account), _moment("--since", since)
    ends = None if until is None else _moment("--until", until)
    async with (reading if dry_run else session)(flags) as services:
        now = services.ports.clock.now()
        search = await services.find_missed_messages(
            named, since=begins, until=ends or now, caller=operator(flags)
        )
        if dry_run:
            customers = sum(missed.by_customer for missed in search.found)
            say(f"Mensagens de clientes que não chegaram: {customers}")
        else:
            caught_up = await receive_missed(services, search, caller=operator(flags))
            say(f"Recebidas para a IA: {caught_up.accepted}; não são para ela: {caught_up.others}")
    if not search.complete:
        tell("Há mais do que cabe em uma busca; rode o comando de novo.")


def _moment(flag: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        in_utc = None if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        in_utc = None
    if in_utc is None:
        raise CommandError(f"{flag} deve ser data e hora com o fuso: 2026-11-29T10:00-03:00")
    return in_utc


def _row(found: ChatwootAccount) -> tuple[str, ...]:
    settings = found.settings
    return (
        _ALL if found.account is None else str(found.account),
        settings.base_url or "-",
        "não" if settings.api_token is None else "sim",
        str(len(settings.webhook_secrets)),
        str(len(settings.webhook_tokens)),
        {None: "-", True: "sim", False: "não"}[settings.agent_bot],
    )


_ACCOUNTS: Final = Listing(
    ("CONTA", "CHATWOOT", "TOKEN DA API", "SEGREDOS", "ENDEREÇOS", "ROBÔ"),
    _row,
    account_shown,
    "Nenhuma conta.",
)


def _sealed(account: ChatwootAccount, refs: tuple[CredentialRef, ...]) -> tuple[Value, ...]:
    return tuple(account.sealed[ref.value] for ref in refs if ref.value in account.sealed)


def _asked(what: str) -> SecretText:
    text = getpass.getpass(f"{what}: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not text.strip():
        raise CommandError(f"{what} não informado; escreva-o na entrada padrão.")
    return SecretText(text.strip())
