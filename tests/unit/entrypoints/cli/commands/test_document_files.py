from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.entrypoints.cli.conftest import Command

CONFIG = "# o horário vale o ano todo\nname: Loja\nhours: 18:00\n"
CREDENTIALS = "account_id: loja\ncredentials:\n  odoo: senha-secreta\n"
MAPPING = {
    "accounts": {"1": {"account_id": "loja", "domain": "retail"}},
    "inboxes": {"7": {"account_id": "loja", "domain": "retail"}},
    "fallbacks": [{"account_id": "loja", "domain": "retail", "sequence": 5}],
    "special_numbers": [
        {"number": "5511999999999", "crew": "analytics", "account_id": "loja", "domain": "retail"}
    ],
}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def old(folder: Path) -> Path:
    """
    A folder in the form of the old server.
    """
    (folder / "mapping.json").write_text(json.dumps(MAPPING))
    return written(
        folder / "old",
        {
            "retail/loja/config.yaml": CONFIG,
            "retail/loja/credentials.yaml": CREDENTIALS,
            "retail/_base/config.yaml": "name: modelo\n",
            "README.txt": "notas",
        },
    )


WORDS = ("criado", "atualizado", "apagado", "igual", "ignorado", "falhou")


def fates(out: str) -> dict[str, str]:
    # Without the lines of the differences.
    reports = (line.split(maxsplit=1) for line in out.splitlines() if line.startswith(WORDS))
    return {rest.partition(":")[0].removeprefix("old/"): fate for fate, rest in reports}


def test_import_takes_documents_and_mapping_over_and_reports_each_file(
    command: Command, old: Path
) -> None:
    ended = command("import", "old", "--mapping-file", "mapping.json")
    assert ended.status == 0
    assert fates(ended.out) == {
        "retail/loja/config.yaml": "criado",
        "retail/loja/credentials.yaml": "criado",
        "retail/_base/config.yaml": "ignorado",
        "README.txt": "ignorado",
        "mapping.json": "criado",
    }
    assert command("show", "loja", "--domain", "retail", "--yaml").out == CONFIG
    assert json.loads(command("show", "loja", "--domain", "retail").out)["hours"] == "18:00"
    shown = command("show", "loja", "--domain", "retail", "--type", "credentials")
    assert "sealed:" in shown.out
    assert "senha-secreta" not in ended.out + ended.err + shown.out


def test_import_warns_of_names_in_the_mapping_that_the_hub_does_not_know(
    command: Command, old: Path
) -> None:
    stranger = {"7": {"domain": "retail", "account_id": "ninguem"}}
    Path("mapping.json").write_text(json.dumps({"accounts": stranger}))
    rehearsal = command("import", "old", "--mapping-file", "mapping.json", "--dry-run")
    assert "ninguem" not in rehearsal.err
    ended = command("import", "old", "--mapping-file", "mapping.json")
    assert ended.status == 0
    assert "mapping.json: ninguem: o hub ainda não conhece este cliente" in ended.err


def test_mapping_that_is_not_there_is_named(command: Command, old: Path) -> None:
    ended = command("import", "old", "--mapping-file", "no.json")
    assert (ended.status, fates(ended.out)["no.json"]) == (1, "falhou")
    assert "não pode ser lido" in ended.out


def test_import_again_changes_nothing(command: Command, old: Path) -> None:
    command("import", "old", "--mapping-file", "mapping.json")
    again = command("import", "old", "--mapping-file", "mapping.json")
    assert again.status == 0
    assert set(fates(again.out).values()) == {"igual", "ignorado"}
    assert len(command("history", "loja", "--domain", "retail").lines) == 2


def test_rehearsal_says_the_same_and_writes_nothing(command_alone: Command, old: Path) -> None:
    rehearsal = command_alone("import", "old", "--mapping-file", "mapping.json", "--dry-run")
    assert "nada foi gravado" in rehearsal.err
    assert not Path("var").exists()
    command_alone("init")
    imported = command_alone("import", "old", "--mapping-file", "mapping.json")
    assert fates(imported.out) == fates(rehearsal.out)
    again = command_alone("import", "old", "--mapping-file", "mapping.json", "--dry-run")
    assert set(fates(again.out).values()) == {"igual", "ignorado"}


def test_changed_file_makes_one_more_version(command: Command, old: Path) -> None:
    command("import", "old")
    (old / "retail/loja/config.yaml").write_text(CONFIG + "city: Recife\n")
    ended = command("import", "old")
    assert fates(ended.out)["retail/loja/config.yaml"] == "atualizado"
    versions = [line.split()[0] for line in command("history", "loja", "--domain", "retail").lines]
    assert versions == ["VERSÃO", "2", "1"]


