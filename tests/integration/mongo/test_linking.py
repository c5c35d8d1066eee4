"""
Linking the audit trail in MongoDB, which one process does at a time.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from odoo_ai_config.adapters.mongo import audit_log
from odoo_ai_config.adapters.mongo.audit_log import MongoAuditLog
from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.adapters.mongo.lease import LEASES
from tests.contract.samples import everything
from tests.contract.stores import Stores


async def test_killed_process_keeps_listeners_waiting_for_seconds_only(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stores.config.commit(everything())
    begun = asyncio.Event()

    async def killed(*_: Any) -> int:
        begun.set()
        return await asyncio.Future()

    audit = stores.audit
    assert isinstance(audit, MongoAuditLog)
    monkeypatch.setattr(audit_log, "in_transaction", killed)
    linking = asyncio.create_task(audit.link(lambda _end: None))  # type: ignore[arg-type,return-value]
    await begun.wait()
    database: MongoDatabase = audit._database
    [lease] = await database[LEASES].find({"_id": "audit"}).to_list(None)
    linking.cancel()
    assert 0 < lease["until"] - time.time() * 1_000_000 <= 10_000_000
