from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from odoo_ai_config.adapters.sqlite import pruning
from odoo_ai_config.adapters.sqlite.database import open_sqlite
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.identifiers import ChatwootId
from tests.contract.samples import AT, mapping, owner
from tests.contract.sqlite_stores import stores_over
from tests.trail import pruned

MESSAGE = IncomingMessage(ChatwootId("1"), ChatwootId("1"))


async def test_log_is_trimmed_and_a_process_that_missed_a_part_reads_everything_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "LOG_LINES_KEPT", 3)
    path = tmp_path / "hub.db"
    with open_sqlite(path) as here, open_sqlite(path) as elsewhere:
        first, second = stores_over(here), stores_over(elsewhere)
        await first.config.commit(Changeset(mappings=(mapping(version=1, tenant="a"),)))
        assert (await second.channels.table_for(MESSAGE)).resolve(MESSAGE).owner == owner("a")

        for version in range(2, 9):
            await first.config.commit(
                Changeset(mappings=(mapping(version=version, tenant=f"t{version}"),))
            )
        # The audit trail needs the whole log.
        await first.config.prune(RetentionPolicy(), now=AT)
        with sqlite3.connect(path) as connection:
            (lines,) = connection.execute("SELECT count(*) FROM changes").fetchone()
        assert lines == 8
        await pruned(first, RetentionPolicy(), now=AT)

        with sqlite3.connect(path) as connection:
            (lines,) = connection.execute("SELECT count(*) FROM changes").fetchone()
        assert lines == 3
        assert (await second.channels.table_for(MESSAGE)).resolve(MESSAGE).owner == owner("t8")