def test_bad_files_are_named_and_do_not_stop_the_others(command: Command, folder: Path) -> None:
    old = written(
        folder / "old",
        {
            "default/a/config.yaml": "a: [\n",
            "default/b/config.yaml": "name: B\n",
            "default/c d/config.yaml": "name: C\n",
            "default/e/Config.yaml": "name: E\n",
            "+++/f/config.yaml": "name: F\n",
            "default/g/credentials.yaml": "credentials: [senha-secreta]\n",
            "default/h/credentials.yaml": f"credentials: {{x: 'sealed:{'0' * 32}'}}\n",
            "default/i/config.yaml": "name: I\n",
            "default/i/config.yml": "name: II\n",
        },
    )
    (old / "default/j").mkdir()
    (old / "default/j/config.yaml").write_bytes(b"name: \xff\n")
    ended = command("import", "old")
    assert ended.status == 1
    found = fates(ended.out)
    assert found.pop("default/b/config.yaml") == "criado"
    assert found.pop("default/i/config.yaml") == "criado"
    assert set(found.values()) == {"falhou"}
    assert len(found) == 8
    assert "linha" in ended.out
    assert "senha-secreta" not in ended.out + ended.err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mapping.json", '{"accounts": 3}'),
        ("mapping.json", "{"),
        ("mapping.yaml", "accounts: ["),
        ("mapping.json", "{}"),
    ],
)
def test_bad_mapping_file_is_a_failure(
    name: str, text: str, command: Command, folder: Path
) -> None:
    (folder / "in").mkdir()
    (folder / name).write_text(text)
    ended = command("import", "in", "--mapping-file", name)
    assert ended.status == 1
    assert fates(ended.out) == {name: "falhou"}


@pytest.mark.parametrize("name", ["mapping.json", "mapping.yaml"])
@pytest.mark.parametrize("text", ["[]", '[{"account": "1"}]', '"canario"', "7"])
def test_mapping_file_that_is_no_object_is_told_what_it_should_be(
    name: str, text: str, command: Command, folder: Path
) -> None:
    (folder / "in").mkdir()
    (folder / name).write_text(text)
    ended = command("import", "in", "--mapping-file", name)
    assert (ended.status, fates(ended.out)) == (1, {name: "falhou"})
    assert ended.out.strip().endswith("não é um objeto com channels, ou com accounts e inboxes")


def test_mapping_is_merged_unless_it_is_to_be_replaced(command: Command, folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "one.json").write_text(json.dumps({"accounts": MAPPING["accounts"]}))
    (folder / "other.yaml").write_text("accounts:\n  '2': {account_id: b, domain: default}\n")
    command("import", "in", "--mapping-file", "one.json")
    command("import", "in", "--mapping-file", "other.yaml")
    command("export", "out")
    exported = folder / "out" / "chatwoot_mapping.json"
    assert set(json.loads(exported.read_text())["accounts"]) == {"1", "2"}
    command("import", "in", "--mapping-file", "other.yaml", "--replace-mapping")
    command("export", "out")
    assert set(json.loads(exported.read_text())["accounts"]) == {"2"}


@pytest.mark.parametrize("text", ["default_domain: retail\n", "accounts: {}\n", "fallbacks: []\n"])
def test_file_that_says_nothing_about_channels_switches_none_off(
    text: str, command: Command, folder: Path
) -> None:
    (folder / "in").mkdir()
    (folder / "one.json").write_text(json.dumps(MAPPING))
    (folder / "silent.yaml").write_text(text)
    command("import", "in", "--mapping-file", "one.json")
    ended = command("import", "in", "--mapping-file", "silent.yaml", "--replace-mapping")
    assert (ended.status, fates(ended.out)) == (1, {"silent.yaml": "falhou"})
    assert "channels" in ended.out
    command("export", "out")
    exported = json.loads((folder / "out" / "chatwoot_mapping.json").read_text())
    assert {name: exported[name] for name in MAPPING} == MAPPING


def test_import_of_no_folder_is_refused(command: Command) -> None:
    ended = command("import", "absent")
    assert ended.status == 1
    assert "absent" in ended.err


