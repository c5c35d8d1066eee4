"""
The mapping of channels in SQLite.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import frozen

from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.lookups import find_mapping
from odoo_ai_config.adapters.sqlite.row_layout import Row, microseconds
from odoo_ai_config.adapters.sqlite.rows import (
    MAPPING_COLUMNS,
    json_values,
    mapping_revision_of,
)
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.domain.channels.history import HistoryPlace, MappingChange
from odoo_ai_config.domain.channels.mapping import (
    ChannelClaim,
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    Rivals,
)
from odoo_ai_config.domain.channels.routing import IncomingMessage, RoutingTable
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId

_ALL: Final = f"SELECT {MAPPING_COLUMNS} FROM mappings ORDER BY key"
_OF_TENANTS: Final = (
    f"SELECT {MAPPING_COLUMNS} FROM mappings "
    "WHERE tenant IN (SELECT value FROM json_each(?)) ORDER BY key"
)
_TENANTS_IN: Final = (
    "SELECT DISTINCT tenant FROM mappings WHERE active AND key > ? AND key < ? "
    "ORDER BY tenant LIMIT ?"
)

# SQLite's largest integer, beyond every version.
_HIGHEST: Final = 2**63 - 1
_COLUMNS: Final = MAPPING_COLUMNS.split(", ")
_TABLES: Final = ("mappings", "mapping_revisions")
_REVISION: Final = " UNION ALL ".join(
    f"SELECT {MAPPING_COLUMNS} FROM {table} WHERE key = ?1 AND version = ?2" for table in _TABLES
)
_NEWEST_FIRST: Final = "ORDER BY updated_at DESC, key DESC, version DESC LIMIT :limit"
# Each half is limited, so that the second one reads its index only as far as needed. In the first
# one a channel has one version.
_HISTORY: Final = f"""
WITH page AS (
  SELECT * FROM (SELECT {MAPPING_COLUMNS} FROM {{first}} WHERE {{which}} AND {{in_first}}
    ORDER BY updated_at DESC, key DESC LIMIT :limit)
  UNION ALL
  SELECT * FROM (SELECT {MAPPING_COLUMNS} FROM {{second}} WHERE {{which}} AND {{in_second}}
    {_NEWEST_FIRST})
  {_NEWEST_FIRST}
)
SELECT {", ".join(f"page.{column}" for column in _COLUMNS)},
  {", ".join(f"replaced.{column}" for column in _COLUMNS)}
FROM page LEFT JOIN mapping_revisions AS replaced
  ON replaced.key = page.key AND replaced.version = page.version - 1
ORDER BY page.updated_at DESC, page.key DESC, page.version DESC
"""
_BEHIND: Final = "(updated_at, key, version) < (:at, :after, :version)"
# The channels that a tenant has or had.
_CHANNELS_OF: Final = """(
  SELECT key FROM mappings WHERE tenant = :tenant
  UNION SELECT key FROM mapping_revisions WHERE lost AND tenant = :tenant
)"""
# The tenant had the channel before or after.
_CONCERNS: Final = """:tenant IN (tenant, (
  SELECT tenant FROM mapping_revisions AS old
  WHERE old.key = {0}.key AND old.version = {0}.version - 1
))"""
_CHANGED_SINCE: Final = f"""
SELECT {MAPPING_COLUMNS} FROM mappings
WHERE updated_at > :moment AND key > :after {{which}} ORDER BY key LIMIT :limit
"""
_EVER_OF_TENANT: Final = f"AND key IN {_CHANNELS_OF}"
_AT: Final = f"""
WITH wanted (channel) AS (SELECT value FROM json_each(:keys))
SELECT {MAPPING_COLUMNS} FROM wanted CROSS JOIN mappings ON key = channel
WHERE updated_at <= :moment
UNION ALL
SELECT {MAPPING_COLUMNS} FROM wanted CROSS JOIN mapping_revisions
  ON key = channel AND version = (
    SELECT version FROM mapping_revisions WHERE key = channel AND updated_at <= :moment
    ORDER BY version DESC LIMIT 1
  )
