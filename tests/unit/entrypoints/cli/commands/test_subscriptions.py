from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from odoo_ai_config.adapters.crypto import backup_file
from tests.unit.entrypoints.cli.conftest import Command

URL = "https://odoo.example.com/hub/events"
OF_ACME = ("--tenant", "acme")
UNKNOWN = "sub_unknown1"


def create(command: Command, *more: str) -> str:
    """
    The id of a new subscription.
    """
    ended = command("subscriptions", "create", URL, "--kind", "config", *more)
    assert ended.status == 0, ended.err
    return next(word for word in ended.err.split() if word.startswith("sub_"))


def listed(command: Command, *more: str) -> Any:
    ended = command("subscriptions", "list", "--json", *more)
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


def test_secret_is_shown_alone_and_never_again(command: Command, folder: Path) -> None:
    made = command(
        "subscriptions", "create", URL, "--kind", "mapping", "--kind", "config",
        "--outcome", "dead", *OF_ACME,
    )  # fmt: skip
    assert made.status == 0
    (secret,) = made.lines
    assert secret.startswith("whsec_")
    assert "guarde o segredo agora" in made.err
    shown = command("subscriptions", "list", *OF_ACME)
    header, row = shown.lines
    assert header.split() == ["ID", "ENDEREÇO", "AVISA", "DE", "CRIADA", "DESLIGADA"]
    assert f" {URL} " in row
    assert "config,mapping,dead" in row
    assert secret not in made.err + shown.out
    assert all(
        secret.encode() not in path.read_bytes() for path in folder.rglob("*") if path.is_file()
    )


def test_those_of_a_client_and_of_the_hub_are_listed_apart(command: Command) -> None:
    of_hub, of_acme = create(command), create(command, *OF_ACME)
    [one] = listed(command)
    assert one.pop("created_at")
    assert one == {
        "id": of_hub,
        "url": URL,
        "kinds": ["config"],
        "outcomes": [],
        "old_secret_until": None,
        "off": None,
    }
    second = create(command, *OF_ACME)
    assert [one["id"] for one in listed(command, *OF_ACME)] == [of_acme, second]
    assert listed(command, "--tenant", "other") == []
    empty = command("subscriptions", "list", "--tenant", "other")
    assert (empty.status, empty.out) == (0, "")
    assert "subscriptions create" in empty.err


def test_subscription_is_switched_off_and_on(command: Command) -> None:
    id_ = create(command, *OF_ACME)
    off = command("subscriptions", "disable", id_, *OF_ACME, "--reason", "em obras")
    assert (off.status, off.out) == (0, f"Inscrição {id_} desligada.\n")
    assert listed(command, *OF_ACME)[0]["off"]["reason"] == "by_hand"
    assert "by_hand (" in command("subscriptions", "list", *OF_ACME).out
    assert "em obras" in command("audit", "export").out
    on = command("subscriptions", "enable", id_, *OF_ACME)
    assert (on.status, on.out) == (0, f"Inscrição {id_} ligada.\n")
    assert listed(command, *OF_ACME)[0]["off"] is None


def test_secret_is_rotated_with_an_overlap(command: Command) -> None:
    id_ = create(command)
    before = datetime.fromisoformat(listed(command)[0]["created_at"])
    rotated = command("subscriptions", "rotate", id_, "--overlap", "12h")
    assert rotated.status == 0
    assert rotated.lines[0].startswith("whsec_")
    assert f"Segredo de {id_} trocado" in rotated.err
    until = datetime.fromisoformat(listed(command)[0]["old_secret_until"])
    assert timedelta(hours=12) <= until - before < timedelta(hours=13)


def test_trial_is_put_on_its_way(command: Command) -> None:
    id_ = create(command, *OF_ACME)
    sent = command("subscriptions", "test", id_, *OF_ACME)
    assert sent.status == 0
    [message] = json.loads(command("messages", "list", "--json").out)
    assert f"Evento de teste a caminho: {message['message_id']};" in sent.out
    assert (message["event"], message["stage"]) == ("hub_event", "queued")
    assert command("messages", "show", message["message_id"]).status == 0


def test_removed_subscription_is_gone(command: Command) -> None:
    id_ = create(command, *OF_ACME)
    removed = command("subscriptions", "remove", id_, *OF_ACME)
    assert (removed.status, removed.out) == (0, f"Inscrição {id_} removida.\n")
    assert listed(command, *OF_ACME) == []


