"""
What a change of the mapping would do to messages: a preview.

Of all possible messages, a change of one channel can reroute only a few kinds: those of the
channel itself, those from the special numbers of the channel, of its owners and of others in its
account, and those that no channel decides. The preview tries one message of each kind.
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
MOST_ACCOUNTS: Final = 200

# Stands for every account that is not mapped.
UNCLAIMED: Final = IncomingMessage(None)


@frozen
class Rerouting:
    """
    Where a message goes now, and where it would go.
    """

    message: IncomingMessage
    before: Route
    after: Route

    @property
    def differs(self) -> bool:
        """
        Whether the owner, the crew or the rule would change.
        """
        return self.before != self.after


@frozen
class Probes:
    """
    Messages that a change may reroute.

    A message without an inbox stands for every inbox of its account without a mapping of its
    own, a message without an account for every account that is not mapped, and a message without
    a number for every number that is not special.

    Args:
        complete: False if there were too many to try.
    """

    messages: tuple[IncomingMessage, ...]
    complete: bool

    def together(self, others: Probes) -> Probes:
        """
        These and *others*.
        """
        messages = dict.fromkeys((*self.messages, *others.messages))
        return Probes(tuple(messages), complete=self.complete and others.complete)


def probes_of(
    before: ChannelMapping | None,
    after: ChannelMapping,
    neighbours: Collection[ChannelMapping],
    others: Collection[ChannelMapping] = (),
) -> Probes:
    """
    The messages to try for a channel whose mapping changes from *before* to *after*.

    Args:
        before: The present mapping, if there is one.
        after: The mapping that is previewed.
        neighbours: The active mappings of the tenants that own the channel before and after.
        others: The active mappings of other tenants in the account: one of them may become or
            stop being its owner, and their numbers decide if the channel does not. Also those of
            the common fallback, which may lose its messages.
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
    # The most informative first, because the number of probes is limited.
    account, inbox = changed.key.account, changed.key.inbox
    yield IncomingMessage(account, inbox)
    yield UNCLAIMED
    # A tenant that enters or leaves an account brings or takes its fallback, and its fallback
    # applies in all of its accounts.
    for mapping in (changed, *neighbours):
        yield IncomingMessage(mapping.key.account)
    brought = _numbers(states)
    involved = dict.fromkeys((*brought, *_numbers(neighbours)))
    for number in involved:
        yield IncomingMessage(account, inbox, number)
    # A tenant that enters or leaves an account brings or takes its numbers.
    for number in involved:
        yield IncomingMessage(account, None, number)
        yield IncomingMessage(None, None, number)
    for mapping in neighbours:
        for number in brought:
            yield IncomingMessage(mapping.key.account, mapping.key.inbox, number)
            yield IncomingMessage(mapping.key.account, None, number)
    for number in _numbers(others):
        yield IncomingMessage(account, inbox, number)
        # The account may get or lose an owner, which has crews for its numbers.
        yield IncomingMessage(account, None, number)
        # The common fallback is among them, and has crews for its numbers.
        yield IncomingMessage(None, None, number)


def _numbers(mappings: Iterable[ChannelMapping]) -> list[str]:
    return [special.number.digits for mapping in mappings for special in mapping.numbers]


def reroutings(
    table: RoutingTable,
    mappings: Iterable[ChannelMapping],
    messages: Iterable[IncomingMessage],
) -> tuple[Rerouting, ...]:
    """
    The routes of *messages* by *table*, and by *table* with *mappings* put into it.
    """
    asked = tuple(messages)
    before = [table.resolve(message) for message in asked]
    with table.supposing(*mappings):
        after = [table.resolve(message) for message in asked]
    return tuple(map(Rerouting, asked, before, after))


def telling(found: Iterable[Rerouting]) -> tuple[Rerouting, ...]:
    """
    Those of *found* that differ, without those that a more general one already shows.
    """
    told: dict[IncomingMessage, Rerouting] = {}
    for rerouting in found:
        message = rerouting.message
        stand_ins = (IncomingMessage(message.account, message.inbox), UNCLAIMED)
        said = ((told[m].before, told[m].after) for m in stand_ins if m in told)
        if rerouting.differs and (rerouting.before, rerouting.after) not in said:
            told[message] = rerouting
    return tuple(told.values())
