"""
The records of stores as JSON, the same for equal records of every store.

Fields that an older version did not write have their defaults, so old backups can be restored.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from attrs import fields_dict, has
from cattrs import Converter
from cattrs.errors import BaseValidationError, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from odoo_ai_config.application.errors import StoreFailure, StoreUnusableError
from odoo_ai_config.application.ports.store_records import CLASSES, Record, RecordKind
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.collections import Item
from odoo_ai_config.domain.errors import DomainError
from odoo_ai_config.domain.outcomes import Outcome

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# What requests and answers say beside what is stored.
_OMITTED: Final[Mapping[type[Any], str]] = {
    ApiKey: "occasion",
    Item: "withdrawn",
    Outcome: "replayed",
}
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    BaseValidationError,
    ForbiddenExtraKeysError,
    DomainError,
)
_PLAIN: Final = Converter(detailed_validation=False, forbid_extra_keys=True)


def encoded(record: Record) -> bytes:
    """
    Everything about *record*.
    """
    return orjson.dumps(_PLAIN.unstructure(record), option=orjson.OPT_SORT_KEYS)


def decoded(kind: RecordKind, text: bytes) -> Record:
    """
    The record of *kind* that `encoded` made *text* of.

    Raises:
        StoreUnusableError: It is not one, or has what only newer versions know.
    """
    try:
        return _PLAIN.structure(orjson.loads(text), CLASSES[kind])
    except _UNREADABLE:
        # Not chained: the cause quotes values.
        raise StoreUnusableError(
            f"Um registro do backup ({kind.value}) está danificado ou é de uma versão mais nova "
            "do odoo-ai-config.",
            StoreFailure.CORRUPT,
        ) from None


def _is_named_value(cls: type[object]) -> bool:
    return has(cls) and list(fields_dict(cls)) == ["value"]


_PLAIN.register_unstructure_hook(datetime, lambda at: (at - _EPOCH) // _MICROSECOND)
_PLAIN.register_structure_hook(datetime, lambda at, _: _EPOCH + timedelta(microseconds=at))
_PLAIN.register_unstructure_hook(bytes, lambda value: b64encode(value).decode())
_PLAIN.register_structure_hook(bytes, lambda text, _: b64decode(text, validate=True))
_PLAIN.register_unstructure_hook_func(_is_named_value, lambda named: named.value)
_PLAIN.register_structure_hook_func(_is_named_value, lambda value, cls: cls(value))
_PLAIN.register_unstructure_hook_func(
    lambda cls: cls == frozenset[Scope], lambda scopes: sorted(one.value for one in scopes)
)
for _cls, _name in _OMITTED.items():
    _omitted: Any = {_name: override(omit=True)}
    _PLAIN.register_unstructure_hook(_cls, make_dict_unstructure_fn(_cls, _PLAIN, **_omitted))
    _PLAIN.register_structure_hook(
        _cls, make_dict_structure_fn(_cls, _PLAIN, _cattrs_forbid_extra_keys=True, **_omitted)
    )
