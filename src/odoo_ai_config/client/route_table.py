"""
The route table of a reader: the hub's own, made from what ``/v1/route/table`` says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from attrs import field, frozen

from odoo_ai_config.client.transport import json_object
from odoo_ai_config.domain.channels.known_routes import RouteLimits
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping, SpecialNumber
from odoo_ai_config.domain.channels.phone import INTERNATIONAL, PhoneNumber, hidden_id
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route, RoutingTable
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId

_MOST_FOUND: Final = 10_000
_id: Final = lru_cache(maxsize=4096)(ChatwootId)


def message_of(account: str, inbox: str | None, number: str | None) -> IncomingMessage:
    """
    The message that a route is asked for.

    Raises:
        InvalidValueError: An id is malformed.
    """
    return IncomingMessage(_id(account), None if inbox is None else _id(inbox), number)


@frozen(eq=False)
class RouteTable:
    """
    What a reader knows of the routes.
    """

    limits: RouteLimits
    table: RoutingTable
    # The table never changes, and a conversation asks for the same route again and again.
    _found: dict[tuple[str, str | None, str | None, bool], Route] = field(factory=dict, init=False)

    def route(
        self, account: str, inbox: str | None, number: str | None, *, explain: bool
    ) -> Route | None:
        """
        Where a message goes; None if only the hub can tell.

        Raises:
            InvalidValueError: An id is malformed.
        """
        asked = (account, inbox, number, explain)
        route = self._found.get(asked)
        if route is None and _is_plain(number):
            message = message_of(account, inbox, number)
            route = self.limits.resolve(self.table, message, explain=explain)
            if route is not None:
                if len(self._found) >= _MOST_FOUND:
                    self._found.clear()
                self._found[asked] = route
        return route

    def owner(self, message: IncomingMessage) -> TenantId | None:
        """
        Whom what the hub says of *message* is about, as far as the table tells.
        """
        owner = self.table.resolve(message).owner
        return None if owner is None else owner.tenant


def _is_plain(number: str | None) -> bool:
    # Only the hub knows in which country people write another one.
    return (
        number is None
        or INTERNATIONAL.fullmatch(number.strip()) is not None
        or hidden_id(number) is not None
    )


def read_table(body: bytes) -> tuple[RouteTable, int]:
    """
    Reads the table, and the version of the mapping.
    """
    head, _, rest = body.partition(b"\n")
    told: Any = json_object(head)
    limits = RouteLimits(
        whole=told["whole"],
        unserved=frozenset(map(TenantId, told["unserved"])),
        left=frozenset(map(ChannelKey.from_text, told["left"])),
        shared=frozenset(map(ChatwootId, told["shared"])),
        version=told["version"],
    )
    table = RoutingTable.of_versions(_channels(rest))
    if len(table) != told["channels"]:
        raise ValueError("not the whole table")
    return RouteTable(limits, table), limits.version


def _channels(lines: bytes) -> Iterator[tuple[ChannelMapping, int]]:
    for line in lines.splitlines():
        told: Any = json.loads(line)
        owner = TenantArea(TenantId(told["tenant"]), BusinessArea(told["domain"]))
        account, inbox = (
            None if id_ is None else ChatwootId(id_) for id_ in (told["account"], told["inbox"])
        )
        holder = owner if account is None and inbox is None else None
        numbers = (
            SpecialNumber(PhoneNumber(one["number"]), one["crew"]) for one in told["numbers"]
        )
        mapping = ChannelMapping(
            ChannelKey(account, inbox, holder),
            owner,
            told["sequence"],
            told["fallback"],
            tuple(numbers),
        )
        yield mapping, told["version"]
