from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.entrypoints.cli.conftest import Command

CREATE = (
    "addresses", "create", "--name", "Odoo Online", "--tenant", "123456", "--domain", "Varejo",
    "--kind", "credentials", "--model", "x_cliente", "--field", "odoo_url=x_endereco",
)  # fmt: skip


def id_in(address: str) -> str:
    return address.rpartition("/")[2].split("_")[1]


def test_new_address_is_shown_alone_and_never_again(command: Command, folder: Path) -> None:
    made = command(*CREATE)
    assert made.status == 0
    [address] = made.lines
    assert address.startswith("http://SERVIDOR:PORTA/odoo-webhook/oaa_")
    secret = address.split("_", 2)[2]
    listed, shown = command("addresses", "list"), command("addresses", "show", id_in(address))
    row = next(line for line in listed.lines if line.startswith(id_in(address)))
    for text in ("Odoo Online", "123456", "varejo", "credentials", "x_cliente"):
        assert text in row
    told = json.loads(shown.out)
    assert told["fields"] == {"odoo_url": "x_endereco"}
    assert told["created_by"] == "cli"
    assert secret not in made.err + listed.out + shown.out
    assert all(
        secret.encode() not in path.read_bytes() for path in folder.rglob("*") if path.is_file()
    )


def test_address_begins_with_the_public_url(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_AI_CONFIG_PUBLIC_URL", "https://hub.example.com")
    assert command(*CREATE).out.startswith("https://hub.example.com/odoo-webhook/oaa_")


def test_addresses_are_listed_by_client(command: Command) -> None:
    first = id_in(command(*CREATE).out)
    goods = command(
        "addresses", "create", "--name", "Itens", "--tenant", "b", "--kind", "collection",
        "--collection", "products",
    )  # fmt: skip
    listed = command("addresses", "list", "--tenant", "b")
    assert first not in listed.out
    [_, row] = listed.lines
    assert row.startswith(id_in(goods.out))
    assert "products_informations" in row
    assert "qualquer" in row


@pytest.mark.usefixtures("empty_store")
def test_list_of_no_addresses_says_how_to_make_one(command: Command) -> None:
    ended = command("addresses", "list")
    assert (ended.status, ended.out) == (0, "")
    assert "addresses create" in ended.err


def test_revoked_address_is_marked(command: Command) -> None:
    address_id = id_in(command(*CREATE).out)
    assert command("addresses", "list").lines[1].endswith("-")
    assert "Odoo Online" in command("addresses", "revoke", address_id).out
    assert not command("addresses", "list").lines[1].endswith("-")
    assert command("addresses", "revoke", address_id).status == 0


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (("addresses", "revoke", "nobody"), "não existe"),
        (("addresses", "show", "nobody"), "não existe"),
        (
            ("addresses", "create", "--name", "a", "--tenant", "b", "--kind", "crew"),
            "credentials, mapping, metadata, collection",
        ),
        ((*CREATE, "--field", "odoo_url"), "CAMPO_DO_HUB=CAMPO_DO_ODOO"),
        ((*CREATE, "--field", "odoo_urls=x_a"), "fields.odoo_urls"),
        ((*CREATE, "--collection", "faq"), "collection"),
        (
            ("addresses", "create", "--name", "a", "--tenant", "a b", "--kind", "mapping"),
            "account_id",
        ),
    ],
)
def test_mistake_is_told(command: Command, tokens: tuple[str, ...], said: str) -> None:
    ended = command(*tokens)
    assert ended.status == 1
    assert said in ended.err
    assert ended.out == ""
