from __future__ import annotations

import json

import pytest

from tests.unit.entrypoints.cli.conftest import Command

CREDENTIAL = ("send", "credentials", "--account-id", "123456")


def test_retention_of_a_tenant_is_shown_and_changed(command: Command, empty_store: None) -> None:
    shown = command("tenants", "retention", "123456")
    assert shown.status == 0
    assert all(line.endswith("hub") for line in shown.lines[1:])
    changed = command("tenants", "retention", "123456", "--message-days", "7", "--versions", "2")
    assert [line.split() for line in changed.lines[1:3]] == [
        ["versions", "2", "cliente"],
        ["version_days", "0", "hub"],
    ]
    told = json.loads(command("tenants", "retention", "123456", "--json").out)
    assert (told["message_days"], told["own"]) == (7, ["message_days", "versions"])
    reset = command("tenants", "retention", "123456", "--reset", "--json")
    assert json.loads(reset.out)["own"] == []


@pytest.mark.parametrize("option", ["--versions", "--message-days"])
def test_other_numbers_are_refused(command: Command, empty_store: None, option: str) -> None:
    refused = command("tenants", "retention", "123456", option, "-1")
    assert refused.status != 0
    assert "1000000" in refused.err or "-1" in refused.err
