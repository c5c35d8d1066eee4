"""
A copy, a backup and a restore hold a few pages at a time, however much there is.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from odoo_ai_config.adapters.crypto.backup_file import reading_backup, writing_backup
from odoo_ai_config.adapters.plain_records import decoded, encoded
from odoo_ai_config.adapters.sqlite.database import open_sqlite
from odoo_ai_config.application.copies import BackUpStore, CopyStore, RestoreStore
from odoo_ai_config.application.ports.store_records import PAGE_BYTES
from odoo_ai_config.domain.changes import Changeset
from tests.contract.samples import AT, collection_key, item, pushed
from tests.contract.sqlite_stores import stores_over

# Together far more than may be held.
ITEMS: Final = 480
TEXT: Final = "x" * (2**17)


def quiet(_what: str, _done: int) -> None: ...


@contextmanager
def few_pages() -> Iterator[None]:
    # Rows, records and their encoded forms.
    tracemalloc.start()
    try:
        yield
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 6 * PAGE_BYTES


async def test_memory_does_not_grow_with_the_store(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.db" for name in ("source", "copied", "restored")]
    with (
        open_sqlite(paths[0]) as one,
        open_sqlite(paths[1]) as two,
        open_sqlite(paths[2]) as three,
    ):
        source, copy, restored = (stores_over(each) for each in (one, two, three))
        for number in range(ITEMS):
            some = pushed(item("1", text=TEXT), key=collection_key("acme", f"c{number}"))
            await source.config.commit(Changeset(collections=(some,)))
        with few_pages():
            await CopyStore(source.records, copy.records, encoded)(quiet, lambda _: None)
        file = tmp_path / "backup"
        with few_pages(), writing_backup(file, made_at=AT, master_ids=()) as writer:
            await BackUpStore(source.records, encoded)(writer.write, quiet)
        with few_pages(), reading_backup(file) as reader:
            restore = RestoreStore(restored.records, encoded, decoded)
            await restore(reader.records(None), quiet)
