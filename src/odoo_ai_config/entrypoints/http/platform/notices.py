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
    KEPT_CREDENTIAL = auto()
    OLD_MARK_DROPPED = auto()


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
}


@answer
class Notice:
    """
    Something that the sender should know although the request was accepted.
    """

    code: NoticeCode
    field: Annotated[str, Meta(description="The path of the field, never its value.")]
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
