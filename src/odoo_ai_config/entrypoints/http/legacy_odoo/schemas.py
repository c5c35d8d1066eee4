"""
Answers to Odoo's older modules.

Their envelope repeats some members of `data`, for modules that read them there.
"""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeAlias, TypeVar

from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.entrypoints.http.collections.schemas import ItemIdText, Pushed
from odoo_ai_config.entrypoints.http.platform.notices import Notice
from odoo_ai_config.entrypoints.http.platform.schema import (
    Always,
    BusinessAreaText,
    Count,
    Moment,
    TenantIdText,
    Version,
    answer,
)

D = TypeVar("D")

Kept: TypeAlias = Annotated[int, Meta(description="The number of stored items.", ge=0)]


@answer
class LegacyMeta:
    """
    The request of an answer.
    """

    request_id: str
    timestamp: Moment


@answer
class Envelope(Generic[D]):
    """
    The envelope of every answer.
    """

    success: Always
    data: D
    meta: LegacyMeta
    error: None


@answer
class Stored:
    """
    Whether the push is stored.
    """

    sync_status: Annotated[
        Literal["stored", "stale"],
        Meta(
            description="`stored`: an indexer reads the changes. `stale`: the hub keeps what a "
            "newer push stored, and the numbers tell of that."
        ),
    ]


@answer
class PartlyPushed(Pushed):
    """
    The result of a push that may omit items.
    """

    hidden: Annotated[int, Meta(description="Items that are not stored.", ge=0)]


@answer
class RulesTold:
    """
    The numbers of rules.
    """

    permanent_rules: Count
    temporary_rules: Count
    # The modules show it as the number of received rules.
    vectorized_rules: Kept
    removed_rules: Count


@answer
class RulesPushedData(Stored, RulesTold, PartlyPushed):
    """
    The result of a push of rules.
    """


@answer
class RulesPushed(Stored, RulesTold, Envelope[RulesPushedData]):
    """
    The push is stored, or was already.
    """


@answer
class DocumentsTold:
    """
    The stored support documents, and the numbers of them.
    """

    # The modules loop over it, and mark each document as synchronised.
    synced_docs: Annotated[list[ItemIdText], Meta(description="The ids of the stored documents.")]
    vectorized_rules: Kept
    removed_docs: Count


@answer
class DocumentsPushedData(Stored, DocumentsTold, PartlyPushed):
    """
    The result of a push of support documents.
    """


@answer
class DocumentsPushed(Stored, DocumentsTold, Envelope[DocumentsPushedData]):
    """
    The push is stored, or was already.
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
    The result of a push of products.
    """


@answer
class ProductsPushed(Stored, ProductsTold, Envelope[ProductsPushedData]):
    """
    The push is stored, or was already.
    """


@answer
class ClearedTold:
    """
    The number of removed support documents.
    """

    removed_docs: Count


@answer
class DocumentsClearedData(ClearedTold, Pushed):
    """
    The result of removing all support documents.
    """


@answer
class DocumentsCleared(ClearedTold, Envelope[DocumentsClearedData]):
    """
    The documents are removed, or were already.
    """


@answer
class ProductTold:
    """
    The product, by both names that the modules use.
    """

    # The old server's name for the id in its vector store: the id of the product.
    vector_id: ItemIdText
    product_id: ItemIdText


@answer
class ProductPushedData(Stored, ProductTold, Pushed):
    """
    The result of a push of one product.
    """


@answer
class ProductPushed(Stored, ProductTold, Envelope[ProductPushedData]):
    """
    The push is stored, or was already.
    """


@answer
class CompanyTold:
    """
    The members that the modules read after a push of a company.
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
    warnings: list[Notice] | UnsetType = UNSET


@answer
class CompanyPushedData(Stored, CompanyTold, CompanyMetadataPushed):
    """
    The result of a push of a company.
    """


@answer
class CompanyPushed(Stored, CompanyTold, Envelope[CompanyPushedData]):
    """
    The push is stored, or was already.
    """
