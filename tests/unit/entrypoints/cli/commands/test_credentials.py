from __future__ import annotations

from pathlib import Path

from tests.unit.entrypoints.cli.conftest import Command


def test_credential_is_deleted(command: Command, folder: Path, empty_store: None) -> None:
    area = folder / "docs" / "default" / "123456"
    area.mkdir(parents=True)
    (area / "credentials.yaml").write_text("credentials:\n  crew_secret: c4n4ry\n")
    assert command("import", "docs").status == 0

    deleted = command("credentials", "delete", "123456", "crew_secret")

    assert deleted.status == 0
    assert "credentials v2" in deleted.lines[0]
    again = command("credentials", "delete", "123456", "crew_secret")
    assert again.status != 0
