from __future__ import annotations

import json

import pytest

from tests.unit.entrypoints.cli.conftest import Command


@pytest.fixture
def key_ids(command: Command) -> list[str]:
    """
    The ids of keys created one after the other.
    """
    made = [
        command("keys", "create", "--name", "ia", "--scope", "config:read", *bound)
        for bound in ((), ("--tenant", "123456"), ())
    ]
    return [key.out.split("_")[1] for key in made]


def test_what_was_done_last_comes_first(command: Command, key_ids: list[str]) -> None:
    heading, *rows = command("audit").lines
    assert heading.split() == ["QUANDO", "AÇÃO", "QUEM", "CLIENTE", "O", "QUÊ"]
    assert [row.split()[-1] for row in rows] == key_ids[::-1]
    assert [row.split()[-2] for row in rows] == ["-", "123456", "-"]
    assert all("key_created" in row for row in rows)


def test_pages_follow_each_other(command: Command, key_ids: list[str]) -> None:
    first = command("audit", "--limit", "2")
    assert len(first.lines) == 3
    second = command("audit", *first.err.split()[-2:])
    assert [row.split()[-1] for row in second.lines[1:]] == key_ids[:1]
    assert second.err == ""


def test_trail_of_one_tenant_as_json(command: Command, key_ids: list[str]) -> None:
    (entry,) = json.loads(command("audit", "--tenant", "123456", "--json").out)
    assert (entry["tenant_id"], entry["subject"]) == ("123456", key_ids[1])


@pytest.mark.usefixtures("empty_store")
def test_empty_trail_is_said_to_be_empty(command: Command) -> None:
    ended = command("audit")
    assert (ended.status, ended.out) == (0, "")
    assert "Nenhum registro" in ended.err


@pytest.mark.parametrize(
    ("option", "text"),
    [("--limit", "0"), ("--limit", str(2**63)), ("--after", "não é"), ("--tenant", "a b")],
)
def test_option_that_cannot_be_is_one_line(command: Command, option: str, text: str) -> None:
    ended = command("audit", option, text)
    assert (ended.status, len(ended.err.splitlines())) == (1, 1)
