"""
Notices: what a sender should know although its request was accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum, auto
from typing import Annotated, Final

from msgspec import Meta

from odoo_ai_config.domain import outcomes
from odoo_ai_config.entrypoints.http.platform.schema import answer
from odoo_ai_config.entrypoints.http.platform.texts import Language, Text


class NoticeCode(StrEnum):
    """
    What a notice is about.
    """

    MISSING_CREDENTIAL = auto()
    UNSEALED_SECRET = auto()
    CHANNEL_OF_ANOTHER_TENANT = auto()
    STILL_ROUTED_BY_INBOX = auto()
    STILL_ROUTED_BY_ACCOUNT = auto()
    STILL_ROUTED_BY_ACCOUNT_OWNER = auto()
    STILL_ROUTED_BY_SPECIAL_NUMBER = auto()
    STILL_ROUTED_BY_FALLBACK = auto()
    UNKNOWN_TENANT = auto()
    UNKNOWN_CREW = auto()
    STALE = auto()
    SIMILAR_TENANT = auto()
    KEPT_CREDENTIAL = auto()
    OLD_MARK_DROPPED = auto()
    ERASED_CREDENTIAL = auto()


NOTICES: Final[Mapping[str, Text]] = {
    NoticeCode.MISSING_CREDENTIAL: Text(
        "a configuração cita uma credencial que ainda não foi enviada",
        "the configuration names a credential that has not been sent yet",
    ),
    NoticeCode.UNSEALED_SECRET: Text(
        "parece um segredo, mas não pôde ser criptografado e ficou legível no documento",
        "looks like a secret, but cannot be encrypted and stays readable in the document",
    ),
    NoticeCode.CHANNEL_OF_ANOTHER_TENANT: Text(
        "o canal agora pertence a outro cliente e não foi alterado",
        "the channel now belongs to another tenant and was not changed",
    ),
    NoticeCode.STILL_ROUTED_BY_INBOX: Text(
        "as mensagens deste canal ainda são encaminhadas: a caixa de entrada está mapeada para "
        "qualquer conta do Chatwoot; remova-a em /mapping/",
        "messages of this channel are still routed: its inbox is mapped for any Chatwoot account; "
        "remove it at /mapping/",
    ),
    NoticeCode.STILL_ROUTED_BY_ACCOUNT: Text(
        "as mensagens deste canal ainda são encaminhadas: a conta do Chatwoot tem um mapeamento "
        "próprio, que vale para as caixas de entrada sem mapeamento",
        "messages of this channel are still routed: the Chatwoot account has a mapping of its "
        "own, for inboxes without one",
    ),
    NoticeCode.STILL_ROUTED_BY_ACCOUNT_OWNER: Text(
        "as mensagens deste canal ainda são encaminhadas: os outros canais da conta do Chatwoot "
        "são todos de um cliente, que recebe também as deste",
        "messages of this channel are still routed: all other channels of the Chatwoot account "
        "belong to one tenant, who gets these as well",
    ),
    NoticeCode.STILL_ROUTED_BY_SPECIAL_NUMBER: Text(
        "algumas mensagens deste canal ainda são encaminhadas: as de um número especial que só um "
        "cliente da conta do Chatwoot tem",
        "some messages of this channel are still routed: those from a special number that only "
        "one tenant of the Chatwoot account has",
    ),
    NoticeCode.STILL_ROUTED_BY_FALLBACK: Text(
        "as mensagens deste canal ainda são encaminhadas: vão para um cliente de reserva",
        "messages of this channel are still routed: they go to a fallback",
    ),
    NoticeCode.UNKNOWN_TENANT: Text(
        "o hub ainda não conhece este cliente; envie as credenciais ou a configuração dele",
        "the hub does not know this tenant yet; send its credentials or settings",
    ),
    NoticeCode.UNKNOWN_CREW: Text(
        "o documento crews deste cliente não descreve esta crew; ignore se quem a executa é o "
        "serviço de IA",
        "the crews document of this tenant does not describe this crew; ignore this if the AI "
        "service runs it",
    ),
    NoticeCode.SIMILAR_TENANT: Text(
        "o hub já tem um cliente cujo account_id só difere em maiúsculas e minúsculas; se é o "
        "mesmo, corrija o account_id no Odoo",
        "the hub has a tenant whose account_id differs only in case; if it is the same, correct "
        "the account_id in Odoo",
    ),
    NoticeCode.STALE: Text(
        "este envio chegou atrasado: o hub já tem um mais novo e não alterou nada",
        "this event is late: the hub already has a newer one and changed nothing",
    ),
    NoticeCode.KEPT_CREDENTIAL: Text(
        "um documento ainda cita esta credencial, e ela foi mantida; para removê-la, envie null",
        "a document still names this credential, so it was kept; send null to remove it",
    ),
    NoticeCode.OLD_MARK_DROPPED: Text(
        "o valor começava com ENC:, a marca do servidor antigo, e foi guardado sem ela; se ela "
        "faz parte da senha, envie ENC:ENC:...",
        "the value began with ENC:, the old server's mark, and was stored without it; if the mark "
        "is part of the password, send ENC:ENC:...",
    ),
    NoticeCode.ERASED_CREDENTIAL: Text(
        "o valor que esta credencial tinha naquela versão foi apagado e não voltou; envie-o de "
        "novo se for preciso",
        "the value that this credential had in that version was deleted and did not come back; "
        "send it again if it is needed",
    ),
}


@answer
class Notice:
    """
    Something that the sender should know although the request was accepted.
    """

    code: NoticeCode
    field: Annotated[
        str,
        Meta(description="The path of the field, or the name of what it is about; never a value."),
    ]
    message: Annotated[str, Meta(description="For people, in their language.")]


def shown_notices(notices: Iterable[outcomes.Notice], language: Language) -> list[Notice]:
    """
    The notices in *language*.
    """
    return [
        Notice(
            code=NoticeCode(notice.code),
            field=notice.field,
            message=NOTICES[notice.code].to(language),
        )
        for notice in notices
    ]
