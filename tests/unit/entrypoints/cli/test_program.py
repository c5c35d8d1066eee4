from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from tests.source_tree import ROOT
from tests.unit.entrypoints.cli.conftest import Command

COMMANDS = [
    ("serve",),
    ("tunnel",),
    ("demo",),
    ("keys",),
    ("keys", "create"),
    ("keys", "list"),
    ("keys", "revoke"),
    ("keyring",),
    ("keyring", "status"),
    ("keyring", "add"),
    ("keyring", "rotate"),
    ("spool",),
    ("spool", "list"),
    ("spool", "retry"),
    ("spool", "discard"),
    ("send",),
    ("send", "credentials"),
    ("send", "mapping"),
    ("send", "metadata"),
    ("tenants",),
    ("show",),
    ("history",),
    ("collections",),
    ("import",),
    ("export",),
    ("doctor",),
    ("settings",),
]


def test_version_is_that_of_the_package(command: Command) -> None:
    assert command("--version").out.strip() == version("odoo-ai-config")


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(name: tuple[str, ...], command: Command) -> None:
    ended = command(*name, "--help")
    assert ended.status == 0
    assert ended.out.startswith("Uso: odoo-ai-config ")
    for english in ("Usage", "COMMAND", "OPTIONS", "[required]", "[default", "Parameters"):
        assert english not in ended.out
    assert command("--help").out.count(f" {name[0]} ") >= 1


def test_help_breaks_lines_where_the_terminal_ends(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    about = command("mcp", "--help").out.split("╭")[0]
    assert "Pela rede, ele\nusa o endereço /mcp do servidor.\n" in about.replace(" \n", "\n")


def test_help_tells_defaults_but_not_that_a_switch_is_off(command: Command) -> None:
    page = " ".join(command("messages", "list", "--help").out.replace("│", " ").split())
    assert "[padrão: 50]" in page
    assert "cada uma." in page
    assert "False" not in page


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (("destroy",), "comando desconhecido: destroy"),
        (("keys", "create", "--name", "x"), "falta --scope"),
        (("show",), "falta"),
        (("show", "a", "b", "c"), "argumentos demais"),
        (("history", "a", "--limit", "muitos"), "valor inválido em --limit"),
        (("history", "a", "--limit", "1", "--limit", "2"), "opção repetida: --limit"),
        (("tenants", "--colour"), "opção desconhecida: --colour"),
    ],
)
def test_misuse_is_told_in_one_line_with_the_way_to_help(
    tokens: tuple[str, ...], said: str, command: Command
) -> None:
    ended = command(*tokens)
    assert ended.status == 2
    assert ended.out == ""
    assert len(ended.err.splitlines()) == 1
    assert said in ended.err
    assert "--help" in ended.err


def test_settings_lists_each_variable_with_its_value_and_origin(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "uma-chave-bem-comprida"
    monkeypatch.setenv("ODOO_AI_CONFIG_API_KEY", secret)
    ended = command("settings", "--port", "8100")
    assert ended.status == 0
    rows = {line.split()[0]: line.split()[1:] for line in ended.lines}
    assert rows["SERVER_PORT"] == ["8100", "opção", "8000"]
    assert rows["ODOO_AI_CONFIG_API_KEY"][:2] == ["***", "ambiente"]
    assert secret not in ended.out + ended.err


def test_settings_lists_even_what_cannot_be_used_and_says_so(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_PORT", "oitenta")
    ended = command("settings")
    assert ended.status == 1
    assert "oitenta" in ended.out
    assert "SERVER_PORT" in ended.err


def test_example_of_dotenv_is_what_the_program_writes(command: Command) -> None:
    assert (ROOT / ".env.example").read_text() == command("settings", "--env").out


def test_file_of_settings_that_is_no_yaml_is_refused(command: Command, folder: Path) -> None:
    (folder / "hub.yaml").write_text("port: [")
    ended = command("settings", "--config", "hub.yaml")
    assert ended.status == 1
    assert "YAML inválido" in ended.err


def test_setting_without_its_file_is_refused(command: Command) -> None:
    ended = command("tenants", "--config", "absent.yaml")
    assert ended.status == 1
    assert "absent.yaml" in ended.err