def test_export_and_import_into_the_same_store_change_nothing(command: Command, old: Path) -> None:
    command("import", "old", "--mapping-file", "mapping.json")
    exported = command("export", "out")
    assert exported.status == 0
    assert (old.parent / "out/retail/loja/config.yaml").read_text() == CONFIG
    assert "senha-secreta" not in (old.parent / "out/retail/loja/credentials.yaml").read_text()
    again = command("import", "out", "--mapping-file", "out/chatwoot_mapping.json")
    assert again.status == 0
    assert set(fates(again.out).values()) == {"igual"}


def test_export_can_be_imported_elsewhere_but_for_the_secrets(command: Command, old: Path) -> None:
    command("import", "old", "--mapping-file", "mapping.json")
    command("export", "out")
    elsewhere = ("--data-dir", "elsewhere")
    command("init", *elsewhere)
    taken = command("import", "out", "--mapping-file", "out/chatwoot_mapping.json", *elsewhere)
    assert taken.status == 1
    assert [fate for fate in fates(taken.out).values() if fate == "falhou"] == ["falhou"]
    command("export", "again", *elsewhere)
    for name in ("retail/loja/config.yaml", "chatwoot_mapping.json"):
        assert (old.parent / "again" / name).read_text() == (old.parent / "out" / name).read_text()


def test_channels_of_two_clients_with_one_inbox_id_survive_export_and_import(
    command: Command, folder: Path
) -> None:
    channels = [
        {"account": account, "inbox": "7", "tenant": tenant, "active": account != "3"}
        for account, tenant in (("1", "ta"), ("2", "tb"), ("3", "tc"), (None, "td"))
    ]
    (folder / "in").mkdir()
    (folder / "mapping.json").write_text(json.dumps({"channels": channels}))
    command("import", "in", "--mapping-file", "mapping.json")
    command("export", "out")
    exported = (folder / "out" / "chatwoot_mapping.json").read_text()
    command("init", "--data-dir", "elsewhere")
    for more in ((), ("--replace-mapping",), ("--data-dir", "elsewhere")):
        again = command("import", "in", "--mapping-file", "out/chatwoot_mapping.json", *more)
        assert set(fates(again.out).values()) == {"criado" if "elsewhere" in more else "igual"}
        command("export", "again", *(more if "elsewhere" in more else ()))
        assert (folder / "again" / "chatwoot_mapping.json").read_text() == exported


def test_mapping_file_that_is_ambiguous_fails_and_says_the_way(
    command: Command, folder: Path
) -> None:
    (folder / "in").mkdir()
    channels = [{"account": n, "inbox": "7", "tenant": f"t{n}"} for n in "12"]
    (folder / "one.json").write_text(json.dumps({"channels": channels}))
    (folder / "two.json").write_text(json.dumps({"inboxes": {"7": {"account_id": "t1"}}}))
    command("import", "in", "--mapping-file", "one.json")
    ended = command("import", "in", "--mapping-file", "two.json")
    assert fates(ended.out) == {"two.json": "falhou"}
    assert "channels" in ended.out


def test_export_to_a_place_that_cannot_be_written_is_refused(command: Command, old: Path) -> None:
    command("import", "old")
    ended = command("export", "mapping.json")
    assert ended.status == 1
    assert "mapping.json" in ended.err


@pytest.mark.usefixtures("empty_store")
def test_export_of_nothing_says_so(command: Command) -> None:
    assert command("export", "out").out.startswith("0 documento")


@pytest.mark.usefixtures("empty_store")
def test_tenants_are_listed_with_their_documents(command: Command, old: Path) -> None:
    assert "send credentials" in command("tenants").err
    command("import", "old")
    rows = [line.split()[:4] for line in command("tenants").lines[1:]]
    assert rows == [["loja", "retail", "config", "1"], ["loja", "retail", "credentials", "1"]]


def test_old_version_can_be_shown(command: Command, old: Path) -> None:
    command("import", "old")
    (old / "retail/loja/config.yaml").write_text("name: Outra\n")
    command("import", "old")
    shown = command("show", "loja", "--domain", "retail", "--version", "1")
    assert json.loads(shown.out)["name"] == "Loja"
    assert command("show", "loja", "--domain", "retail", "--version", "9").status == 1


@pytest.mark.parametrize("limit", [-1, 0, 2**63])
def test_history_of_no_length_that_can_be_is_refused(command: Command, limit: int) -> None:
    ended = command("history", "loja", "--limit", str(limit))
    assert (ended.status, ended.out, len(ended.err.splitlines())) == (1, "", 1)


