"""
What a sender should know although its request was accepted.
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
    What happened.
    """

    MISSING_CREDENTIAL = auto()
    UNSEALED_SECRET = auto()
    CHANNEL_OF_ANOTHER_TENANT = auto()


NOTICES: Final[Mapping[str, Text]] = {
    NoticeCode.MISSING_CREDENTIAL: Text(
        "a configuração cita uma credencial que ainda não foi enviada",
        "the configuration names a credential that has not been sent yet",
    ),
    NoticeCode.UNSEALED_SECRET: Text(
        "parece um segredo, mas não pôde ser selado e ficou legível na configuração",
        "looks like a secret, but cannot be sealed and stays readable in the document",
    ),
    NoticeCode.CHANNEL_OF_ANOTHER_TENANT: Text(
        "o canal já pertence a outro cliente e não foi alterado",
        "the channel belongs to another tenant by now and was left alone",
    ),
}


@answer
class Notice:
    """
    Something that the sender should know although the request was accepted.
    """

    code: NoticeCode
    field: Annotated[str, Meta(description="The place that it is about, never a value.")]
    message: Annotated[str, Meta(description="For people, in their language.")]


def shown_notices(notices: Iterable[outcomes.Notice], language: Language) -> list[Notice]:
    """
    The notices in the words of *language*.
    """
    return [
        Notice(
            code=NoticeCode(notice.code),
            field=notice.field,
            message=NOTICES[notice.code].to(language),
        )
        for notice in notices
    ]
