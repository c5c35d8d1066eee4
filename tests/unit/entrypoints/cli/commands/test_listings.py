"""
Listings for programs: every command that lists things has them as JSON, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from cyclopts import App

from odoo_ai_config.entrypoints.cli.program import program
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
    ("tenants", "certificate-keys"),
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


# What shows one thing, or runs something; and what writes where no audit trail is.
OTHERS = {
    *(("addresses", "show"), ("chatwoot", "show"), ("conversations", "show"), ("show",)),
    *(("tenants", "certificate"), ("tenants", "verify")),
    *(("audit", "verify"), ("audit", "export"), ("export",)),
    *(("send", "credentials"), ("send", "mapping"), ("send", "metadata")),
    *(("init",), ("serve",), ("worker",), ("tunnel",), ("demo",), ("mcp",)),
    *(("migrate",), ("copy",), ("backup",), ("restore",)),
    *(("keyring", "add"), ("person", "index"), ("spool", "retry"), ("spool", "discard")),
}


def commands(app: App, *before: str) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """
    Each command below *app* with its options.
    """
    for name in app:
        if not name.startswith("-"):
            yield from commands(app[name], *before, name)
    if app.default_command is not None:
        arguments = app.assemble_argument_collection()
        yield before, {name for argument in arguments for name in argument.names}


def test_commands_that_list_have_json_and_those_that_write_take_a_reason() -> None:
    found = dict(commands(program()))
    listing = {name for name, options in found.items() if "--json" in options}
    writing = {name for name, options in found.items() if "--reason" in options}
    # A new command is one of these.
    assert found.keys() - listing - writing == OTHERS
    assert {tokens[: -1 if tokens[-1] == "acme" else None] for tokens in LISTINGS} <= listing
