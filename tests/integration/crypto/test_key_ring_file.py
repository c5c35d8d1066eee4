from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from structlog.testing import capture_logs

from odoo_ai_config.adapters.crypto.key_ring import KeyRing, MasterKey
from odoo_ai_config.adapters.crypto.key_ring_file import (
    KeyRingFile,
    KeyRingSetting,
    key_ring_source,
)
from odoo_ai_config.adapters.crypto.secret_vault import AesGcmSecretVault
from odoo_ai_config.application.errors import InvalidKeyRingError, MasterKeyMissingError
from odoo_ai_config.application.ports.secret_vault import RingTrouble
from tests.contract.secret_vault_contract import SECRET, TENANT, context
from tests.key_rings import fixed_ring, master_key
from tests.stand_ins.clock import ManualClock

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STARTER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from odoo_ai_config.adapters.crypto.key_ring_file import KeyRingFile
from tests.stand_ins.clock import ManualClock
source = KeyRingFile(Path(sys.argv[1]), ManualClock(datetime(2026, 11, 22, tzinfo=UTC)))
print("ready", flush=True)
sys.stdin.readline()
print(*source.ring().ids if sys.argv[2] == "ring" else source.add().id.split(), flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "keyring.json"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def source(path: Path, clock: ManualClock) -> KeyRingFile:
    return KeyRingFile(path, clock)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def secrets_in(path: Path) -> list[str]:
    return [entry["key"] for entry in json.loads(path.read_text())["keys"]]


def started_together(path: Path, what: str, *, processes: int) -> list[str]:
    """
    The output of this many processes that continued at the same moment.
    """
    running = [
        subprocess.Popen(
            [sys.executable, "-c", STARTER, str(path), what],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    printed = [process.communicate(timeout=60)[0].strip() for process in running]
    assert [process.returncode for process in running] == [0] * processes
    return printed


def test_first_start_makes_a_private_ring_of_one_key(source: KeyRingFile, path: Path) -> None:
    ring = source.ring()
    assert [key.created_at for key in ring.keys] == [NOW]
    assert ring.current is ring.keys[0]
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700


def test_next_start_finds_the_same_ring(source: KeyRingFile, path: Path) -> None:
    ring = source.ring()
    assert KeyRingFile(path, ManualClock(NOW + timedelta(1))).ring() == ring


def test_ring_is_private_whatever_the_umask(
    source: KeyRingFile, path: Path, tmp_path: Path, clock: ManualClock
) -> None:
    deep = tmp_path / "a" / "b" / "keyring.json"
    before = os.umask(0)
    try:
        source.ring()
        source.add()
        KeyRingFile(deep, clock).ring()
    finally:
        os.umask(before)
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert [mode(folder) for folder in deep.parents[:2]] == [0o700] * 2


def test_processes_that_start_together_get_one_ring(path: Path) -> None:
    printed = started_together(path, "ring", processes=4)
    assert len(set(printed)) == 1
    assert printed[0] == json.loads(path.read_text())["current"]


def test_keys_that_are_added_together_are_all_there(source: KeyRingFile, path: Path) -> None:
    first = source.ring().current_id
    added = started_together(path, "add", processes=4)
    assert set(source.ring().ids) == {first, *added}
    assert len(source.ring().ids) == 5


def test_process_killed_while_it_wrote_is_no_hindrance(source: KeyRingFile, path: Path) -> None:
    path.parent.mkdir()
    leftover = path.with_name("keyring.json.new")
    leftover.write_text("{")
    leftover.chmod(0o644)
    source.ring()
    source.add()
    assert mode(path) == 0o600
    assert len(KeyRingFile(path, ManualClock(NOW)).ring().keys) == 2
    assert not leftover.exists()


@pytest.mark.parametrize("shared", [0o640, 0o604, 0o644, 0o660, 0o601])
def test_ring_that_others_can_reach_is_refused_with_the_remedy(
    source: KeyRingFile, path: Path, clock: ManualClock, shared: int
) -> None:
    source.ring()
    path.chmod(shared)
    with pytest.raises(InvalidKeyRingError, match=f"chmod 600 {path}") as caught:
        KeyRingFile(path, clock).ring()
    assert not any(secret in str(caught.value) for secret in secrets_in(path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_ring_of_another_user_is_refused_with_the_remedy(
    source: KeyRingFile, path: Path, clock: ManualClock
) -> None:
    source.ring()
    os.chown(path, 12345, -1)
    with pytest.raises(InvalidKeyRingError, match=f"chown 0 {path}"):
        KeyRingFile(path, clock).ring()


def damaged(text: str) -> list[str]:
    document = json.loads(text)
    entry = document["keys"][0]
    other = base64.b64encode(master_key("other").material).decode()
    return [
        "",
        "{",
        "[]",
        "null",
        text[:-10],
        json.dumps(document | {"format": 2}),
        json.dumps(document | {"keys": []}),
        json.dumps(document | {"keys": [entry, entry]}),
        json.dumps(document | {"current": "0123456789abcdef"}),
        json.dumps(document | {"keys": [entry | {"key": other}]}),
        json.dumps(document | {"keys": [entry | {"key": entry["key"][:-8]}]}),
        json.dumps(document | {"keys": [entry | {"key": 1}]}),
        json.dumps(document | {"keys": [entry | {"created_at": "soon"}]}),
        json.dumps({"format": 1}),
    ]


def test_damaged_ring_is_refused_without_quoting_it(
    source: KeyRingFile, path: Path, clock: ManualClock
) -> None:
    source.ring()
    text = path.read_text()
    for content in damaged(text):
        path.write_text(content)
        with pytest.raises(InvalidKeyRingError, match="danificado") as caught:
            KeyRingFile(path, clock).ring()
        # A parser's error would quote the file.
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        assert path.read_text() == content


def test_ring_that_cannot_be_written_or_read_is_refused(
    tmp_path: Path, clock: ManualClock
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "file" / "keyring.json", tmp_path / "folder"):
        with pytest.raises(InvalidKeyRingError, match="não pode ser"):
            KeyRingFile(place, clock).ring()


@pytest.mark.parametrize("obstacle", ["keyring.json.new", "keyring.json.lock"])
def test_ring_that_cannot_be_changed_stays_as_it_is(
    source: KeyRingFile, path: Path, obstacle: str
) -> None:
    ring = source.ring()
    path.with_name(obstacle).unlink(missing_ok=True)
    path.with_name(obstacle).mkdir()
    with pytest.raises(InvalidKeyRingError, match="não pode ser"):
        source.add()
    assert source.ring() == ring


def test_added_key_is_not_current_until_it_is_made_so(
    source: KeyRingFile, clock: ManualClock
) -> None:
    first = source.ring().current_id
    added_at = clock.tick()
    added = source.add()
    assert added.created_at == added_at
    assert source.ring().ids == (first, added.id)
    assert source.ring().current_id == first
    assert source.ring().newest.id == added.id
    assert source.make_current(added.id).current_id == added.id
    assert source.ring().current_id == added.id


def test_key_that_is_not_there_cannot_be_made_current(source: KeyRingFile) -> None:
    before = source.ring()
    with pytest.raises(MasterKeyMissingError):
        source.make_current("0123456789abcdef")
    assert source.ring() == before


def test_adding_to_a_ring_that_is_not_there_makes_it_first(source: KeyRingFile) -> None:
    added = source.add()
    assert len(source.ring().ids) == 2
    assert source.ring().current_id != added.id


def test_status_shows_ids_and_no_key(source: KeyRingFile, path: Path) -> None:
    source.ring()
    added = source.add()
    status = source.status()
    assert status.ring.ids[-1] == added.id
    assert (source.place, status.private) == (str(path), True)
    assert not any(secret in repr(status) for secret in secrets_in(path))


def test_status_tells_that_others_can_read_the_ring(source: KeyRingFile, path: Path) -> None:
    source.ring()
    path.chmod(0o644)
    assert not source.status().private


def test_asking_what_is_in_the_ring_makes_none(source: KeyRingFile, path: Path) -> None:
    vault = AesGcmSecretVault(source)
    assert list(vault.master_ids) == []
    assert not path.parent.exists()
    vault.ensure_ring()
    assert list(vault.master_ids) == [vault.current_master_id]
    before = path.read_bytes()
    vault.ensure_ring()
    assert path.read_bytes() == before


def test_status_makes_no_ring(source: KeyRingFile, path: Path) -> None:
    with pytest.raises(InvalidKeyRingError, match="não existe"):
        source.status()
    assert not path.parent.exists()


def test_running_vault_takes_part_in_a_rotation(
    source: KeyRingFile, path: Path, clock: ManualClock
) -> None:
    server = AesGcmSecretVault(source)
    key = server.new_tenant_key(TENANT, at=NOW)
    sealed = server.seal(key, context(), SECRET)

    operator = KeyRingFile(path, clock)
    added = operator.add()
    operator.make_current(added.id)
    rewrapped = AesGcmSecretVault(operator).rewrap(key)

    assert rewrapped.master_id == added.id
    assert server.unseal(rewrapped, sealed) == SECRET
    assert server.current_master_id == added.id
    assert server.new_tenant_key(TENANT, at=NOW).master_id == added.id


def test_failure_to_open_is_not_remembered(path: Path, clock: ManualClock) -> None:
    operator = KeyRingFile(path, clock)
    operator.ring()
    added = operator.add()
    stored = path.read_text()
    path.write_text(json.dumps(json.loads(stored) | {"keys": json.loads(stored)["keys"][:1]}))

    server = AesGcmSecretVault(KeyRingFile(path, clock))
    elsewhere = AesGcmSecretVault(KeyRingSetting(KeyRing.of(added)))
    key = elsewhere.new_tenant_key(TENANT, at=NOW)
    sealed = elsewhere.seal(key, context(), SECRET)
    with pytest.raises(MasterKeyMissingError):
        server.unseal(key, sealed)
    path.write_text(stored)
    assert server.unseal(key, sealed) == SECRET


@pytest.mark.parametrize("mishap", ["removed", "damaged", "shared"])
def test_running_vault_goes_on_with_its_ring_while_the_file_cannot_be_used(
    source: KeyRingFile, path: Path, clock: ManualClock, mishap: str
) -> None:
    vault = AesGcmSecretVault(source)
    key = vault.new_tenant_key(TENANT, at=NOW)
    if mishap == "removed":
        path.unlink()
    elif mishap == "damaged":
        path.write_text("{")
    else:
        path.chmod(0o644)
    assert vault.rewrap(key).master_id == key.master_id
    with pytest.raises(InvalidKeyRingError):
        source.add()
    if mishap != "removed":
        with pytest.raises(InvalidKeyRingError):
            KeyRingFile(path, clock).ring()


def test_wrong_ring_put_in_place_while_running_is_refused_and_logged_once(
    source: KeyRingFile, path: Path, clock: ManualClock, tmp_path: Path
) -> None:
    server = AesGcmSecretVault(source)
    right = server.current_master_id
    before = path.read_bytes()
    wrong = KeyRingFile(tmp_path / "wrong.json", clock).ring()
    (tmp_path / "wrong.json").replace(path)
    with capture_logs() as logged:
        assert server.ring_trouble is RingTrouble.FOREIGN
        # A new tenant would be lost at the next start with the right ring.
        assert server.new_tenant_key(TENANT, at=NOW).master_id == right
        assert server.current_master_id == right
        with pytest.raises(InvalidKeyRingError, match=right):
            source.add()
    assert [(line["event"], line["log_level"]) for line in logged] == [
        ("key_ring_foreign", "error")
    ]
    assert (logged[0]["current"], logged[0]["found"]) == (right, wrong.ids)
    assert not any(secret in str(logged) for secret in secrets_in(path))
    path.write_bytes(before)
    with capture_logs() as logged:
        assert server.ring_trouble is None
    assert [line["event"] for line in logged] == ["key_ring_followed"]


@pytest.mark.parametrize("mishap", ["removed", "damaged", "shared"])
def test_lost_ring_is_logged_once_for_each_change(
    source: KeyRingFile, path: Path, mishap: str
) -> None:
    source.ring()
    before = path.read_bytes()
    expected = RingTrouble.MISSING if mishap == "removed" else RingTrouble.UNUSABLE
    for _ in range(2):
        with capture_logs() as logged:
            if mishap == "removed":
                path.unlink()
            elif mishap == "damaged":
                path.write_text("{")
            else:
                path.chmod(0o644)
            for _ in range(3):
                assert source.trouble() is expected
                source.ring()
        assert [(line["event"], line["log_level"]) for line in logged] == [
            (expected.value, "error")
        ]
        path.write_bytes(before)
        path.chmod(0o600)
        assert source.trouble() is None


def test_folder_that_was_moved_away_and_back_is_no_new_ring(
    source: KeyRingFile, path: Path, tmp_path: Path
) -> None:
    ring = source.ring()
    for _ in range(2):
        with capture_logs() as logged:
            path.parent.rename(tmp_path / "aside")
            assert source.trouble() is RingTrouble.MISSING
            (tmp_path / "aside").rename(path.parent)
            assert source.trouble() is None
        assert [line["event"] for line in logged] == ["key_ring_missing"]
    assert source.ring() is ring


def test_ring_that_does_not_exist_yet_has_no_trouble(source: KeyRingFile, path: Path) -> None:
    assert source.trouble() is None
    assert not path.exists()


def test_threads_that_meet_a_change_together_take_it_over_once(
    path: Path, clock: ManualClock
) -> None:
    running = KeyRingFile(path, clock)
    running.ring()
    together = Barrier(8)

    def looked() -> KeyRing:
        together.wait()
        return running.ring()

    with capture_logs() as logged, ThreadPoolExecutor(8) as threads:
        for change in range(1, 21):
            KeyRingFile(path, clock).add()
            rings = [look.result() for look in [threads.submit(looked) for _ in range(8)]]
            assert {len(ring.ids) for ring in rings} == {1 + change}
            assert [line["event"] for line in logged] == ["key_ring_followed"] * change


def test_process_that_slept_through_a_rotation_takes_the_ring_over_if_it_opens_everything(
    source: KeyRingFile, path: Path, clock: ManualClock
) -> None:
    sleeper = AesGcmSecretVault(source)
    retired = sleeper.current_master_id
    operator = KeyRingFile(path, clock)
    added = operator.add()
    operator.make_current(added.id)
    document = json.loads(path.read_text())
    document["keys"] = [entry for entry in document["keys"] if entry["id"] == added.id]
    path.write_text(json.dumps(document))
    assert sleeper.ring_trouble is RingTrouble.FOREIGN
    for needed in ((), (retired,), (retired, added.id)):
        sleeper.adopt_ring(needed)
        assert sleeper.current_master_id == retired
    sleeper.adopt_ring([added.id])
    assert sleeper.ring_trouble is None
    assert sleeper.current_master_id == added.id
    path.unlink()
    sleeper.adopt_ring([added.id])
    assert sleeper.current_master_id == added.id


def in_base64(*names: str) -> str:
    return ",".join(base64.b64encode(master_key(name).material).decode() for name in names)


@pytest.mark.parametrize("setting", [None, "", "  "])
def test_without_a_setting_the_ring_is_in_the_usual_place(
    path: Path, clock: ManualClock, setting: str | None
) -> None:
    chosen = key_ring_source(setting, default=path, clock=clock)
    chosen.ring()
    assert chosen.place == str(path)


@pytest.mark.parametrize("name", ["keyring.json", "keyring", "a,b=.json"])
def test_setting_may_be_a_path(tmp_path: Path, clock: ManualClock, name: str) -> None:
    chosen = key_ring_source(str(tmp_path / name), default=tmp_path / "unused", clock=clock)
    chosen.ring()
    assert chosen.place == str(tmp_path / name)
    assert not (tmp_path / "unused").exists()


def test_path_may_start_at_home(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    key_ring_source("~/keyring", default=tmp_path / "unused", clock=clock).ring()
    assert (tmp_path / "keyring").exists()


@pytest.mark.parametrize("form", ["{}", " {} ", "{}\n"])
def test_setting_may_be_keys_the_first_of_them_current(
    path: Path, clock: ManualClock, form: str
) -> None:
    text = form.format(in_base64("first", "second"))
    chosen = key_ring_source(text, default=path, clock=clock)
    assert chosen.ring() == fixed_ring("first", "second").ring()
    assert chosen.ring().current == master_key("first")
    assert chosen.status().private


def test_keys_that_look_like_a_path_are_keys(path: Path, clock: ManualClock) -> None:
    material = b"\xff" + bytes(31)
    text = base64.b64encode(material).decode()
    assert text.startswith("/")
    assert key_ring_source(text, default=path, clock=clock).ring().current.material == material


@pytest.mark.parametrize(
    "text",
    [
        in_base64("first")[:-1],
        in_base64("first")[4:],
        in_base64("first", "first"),
        in_base64("first") + ",",
        in_base64("first").replace("=", "*"),
        base64.b64encode(bytes(16)).decode(),
        "/" + in_base64("first"),
        "senha-do-cofre",
        "çãø",
    ],
)
def test_mistyped_keys_end_neither_in_a_file_nor_in_a_message(
    path: Path, clock: ManualClock, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.mkdir()
    monkeypatch.chdir(path.parent)
    with pytest.raises(InvalidKeyRingError) as caught:
        key_ring_source(text, default=path, clock=clock)
    assert not any(len(part) > 3 and part in str(caught.value) for part in text.split(","))
    assert list(path.parent.iterdir()) == []


def test_ring_from_the_environment_changes_there_only(path: Path, clock: ManualClock) -> None:
    chosen = key_ring_source(in_base64("first", "second"), default=path, clock=clock)
    first, second = chosen.ring().ids
    # The operator who sets the keys says which one is current.
    assert chosen.ring().newest.id == first
    with pytest.raises(InvalidKeyRingError, match="ODOO_AI_CONFIG_KEYRING"):
        chosen.add()
    with pytest.raises(InvalidKeyRingError, match="ODOO_AI_CONFIG_KEYRING"):
        chosen.make_current(second)
    with pytest.raises(MasterKeyMissingError):
        chosen.make_current("0123456789abcdef")
    assert chosen.make_current(first) == chosen.ring()
    chosen.adopt([second])
    assert (chosen.trouble(), chosen.ring().current_id) == (None, first)


def test_master_key_has_32_bytes() -> None:
    with pytest.raises(InvalidKeyRingError):
        MasterKey(bytes(31))


def test_id_does_not_tell_the_key() -> None:
    key = master_key("first")
    assert len(key.id) == 16
    assert key.id not in key.material.hex()
    assert key.id == MasterKey(key.material, NOW).id != master_key("second").id
