"""
What a router of a sharded cluster would do with the commands that a client sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from attrs import Factory, define, field
from pymongo import monitoring

from odoo_ai_config.adapters.mongo.schema import SHARD_KEYS

_WRITES: Final = {"insert": "documents", "update": "updates", "delete": "deletes"}
# Of the command that writes to many collections, the name of an operation and its filter.
_JOINED: Final = {"insert": "document", "update": "filter", "delete": "filter"}
# Stages that no server takes in a transaction; those of the tests do.
_FORBIDDEN: Final = {"$unionWith", "$merge", "$out", "$collStats", "$indexStats", "$currentOp"}


@define
class Router(monitoring.CommandListener):
    """
    Notes the writes that would not go to one shard.

    A write of one record has to name the whole shard key, and may not change it. A write of many
    may go to all shards, unless it is in a transaction. Nor may a transaction read with a stage
    that a server of its own would not take there.

    Args:
        refused: Those writes, with the reason.
        broadcasts: The reads and writes of many that would go to every shard: the command, the
            collection and the fields that it names.
    """

    refused: list[str] = Factory(list)
    broadcasts: set[tuple[str, str, tuple[str, ...]]] = field(factory=set)

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        name, command = event.command_name, event.command
        in_transaction = "autocommit" in command
        if name in _WRITES:
            for operation in command[_WRITES[name]]:
                self._write(name, command[name], operation, in_transaction)
        elif name == "bulkWrite":
            places = [place["ns"].partition(".")[2] for place in command["nsInfo"]]
            for operation in command["ops"]:
                [kind] = operation.keys() & _JOINED.keys()
                self._joined(kind, places[operation[kind]], operation, in_transaction)
        elif name == "findAndModify":
            change = command.get("update", {})
            self._single(name, command[name], command["query"], change)
        elif name == "find":
            self._many(name, command[name], command.get("filter", {}), targeted=False)
        elif name == "aggregate":
            stages = {stage for part in command["pipeline"] for stage in part}
            if in_transaction and stages & _FORBIDDEN:
                self.refused.append(f"{sorted(stages & _FORBIDDEN)} in a transaction")
            first: Mapping[str, Any] = next(iter(command["pipeline"]), {})
            self._many(name, command[name], first.get("$match", {}), targeted=False)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass

    def _write(
        self, name: str, collection: str, operation: Mapping[str, Any], in_transaction: bool
    ) -> None:
        if name == "insert":
            self._insert(collection, operation)
        elif operation.get("multi") or operation.get("limit") == 0:
            self._many(name, collection, operation["q"], targeted=in_transaction)
        else:
            self._single(name, collection, operation["q"], operation.get("u", {}))

    def _joined(
        self, kind: str, collection: str, operation: Mapping[str, Any], in_transaction: bool
    ) -> None:
        if kind == "insert":
            self._insert(collection, operation["document"])
        elif operation.get("multi"):
            self._many(kind, collection, operation["filter"], targeted=in_transaction)
        else:
            change = operation.get("updateMods", {})
            self._single(kind, collection, operation["filter"], change)

    def _insert(self, collection: str, record: Mapping[str, Any]) -> None:
        missing = SHARD_KEYS.get(collection, {}).keys() - record.keys()
        if missing:
            self.refused.append(f"insert into {collection} without {sorted(missing)}")

    def _single(
        self, name: str, collection: str, wanted: Mapping[str, Any], change: object
    ) -> None:
        for part in SHARD_KEYS.get(collection, {}):
            if part not in wanted or _is_range(wanted[part]):
                self.refused.append(f"{name} in {collection} by {sorted(wanted)}, not by {part}")
            elif isinstance(change, Mapping) and _set_to(change, part, wanted[part]):
                self.refused.append(f"{name} in {collection} changes {part}")

    def _many(
        self, name: str, collection: str, wanted: Mapping[str, Any], *, targeted: bool
    ) -> None:
        first: str | None = next(iter(SHARD_KEYS.get(collection, {})), None)
        if first is None:
            return
        condition = wanted.get(first, {"$exists": True})
        if not _is_range(condition) or (isinstance(condition, Mapping) and "$in" in condition):
            return
        self.broadcasts.add((name, collection, tuple(sorted(wanted))))
        if targeted:
            self.refused.append(
                f"{name} of many in {collection} by {sorted(wanted)} in a transaction"
            )


def _is_range(condition: object) -> bool:
    return isinstance(condition, Mapping) and any(name.startswith("$") for name in condition)


def _set_to(change: Mapping[str, Any], part: str, value: object) -> bool:
    # Whether *change* gives *part* another value.
    replaces = not any(name.startswith("$") for name in change)
    written = [change] if replaces else [fields for fields in change.values() if part in fields]
    return any(fields.get(part, value) != value for fields in written)


@contextmanager
def routed() -> Iterator[Router]:
    """
    A listener for a client, all of whose writes have to go to one shard each.
    """
    router = Router()
    yield router
    assert router.refused == []
