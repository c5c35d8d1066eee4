"""
Take in what Chatwoot sends: an acknowledged message is never lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.conversations.silence import SilenceCheck, routed
from odoo_ai_config.application.credentials.sealing import Sealer, Sealing
from odoo_ai_config.application.errors import MessageRecordedError
from odoo_ai_config.application.messages.amending import Amendments
from odoo_ai_config.application.messages.events import EventWriter
from odoo_ai_config.application.messages.texts import digests_of
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.ports.message_spool import Arrival
from odoo_ai_config.application.ports.token_source import TokenSource
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.application.work_signal import WorkSignal
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.routing import Route
from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.conversations.state import Sighting
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.revisions import version_of
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.identifiers import CONFIG
from odoo_ai_config.domain.messages.inbox import (
    AMENDED_REASON,
    Destination,
    InboxMessage,
    MessageId,
    Receipt,
    Reception,
    Release,
    Stage,
    place_of_body,
)
from odoo_ai_config.domain.messages.receiving import ChatwootEvent, Ignored, reason_to_ignore
from odoo_ai_config.domain.subscriptions import MessageOutcome
from odoo_ai_config.domain.tenants import TenantErasedError, TenantRenamedError

# The reason of a message that no mapping claims, and of one whose channel an erased tenant had.
NO_ROUTE: Final = "no_route"
ERASED_OWNER: Final = "tenant_erased"


async def destination_of(route: Route | None, *, store: ConfigStore) -> Destination | None:
    """
    The destination of *route*, with the versions that decided it; None if there is none.
    """
    if route is None or route.owner is None:
        return None
    config = route.owner.document(CONFIG)
    revision = (await store.current((config,))).get(config)
    release = Release(version_of(revision), route.mapping_version)
    return Destination(route.owner, route.crew, route.matched_by, release)


# The random part of a message's id.
ID_BYTES: Final = 12


_RECEPTION_OF_NEW: Final = {
    Stage.QUEUED: Reception.ACCEPTED,
    Stage.IGNORED: Reception.IGNORED,
    Stage.UNRESOLVED: Reception.UNRESOLVED,
}


@frozen(eq=False)
class ReceiveMessage:
    """
    Store an event, with the customer's message sealed for the tenant that it goes to.
    """

    store: ConfigStore
    inbox: MessageInbox
    standings: Standings
    silence: SilenceCheck
    amendments: Amendments
    events: EventWriter
    channels: ChannelDirectory
    sealer: Sealer
    tokens: TokenSource
    work_signal: WorkSignal
    clock: Clock

    async def __call__(
        self,
        event: ChatwootEvent,
        payload: SecretText,
        *,
        caller: ApiKey,
        arrival: Arrival | None = None,
    ) -> Receipt:
        """
        Route *event* and commit it; when this returns, it is durable.

        Args:
            event: What *payload* says.
            payload: The event as it came. Of an ignored event it is stored only for the history
                that crews are told.
            caller: Who vouches for it; a bound caller only for messages to its tenant.
            arrival: What it was in the spool, if it comes from there.

        Raises:
            TenantForbiddenError: It does not go to the tenant that *caller* is bound to.
            MessageRecordedError: It came before and was removed just now.
        """
        caller.require(Scope.WEBHOOK)
        message_id, now = self._named(arrival)

        sighting = _sighting(event, now)
        # Ignored events need no route, unless crews are told what was said.
        needs_route = (
            reason_to_ignore(event) is None or caller.tenant is not None or _is_said(sighting)
        )
        incoming = event.incoming if needs_route else None
        erased = False

        async def decide() -> tuple[Changeset, Receipt]:
            async with self.inbox.receiving(event.origin, incoming, now=now) as first:
                if first is None and erased:
                    return self._left(message_id, event, at=now)
                if first is None:
                    return await self._decided(
                        message_id, event, payload, sighting, caller=caller, at=now
                    )
                if caller.tenant is not None:
                    _require_reach(caller, await self._route(event))
                return Changeset(), Receipt(first.id, Reception.DUPLICATE)

        try:
            try:
                receipt = await commit_decided(self.store, decide)
            except (TenantErasedError, TenantRenamedError) as error:
                # Closed between the look at the route and the commit. The sender does not repeat.
                erased = isinstance(error, TenantErasedError)
                receipt = await commit_decided(self.store, decide)
        except MessageRecordedError:
            first = await self.inbox.received(event.origin)
            if first is None:
                raise
            return Receipt(first.id, Reception.DUPLICATE)
        if receipt.reception is Reception.ACCEPTED:
            self.work_signal.ring()
        return receipt

    def _named(self, arrival: Arrival | None) -> tuple[MessageId, datetime]:
        if arrival is not None:
            return arrival.id, arrival.at
        now = self.clock.now()
        return MessageId.at(now, self.tokens.token(ID_BYTES)), now

    async def _decided(
        self,
        message_id: MessageId,
        event: ChatwootEvent,
        payload: SecretText,
        sighting: Sighting | None,
        *,
        caller: ApiKey,
        at: datetime,
    ) -> tuple[Changeset, Receipt]:
        why: Ignored | Silence | None
        why = reason_to_ignore(event) or await self.amendments.too_late(event)
        route = None
        if why is None or caller.tenant is not None:
            route = await self._route(event)
            _require_reach(caller, route)
        changed, sealing = await self.amendments.by(event, payload, at=at)
        if changed:
            return self._amended(message_id, event, changed, sealing, sighting, at=at)
        destination = None
        if why is None and await self._is_of_erased(event, route):
            return self._left(message_id, event, at=at)
        if why is None:
            destination = await destination_of(route, store=self.store)
            # A message that says nothing unusual is left to the delivery, which asks anyway.
            if destination is not None and sighting is not None:
                why = await self.silence.on_arrival(
                    sighting, destination, event.origin, event.traits
                )
        if why is not None:
            return await self._ignored(
                message_id, event, payload, why, destination, sighting, at=at
            )
        place = place_of_body(message_id, destination)
        body, sealing = await self.sealer.one(place, payload, at=at)
        persons = digests_of(event.persons, self.sealer.vault, sealing.key)
        routed = destination is not None
        message = InboxMessage(
            message_id,
            event.origin,
            Stage.QUEUED if routed else Stage.UNRESOLVED,
            at,
            at,
            due_at=at if routed else None,
            destination=destination,
            reason=None if routed else NO_ROUTE,
            body=body,
            persons=persons,
        )
        events = () if routed else await self.events.about(MessageOutcome.DEAD, message)
        return Changeset(messages=(message, *events), **sealing.parts), _receipt(message)

    async def _is_of_erased(self, event: ChatwootEvent, route: Route | None) -> bool:
        incoming = event.incoming
        return (
            incoming is not None
            and route is not None
            and await self.standings.erased_owner(incoming, route) is not None
        )

    def _left(
        self, message_id: MessageId, event: ChatwootEvent, *, at: datetime
    ) -> tuple[Changeset, Receipt]:
        """
        An event of a channel whose owner is erased, of which nothing is kept but that it came.
        """
        message = InboxMessage(
            message_id, event.origin, Stage.IGNORED, at, at, reason=ERASED_OWNER
        )
        return Changeset(messages=(message,)), _receipt(message)

    async def _ignored(
        self,
        message_id: MessageId,
        event: ChatwootEvent,
        payload: SecretText,
        why: Ignored | Silence,
        destination: Destination | None,
        sighting: Sighting | None,
        *,
        at: datetime,
    ) -> tuple[Changeset, Receipt]:
        """
        An ignored event, with its text if crews are told what was said in the conversation.
        """
        said = _is_said(sighting)
        if said and destination is None:
            route = await self._route(event)
            if await self._is_of_erased(event, route):
                return self._left(message_id, event, at=at)
            destination = await destination_of(route, store=self.store)
        body, sealing = None, Sealing()
        if said and await self.silence.keeps_history(destination, event.origin):
            place = place_of_body(message_id, destination)
            body, sealing = await self.sealer.one(place, payload, at=at)
        persons = digests_of(event.persons, self.sealer.vault, sealing.key)
        message = InboxMessage(
            message_id,
            event.origin,
            Stage.IGNORED,
            at,
            at,
            destination=destination,
            reason=why.value,
            body=body,
            persons=persons,
        )
        if sighting is not None and destination is not None and isinstance(why, Silence):
            # A customer's message; the others do not say whose the conversation is.
            told = routed(sighting.seen, destination, event.origin)
            sighting = evolve(sighting, seen=told)
        events: Sequence[InboxMessage] = ()
        if isinstance(why, Silence):
            events = await self.events.about(MessageOutcome.HANDED_OVER, message)
        sightings = () if sighting is None else (sighting,)
        changeset = Changeset(messages=(message, *events), sightings=sightings, **sealing.parts)
        return changeset, _receipt(message)

    def _amended(
        self,
        message_id: MessageId,
        event: ChatwootEvent,
        changed: Sequence[InboxMessage],
        sealing: Sealing,
        sighting: Sighting | None,
        *,
        at: datetime,
    ) -> tuple[Changeset, Receipt]:
        row = InboxMessage(
            message_id,
            event.origin,
            Stage.IGNORED,
            at,
            at,
            destination=changed[0].destination,
            reason=AMENDED_REASON,
            persons=(),
        )
        sightings = () if sighting is None else (sighting,)
        changeset = Changeset(messages=(row, *changed), sightings=sightings, **sealing.parts)
        return changeset, _receipt(row)

    async def _route(self, event: ChatwootEvent) -> Route | None:
        incoming = event.incoming
        if incoming is None:
            return None
        return (await self.channels.table_for(incoming)).resolve(incoming)


def _sighting(event: ChatwootEvent, now: datetime) -> Sighting | None:
    if event.seen is None:
        return None
    key = event.conversation
    return None if key is None else Sighting(key, event.seen, now)


def _is_said(sighting: Sighting | None) -> bool:
    """
    Whether it comes with a message that somebody wrote in public.
    """
    return sighting is not None and sighting.seen.wrote is not None


def _require_reach(caller: ApiKey, route: Route | None) -> None:
    if caller.tenant is None:
        return
    if route is None or route.owner is None:
        raise TenantForbiddenError
    caller.require_tenant(route.owner.tenant)


def _receipt(message: InboxMessage) -> Receipt:
    reception = _RECEPTION_OF_NEW[message.stage]
    return Receipt(message.id, reception, message.reason, message.destination)
