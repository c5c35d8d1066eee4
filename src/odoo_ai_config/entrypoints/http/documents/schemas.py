"""
Answers about documents.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, TypedDict

from msgspec import UNSET, Meta, Raw, UnsetType

from odoo_ai_config.application.documents.comparing import LARGEST_SHOWN
from odoo_ai_config.domain.documents.diffing import MOST_CHANGES, MOST_DIFFERING_LINES, ChangeKind
from odoo_ai_config.entrypoints.http.platform.notices import Notice
from odoo_ai_config.entrypoints.http.platform.schema import (
    Always,
    AuthorText,
    BusinessAreaText,
    Changed,
    DocumentTypeText,
    Moment,
    TenantIdText,
    Version,
    answer,
)


@answer
class _NamedVersion:
    tenant_id: TenantIdText
    domain: BusinessAreaText
    config_type: DocumentTypeText
    version: Version


@answer
class DocumentSummary(_NamedVersion):
    """
    A version of a document without its content.
    """

    created_at: Moment
    updated_at: Moment
    deleted: Always | UnsetType = UNSET


@answer
class HistoryEntry(DocumentSummary):
    """
    A version of a document, with its author.
    """

    author: AuthorText


@answer
class Document:
    """
    A document.
    """

    id: Annotated[
        int,
        Meta(
            description="Identifies one version of one document, for clients that expect a "
            "row's id.",
            ge=1,
        ),
    ]
    tenant_id: TenantIdText
    domain: BusinessAreaText
    config_type: DocumentTypeText
    version: Version
    created_at: Moment
    updated_at: Moment
    yaml_content: Annotated[
        str, Meta(description="The text as authored, or YAML rendered from the document.")
    ]
    json_data: Annotated[
        Raw, Meta(description="The document.", extra_json_schema={"type": "object"})
    ]


@answer
class WrittenDocument(Document):
    """
    The document as it is now, for keys with `config:read`.
    """

    changed: Changed
    warnings: list[Notice]


@answer
class WriteReceipt(_NamedVersion):
    """
    The written version, for keys that may write but not read.
    """

    changed: Changed
    warnings: list[Notice]


Written: TypeAlias = WrittenDocument | WriteReceipt


@answer
class DeleteReceipt(_NamedVersion):
    """
    The document is deleted.
    """

    changed: Changed
    deleted: Always


@answer
class ValueChange:
    """
    One value that differs.
    """

    kind: ChangeKind
    pointer: Annotated[str, Meta(description="A JSON pointer (RFC 6901).")]
    before: Annotated[object, Meta(description="Absent if the value was added.")] = UNSET
    after: Annotated[object, Meta(description="Absent if the value was removed.")] = UNSET


Comparison = TypedDict(
    "Comparison",
    {
        "from": Annotated[int, Meta(description="0 means before the first version.", ge=0)],
        "to": Version,
        "changes": list[ValueChange],
        "truncated": Annotated[
            bool,
            Meta(
                description=f"There are more changes than the list has: at most {MOST_CHANGES:,}, "
                "or fewer if their pointers are long."
            ),
        ],
        "unified_diff": Annotated[
            str | None, Meta(description="The difference of the two YAML texts.")
        ],
        "unified_diff_omitted": Annotated[
            Literal["too_large"] | None,
            Meta(
                description=f"There is no diff: a document has more than {LARGEST_SHOWN:,} "
                f"characters, or there are more than {MOST_DIFFERING_LINES:,} lines from the "
                "first difference to the last."
            ),
        ],
    },
)
