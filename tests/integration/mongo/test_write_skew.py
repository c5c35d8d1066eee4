from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest
from attrs import evolve

from odoo_ai_config.adapters.mongo import pruning, transaction
from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.application.errors import TenantKeyChangedError
from odoo_ai_config.application.ports.message_inbox import ClaimLimits
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.mapping import ChannelClaim, MappingRevision
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage, Stage, body_context
from odoo_ai_config.domain.tenants import Standing, TenantErasedError, TenantState
from tests.contract.samples import (
    AT,
    DAY,
    credentials,
    destination,
    fingerprint,
    mapping,
    message,
    revision,
    secret,
    tenant_key,
    text_of,
)
from tests.contract.stores import Stores
from tests.trail import trail

OLD, NEW = tenant_key(), tenant_key(key_id="k2")


async def side_by_side(
    patch: pytest.MonkeyPatch, held: Coroutine[Any, Any, Any], other: Coroutine[Any, Any, Any]
) -> list[Any]:
    """
    The outcomes of both if *other* runs after *held* has written everything and before it commits.
    """
    commit = transaction._commit
    written, released = asyncio.Event(), asyncio.Event()

    async def hold_the_first(*args: Any) -> None:
        if not written.is_set():
            written.set()
            await released.wait()
        await commit(*args)

    patch.setattr(transaction, "_commit", hold_the_first)
    first = asyncio.create_task(held)
    await written.wait()
    second = asyncio.create_task(other)
    # A conflicting commit retries until the first is done; another one is finished.
    await asyncio.wait([second], timeout=0.2)
    released.set()
    return list(await asyncio.gather(first, second, return_exceptions=True))


async def begin(stores: Stores, *changes: Changeset) -> None:
    await stores.config.commit(Changeset(new_tenant_key=OLD))
    assert await stores.secrets.add_key(NEW, successor_of=OLD)
    for changeset in changes:
        await stores.config.commit(changeset)


def sealing(*messages: InboxMessage) -> Changeset:
    return Changeset(secrets=(secret(),), sealed_under=OLD, messages=messages)


@pytest.mark.parametrize("messages", [(), (message(),)], ids=["credential", "message"])
async def test_key_is_not_retired_while_a_commit_seals_with_it(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, messages: tuple[InboxMessage, ...]
) -> None:
    # The second commit with a key changes no more of its record than the first did.
    await begin(stores, sealing(), Changeset(revisions=(credentials(odoo=2),)))
    await stores.config.prune(RetentionPolicy(), now=AT)
    outcome = await side_by_side(
        monkeypatch, stores.config.commit(sealing(*messages)), stores.secrets.retire_keys(NEW)
    )
    assert outcome == [None, False]
    assert await stores.secrets.tenant_key(OLD.tenant, OLD.key_id) == OLD


@pytest.mark.parametrize("messages", [(), (message(),)], ids=["credential", "message"])
async def test_nothing_is_sealed_with_a_key_that_is_being_retired(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, messages: tuple[InboxMessage, ...]
) -> None:
    await begin(stores)
    retired, refusal = await side_by_side(
        monkeypatch, stores.secrets.retire_keys(NEW), stores.config.commit(sealing(*messages))
    )
    assert retired is True
    assert isinstance(refusal, TenantKeyChangedError)
    assert await stores.secrets.sealed(secret().context, secret().fingerprint) is None


