"""
Secret addresses: where Odoo's own automation rules post a record, without a key or a header.

A record is what Odoo's action *Send Webhook Notification* sends: `_model`, `_id`, `_action` and
the chosen fields by their names. An empty field is ``false``, a link is the id of the other
record, several links are a list of ids, and dates are texts.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import evolve, field, frozen

from odoo_ai_config.domain.access import TOKEN_NAME, ApiKey, Scope
from odoo_ai_config.domain.collections import CollectionName, is_withdrawn
from odoo_ai_config.domain.documents.syncs import PLACES
from odoo_ai_config.domain.errors import DomainError, InvalidValueError
from odoo_ai_config.domain.identifiers import NO_ID, BusinessArea, TenantArea, matches
from odoo_ai_config.domain.json_types import Json, JsonObject, is_empty
from odoo_ai_config.domain.outcomes import WriteKind

MODEL: Final = re.compile(r"[A-Za-z0-9_.]{1,128}", re.ASCII)
ODOO_FIELD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
HUB_FIELD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}", re.ASCII)
MOST_FIELDS: Final = 100
# Odoo and Studio begin the names of fields that users add with these.
_PREFIXES: Final = ("x_", "x_studio_")
_ID: Final = "_id"
_MODEL: Final = "_model"
_META: Final = frozenset({_ID, _MODEL, "_action"})
_NUMBERS: Final = "special_whatsapp_numbers"
# Lists that a field of text may have.
_LISTS: Final = frozenset({"enabled_collections", _NUMBERS})
_SEPARATORS: Final = re.compile(r"[,;\n]")


class RecordKind(enum.Enum):
    """
    What the hub makes of the records of an address.
    """

    CREDENTIALS = "credentials"
    MAPPING = "mapping"
    METADATA = "metadata"
    COLLECTION = "collection"

    @property
    def event(self) -> WriteKind:
        """
        The event that a record stands for.
        """
        return WriteKind[self.name]


def _fields(*names: str, within: str = "") -> frozenset[str]:
    return frozenset(within + name for line in names for name in line.split())


# The fields that say whose a record is, where a record may only agree with its address; and when
# it was written, for which Odoo has a field of its own.
_OF_ALL: Final = _fields("account_id domain timestamp")
_WRITTEN_AT: Final = "write_date"
# The fields of each event that a record may fill. A dot leads into an object of the event.
FIELDS: Final[Mapping[RecordKind, frozenset[str]]] = {
    RecordKind.CREDENTIALS: _OF_ALL
    | _fields("token yaml_content")
    | {name for name in PLACES if "." not in name},
    RecordKind.MAPPING: _OF_ALL
    | _fields(
        "chatwoot_account_id chatwoot_inbox_id is_fallback active sequence",
        "special_whatsapp_numbers",
    ),
    RecordKind.METADATA: _OF_ALL
    | _fields(
        "name description business_area business_area_other company_values website",
        "facebook_url instagram_url mention_website_at_end mention_facebook_at_end",
        "mention_instagram_at_end greeting_message communication_style emoji_usage",
        "enabled_collections",
    )
    | _fields("street street2 city state zip country share_address", within="address.")
    | _fields(
        "monday tuesday wednesday thursday friday saturday sunday has_lunch_break",
        "business_hours_start business_hours_end lunch_break_start lunch_break_end",
        "saturday_hours_start saturday_hours_end sunday_hours_start sunday_hours_end timezone",
        within="business_hours.",
    ),
}


@frozen
class AddressMismatchError(DomainError):
    """
    The record is not one of those that the address is for.

    Args:
        field: What differs: the model, the account or the business area.
    """

    field: str


@frozen
class Feed:
    """
    What becomes of a record: whose it is, what the hub makes of it, and from which fields.

    Args:
        owner: All that the records write belongs to it.
        collection: The collection whose items the records are, for that kind only.
        model: The only model of Odoo that is accepted; None for any.
        fields: Fields of Odoo by the field of the event, or of the item, that they fill. A field
            that is not named here comes from the field of the same name, with or without
            ``x_`` or ``x_studio_`` before it. ``_id`` is the id of the record.
    """

    owner: TenantArea
    kind: RecordKind
    collection: CollectionName | None = None
    model: str | None = field(default=None)
    fields: Mapping[str, str] = field(factory=dict)

    @model.validator
    def _check_model(self, _attribute: object, model: str | None) -> None:
        if model is not None and MODEL.fullmatch(model) is None:
            raise InvalidValueError("model", "address_model")

    @fields.validator
    def _check_fields(self, _attribute: object, fields: Mapping[str, str]) -> None:
        if len(fields) > MOST_FIELDS:
            raise InvalidValueError("fields", "address_fields")
        known = FIELDS.get(self.kind)
        for name, source in fields.items():
            if HUB_FIELD.fullmatch(name) is None:
                # Not named: it may hold anything.
                raise InvalidValueError("fields", "address_field")
            if known is not None and name not in known:
                raise InvalidValueError(f"fields.{name}", "unknown_member")
            if ODOO_FIELD.fullmatch(source) is None:
                raise InvalidValueError(f"fields.{name}", "address_field")

    def __attrs_post_init__(self) -> None:
        if (self.kind is RecordKind.COLLECTION) != (self.collection is not None):
            raise InvalidValueError("collection", "address_collection")

    def event_in(self, record: JsonObject) -> JsonObject:
        """
        The event that *record* stands for, or the push for a collection, as other clients send it.

        The values are the record's own: whoever reads the event decides about them.

        Raises:
            AddressMismatchError: The record is of another model, account or business area.
            InvalidValueError: Two fields of the record differ in their prefix only.
        """
        if self.model is not None and record.get(_MODEL) != self.model:
            raise AddressMismatchError(_MODEL)
        account = self._said("account_id", record)
        if not is_empty(account) and _text(account) != str(self.owner.tenant):
            raise AddressMismatchError("account_id")
        if self.kind is RecordKind.COLLECTION:
            return self._push(record)
        filled = {name: self._said(name, record) for name in sorted(FIELDS[self.kind])}
        said: JsonObject = {n: value for n, value in filled.items() if value is not None}
        said["account_id"] = tenant = str(self.owner.tenant)
        said |= {name: _parts(said[name]) for name in _LISTS & said.keys()}
        domain = said.get("domain")
        if is_empty(domain):
            said["domain"] = str(self.owner.domain)
        elif not self._is_own_area(domain):
            raise AddressMismatchError("domain")
        event: JsonObject = {"event_type": self.kind.event.value}
        stated_at = said.pop("timestamp", None)
        written_at = record.get(_WRITTEN_AT) if is_empty(stated_at) else stated_at
        if written_at is not None:
            event["timestamp"] = written_at
        if self.kind is RecordKind.MAPPING:
            numbers = said.get(_NUMBERS)
            if isinstance(numbers, list):
                said[_NUMBERS] = [_special_number(number) for number in numbers]
            del said["account_id"]
            return {**event, "mapping": {**said, "internal_account_id": tenant}}
        if self.kind is RecordKind.CREDENTIALS and is_empty(said.get("token")):
            said["token"] = _id_of(record)
        return {**event, **_nested(said)}

    def _push(self, record: JsonObject) -> JsonObject:
        id_ = self._said("id", record) if "id" in self.fields else _id_of(record)
        taken = {*self.fields.values(), *_META, "id", "account_id"}
        plain = {name: _unprefixed(name, record) for name in record if name not in taken}
        item = {plain[name]: record[name] for name in plain} | {
            name: record[source] for name, source in self.fields.items() if source in record
        }
        kept = {name: value for name, value in item.items() if not is_empty(value)}
        if is_withdrawn(item):
            kept["active"] = False
        return {
            "account_id": str(self.owner.tenant),
            "collection": str(self.collection),
            "items": [{**kept, "id": id_}],
        }

    def _said(self, name: str, record: JsonObject) -> Json:
        """
        What *record* has for the field *name*; None if it has nothing.
        """
        if name in self.fields:
            source = self.fields[name]
            return _id_of(record) if source == _ID else record.get(source)
        plain = name.rpartition(".")[2]
        if plain in record:
            return record[plain]
        found = [prefix + plain for prefix in _PREFIXES if prefix + plain in record]
        if len(found) > 1:
            raise InvalidValueError(name, "address_ambiguous")
        return record[found[0]] if found else None

    def _is_own_area(self, text: Json) -> bool:
        try:
            return isinstance(text, str) and BusinessArea.from_text(text) == self.owner.domain
        except InvalidValueError:
            return False


@frozen
class Address:
    """
    A secret address: everything that the hub keeps of it, which is not its token.

    Args:
        digest: SHA-256 of the secret part of the token, which has 256 random bits.
        created_by: The id of the key that made it, or ``cli`` or ``library``.
        used_at: When a record last came, to the minute; None if none ever came.
    """

    id: str
    name: str = field(validator=matches("name", TOKEN_NAME))
    digest: bytes = field(repr=False)
    feed: Feed
    created_at: datetime
    created_by: str
    used_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None

    @property
    def caller(self) -> ApiKey:
        """
        Who posts to the address: it may push for its tenant, and nothing else.
        """
        scopes = frozenset({Scope.WEBHOOK})
        tenant = self.feed.owner.tenant
        return ApiKey(self.id, self.name, self.digest, scopes, tenant, self.created_at)

    def revoked(self, at: datetime, by: str) -> Address:
        """
        The same address, revoked. The first revocation counts.
        """
        return self if self.revoked_at is not None else evolve(self, revoked_at=at, revoked_by=by)


def _id_of(record: JsonObject) -> Json:
    """
    The id of *record*; None if it has none. Odoo counts from 1.
    """
    id_ = record.get(_ID)
    return None if str(id_).strip() in NO_ID else id_


def _text(value: Json) -> str | None:
    """
    An identifier as text; None if the value is not one.
    """
    if isinstance(value, str):
        return value.strip()
    return str(value) if type(value) is int else None


def _parts(value: Json) -> Json:
    """
    A list from a text, because Odoo sends of other records only their ids.
    """
    return _SEPARATORS.split(value) if isinstance(value, str) else value


def _special_number(entry: Json) -> Json:
    if not isinstance(entry, str) or not entry.strip():
        return entry
    number, colon, crew = entry.rpartition(":")
    return {"number": number, "crew": crew} if colon else {"number": entry}


def _unprefixed(name: str, record: JsonObject) -> str:
    """
    *name* without its prefix, unless another field of *record* would then have the same name.
    """
    for prefix in reversed(_PREFIXES):
        plain = name.removeprefix(prefix)
        if plain and plain != name:
            others = {plain, *(other + plain for other in _PREFIXES)} - {name}
            return name if others & record.keys() else plain
    return name


def _nested(said: JsonObject) -> JsonObject:
    event: JsonObject = {}
    parts: dict[str, JsonObject] = {}
    for name, value in said.items():
        part, dot, inner = name.partition(".")
        if dot:
            parts.setdefault(part, {})[inner] = value
        else:
            event[part] = value
    return {**event, **parts}
