"""
kill -9 at any moment: acknowledged events are stored, and no event is stored in part.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.e2e.hub_process import serving
from tests.e2e.load import Writer, require_every_promise_kept, until_writers_wrote

WRITERS = 8


@pytest.mark.parametrize(
    "rounds",
    [5, pytest.param(50, marks=[pytest.mark.long, pytest.mark.timeout(1800)])],
)
async def test_acknowledged_events_survive_a_kill_at_any_moment(
    rounds: int, tmp_path: Path
) -> None:
    chance = random.Random(rounds)
    writers = [Writer(f"cliente-{number}") for number in range(WRITERS)]
    unanswered = 0
    for _ in range(rounds):
        with serving(tmp_path) as hub:
            await require_every_promise_kept(hub, writers)
            before = sum(writer.acknowledged for writer in writers)
            for writer in writers:
                writer.failures.clear()
            async with hub.client() as client:
                tasks = [
                    asyncio.create_task(writer.write_until_it_fails(client)) for writer in writers
                ]
                await until_writers_wrote(writers, before + chance.randint(1, 150))
                hub.kill()
                await asyncio.gather(*tasks)
            unanswered += sum(writer.sent - writer.acknowledged for writer in writers)
    # Otherwise the kills hit an idle server and prove nothing.
    assert unanswered > 0
    with serving(tmp_path) as hub:
        await require_every_promise_kept(hub, writers)
        assert hub.stop() == 0