@pytest.mark.usefixtures("empty_store")
def test_history_of_nothing_says_so(command: Command) -> None:
    ended = command("history", "loja")
    assert (ended.status, ended.out) == (0, "")
    assert "nunca" in ended.err


@pytest.mark.parametrize("tokens", [("show", "a b"), ("show", "a", "--type", "X"), ("show", "a")])
def test_what_cannot_be_shown_is_refused(tokens: tuple[str, ...], command: Command) -> None:
    assert command(*tokens).status == 1


@contextmanager
def careless_umask() -> Iterator[None]:
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def test_only_its_owner_can_read_an_export(command: Command, old: Path) -> None:
    command("import", "old", "--mapping-file", "mapping.json")
    readable = old.parent / "a" / "out" / "retail" / "loja" / "config.yaml"
    written(old.parent / "a" / "out", {"retail/loja/config.yaml": "lida por todos"})
    readable.chmod(0o666)
    with careless_umask():
        assert command("export", "a/out").status == 0
        assert command("export", "b/out").status == 0
    made = [old.parent / "b", *(old.parent / "b").rglob("*")]
    files = [path for path in made if path.is_file()]
    assert len(files) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in (*files, readable)} == {0o600}
    folders = [path for path in made if path.is_dir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


@pytest.mark.parametrize(
    "link",
    [
        "out",
        "out/retail",
        "out/retail/loja",
        "out/retail/loja/config.yaml",
        "out/chatwoot_mapping.json",
    ],
)
@pytest.mark.parametrize("dangling", [True, False], ids=["dangling", "leading somewhere"])
def test_export_follows_no_link(link: str, dangling: bool, command: Command, old: Path) -> None:
    command("import", "old", "--mapping-file", "mapping.json")
    target = old.parent / "elsewhere"
    if not dangling:
        if link.endswith(("yaml", "json")):
            target.write_text("precioso")
        else:
            target.mkdir()
    place = old.parent / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)
    ended = command("export", "out")
    assert ended.status == 1
    assert "link" in ended.err
    assert place.is_symlink()
    if target.is_dir():
        assert list(target.iterdir()) == []
    elif target.exists():
        assert target.read_text() == "precioso"


def test_export_that_was_cut_off_is_repeated_and_leaves_nothing_beside_the_files(
    command: Command, old: Path
) -> None:
    command("import", "old")
    left = old.parent / "out" / "retail" / "loja" / ".config.yaml.new"
    written(old.parent / "out", {"retail/loja/.config.yaml.new": "meio"})
    assert command("export", "out").status == 0
    assert not left.exists()


def test_export_to_a_place_that_cannot_be_written_leaves_nothing_behind(
    command: Command, old: Path
) -> None:
    command("import", "old")
    (old.parent / "out" / "retail" / "loja" / "config.yaml").mkdir(parents=True)
    ended = command("export", "out")
    assert ended.status == 1
    assert "config.yaml não pode ser gravado" in ended.err
    assert not list((old.parent / "out").rglob("*.new"))


