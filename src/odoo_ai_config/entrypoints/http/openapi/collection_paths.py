"""
The Odoo API: collections, and the addresses by which Odoo's older modules know them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from odoo_ai_config.application.collections import LARGEST_PAGE
from odoo_ai_config.domain import errors as domain
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.collections import MOST_ITEMS
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.collections.handlers import DEFAULT_PAGE
from odoo_ai_config.entrypoints.http.openapi.operations import (
    BODY,
    CLAIM,
    COMMIT,
    FRESHNESS,
    answered,
    json_body,
    operation,
    path_part,
    query,
    unchanged,
)
from odoo_ai_config.entrypoints.http.openapi.shapes import (
    constant,
    flag,
    list_of,
    one_of,
    or_null,
    record,
    ref,
    text,
    whole,
)
from odoo_ai_config.entrypoints.http.platform import errors as http
from odoo_ai_config.entrypoints.http.platform.operations import RefusalClass

_TAG: Final = "collections"
_API: Final = "/api/v1"
_COLLECTION: Final = f"{_API}/collections/{{name}}"
_WHOSE: Final = (http.IncompleteDataError, http.AccountMismatchError, domain.TenantForbiddenError)
_OPEN: Final = (
    *_WHOSE,
    http.InvalidFieldsError,
    domain.CollectionNotEnabledError,
    domain.CollectionNotFoundError,
)
_PUSH: Final = (*BODY, *CLAIM, *COMMIT, *_WHOSE)
_STORED: Final = one_of(["stored"], "The hub keeps it; an indexer fetches it by the delta read.")
_MOMENT: Final = text("In UTC.", format="date-time", examples=["2026-04-23T19:14:20.512Z"])
_ITEM_ID: Final = text("As the source has it.", minLength=1, maxLength=256, examples=["7"])
_DATA: Final[JsonObject] = {"type": "object", "description": "As it was pushed."}
_DIGEST: Final = text(
    "SHA-256 of the data as JSON with sorted keys, without spaces, in UTF-8.",
    pattern="^[0-9a-f]{64}$",
)
_STATE: Final = text(
    "Tells this state of the collection from any other that had the same version; for "
    "`POST /v1/reconcile`.",
    pattern="^[0-9a-f]{64}$",
)
_ITEM: Final = {"id": _ITEM_ID, "digest": _DIGEST, "data": _DATA}
_PUSHED: Final[dict[str, JsonObject]] = {
    "tenant_id": ref("TenantId"),
    "collection": ref("CollectionName"),
    "version": whole("Counts the pushes that changed anything.", least=0),
    "changed": flag("False if everything was so already; no version was made then."),
    "counts": ref("ItemCounts"),
    "timestamp": _MOMENT,
}
_COUNT: Final = whole(least=0)
# By schema: what stands in `data` and at the top beside it, for readers of either.
_TOLD: Final[Mapping[str, Mapping[str, JsonObject]]] = {
    "RulesPushed": {
        "permanent_rules": _COUNT,
        "temporary_rules": _COUNT,
        "vectorized_rules": whole("How many are kept.", least=0),
        "removed_rules": _COUNT,
    },
    "DocumentsPushed": {
        "synced_docs": whole("How many are kept.", least=0),
        "vectorized_rules": _COUNT,
        "removed_docs": _COUNT,
    },
    "ProductsPushed": {"synced_products": whole("How many are kept.", least=0)},
}
# Operation, summary, body and answer, by path.
_MODULES: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "business-rules/sync": (
        "syncBusinessRules",
        "Push all rules",
        "RulesPush",
        "RulesPushed",
    ),
    "business-rules/sync-company-metadata": (
        "syncCompanyMetadata",
        "Push what a company says of itself",
        "CompanyPush",
        "CompanyPushed",
    ),
    "business-rules/sync-support-documents": (
        "syncSupportDocuments",
        "Push all support documents",
        "DocumentsPush",
        "DocumentsPushed",
    ),
    "business-rules/sync-scheduling-rules": (
        "syncSchedulingRules",
        "Push all scheduling rules",
        "SchedulingPush",
        "RulesPushed",
    ),
    "business-rules/clear-support-documents": (
        "clearSupportDocuments",
        "Take all support documents out",
        "ClearPush",
        "DocumentsCleared",
    ),
    "scheduling-rules/sync": (
        "syncSchedulingRulesOfLate",
        "Push all scheduling rules",
        "SchedulingPush",
        "RulesPushed",
    ),
    "support-documents/sync": (
        "syncSupportDocumentsOfLate",
        "Push all support documents",
        "DocumentsPush",
        "DocumentsPushed",
    ),
    "company-metadata/sync": (
        "syncCompanyMetadataOfLate",
        "Push what a company says of itself",
        "CompanyPush",
        "CompanyPushed",
    ),
}
_OF_AI: Final = {
    f"{_API}/business-rules/semantic-search": ("get", "searchRules", Scope.CONFIG_READ),
    f"{_API}/products/search": ("post", "searchProducts", Scope.WEBHOOK),
    f"{_API}/products/update-prices": ("post", "updatePrices", Scope.WEBHOOK),
    f"{_API}/products/{{id}}/description": ("post", "describeProduct", Scope.WEBHOOK),
    "/tools/generate_product_description": ("post", "generateDescription", Scope.WEBHOOK),
}


def collection_paths() -> JsonObject:
    """
    Everything that the Odoo API has.
    """
    name = path_part(
        "name",
        text("With hyphens or underscores.", examples=["products_informations"], maxLength=64),
    )
    id_ = path_part("id", _ITEM_ID)
    paths: JsonObject = {
        f"{_API}/collections": {"get": _listed()},
        _COLLECTION: {
            "parameters": [name],
            "get": _read(),
            "put": _written(
                "replaceCollection",
                "Make the collection what the body says\n\n"
                "Items that are not in it go. Only what differs makes a version.",
                "CollectionSnapshot",
            ),
            "patch": _written(
                "amendCollection",
                "Put items in and take items out, and leave the others alone",
                "CollectionPatch",
            ),
        },
        f"{_COLLECTION}/items/{{id}}": {"parameters": [name, id_], "get": _item()},
        f"{_API}/products/sync-batch": {
            "post": _pushed("syncProducts", "Push some products", "ProductsPush", "ProductsPushed")
        },
        f"{_API}/products/{{id}}/sync": {
            "parameters": [id_],
            "post": _pushed(
                "syncProduct", "Push fields of one product", "ProductPush", "ProductPushed"
            ),
        },
        "/tools/sync_product_to_vector_db": {
            "post": _pushed(
                "syncProductOfOld",
                "Push fields of one product",
                "NamedProductPush",
                "ProductPushed",
            )
        },
    }
    for operation_path, (identity, summary, body, answer) in _MODULES.items():
        module, _, rest = operation_path.partition("/")
        paths[f"{_API}/{operation_path}"] = {"post": _pushed(identity, summary, body, answer)}
        paths[f"{_API}/{module.replace('-', '_')}/{rest}"] = {
            "post": _pushed(f"{identity}Underscored", summary, body, answer)
        }
    for refused_path, (method, identity, scope) in _OF_AI.items():
        parameters = [id_] if "{id}" in refused_path else []
        paths[refused_path] = {
            "parameters": [*parameters],
            method: operation(
                identity,
                "Refused: a task of the AI service",
                tag=_TAG,
                scope=scope,
                answers=[],
                refusals=[http.AiServiceTaskError],
            ),
        }
    return paths


def collection_schemas() -> JsonObject:
    """
    What is pushed and read.
    """
    return {**_requests(), **_answers()}


def _requests() -> JsonObject:
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


def _answers() -> JsonObject:
    old = {name: _enveloped(_PUSHED | {"hidden": _COUNT}, told) for name, told in _TOLD.items()}
    return {
        "CollectionName": text(
            "As `enabled_collections` has it.",
            pattern="^[a-z0-9][a-z0-9_]{0,63}$",
            examples=["products_informations"],
        ),
        "ItemCounts": record(
            {
                "received": whole("How many the push spoke of.", least=0),
                "added": _COUNT,
                "changed": _COUNT,
                "removed": _COUNT,
                "unchanged": _COUNT,
            }
        ),
        "CollectionList": record(
            {
                "tenant_id": ref("TenantId"),
                "collections": list_of(
                    record(
                        {
                            "collection": ref("CollectionName"),
                            "enabled": flag("Whether crews are served it."),
                            "version": whole("0 if nothing was pushed yet.", least=0),
                            "count": _COUNT,
                            "updated_at": or_null(_MOMENT),
                        }
                    )
                ),
            }
        ),
        "CollectionPage": record(
            {
                "tenant_id": ref("TenantId"),
                "collection": ref("CollectionName"),
                "version": whole(),
                "count": whole("Of all items, not of those on this page.", least=0),
                "updated_at": _MOMENT,
                "items": list_of(
                    record({"version": whole("That it came with."), **_ITEM}),
                    "New or different ones, by version and id.",
                ),
                "removed": list_of(record({"id": _ITEM_ID, "version": whole()})),
                "cursor": text("Where to go on: the `since` of the next reading."),
                "more": flag("Whether there is more to read now."),
            }
        ),
        "CollectionItem": record(_ITEM),
        "CollectionPushed": record({**_PUSHED, "digest": _STATE}, optional=("digest",)),
        **old,
        "DocumentsCleared": _enveloped(_PUSHED, {"removed_docs": _COUNT}, stored=False),
        "ProductPushed": _enveloped(_PUSHED, {"vector_id": _ITEM_ID, "product_id": _ITEM_ID}),
        "CompanyPushed": _enveloped(
            {
                "tenant_id": ref("TenantId"),
                "domain": ref("BusinessArea"),
                "metadata_version": whole(),
                "changed": flag(),
                "timestamp": _MOMENT,
            },
            {"vectorized_rules": constant(1)},
        ),
    }


def _enveloped(
    data: Mapping[str, JsonObject], told: Mapping[str, JsonObject], *, stored: bool = True
) -> JsonObject:
    top = {**told, **({"sync_status": _STORED} if stored else {})}
    return record(
        {
            "success": constant(value=True),
            "data": record({**data, **top}),
            "meta": record({"request_id": text(), "timestamp": _MOMENT}),
            "error": constant(None),
            **top,
        }
    )


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


def _whose() -> list[JsonObject]:
    return [
        query(
            "account_id",
            ref("TenantId"),
            "Needed unless the key is bound to one, or the body has it. All who say it say the "
            "same.",
        )
    ]


def _area() -> list[JsonObject]:
    area = text(maxLength=128, examples=["retail"])
    return [query("domain", area, "The business area that must enable the collection.")]


def _listed() -> JsonObject:
    return operation(
        "listCollections",
        "List a tenant's collections",
        tag=_TAG,
        scope=Scope.CONFIG_READ,
        parameters=[*_whose(), *_area()],
        answers=[
            answered(
                "Those that were pushed or are enabled.",
                ref("CollectionList"),
                headers=["Cache-Control"],
            )
        ],
        refusals=(*_WHOSE, http.InvalidFieldsError),
    )


def _read() -> JsonObject:
    return operation(
        "readCollection",
        "Read what changed since a cursor, or all items\n\n"
        "A reader goes on with the `cursor` of each answer, at once while there is `more`, and "
        "from time to time afterwards with the last `ETag` in `If-None-Match`: an unchanged "
        "collection is a 304, whatever its size.",
        tag=_TAG,
        scope=Scope.CONFIG_READ,
        parameters=[
            *_whose(),
            *_area(),
            query("since", text(), "The `cursor` of the answer before."),
            query("limit", whole(maximum=LARGEST_PAGE, default=DEFAULT_PAGE)),
            ref("If-None-Match", "parameters"),
        ],
        answers=[
            answered("One page.", ref("CollectionPage"), headers=FRESHNESS),
            unchanged(),
        ],
        refusals=(*_OPEN, domain.InvalidValueError, domain.CursorExpiredError),
    )


def _item() -> JsonObject:
    return operation(
        "readItem",
        "Read one item",
        tag=_TAG,
        scope=Scope.CONFIG_READ,
        parameters=[*_whose(), *_area(), ref("If-None-Match", "parameters")],
        answers=[
            answered("The item.", ref("CollectionItem"), headers=FRESHNESS),
            unchanged(),
        ],
        refusals=(*_OPEN, domain.ItemNotFoundError),
    )


def _written(identity: str, summary: str, body: str) -> JsonObject:
    return _push(
        identity,
        summary,
        body,
        answered(
            "What it did.",
            ref("CollectionPushed"),
            headers=("Cache-Control", "Idempotent-Replayed"),
        ),
        _PUSH,
    )


def _pushed(identity: str, summary: str, body: str, answer: str) -> JsonObject:
    return _push(
        identity,
        summary,
        body,
        answered(
            "It is stored, or was so already.", ref(answer), headers=("Idempotent-Replayed",)
        ),
        (*_PUSH, http.SourceDataMissingError),
    )


def _push(
    identity: str,
    summary: str,
    body: str,
    answer: tuple[int, JsonObject],
    refusals: Iterable[RefusalClass],
) -> JsonObject:
    return operation(
        identity,
        summary,
        tag=_TAG,
        scope=Scope.WEBHOOK,
        parameters=[*_whose(), ref("Idempotency-Key", "parameters")],
        body=json_body(ref(body)),
        answers=[answer],
        refusals=refusals,
    )
