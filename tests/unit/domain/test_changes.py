from __future__ import annotations

from datetime import UTC, datetime

from attrs import evolve

from odoo_ai_config.domain.changes import AuditAction, Changeset, IdempotencyKey, mapping_audit
from odoo_ai_config.domain.channels.mapping import (
    ChannelKey,
    ChannelMapping,
    MappingDecision,
    MappingRevision,
)
from odoo_ai_config.domain.collections import (
    PRODUCTS,
    CollectionChange,
    CollectionHead,
    CollectionKey,
    Item,
)
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId
from odoo_ai_config.domain.outcomes import Outcome, WriteKind

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
ANA = TenantArea(TenantId("ana"), BusinessArea())
MOVED = MappingRevision(ChannelMapping(ChannelKey(ChatwootId("1")), ANA), 2, NOON, NOON, "k1")
[MOVE] = mapping_audit(
    MOVED.mapping, MappingDecision(MOVED, loser=TenantId("bia")), actor="k1", at=NOON
)


def test_changeset_is_empty_until_there_is_something_to_commit() -> None:
    assert Changeset().empty
    assert not Changeset(audit=(MOVE,)).empty


def test_size_counts_the_rows_that_may_be_very_many() -> None:
    head = CollectionHead(CollectionKey(ANA.tenant, PRODUCTS), 1, 1, NOON, NOON)
    change = CollectionChange(head, (Item.of("1", {}),), ("2", "3"))
    assert Changeset().size == 0
    assert Changeset(collections=(change,), audit=(MOVE,)).size == 4


def test_moved_channel_is_audited_for_the_tenant_that_lost_it() -> None:
    assert (MOVE.at, MOVE.actor, MOVE.tenant) == (NOON, "k1", TenantId("bia"))
    assert MOVE.action is AuditAction.CHANNEL_MOVED
    assert MOVE.subject == "channel/1/* -> ana/default"


def test_delivery_is_named_after_caller_and_key() -> None:
    assert str(IdempotencyKey("k1", "d1")) == "k1:d1"


def test_replayed_outcome_equals_the_first() -> None:
    first = Outcome(WriteKind.DOCUMENT, ANA, {"config": 1}, changed=True, at=NOON)
    assert evolve(first, replayed=True) == first
