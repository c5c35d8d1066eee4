"""
The past of the mapping: what changed, how it was at a moment, and the way back.

A moment is a time with microseconds. What was written at that very time belongs to it.
"""

from __future__ import annotations

import enum
import re
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from attrs import evolve, fields_dict, frozen

from odoo_ai_config.domain.channels.mapping import (
    CHANNEL_TEXT,
    ChannelKey,
    ChannelMapping,
    MappingRevision,
)
from odoo_ai_config.domain.errors import DomainError, InvalidValueError
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# At most as many digits as a time and a version have.
HISTORY_PLACE: Final = re.compile(
    rf"(-?[0-9]{{1,18}})\.([0-9]{{1,15}})\.({CHANNEL_TEXT.pattern})", re.ASCII
)
# No text of a channel sorts before it.
_LOWEST: Final = ChannelKey(inbox=ChatwootId("0"))
_CONTENT: Final = tuple(name for name in fields_dict(ChannelMapping) if name != "key")


class HistoryPrunedError(DomainError):
    """
    The mapping of that moment is not known any more: a version of a channel is pruned.
    """


class Unshown(enum.Enum):
    """
    Why the state of a channel is not shown.
    """

    HIDDEN = "hidden"
    PRUNED = "pruned"


# None if the channel did not exist.
ChannelState: TypeAlias = ChannelMapping | Unshown | None


class ChannelChangeKind(enum.Enum):
    """
    What happened to a channel. If several apply, it is the first of them.
    """

    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    SWITCHED_ON = "switched_on"
    SWITCHED_OFF = "switched_off"
    CHANGED = "changed"


@frozen
class ChannelChange:
    """
    A channel before and after.

    Args:
        fields: The attributes of `ChannelMapping` that differ, if both states are known.
    """

    key: ChannelKey
    kind: ChannelChangeKind
    before: ChannelState
    after: ChannelState
    fields: tuple[str, ...] = ()

    @classmethod
    def of(cls, key: ChannelKey, before: ChannelState, after: ChannelState) -> ChannelChange:
        """
        The change of a channel from *before* to *after*.
        """
        kind = ChannelChangeKind.CHANGED
        fields: tuple[str, ...] = ()
        if before is None:
            kind = ChannelChangeKind.ADDED
        elif after is None:
            kind = ChannelChangeKind.REMOVED
        elif isinstance(before, ChannelMapping) and isinstance(after, ChannelMapping):
            differs = (name for name in _CONTENT if getattr(before, name) != getattr(after, name))
            kind, fields = _kind(before, after), tuple(differs)
        return cls(key, kind, before, after, fields)

    def concerns(self, tenant: TenantId) -> bool:
        """
        Whether *tenant* has the channel before or after.
        """
        return any(
            isinstance(state, ChannelMapping) and state.owner.tenant == tenant
            for state in (self.before, self.after)
        )

    def seen_by(self, tenant: TenantId | None) -> ChannelChange:
        """
        The same with the mappings of others than *tenant* hidden. None sees everything.
        """
        if tenant is None:
            return self
        before, after = _seen(self.before, tenant), _seen(self.after, tenant)
        return evolve(self, before=before, after=after)


def _kind(before: ChannelMapping, after: ChannelMapping) -> ChannelChangeKind:
    ended = before.owner.tenant == after.owner.tenant and before.active and not after.active
    if before.owner != after.owner and not ended:
        return ChannelChangeKind.MOVED
    if before.active != after.active:
        return ChannelChangeKind.SWITCHED_ON if after.active else ChannelChangeKind.SWITCHED_OFF
    return ChannelChangeKind.CHANGED


def _seen(state: ChannelState, tenant: TenantId) -> ChannelState:
    others = isinstance(state, ChannelMapping) and state.owner.tenant != tenant
    return Unshown.HIDDEN if others else state


