from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.access import Occasion
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.conversations.state import Seen
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import HUB, BusinessArea, TenantId
from odoo_ai_config.domain.tenants import (
    CLOSED,
    AreaMove,
    Certificate,
    EarlierId,
    NotedErasure,
    Remembered,
    Signature,
    Standing,
    TenantContents,
    TenantErasedError,
    TenantRenamedError,
    TenantState,
    TenantSuspendedError,
    Wish,
    counted,
    erased,
    erasing,
    forgetting,
    place_in,
    refuse_closed,
    relocated,
    renamed,
    reopened,
    require_confirmed,
    require_served,
    resumed,
    settled,
    signed_bytes,
    standing_of,
    statement_of,
    succeeding,
    suspended,
)
from tests.contract.samples import (
    AT,
    DAY,
    address,
    api_key,
    everything,
    message,
    owner,
    sighting,
    tenant_key,
)

ACME = TenantId("acme")
WISH = Wish(ACME, "operator", AT, Occasion("contract ended"))
SIGNATURE = Signature("k1", b"p" * 32, b"v" * 64)

SIGNED = (
    '{"certificate": {}, "signature": '
    '{"algorithm": "Ed25519", "key_id": "k", "public_key": KEY, "value": ""}}'
)


def state(standing: Standing, revision: int = 3) -> TenantState:
    return TenantState(ACME, revision, standing, AT - DAY, "somebody")


def test_tenant_without_a_state_is_active() -> None:
    assert standing_of(None) is Standing.ACTIVE
    require_served(ACME, Remembered())


def test_only_an_active_tenant_is_served() -> None:
    with pytest.raises(TenantSuspendedError):
        require_served(ACME, Remembered(Standing.SUSPENDED))
    for standing in CLOSED:
        with pytest.raises(TenantErasedError):
            require_served(ACME, Remembered(standing))


def test_suspension_begins_and_ends_once() -> None:
    first = suspended(None, WISH)
    assert first == TenantState(
        ACME, 1, Standing.SUSPENDED, AT, "operator", reason="contract ended"
    )
    assert suspended(first, WISH) is None
    second = resumed(first, WISH)
    assert second == evolve(first, revision=2, standing=Standing.ACTIVE)
    assert resumed(second, WISH) is None
    assert resumed(None, WISH) is None


@pytest.mark.parametrize("standing", [Standing.ERASING, Standing.ERASED])
def test_erased_tenant_is_neither_suspended_nor_resumed(standing: Standing) -> None:
    for move in (suspended, resumed):
        with pytest.raises(TenantErasedError):
            move(state(standing), WISH)


def test_erasure_goes_step_by_step() -> None:
    begun = erasing(state(Standing.SUSPENDED), WISH, ("k1", "k2"))
    assert begun is not None
    assert (begun.revision, begun.standing, begun.data_keys) == (4, Standing.ERASING, ("k1", "k2"))
    assert (begun.by, begun.reason, begun.since) == ("operator", "contract ended", AT)
    assert begun.is_closed
    assert begun.destroys_keys
    assert erasing(begun, WISH, ()) is None
    knows = counted(begun, TenantContents(documents=3))
    assert not knows.destroys_keys
    done = erased(knows, Certificate({"a": 1}, SIGNATURE))
    assert (done.revision, done.standing) == (6, Standing.ERASED)
    assert done.is_closed
    assert done.contents == TenantContents(documents=3)
    assert done.data_keys == ("k1", "k2")


def test_only_a_finished_erasure_is_reopened() -> None:
    with pytest.raises(TenantErasedError):
        reopened(state(Standing.ERASING), WISH)
    for standing in (Standing.ACTIVE, Standing.SUSPENDED):
        assert reopened(state(standing), WISH) is None
    assert reopened(None, WISH) is None
    again = reopened(evolve(state(Standing.ERASED), certificate="{}"), WISH)
    assert again == TenantState(ACME, 4, Standing.ACTIVE, AT, "operator", "contract ended")


def test_the_hub_itself_stays() -> None:
    with pytest.raises(InvalidValueError):
        Wish(HUB, "operator", AT)


@pytest.mark.parametrize("confirmation", [None, "", "ACME", "acme "])
def test_erasure_is_confirmed_by_the_id(confirmation: str | None) -> None:
    require_confirmed(ACME, "acme")
    with pytest.raises(InvalidValueError):
        require_confirmed(ACME, confirmation)