def test_export_that_does_not_reach_the_disk_leaves_the_file_from_before(
    command: Command, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("import", "old")
    assert command("export", "out").status == 0
    file = old.parent / "out" / "retail" / "loja" / "config.yaml"
    before = file.read_text()
    (old / "retail/loja/config.yaml").write_text("name: Outra\n")
    command("import", "old")

    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", fail)
        assert command("export", "out").status == 1
    assert file.read_text() == before
    assert not list((old.parent / "out").rglob("*.new"))
    assert command("export", "out").status == 0
    assert "Outra" in file.read_text()


def test_export_goes_into_the_working_folder_and_beside_it_too(
    command: Command, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("import", "old")
    monkeypatch.setenv("ODOO_AI_CONFIG_DATA_DIR", str(old.parent / "var"))
    (old.parent / "here").mkdir()
    monkeypatch.chdir(old.parent / "here")
    for place in (".", "../beside/../there", "../there/.."):
        assert command("export", place).status == 0
    assert (old.parent / "here" / "retail" / "loja" / "config.yaml").read_text() == CONFIG
    assert (old.parent / "there" / "retail" / "loja" / "config.yaml").read_text() == CONFIG
    assert (old.parent / "retail" / "loja" / "config.yaml").read_text() == CONFIG


def test_plan_shows_what_would_change_without_secrets(command: Command, old: Path) -> None:
    command("import", "old", "--mapping-file", "mapping.json")
    (old / "retail/loja/config.yaml").write_text(CONFIG.replace("Loja", "Loja Nova"))
    (old / "retail/loja/credentials.yaml").write_text("credentials: {odoo: outra-secreta}\n")
    (old / "retail/nova").mkdir()
    (old / "retail/nova/config.yaml").write_text("name: Nova\n")
    (old.parent / "mapping.json").write_text(
        json.dumps({"accounts": {"2": {"account_id": "loja", "domain": "retail"}}})
    )

    plan = command("import", "old", "--mapping-file", "mapping.json", "--dry-run")

    assert plan.status == 0
    lines = plan.out.splitlines()
    for line in ("-name: Loja", "+name: Loja Nova", "+name: Nova", '+      "account": "2",'):
        assert line in lines
    assert "secreta" not in plan.out + plan.err
    assert plan.out.count("sealed:") == 2
    assert "-odoo: " not in plan.out
    assert command("show", "nova", "--domain", "retail").status == 1


def test_export_into_its_own_store_has_nothing_to_do_whatever_the_ends_of_lines(
    command: Command, old: Path
) -> None:
    (old / "retail/loja/config.yaml").write_bytes(b"# a\r\nname: Loja\r\n\r\nx: [1,  2]\n")
    command("import", "old", "--mapping-file", "mapping.json")
    said = command("export", "out")
    assert "odoo-ai-config import out" in said.err
    exported = (old.parent / "out/retail/loja/config.yaml").read_bytes()
    assert exported == (old / "retail/loja/config.yaml").read_bytes()
    for more in ((), ("--dry-run",), ("--prune",), ("--replace-mapping",)):
        ended = command("import", "out", *more)
        assert ended.status == 0
        assert "Nada a fazer." in ended.err
        assert set(fates(ended.out)) >= {
            "out/chatwoot_mapping.json",
            "out/retail/loja/config.yaml",
        }


def test_hub_without_channels_is_exported_and_imported(command: Command, folder: Path) -> None:
    written(folder / "in", {"default/a/config.yaml": "name: A\n"})
    assert command("import", "in").status == 0
    said = command("export", "out")
    assert [path.name for path in (folder / "out").iterdir()] == ["default"]
    assert "--mapping-file" not in said.err
    assert "Nada a fazer." in command("import", "out").err


def test_prune_deletes_what_the_folder_lacks_but_no_secret_of_an_area_that_is_there(
    command: Command, folder: Path
) -> None:
    files = {
        "default/a/config.yaml": "name: A\n",
        "default/a/crews.yaml": "crews: {}\n",
        "default/a/credentials.yaml": "credentials: {odoo: senha-secreta}\n",
        "default/gone/config.yaml": "name: G\n",
        "default/gone/credentials.yaml": "credentials: {odoo: senha-secreta}\n",
    }
    written(folder / "in", files)
    assert command("import", "in").status == 0
    written(folder / "less", {"default/a/config.yaml": "name: A\n"})

    plan = command("import", "less", "--prune", "--dry-run")
    assert fates(plan.out) == {
        "less/default/a/config.yaml": "igual",
        "less/default/a/crews.yaml": "apagado",
        "less/default/gone/config.yaml": "apagado",
        "less/default/gone/credentials.yaml": "apagado",
    }
    assert "-name: G" in plan.out.splitlines()
    assert command("show", "gone").status == 0
    done = command("import", "less", "--prune")
    assert fates(done.out) == fates(plan.out)
    assert command("show", "gone").status == 1
    assert command("show", "a", "--type", "credentials").status == 0
    assert "Nada a fazer." in command("import", "less", "--prune").err


def test_prune_deletes_nothing_if_a_file_failed_or_there_is_none(
    command: Command, folder: Path
) -> None:
    written(folder / "in", {"default/a/config.yaml": "name: A\n"})
    command("import", "in")
    written(folder / "bad", {"default/b/config.yaml": "name: [\n"})
    (folder / "empty").mkdir()
    for name in ("bad", "empty"):
        ended = command("import", name, "--prune")
        assert ended.status == 1
        assert "Nada foi apagado" in ended.err
    assert command("show", "a").status == 0


def test_export_names_files_of_documents_that_are_gone(command: Command, folder: Path) -> None:
    written(
        folder / "in", {"default/a/config.yaml": "name: A\n", "default/b/config.yaml": "b: 1\n"}
    )
    command("import", "in")
    command("export", "out")
    (folder / "in/default/b/config.yaml").unlink()
    command("import", "in", "--prune")
    said = command("export", "out")
    assert "out/default/b/config.yaml: este documento não existe mais" in said.err