@frozen
class HistoryPlace:
    """
    The place of a revision in the history of all channels.

    The history is in the order of time. Revisions of the same microsecond are in the order of the
    texts of their channels, and those of one channel in the order of their versions.
    """

    at: datetime
    key: ChannelKey
    version: int

    @classmethod
    def before(cls, moment: datetime) -> HistoryPlace:
        """
        The place that only older revisions than those of *moment* follow.
        """
        return cls(moment, _LOWEST, 0)

    @classmethod
    def from_text(cls, text: str) -> HistoryPlace:
        """
        Read what `str` wrote.

        Raises:
            InvalidValueError: *text* is no place.
        """
        parts = HISTORY_PLACE.fullmatch(text)
        if parts is None:
            raise InvalidValueError("after", "cursor")
        try:
            at = _EPOCH + int(parts[1]) * _MICROSECOND
            return cls(at, ChannelKey.from_text(parts[3]), int(parts[2]))
        except (OverflowError, InvalidValueError):
            raise InvalidValueError("after", "cursor") from None

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // _MICROSECOND}.{self.version}.{self.key}"

    @property
    def rank(self) -> tuple[datetime, str, int]:
        """
        What the history is sorted by.
        """
        return self.at, str(self.key), self.version


def place_of(revision: MappingRevision) -> HistoryPlace:
    """
    Where *revision* stands in the history.
    """
    return HistoryPlace(revision.updated_at, revision.mapping.key, revision.version)


@frozen
class MappingChange:
    """
    What a revision changed in its channel.
    """

    version: int
    at: datetime
    author: str
    change: ChannelChange

    @classmethod
    def of(cls, revision: MappingRevision, replaced: MappingRevision | None) -> MappingChange:
        """
        The change by *revision*; *replaced* is the one before it, as far as it is kept.
        """
        before: ChannelState = None if replaced is None else replaced.mapping
        if before is None and revision.version > 1:
            before = Unshown.PRUNED
        change = ChannelChange.of(revision.mapping.key, before, revision.mapping)
        return cls(revision.version, revision.updated_at, revision.author, change)

    @property
    def place(self) -> HistoryPlace:
        """
        Where it stands in the history.
        """
        return HistoryPlace(self.at, self.change.key, self.version)

    def __str__(self) -> str:
        """
        One line for the audit trail, with names and without values.
        """
        change = self.change
        states = (change.before, change.after)
        owners = [str(state.owner) for state in states if isinstance(state, ChannelMapping)]
        line = f"{change.key} v{self.version} {change.kind.value}: "
        line += " -> ".join(dict.fromkeys(owners))
        return f"{line} ({', '.join(change.fields)})" if change.fields else line

    def seen_by(self, tenant: TenantId | None) -> MappingChange:
        """
        The same as `ChannelChange.seen_by` shows it.
        """
        return evolve(self, change=self.change.seen_by(tenant))


def moment_text(moment: datetime) -> str:
    """
    *moment* as text, exactly: ISO 8601 in UTC, with microseconds and ``Z``.
    """
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def moment_of(text: str) -> datetime:
    """
    The moment that *text* names in ISO 8601, with its time zone.

    Raises:
        InvalidValueError: It is not one, or has no time zone.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidValueError("moment", "moment")


def past_of(
    present: MappingRevision, kept: MappingRevision | None, moment: datetime
) -> ChannelMapping | None:
    """
    The mapping of a channel at *moment*; None if the channel did not exist.

    *kept* is the newest revision that was written by then, as far as it is kept.

    Raises:
        HistoryPrunedError: The channel existed, and no revision of that time is kept.
    """
    if kept is not None:
        return kept.mapping
    if present.created_at <= moment:
        raise HistoryPrunedError
    return None


def restored(present: ChannelMapping, past: ChannelMapping | None) -> ChannelMapping:
    """
    The mapping that brings a channel back to *past*; None means that it did not exist.

    A channel is never removed: one that did not exist is switched off and keeps its data.
    """
    return evolve(present, active=False) if past is None else past