def test_statement_says_what_was_erased_by_whom_and_why() -> None:
    begun = erasing(None, WISH, ("k1",))
    assert begun is not None
    statement = statement_of(
        counted(begun, TenantContents(messages=7)), at=AT + timedelta(hours=1), scrubbed=True
    )
    assert statement["tenant"] == "acme"
    assert statement["by"] == "operator"
    assert statement["reason"] == "contract ended"
    assert statement["begun_at"] == "2060-02-29T23:59:59.123457+00:00"
    assert statement["erased_at"] == "2060-03-01T00:59:59.123457+00:00"
    assert statement["destroyed_data_keys"] == ["k1"]
    assert statement["removed"] == TenantContents(messages=7).counts
    assert statement_of(begun, at=AT, scrubbed=False)["removed"] == TenantContents().counts


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=5),
        st.one_of(st.integers(), st.text(st.characters(codec="utf-8"), max_size=5)),
        max_size=4,
    )
)
def test_certificate_is_read_back(statement: dict[str, int | str]) -> None:
    certificate = Certificate({**statement}, SIGNATURE)
    read = Certificate.from_text(certificate.text)
    assert read == certificate
    assert signed_bytes(read.statement) == signed_bytes(dict(reversed(statement.items())))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        "{}",
        '{"certificate": [], "signature": {"algorithm": "Ed25519"}}',
        '{"certificate": {}, "signature": {"algorithm": "none"}}',
        '{"certificate": {}, "signature": {"algorithm": "Ed25519", "key_id": "k"}}',
        SIGNED.replace("KEY", '"?"'),
        SIGNED.replace("{}", r'{"reason": "\ud800"}', 1).replace("KEY", '"AAAA"'),
        SIGNED.replace("KEY", "1"),
    ],
)
def test_text_that_is_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        Certificate.from_text(text)


def test_changeset_knows_for_whom_it_brings_something() -> None:
    assert everything().tenants == {ACME}
    assert Changeset(new_tenant_key=tenant_key()).tenants == {ACME}
    pause = Changeset(sightings=(sighting(seen=Seen(owner=owner())),))
    assert pause.tenants == {ACME}


def test_what_is_there_already_brings_nothing() -> None:
    moved = evolve(message("message-1"), revision=2)
    for changeset in (
        Changeset(),
        Changeset(messages=(moved,), sightings=(sighting(seen=Seen(owner=owner())),)),
        Changeset(sightings=(sighting(),)),
        Changeset(api_keys=(api_key(tenant="acme").revoked(AT), api_key())),
        Changeset(addresses=(address().revoked(AT, "operator"),)),
    ):
        assert changeset.tenants == frozenset()


def test_state_may_come_with_what_belongs_to_its_tenant() -> None:
    begun = erasing(None, WISH, ())
    assert begun is not None
    assert evolve(everything(), tenant_states=(begun,)).tenants == frozenset()


def test_area_is_found_after_any_moves() -> None:
    a, b, c = (BusinessArea(name) for name in "abc")
    state = relocated(None, WISH, AreaMove(a, b))
    assert state.moves == (AreaMove(a, b),)
    assert state.standing is Standing.ACTIVE
    on = relocated(state, WISH, AreaMove(b, c))
    assert [place_in(on.moves, area) for area in (a, b, c)] == [c, c, c]
    back = relocated(on, WISH, AreaMove(c, a))
    assert [place_in(back.moves, area) for area in (a, b, c)] == [a, a, a]
    assert back.revision == 3


def test_area_does_not_move_to_itself_or_out_of_an_erased_tenant() -> None:
    with pytest.raises(InvalidValueError):
        relocated(None, WISH, AreaMove(BusinessArea(), BusinessArea()))
    with pytest.raises(TenantErasedError):
        relocated(state(Standing.ERASED), WISH, AreaMove(BusinessArea("a"), BusinessArea("b")))


def test_move_does_not_change_since_when_a_tenant_stands_where() -> None:
    before = suspended(None, WISH)
    assert before is not None
    later = Wish(ACME, "somebody", AT + DAY)
    after = relocated(before, later, AreaMove(BusinessArea("a"), BusinessArea("b")))
    assert (after.since, after.by, after.reason) == (before.since, before.by, before.reason)
    ended = resumed(after, later)
    assert ended is not None
    assert ended.moves == after.moves
    gone = erasing(ended, later, ())
    assert gone is not None
    assert gone.moves == ()


