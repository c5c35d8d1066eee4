"""
The operator's page names every stage of a message and every reason why one is stuck.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from odoo_ai_config.application import errors as application
from odoo_ai_config.application.messages.intake import NO_ROUTE
from odoo_ai_config.application.messages.progress import Trouble
from odoo_ai_config.domain.errors import CrewNotFoundError
from odoo_ai_config.domain.messages.inbox import (
    GATHERED_REASON,
    NO_REPLY_REASON,
    UNDELIVERED_REASON,
    Stage,
)
from tests.source_tree import ROOT

PAGE: Final = (ROOT / "docs" / "operations.md").read_text("utf-8")
REASONS: Final = {
    NO_ROUTE,
    UNDELIVERED_REASON,
    *(trouble.value for trouble in Trouble),
    *(
        error.code
        for error in (
            CrewNotFoundError,
            application.CrewRefusedError,
            application.CrewUnavailableError,
            application.TargetForbiddenError,
            application.ChatwootRefusedError,
            application.ChatwootUnavailableError,
            application.AttachmentRefusedError,
            application.AttachmentUnavailableError,
            application.SealBrokenError,
            application.MasterKeyMissingError,
        )
    ),
}


def rows_of(heading: str) -> set[str]:
    """
    The names in the first column of the table that has *heading* over it.
    """
    table = PAGE.partition(f"| {heading} |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| ([^|]*) \|", table, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_every_reason_why_a_message_is_stuck_has_a_remedy() -> None:
    assert rows_of("reason") == REASONS


def test_every_cause_of_an_outage_has_a_remedy() -> None:
    assert rows_of("cause | meaning") == {failure.value for failure in application.StoreFailure}


def test_every_stage_is_explained() -> None:
    assert rows_of("stage") == {stage.value for stage in Stage}
    assert f"`{NO_REPLY_REASON}`" in PAGE
    assert f"`{GATHERED_REASON}`" in PAGE


@pytest.mark.parametrize("command", ["list", "show", "replay", "discard"])
def test_every_command_for_messages_is_shown(command: str) -> None:
    assert f"odoo-ai-config messages {command} " in PAGE


BACKUPS: Final = [
    block
    for block in re.findall(r"^```bash\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    if "backup(" in block or ".backup " in block
]


@pytest.mark.parametrize("block", BACKUPS, ids=["sqlite3", "python"])
def test_backup_is_whole_and_for_its_owner_only(block: str, tmp_path: Path) -> None:
    program = re.search(r"^(sqlite3|python3) ", block, re.MULTILINE)
    assert program is not None
    if shutil.which(program[1]) is None:
        pytest.skip(f"{program[1]} is missing")
    for folder in ("var", "backup", "elsewhere"):
        (tmp_path / folder).mkdir()
    (tmp_path / "var" / "keyring.json").write_text("{}")
    (tmp_path / "backup" / "odoo-ai-config.db").touch(mode=0o644)
    with closing(sqlite3.connect(tmp_path / "var" / "odoo-ai-config.db")) as database:
        database.execute("CREATE TABLE kept AS SELECT 7 AS number")
        database.commit()
    script = block.replace("/backup/", "backup/").replace("/elsewhere/", "elsewhere/")
    before = os.umask(0o022)
    try:
        subprocess.run(["bash", "-euc", script], cwd=tmp_path, check=True)
    finally:
        os.umask(before)
    copies = [path for name in ("backup", "elsewhere") for path in (tmp_path / name).iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in copies} == {0o600}
    with closing(sqlite3.connect(tmp_path / "backup" / "odoo-ai-config.db")) as copy:
        assert copy.execute("SELECT number FROM kept").fetchall() == [(7,)]
