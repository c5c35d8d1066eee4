from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.entrypoints.cli.checks import store
from odoo_ai_config.entrypoints.library import open_hub
from tests.contract.samples import key, revision
from tests.unit.entrypoints.cli.conftest import Command

CANARY = "c4n4ry"
LONG = "x" * 20_000
SEALED = "Segredos criptografados em {} documento(s); {} versão(ões) reescrita(s)."


def versions(*passwords: str) -> Iterator[Revision]:
    for number, password in enumerate(passwords, 1):
        text = f"# ours\npassword: {password}\nlong: {LONG}\n"
        first = revision(authored=AuthoredYaml(text), password=password, long=LONG)
        yield evolve(first, version=number)


def stored(*revisions: Revision) -> None:
    """
    Store *revisions* as an older version would have left them.
    """

    async def commit() -> None:
        async with open_hub() as hub:
            for new in revisions:
                await hub.services.ports.store.commit(Changeset(revisions=(new,)))

    asyncio.run(commit())


def database(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (folder / "var").glob("*.db*"))


def test_what_lay_in_clear_is_sealed_and_gone_from_the_file(
    command: Command, folder: Path
) -> None:
    stored(*versions(f"{CANARY}-1", f"{CANARY}-2"))
    assert CANARY.encode() in database(folder)
    ended = command("doctor", "--port", "0")
    assert ended.status == 1
    (line,) = [line for line in ended.lines if "segredos" in line]
    assert "acme/default/config" in line
    assert "odoo-ai-config seal" in line
    ended = command("seal")
    assert ended.status == 0
    assert ended.lines == [
        "Segredos criptografados em 1 documento(s); 2 versão(ões) reescrita(s)."
    ]
    assert "Troque as senhas" in ended.err
    assert CANARY.encode() not in database(folder)
    assert CANARY not in ended.out + ended.err
    assert "password_ref: config:password" in command("show", "acme", "--yaml").out
    again = command("seal")
    assert again.lines == [
        "Segredos criptografados em 0 documento(s); 0 versão(ões) reescrita(s)."
    ]
    assert "Troque" not in again.err
    assert "nenhum legível nos documentos" in command("doctor", "--port", "0").out


def test_what_stays_is_told_by_its_place(command: Command, folder: Path) -> None:
    ciphertext = "ENC:" + urlsafe_b64encode(b"\x80" + bytes(24 + 32 + 32)).decode()
    stored(*versions(ciphertext), revision(key("beta"), password=5))
    assert "nenhum legível nos documentos" in command("doctor", "--port", "0").out
    ended = command("seal")
    assert ended.status == 0
    assert "acme/default/config password" in ended.err
    assert "beta/default/config password" in ended.err
    assert ciphertext not in ended.out + ended.err


def test_what_is_to_be_mended_first_is_told(command: Command, folder: Path) -> None:
    stored(revision(password="sealed:" + "0" * 32))
    ended = command("seal")
    assert ended.status == 1
    assert "Não foi criptografado, corrija e repita: acme/default/config" in ended.err


def test_search_of_the_doctor_ends_somewhere(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(revision(), revision(version=2))
    monkeypatch.setattr(store, "_MOST_SEARCHED", 1)
    assert "nenhum legível nas primeiras 1 versões" in command("doctor", "--port", "0").out


def test_import_tells_what_it_could_not_seal(command: Command, folder: Path) -> None:
    file = folder / "in" / "default" / "acme" / "config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("tokens: [segredo]\npassword: segredo\n")
    ended = command("import", "in")
    assert ended.status == 0
    assert "acme/default/config v1; tokens parece um segredo" in ended.out
    assert "segredo]" not in ended.out


def test_document_without_secrets_has_no_notice(command: Command, folder: Path) -> None:
    stored(revision(document=Document.of({}).text))
    assert "nenhum legível" in command("doctor", "--port", "0").out
