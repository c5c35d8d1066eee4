"""
What answers and bodies are made of: classes that are JSON objects, and the texts within them.

The description of the interface is derived from these, so each says what a reader of it must
know. `msgspec` reads the annotations and writes the bytes.
"""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias, TypeVar, dataclass_transform

import attrs
from msgspec import Meta

from odoo_ai_config.domain import identifiers
from odoo_ai_config.domain.channels import phone
from odoo_ai_config.domain.channels.mapping import CREW_NAME
from odoo_ai_config.domain.collections import COLLECTION_NAME
from odoo_ai_config.domain.messages import inbox

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(attrs.field,))
def answer(cls: type[T]) -> type[T]:
    """
    Make *cls* a frozen attrs class whose instances are JSON objects.

    Its docstring describes the object, `Meta` its members; one that may be absent is
    ``| UnsetType = UNSET``. It has no slots: Python sorts them by name, and msgspec would write
    the members in that order.
    """
    return attrs.frozen(cls, slots=False, kw_only=True)


def _whole(pattern: re.Pattern[str]) -> str:
    return f"^{pattern.pattern}$"


TenantIdText: TypeAlias = Annotated[
    str,
    Meta(
        description="A client, as Odoo names it (`account_id`).",
        pattern=_whole(identifiers.TENANT_ID),
        examples=["123456"],
    ),
]
BusinessAreaText: TypeAlias = Annotated[
    str,
    Meta(
        description="A business area of a client, as a slug.",
        pattern=_whole(identifiers.SLUG),
        examples=["retail"],
    ),
]
# As people write it: a slug is made of it.
BusinessAreaName: TypeAlias = Annotated[
    str,
    Meta(
        description="The business area: a slug, or the text that it is made of.",
        min_length=1,
        max_length=128,
        examples=["retail"],
    ),
]
DocumentTypeText: TypeAlias = Annotated[
    str,
    Meta(
        description="`config`, `credentials`, `metadata`, or any other slug.",
        pattern=_whole(identifiers.SLUG),
        examples=["config"],
    ),
]
CredentialRefText: TypeAlias = Annotated[
    str,
    Meta(
        description="The name under which a config refers to a sealed value.",
        pattern=_whole(identifiers.CREDENTIAL_REF),
        examples=["token_referencia"],
    ),
]
CollectionNameText: TypeAlias = Annotated[
    str,
    Meta(
        description="As `enabled_collections` has it.",
        pattern=_whole(COLLECTION_NAME),
        examples=["products_informations"],
    ),
]
ChatwootIdText: TypeAlias = Annotated[
    str,
    Meta(
        description="A Chatwoot account or inbox.",
        pattern=_whole(identifiers.CHATWOOT_ID),
        examples=["7"],
    ),
]
MessageIdText: TypeAlias = Annotated[
    str,
    Meta(
        description="The hub's own.",
        pattern=_whole(inbox.MESSAGE_ID),
        examples=["0198b6e2-7c1f-7cc3-98f5-1a3b5c7d9e0f"],
    ),
]
PhoneNumberText: TypeAlias = Annotated[
    str,
    Meta(description="Digits only.", pattern=_whole(phone.DIGITS), examples=["5511999999999"]),
]
CrewText: TypeAlias = Annotated[
    str,
    Meta(description="The crew that answers.", pattern=_whole(CREW_NAME), examples=["analytics"]),
]
Version: TypeAlias = Annotated[
    int, Meta(description="Counts from 1; each document has its own count.", ge=1)
]
Moment: TypeAlias = Annotated[
    str,
    Meta(
        description="In UTC.",
        extra_json_schema={"format": "date-time"},
        examples=["2026-04-23T19:14:20.512Z"],
    ),
]
Digest: TypeAlias = Annotated[
    str,
    Meta(
        description="Tells the content from any other that ever had the same version; for "
        "`POST /v1/reconcile`.",
        pattern="^[0-9a-f]{64}$",
    ),
]
Changed: TypeAlias = Annotated[
    bool, Meta(description="False if everything was so already; no version was made then.")
]
AuthorText: TypeAlias = Annotated[
    str,
    Meta(description="Id of the API key that wrote it, or the name of a process of the hub."),
]
NextPage: TypeAlias = Annotated[
    str | None, Meta(description="What to send as `after`; null on the last page.")
]
# There, or absent: never false.
Always: TypeAlias = Annotated[bool, Meta(extra_json_schema={"const": True})]
