"""
Reads the events about a channel, and the messages whose routes are asked for with one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, TypeAlias

from attrs import frozen

from odoo_ai_config.domain.channels.mapping import (
    DEFAULT_SEQUENCE,
    ChannelEnd,
    ChannelKey,
    ChannelMapping,
    SpecialNumber,
)
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.documents.syncs import require_not_given
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import ChatwootId, TenantArea, TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject, is_empty
from odoo_ai_config.entrypoints.http.odoo_events.payloads import Cleared, layers_of
from odoo_ai_config.entrypoints.http.platform.errors import (
    FieldError,
    IncompleteDataError,
    InvalidFieldsError,
)
from odoo_ai_config.entrypoints.http.platform.fields import (
    read,
    read_object,
    said_fields,
    shape_of,
)
from odoo_ai_config.entrypoints.http.platform.schema import Body, lenient
from odoo_ai_config.entrypoints.http.platform.wire_types import (
    DEFAULT_DOMAIN,
    AnyChannel,
    DomainName,
    FallbackPlace,
    Identifier,
    WireType,
    names_no_channel,
)

_CHANNEL_IDS: Final = ("chatwoot_account_id", "chatwoot_inbox_id")
# What a mapping says about its channel.
_OF_CHANNEL: Final = frozenset({"is_fallback", "active", "sequence", "special_whatsapp_numbers"})


def _special_number(value: Json, _: object) -> SpecialNumber | None:
    # An entry without a number is an empty line of Odoo's form.
    if isinstance(value, dict) and is_empty(value.get("number")):
        return None
    return read_object(SpecialNumber, value)


ListedNumber: TypeAlias = Annotated[
    SpecialNumber,
    # A component of an answer has the name of the class.
    WireType(_special_number, lenient(Body(parts=(SpecialNumber,), name="PushedNumber"))),
]


@frozen(kw_only=True)
class MappedChannel:
    """
    A Chatwoot channel and its owner.
    """

    chatwoot_account_id: ChatwootId
    chatwoot_inbox_id: ChatwootId | None = None
    internal_account_id: TenantId
    domain: DomainName
    is_fallback: bool = False
    active: bool = True
    sequence: FallbackPlace = DEFAULT_SEQUENCE
    special_whatsapp_numbers: tuple[ListedNumber, ...] = ()
    clear: Cleared = ()


def channel_mapping(body: JsonObject, *, deleted: bool) -> ChannelMapping | ChannelEnd:
    """
    Read a ``mapping_sync`` or, if *deleted*, a ``mapping_delete`` event.

    A ``mapping_sync`` that switches the channel off and has an invalid field about it is read as
    a ``mapping_delete``, but for the required fields.

    Raises:
        IncompleteDataError: The mapping or one of its ids is missing.
        InvalidFieldsError: A field is invalid.
    """
    layers, noted = layers_of(body, "mapping")
    if noted:
        raise InvalidFieldsError(noted)
    if len(layers) == 1:
        raise IncompleteDataError(["mapping"], [FieldError("mapping", "required")])
    told = {prefix: _without_no_channel(layer) for prefix, layer in layers.items()}
    required = shape_of(MappedChannel).required
    if deleted:
        told["absent."] = {"domain": DEFAULT_DOMAIN.domain.value}
        required = tuple(name for name in required if name != "domain")
    else:
        try:
            return _mapping_in(told, required)
        except (InvalidFieldsError, InvalidValueError):
            if said_fields(MappedChannel, told.values()).get("active") is not False:
                raise
    # To end a channel needs only the channel. What else is said must not keep it alive: the number
    # in it may be from a time when it was taken.
    bare = {
        prefix: {name: layer[name] for name in layer if name not in _OF_CHANNEL}
        for prefix, layer in told.items()
    }
    ended = _mapping_in(bare, required)
    return ChannelEnd(ended.key, ended.owner)


def _mapping_in(told: Mapping[str, JsonObject], required: Sequence[str]) -> ChannelMapping:
    channel = read(MappedChannel, told, required=required)
    _require_clearable(channel.clear, told.values())
    try:
        return ChannelMapping(
            ChannelKey(channel.chatwoot_account_id, channel.chatwoot_inbox_id),
            TenantArea(channel.internal_account_id, channel.domain.domain),
            channel.sequence,
            channel.is_fallback,
            channel.special_whatsapp_numbers,
            active=channel.active,
        )
    except InvalidValueError as error:
        raise InvalidValueError(f"mapping.{error.field}", error.rule) from None


def _require_clearable(cleared: Sequence[str], layers: Iterable[JsonObject]) -> None:
    # An event has the whole mapping, so what it clears and what it leaves out is the same.
    if not cleared:
        return
    said = said_fields(MappedChannel, layers)
    given: JsonObject = {name: value for name, value in said.items() if value != []}
    for number, name in enumerate(cleared):
        if name not in _OF_CHANNEL:
            raise InvalidValueError(f"clear.{number}", "unknown_member")
    require_not_given([(name,) for name in cleared], given)


def _without_no_channel(layer: JsonObject) -> JsonObject:
    """
    *layer* without the ids that do not name an account or inbox.
    """
    return {
        name: value
        for name, value in layer.items()
        if name not in _CHANNEL_IDS or not names_no_channel(value)
    }


@frozen
class RouteQuestion:
    """
    A message whose route is asked for.
    """

    account_id: AnyChannel
    inbox_id: AnyChannel = None
    number: Identifier | None = None


@frozen
class RouteQuestions:
    """
    Messages whose routes are asked for.
    """

    messages: tuple[RouteQuestion, ...] = ()


def incoming_messages(body: JsonObject) -> tuple[IncomingMessage, ...]:
    """
    Read ``messages``.

    Raises:
        InvalidFieldsError: A field is invalid.
    """
    return tuple(
        IncomingMessage(message.account_id, message.inbox_id, message.number)
        for message in read(RouteQuestions, {"": body}).messages
    )