def test_rename_goes_step_by_step() -> None:
    new = TenantId("acme2")
    before = evolve(
        state(Standing.SUSPENDED), moves=(AreaMove(BusinessArea("a"), BusinessArea("b")),)
    )
    begun = renamed(before, WISH, new)
    assert (begun.revision, begun.standing, begun.successor) == (4, Standing.RENAMING, new)
    assert begun.moves == ()
    assert begun.is_closed
    assert not begun.destroys_keys
    until = EarlierId(ACME, WISH.at, ("k1",))
    there = succeeding(None, evolve(WISH, tenant=new), before, until)
    assert (there.revision, there.standing, there.moves) == (1, before.standing, before.moves)
    assert (there.since, there.by, there.reason) == (before.since, before.by, before.reason)
    fresh = succeeding(None, evolve(WISH, tenant=new), None, until)
    assert (fresh.standing, fresh.earlier) == (Standing.ACTIVE, (until,))
    forgets = forgetting(begun, ("k1",))
    assert (forgets.revision, forgets.destroys_keys) == (5, True)
    done = settled(forgets)
    assert (done.revision, done.standing, done.data_keys) == (6, Standing.RENAMED, ("k1",))
    assert not done.destroys_keys
    again = reopened(done, WISH)
    assert again is not None
    assert (again.standing, again.successor) == (Standing.ACTIVE, None)


def test_erasure_is_noted_under_each_id_that_the_tenant_had() -> None:
    second, third = TenantId("second"), TenantId("third")
    until = [EarlierId(ACME, AT, ("k1",)), EarlierId(second, AT + DAY, ("k2", "k3"))]
    moved = succeeding(None, evolve(WISH, tenant=second), None, until[0])
    last = succeeding(None, evolve(WISH, tenant=third), moved, until[1])
    assert renamed(moved, evolve(WISH, tenant=second), third).earlier == ()
    late = Wish(third, "operator", AT + 2 * DAY)
    resting = suspended(last, late)
    begun = erasing(resting, late, ("k4",))
    assert begun is not None
    statement = statement_of(begun, at=AT, scrubbed=True)
    assert statement["destroyed_data_keys"] == ["k1", "k2", "k3", "k4"]
    noted = [(one.tenant, one.at, one.data_keys) for one in NotedErasure.all_of(begun)]
    assert noted == [
        (ACME, AT, ("k1",)),
        (second, AT + DAY, ("k2", "k3")),
        (third, AT + 2 * DAY, ("k4",)),
    ]
    # Whoever gets the id then has nothing of that.
    again = reopened(erased(begun, Certificate({}, Signature("k", b"", b""))), late)
    assert again is not None
    assert again.earlier == ()


@pytest.mark.parametrize("kept", [False, True])
def test_note_is_read_back(*, kept: bool) -> None:
    note = NotedErasure(ACME, AT, ("k1", "k2"), kept)
    assert NotedErasure.from_text(note.text) == note


def test_time_tells_whose_the_id_was_where_no_key_does() -> None:
    day = DAY
    first = NotedErasure(ACME, AT, ("k1",), kept=True)
    second = NotedErasure(ACME, AT + 4 * day, ("k2",))
    notes = [first, second, NotedErasure(TenantId("other"), AT + day, ())]
    begin = second.begin(notes)
    assert (first.begin(notes), begin) == (None, AT)

    def undone(since: timedelta | None, keys: tuple[str, ...] = (), **more: Any) -> bool:
        at = None if since is None else evolve(state(Standing.ACTIVE), since=AT + since)
        known: Any = {"restored": True, "begin": begin, **more}
        return second.is_undone(at, keys, **known)

    assert undone(2 * day)
    assert undone(timedelta())
    # Of whoever had the id before, and of whoever got it later.
    assert not undone(-day)
    assert not undone(None)
    assert not undone(4 * day)
    assert undone(-day, begin=None)
    assert undone(None, begin=None)
    # The keys prove it, and without them only a backup can be meant.
    assert undone(-day, ("k2", "k3"), restored=False)
    assert not undone(2 * day, ("k3",), restored=False)
    assert not first.is_undone(None, ("k1",), restored=True)


def test_state_that_came_with_a_rename_is_as_young_as_that() -> None:
    until = EarlierId(TenantId("before"), AT, ("k1",))
    old = state(Standing.SUSPENDED)
    assert old.held_at == AT - DAY
    assert succeeding(None, WISH, old, until).held_at == AT


def test_renamed_tenant_is_refused_with_its_new_id() -> None:
    new = TenantId("acme2")
    begun = renamed(None, WISH, new)
    refusals: list[Callable[[], object]] = [
        lambda: renamed(begun, WISH, TenantId("third")),
        lambda: succeeding(begun, WISH, None, EarlierId(new, AT, ())),
        lambda: erasing(begun, WISH, ()),
        lambda: suspended(begun, WISH),
        lambda: reopened(begun, WISH),
        lambda: refuse_closed(ACME, Remembered(Standing.RENAMED, successor=new)),
    ]
    for refused in refusals:
        with pytest.raises(TenantRenamedError) as caught:
            refused()
        assert (caught.value.tenant, caught.value.successor) == (ACME, new)
    with pytest.raises(InvalidValueError):
        renamed(None, WISH, ACME)
    with pytest.raises(TenantErasedError):
        renamed(state(Standing.ERASED), WISH, new)
