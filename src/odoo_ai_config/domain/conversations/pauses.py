"""
The pauses of a tenant and of its channels: the AI answers nobody there.

The pause of one conversation is in the state of that conversation.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.channels.history import moment_of, moment_text
from odoo_ai_config.domain.channels.mapping import ChannelKey
from odoo_ai_config.domain.conversations.state import Pause
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject, ReadOnlyJsonObject

MOST_CHANNELS: Final = 500
LONGEST_AUTHOR: Final = 128
_FIELDS: Final = frozenset({"by", "until"})


class PausePlace(enum.Enum):
    """
    Where a pause can be. The values are public.
    """

    CONVERSATION = "conversation"
    CHANNEL = "channel"
    TENANT = "tenant"


def pauses_place(tenant: TenantId) -> TenantArea:
    """
    The business area that holds the ``pauses`` document of *tenant*.
    """
    return TenantArea(tenant, BusinessArea())


def paused_until(until: datetime | None, *, by: str, now: datetime) -> Pause:
    """
    A pause that begins *now*.

    Raises:
        InvalidValueError: It would have ended already.
    """
    pause = Pause(by, until)
    if not pause.holds(now):
        raise InvalidValueError("until", "future")
    return pause


@frozen
class Pauses:
    """
    The ``pauses`` document of a tenant.

    Args:
        tenant: The pause of the whole tenant.
        channels: Those of inboxes; their keys have an account and an inbox.
    """

    tenant: Pause | None = None
    channels: Mapping[ChannelKey, Pause] = field(factory=dict)

    @channels.validator
    def _check_channels(self, _attribute: object, value: Mapping[ChannelKey, Pause]) -> None:
        if len(value) > MOST_CHANNELS:
            raise InvalidValueError("channels", "paused_channels")
        if any(key.account is None or key.inbox is None for key in value):
            raise InvalidValueError("channels", "inbox_channel")

    @property
    def body(self) -> JsonObject:
        """
        The document.
        """
        channels: JsonObject = {
            f"{key.account}/{key.inbox}": _body_of(pause)
            for key, pause in sorted(self.channels.items(), key=lambda entry: str(entry[0]))
        }
        return {
            **({} if self.tenant is None else {"tenant": _body_of(self.tenant)}),
            **({"channels": channels} if channels else {}),
        }

    def at(self, channel: ChannelKey | None) -> Pause | None:
        """
        The pause of *channel*, or of the whole tenant.
        """
        return self.tenant if channel is None else self.channels.get(channel)

    def with_(self, channel: ChannelKey | None, pause: Pause | None, *, now: datetime) -> Pauses:
        """
        With *pause* in place of the one of *channel*, or of the whole tenant; None ends it.

        Pauses that have ended by themselves go, too.

        Raises:
            InvalidValueError: Too many channels would be paused.
        """
        tenant, channels = self.tenant, dict(self.channels)
        if channel is None:
            tenant = pause
        elif pause is None:
            channels.pop(channel, None)
        else:
            channels[channel] = pause
        return Pauses(
            tenant if tenant is not None and tenant.holds(now) else None,
            {key: one for key, one in channels.items() if one.holds(now)},
        )

    def of(
        self, account: ChatwootId | None, inbox: ChatwootId | None
    ) -> Mapping[PausePlace, Pause]:
        """
        The pauses of the channel of *inbox* and of the tenant.
        """
        known = account is not None and inbox is not None
        pauses = {
            PausePlace.CHANNEL: self.channels.get(ChannelKey(account, inbox)) if known else None,
            PausePlace.TENANT: self.tenant,
        }
        return {place: pause for place, pause in pauses.items() if pause is not None}


NO_PAUSES: Final = Pauses()


def read_pauses(body: ReadOnlyJsonObject) -> Pauses:
    """
    Read a ``pauses`` document.

    Raises:
        InvalidValueError: For the first fault.
    """
    if body.keys() - {"tenant", "channels"}:
        raise InvalidValueError("document", "unknown_field")
    tenant, channels = body.get("tenant"), body.get("channels", {})
    if not isinstance(channels, dict):
        raise InvalidValueError("channels", "object")
    return Pauses(
        None if tenant is None else _pause(tenant, "tenant"),
        {inbox_named(name): _pause(value, "channels.*") for name, value in channels.items()},
    )


def require_pauses(body: ReadOnlyJsonObject, owner: TenantArea) -> None:
    """
    Refuse a ``pauses`` document of *owner* that has a fault, or would not be looked at.

    Raises:
        InvalidValueError: For the first fault.
    """
    if owner != pauses_place(owner.tenant):
        raise InvalidValueError("domain", "default_domain")
    read_pauses(body)


def _body_of(pause: Pause) -> JsonObject:
    until = pause.until
    return {"by": pause.by, **({} if until is None else {"until": moment_text(until)})}


def _pause(value: Json, where: str) -> Pause:
    if not isinstance(value, dict):
        raise InvalidValueError(where, "object")
    if value.keys() - _FIELDS:
        raise InvalidValueError(where, "unknown_field")
    by, until = value.get("by"), value.get("until")
    if not isinstance(by, str) or not 0 < len(by) <= LONGEST_AUTHOR:
        raise InvalidValueError(f"{where}.by", "name")
    if until is None:
        return Pause(by)
    try:
        return Pause(by, moment_of(until if isinstance(until, str) else ""))
    except InvalidValueError:
        raise InvalidValueError(f"{where}.until", "moment") from None


def inbox_named(name: str) -> ChannelKey:
    """
    The channel of an inbox called *name*, such as ``1/7``: account and inbox.

    Raises:
        InvalidValueError: It is no such name.
    """
    account, _, inbox = name.partition("/")
    try:
        return ChannelKey(ChatwootId(account), ChatwootId(inbox))
    except InvalidValueError:
        raise InvalidValueError("channels", "inbox_channel") from None
