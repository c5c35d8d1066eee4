"""
What Odoo's older modules are answered.

Their envelope repeats some members of `data` beside it, for readers of either.
"""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeAlias, TypeVar

from msgspec import Meta

from odoo_ai_config.entrypoints.http.collections.schemas import Count, ItemIdText, Pushed
from odoo_ai_config.entrypoints.http.platform.schema import (
    Always,
    BusinessAreaText,
    Moment,
    TenantIdText,
    Version,
    answer,
)

D = TypeVar("D")

Kept: TypeAlias = Annotated[int, Meta(description="How many are kept.", ge=0)]


@answer
class LegacyMeta:
    """
    Which request this answers.
    """

    request_id: str
    timestamp: Moment


@answer
class Envelope(Generic[D]):
    """
    The frame of every answer.
    """

    success: Always
    data: D
    meta: LegacyMeta
    error: None


@answer
class Stored:
    """
    The hub keeps what was pushed.
    """

    sync_status: Annotated[
        Literal["stored"],
        Meta(description="The hub keeps it; an indexer fetches it by the delta read."),
    ]


@answer
class PartlyPushed(Pushed):
    """
    What a push did from which items may be left out.
    """

    hidden: Annotated[int, Meta(description="Items that are not to be kept.", ge=0)]


@answer
class RulesTold:
    """
    The numbers of rules.
    """

    permanent_rules: Count
    temporary_rules: Count
    # Its readers show it as the number of rules that have arrived.
    vectorized_rules: Kept
    removed_rules: Count


@answer
class RulesPushedData(Stored, RulesTold, PartlyPushed):
    """
    What a push of rules did.
    """


@answer
class RulesPushed(Stored, RulesTold, Envelope[RulesPushedData]):
    """
    It is stored, or was so already.
    """


@answer
class DocumentsTold:
    """
    The numbers of support documents.
    """

    synced_docs: Kept
    vectorized_rules: Kept
    removed_docs: Count


@answer
class DocumentsPushedData(Stored, DocumentsTold, PartlyPushed):
    """
    What a push of support documents did.
    """


@answer
class DocumentsPushed(Stored, DocumentsTold, Envelope[DocumentsPushedData]):
    """
    It is stored, or was so already.
    """


@answer
class ProductsTold:
    """
    The number of products.
    """

    synced_products: Kept


@answer
class ProductsPushedData(Stored, ProductsTold, PartlyPushed):
    """
    What a push of products did.
    """


@answer
class ProductsPushed(Stored, ProductsTold, Envelope[ProductsPushedData]):
    """
    It is stored, or was so already.
    """


@answer
class ClearedTold:
    """
    The number of support documents that went.
    """

    removed_docs: Count


@answer
class DocumentsClearedData(ClearedTold, Pushed):
    """
    What taking all support documents out did.
    """


@answer
class DocumentsCleared(ClearedTold, Envelope[DocumentsClearedData]):
    """
    They are gone, or were so already.
    """


@answer
class ProductTold:
    """
    The product, by both names that the modules know.
    """

    # What the old server called the place in its vector store: the id to find the product by.
    vector_id: ItemIdText
    product_id: ItemIdText


@answer
class ProductPushedData(Stored, ProductTold, Pushed):
    """
    What a push of one product did.
    """


@answer
class ProductPushed(Stored, ProductTold, Envelope[ProductPushedData]):
    """
    It is stored, or was so already.
    """


@answer
class CompanyTold:
    """
    What the modules read of a company's push.
    """

    vectorized_rules: Annotated[int, Meta(extra_json_schema={"const": 1})]


@answer
class CompanyMetadataPushed:
    """
    The version of the company's ``metadata`` document.
    """

    tenant_id: TenantIdText
    domain: BusinessAreaText
    metadata_version: Version
    changed: bool
    timestamp: Moment


@answer
class CompanyPushedData(Stored, CompanyTold, CompanyMetadataPushed):
    """
    What a push of a company did.
    """


@answer
class CompanyPushed(Stored, CompanyTold, Envelope[CompanyPushedData]):
    """
    It is stored, or was so already.
    """