WHERE channel NOT IN (SELECT key FROM mappings WHERE key = channel AND updated_at <= :moment)
"""


@frozen(eq=False)
class SqliteChannelDirectory(ChannelDirectory):
    """
    Routes by the table that `SqliteDatabase` keeps in memory.
    """

    database: SqliteDatabase

    async def current(self, keys: Sequence[ChannelKey]) -> Mapping[ChannelKey, MappingRevision]:
        return await self.database.find(find_mapping, keys)

    async def mappings(self, tenant: TenantId | None = None) -> Sequence[MappingRevision]:
        if tenant is not None:
            return await self.mappings_of((tenant,))
        return await self.database.select(_ALL, (), mapping_revision_of)

    async def mappings_of(self, tenants: Collection[TenantId]) -> Sequence[MappingRevision]:
        return await self.database.select(
            _OF_TENANTS, (json_values(tenants),), mapping_revision_of
        )

    async def tenants_in(self, account: ChatwootId, *, limit: int) -> Sequence[TenantId]:
        # Keys are in order, and "0" is what follows "/".
        start = f"channel/{account}"
        which = f"{start}/", f"{start}0", limit
        return await self.database.select(_TENANTS_IN, which, lambda row: TenantId(*row))

    async def accounts(self, *, limit: int) -> Sequence[ChatwootId]:
        table, _ = await self.database.routing.table()
        return table.accounts(limit)

    async def rivals_of(self, claim: ChannelClaim) -> Rivals:
        table, _ = await self.database.routing.table()
        return table.rivals_of(claim)

    # The whole table bears on every message.
    async def table_for(
        self,
        *messages: IncomingMessage,  # noqa: ARG002
        supposing: ChannelMapping | None = None,  # noqa: ARG002
        explaining: bool = False,  # noqa: ARG002
        numbers: bool = False,  # noqa: ARG002
    ) -> RoutingTable:
        table, _ = await self.database.routing.table()
        return table

    async def revision(self, key: ChannelKey, version: int) -> MappingRevision | None:
        which = str(key), max(0, min(version, _HIGHEST))
        return await self.database.select_one(_REVISION, which, mapping_revision_of)

    async def history(
        self,
        *,
        key: ChannelKey | None = None,
        tenant: TenantId | None = None,
        after: HistoryPlace | None = None,
        limit: int = 100,
    ) -> Sequence[MappingChange]:
        values: dict[str, str | int] = {"limit": limit}
        conditions = ["true"]
        if key is not None:
            values["key"] = str(key)
            conditions.append("key = :key")
        if after is not None:
            values |= {
                "at": microseconds(after.at),
                "after": str(after.key),
                "version": after.version,
            }
            conditions.append(_BEHIND)
        first, second = _TABLES
        in_first = in_second = "true"
        if tenant is not None:
            values["tenant"] = tenant.value
            in_first, in_second = map(_CONCERNS.format, _TABLES)
            first, second = (f"{_CHANNELS_OF} CROSS JOIN {one} USING (key)" for one in _TABLES)
        statement = _HISTORY.format(
            first=first,
            second=second,
            which=" AND ".join(conditions),
            in_first=in_first,
            in_second=in_second,
        )
        return await self.database.select(statement, values, _change_of)

    async def changed_since(
        self,
        moment: datetime,
        *,
        tenant: TenantId | None = None,
        after: ChannelKey | None = None,
        limit: int = 100,
    ) -> Sequence[MappingRevision]:
        values: dict[str, str | int] = {
            "moment": microseconds(moment),
            "after": "" if after is None else str(after),
            "limit": limit,
        }
        if tenant is not None:
            values["tenant"] = tenant.value
        statement = _CHANGED_SINCE.format(which="" if tenant is None else _EVER_OF_TENANT)
        return await self.database.select(statement, values, mapping_revision_of)

    async def at(
        self, moment: datetime, keys: Sequence[ChannelKey]
    ) -> Mapping[ChannelKey, MappingRevision]:
        values: dict[str, str | int] = {
            "moment": microseconds(moment),
            "keys": json.dumps([str(key) for key in keys]),
        }
        found = await self.database.select(_AT, values, mapping_revision_of)
        return {revision.mapping.key: revision for revision in found}


def _change_of(row: Row) -> MappingChange:
    revision, replaced = row[: len(_COLUMNS)], row[len(_COLUMNS) :]
    return MappingChange.of(
        mapping_revision_of(revision),
        None if replaced[0] is None else mapping_revision_of(replaced),
    )
