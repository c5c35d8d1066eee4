from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest
from attrs import evolve, field, frozen

from odoo_ai_config.adapters.memory.message_spool import MemoryMessageSpool
from odoo_ai_config.adapters.memory.secret_vault import MemorySecretVault
from odoo_ai_config.application.errors import (
    ContentionError,
    SpoolUnavailableError,
    StoreFailure,
    StoreUnavailableError,
    StoreUnusableError,
)
from odoo_ai_config.application.messages.spooling import (
    BringInArrivals,
    Fate,
    Settled,
    SpoolArrival,
)
from odoo_ai_config.application.ports.message_spool import Arrival, SpoolLimits
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.messages.inbox import MessageId
from tests.contract.samples import AT
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.token_source import CountingTokenSource

KEPT_FOR = timedelta(hours=1)


@frozen(eq=False)
class Scene:
    """
    A spool, what was taken in from it, and what was told of it.
    """

    spool: MemoryMessageSpool
    vault: MemorySecretVault = field(factory=MemorySecretVault)
    tokens: CountingTokenSource = field(factory=CountingTokenSource)
    clock: ManualClock = field(factory=lambda: ManualClock(AT))
    taken: list[str] = field(factory=list)
    told: list[Settled] = field(factory=list)

    async def add(self, text: str, *, lane: str = "1", after: int = 0) -> MessageId:
        add = SpoolArrival(self.spool, self.vault, self.tokens)
        at = AT + timedelta(seconds=after)
        return await add(SecretText(text), lane=lane, holder="chatwoot/1", known=True, at=at)

    async def bring_in(self, failures: Mapping[str, Exception] | None = None) -> None:
        """
        Take in; the texts among *failures* fail.
        """
        by_text = failures or {}

        async def take_in(arrival: Arrival) -> Settled:
            text = arrival.content.reveal()
            # Lanes go on meanwhile.
            await asyncio.sleep(0)
            if text in by_text:
                raise by_text[text]
            self.taken.append(text)
            return Settled(Fate.BROUGHT_IN, arrival.id)

        await self.use_case()(take_in, self.told.append)

    def use_case(self) -> BringInArrivals:
        return BringInArrivals(self.spool, self.vault, self.clock, KEPT_FOR)


@pytest.fixture
def scene() -> Scene:
    return Scene(MemoryMessageSpool(SpoolLimits(64 * 1024)))


async def test_all_are_brought_in_in_order_within_their_lanes(scene: Scene) -> None:
    ids = [
        await scene.add(f"{lane}{number}", lane=lane, after=number)
        for number in range(20)
        for lane in "ab"
    ]
    await scene.bring_in()
    for lane in "ab":
        assert [one for one in scene.taken if one[0] == lane] == [f"{lane}{n}" for n in range(20)]
    assert {one.arrival for one in scene.told} == set(ids)
    assert scene.spool.waiting == 0


async def test_nothing_is_readable_in_the_spool(scene: Scene) -> None:
    await scene.add("a customer's message")
    (arrival,) = await scene.spool.oldest(limit=1)
    assert b"customer" not in arrival.sealed.envelope
    assert "customer" not in repr(arrival)


@pytest.mark.parametrize("kind", [StoreUnavailableError, ContentionError])
async def test_lane_stops_where_the_store_fails_and_the_others_go_on(
    scene: Scene, kind: type[Exception]
) -> None:
    for number in range(3):
        await scene.add(f"a{number}", lane="a", after=number)
        await scene.add(f"b{number}", lane="b", after=number)
    with pytest.raises(kind):
        await scene.bring_in({"a1": kind()})
    assert sorted(scene.taken) == ["a0", "b0", "b1", "b2"]
    await scene.bring_in()
    assert scene.taken[4:] == ["a1", "a2"]


async def test_lane_that_collides_does_not_hold_up_those_far_behind_it() -> None:
    scene = Scene(MemoryMessageSpool(SpoolLimits(1024 * 1024)))
    for number in range(70):
        await scene.add(f"a{number}", lane="a", after=number)
    await scene.add("b", lane="b", after=70)
    with pytest.raises(ContentionError):
        await scene.bring_in({"a0": ContentionError()})
    assert scene.taken == ["b"]
    await scene.bring_in()
    assert scene.taken[1:] == [f"a{number}" for number in range(70)]


@pytest.mark.parametrize("error", [LookupError(), StoreUnusableError("", StoreFailure.REFUSED)])
async def test_unexpected_error_keeps_the_arrival_for_a_person_and_stops_nobody(
    scene: Scene, error: Exception
) -> None:
    bad = await scene.add("bad")
    await scene.add("good", after=1)
    await scene.bring_in({"bad": error})
    assert scene.taken == ["good"]
    assert Settled(Fate.REFUSED, bad, "unexpected", error=error) in scene.told
    assert [one.refusal for one in await scene.spool.kept()] == ["unexpected"]


async def test_arrival_of_a_lost_master_key_is_kept_until_the_key_is_back(scene: Scene) -> None:
    lost = await scene.add("sealed")
    without_key = evolve(scene, vault=MemorySecretVault("another"))
    await without_key.bring_in()
    assert scene.told == [Settled(Fate.REFUSED, lost, "master_key_missing")]
    await scene.spool.requeue([lost])
    await scene.bring_in()
    assert scene.taken == ["sealed"]


async def test_changed_arrival_does_not_open(scene: Scene) -> None:
    first, _ = await scene.add("first"), await scene.add("second", after=1)
    one, two = await scene.spool.oldest(limit=2)
    await scene.spool.settle(done=[first], refused={})
    await scene.spool.add(evolve(one, sealed=evolve(one.sealed, envelope=two.sealed.envelope)))
    await scene.bring_in()
    assert scene.taken == ["second"]
    assert Settled(Fate.REFUSED, first, "seal_broken") in scene.told


async def test_what_is_kept_makes_room_and_is_told(scene: Scene) -> None:
    texts = [str(number) * 3000 for number in range(4)]
    for number, text in enumerate(texts):
        await scene.add(text, after=number)
    await scene.bring_in({text: LookupError() for text in texts})
    assert len(await scene.spool.kept()) == 2
    assert scene.told[-1] == Settled(Fate.DROPPED, count=2)


async def test_another_process_that_brings_in_is_left_alone(scene: Scene) -> None:
    await scene.add("one")
    with scene.spool.bringing_in():
        await scene.bring_in()
    assert (scene.taken, scene.spool.waiting) == ([], 1)


async def test_arrivals_expire_and_that_is_told(scene: Scene) -> None:
    await scene.add("old")
    await scene.add("new", after=2)
    scene.clock.tick(KEPT_FOR + timedelta(seconds=1))
    await scene.use_case().expire(scene.told.append)
    await scene.use_case().expire(scene.told.append)
    assert scene.told == [Settled(Fate.EXPIRED, count=1)]
    await scene.bring_in()
    assert scene.taken == ["new"]


async def test_full_spool_refuses(scene: Scene) -> None:
    with pytest.raises(SpoolUnavailableError):
        await scene.add("x" * 64 * 1024)
    assert scene.spool.waiting == 0
