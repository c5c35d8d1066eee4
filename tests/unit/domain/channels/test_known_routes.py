from __future__ import annotations

from odoo_ai_config.domain.channels.known_routes import RouteLimits
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.channels.routing import IncomingMessage, RoutingTable, Rule
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId

ONE, SEVEN = ChatwootId("1"), ChatwootId("7")
OWNER = TenantArea(TenantId("a"), BusinessArea())
TABLE = RoutingTable([ChannelMapping(ChannelKey(ONE, SEVEN), OWNER)])
INBOX = IncomingMessage(ONE, SEVEN)
OTHER = IncomingMessage(ONE, ChatwootId("8"))
NOWHERE = IncomingMessage(ChatwootId("2"), SEVEN)


def test_whole_mapping_decides_everything() -> None:
    limits = RouteLimits(whole=True)
    for message, rule in (
        (INBOX, Rule.INBOX),
        (OTHER, Rule.ACCOUNT_OWNER),
        (NOWHERE, Rule.UNRESOLVED),
        (IncomingMessage(None), Rule.UNRESOLVED),
    ):
        route = limits.resolve(TABLE, message)
        assert route is not None
        assert route.matched_by is rule
    explained = limits.resolve(TABLE, INBOX, explain=True)
    assert explained is not None
    assert len(explained.considered) == 5


def test_part_of_the_mapping_decides_for_its_own_channels() -> None:
    limits = RouteLimits(whole=False)
    assert limits.resolve(TABLE, INBOX) == TABLE.resolve(INBOX)
    assert limits.resolve(TABLE, IncomingMessage(ONE)) == TABLE.resolve(IncomingMessage(ONE))
    for message in (OTHER, NOWHERE, IncomingMessage(ChatwootId("2")), IncomingMessage(None)):
        assert limits.resolve(TABLE, message) is None
    assert limits.resolve(TABLE, INBOX, explain=True) is None
    shared = RouteLimits(whole=False, shared=frozenset({ONE}))
    assert shared.resolve(TABLE, IncomingMessage(ONE)) is None
    assert shared.resolve(TABLE, INBOX) == TABLE.resolve(INBOX)


def test_hub_says_what_it_says_of_tenants_that_are_not_served() -> None:
    limits = RouteLimits(whole=True, unserved=frozenset({OWNER.tenant}))
    assert limits.resolve(TABLE, INBOX) is None
    assert limits.resolve(TABLE, NOWHERE) is not None


def test_hub_says_what_it_says_of_channels_that_were_left() -> None:
    for key in (ChannelKey(ChatwootId("2")), ChannelKey(ChatwootId("2"), SEVEN)):
        limits = RouteLimits(whole=True, left=frozenset({key}))
        assert limits.resolve(TABLE, NOWHERE) is None
        assert limits.resolve(TABLE, INBOX) is not None
        assert limits.resolve(TABLE, IncomingMessage(None)) is not None
    whole = RouteLimits(whole=True, left=frozenset({ChannelKey(ChatwootId("2"))}))
    assert whole.resolve(TABLE, IncomingMessage(ChatwootId("2"))) is None
