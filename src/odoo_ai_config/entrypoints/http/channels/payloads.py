"""
Reads and shows the mapping as one object, in the form of the old server and as channels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Annotated, Final, TypeAlias, TypeVar

from attrs import field, frozen

from odoo_ai_config.domain.channels.mapping import (
    DEFAULT_SEQUENCE,
    ChannelKey,
    ChannelMapping,
    SpecialNumber,
)
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.sections import MappingSections, sections_of
from odoo_ai_config.domain.identifiers import (
    NO_ID,
    BusinessArea,
    ChatwootId,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.json_types import Json, JsonObject, is_empty, unknown_names
from odoo_ai_config.entrypoints.http.platform.conditional import tag_of
from odoo_ai_config.entrypoints.http.platform.errors import (
    FieldError,
    IncompleteDataError,
    InvalidFieldsError,
)
from odoo_ai_config.entrypoints.http.platform.fields import (
    collected,
    converter,
    read,
    read_object,
    shape_of,
)
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes
from odoo_ai_config.entrypoints.http.platform.schema import Body, Component, lenient
from odoo_ai_config.entrypoints.http.platform.wire_types import (
    DEFAULT_DOMAIN,
    BrokenRuleError,
    DomainName,
    FallbackPlace,
    WireType,
)

T = TypeVar("T")
# The names of the first two sections in the oldest files.
_OLDEST: Final = {"accounts": "account_domain_mapping", "inboxes": "inbox_domain_mapping"}
# What such files also have, and what the answer to a write adds.
_IGNORED: Final = frozenset({"default_domain", "clients", "webhook_settings", "warnings"})
# A request is limited by its size.
_MOST_ENTRIES: Final = 1_000_000


def _require_known(members: Collection[str], value: Json) -> None:
    """
    Refuse an object with other *members*: what they were to say would get lost.
    """
    if isinstance(value, dict):
        collected(_refuse_unknown, ((name, None) for name in unknown_names(value, members)))


def _refuse_unknown(_: Json) -> None:
    raise BrokenRuleError("unknown_member")


def _read_known(cls: type[T], value: Json) -> T:
    kind: type = cls
    _require_known(shape_of(kind).types, value)
    return read_object(cls, value)


@frozen
class MappingOwner:
    """
    A business area of a tenant.
    """

    account_id: TenantId
    domain: DomainName = DEFAULT_DOMAIN

    @property
    def area(self) -> TenantArea:
        """
        The business area that it names.
        """
        return TenantArea(self.account_id, self.domain.domain)


@frozen
class MappingFallback(MappingOwner):
    """
    A business area that takes messages without another owner; the lowest sequence is first.
    """

    sequence: FallbackPlace = DEFAULT_SEQUENCE


@frozen(kw_only=True)
class MappingNumber(MappingOwner):
    """
    A number whose messages go to their own crew.
    """

    number: PhoneNumber
    crew: str
    special: SpecialNumber = field(init=False)

    @special.default
    def _special(self) -> SpecialNumber:
        return SpecialNumber(self.number, self.crew)


def _owned_number(value: Json, _: object) -> object:
    if isinstance(value, dict) and is_empty(value.get("number")):
        _require_known(shape_of(MappingNumber).types, value)
        # An empty line; its owner is checked all the same.
        read_object(MappingOwner, value)
        return None
    return _read_known(MappingNumber, value)


converter.register_structure_hook(MappingNumber, _owned_number)
converter.register_structure_hook(
    MappingFallback, lambda value, _: _read_known(MappingFallback, value)
)


def _domain_alone(value: Json) -> BusinessArea:
    if not isinstance(value, str):
        raise BrokenRuleError("object")
    return BusinessArea.from_text(value.strip())


def _account(account: ChatwootId, value: Json) -> TenantArea:
    if isinstance(value, dict):
        return _read_known(MappingOwner, value).area
    # The old server used the account's number as the tenant's name.
    return TenantArea(TenantId(f"account_{account}"), _domain_alone(value))


def _oldest_account(account: ChatwootId, value: Json) -> TenantArea:
    if isinstance(value, dict) and is_empty(value.get("account_id")):
        _require_known(("account_id", "domain"), value)
        value = value.get("domain")
    return _account(account, value)


def _inbox(_: ChatwootId, value: Json) -> TenantArea | BusinessArea:
    if not isinstance(value, dict):
        # The oldest files only name a business area; the accounts tell its tenant.
        return _domain_alone(value)
    return _read_known(MappingOwner, value).area


_OWNERS: Final = Component(
    "LenientOwners",
    lenient(
        {"type": "object", "additionalProperties": {"anyOf": [MappingOwner, {"type": "string"}]}},
        "A business area for each id of Chatwoot.",
    ),
)


def _named(
    read_owner: Callable[[ChatwootId, Json], object],
    *,
    nameless: bool = False,
    gaps: bool = False,
) -> WireType:
    def read_entry(entry: tuple[str, Json]) -> tuple[ChatwootId, object]:
        if entry[0] in NO_ID and not nameless:
            raise BrokenRuleError("chatwoot_id")
        channel = ChatwootId(entry[0])
        return channel, read_owner(channel, entry[1])

    def read_entries(value: Json, _: object) -> dict[ChatwootId, object]:
        if not isinstance(value, dict):
            raise BrokenRuleError("object")
        # The keys are input, so no error repeats them.
        entries = [
            ("*", (key.strip(), item))
            for key, item in value.items()
            if not (gaps and is_empty(item))
        ]
        found = dict(collected(read_entry, entries))
        if len(found) < len(entries):
            raise BrokenRuleError("unique_ids")
        return found

    return WireType(read_entries, _OWNERS)


_Accounts: TypeAlias = Annotated[dict[ChatwootId, TenantArea], _named(_account)]
_OldestAccounts: TypeAlias = Annotated[
    dict[ChatwootId, TenantArea], _named(_oldest_account, gaps=True)
]
# Old clients have keys that are Python's str() of an inbox that Odoo does not have: see `_owned`.
_Inboxes: TypeAlias = Annotated[
    dict[ChatwootId, TenantArea | BusinessArea], _named(_inbox, nameless=True)
]
_OldestInboxes: TypeAlias = Annotated[
    dict[ChatwootId, TenantArea | BusinessArea], _named(_inbox, nameless=True, gaps=True)
]
_ChannelNumber: TypeAlias = Annotated[
    SpecialNumber,
    WireType(
        lambda value, _: _read_known(SpecialNumber, value),
        Body(parts=(SpecialNumber,), name="PushedNumber"),
    ),
]


@frozen(kw_only=True)
class WrittenChannel:
    """
    A Chatwoot channel and all that its mapping says.

    `account` and `inbox` have to be there; null is any account or any inbox. If both are null,
    there is no channel: the entry holds a fallback and special numbers of its owner.
    """

    account: ChatwootId | None = None
    inbox: ChatwootId | None = None
    tenant: TenantId
    domain: DomainName = DEFAULT_DOMAIN
    fallback: bool = False
    sequence: FallbackPlace = DEFAULT_SEQUENCE
    numbers: Annotated[tuple[_ChannelNumber, ...], _MOST_ENTRIES] = ()
    active: bool = True


def _channel(value: Json) -> ChannelMapping:
    if not isinstance(value, dict):
        raise BrokenRuleError("object")
    collected(_require_id, ((name, value.get(name, "")) for name in ("account", "inbox")))
    given = _read_known(WrittenChannel, value)
    owner = TenantArea(given.tenant, given.domain.domain)
    holder = owner if given.account is None and given.inbox is None else None
    return ChannelMapping(
        ChannelKey(given.account, given.inbox, holder),
        owner,
        given.sequence,
        given.fallback,
        given.numbers,
        given.active,
    )


def _require_id(value: Json) -> None:
    # Only null is any channel. What Odoo sends for an empty field may be a mistake here.
    if value == "":
        raise BrokenRuleError("required")
    if value is not None and (is_empty(value) or value == 0):
        raise BrokenRuleError("chatwoot_id")


def _channels(value: Json, _: object) -> tuple[ChannelMapping, ...]:
    if not isinstance(value, list):
        raise BrokenRuleError("list")
    found = collected(_channel, enumerate(value))
    if len({mapping.key for mapping in found}) < len(found):
        raise BrokenRuleError("unique_channels")
    return tuple(found)


_Channels: TypeAlias = Annotated[
    tuple[ChannelMapping, ...],
    WireType(
        _channels,
        {
            "type": "array",
            "items": Body(parts=(WrittenChannel,), required=("account", "inbox", "tenant")),
        },
    ),
]


@frozen
class Sections:
    """
    The mapping as one object.

    The names of the oldest clients for its first two sections, `account_domain_mapping` and
    `inbox_domain_mapping`, are accepted.
    """

    accounts: _Accounts | None = None
    account_domain_mapping: _OldestAccounts | None = None
    inboxes: _Inboxes | None = None
    inbox_domain_mapping: _OldestInboxes | None = None
    fallbacks: Annotated[tuple[MappingFallback, ...], _MOST_ENTRIES] | None = None
    special_numbers: Annotated[tuple[MappingNumber, ...], _MOST_ENTRIES] | None = None
    channels: _Channels | None = None


_KNOWN: Final = shape_of(Sections).types.keys() | _IGNORED
_SECTIONS: Final = Body(
    parts=(Sections,),
    name="MappingSections",
    members={name: {"deprecated": True} for name in sorted(_IGNORED)},
    more={"additionalProperties": False},
)
MAPPING_DATA: Final = Component(
    "MappingData",
    {
        "anyOf": [
            {
                "type": "object",
                "properties": {"mapping_data": _SECTIONS},
                "required": ["mapping_data"],
                "additionalProperties": False,
            },
            _SECTIONS,
        ]
    },
)


def mapping_sections(body: JsonObject) -> MappingSections:
    """
    Read ``{"mapping_data": {...}}``, or the object itself.

    Raises:
        IncompleteDataError: The mapping is missing, or it has no section.
        InvalidFieldsError: A field is invalid or unknown.
    """
    prefix = "mapping_data." if "mapping_data" in body else ""
    data = body["mapping_data"] if prefix else body
    if is_empty(data) or data == {}:
        raise IncompleteDataError(["mapping_data"], [FieldError("mapping_data", "required")])
    if not isinstance(data, dict):
        raise InvalidFieldsError([FieldError("mapping_data", "object")])
    strange = [prefix + name for name in unknown_names(data, _KNOWN)]
    if prefix:
        strange += unknown_names(body, {"mapping_data"})
    unknown = [FieldError(name, "unknown_member") for name in strange]
    unread = {oldest for section, oldest in _OLDEST.items() if section in data}
    told = {name: value for name, value in data.items() if name not in unread}
    sections = read(Sections, {prefix: told}, noted=unknown)
    accounts = sections.accounts if "accounts" in data else sections.account_domain_mapping
    name = "inboxes" if "inboxes" in data else _OLDEST["inboxes"]
    inboxes: dict[ChatwootId, TenantArea | BusinessArea] | None = getattr(sections, name)
    return MappingSections(
        accounts,
        None if inboxes is None else _owned(inboxes, accounts or {}, f"{prefix}{name}.*"),
        None if sections.fallbacks is None else _lowest(sections.fallbacks),
        None if sections.special_numbers is None else _numbers(sections.special_numbers),
        sections.channels,
    )


def _owned(
    inboxes: dict[ChatwootId, TenantArea | BusinessArea],
    accounts: dict[ChatwootId, TenantArea],
    path: str,
) -> dict[ChatwootId, TenantArea]:
    owners: dict[BusinessArea, set[TenantArea]] = {}
    for owner in accounts.values():
        owners.setdefault(owner.domain, set()).add(owner)
    found = {}
    for inbox, named in inboxes.items():
        if inbox.value in NO_ID:
            # It stands for every inbox of its account, and the entry of the account says so.
            if named not in owners and named not in accounts.values():
                raise InvalidFieldsError([FieldError(path, "chatwoot_id")])
            continue
        among = {named} if isinstance(named, TenantArea) else owners.get(named, set())
        if len(among) != 1:
            raise InvalidFieldsError([FieldError(path, "legacy_owner")])
        (found[inbox],) = among
    return found


def _lowest(fallbacks: Iterable[MappingFallback]) -> dict[TenantArea, int]:
    found: dict[TenantArea, int] = {}
    for one in fallbacks:
        found[one.area] = min(one.sequence, found.get(one.area, one.sequence))
    return found


def _numbers(entries: Iterable[MappingNumber]) -> dict[TenantArea, frozenset[SpecialNumber]]:
    found: dict[TenantArea, frozenset[SpecialNumber]] = {}
    for one in entries:
        found[one.area] = found.get(one.area, frozenset()) | {one.special}
    return found


def mapping_object(sections: MappingSections) -> JsonObject:
    """
    *sections* as one object, in an order that does not depend on their history.
    """
    return {
        "accounts": {
            str(account): _shown(owner)
            for account, owner in sorted((sections.accounts or {}).items())
        },
        "inboxes": {
            str(inbox): _shown(owner) for inbox, owner in sorted((sections.inboxes or {}).items())
        },
        "fallbacks": [
            {**_shown(owner), "sequence": sequence}
            for owner, sequence in sorted(
                (sections.fallbacks or {}).items(), key=lambda entry: (entry[1], entry[0])
            )
        ],
        "special_numbers": [
            {"number": special.number.digits, "crew": special.crew, **_shown(owner)}
            for owner, numbers in sorted((sections.special_numbers or {}).items())
            for special in sorted(numbers, key=lambda one: (one.number.digits, one.crew))
        ],
        "channels": [channel_state(mapping) for mapping in sections.channels or ()],
    }


def mapping_tag(mappings: Iterable[ChannelMapping]) -> str:
    """
    The entity tag of `mapping_object`, if *mappings* are the whole mapping.
    """
    return tag_of(json_bytes(mapping_object(sections_of(mappings))))


def channel_state(mapping: ChannelMapping) -> JsonObject:
    """
    A channel and all that its mapping says.
    """
    key, owner = mapping.key, mapping.owner
    return {
        "account": None if key.account is None else str(key.account),
        "inbox": None if key.inbox is None else str(key.inbox),
        "tenant": str(owner.tenant),
        "domain": str(owner.domain),
        "fallback": mapping.fallback,
        "sequence": mapping.sequence,
        "numbers": [
            {"number": special.number.digits, "crew": special.crew} for special in mapping.numbers
        ],
        "active": mapping.active,
    }


def _shown(owner: TenantArea) -> JsonObject:
    return {"domain": str(owner.domain), "account_id": str(owner.tenant)}
