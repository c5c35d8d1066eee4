from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.entrypoints.cli.conftest import Command


def test_new_key_is_shown_alone_and_never_again(command: Command, folder: Path) -> None:
    made = command(
        "keys", "create", "--name", "ia", "--scope", "config:read", "--scope", "webhook",
        "--tenant", "123456",
    )  # fmt: skip
    assert made.status == 0
    key = made.out.strip()
    assert key.startswith("oac_")
    listed = command("keys", "list")
    key_id = key.split("_")[1]
    row = next(line for line in listed.lines if line.startswith(key_id))
    assert "webhook,config:read" in row
    assert "123456" in row
    secret = key.removeprefix(f"oac_{key_id}_")
    assert secret not in made.err + listed.out
    assert all(
        secret.encode() not in path.read_bytes() for path in folder.rglob("*") if path.is_file()
    )


def test_name_cannot_draw_on_the_terminal(command: Command) -> None:
    refused = command("keys", "create", "--name", "ia\x1b[2J\r\n", "--scope", "admin")
    assert (refused.status, refused.out) == (1, "")
    name = "ia\x9b31mforjada\u202e"
    key_id = command("keys", "create", "--name", name, "--scope", "admin").out.split("_")[1]
    listed, revoked = command("keys", "list"), command("keys", "revoke", key_id)
    assert len(listed.lines) == 2
    for ended in (listed, revoked):
        assert "ia\\u009b31mforjada\\u202e" in ended.out
        assert set(ended.out) & set("\x9b\u202e") == set()


@pytest.mark.usefixtures("empty_store")
def test_list_of_no_keys_says_how_to_make_one(command: Command) -> None:
    ended = command("keys", "list")
    assert (ended.status, ended.out) == (0, "")
    assert "keys create" in ended.err


def test_revoked_key_is_marked(command: Command) -> None:
    key_id = command("keys", "create", "--name", "ia", "--scope", "admin").out.split("_")[1]
    assert command("keys", "revoke", key_id).status == 0
    assert not command("keys", "list").lines[1].endswith("-")
    again = command("keys", "revoke", key_id)
    assert again.status == 0


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (("keys", "revoke", "nobody"), "não encontrada"),
        (("keys", "create", "--name", "x", "--scope", "all"), "config:read"),
        (("keys", "create", "--name", "x", "--scope", "admin", "--tenant", "a b"), "account_id"),
    ],
)
def test_refusals_are_one_line(tokens: tuple[str, ...], said: str, command: Command) -> None:
    ended = command(*tokens)
    assert ended.status == 1
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1


def import_credentials(command: Command, folder: Path) -> None:
    file = folder / "in" / "default" / "123456" / "credentials.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("credentials:\n  odoo: senha\n")
    assert command("import", "in").status == 0


def test_rotation_makes_the_newest_master_key_current_and_moves_everything_to_it(
    command: Command, folder: Path
) -> None:
    import_credentials(command, folder)
    (_, old) = command("keyring", "status").lines
    assert old.split()[-2:] == ["sim", "1"]
    added = command("keyring", "add")
    assert added.status == 0
    assert [line.split()[-2:] for line in command("keyring", "status").lines[1:]] == [
        ["sim", "1"],
        ["não", "0"],
    ]
    assert command("keyring", "rotate").status == 0
    status = command("keyring", "status")
    assert [line.split()[-2:] for line in status.lines[1:]] == [["não", "0"], ["sim", "1"]]
    assert command("keyring", "rotate").out.endswith("chaves de clientes: 0.\n")
    ring = json.loads((folder / "var" / "keyring.json").read_text())
    assert all(key["key"] not in status.out + status.err for key in ring["keys"])


def test_rotation_of_one_tenant_seals_its_secrets_anew(command: Command, folder: Path) -> None:
    import_credentials(command, folder)
    before = command("show", "123456", "--type", "credentials").out
    rotated = command("keyring", "rotate", "--tenant", "123456")
    assert rotated.status == 0
    assert "1 segredos" in rotated.out
    assert command("show", "123456", "--type", "credentials").out == before


