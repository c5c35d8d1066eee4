from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from odoo_ai_config.domain.changes import mapping_audit
from odoo_ai_config.domain.channels.mapping import (
    NO_RIVALS,
    AccountSharedError,
    ChannelKey,
    ChannelMapping,
    ChannelOwnedError,
    FallbackReservedError,
    MappingRevision,
    NumberTakenError,
    claimed,
    decided,
    previous_owner,
    remapped,
)
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.routing import IncomingMessage, RoutingTable, Rule
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId
from tests.property.channels.test_routing import Routing, asked
from tests.strategies import channel_keys, channel_mappings, routings

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
OWNERS = [
    TenantArea(TenantId(tenant), BusinessArea(area))
    for tenant in ("a", "b")
    for area in ("retail", "health")
]
owners = st.sampled_from(OWNERS)
ids = st.sampled_from([ChatwootId(str(number)) for number in (1, 2, 3)])
numbers = st.sampled_from([PhoneNumber(f"55119876543{number}0") for number in (1, 2, 3)])
sequences = st.integers(0, 3)
mappings = channel_mappings(
    keys=channel_keys(owners=owners, accounts=ids, inboxes=ids),
    owners=owners,
    numbers=numbers,
    sequences=sequences,
)
one_channel = channel_mappings(
    keys=st.just(ChannelKey(ChatwootId("1"))), owners=owners, numbers=numbers, sequences=sequences
)


@given(st.lists(one_channel, min_size=1, max_size=8))
def test_versions_of_a_channel_count_from_one_and_only_real_changes_make_one(
    events: list[ChannelMapping],
) -> None:
    current: MappingRevision | None = None
    history: list[MappingRevision] = []
    for minute, mapping in enumerate(events):
        at = NOON + timedelta(minutes=minute)
        new = remapped(current, mapping, author="k", at=at)
        assert (new is None) == (current is not None and current.mapping == mapping)
        if new is not None:
            history.append(new)
            current = new
            assert remapped(current, mapping, author="k", at=at) is None
    assert [revision.version for revision in history] == list(range(1, len(history) + 1))
    assert {revision.created_at for revision in history} == {NOON}


@given(st.none() | one_channel, one_channel, st.booleans())
def test_channel_is_refused_only_to_a_bound_caller_while_another_tenant_holds_it(
    held: ChannelMapping | None, claimed: ChannelMapping, bound: bool
) -> None:
    current = None if held is None else MappingRevision(held, 1, NOON, NOON, "k")
    loses = held is not None and held.active and held.owner.tenant != claimed.owner.tenant
    owner = previous_owner(current, claimed)
    assert owner == (held.owner.tenant if held is not None and loses else None)
    # A fallback may be refused for another reason.
    plain = evolve(claimed, fallback=False)
    if bound and loses and claimed.active:
        with pytest.raises(ChannelOwnedError):
            decided(current, plain, author="k", at=NOON, bound=bound)
    else:
        decided(current, plain, author="k", at=NOON, bound=bound)


@given(st.lists(channel_keys(owners=owners, accounts=ids, inboxes=ids)))
def test_different_channels_have_different_names(keys: list[ChannelKey]) -> None:
    assert len({str(key) for key in keys}) == len(set(keys))


@given(routings(min_mappings=1))
def test_bound_key_never_takes_what_others_have_mapped(routing: Routing) -> None:
    """
    No mapping of a bound key changes what a channel or a number of another tenant decides.

    A fallback is for what nobody claims: in an account where its tenant has a channel, a bound key
    may claim free inboxes and numbers that a fallback of another tenant has served until now.
    """
    # Odoo's events name the account.
    claims = [at for at, mapping in enumerate(routing[0]) if mapping.key.account is not None]
    assume(claims)
    *before, claim_of = routing[0][: claims[-1] + 1]
    known = {mapping.key: MappingRevision(mapping, 1, NOON, NOON, "k") for mapping in before}
    table = RoutingTable(mapping.mapping for mapping in known.values())
    current, claim = known.get(claim_of.key), claimed(known.get(claim_of.key), claim_of)
    routes = [table.resolve(message) for message in asked(routing)]
    try:
        decision = decided(
            current,
            claim_of,
            author="k",
            at=NOON,
            bound=True,
            wider=[known[key] for key in claim_of.key.wider if key in known],
            rivals=NO_RIVALS if claim is None else table.rivals_of(claim),
        )
    except (ChannelOwnedError, AccountSharedError, NumberTakenError, FallbackReservedError):
        return
    if decision.revision is not None:
        table.put(decision.revision.mapping)
    for message, route in zip(asked(routing), routes, strict=True):
        strange = route.owner is not None and route.owner.tenant != claim_of.owner.tenant
        if strange and route.matched_by is not Rule.FALLBACK:
            assert table.resolve(message) == route


MESSAGES = [
    IncomingMessage(account, inbox, number)
    for account in map(ChatwootId, "12")
    for inbox in (None, *map(ChatwootId, "12"))
    for number in (None, "5511987654310", "5511987654320")
]


@given(st.lists(mappings, max_size=6), mappings)
def test_mapping_of_an_unbound_key_that_affects_others_is_audited(
    before: list[ChannelMapping], written: ChannelMapping
) -> None:
    known = {mapping.key: MappingRevision(mapping, 1, NOON, NOON, "k") for mapping in before}
    table = RoutingTable(mapping.mapping for mapping in known.values())
    current, claim = known.get(written.key), claimed(known.get(written.key), written)
    own = current is not None and current.mapping.owner.tenant == written.owner.tenant
    # A tenant that gives something up claims nothing.
    assume(written.active and not (own and current is not None and current.mapping.active))
    mapped = {mapping.key.account for mapping in table}
    routes = [(message, table.resolve(message)) for message in MESSAGES]
    decision = decided(
        current,
        written,
        author="k",
        at=NOON,
        bound=False,
        wider=[known[key] for key in written.key.wider if key in known],
        rivals=NO_RIVALS if claim is None else table.rivals_of(claim),
    )
    traces = mapping_audit(written, decision, actor="k", at=NOON)
    table.put(written)
    for message, route in routes:
        now = table.resolve(message)
        strange = route.owner is not None and route.owner.tenant != written.owner.tenant
        # By a stronger rule than the old one, only what belongs to nobody can be claimed.
        whole = {Rule.INBOX, Rule.ACCOUNT, Rule.ACCOUNT_OWNER, now.matched_by}
        taken = route.matched_by in whole or now.owner is None
        if strange and taken and now.owner != route.owner and message.account in mapped:
            assert traces
