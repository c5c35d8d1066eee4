"""
Reads and shows the mapping as one object, in the form of the old server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Final, TypeAlias

from attrs import field, frozen

from odoo_ai_config.domain.channels.mapping import DEFAULT_SEQUENCE, SpecialNumber
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.sections import MappingSections
from odoo_ai_config.domain.identifiers import (
    BusinessArea,
    ChatwootId,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.http.platform.errors import (
    FieldError,
    IncompleteDataError,
    InvalidFieldsError,
)
from odoo_ai_config.entrypoints.http.platform.fields import (
    DEFAULT_DOMAIN,
    BrokenRuleError,
    DomainName,
    FallbackPlace,
    WireType,
    collected,
    converter,
    is_absent,
    read,
    read_object,
    shape_of,
)
from odoo_ai_config.entrypoints.http.platform.schema import Body, Component, lenient

# The names of the first two sections in the oldest files.
_OLDEST: Final = {"accounts": "account_domain_mapping", "inboxes": "inbox_domain_mapping"}
# Python's str() of an inbox that Odoo does not have.
_NO_CHANNEL: Final = frozenset({"None", "False", ""})


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
    if isinstance(value, dict) and is_absent(value.get("number")):
        # An empty line; its owner is checked all the same.
        read_object(MappingOwner, value)
        return None
    return read_object(MappingNumber, value)


converter.register_structure_hook(MappingNumber, _owned_number)


def _domain_alone(value: Json) -> BusinessArea:
    if not isinstance(value, str):
        raise BrokenRuleError("object")
    return BusinessArea.from_text(value.strip())


def _account(account: ChatwootId, value: Json) -> TenantArea:
    # The old server used the account's number as the tenant's name.
    tenant = f"account_{account}"
    if not isinstance(value, dict):
        return TenantArea(TenantId(tenant), _domain_alone(value))
    named = value.get("account_id")
    given = {**value, "account_id": tenant} if is_absent(named) or named == {} else value
    owner = read_object(MappingOwner, given)
    return owner.area


def _inbox(_: ChatwootId, value: Json) -> TenantArea | BusinessArea:
    if not isinstance(value, dict):
        # The oldest files only name a business area; the accounts tell its tenant.
        return _domain_alone(value)
    owner = read_object(MappingOwner, value)
    return owner.area


_OWNERS: Final = Component(
    "LenientOwners",
    lenient(
        {"type": "object", "additionalProperties": {"anyOf": [MappingOwner, {"type": "string"}]}},
        "A business area for each id of Chatwoot.",
    ),
)


def _channels(read_owner: Callable[[ChatwootId, Json], object]) -> WireType:
    def read_entry(entry: tuple[str, Json]) -> tuple[ChatwootId, object]:
        channel = ChatwootId(entry[0].strip())
        return channel, read_owner(channel, entry[1])

    def read_channels(value: Json, _: object) -> dict[ChatwootId, object]:
        if not isinstance(value, dict):
            raise BrokenRuleError("object")
        entries = (
            # The keys are input, so no error repeats them.
            ("*", (key, item))
            for key, item in value.items()
            if key.strip() not in _NO_CHANNEL and not is_absent(item)
        )
        return dict(collected(read_entry, entries))

    return WireType(read_channels, _OWNERS)


_Accounts: TypeAlias = Annotated[dict[ChatwootId, TenantArea], _channels(_account)]
_Inboxes: TypeAlias = Annotated[dict[ChatwootId, TenantArea | BusinessArea], _channels(_inbox)]


@frozen
class Sections:
    """
    The mapping as one object.

    The names of the oldest clients for its first two sections, `account_domain_mapping` and
    `inbox_domain_mapping`, are accepted.
    """

    accounts: _Accounts | None = None
    account_domain_mapping: _Accounts | None = None
    inboxes: _Inboxes | None = None
    inbox_domain_mapping: _Inboxes | None = None
    fallbacks: tuple[MappingFallback, ...] | None = None
    special_numbers: tuple[MappingNumber, ...] | None = None


_SECTIONS: Final = Body(parts=(Sections,), name="MappingSections")
MAPPING_DATA: Final = Component(
    "MappingData",
    {
        "anyOf": [
            {
                "type": "object",
                "properties": {"mapping_data": _SECTIONS},
                "required": ["mapping_data"],
            },
            _SECTIONS,
        ]
    },
)


def mapping_sections(body: JsonObject) -> MappingSections:
    """
    Read ``{"mapping_data": {...}}``, or the object itself.

    Sections that the hub does not know are ignored.

    Raises:
        IncompleteDataError: The mapping is missing.
        InvalidFieldsError: A field is invalid.
    """
    data: Json = body
    prefix = ""
    if not body.keys() & shape_of(Sections).types or "mapping_data" in body:
        data = body.get("mapping_data")
        prefix = "mapping_data."
    if is_absent(data):
        raise IncompleteDataError(["mapping_data"], [FieldError("mapping_data", "required")])
    if not isinstance(data, dict):
        raise InvalidFieldsError([FieldError("mapping_data", "object")])
    unread = {oldest for section, oldest in _OLDEST.items() if section in data}
    told = {name: value for name, value in data.items() if name not in unread}
    sections = read(Sections, {prefix: told})
    accounts = sections.accounts if "accounts" in data else sections.account_domain_mapping
    name = "inboxes" if "inboxes" in data else _OLDEST["inboxes"]
    inboxes: dict[ChatwootId, TenantArea | BusinessArea] | None = getattr(sections, name)
    return MappingSections(
        accounts,
        None if inboxes is None else _owned(inboxes, accounts or {}, f"{prefix}{name}.*"),
        None if sections.fallbacks is None else _lowest(sections.fallbacks),
        None if sections.special_numbers is None else _numbers(sections.special_numbers),
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
            for special in sorted(numbers, key=lambda special: special.number.digits)
        ],
    }


def _shown(owner: TenantArea) -> JsonObject:
    return {"domain": str(owner.domain), "account_id": str(owner.tenant)}
