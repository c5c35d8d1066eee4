"""
What is pushed into collections, as schemas.
"""

from __future__ import annotations

from typing import Final

from odoo_ai_config.domain.collections import MOST_ITEMS
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.openapi.shapes import list_of, record, ref


def collection_schemas() -> JsonObject:
    """
    What is pushed.
    """
    account = {"account_id": ref("LenientId")}
    batch = {**account, "business_rule_id": ref("LenientId")}
    items = list_of(ref("PushedItem"), "Each with an id of its own.", maxItems=MOST_ITEMS)
    old_items = list_of(
        {"type": "object"},
        "With an `id` each, or a `name`. Those that are not `active`, or not `visible_in_ai`, are "
        "not kept.",
        maxItems=MOST_ITEMS,
    )
    removed = list_of({"type": ["string", "integer"]}, "Ids.", maxItems=MOST_ITEMS)
    return {
        "PushedItem": record(
            {"id": {"type": ["string", "integer"], "description": "As the source has it."}},
            additionalProperties=True,
            examples=[_SHIRT],
        ),
        "CollectionSnapshot": record(
            {**account, "items": items},
            optional=["account_id"],
            examples=[{**_ACCOUNT, "items": [_SHIRT]}],
        ),
        "CollectionPatch": _optional(
            {**account, "items": items, "removed": removed},
            {**_ACCOUNT, "items": [_SHIRT], "removed": [8]},
        ),
        "RulesPush": _optional(
            {
                **batch,
                "rules": {"description": "A list, or the two lists below in an object."},
                "permanent_rules": old_items,
                "temporary_rules": old_items,
            },
            {**_ACCOUNT, "business_rule_id": 3, "rules": [_RULE]},
        ),
        "SchedulingPush": _optional(
            {**batch, "scheduling_rules": old_items, "rules": old_items},
            {**_ACCOUNT, "scheduling_rules": [{"rule_id": 4, "name": "Corte", "duration": 30}]},
        ),
        "DocumentsPush": _optional(
            {**batch, "documents": old_items, "rules": old_items},
            {**_ACCOUNT, "business_rule_id": 3, "documents": [_DOCUMENT]},
        ),
        "ProductsPush": _optional(
            {**account, "products": old_items}, {**_ACCOUNT, "products": [_SHIRT]}
        ),
        "ProductPush": _optional({**account, **_product_fields()}, {**_ACCOUNT, **_TOLD_OF_SHIRT}),
        "NamedProductPush": _optional(
            {**account, "product_id": ref("LenientId"), **_product_fields()},
            {**_ACCOUNT, "product_id": 7, **_TOLD_OF_SHIRT},
        ),
        "ClearPush": _optional({**account}, {**_ACCOUNT}),
        "CompanyPush": _optional(
            {
                **batch,
                "domain": ref("LenientText"),
                "company_metadata": {
                    "description": "The fields of `company_metadata_sync`, or the old sections "
                    "`company_info`, `customer_service`, `business_hours` and `social_media`. "
                    "They may stand at the top as well."
                },
            },
            {**_ACCOUNT, "company_metadata": {"company_info": {"company_name": "Loja Exemplo"}}},
        ),
    }


def _product_fields() -> dict[str, JsonObject]:
    return {
        "description": ref("LenientText"),
        "price": {"description": "Any further field is kept as it is."},
    }


def _optional(fields: dict[str, JsonObject], example: JsonObject) -> JsonObject:
    return record(fields, optional=tuple(fields), examples=[example])


# What the other examples of the description speak of.
_ACCOUNT: Final[JsonObject] = {"account_id": "123456"}
_SHIRT: Final[JsonObject] = {"id": 7, "name": "Camisa", "price": 59.9}
_TOLD_OF_SHIRT: Final[JsonObject] = {"description": "Leve e confortável", "price": 59.9}
_RULE: Final[JsonObject] = {"id": 1, "name": "Frete grátis", "type": "delivery", "active": True}
_DOCUMENT: Final[JsonObject] = {
    "id": 5,
    "name": "Trocas",
    "content": "Trocas em 30 dias",
    "visible_in_ai": True,
}
