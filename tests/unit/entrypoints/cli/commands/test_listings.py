"""
Listings for programs: every command that lists things has them as JSON, too.
"""

from __future__ import annotations

import json

import pytest

from tests.unit.entrypoints.cli.conftest import Command

LISTINGS = [
    ("addresses", "list"),
    ("audit",),
    ("chatwoot", "list"),
    ("collections", "acme"),
    ("conversations", "list"),
    ("doctor",),
    ("history", "acme"),
    ("keyring", "status"),
    ("keys", "list"),
    ("mapping", "history"),
    ("messages", "list"),
    ("settings",),
    ("tenants",),
    ("tenants", "standings"),
]


@pytest.mark.parametrize("tokens", LISTINGS, ids=" ".join)
def test_listing_is_json(command: Command, tokens: tuple[str, ...]) -> None:
    command("keys", "create", "--name", "ia", "--scope", "admin")
    told = command(*tokens, "--json")
    assert told.status == 0, told.err
    found = json.loads(told.out)
    assert isinstance(found, list)
    assert all(isinstance(one, dict) for one in found)
    table = command(*tokens)
    assert bool(found) == bool(table.out)
    assert not table.out.startswith("[")
