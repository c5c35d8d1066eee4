"""
Find what the hub has of a person, hand it out, and erase it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.crews import CrewLookup
from odoo_ai_config.application.errors import SealBrokenError
from odoo_ai_config.application.messages.reading import OpenedMessage
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.ports.tenant_store import TenantStore
from odoo_ai_config.application.standings import following, heir_of
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.channels.mapping import ChannelKey, MappingRevision
from odoo_ai_config.domain.conversations.state import Conversation, ConversationKey, Seen, Sighting
from odoo_ai_config.domain.credentials.secrets import Fingerprint, TenantKey
from odoo_ai_config.domain.event_times import later_than
from odoo_ai_config.domain.identifiers import HUB, TenantId
from odoo_ai_config.domain.messages.inbox import (
    OPEN,
    STUCK,
    InboxMessage,
    MessageId,
    answer_context,
    body_context,
)
from odoo_ai_config.domain.messages.persons import Person, PersonKind
from odoo_ai_config.domain.tenants import refuse_closed

MOST_AT_ONCE: Final = 50
_PAGE: Final = 500
_WAITING: Final = OPEN | STUCK
# Names a person in the audit trail; nobody without the tenant's key can test a guess.
_SHOWN: Final = 16


@frozen
class NumberPlace:
    """
    Where the mapping gives a person's number a crew of its own.
    """

    channel: ChannelKey
    crew: str


@frozen
class Presence:
    """
    What the hub has of a person among the things of one tenant.

    Args:
        messages: How many messages with a text.
        waiting: How many of them wait for something.
        first, last: When the first and the last of them came.
        conversations: Those that they belong to.
        numbers: Special numbers of the mapping that are this person's.
    """

    tenant: TenantId
    messages: int = 0
    waiting: int = 0
    first: datetime | None = None
    last: datetime | None = None
    conversations: tuple[ConversationKey, ...] = ()
    numbers: tuple[NumberPlace, ...] = ()

    def with_(self, message: InboxMessage) -> Presence:
        """
        With one more message.
        """
        at, key = message.received_at, _conversation_of(message)
        new = () if key is None or key in self.conversations else (key,)
        return evolve(
            self,
            messages=self.messages + 1,
            waiting=self.waiting + (message.stage in _WAITING),
            first=min(self.first or at, at),
            last=max(self.last or at, at),
            conversations=(*self.conversations, *new),
        )


@frozen
class PersonPage:
    """
    A part of what the hub has of a person: messages with their texts.

    Args:
        conversations: What is known of the conversations of these messages.
        numbers: As in `Presence`.
        next: Where the next part begins; None for the last one.
    """

    tenant: TenantId
    messages: Sequence[OpenedMessage]
    conversations: Sequence[Conversation]
    numbers: Sequence[NumberPlace]
    next: MessageId | None


@frozen(eq=False)
class PersonSearch:
    """
    Finds messages by the digests that they have of a person's names.
    """

    inbox: MessageInbox
    channels: ChannelDirectory
    texts: MessageTexts
    tenants: TenantStore

    async def require_open(self, tenant: TenantId) -> None:
        """
        Refuse *tenant* if its things are gone, or at another id.

        Raises:
            TenantErasedError, TenantRenamedError: They are.
        """
        refuse_closed(tenant, await self.tenants.current(tenant))

    async def digest(self, person: Person, tenant: TenantId) -> Fingerprint | None:
        """
        The digest of *person* among the things of *tenant*; None if it has no key, hence nothing.
        """
        key = await self.texts.sealer.secrets.active_key(tenant)
        return None if key is None else self._digest(person, key)

    def _digest(self, person: Person, key: TenantKey) -> Fingerprint:
        return self.texts.sealer.vault.fingerprint(key, *person.place(key.tenant))

    async def digests(self, person: Person, tenants: Iterable[TenantId]) -> list[Fingerprint]:
        """
        The digests of *person* among the things of *tenants*.
        """
        found = [await self.digest(person, tenant) for tenant in tenants]
        return [digest for digest in found if digest is not None]

    async def ids_of(self, tenant: TenantId) -> list[TenantId]:
        """
        The ids under which there are messages of *tenant*: first the earlier ones.
        """
        heirs = await following(self.tenants)
        return [*(old for old, heir in heirs.items() if heir == tenant), tenant]

    async def presence(self, person: Person, tenant: TenantId) -> Presence:
        """
        What there is of *person* among the things of *tenant*, also under its earlier ids.
        """
        ids = await self.ids_of(tenant)
        found: dict[TenantId, Presence] = {}
        await self._find(await self.digests(person, ids), dict.fromkeys(ids, tenant), found)
        mappings = await self.channels.mappings(tenant)
        numbers = tuple(place for _, place in self.places(person, mappings))
        return evolve(found.get(tenant, Presence(tenant)), numbers=numbers)

    async def everywhere(self, person: Person) -> Sequence[Presence]:
        """
        What there is of *person* among the things of each tenant, and of nobody.
        """
        found: dict[TenantId, Presence] = {}
        heirs = await following(self.tenants)
        secrets, after = self.texts.sealer.secrets, None
        while keys := await secrets.active_keys(after=after, limit=_PAGE):
            digests = await run_off_loop(
                partial(self._digests, person, keys), cost=ENTRY * len(keys)
            )
            await self._find(digests, heirs, found)
            after = keys[-1].tenant
        for revision, place in self.places(person, await self.channels.mappings()):
            tenant = revision.mapping.owner.tenant
            known = found.get(tenant, Presence(tenant))
            found[tenant] = evolve(known, numbers=(*known.numbers, place))
        return [found[tenant] for tenant in sorted(found)]

    def _digests(self, person: Person, keys: Sequence[TenantKey]) -> list[Fingerprint]:
        return [self._digest(person, key) for key in keys]

    async def _find(
        self,
        digests: Sequence[Fingerprint],
        heirs: Mapping[TenantId, TenantId],
        found: dict[TenantId, Presence],
    ) -> None:
        after: MessageId | None = None
        while page := await self.inbox.of_persons(digests, after=after, limit=_PAGE):
            for message in page:
                tenant = heirs.get(message.holder.tenant, message.holder.tenant)
                found[tenant] = found.get(tenant, Presence(tenant)).with_(message)
            after = page[-1].id

    def places(
        self, person: Person, mappings: Sequence[MappingRevision]
    ) -> list[tuple[MappingRevision, NumberPlace]]:
        """
        Where *mappings* have the number of *person*.
        """
        if person.kind is not PersonKind.NUMBER:
            return []
        return [
            (revision, NumberPlace(revision.mapping.key, special.crew))
            for revision in mappings
            for special in revision.mapping.numbers
            if special.number.comparable == person.value
        ]

    async def complete(self) -> bool:
        """
        Whether every message can be found: `NamePersons` has done those of earlier versions.
        """
        return not await self.inbox.unnamed(limit=1)


@frozen(eq=False)
class FindPerson:
    """
    Tell which tenants have something of a person, and how much.
    """

    search: PersonSearch

    async def __call__(
        self, person: Person, *, caller: ApiKey, tenant: TenantId | None = None
    ) -> Sequence[Presence]:
        """
        The tenants that have something; a bound caller learns of its own only.

        Raises:
            TenantErasedError, TenantRenamedError: *tenant* is erased or renamed.
        """
        caller.require(Scope.MESSAGES_READ)
        asked = caller.listed_tenant(tenant)
        if asked is None:
            found = await self.search.everywhere(person)
            # What belongs to nobody is the hub's.
            return [one for one in found if one.tenant != HUB or caller.may(Scope.ADMIN)]
        await self.search.require_open(asked)
        one = await self.search.presence(person, asked)
        return [one] if one.messages or one.numbers else []


@frozen(eq=False)
class ExportPerson:
    """
    Hand out all that the hub has of a person, one part after the other.
    """

    store: ConfigStore
    conversations: ConversationStore
    search: PersonSearch
    clock: Clock

    async def __call__(
        self,
        person: Person,
        tenant: TenantId,
        *,
        caller: ApiKey,
        after: MessageId | None = None,
        limit: int = MOST_AT_ONCE,
    ) -> PersonPage:
        """
        At most *limit* messages behind *after*, oldest first; each call is audited first.

        Raises:
            SealBrokenError, MasterKeyMissingError: A text does not open.
            TenantErasedError, TenantRenamedError: The tenant is erased or renamed.
        """
        caller.require(Scope.MESSAGES_READ, tenant)
        caller.require(Scope.SECRETS_READ, tenant)
        await self.search.require_open(tenant)
        search = self.search
        digests = await search.digests(person, await search.ids_of(tenant))
        found = await search.inbox.of_persons(digests, after=after, limit=limit + 1)
        page, more = found[:limit], len(found) > limit
        opened = [await self._opened(message) for message in page]
        numbers = search.places(person, await search.channels.mappings(tenant))
        subject = _subject(person, await search.digest(person, tenant), len(page))
        action = AuditAction.PERSON_EXPORTED
        entry = AuditEntry(self.clock.now(), action, caller.id, tenant, subject)
        await self.store.commit(Changeset(audit=(entry,), occasion=caller.occasion))
        keys = dict.fromkeys(map(_conversation_of, page))
        states = [await self.conversations.find(key) for key in keys if key is not None]
        return PersonPage(
            tenant,
            opened,
            [state for state in states if state is not None],
            [place for _, place in numbers],
            page[-1].id if more else None,
        )

    async def _opened(self, message: InboxMessage) -> OpenedMessage:
        texts = self.search.texts
        text = None if message.body is None else await texts.read(message)
        answer = None if message.answer is None else await texts.answer_to(message)
        return OpenedMessage(message, text, answer)


@frozen(eq=False)
class ErasePerson:
    """
    Erase what the hub has of a person: texts, answers, digests, notes about conversations.

    Ids and outcomes of the messages stay, and what waits for an answer ends. Each step is a commit
    with its line in the audit trail, so an interrupted run leaves nothing half erased, and the
    next one goes on.
    """

    store: ConfigStore
    tenants: TenantStore
    conversations: ConversationStore
    search: PersonSearch
    crews: CrewLookup
    clock: Clock

    async def __call__(
        self,
        person: Person,
        tenant: TenantId,
        *,
        caller: ApiKey,
        numbers: bool = False,
        dry_run: bool = False,
    ) -> Presence:
        """
        Erase, and return what was there; with *dry_run*, only tell it.

        With *numbers*, the mapping and its history lose the person's special numbers, too.

        Raises:
            TenantErasedError, TenantRenamedError: The tenant is erased or renamed, even meanwhile.
        """
        caller.require(Scope.ADMIN, tenant)
        await self.search.require_open(tenant)
        found = await self.search.presence(person, tenant)
        if dry_run:
            return found
        digest = None
        # First what still follows from an earlier id, so that nothing arrives behind the search.
        for owner in await self.search.ids_of(tenant):
            digest = await self.search.digest(person, owner)
            while digest and await self._some(person, owner, digest, caller):
                pass
        if numbers and person.kind is PersonKind.NUMBER:
            await self._without_numbers(person, tenant, digest, caller)
            # Behind the commit: the version that it replaced is history then.
            await self.tenants.forget_number(tenant, person.value)
        # What a rename has taken along meanwhile was not found.
        await self.search.require_open(tenant)
        return found

    async def _some(
        self, person: Person, tenant: TenantId, digest: Fingerprint, caller: ApiKey
    ) -> int:
        async def decide() -> tuple[Changeset, int]:
            page = await self.search.inbox.of_persons((digest,), limit=MOST_AT_ONCE)
            if not page:
                return Changeset(), 0
            now = self.clock.now()
            places = [(body_context(one), answer_context(one)) for one in page]
            subject = _subject(person, digest, len(page))
            entry = AuditEntry(now, AuditAction.PERSON_ERASED, caller.id, tenant, subject)
            changeset = Changeset(
                messages=tuple(message.erased(at=now) for message in page),
                erased=tuple(place for pair in places for place in pair),
                sightings=await self._forgetting(page, tenant, now),
                audit=(entry,),
            )
            return changeset, len(page)

        return await commit_decided(self.store, decide, caller.occasion)

    async def _forgetting(
        self, page: Sequence[InboxMessage], tenant: TenantId, now: datetime
    ) -> tuple[Sighting, ...]:
        """
        What erases the notes of people about the conversations of *page*.

        Names in rules stay. They tell nothing of a person, and the AI is silent because of them.
        """
        keys = dict.fromkeys(map(_conversation_of, page))
        found = [await self.conversations.find(key) for key in keys if key is not None]
        known = [one for one in found if one is not None]
        names: frozenset[str] = frozenset()
        # A channel may have got another owner since.
        for owner in {tenant, *(one.tenant for one in known if one.tenant is not None)}:
            heir, _ = await heir_of(self.tenants, owner)
            names |= await self.crews.names_in_rules(heir)
        forgetting = Seen(forgets_all_but=names)
        return tuple(Sighting(one.key, forgetting, now) for one in known)

    async def _without_numbers(
        self, person: Person, tenant: TenantId, digest: Fingerprint | None, caller: ApiKey
    ) -> None:
        async def decide() -> tuple[Changeset, None]:
            now = self.clock.now()
            mappings = await self.search.channels.mappings(tenant)
            found = {one.mapping.key: one for one, _ in self.search.places(person, mappings)}
            subject = _subject(person, digest, 0, len(found))
            entry = AuditEntry(now, AuditAction.PERSON_ERASED, caller.id, tenant, subject)
            revisions = tuple(_without(person, one, caller.id, now) for one in found.values())
            # Somebody else may have removed them since.
            return Changeset(mappings=revisions, audit=(entry,) if revisions else ()), None

        await commit_decided(self.store, decide, caller.occasion)


@frozen(eq=False)
class NamePersons:
    """
    Give the messages of earlier versions the digests by which a person is found.

    It opens each of their texts once. A run that is interrupted goes on when it is called again.
    """

    search: PersonSearch

    async def __call__(self) -> int:
        """
        Return how many messages got digests. A text that does not open has none.

        Raises:
            MasterKeyMissingError: A master key is not in the ring.
        """
        named, inbox, texts = 0, self.search.inbox, self.search.texts
        done = -1
        # What cannot be named is being written: that names it, or leaves it to the next run.
        while named > done and (page := await inbox.unnamed(limit=MOST_AT_ONCE)):
            done = named
            for message in page:
                persons: Sequence[Fingerprint] = ()
                # Nobody can read one that does not open, either.
                with suppress(SealBrokenError):
                    persons = await texts.named_in(message, await texts.body_of(message))
                named += await inbox.name(message, persons)
        return named


def _conversation_of(message: InboxMessage) -> ConversationKey | None:
    origin = message.origin
    if origin.account is None or origin.conversation is None:
        return None
    return ConversationKey(origin.account, origin.conversation)


def _subject(person: Person, digest: Fingerprint | None, messages: int, numbers: int = 0) -> str:
    shown = "-" if digest is None else digest.value[:_SHOWN]
    return f"person/{person.kind.value}/{shown}: {messages} messages, {numbers} numbers"


def _without(
    person: Person, revision: MappingRevision, author: str, at: datetime
) -> MappingRevision:
    mapping = revision.mapping
    left = tuple(one for one in mapping.numbers if one.number.comparable != person.value)
    return MappingRevision(
        evolve(mapping, numbers=left),
        revision.version + 1,
        revision.created_at,
        later_than(revision.updated_at, at),
        author,
        revision.event_at,
    )