@pytest.mark.parametrize("name", ["enable", "disable", "rotate", "test", "remove"])
def test_unknown_subscription_is_refused_in_one_line(name: str, command: Command) -> None:
    # One of a client is not one of the hub, nor of another client.
    id_ = create(command, *OF_ACME)
    for tokens in ((UNKNOWN,), (UNKNOWN, *OF_ACME), (id_,), (id_, "--tenant", "other")):
        ended = command("subscriptions", name, *tokens)
        assert (ended.status, ended.out) == (1, "")
        assert len(ended.err.splitlines()) == 1
        assert "nscrição" in ended.err
    assert "subscription_id" in command("subscriptions", name, "x").err
    assert [one["off"] for one in listed(command, *OF_ACME)] == [None]


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ((URL, "--kind", "other"), "escolha entre config, credentials"),
        ((URL, "--outcome", "other"), "escolha entre answered, handed_over, dead"),
        ((URL,), "kinds"),
        (("ftp://odoo.example.com", "--kind", "config"), "url"),
        (("nowhere", "--kind", "config"), "url"),
        ((URL, "--kind", "config", "--tenant", "a b"), "account_id"),
    ],
)
def test_what_cannot_be_subscribed_is_refused_in_one_line(
    tokens: tuple[str, ...], said: str, command: Command
) -> None:
    ended = command("subscriptions", "create", *tokens)
    assert (ended.status, ended.out) == (1, "")
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1


def test_overlap_and_number_are_bounded(command: Command) -> None:
    id_ = create(command)
    assert command("subscriptions", "rotate", id_, "--overlap", "soon").status == 1
    for _ in range(19):
        create(command)
    full = command("subscriptions", "create", URL, "--kind", "config")
    assert (full.status, full.out) == (1, "")
    assert len(full.err.splitlines()) == 1


def test_copies_and_restored_backups_have_subscriptions(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A cost for people, not for tests.
    monkeypatch.setattr(backup_file, "_COST", 4)
    id_ = create(command, *OF_ACME)
    assert command("subscriptions", "test", id_, *OF_ACME).status == 0
    before = listed(command, *OF_ACME)
    assert command("copy", "--to", "sqlite:///copy.db").status == 0
    assert command("backup", "hub.backup").status == 0
    assert command("restore", "hub.backup", "--to", "sqlite:///restored.db").status == 0
    for name, stage in (("copy.db", "queued"), ("restored.db", "dead")):
        there = ("--store-url", f"sqlite:///{name}")
        assert listed(command, *OF_ACME, *there) == before
        [message] = json.loads(command("messages", "list", "--json", *there).out)
        # What was on its way at the time of a backup may have arrived.
        assert message["stage"] == stage
        # The secret opens there, too.
        assert command("subscriptions", "rotate", id_, *OF_ACME, *there).status == 0


def test_export_has_no_subscription_and_import_leaves_them(command: Command, folder: Path) -> None:
    create(command, *OF_ACME)
    before = listed(command, *OF_ACME)
    assert command("export", "out").status == 0
    assert not [path for path in (folder / "out").rglob("*") if "hub-subscriptions" in str(path)]
    forged = folder / "out" / "hub-subscriptions" / "acme" / "config.yaml"
    forged.parent.mkdir(parents=True)
    forged.write_text(f"{UNKNOWN}: {{url: 'https://evil.example.com/', kinds: [config]}}\n")
    refused = command("import", "out")
    assert "nome de área inválido" in refused.out + refused.err
    assert refused.status == 1
    assert listed(command, *OF_ACME) == before


@pytest.mark.parametrize(
    "tokens",
    [
        ("show", "acme", "--domain", "hub-subscriptions"),
        ("show", "acme", "--type", "credentials", "--domain", "Hub Subscriptions"),
        ("show", "acme", "--version", "1", "--domain", "hub-subscriptions"),
        ("history", "acme", "--domain", "hub-subscriptions"),
        ("credentials", "delete", "acme", f"{UNKNOWN}.secret", "--domain", "hub-subscriptions"),
        (
            *("addresses", "create", "--name", "x", "--kind", "credentials", *OF_ACME),
            *("--domain", "hub-subscriptions"),
        ),
        ("tenants", "move", "acme", "--from-area", "hub-subscriptions", "--to-area", "default"),
        ("tenants", "move", "acme", "--from-area", "default", "--to-area", "hub-subscriptions"),
    ],
)
def test_other_commands_do_not_reach_subscriptions(
    tokens: tuple[str, ...], command: Command
) -> None:
    create(command, *OF_ACME)
    ended = command(*tokens)
    assert (ended.status, ended.out) == (1, "")
    assert "reservado ao próprio hub" in ended.err