def test_rotation_of_a_tenant_without_secrets_is_refused(command: Command) -> None:
    ended = command("keyring", "rotate", "--tenant", "123456")
    assert ended.status == 1
    assert "Cliente não encontrado" in ended.err


def test_key_that_expires_is_listed_with_its_end(command: Command) -> None:
    made = command("keys", "create", "--name", "ia", "--scope", "admin", "--expires", "90d")
    assert "válida até" in made.err
    [key] = json.loads(command("keys", "list", "--json").out)
    assert key["id"] == made.out.split("_")[1]
    lived = datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"])
    assert lived == timedelta(days=90)
    assert (key["used_at"], key["revoked_at"], key["tenant_id"]) == (None, None, None)
    assert command("keys", "create", "--name", "x", "--scope", "admin", "--expires", "x").status


def test_doctor_warns_before_a_key_expires(command: Command) -> None:
    command("keys", "create", "--name", "ia", "--scope", "admin", "--expires", "15d")
    assert "ok     validade das chaves: nenhuma vence" in command("doctor").out
    made = command("keys", "create", "--name", "ia", "--scope", "admin", "--expires", "13d")
    warned = command("doctor").out
    old = made.out.split("_")[1]
    # One that is as good was there before: whoever has this one has had it since.
    assert f"aviso  validade das chaves: vencem em até 14 dias: {old}" in warned
    assert command("keys", "rotate", old, "--expires", "90d", "--overlap", "12h").status == 0
    assert "ok     validade das chaves: nenhuma vence" in command("doctor").out


def test_key_is_rotated_with_an_overlap(command: Command) -> None:
    old = command("keys", "create", "--name", "ia", "--scope", "config:read").out.split("_")[1]
    made = command("keys", "rotate", old, "--overlap", "12h", "--reason", "todo ano")
    first, second = json.loads(command("keys", "list", "--json").out)
    assert (first["id"], second["id"]) == (old, made.out.split("_")[1])
    assert (second["name"], second["scopes"]) == ("ia", ["config:read"])
    left = datetime.fromisoformat(first["expires_at"]) - datetime.fromisoformat(
        second["created_at"]
    )
    assert left == timedelta(hours=12)
    assert command("keys", "rotate", "nobody").status == 1


def test_master_key_is_dropped_once_nothing_needs_it(command: Command, folder: Path) -> None:
    import_credentials(command, folder)
    old = command("keyring", "status").lines[1].split()[0]
    command("keyring", "add")
    new = command("keyring", "status").lines[2].split()[0]
    assert "ela é a atual" in command("keyring", "drop", old).err
    command("keyring", "rotate")
    assert "ela é a atual" in command("keyring", "drop", new).err
    keys = [line.split()[2] for line in command("tenants", "certificate-keys").lines[1:]]
    dropped = command("keyring", "drop", old, "--reason", "rotação anual")
    assert dropped.status == 0
    # What it had signed is verified by this alone from now on.
    assert f"tenants verify --public-key {keys[1]}" in dropped.err
    assert command("tenants", "certificate-keys").lines[1].split()[2] == keys[0]
    assert [line.split()[0] for line in command("keyring", "status").lines[1:]] == [new]
    assert command("keyring", "drop", old).status == 1
    assert command("audit", "verify").status == 0
    newest = command("audit").lines[1].split()
    assert newest[2:] == ["master_key_dropped", "cli", "-", old, "rotação", "anual"]


def test_master_key_of_data_stays(command: Command, folder: Path) -> None:
    import_credentials(command, folder)
    ring = folder / "var" / "keyring.json"
    old = command("keyring", "status").lines[1].split()[0]
    command("keyring", "add")
    document = json.loads(ring.read_text("utf-8"))
    # Rotated, and killed before a data key was wrapped again.
    document["current"] = document["keys"][1]["id"]
    ring.write_text(json.dumps(document), "utf-8")
    refused = command("keyring", "drop", old)
    assert (refused.status, refused.out) == (1, "")
    assert "ainda protege chaves de clientes" in refused.err
    assert len(json.loads(ring.read_text("utf-8"))["keys"]) == 2
