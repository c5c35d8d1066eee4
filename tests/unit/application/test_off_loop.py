from __future__ import annotations

import asyncio
import threading

import pytest

from odoo_ai_config.application.off_loop import (
    CHEAP,
    cost_of,
    cost_of_bytes,
    cost_of_yaml,
    run_off_loop,
)
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.json_types import Json


def thread() -> str:
    return threading.current_thread().name


@pytest.mark.parametrize("cost", [0, CHEAP])
async def test_what_is_cheap_runs_at_once(cost: int) -> None:
    assert await run_off_loop(thread, cost=cost) == thread()


@pytest.mark.parametrize("cost", [CHEAP + 1, 10**9])
async def test_what_is_costly_runs_on_a_thread(cost: int) -> None:
    assert await run_off_loop(thread, cost=cost) != thread()


async def test_what_takes_seconds_does_not_delay_what_takes_a_moment() -> None:
    go_on = threading.Event()
    lengthy = [asyncio.create_task(run_off_loop(go_on.wait, cost=10**9)) for _ in range(50)]
    brief = await run_off_loop(thread, cost=CHEAP + 1)
    assert brief not in {thread(), ""}
    assert not any(task.done() for task in lengthy)
    go_on.set()
    assert all(await asyncio.gather(*lengthy))


async def test_a_refusal_comes_back() -> None:
    def refuse() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await run_off_loop(refuse, cost=CHEAP + 1)


def test_so_many_bytes_are_hashed_at_once_and_no_more() -> None:
    assert cost_of_bytes(256 * 1024) == CHEAP
    assert cost_of_bytes(256 * 1024 + 1) == CHEAP + 1


def test_yaml_is_never_cheap() -> None:
    assert cost_of_yaml("") > CHEAP


@pytest.mark.parametrize(
    "costly",
    [
        "x" * CHEAP,
        [1] * CHEAP,
        [[1]] * (CHEAP // 2),
        {f"{number}": 1 for number in range(CHEAP // 4)},
        {"deep": {"deep": [{"deep": "x" * CHEAP}]}},
        {"x" * CHEAP: 1},
        Document.of({"a": "x" * CHEAP}),
    ],
)
def test_what_is_large_is_costly(costly: Document | Json) -> None:
    assert cost_of(costly) > CHEAP
    assert cost_of(None, {"a": [1.5, True, None]}, costly) > CHEAP


def test_what_is_too_costly_anyhow_is_not_counted_to_its_end() -> None:
    endless: list[Json] = ["x" * 10]
    endless.append(endless)
    assert cost_of(endless) > CHEAP


def test_an_event_of_odoo_is_cheap() -> None:
    event: Json = {f"{number}": ["a text of Odoo", {"more": 1}] for number in range(100)}
    assert cost_of(event, Document.of({"a": event}), None) <= CHEAP
