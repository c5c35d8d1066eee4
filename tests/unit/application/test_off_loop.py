from __future__ import annotations

import asyncio
import threading

import pytest

from odoo_ai_config.application.off_loop import (
    LIGHT,
    weight_of,
    weight_of_bytes,
    weight_of_yaml,
    worked_out,
)
from odoo_ai_config.domain.documents import Document
from odoo_ai_config.domain.json_types import Json


def thread() -> str:
    return threading.current_thread().name


@pytest.mark.parametrize("weight", [0, LIGHT])
async def test_what_is_light_is_done_at_once(weight: int) -> None:
    assert await worked_out(thread, weight=weight) == thread()


@pytest.mark.parametrize("weight", [LIGHT + 1, 10**9])
async def test_what_is_heavy_is_done_by_a_thread(weight: int) -> None:
    assert await worked_out(thread, weight=weight) != thread()


async def test_what_takes_seconds_does_not_delay_what_takes_a_moment() -> None:
    go_on = threading.Event()
    lengthy = [asyncio.create_task(worked_out(go_on.wait, weight=10**9)) for _ in range(50)]
    brief = await worked_out(thread, weight=LIGHT + 1)
    assert brief not in {thread(), ""}
    assert not any(task.done() for task in lengthy)
    go_on.set()
    assert all(await asyncio.gather(*lengthy))


async def test_a_refusal_comes_back() -> None:
    def refuse() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await worked_out(refuse, weight=LIGHT + 1)


def test_so_many_bytes_are_hashed_at_once_and_no_more() -> None:
    assert weight_of_bytes(256 * 1024) == LIGHT
    assert weight_of_bytes(256 * 1024 + 1) == LIGHT + 1


def test_yaml_is_never_light() -> None:
    assert weight_of_yaml("") > LIGHT


@pytest.mark.parametrize(
    "heavy",
    [
        "x" * LIGHT,
        [1] * LIGHT,
        [[1]] * (LIGHT // 2),
        {f"{number}": 1 for number in range(LIGHT // 4)},
        {"deep": {"deep": [{"deep": "x" * LIGHT}]}},
        {"x" * LIGHT: 1},
        Document.of({"a": "x" * LIGHT}),
    ],
)
def test_what_is_large_is_heavy(heavy: Document | Json) -> None:
    assert weight_of(heavy) > LIGHT
    assert weight_of(None, {"a": [1.5, True, None]}, heavy) > LIGHT


def test_of_what_is_too_heavy_anyhow_not_all_is_counted() -> None:
    endless: list[Json] = ["x" * 10]
    endless.append(endless)
    assert weight_of(endless) > LIGHT


def test_an_event_of_odoo_is_light() -> None:
    event: Json = {f"{number}": ["a text of Odoo", {"more": 1}] for number in range(100)}
    assert weight_of(event, Document.of({"a": event}), None) <= LIGHT
