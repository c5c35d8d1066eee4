"""
What a reader of the mapping can decide by itself, with the rules of the hub.

A key that is bound to a tenant learns nothing of others, so it cannot know the whole mapping. What
it knows decides for the channels of its tenant; all else is left to the hub.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from odoo_ai_config.domain.channels.mapping import ChannelKey
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route, RoutingTable, Rule
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId

# The channel and the account may have been those of a tenant that has left.
_OF_NOBODY: Final = frozenset({Rule.FALLBACK, Rule.UNRESOLVED})


@frozen
class RouteLimits:
    """
    Where the knowledge of a reader ends.

    Args:
        whole: It knows the mappings of all tenants; otherwise those of one.
        unserved: Tenants that are suspended or leave: the hub says what it says of them.
        left: Channels that were those of a tenant which has left.
        shared: Of the accounts of the one tenant, those in which others have channels.
        version: Of the whole mapping, if it is known.
    """

    whole: bool
    unserved: frozenset[TenantId] = frozenset()
    left: frozenset[ChannelKey] = frozenset()
    shared: frozenset[ChatwootId] = frozenset()
    version: int = 0

    def resolve(
        self, table: RoutingTable, message: IncomingMessage, *, explain: bool = False
    ) -> Route | None:
        """
        Where *message* goes by the *table* of what is known; None if only the hub can tell.
        """
        if not self.whole and (explain or not self._knows(table, message)):
            return None
        route = table.explain(message) if explain else table.resolve(message)
        if route.owner is not None and route.owner.tenant in self.unserved:
            return None
        if route.matched_by in _OF_NOBODY and (not self.whole or self._was_left(message)):
            return None
        return route

    def _knows(self, table: RoutingTable, message: IncomingMessage) -> bool:
        if message.account is None:
            return False
        if message.inbox is not None:
            # Another tenant may have the inbox in any account.
            return table.has(ChannelKey(message.account, message.inbox))
        return message.account not in self.shared and table.has_account(message.account)

    def _was_left(self, message: IncomingMessage) -> bool:
        if message.account is None or not self.left:
            return False
        keys = [ChannelKey(message.account)]
        if message.inbox is not None:
            keys.append(ChannelKey(message.account, message.inbox))
        return not self.left.isdisjoint(keys)
