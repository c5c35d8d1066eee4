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
from odoo_ai_config.application.ports.store_records import (
    PendingEntry,
    Record,
    RecordKind,
    ReplacedMapping,
    StoredEnd,
    StoredItem,
    StoredMessage,
    TenantKeys,
)
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.audit import LinkedEntry
from odoo_ai_config.domain.changes import IdempotencyRecord
from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.collections import CollectionHead, Item
from odoo_ai_config.domain.conversations.state import Conversation
from odoo_ai_config.domain.credentials.secrets import SealedSecret
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.errors import DomainError
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.domain.tenants import TenantState

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_CLASSES: Final[Mapping[RecordKind, type[Any]]] = {
    RecordKind.API_KEYS: ApiKey,
    RecordKind.ADDRESSES: Address,
    RecordKind.TENANT_KEYS: TenantKeys,
    RecordKind.TENANT_STATES: TenantState,
    RecordKind.SECRETS: SealedSecret,
    RecordKind.REVISIONS: Revision,
    RecordKind.MAPPINGS: MappingRevision,
    RecordKind.REPLACED_MAPPINGS: ReplacedMapping,
    RecordKind.COLLECTIONS: CollectionHead,
    RecordKind.ITEMS: StoredItem,
    RecordKind.CONVERSATIONS: Conversation,
    RecordKind.MESSAGES: StoredMessage,
    RecordKind.REQUESTS: IdempotencyRecord,
    RecordKind.AUDIT: LinkedEntry,
    RecordKind.AUDIT_END: StoredEnd,
    RecordKind.PENDING_AUDIT: PendingEntry,
}
# What a store says of a record, or an answer of its object, beside what it is.
_OMITTED: Final[Mapping[type[Any], str]] = {
    PendingEntry: "place",
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
        record: Record = _PLAIN.structure(orjson.loads(text), _CLASSES[kind])
    except _UNREADABLE:
        # Not chained: the cause quotes values.
        raise StoreUnusableError(
            f"Um registro do backup ({kind.value}) está danificado ou é de uma versão mais nova "
            "do odoo-ai-config.",
            StoreFailure.CORRUPT,
        ) from None
    return record


def _is_named_value(cls: type[object]) -> bool:
    return has(cls) and list(fields_dict(cls)) == ["value"]


_PLAIN.register_unstructure_hook(datetime, lambda at: (at - _EPOCH) // _MICROSECOND)
_PLAIN.register_structure_hook(datetime, lambda at, _: _EPOCH + timedelta(microseconds=at))
_PLAIN.register_unstructure_hook(bytes, lambda value: b64encode(value).decode())
_PLAIN.register_structure_hook(bytes, lambda text, _: b64decode(text, validate=True))
_PLAIN.register_unstructure_hook_func(_is_named_value, lambda named: named.value)
_PLAIN.register_structure_hook_func(_is_named_value, lambda value, cls: cls(value))
for _cls, _name in _OMITTED.items():
    _omitted: Any = {_name: override(omit=True)}
    _PLAIN.register_unstructure_hook(_cls, make_dict_unstructure_fn(_cls, _PLAIN, **_omitted))
    _PLAIN.register_structure_hook(
        _cls, make_dict_structure_fn(_cls, _PLAIN, _cattrs_forbid_extra_keys=True, **_omitted)
    )
_PLAIN.register_unstructure_hook(
    ApiKey,
    make_dict_unstructure_fn(
        ApiKey,
        _PLAIN,
        scopes=override(unstruct_hook=lambda scopes: sorted(one.value for one in scopes)),
        reason=override(omit=True),
    ),
)
_PLAIN.register_structure_hook(
    ApiKey,
    make_dict_structure_fn(
        ApiKey, _PLAIN, _cattrs_forbid_extra_keys=True, reason=override(omit=True)
    ),
)
