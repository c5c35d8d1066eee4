from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from odoo_ai_config.adapters.crypto import backup_file
from odoo_ai_config.adapters.sqlite.schema import UNFINISHED_ID
from odoo_ai_config.domain.changes import AuditAction
from odoo_ai_config.entrypoints.cli.flags import AS_SET, StoreFlags
from odoo_ai_config.entrypoints.cli.session import OPERATOR, session
from odoo_ai_config.entrypoints.library import open_hub
from odoo_ai_config.entrypoints.startup import settle_revocations
from tests.unit.application.messages.deliveries import payload
from tests.unit.entrypoints.cli.conftest import Command

CREWS = "default_crew: sales\ncrews: {sales: {type: http, url: 'https://crew.invalid/'}}"
COPY = "sqlite:///copy.db"


@pytest.fixture
def busy(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """
    A hub with a client, a message on its way, and a revoked key.
    """
    # A cost for people, not for tests.
    monkeypatch.setattr(backup_file, "_COST", 4)

    async def fill() -> None:
        async with open_hub() as hub:
            await hub.sync_credentials(account_id="acme", token="t", odoo_password="senha")
            await hub.sync_mapping(chatwoot_account_id="1", tenant="acme")
            await hub.publish("acme", "default", "crews", CREWS)
            await hub.collection("acme", "products").replace({"1": {"name": "Chá"}})
            await hub.receive(payload(1))

    asyncio.run(fill())
    key = command("keys", "create", "--name", "crm", "--scope", "admin").out.split("_")[1]
    assert command("keys", "revoke", key).status == 0
    return command


def password(url: str) -> str:
    async def read() -> str:
        async with open_hub(url) as hub:
            return (await hub.credential("acme", "default", "t")).reveal()

    return asyncio.run(read())


def test_copy_is_told_by_its_digests_and_can_be_served(busy: Command) -> None:
    ended = busy("copy", "--to", COPY)
    assert ended.status == 0
    there = busy("copy", "--from", COPY, "--to", "sqlite:///back.db")
    assert there.out == ended.out
    assert ended.lines[0].split() == ["TIPO", "REGISTROS", "RESUMO"]
    assert {line.split()[0]: line.split()[1] for line in ended.lines[1:]}["messages"] == "1"
    assert password("sqlite:///back.db") == "senha"
    listed = busy("keys", "list", "--store-url", COPY)
    assert listed.out == busy("keys", "list").out


def test_copy_into_a_store_with_data_is_refused(busy: Command, folder: Path) -> None:
    assert busy("copy", "--to", COPY).status == 0
    there = f"Já há dados em {folder}/copy.db;"
    for target, said in ((COPY, there), ("sqlite:///var/odoo-ai-config.db", "mesmo")):
        ended = busy("copy", "--to", target)
        assert (ended.status, ended.out) == (1, "")
        assert said in ended.err
    assert "memory://" in busy("copy", "--to", "memory://").err


def test_unfinished_copy_is_not_opened_and_goes_on(busy: Command, folder: Path) -> None:
    assert busy("copy", "--to", COPY).status == 0
    with closing(sqlite3.connect(folder / "copy.db")) as copy:
        # As a copy that was killed before its end left it.
        copy.execute(f"PRAGMA application_id = {UNFINISHED_ID}")
        copy.execute("DELETE FROM audit")
        copy.commit()
    for tokens in (("keys", "list"), ("keys", "create", "--name", "x", "--scope", "admin")):
        ended = busy(*tokens, "--store-url", COPY)
        assert ended.status == 1
        assert f"restauração em {folder}/copy.db não terminou" in ended.err
    assert busy("copy", "--to", COPY).status == 0
    assert password(COPY) == "senha"


@pytest.mark.parametrize("more", [(), ("--passphrase-file", "senha.txt")], ids=["plain", "sealed"])
def test_backup_is_restored_with_messages_held_and_keys_revoked(
    busy: Command, folder: Path, more: tuple[str, ...]
) -> None:
    (folder / "senha.txt").write_text("uma frase bem longa\n")
    made = busy("backup", "hub.backup", *more)
    assert made.status == 0
    file = folder / "hub.backup"
    assert file.stat().st_mode & 0o777 == 0o600
    ring = (folder / "var" / "keyring.json").read_text()
    assert busy("backup", "hub.backup", *more).status == 1
    refused = busy("backup", "nowhere/hub.backup", *more)
    assert (refused.status, refused.err) == (1, "Erro: nowhere: a pasta não existe.\n")
    late = busy("keys", "create", "--name", "late", "--scope", "admin").out.split("_")[1]
    known = busy("keys", "create", "--name", "old", "--scope", "admin").out.split("_")[1]
    assert busy("backup", "second.backup", *more).status == 0
    assert busy("keys", "revoke", known).status == 0

    restored = busy("restore", "second.backup", "--to", COPY, *more)

    assert restored.status == 0, restored.err
    assert "Backup restaurado: 2 ID(s)" in restored.out
    assert password(COPY) == "senha"
    (held,) = busy("messages", "list", "--store-url", COPY).lines[1:]
    assert "restored" in held or "dead" in held
    listed = busy("keys", "list", "--store-url", COPY).lines
    rows = {line.split()[0]: line.split()[-1] for line in listed}
    assert (rows[late], rows[known]) != ("-", "-")
    assert rows[late] == "-"

    async def actions() -> list[AuditAction]:
        async with session(StoreFlags(store_url=COPY)) as services:
            found = await services.read_audit_trail(caller=OPERATOR, limit=100)
            return [one.entry.action for one in found]

    assert AuditAction.STORE_RESTORED in asyncio.run(actions())
    assert ring not in file.read_bytes().decode(errors="replace")
    assert AS_SET.settings().store.place.endswith("var/odoo-ai-config.db")


def test_client_that_was_erased_after_the_backup_is_erased_again(
    busy: Command, folder: Path
) -> None:
    assert busy("backup", "hub.backup").status == 0
    assert busy("tenants", "erase", "acme", "--confirm", "acme").status == 0

    restored = busy("restore", "hub.backup", "--to", COPY)

    assert restored.status == 0, restored.err
    assert "O cliente acme foi apagado depois desse backup" in restored.err
    refused = busy("show", "acme", "--type", "crews", "--store-url", COPY)
    assert (refused.status, refused.out) == (1, "")
    assert "apagado" in busy("tenants", "standings", "--store-url", COPY).out
    assert busy("tenants", "certificate", "acme", "--store-url", COPY).status == 0
    content = (folder / "copy.db").read_bytes()
    assert "Chá".encode() not in content
    assert b"crew.invalid" not in content
    told = busy("audit", "--store-url", COPY).out
    for action in ("store_restored", "erasure_begun", "tenant_erased"):
        assert told.count(action) == 1


def test_start_with_an_older_file_erases_again(busy: Command, folder: Path) -> None:
    file = folder / "var" / "odoo-ai-config.db"
    older = file.read_bytes()
    assert busy("tenants", "erase", "acme", "--confirm", "acme").status == 0
    file.write_bytes(older)

    async def start() -> None:
        async with session(AS_SET) as services:
            await settle_revocations(services, restored=False)

    asyncio.run(start())
    refused = busy("show", "acme", "--type", "crews")
    assert (refused.status, "apagado" in refused.err) == (1, True)
    assert "acme" in busy("tenants", "standings").out


def test_damaged_backup_or_wrong_passphrase_is_refused(busy: Command, folder: Path) -> None:
    (folder / "right.txt").write_text("uma frase bem longa\n")
    (folder / "wrong.txt").write_text("outra\n")
    (folder / "empty.txt").write_text("\n")
    assert busy("backup", "sealed", "--passphrase-file", "right.txt").status == 0
    assert busy("backup", "plain").status == 0
    whole = (folder / "sealed").read_bytes()
    head, _, body = whole.partition(b"\n")
    plain = (folder / "plain").read_bytes()
    for name, content, more, said in (
        ("sealed", whole, (), "--passphrase-file"),
        ("sealed", whole, ("--passphrase-file", "wrong.txt"), "senha"),
        ("sealed", whole, ("--passphrase-file", "empty.txt"), "empty.txt"),
        ("sealed", whole, ("--passphrase-file", "absent.txt"), "absent.txt"),
        ("sealed", whole, ("--passphrase-file", "sealed"), "UTF-8"),
        ("cut", whole[:-20], ("--passphrase-file", "right.txt"), "danificado"),
        (
            "tail",
            whole[:-1] + bytes([whole[-1] ^ 1]),
            ("--passphrase-file", "right.txt"),
            "danificado",
        ),
        ("other", head + b" \n" + body, ("--passphrase-file", "right.txt"), "senha"),
        ("none", b"{}\n", (), "não é um backup"),
        ("text", b"text", (), "não é um backup"),
        ("cut plain", plain[:-4], (), "danificado"),
        ("short plain", plain[:400], (), "danificado"),
        ("huge", plain.partition(b"\n")[0] + b"\n\xff\xff\xff\xff", (), "danificado"),
        ("no deflate", plain.partition(b"\n")[0] + b"\n\0\0\0\x02ab\0\0\0\0", (), "danificado"),
    ):
        (folder / name).write_bytes(content)
        ended = busy("restore", name, "--to", "sqlite:///new.db", *more)
        assert (ended.status, ended.out) == (1, ""), name
        assert said in ended.err, name
        # Another passphrase makes no store.
        assert name != "sealed" or not (folder / "new.db").exists()
    assert busy("restore", "absent", "--to", COPY).status == 1
    # What the refused ones left goes.
    assert busy("restore", "plain", "--to", "sqlite:///new.db").status == 0
    assert password("sqlite:///new.db") == "senha"


def test_restore_without_the_key_ring_names_what_is_missing(busy: Command, folder: Path) -> None:
    assert busy("backup", "hub.backup").status == 0
    ended = busy("restore", "hub.backup", "--data-dir", "elsewhere")
    assert ended.status == 1
    assert f"{folder}/elsewhere/keyring.json não tem a chave mestra" in ended.err
    assert not (folder / "elsewhere").exists()
