"""
Read and write the mapping of channels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from attrs import evolve, frozen

from odoo_ai_config.application.channels.unknown_names import unknown_names
from odoo_ai_config.application.commits import commit_decided, commit_once
from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.similar_tenants import similar_tenants
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditEntry, Changeset, Claim, mapping_audit
from odoo_ai_config.domain.channels.mapping import (
    NO_RIVALS,
    ChannelEnd,
    ChannelKey,
    ChannelMapping,
    MappingDecision,
    MappingRevision,
    claimed,
    decided,
    ends_with,
    remapped,
    state_of,
)
from odoo_ai_config.domain.channels.routing import IncomingMessage, RoutingTable, Rule
from odoo_ai_config.domain.channels.sections import (
    MappingSections,
    rewritten,
    sections_of,
)
from odoo_ai_config.domain.errors import MappingNotFoundError, PreconditionFailedError
from odoo_ai_config.domain.event_times import STALE, believed, is_stale
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId
from odoo_ai_config.domain.outcomes import Notice, Outcome, WriteKind

# Whether a write may succeed these mappings, which are at this version.
Expected: TypeAlias = Callable[[Sequence[ChannelMapping], int], bool]
_OF_ACCOUNT: Final = frozenset({Rule.ACCOUNT, Rule.ACCOUNT_OWNER})
# If one of these decides on a message without a number, a number may decide before it.
_AFTER_NUMBERS: Final = frozenset({Rule.FALLBACK, Rule.UNRESOLVED})


@frozen
class EventDecision:
    """
    What an event about a channel does.

    Args:
        current: The channel's mapping until now.
        twin: The mapping of the same inbox in any account, if it ends with the channel.
        notices: What the sender should know.
    """

    decision: MappingDecision
    current: MappingRevision | None = None
    twin: MappingRevision | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def revisions(self) -> tuple[MappingRevision, ...]:
        """
        What is to be committed.
        """
        both = self.decision.revision, self.twin
        return tuple(revision for revision in both if revision is not None)


def told(said: ChannelMapping | ChannelEnd, stored: ChannelMapping | None) -> ChannelMapping:
    """
    The mapping that an event says, where *stored* is the present one.
    """
    return said if isinstance(said, ChannelMapping) else said.of(stored)


async def decided_in(
    store: ConfigStore,
    channels: ChannelDirectory,
    said: ChannelMapping | ChannelEnd,
    *,
    caller: ApiKey,
    at: datetime,
    event_at: datetime | None = None,
) -> EventDecision:
    """
    Decide what an event of *event_at* that says *said* changes.

    Other tenants are looked up only if it claims something new: a repeated event costs nothing.

    Raises:
        DomainError: One of `MAPPING_REFUSALS`: *caller* is bound, and *said* touches what others
            have.
    """
    key, tenant = said.key, said.owner.tenant
    # The same inbox in any account, which may end with its channel.
    twins = () if isinstance(said, ChannelMapping) and said.active else key.wider[:1]
    known = await channels.current((key, *twins))
    current = known.get(key)
    mapping = told(said, None if current is None else current.mapping)
    decision = await decided_on(
        channels, current, mapping, caller=caller, at=at, event_at=event_at
    )
    if decision.notices:
        return EventDecision(decision, current, notices=decision.notices)
    if mapping.active:
        unknown = await unknown_names(store, (mapping,))
        new = current is None or current.mapping.owner.tenant != tenant
        similar = await similar_tenants(store, tenant, caller=caller, new=new)
        return EventDecision(decision, current, notices=(*unknown, *similar))
    twin = next((known[one] for one in twins if one in known), None)
    twin = await _ended(channels, twin, mapping, caller=caller, at=at)
    notices = await _still_routed(channels, mapping, twin)
    return EventDecision(decision, current, twin, notices)


async def decided_on(
    channels: ChannelDirectory,
    current: MappingRevision | None,
    mapping: ChannelMapping,
    *,
    caller: ApiKey,
    at: datetime,
    event_at: datetime | None = None,
    overruling: bool = False,
) -> MappingDecision:
    """
    Decide what *mapping* changes in its channel, which is at *current*.

    Raises:
        DomainError: One of `MAPPING_REFUSALS`: *caller* is bound, and *mapping* touches what
            others have.
    """
    before = None if current is None else current.event_at
    event_at = believed(event_at, now=at)
    if is_stale(event_at, before):
        return MappingDecision(None, notices=(STALE,))
    claim = claimed(current, mapping)
    rivals = NO_RIVALS if claim is None else await channels.rivals_of(claim)
    wider: Mapping[ChannelKey, MappingRevision] = {}
    if claim is not None and claim.account is not None:
        wider = await channels.current(mapping.key.wider)
    decision = decided(
        current,
        mapping,
        author=caller.id,
        at=at,
        bound=caller.tenant is not None,
        wider=[wider[key] for key in mapping.key.wider if key in wider],
        rivals=rivals,
        overruling=overruling,
    )
    if decision.revision is None or event_at is None:
        return decision
    return evolve(decision, revision=evolve(decision.revision, event_at=event_at))


def decided_together(
    stored: Sequence[MappingRevision],
    changed: Iterable[ChannelMapping],
    *,
    caller: ApiKey,
    at: datetime,
) -> tuple[tuple[MappingRevision, ...], tuple[AuditEntry, ...]]:
    """
    The revisions that an unbound *caller* makes by writing *changed* one after the other.

    Also what the audit trail records about them. *stored* is the whole mapping.
    """
    current = {revision.mapping.key: revision for revision in stored}
    table = RoutingTable(revision.mapping for revision in stored)
    revisions: list[MappingRevision] = []
    audit: list[AuditEntry] = []
    for mapping in changed:
        present = current.get(mapping.key)
        claim = claimed(present, mapping)
        decision = decided(
            present,
            mapping,
            author=caller.id,
            at=at,
            bound=False,
            wider=[current[key] for key in mapping.key.wider if key in current],
            rivals=NO_RIVALS if claim is None else table.rivals_of(claim),
            overruling=True,
        )
        audit += mapping_audit(mapping, decision, actor=caller.id, at=at)
        table.put(mapping)
        made = () if decision.revision is None else (decision.revision,)
        revisions += made
        current |= {revision.mapping.key: revision for revision in made}
    return tuple(revisions), tuple(audit)


async def _ended(
    channels: ChannelDirectory,
    twin: MappingRevision | None,
    ended: ChannelMapping,
    *,
    caller: ApiKey,
    at: datetime,
) -> MappingRevision | None:
    # Without *own*, the cheap part of the rule.
    if twin is None or not ends_with(twin.mapping, ended, ()):
        return None
    own = [revision.mapping for revision in await channels.mappings(ended.owner.tenant)]
    if not ends_with(twin.mapping, ended, own):
        return None
    return remapped(twin, evolve(twin.mapping, active=False), author=caller.id, at=at)


async def _still_routed(
    channels: ChannelDirectory, ended: ChannelMapping, twin: MappingRevision | None
) -> tuple[Notice, ...]:
    message = IncomingMessage(ended.key.account, ended.key.inbox)
    table = await channels.table_for(message, supposing=ended, numbers=True)
    rules: list[Rule] = []
    with table.supposing(ended, *(() if twin is None else (twin.mapping,))):
        rule = table.resolve(message).matched_by
        if rule in _AFTER_NUMBERS and table.selects_by_number(message.account):
            rules.append(Rule.SPECIAL_NUMBER)
    if rule is not Rule.UNRESOLVED:
        rules.append(rule)
    return tuple(Notice(f"still_routed_by_{rule.value}", "mapping") for rule in rules)


@frozen(eq=False)
class ReadMapping:
    """
    The mapping as the one object that clients of the replaced service expect.
    """

    channels: ChannelDirectory
    standings: Standings

    async def __call__(self, *, caller: ApiKey) -> MappingSections:
        """
        The whole mapping, or only the part of the tenant that *caller* is bound to.

        Raises:
            MappingNotFoundError: No channel has ever been mapped.
            TenantSuspendedError, TenantErasedError: The tenant that *caller* is bound to is not
                active.
        """
        caller.require(Scope.CONFIG_READ)
        await self.standings.require_caller_served(caller)
        revisions = await self.channels.mappings(caller.tenant)
        if not revisions:
            raise MappingNotFoundError
        shared = () if caller.tenant is None else await self._shared(revisions)
        return await run_off_loop(
            lambda: sections_of((revision.mapping for revision in revisions), shared=shared),
            cost=ENTRY * len(revisions),
        )

    async def _shared(self, revisions: Sequence[MappingRevision]) -> Collection[ChatwootId | None]:
        # The accounts that have another owner, or several: routing says so.
        mappings = [revision.mapping for revision in revisions if revision.mapping.active]
        asked = {IncomingMessage(m.key.account) for m in mappings if m.key.account is not None}
        owners = {mapping.owner for mapping in mappings}
        table = await self.channels.table_for(*asked)
        routes = {message.account: table.resolve(message) for message in asked}
        return {
            account
            for account, route in routes.items()
            if route.matched_by not in _OF_ACCOUNT or route.owner not in owners
        }

    async def of(self, tenant: TenantId, *, caller: ApiKey) -> Sequence[MappingRevision]:
        """
        The channels of *tenant*, those that are switched off included.

        Raises:
            TenantSuspendedError, TenantErasedError: The tenant is not active.
        """
        caller.require(Scope.CONFIG_READ, tenant)
        await self.standings.require_served(tenant)
        return await self.channels.mappings(tenant)


@frozen(eq=False)
class SyncMapping:
    """
    Upsert the one channel that a ``mapping_sync`` event is about, or switch it off.
    """

    store: ConfigStore
    channels: ChannelDirectory
    standings: Standings
    clock: Clock

    async def __call__(
        self,
        said: ChannelMapping | ChannelEnd,
        *,
        caller: ApiKey,
        claim: Claim | None = None,
        event_at: datetime | None = None,
    ) -> Outcome:
        """
        Commit the mapping, or find that nothing changed or that the event is stale.

        A `ChannelEnd` or an inactive mapping never touches a channel that another tenant has taken
        over in the meantime: a late deactivation is not a claim. It ends the channel for good: a
        mapping of the same inbox in any account ends with it if nothing else relies on it, and a
        notice says which rule still routes the channel's messages.

        Raises:
            DomainError: One of `MAPPING_REFUSALS`: *caller* is bound, and *said* touches what
                others have.
        """
        caller.require(Scope.WEBHOOK, said.owner.tenant)

        async def decide() -> tuple[Changeset, Outcome]:
            now = self.clock.now()
            event = await decided_in(
                self.store, self.channels, said, caller=caller, at=now, event_at=event_at
            )
            decision = event.decision
            if event.revisions:
                await self.standings.require_mapped_at(said.owner, event.current)
            else:
                # There may be nothing to commit, which would ask.
                await self.standings.require_open(said.owner.tenant)
            newest = decision.revision or event.current
            # The channel is another tenant's, or has a newer state: there is nothing to store.
            own = None if newest is None or decision.notices else newest.mapping
            mapping = told(said, None if newest is None else newest.mapping)
            outcome = Outcome(
                WriteKind.MAPPING if mapping.active else WriteKind.MAPPING_DELETE,
                mapping.owner,
                {"mapping": 0 if newest is None else newest.version},
                changed=bool(event.revisions),
                at=now,
                notices=event.notices,
                digests={} if own is None else {"mapping": own.digest},
            )
            changeset = Changeset(
                mappings=event.revisions,
                claim=decision.claim,
                audit=mapping_audit(mapping, decision, actor=caller.id, at=now),
            )
            return changeset, outcome

        return await commit_once(self.store, claim, decide, caller.occasion)


@frozen
class WrittenMapping:
    """
    The mapping after a write.

    Args:
        changed: How many channels the write changed.
        first: Whether there was no mapping before.
    """

    sections: MappingSections
    changed: int
    first: bool
    notices: tuple[Notice, ...] = ()


@frozen(eq=False)
class WriteMapping:
    """
    Merge sections into the mapping, or replace the whole mapping.

    It concerns every tenant, and its cost grows with the number of mappings. Odoo's events go
    through `SyncMapping`, whose cost does not.
    """

    store: ConfigStore
    channels: ChannelDirectory
    standings: Standings
    clock: Clock

    async def __call__(
        self,
        sections: MappingSections,
        *,
        caller: ApiKey,
        replace: bool = False,
        dry_run: bool = False,
        expected: Expected | None = None,
    ) -> WrittenMapping:
        """
        Write *sections*, or with *dry_run* only say what that would do.

        *expected* is called with the mappings of all channels; None for any. Nothing else is
        committed between.

        Raises:
            PreconditionFailedError: It may not succeed the present mapping.
            TenantForbiddenError: *caller* is bound to one tenant.
            AmbiguousMappingError: A section does not say which channel is meant.
            AreaMovedError, TenantRenamedError: A channel would go to what has another name.
        """
        caller.require(Scope.CONFIG_WRITE)
        caller.require_unbound()

        async def decide() -> tuple[Changeset, WrittenMapping]:
            now = self.clock.now()
            stored = await self.channels.mappings()

            def assign() -> tuple[Changeset, MappingSections]:
                before = {revision.mapping.key: revision.mapping for revision in stored}
                state = state_of(stored)
                if expected is not None and not expected([*before.values()], state):
                    raise PreconditionFailedError(state)
                changed = rewritten(before.values(), sections, replace=replace)
                revisions, audit = decided_together(stored, changed, caller=caller, at=now)
                changeset = Changeset(
                    mappings=revisions,
                    audit=audit,
                    mapping_state=state if expected is not None and revisions else None,
                )
                after = before | {mapping.key: mapping for mapping in changed}
                return changeset, sections_of(after.values())

            cost = ENTRY * (len(stored) + sections.size)
            changeset, after = await run_off_loop(assign, cost=cost)
            await self.standings.require_all_mapped(stored, changeset.mappings)
            changed = [revision.mapping for revision in changeset.mappings]
            notices = await unknown_names(self.store, changed)
            written = WrittenMapping(after, len(changed), not stored, notices)
            return Changeset() if dry_run else changeset, written

        return await commit_decided(self.store, decide, caller.occasion)
