from __future__ import annotations

import logging
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from odoo_ai_config.client.disk import Disk, Kept

KEY = b"k" * 32
CANARY = b'{"value": "canary-secret"}'


def disk(folder: Path, *, key: bytes | None = None, reader: str = "hub", most: int = 9) -> Disk:
    return Disk(folder, reader, secrets_key=key, most_entries=most, most_bytes=10_000)


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


async def test_what_is_written_is_read_by_the_same_reader(tmp_path: Path) -> None:
    kept = Kept("/configs/acme", "acme", 1.5, b"\x00body\nof lines")
    await disk(tmp_path).write(kept, secret=False)
    assert await disk(tmp_path).read(kept.path, secret=False) == kept
    assert await disk(tmp_path).read("/configs/other", secret=False) is None
    assert await disk(tmp_path, reader="another key").read(kept.path, secret=False) is None
    await disk(tmp_path).remove(kept.path)
    await disk(tmp_path).remove(kept.path)
    assert await disk(tmp_path).read(kept.path, secret=False) is None


async def test_files_are_private_and_whole(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    await disk(folder).write(Kept("/a", "acme", 0.0, b"{}"), secret=False)
    [file] = files(folder)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


async def test_secret_is_kept_only_if_it_is_sealed(tmp_path: Path) -> None:
    kept = Kept("/credential", "acme", 0.0, CANARY)
    await disk(tmp_path).write(kept, secret=True)
    assert files(tmp_path) == []
    await disk(tmp_path, key=KEY).write(kept, secret=True)
    [file] = files(tmp_path)
    assert b"canary" not in file.read_bytes()
    assert await disk(tmp_path, key=KEY).read(kept.path, secret=True) == kept
    assert await disk(tmp_path, key=b"x" * 32).read(kept.path, secret=True) is None
    assert await disk(tmp_path).read(kept.path, secret=True) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[:-1],
        lambda whole: whole + b" ",
        lambda whole: b"[]\n" + whole,
        lambda whole: whole.replace(b"tenant", b"tnenat"),
        lambda whole: whole.replace(b"body", b"BODY"),
        lambda whole: b"\xff" + whole,
        lambda whole: b"[" * 100_000 + b"\n" + whole,
        lambda whole: whole.replace(b'"at": 1.0', b'"at": 1e9'),
    ],
    ids=["empty", "cut", "longer", "list", "member", "body", "noise", "deep", "head"],
)
@pytest.mark.parametrize("secret", [False, True])
async def test_damaged_file_counts_as_absent(
    tmp_path: Path, damage: Callable[[bytes], bytes], secret: bool
) -> None:
    kept = Kept("/a", "acme", 1.0, b"the body" * 9)
    await disk(tmp_path, key=KEY).write(kept, secret=secret)
    [file] = files(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    found = await disk(tmp_path, key=KEY).read("/a", secret=secret)
    assert found is None or damage(whole) == whole


async def test_oldest_files_go(tmp_path: Path) -> None:
    kept = disk(tmp_path, most=5)
    for number in range(130):
        await kept.write(Kept(f"/{number}", "acme", 0.0, b"{}"), secret=False)
    assert len(files(tmp_path)) < 5 + 64 + 1
    assert await kept.read("/129", secret=False) is not None
    assert await kept.read("/0", secret=False) is None


async def test_large_files_go_too(tmp_path: Path) -> None:
    kept = disk(tmp_path)
    for number in range(3):
        await kept.write(Kept(f"/{number}", "acme", 0.0, b"x" * 9000), secret=False)
    await disk(tmp_path).write(Kept("/3", "acme", 0.0, b"x" * 9000), secret=False)
    assert len(files(tmp_path)) == 1


async def test_folder_that_cannot_be_written_does_no_harm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    with caplog.at_level(logging.WARNING):
        await disk(file).write(Kept("/a", "acme", 0.0, b"{}"), secret=False)
    assert "cannot be written" in caplog.text
    assert await disk(file).read("/a", secret=False) is None


def test_key_has_the_right_length(tmp_path: Path) -> None:
    for key in (b"short", "k" * 32):
        with pytest.raises(ValueError, match="32 bytes"):
            disk(tmp_path, key=key)  # type: ignore[arg-type]


@pytest.mark.parametrize("head", ["[" * 100_000, '{"path": "/a", "tenant": "", "at": %s}'])
@pytest.mark.parametrize("at", ["Infinity", "NaN", "1e12", "-1", "1" + "0" * 400])
async def test_file_that_somebody_else_wrote_does_no_harm(
    tmp_path: Path, head: str, at: str
) -> None:
    kept = disk(tmp_path)
    await kept.write(Kept("/a", "acme", 1.0, b"{}"), secret=False)
    [file] = files(tmp_path)
    rest = (head.replace("%s", at) + "\n{}").encode()
    file.write_bytes(sha256(rest).hexdigest().encode() + b"\n" + rest)
    found = await kept.read("/a", secret=False)
    assert found is None or found.at <= time.time()
    await kept.remove_of({""})
    assert files(tmp_path) == []


async def test_cursor_is_kept_until_all_goes(tmp_path: Path) -> None:
    kept = disk(tmp_path, most=1)
    assert await kept.cursor() is None
    await kept.keep_cursor("of any form: ç")
    await kept.write(Kept("/a", "acme", 1.0, b"{}"), secret=False)
    await kept.remove_of({"acme", ""})
    assert await disk(tmp_path).cursor() == "of any form: ç"
    await kept.clear()
    assert files(tmp_path) == []
    assert await kept.cursor() is None


async def test_what_is_of_a_tenant_is_removed_together(tmp_path: Path) -> None:
    kept = disk(tmp_path)
    await kept.remove_of({"acme"})
    for tenant in ("acme", "other"):
        await kept.write(Kept(f"/{tenant}", tenant, 0.0, b"{}"), secret=False)
    (files(tmp_path)[0].parent / "noise").write_bytes(b"\xff")
    await kept.remove_of({"acme"})
    assert await kept.read("/acme", secret=False) is None
    assert await kept.read("/other", secret=False) is not None
    assert len(files(tmp_path)) == 1
