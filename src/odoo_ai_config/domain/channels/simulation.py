"""
What a change of the mapping would do to messages, told without making it.

Of all messages that there could be, few can be routed otherwise by a change of one channel:
those of the channel itself, those of the numbers that it and its owners claim, and those that
no rule claims. These are tried, each standing for all others like it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Final

from attrs import frozen

from odoo_ai_config.domain.channels.mapping import ChannelMapping
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route, RoutingTable

# A tenant may have very many channels and numbers.
MOST_PROBES: Final = 1000
MOST_EFFECTS: Final = 200
MOST_TENANTS: Final = 50

# Stands for every account that is not mapped.
UNCLAIMED: Final = IncomingMessage(None)


@frozen
class Rerouting:
    """
    Where a message goes, and where it would go.
    """

    message: IncomingMessage
    before: Route
    after: Route

    @property
    def differs(self) -> bool:
        """
        Whether it would go elsewhere, to another crew, or by another rule.
        """
        return self.before != self.after


@frozen
class Probes:
    """
    Messages that a change may route otherwise.

    A message without an inbox stands for every inbox of its account that has no mapping of its
    own, one without an account for every account that is not mapped, and one without a number
    for every number that is not special.

    Args:
        complete: False if there were more than can be tried.
    """

    messages: tuple[IncomingMessage, ...]
    complete: bool


def probes_of(
    before: ChannelMapping | None,
    after: ChannelMapping,
    neighbours: Collection[ChannelMapping],
    others: Collection[ChannelMapping] = (),
) -> Probes:
    """
    The messages to try for a channel that was mapped as *before* and would be as *after*.

    *neighbours* are the active mappings of the tenants that own the channel in the two, and
    *others* those of other tenants in the account, whose numbers go by themselves where the
    channel does not decide, and of everybody's fallback, which may lose them.
    """
    states = [state for state in (before, after) if state is not None and state.active]
    found: dict[IncomingMessage, None] = {}
    for message in _probed(after, states, neighbours, others) if states else ():
        found[message] = None
        if len(found) > MOST_PROBES:
            break
    return Probes(tuple(islice(found, MOST_PROBES)), complete=len(found) <= MOST_PROBES)


def _probed(
    changed: ChannelMapping,
    states: Collection[ChannelMapping],
    neighbours: Collection[ChannelMapping],
    others: Collection[ChannelMapping],
) -> Iterator[IncomingMessage]:
    # The most telling first: there is an end to what is tried.
    account, inbox = changed.key.account, changed.key.inbox
    yield IncomingMessage(account, inbox)
    yield UNCLAIMED
    # Where a tenant comes to an account or leaves it, its fallback does so too; and what it has
    # for a fallback, it has in all of its accounts.
    for mapping in (changed, *neighbours):
        yield IncomingMessage(mapping.key.account)
    brought = _numbers(states)
    involved = dict.fromkeys((*brought, *_numbers(neighbours)))
    for number in involved:
        yield IncomingMessage(account, inbox, number)
    # Where a tenant comes to an account or leaves it, its numbers do so too.
    for number in involved:
        yield IncomingMessage(account, None, number)
        yield IncomingMessage(None, None, number)
    for mapping in neighbours:
        for number in brought:
            yield IncomingMessage(mapping.key.account, mapping.key.inbox, number)
            yield IncomingMessage(mapping.key.account, None, number)
    for number in _numbers(others):
        yield IncomingMessage(account, inbox, number)
        # One of them may have been everybody's fallback until now, with crews by number.
        yield IncomingMessage(None, None, number)


def _numbers(mappings: Iterable[ChannelMapping]) -> list[str]:
    return [special.number.digits for mapping in mappings for special in mapping.numbers]


def reroutings(
    table: RoutingTable, mapping: ChannelMapping, messages: Iterable[IncomingMessage]
) -> tuple[Rerouting, ...]:
    """
    What would become of each of *messages* if *mapping* were put into *table*.
    """
    asked = tuple(messages)
    before = [table.resolve(message) for message in asked]
    with table.supposing(mapping):
        after = [table.resolve(message) for message in asked]
    return tuple(map(Rerouting, asked, before, after))


def telling(found: Iterable[Rerouting]) -> tuple[Rerouting, ...]:
    """
    Those of *found* that differ and say more than the one that stands for them says already.
    """
    told: dict[IncomingMessage, Rerouting] = {}
    for rerouting in found:
        message = rerouting.message
        stand_ins = (IncomingMessage(message.account, message.inbox), UNCLAIMED)
        said = ((told[m].before, told[m].after) for m in stand_ins if m in told)
        if rerouting.differs and (rerouting.before, rerouting.after) not in said:
            told[message] = rerouting
    return tuple(told.values())
