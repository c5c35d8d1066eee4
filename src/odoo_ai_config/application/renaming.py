"""
Give a tenant another id.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.credentials.sealing import Sealing
from odoo_ai_config.application.errors import ContentionError, SealBrokenError
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.moving import Relocator, Room
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.collection_store import CollectionStore
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.ports.tenant_store import TenantStore
from odoo_ai_config.application.standings import OnFailure, for_each, heir_of, raised
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.collections import MOST_ITEMS, CollectionChange, CollectionKey, Item
from odoo_ai_config.domain.conversations.state import Conversation, Seen, Sighting
from odoo_ai_config.domain.credentials.secrets import SealContext, SealedSecret
from odoo_ai_config.domain.errors import CredentialNotFoundError, TenantNotFoundError
from odoo_ai_config.domain.identifiers import TenantArea, TenantId
from odoo_ai_config.domain.messages.inbox import (
    OPEN,
    STUCK,
    InboxMessage,
    MessageId,
    Stage,
    answer_context,
    body_context,
)
from odoo_ai_config.domain.tenants import (
    EarlierId,
    Standing,
    TenantContents,
    TenantErasedError,
    TenantInUseError,
    TenantRenamedError,
    TenantState,
    Wish,
    forgetting,
    renamed,
    settled,
    succeeding,
)

# Messages or conversations of one commit, and items of one read.
_STEP: Final = 50
# Each may be 1 MiB.
_ITEMS: Final = 50
# What waits for an answer goes first.
_IN_ORDER: Final = (OPEN, STUCK, frozenset(Stage) - OPEN - STUCK)


@frozen(eq=False)
class RenameTenant:
    """
    Move everything of a tenant to another id.

    The first commit moves what serving needs: from there on the new id is served and the old one
    names it. Messages and conversations follow in short steps, and then the old data key goes. If
    the program ends in between, the next call or `go_on` continues.

    Args:
        most_items: The most items of collections that the first commit moves.
    """

    store: ConfigStore
    tenants: TenantStore
    collections: CollectionStore
    api_keys: ApiKeyStore
    inbox: MessageInbox
    conversations: ConversationStore
    texts: MessageTexts
    relocator: Relocator
    clock: Clock
    most_items: int = MOST_ITEMS

    async def planned(self, old: TenantId, new: TenantId, *, caller: ApiKey) -> TenantContents:
        """
        What would get the id *new*, with all refusals of the rename itself.
        """
        wish = Wish.of(old, caller, self.clock.now())

        async def decide() -> tuple[Changeset, TenantContents]:
            _, contents = await self._decided(wish, new)
            return Changeset(), contents

        return await commit_decided(self.store, decide)

    async def __call__(self, old: TenantId, new: TenantId, *, caller: ApiKey) -> TenantState:
        """
        The state of *old*; renaming it to *new* again goes on with what is still to do.

        It is not finished while a worker has one of its messages in hand.

        Raises:
            InvalidValueError: Both are the same, or one is the hub's own.
            TenantNotFoundError: There is nothing of *old*.
            TenantInUseError: There is something of *new*.
            MoveTooLargeError: *old* has too many versions and credentials, items, or characters.
            TenantErasedError, TenantRenamedError: One of them is erased, or has another id.
            SealBrokenError, MasterKeyMissingError: A credential does not open.
        """
        wish = Wish.of(old, caller, self.clock.now())
        current = await self.tenants.current(old)
        if current is None or current.successor != new:
            decide = partial(self._decided, wish, new)
            await commit_decided(self.store, decide, wish.occasion)
        return await self.finish(old)

    async def go_on(self, on_failure: OnFailure = raised) -> Sequence[TenantState]:
        """
        Continue with renames that are not finished, and return those that are now.
        """
        found = await for_each(self.tenants, Standing.RENAMING, self._continued, on_failure)
        return [state for state in found if state and state.standing is Standing.RENAMED]

    async def _continued(self, old: TenantId) -> TenantState | None:
        # The new id has just been erased or renamed: the next call knows it.
        with suppress(TenantErasedError, TenantRenamedError):
            return await self.finish(old)
        return None

    async def _decided(self, wish: Wish, new: TenantId) -> tuple[Changeset, TenantContents]:
        old = wish.tenant
        # First: what others write meanwhile begins this anew.
        versions = await self.tenants.version(old), await self.tenants.version(new)
        current, there = await self.tenants.current(old), await self.tenants.current(new)
        state = renamed(current, wish, new)
        earlier = EarlierId(old, wish.at, versions[0].data_keys)
        successor = succeeding(there, evolve(wish, tenant=new), current, earlier)
        contents = await self.tenants.contents(old)
        if contents == TenantContents():
            raise TenantNotFoundError
        await self._require_unused(new)

        def place(area: TenantArea) -> TenantArea:
            return TenantArea(new, area.domain) if area.tenant == old else area

        documents = await self.store.documents(old)
        relocation = await self.relocator.planned(documents, place, wish, *versions)
        keys = [key for key in await self.api_keys.api_keys() if key.tenant == old]
        action, subject = AuditAction.TENANT_RENAMED, f"{old} -> {new}"
        changeset = evolve(
            relocation.changeset,
            collections=tuple(await self._collections(old, new)),
            api_keys=tuple(evolve(key, tenant=new) for key in keys if key.revoked_at is None),
            audit=tuple(
                AuditEntry(wish.at, action, wish.by, tenant, subject) for tenant in (old, new)
            ),
            tenant_states=(evolve(state, contents=contents), successor),
        )
        return changeset, contents

    async def _require_unused(self, tenant: TenantId) -> None:
        # Channels that an erasure has left are in nobody's way.
        contents = evolve(await self.tenants.contents(tenant), channels=0)
        mappings = await self.relocator.channels.mappings(tenant)
        if contents != TenantContents() or any(one.mapping.active for one in mappings):
            raise TenantInUseError

    async def _collections(self, old: TenantId, new: TenantId) -> list[CollectionChange]:
        """
        The collections under the new id, and a change of each old one, which refuses another.
        """
        heads = await self.collections.heads(old)
        Room(self.most_items).take(sum(head.size for head in heads))
        text = Room(self.relocator.most_text)
        changes = []
        for head in heads:
            ids = list(await self.collections.digests(head.key))
            items: list[Item] = []
            for start in range(0, len(ids), _ITEMS):
                some = await self.collections.items(head.key, ids[start : start + _ITEMS])
                text.take(sum(len(item.text) for item in some.values()))
                items += some.values()
            key = CollectionKey(new, head.key.name)
            # Its readers begin anew, because it is another collection for them.
            moved = evolve(head, key=key, version=1, compaction_floor=0)
            changes += [
                CollectionChange(moved, tuple(items)),
                CollectionChange(evolve(head, version=head.version + 1)),
            ]
        return changes

    async def finish(self, old: TenantId) -> TenantState:
        """
        Continue with the rename of *old*, and return its state.

        Nothing waits for a worker if who has the rest of it now is erased.
        """
        if await self._followed(old):
            await commit_decided(self.store, partial(self._forgotten, old))
            while await self.tenants.remove_some(old):
                pass
            await commit_decided(self.store, partial(self._settled, old))
        return await self._renamed(old)

    async def _renamed(self, old: TenantId) -> TenantState:
        state = await self.tenants.current(old)
        if state is None or state.successor is None:
            # It was finished and reopened meanwhile.
            raise ContentionError
        return state

    async def _forgotten(self, old: TenantId) -> tuple[Changeset, None]:
        """
        Destroy the data keys of *old*, once.
        """
        state = await self._renamed(old)
        # A closed tenant gets none.
        keys = tuple(key.key_id for key in await self.texts.sealer.secrets.keys_of(old))
        if state.standing is Standing.RENAMED or not keys:
            return Changeset(), None
        return Changeset(tenant_states=(forgetting(state, keys),)), None

    async def _settled(self, old: TenantId) -> tuple[Changeset, None]:
        state = await self._renamed(old)
        if state.standing is Standing.RENAMED:
            return Changeset(), None
        entry = AuditEntry(self.clock.now(), AuditAction.RENAME_FINISHED, state.by, old, str(old))
        return Changeset(tenant_states=(settled(state),), audit=(entry,)), None

    async def _followed(self, old: TenantId) -> bool:
        """
        Move messages and conversations of *old*; whether all of them are moved.
        """
        heir = await self._heir(old)
        if heir is None:
            return True
        for stages in _IN_ORDER:
            after: MessageId | None = None
            while True:
                decide = partial(self._messages, old, heir, stages, after)
                last = await commit_decided(self.store, decide)
                if last is None:
                    break
                after = last
        left = await self.inbox.page(list(Stage), tenant=old, limit=1)
        # Behind that look: without messages, nothing writes a conversation of *old* any more.
        while await commit_decided(self.store, partial(self._conversations, old, heir)):
            pass
        return not left

    async def _heir(self, old: TenantId) -> TenantId | None:
        """
        Who has everything of *old* now; None if that one is erased.
        """
        tenant, state = await heir_of(self.tenants, old)
        return None if state is not None and state.is_closed else tenant

    async def _messages(
        self,
        old: TenantId,
        new: TenantId,
        stages: Collection[Stage],
        after: MessageId | None,
    ) -> tuple[Changeset, MessageId | None]:
        """
        Move some messages behind *after*, and return the last of them.

        Those that a worker may have in hand stay: it would do again what it has done already.
        """
        page = await self.inbox.page(
            stages, tenant=old, after=after, limit=_STEP, oldest_first=True
        )
        if not page:
            return Changeset(), None
        now, sealing = self.clock.now(), Sealing()
        moved: list[InboxMessage] = []
        gone: list[SealContext] = []
        secrets: list[SealedSecret] = []
        for message in page:
            if message.may_be_in_hand(now):
                continue
            owner = TenantArea(new, message.holder.domain)
            there, sealing = await self._message(message, owner, sealing, now)
            secrets += sealing.secrets
            moved.append(there)
            gone += [body_context(message), answer_context(message)]
        changeset = Changeset(
            messages=tuple(moved), secrets=tuple(secrets), erased=tuple(gone), **sealing.key_parts
        )
        return changeset, page[-1].id

    async def _message(
        self, message: InboxMessage, owner: TenantArea, beside: Sealing, at: datetime
    ) -> tuple[InboxMessage, Sealing]:
        """
        *message* with *owner*, and its texts sealed there. A text that does not open goes.
        """
        there, key = message.rehoused(owner), beside
        secrets: tuple[SealedSecret, ...] = ()
        sealer, texts = self.texts.sealer, self.texts
        if message.body is not None:
            with suppress(SealBrokenError):
                body = await texts.body_of(message)
                mark, key = await sealer.one(body_context(there), body, at=at, beside=key)
                secrets += key.secrets
                named = there.persons
                if named is None or named:
                    named = await texts.named_in(there, body, under=key.key)
                there = evolve(there, body=mark, persons=named)
        if message.answer is not None:
            with suppress(SealBrokenError, CredentialNotFoundError):
                answer = await sealer.opened(answer_context(message), message.answer)
                mark, key = await sealer.one(answer_context(there), answer, at=at, beside=key)
                secrets += key.secrets
                there = evolve(there, answer=mark)
        return there, evolve(key, secrets=secrets)

    async def _conversations(self, old: TenantId, new: TenantId) -> tuple[Changeset, bool]:
        now = self.clock.now()
        page = await self.conversations.page(tenant=old, limit=_STEP)
        sightings = [Sighting(one.key, _moving(one, new), now) for one in page]
        return Changeset(sightings=tuple(sightings)), bool(page)


def _moving(conversation: Conversation, new: TenantId) -> Seen:
    owner = conversation.owner
    moved = None if owner is None else TenantArea(new, owner.domain)
    return Seen(owner=moved, moved_from=owner)
