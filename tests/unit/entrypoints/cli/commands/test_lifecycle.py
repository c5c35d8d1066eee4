from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from odoo_ai_config.domain.documents.syncs import CredentialsSync
from odoo_ai_config.domain.identifiers import CredentialRef
from odoo_ai_config.entrypoints.cli.flags import AS_SET
from odoo_ai_config.entrypoints.cli.session import OPERATOR, session
from tests.contract.samples import owner
from tests.unit.entrypoints.cli.conftest import Command

CANARY = "canário-da-senha"


@pytest.fixture
def acme(folder: Path, empty_store: None) -> None:
    """
    A client with credentials.
    """

    async def sync() -> None:
        async with session(AS_SET) as services:
            settings = CredentialsSync(
                owner(), token=CredentialRef("acme-token"), name=f"Loja {CANARY}"
            )
            await services.sync_credentials(settings, caller=OPERATOR)

    asyncio.run(sync())


@pytest.mark.usefixtures("acme")
def test_suspension_begins_and_ends(command: Command) -> None:
    assert command("tenants", "standings").err == "Todos os clientes estão ativos.\n"
    refused = command("tenants", "suspend", "acme", "--reason", "senha=hunter2hunter2")
    assert (refused.status, "hunter2" in refused.err) == (1, False)
    suspended = command("tenants", "suspend", "acme", "--reason", "não pagou")
    assert suspended.out.startswith("Cliente acme: suspenso, desde ")
    heading, row = command("tenants", "standings").lines
    assert heading.split() == ["CLIENTE", "SITUAÇÃO", "DESDE", "POR", "MOTIVO"]
    assert row.split()[:2] == ["acme", "suspenso"]
    assert row.endswith("cli  não pagou")
    refused = command("show", "acme")
    assert (refused.status, "está suspenso" in refused.err) == (1, True)
    assert command("tenants", "unsuspend", "acme").out.startswith("Cliente acme: ativo, desde ")
    assert command("show", "acme").status == 0
    assert command("tenants", "unsuspend", "other").out == "Cliente other: ativo\n"


@pytest.mark.usefixtures("acme")
def test_dry_run_counts_and_erases_nothing(command: Command) -> None:
    counted = command("tenants", "erase", "acme", "--dry-run")
    assert counted.lines[1].split() == ["documentos", "2"]
    assert command("show", "acme").status == 0


@pytest.mark.usefixtures("acme")
def test_erasure_is_confirmed(command: Command) -> None:
    refused = command("tenants", "erase", "acme")
    assert refused.status == 1
    assert "--confirm acme" in refused.err


@pytest.mark.usefixtures("acme")
def test_erased_client_leaves_a_certificate_and_no_byte(command: Command, folder: Path) -> None:
    erased = command("tenants", "erase", "acme", "--confirm", "acme", "--reason", "saiu")
    assert erased.status == 0
    assert erased.lines[-1].startswith("Cliente acme: apagado, desde ")
    assert not [file for file in folder.rglob("*") if file.is_file() and _names(file)]
    shown = command("tenants", "certificate", "acme").out
    statement = json.loads(shown)["certificate"]
    assert (statement["by"], statement["reason"], statement["scrubbed"]) == ("cli", "saiu", True)
    (folder / "certificate.json").write_text(shown, "utf-8")
    key = command("tenants", "certificate-keys").lines[1].split()[2]
    for arguments in ((), ("--public-key", key)):
        verified = command("tenants", "verify", "certificate.json", *arguments)
        assert verified.out.startswith("Certificado autêntico: cliente acme, apagado em ")
    ring = folder / "var" / "keyring.json"
    ring.rename(folder / "elsewhere.json")
    # Whoever checks a certificate need not have the hub.
    assert command("tenants", "verify", "certificate.json", "--public-key", key).status == 0
    refused = command("tenants", "verify", "certificate.json")
    assert (refused.status, "Não há chaveiro" in refused.err) == (1, True)
    assert command("keyring", "add").status == 1
    refused = command("tenants", "verify", "certificate.json", "--data-dir", "other")
    assert "--public-key" in refused.err
    (folder / "elsewhere.json").rename(ring)
    (folder / "certificate.json").write_text(shown.replace("saiu", "ficou"), "utf-8")
    assert command("tenants", "verify", "certificate.json").status == 1
    again = command("tenants", "reopen", "acme")
    assert again.out.startswith("Cliente acme: ativo, desde ")


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    "arguments",
    [("missing.json",), ("certificate.json",), ("certificate.json", "--public-key", "?")],
)
def test_what_is_no_certificate_is_refused(
    command: Command, folder: Path, arguments: tuple[str, ...]
) -> None:
    (folder / "certificate.json").write_text("{}", "utf-8")
    refused = command("tenants", "verify", *arguments)
    assert refused.status == 1
    assert refused.err.startswith("Erro: ")


def _names(file: Path) -> bool:
    return CANARY.encode() in file.read_bytes()


@pytest.mark.usefixtures("acme")
def test_business_area_moves(command: Command) -> None:
    areas = ("--from-area", "default", "--to-area", "Varejo")
    planned = command("tenants", "move", "acme", *areas, "--dry-run")
    assert planned.lines[-1] == (
        "acme/default mudaria para acme/varejo: 2 versões, 0 credenciais, 0 canais, 0 endereços."
    )
    moved = command("tenants", "move", "acme", *areas)
    assert moved.lines[:1] == planned.lines[:1]
    assert moved.lines[-1].startswith("acme/default mudou para acme/varejo: ")
    refused = command("show", "acme")
    assert refused.status == 1
    assert "(varejo)" in refused.err
    assert command("show", "acme", "--domain", "varejo").status == 0


@pytest.mark.usefixtures("acme")
def test_tenant_gets_another_id(command: Command) -> None:
    planned = command("tenants", "rename", "acme", "--to", "acme2", "--dry-run")
    assert any(line.split() == ["documentos", "2"] for line in planned.lines)
    renamed = command("tenants", "rename", "acme", "--to", "acme2", "--reason", "contrato")
    assert renamed.lines[:-1] == planned.lines
    assert renamed.lines[-1].startswith("Cliente acme: com outro identificador (acme2), desde ")
    refused = command("show", "acme")
    assert refused.status == 1
    assert "(acme2)" in refused.err
    assert command("show", "acme2").status == 0


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("ended_by", "said"),
    [
        (("erase", "acme", "--confirm", "acme"), "foi apagado do hub"),
        (("rename", "acme", "--to", "acme2"), "(acme2)"),
    ],
    ids=["erased", "renamed"],
)
def test_plan_of_an_import_refuses_what_the_import_refuses(
    command: Command, folder: Path, ended_by: tuple[str, ...], said: str
) -> None:
    channel = {"account": "1", "inbox": "2", "tenant": "acme"}
    (folder / "channels.json").write_text(json.dumps({"channels": [channel]}))
    assert command("export", "before").status == 0
    mapping = ("--mapping-file", "channels.json")
    assert command("import", "before", *mapping).status == 0
    assert command("tenants", *ended_by).status == 0
    for more in (("--dry-run",), (), ("--replace-mapping", "--dry-run"), ("--replace-mapping",)):
        ended = command("import", "before", *mapping, *more)
        assert ended.status == 1
        assert [line.split()[0] for line in ended.lines] == ["falhou"] * 3
        assert all(said in line for line in ended.lines)