async def test_nothing_is_resealed_with_a_key_that_is_being_retired(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = secret(key_id="k2")
    await begin(stores, Changeset(secrets=(now,), sealed_under=NEW))
    outcome = await side_by_side(
        monkeypatch,
        stores.secrets.retire_keys(NEW),
        stores.secrets.reseal(now, secret(envelope=b"late")),
    )
    assert outcome == [True, False]
    assert await stores.secrets.sealed(now.context, now.fingerprint) == now


async def test_value_that_a_commit_names_again_is_not_pruned(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = secret(number=1), secret(number=2)
    await begin(
        stores,
        Changeset(revisions=(credentials(odoo=1),), secrets=(first,)),
        Changeset(revisions=(credentials(2, odoo=2),), secrets=(second,)),
    )
    await trail(stores.audit)
    again = Changeset(revisions=(credentials(3, odoo=1),), secrets=(first,))
    _, report = await side_by_side(
        monkeypatch,
        stores.config.commit(again),
        stores.config.prune(RetentionPolicy(keep=1), now=AT),
    )
    assert report.revisions == 1
    assert await stores.secrets.sealed(first.context, first.fingerprint) == first


async def test_value_that_is_being_pruned_is_sealed_anew(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed, anew = secret(), secret(envelope=b"anew")
    await begin(stores, sealing())
    await side_by_side(
        monkeypatch,
        stores.config.prune(RetentionPolicy(), now=AT),
        stores.config.commit(
            Changeset(revisions=(credentials(odoo=1),), secrets=(anew,), sealed_under=OLD)
        ),
    )
    assert await stores.secrets.sealed(sealed.context, sealed.fingerprint) == anew


def accepting(name: str) -> Changeset:
    return Changeset(messages=(message(name),))


async def order_of_conversation(stores: Stores) -> list[str]:
    """
    The open messages of a conversation, each claimed and finished before the next.
    """
    claim_limits, order = ClaimLimits(total=99, per_tenant=99, in_hand={}), []
    while heads := await stores.inbox.claim(claim_limits, now=AT + DAY, until=AT + 2 * DAY):
        (head,) = heads
        order.append(str(head.id))
        await stores.config.commit(Changeset(messages=(head.done(at=AT),)))
    return order


async def test_message_that_comes_while_the_head_closes_is_the_next_head(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stores.config.commit(accepting("message-1"))
    close = Changeset(messages=(message("message-1").done(at=AT),))
    outcome = await side_by_side(
        monkeypatch, stores.config.commit(accepting("message-2")), stores.config.commit(close)
    )
    assert outcome == [None, None]
    assert await order_of_conversation(stores) == ["message-2"]


async def test_head_that_closes_while_a_message_comes_has_a_successor(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stores.config.commit(accepting("message-1"))
    close = Changeset(messages=(message("message-1").done(at=AT),))
    outcome = await side_by_side(
        monkeypatch, stores.config.commit(close), stores.config.commit(accepting("message-2"))
    )
    assert outcome == [None, None]
    assert await order_of_conversation(stores) == ["message-2"]


async def test_conversation_that_is_being_forgotten_goes_on_with_a_new_message(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = message("message-1").done(at=AT)
    await stores.config.commit(accepting("message-1"))
    await stores.config.commit(Changeset(messages=(done,)))
    outcome = await side_by_side(
        monkeypatch,
        stores.config.commit(accepting("message-2")),
        stores.inbox.prune(before=AT + DAY),
    )
    assert outcome == [None, 1]
    await stores.config.commit(accepting("message-3"))
    assert await order_of_conversation(stores) == ["message-2", "message-3"]


async def test_text_that_a_message_comes_back_to_is_not_pruned(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = message("message-1").dead(reason="crew_refused", at=AT)
    elsewhere = dead.replayed(destination("other"), at=AT, body=fingerprint(2))
    dead_again = elsewhere.dead(reason="crew_refused", at=AT)
    back = dead_again.replayed(destination(), at=AT, body=fingerprint())
    for state in (message("message-1"), dead, elsewhere, dead_again):
        await stores.config.commit(Changeset(messages=(state,), secrets=(text_of(message()),)))
    await side_by_side(
        monkeypatch,
        stores.config.commit(Changeset(messages=(back,), secrets=(text_of(back),))),
        stores.inbox.prune(before=AT),
    )
    assert await stores.secrets.sealed(body_context(back), fingerprint()) == text_of(back)


async def test_messages_of_a_tenant_do_not_collide_in_the_record_of_its_keys(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = [
        Changeset(messages=(one,), secrets=(text_of(one),), sealed_under=OLD)
        for one in (message(f"message-{number}", str(number)) for number in range(9))
    ]
    await stores.config.commit(Changeset(new_tenant_key=OLD))
    # Creates the collections, which would also conflict.
    await stores.config.commit(first)
    monkeypatch.setattr(transaction, "_PATIENCE_SECONDS", 0)
    await asyncio.gather(*map(stores.config.commit, others))


async def test_conversation_has_one_head_whatever_happens_at_the_same_time(
    stores: Stores,
) -> None:
    first = [message(f"message-{number}") for number in range(12)]
    dead = [one.dead(reason="crew_refused", at=AT) for one in first[:4]]
    for state in (*first, *dead):
        await stores.config.commit(Changeset(messages=(state,)))
    at_once = [
        *(one.replayed(destination(), at=AT) for one in dead),
        *(one.done(at=AT) for one in first[4:8]),
        *(message(f"message-new-{number}") for number in range(8)),
    ]
    await asyncio.gather(
        *(stores.config.commit(Changeset(messages=(state,))) for state in at_once)
    )
    order = await order_of_conversation(stores)
    known = [str(one.id) for one in (*first[:4], *first[8:])]
    assert order[:8] == known
    assert sorted(order[8:]) == [f"message-new-{number}" for number in range(8)]


@pytest.mark.parametrize(
    ("claims", "mappings"),
    [
        pytest.param(
            [ChannelClaim(TenantId(name), ChatwootId("1")) for name in ("a", "b")],
            [mapping("1", name, tenant=name) for name in ("a", "b")],
            id="account",
        ),
        pytest.param(
            [ChannelClaim(TenantId(name), numbers=frozenset({"12345678"})) for name in ("a", "b")],
            [
                mapping("1", name, 2, tenant=name, numbers=(("12345678", "boss"),))
                for name in ("a", "b")
            ],
            id="number",
        ),
    ],
)
async def test_claims_of_the_same_thing_collide(
    stores: Stores,
    monkeypatch: pytest.MonkeyPatch,
    claims: list[ChannelClaim],
    mappings: list[MappingRevision],
) -> None:
    # Creates the collection, which would also conflict.
    await stores.config.commit(Changeset(mappings=(mapping("9", "9", tenant="z"),)))
    if mappings[0].version > 1:
        before = tuple(mapping("1", name, tenant=name) for name in ("a", "b"))
        await stores.config.commit(Changeset(mappings=before))
    first, second = (
        stores.config.commit(Changeset(mappings=(new,), claim=claim))
        for claim, new in zip(claims, mappings, strict=True)
    )
    won, lost = await side_by_side(monkeypatch, first, second)
    assert won is None
    assert isinstance(lost, RevisionConflictError)


async def test_message_that_is_no_longer_finished_is_not_removed_with_the_others(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = [
        evolve(message(name, name), stage=Stage.DONE, due_at=None)
        for name in ("message-1", "message-2")
    ]
    failed = evolve(done[0], stage=Stage.FAILED, revision=2)
    for one in done:
        await stores.config.commit(Changeset(messages=(one,)))
    batches = pruning.batches

    async def changed_meanwhile(*of: Any) -> AsyncIterator[list[dict[str, Any]]]:
        async for batch in batches(*of):
            if of[1] == "messages":
                await stores.config.commit(Changeset(messages=(failed,)))
            yield batch

    monkeypatch.setattr(pruning, "batches", changed_meanwhile)
    assert await stores.inbox.prune(before=AT + DAY) == 1
    assert await stores.inbox.find(failed.id) == failed
    # A repetition of it is still known.
    assert await stores.inbox.received(failed.origin) == failed


async def test_prune_that_is_killed_leaves_messages_with_their_marks(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = evolve(message(), stage=Stage.DONE, due_at=None)
    await stores.config.commit(Changeset(messages=(done,)))

    async def killed(*_: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(transaction, "_commit", killed)
        with pytest.raises(asyncio.CancelledError):
            await stores.inbox.prune(before=AT + DAY)
    assert await stores.inbox.received(done.origin) == done
    assert await stores.inbox.prune(before=AT + DAY) == 1
    assert await stores.inbox.received(done.origin) is None


async def test_document_that_appears_beside_a_move_is_not_overlooked(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its first value brings the first data key of the tenant.
    version = await stores.tenants.version(OLD.tenant)
    moved = Changeset(versions=(version,), revisions=(revision(),))
    other = Changeset(
        revisions=(credentials(odoo=1),), secrets=(secret(),), new_tenant_key=OLD, sealed_under=OLD
    )
    outcome = await side_by_side(
        monkeypatch, stores.config.commit(other), stores.config.commit(moved)
    )
    assert outcome[0] is None
    assert isinstance(outcome[1], RevisionConflictError)


async def test_writer_that_never_pauses_does_not_keep_a_tenant_open(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stores.config.commit(Changeset(revisions=(revision(),)))
    begun = TenantState(revision().key.tenant, 1, Standing.ERASING, AT, "operator")
    gathered, writes = MongoDatabase.gathered, list[asyncio.Task[None]]()
    is_writer = ContextVar("is_writer", default=False)

    async def write(version: int) -> None:
        is_writer.set(True)
        await stores.config.commit(Changeset(revisions=(revision(version=version),)))

    async def beside_a_write(database: MongoDatabase, places: Any, session: Any = None) -> Any:
        if not is_writer.get():
            writes.append(asyncio.create_task(write(len(writes) + 2)))
            # One that collides waits for the closing.
            await asyncio.wait(writes, timeout=0.5)
        return await gathered(database, places, session)

    monkeypatch.setattr(MongoDatabase, "gathered", beside_a_write)
    await stores.config.commit(Changeset(tenant_states=(begun,)))
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [TenantErasedError]
