"""
Read the history of the mapping, compare two moments of it, and roll it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.channels.mapping import (
    Expected,
    decided_on,
    decided_together,
)
from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset, mapping_audit
from odoo_ai_config.domain.channels.history import (
    ChannelChange,
    HistoryPlace,
    HistoryPrunedError,
    MappingChange,
    moment_text,
    past_of,
    restored,
)
from odoo_ai_config.domain.channels.mapping import (
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    state_of,
)
from odoo_ai_config.domain.errors import (
    InvalidValueError,
    MappingNotFoundError,
    PreconditionFailedError,
    RevisionNotFoundError,
)
from odoo_ai_config.domain.identifiers import TenantId

# Channels in one answer.
MOST_CHANGES: Final = 1000
# Channels that are compared at a time.
_PAGE: Final = 1000


@frozen
class MappingChanges:
    """
    The channels that differ, sorted by the text of their keys.

    Args:
        truncated: There are more.
    """

    channels: tuple[ChannelChange, ...]
    truncated: bool = False

    @classmethod
    def of(cls, changes: Sequence[ChannelChange]) -> MappingChanges:
        """
        The first of *changes*.
        """
        return cls(tuple(changes[:MOST_CHANGES]), len(changes) > MOST_CHANGES)


@frozen(eq=False)
class ReadMappingHistory:
    """
    Who changed which channel, when, from what to what.
    """

    channels: ChannelDirectory

    async def __call__(
        self,
        *,
        caller: ApiKey,
        key: ChannelKey | None = None,
        tenant: TenantId | None = None,
        after: HistoryPlace | None = None,
        limit: int = 50,
    ) -> Sequence[MappingChange]:
        """
        At most *limit* changes, newest first, following *after*.

        With *key*, only those of that channel; with *tenant*, only those of its channels.

        A caller that is bound to a tenant sees the changes of channels that its tenant had before
        or after, and nothing of what others have.
        """
        caller.require(Scope.CONFIG_READ, tenant)
        found = await self.channels.history(
            key=key, tenant=caller.tenant or tenant, after=after, limit=limit
        )
        return [change.seen_by(caller.tenant) for change in found]


@frozen(eq=False)
class CompareMapping:
    """
    What differs between the mappings of two moments.
    """

    channels: ChannelDirectory

    async def __call__(
        self, before: datetime, after: datetime | None = None, *, caller: ApiKey
    ) -> MappingChanges:
        """
        The channels that differ between the moments *before* and *after*; now by default.

        A caller that is bound to a tenant sees its part, as in the history.

        Raises:
            HistoryPrunedError: A version that one of the moments needs is pruned.
        """
        caller.require(Scope.CONFIG_READ)
        earlier = before if after is None else min(before, after)
        tenant = caller.tenant
        found: list[ChannelChange] = []
        last: ChannelKey | None = None
        while len(found) <= MOST_CHANGES:
            page = await self.channels.changed_since(
                earlier, tenant=tenant, after=last, limit=_PAGE
            )
            was = await _mappings_at(self.channels, page, before)
            became = await _mappings_at(self.channels, page, after)
            changes = await run_off_loop(
                partial(_changes, page, was, became), cost=ENTRY * len(page)
            )
            found += (
                change.seen_by(tenant)
                for change in changes
                if tenant is None or change.concerns(tenant)
            )
            if len(page) < _PAGE:
                break
            last = page[-1].mapping.key
        return MappingChanges.of(found)


async def _mappings_at(
    channels: ChannelDirectory, presents: Sequence[MappingRevision], moment: datetime | None
) -> Sequence[ChannelMapping | None]:
    if moment is None:
        return [present.mapping for present in presents]
    mappings: list[ChannelMapping | None] = []
    for start in range(0, len(presents), _PAGE):
        some = presents[start : start + _PAGE]
        kept = await channels.at(moment, [present.mapping.key for present in some])
        mappings += [past_of(one, kept.get(one.mapping.key), moment) for one in some]
    return mappings


def _changes(
    presents: Sequence[MappingRevision],
    before: Sequence[ChannelMapping | None],
    after: Sequence[ChannelMapping | None],
) -> list[ChannelChange]:
    return [
        ChannelChange.of(present.mapping.key, was, became)
        for present, was, became in zip(presents, before, after, strict=True)
        if was != became
    ]


@frozen(eq=False)
class RollBackMapping:
    """
    Write an earlier state of the mapping again, as new versions.

    A channel that did not exist then is switched off. Only channels that differ get a version.
    """

    store: ConfigStore
    channels: ChannelDirectory
    standings: Standings
    clock: Clock

    async def __call__(
        self,
        to: int | datetime,
        *,
        caller: ApiKey,
        key: ChannelKey | None = None,
        expected: Expected | None = None,
        dry_run: bool = False,
    ) -> MappingChanges:
        """
        Bring every channel, or the one of *key*, back to an earlier state.

        A caller that is bound to a tenant restores what its tenant had, one channel at a time, and
        claims nothing of others, as with an event.

        Args:
            to: A moment, or the number of a version of the channel.
            caller: Who asks.
            key: The channel; None for the whole mapping.
            expected: Is called with the channel, or with all, and its version; None for any.
            dry_run: Write nothing, and only say what it would change.

        Raises:
            InvalidValueError: *to* is a version, and there is no *key*.
            MappingNotFoundError: The channel was never mapped, or *caller* may not see it.
            RevisionNotFoundError: It has no such version, or the version is pruned.
            HistoryPrunedError: A version that the moment needs is pruned; nothing is changed.
            PreconditionFailedError: It is not as *expected*.
            AreaMovedError, TenantRenamedError: A channel would go to what has another name.
            TenantForbiddenError: *caller* is bound, and it is the whole mapping, or the channel
                would go to another tenant.
            DomainError: One of `MAPPING_REFUSALS`: *caller* is bound, and it would touch what
                others have.
        """
        caller.require(Scope.CONFIG_WRITE)
        if key is not None:
            return await self._channel(key, to, caller, expected, dry_run=dry_run)
        caller.require_unbound()
        if isinstance(to, int):
            raise InvalidValueError("channel", "channel")
        return await self._whole(to, caller, expected, dry_run=dry_run)

    async def _whole(
        self, moment: datetime, caller: ApiKey, expected: Expected | None, *, dry_run: bool
    ) -> MappingChanges:
        async def decide() -> tuple[Changeset, MappingChanges]:
            now = self.clock.now()
            stored = await self.channels.mappings()
            state = state_of(stored)
            if expected is not None:
                present = [revision.mapping for revision in stored]
                met = await run_off_loop(
                    partial(expected, present, state), cost=ENTRY * len(stored)
                )
                if not met:
                    raise PreconditionFailedError(state)
            later = [present for present in stored if present.updated_at > moment]
            pasts = await _mappings_at(self.channels, later, moment)

            def assign() -> tuple[Changeset, MappingChanges]:
                before = [present.mapping for present in later]
                after = [*map(restored, before, pasts)]
                changes = _changes(later, before, after)
                if dry_run or not changes:
                    return Changeset(), MappingChanges.of(changes)
                changed = [new for old, new in zip(before, after, strict=True) if new != old]
                revisions, audit = decided_together(stored, changed, caller=caller, at=now)
                done = AuditAction.MAPPING_ROLLED_BACK
                entry = AuditEntry(now, done, caller.id, None, f"mapping -> {moment_text(moment)}")
                changeset = Changeset(
                    mappings=revisions,
                    audit=(entry, *audit),
                    mapping_state=None if expected is None else state,
                )
                return changeset, MappingChanges.of(changes)

            changeset, found = await run_off_loop(assign, cost=ENTRY * len(stored))
            await self.standings.require_all_mapped(stored, changeset.mappings)
            return changeset, found

        return await commit_decided(self.store, decide, caller.occasion)

    async def _channel(
        self,
        key: ChannelKey,
        to: int | datetime,
        caller: ApiKey,
        expected: Expected | None,
        *,
        dry_run: bool,
    ) -> MappingChanges:
        async def decide() -> tuple[Changeset, MappingChanges]:
            now = self.clock.now()
            current = (await self.channels.current((key,))).get(key)
            if current is None:
                raise MappingNotFoundError
            own = caller.tenant in {None, current.mapping.owner.tenant}
            try:
                mapping = restored(current.mapping, await self._past(current, to))
            except (RevisionNotFoundError, HistoryPrunedError):
                if own:
                    raise
                # It would tell that others have the channel, and how many versions there are.
                raise MappingNotFoundError from None
            if not own and caller.tenant != mapping.owner.tenant:
                raise MappingNotFoundError
            caller.require_tenant(mapping.owner.tenant)
            if expected is not None and not expected((current.mapping,), current.version):
                raise PreconditionFailedError(current.version)
            decision = await decided_on(
                self.channels, current, mapping, caller=caller, at=now, overruling=True
            )
            if decision.revision is None:
                return Changeset(), MappingChanges(())
            await self.standings.require_all_mapped((current,), (decision.revision,))
            changes = (ChannelChange.of(key, current.mapping, mapping),)
            if dry_run:
                return Changeset(), MappingChanges(changes)
            place = f"v{to}" if isinstance(to, int) else moment_text(to)
            done, tenant = AuditAction.MAPPING_ROLLED_BACK, mapping.owner.tenant
            entry = AuditEntry(now, done, caller.id, tenant, f"{key} -> {place}")
            audit = mapping_audit(mapping, decision, actor=caller.id, at=now)
            changeset = Changeset(
                mappings=(decision.revision,), claim=decision.claim, audit=(entry, *audit)
            )
            return changeset, MappingChanges(changes)

        found = await commit_decided(self.store, decide, caller.occasion)
        return evolve(found, channels=tuple(one.seen_by(caller.tenant) for one in found.channels))

    async def _past(self, current: MappingRevision, to: int | datetime) -> ChannelMapping | None:
        key = current.mapping.key
        if isinstance(to, datetime):
            return past_of(current, (await self.channels.at(to, (key,))).get(key), to)
        revision = await self.channels.revision(key, to)
        if revision is None:
            raise RevisionNotFoundError
        return revision.mapping
