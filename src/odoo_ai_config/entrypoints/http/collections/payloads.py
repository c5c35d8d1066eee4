"""
Reads pushes of collections, in the hub's form and in those of Odoo's modules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Final, TypeVar

from attrs import frozen
from cattrs.errors import IterableValidationError, IterableValidationNote

from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.collections import (
    BUSINESS_RULES,
    MOST_ITEMS,
    PRODUCTS,
    SCHEDULING_RULES,
    SUPPORT_DOCUMENTS,
    CollectionName,
    CollectionSync,
    Item,
    is_withdrawn,
    item_id,
)
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject, is_empty
from odoo_ai_config.entrypoints.http.platform.errors import (
    AccountMismatchError,
    FieldError,
    IncompleteDataError,
    InvalidFieldsError,
    SourceDataMissingError,
)
from odoo_ai_config.entrypoints.http.platform.fields import collected, errors_in, read
from odoo_ai_config.entrypoints.http.platform.schema import Body, BodySchema
from odoo_ai_config.entrypoints.http.platform.wire_types import (
    BrokenRuleError,
    WireType,
    identifier,
    named,
)

T = TypeVar("T")

# Enough to correct a body, and few enough for Odoo to show.
_MOST_ERRORS: Final = 20
# The subjects of the examples in the description.
ACCOUNT_EXAMPLE: Final[JsonObject] = {"account_id": "123456"}
ITEM_EXAMPLE: Final[JsonObject] = {"id": 7, "name": "Camisa", "price": 59.9}
# Odoo's modules name an item's id by its type.
_ID_NAMES: Final = ("id", "rule_id", "product_id")
_PERMANENT: Final = "permanent_rules"
_TEMPORARY: Final = "temporary_rules"


@frozen
class LegacyShape:
    """
    How Odoo's older modules push one collection.

    Args:
        fields: Where the list of items may be, the most likely place first.
        whole: Whether the push replaces the collection.
    """

    name: CollectionName
    fields: tuple[str, ...]
    whole: bool = True


RULES: Final = LegacyShape(BUSINESS_RULES, ("rules", "items"))
SCHEDULING: Final = LegacyShape(SCHEDULING_RULES, ("scheduling_rules", "rules", "items"))
DOCUMENTS: Final = LegacyShape(
    SUPPORT_DOCUMENTS, ("documents", "support_documents", "rules", "items")
)
PRODUCT_BATCH: Final = LegacyShape(PRODUCTS, ("products", "items"), whole=False)


@frozen
class LegacyPush:
    """
    A push in an old form.

    Args:
        hidden: The number of items that the AI must not see, which are not stored.
        temporary: The number of temporary rules.
    """

    sync: CollectionSync
    received: int
    hidden: int = 0
    temporary: int = 0


@frozen
class _Account:
    account_id: TenantId | None = None


@frozen
class _Product:
    product_id: Annotated[str, named(item_id)]


def account_of(caller: ApiKey, queried: Iterable[str], body: JsonObject | None) -> TenantId:
    """
    The tenant of a request, which the query, the body and the key may name.

    The use cases decide whether the caller may access it.

    Raises:
        AccountMismatchError: They name different ones.
        IncompleteDataError: None of them names one.
        InvalidFieldsError: The name is invalid.
    """
    layers: list[tuple[str, JsonObject]] = [("", {"account_id": text}) for text in queried]
    if body is not None:
        inner = body.get("metadata")
        layers += [("", body), ("metadata.", inner if isinstance(inner, dict) else {})]
    found: set[TenantId | None] = set()
    errors: list[FieldError] = []
    for prefix, layer in layers:
        try:
            found.add(read(_Account, {prefix: layer}).account_id)
        except InvalidFieldsError as error:
            errors += error.errors
    if errors:
        raise InvalidFieldsError(list(dict.fromkeys(errors)))
    found -= {None}
    if len(found) > 1:
        raise AccountMismatchError
    tenant = next(iter(found), None) or caller.tenant
    if tenant is None:
        raise IncompleteDataError(["account_id"], [FieldError("account_id", "required")])
    return tenant


def snapshot(body: JsonObject) -> CollectionSync:
    """
    Read a whole collection: ``{"items": [...]}``.

    Raises:
        IncompleteDataError: The list is missing; an empty list is valid.
        InvalidFieldsError: It is not a list of items.
    """
    pushed = read(CollectionSnapshot, {"": body}, most=_MOST_ERRORS)
    if pushed.items is None:
        raise IncompleteDataError(["items"], [FieldError("items", "required")])
    return _sync(pushed.items, whole=True)


def patch(body: JsonObject) -> CollectionSync:
    """
    Read a patch: ``{"items": [...], "removed": [...]}``.

    Raises:
        IncompleteDataError: Both lists are missing.
        InvalidFieldsError: They are not lists of items and ids.
    """
    pushed = read(CollectionPatch, {"": body}, most=_MOST_ERRORS)
    if pushed.items is None and pushed.removed is None:
        names = ("items", "removed")
        raise IncompleteDataError(names, [FieldError(name, "required") for name in names])
    return _sync(pushed.items or (), filter(None, pushed.removed or ()))


def legacy_push(body: JsonObject, shape: LegacyShape) -> LegacyPush:
    """
    Read a push of Odoo's older modules.

    Withdrawn items are not stored. The id of an item without one is its name.

    Raises:
        SourceDataMissingError: It has no items.
        InvalidFieldsError: An item is invalid.
    """
    lists = list(_lists(body, shape))
    if not lists:
        raise SourceDataMissingError
    found: list[Item | str] = []
    errors: list[FieldError] = []
    temporary = 0
    for path, kind, entries in lists:
        if len(entries) > MOST_ITEMS:
            raise InvalidFieldsError([FieldError(path, "item_count")])
        temporary += len(entries) if kind == _TEMPORARY else 0
        try:
            found += collected(_legacy_reader(kind), enumerate(entries))
        except IterableValidationError as error:
            errors += errors_in(error, f"{path}.".__add__)
    if errors:
        raise InvalidFieldsError(errors[:_MOST_ERRORS])
    kept = [one for one in found if isinstance(one, Item)]
    hidden = [one for one in found if isinstance(one, str)]
    sync = _sync(kept, () if shape.whole else hidden, whole=shape.whole)
    return LegacyPush(sync, len(found), len(hidden), temporary)


def product(body: JsonObject, id_: str | None = None) -> CollectionSync:
    """
    Read some fields of one product; the others stay as they are.

    Raises:
        IncompleteDataError: Its id is missing.
        SourceDataMissingError: It has no other fields.
        InvalidFieldsError: The id is invalid.
    """
    found = read(_Product, {"": body if id_ is None else {**body, "product_id": id_}}).product_id
    data = {
        name: value
        for name, value in body.items()
        if name not in {"account_id", "product_id", "metadata", "skip_odoo_update"}
        and not (value is None or value == "")
    }
    if not data:
        raise SourceDataMissingError
    return CollectionSync((Item.of(found, {"id": found, **data}),), merging=True)


def _lists(body: JsonObject, shape: LegacyShape) -> Iterator[tuple[str, str, list[Json]]]:
    """
    Each list of items with its path and, of rules, its kind.
    """
    for name in shape.fields:
        found = body.get(name)
        if isinstance(found, list):
            yield name, "", found
            return
        if isinstance(found, dict):
            yield from _rule_lists(found, f"{name}.")
            return
        if not is_empty(found):
            raise InvalidFieldsError([FieldError(name, "list")])
    yield from _rule_lists(body, "")


def _rule_lists(body: JsonObject, prefix: str) -> Iterator[tuple[str, str, list[Json]]]:
    # Two models of Odoo, each with its own ids.
    for kind in (_PERMANENT, _TEMPORARY):
        found = body.get(kind)
        if isinstance(found, list):
            yield f"{prefix}{kind}", kind, found


def _legacy_reader(kind: str) -> Callable[[Json], Item | str]:
    """
    A function that reads an entry as an item, or as the id of one that is not stored.
    """
    names: Counter[str] = Counter()

    def read_entry(entry: Json) -> Item | str:
        if not isinstance(entry, dict):
            raise BrokenRuleError("object")
        id_ = _id_in(entry, *_ID_NAMES)
        if id_ is None:
            name = _required_id(_id_in(entry, "name"))
            names[name] += 1
            id_ = name if names[name] == 1 else f"{name} #{names[name]}"
        if kind:
            id_ = f"{kind.removesuffix('_rules')}:{id_}"
            entry = {**entry, "is_temporary": kind == _TEMPORARY}
        return id_ if is_withdrawn(entry) else Item.of(id_, entry)

    return read_entry


def _id_in(entry: JsonObject, *names: str) -> str | None:
    """
    The first of *names* that *entry* has, as an id.
    """
    for name in names:
        value = entry.get(name)
        if not is_empty(value):
            try:
                return item_id(identifier(value))
            except (BrokenRuleError, InvalidValueError) as error:
                raise _misplaced(name, error) from None
    return None


def _required_id(id_: str | None) -> str:
    if id_ is None:
        raise _misplaced("id", BrokenRuleError("required"))
    return id_


def _misplaced(name: str, error: Exception) -> IterableValidationError:
    error.add_note(IterableValidationNote("", name, str))
    return IterableValidationError("", [error], dict)


def _item(entry: Json) -> Item:
    if not isinstance(entry, dict):
        raise BrokenRuleError("object")
    return Item.of(_required_id(_id_in(entry, "id")), entry)


def _removed_id(entry: Json) -> str | None:
    return None if is_empty(entry) else item_id(identifier(entry))


def _list_of(read_one: Callable[[Json], T], element: BodySchema, about: str) -> WireType:
    def read_list(value: Json, _: object) -> list[T]:
        if not isinstance(value, list):
            raise BrokenRuleError("list")
        # Checked before the items are read for nothing.
        if len(value) > MOST_ITEMS:
            raise BrokenRuleError("item_count")
        return collected(read_one, enumerate(value))

    schema = {"type": "array", "items": element, "description": about, "maxItems": MOST_ITEMS}
    return WireType(read_list, schema)


_ID_SCHEMA: Final[JsonObject] = {"type": ["string", "integer"]}
_PUSHED_ITEM: Final = Body(
    name="PushedItem",
    members={"id": {**_ID_SCHEMA, "description": "As the source has it."}},
    required=["id"],
    example=ITEM_EXAMPLE,
)


@frozen
class CollectionSnapshot(_Account):
    """
    All items of a collection.
    """

    items: (
        Annotated[list[Item], _list_of(_item, _PUSHED_ITEM, "Each with an id of its own.")] | None
    ) = None


@frozen
class CollectionPatch(CollectionSnapshot):
    """
    New and changed items, and the ids of removed ones.
    """

    removed: Annotated[list[str | None], _list_of(_removed_id, _ID_SCHEMA, "Ids.")] | None = None


SNAPSHOT: Final = Body(
    parts=(CollectionSnapshot,),
    required=["items"],
    example={**ACCOUNT_EXAMPLE, "items": [ITEM_EXAMPLE]},
)
PATCH: Final = Body(
    parts=(CollectionPatch,), example={**ACCOUNT_EXAMPLE, "items": [ITEM_EXAMPLE], "removed": [8]}
)


def _sync(
    items: Iterable[Item], removed: Iterable[str] = (), *, whole: bool = False
) -> CollectionSync:
    try:
        return CollectionSync(tuple(items), tuple(removed), whole=whole)
    except InvalidValueError as error:
        raise InvalidFieldsError([FieldError(error.field, error.rule)]) from None
