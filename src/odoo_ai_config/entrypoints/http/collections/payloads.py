"""
What pushes of collections mean, in the shape of the hub and in those of Odoo's modules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import frozen

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
    item_id,
)
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.http.platform.errors import (
    AccountMismatchError,
    FieldError,
    IncompleteDataError,
    InvalidFieldsError,
    SourceDataMissingError,
)
from odoo_ai_config.entrypoints.http.platform.fields import FieldReader, is_absent

# Enough to mend a body by, and an answer that Odoo can show.
_MOST_ERRORS: Final = 20
# Odoo's modules call an item's id by what it is the id of.
_ID_NAMES: Final = ("id", "rule_id", "product_id")
_PERMANENT: Final = "permanent_rules"
_TEMPORARY: Final = "temporary_rules"


@frozen
class LegacyShape:
    """
    How Odoo's older modules push one collection.

    Args:
        fields: Where the list of items may be, the likeliest first.
        whole: Whether it is all there is.
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
    A push in an old shape.

    Args:
        hidden: How many of its items are not for an AI to see, and therefore not kept.
        temporary: How many of its rules are for a time only.
    """

    sync: CollectionSync
    received: int
    hidden: int = 0
    temporary: int = 0


def account_of(caller: ApiKey, queried: Iterable[str], body: JsonObject | None) -> TenantId:
    """
    The tenant that a request is about: all who name one name the same.

    Whether the caller may ask for it is for the use cases to say.

    Raises:
        AccountMismatchError: They name several.
        IncompleteDataError: Nobody names one, and the key is bound to none.
        InvalidFieldsError: What is named is no tenant.
    """
    layers = [FieldReader({"": {"account_id": text}}) for text in queried]
    if body is not None:
        fields = FieldReader({"": body})
        inner = fields.section("metadata") if isinstance(body.get("metadata"), dict) else None
        layers += [fields] if inner is None else [fields, inner]
    found = {layer.named("account_id", TenantId) for layer in layers} - {None}
    errors = [error for layer in layers for error in layer.errors]
    if errors:
        raise InvalidFieldsError(list(dict.fromkeys(errors)))
    if len(found) > 1:
        raise AccountMismatchError
    tenant = next(iter(found), None) or caller.tenant
    if tenant is None:
        raise IncompleteDataError(["account_id"], [FieldError("account_id", "required")])
    return tenant


def snapshot(body: JsonObject) -> CollectionSync:
    """
    All there is of a collection: ``{"items": [...]}``.

    Raises:
        IncompleteDataError: The list is missing; an empty one is not an absent one.
        InvalidFieldsError: It is no list of items.
    """
    faults = _Faults()
    items = _items(body, faults)
    faults.refuse()
    if items is None:
        raise IncompleteDataError(["items"], [FieldError("items", "required")])
    return _sync(items, (), whole=True)


def patch(body: JsonObject) -> CollectionSync:
    """
    What is new, different or gone: ``{"items": [...], "removed": [...]}``.

    Raises:
        IncompleteDataError: Both lists are missing.
        InvalidFieldsError: They are no lists of items and ids.
    """
    faults = _Faults()
    items = _items(body, faults)
    removed = _ids(body, faults)
    faults.refuse()
    if items is None and removed is None:
        names = ("items", "removed")
        raise IncompleteDataError(names, [FieldError(name, "required") for name in names])
    return _sync(items or (), removed or ())


def old_push(body: JsonObject, shape: LegacyShape) -> LegacyPush:
    """
    A push of Odoo's older modules.

    What is not active, or not for an AI to see, is not kept. An item without an id goes by
    its name.

    Raises:
        SourceDataMissingError: It brings no items.
        InvalidFieldsError: What it brings are no items.
    """
    lists = dict(_lists(body, shape))
    if not lists:
        raise SourceDataMissingError
    faults = _Faults()
    kept: list[Item] = []
    hidden: list[str] = []
    for path, (kind, entries) in lists.items():
        for id_, entry, place in _old_entries(path, kind, entries, faults):
            if entry.get("active") is False or entry.get("visible_in_ai") is False:
                hidden.append(id_)
            elif (item := faults.item(place, id_, entry)) is not None:
                kept.append(item)
    faults.refuse()
    removed = () if shape.whole else tuple(hidden)
    temporary = sum(len(entries) for kind, entries in lists.values() if kind == _TEMPORARY)
    sync = _sync(tuple(kept), removed, whole=shape.whole)
    return LegacyPush(sync, len(kept) + len(hidden), len(hidden), temporary)


def product(body: JsonObject, id_: str | None = None) -> CollectionSync:
    """
    Some fields of one product; those that are not named stay.

    Raises:
        IncompleteDataError: Its id is missing.
        SourceDataMissingError: Nothing but its id is there.
        InvalidFieldsError: The id is none.
    """
    fields = FieldReader({"": body if id_ is None else {**body, "product_id": id_}})
    found = fields.named("product_id", item_id)
    if found is None:
        fields.refuse("product_id")
    data = {
        name: value
        for name, value in body.items()
        if name not in {"account_id", "product_id", "metadata", "skip_odoo_update"}
        and not (value is None or value == "")
    }
    if not data:
        raise SourceDataMissingError
    return CollectionSync((Item.of(found, {"id": found, **data}),), merging=True)


def _lists(body: JsonObject, shape: LegacyShape) -> Iterator[tuple[str, tuple[str, list[Json]]]]:
    for name in shape.fields:
        found = body.get(name)
        if isinstance(found, list):
            yield name, ("", found)
            return
        if isinstance(found, dict):
            yield from _rule_lists(found, f"{name}.")
            return
        if not is_absent(found):
            raise InvalidFieldsError([FieldError(name, "list")])
    yield from _rule_lists(body, "")


def _rule_lists(body: JsonObject, prefix: str) -> Iterator[tuple[str, tuple[str, list[Json]]]]:
    # Two models of Odoo, which count their ids apart.
    for kind in (_PERMANENT, _TEMPORARY):
        found = body.get(kind)
        if isinstance(found, list):
            yield f"{prefix}{kind}", (kind, found)


def _old_entries(
    path: str, kind: str, entries: list[Json], faults: _Faults
) -> Iterator[tuple[str, JsonObject, str]]:
    """
    Each item with the id that it goes by and its place in the body.
    """
    names: Counter[str] = Counter()
    for number, entry in enumerate(_few(path, entries)):
        place = f"{path}.{number}"
        if not isinstance(entry, dict):
            faults.note(place, "object")
            continue
        id_ = faults.id(place, entry, *_ID_NAMES)
        if id_ is None:
            id_ = faults.id(place, entry, "name")
            if id_ is None:
                faults.note(f"{place}.id", "required")
                continue
            names[id_] += 1
            id_ = id_ if names[id_] == 1 else f"{id_} #{names[id_]}"
        if kind:
            temporary = kind == _TEMPORARY
            id_ = f"{'temporary' if temporary else 'permanent'}:{id_}"
            yield id_, {**entry, "is_temporary": temporary}, place
        else:
            yield id_, entry, place


class _Faults:
    """
    What is wrong with a body, as far as it pays to look.
    """

    def __init__(self) -> None:
        self._errors: list[FieldError] = []

    def note(self, path: str, rule: str) -> None:
        """
        Take in one more; the last one that counts ends the looking.
        """
        self._errors.append(FieldError(path, rule))
        if len(self._errors) == _MOST_ERRORS:
            self.refuse()

    def refuse(self) -> None:
        """
        Refuse a body with which anything is wrong.
        """
        if self._errors:
            raise InvalidFieldsError(self._errors)

    def id(self, path: str, entry: JsonObject, *names: str) -> str | None:
        """
        The first of *names* that *entry* has, as an id.
        """
        for name in names:
            value = entry.get(name)
            if is_absent(value):
                continue
            if isinstance(value, bool) or not isinstance(value, int | str):
                self.note(f"{path}.{name}", "identifier")
                continue
            try:
                return item_id(str(value))
            except InvalidValueError as error:
                self.note(f"{path}.{name}", error.rule)
        return None

    def item(self, path: str, id_: str, entry: JsonObject) -> Item | None:
        """
        The item that *entry* is.
        """
        try:
            return Item.of(id_, entry)
        except InvalidValueError as error:
            self.note(path, error.rule)
            return None


def _items(body: JsonObject, faults: _Faults) -> tuple[Item, ...] | None:
    entries = _entries(body, "items", faults)
    if entries is None:
        return None
    items = []
    for number, entry in enumerate(entries):
        path = f"items.{number}"
        if not isinstance(entry, dict):
            faults.note(path, "object")
            continue
        id_ = faults.id(path, entry, "id")
        if id_ is None:
            faults.note(f"{path}.id", "required")
        elif (item := faults.item(path, id_, entry)) is not None:
            items.append(item)
    return tuple(items)


def _ids(body: JsonObject, faults: _Faults) -> tuple[str, ...] | None:
    entries = _entries(body, "removed", faults)
    if entries is None:
        return None
    found = [
        faults.id("removed", {str(number): entry}, str(number))
        for number, entry in enumerate(entries)
    ]
    return tuple(id_ for id_ in found if id_ is not None)


def _entries(body: JsonObject, name: str, faults: _Faults) -> list[Json] | None:
    value = body.get(name)
    if isinstance(value, list):
        return _few(name, value)
    if not is_absent(value):
        faults.note(name, "list")
    return None


def _few(path: str, entries: list[Json]) -> list[Json]:
    # Looked at before each of them is read for nothing.
    if len(entries) > MOST_ITEMS:
        raise InvalidFieldsError([FieldError(path, "item_count")])
    return entries


def _sync(
    items: tuple[Item, ...], removed: tuple[str, ...], *, whole: bool = False
) -> CollectionSync:
    try:
        return CollectionSync(items, removed, whole=whole)
    except InvalidValueError as error:
        raise InvalidFieldsError([FieldError(error.field, error.rule)]) from None
