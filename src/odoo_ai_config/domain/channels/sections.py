"""
The mapping as one object of four sections, as clients of the replaced service use it.

In the sections an inbox has no account, and fallbacks and special numbers belong to a tenant and
not to a channel. This module translates between the sections and the mappings of channels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from attrs import evolve, frozen

from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping, SpecialNumber
from odoo_ai_config.domain.identifiers import ChatwootId, TenantArea


@frozen
class MappingSections:
    """
    The four sections; None for a section that a writer left out.
    """

    accounts: dict[ChatwootId, TenantArea] | None = None
    inboxes: dict[ChatwootId, TenantArea] | None = None
    fallbacks: dict[TenantArea, int] | None = None
    special_numbers: dict[TenantArea, frozenset[SpecialNumber]] | None = None

    def complete(self) -> MappingSections:
        """
        The same with empty sections in place of those left out.
        """
        return MappingSections(
            self.accounts or {},
            self.inboxes or {},
            self.fallbacks or {},
            self.special_numbers or {},
        )

    @property
    def size(self) -> int:
        """
        The number of entries in all sections.
        """
        numbers = (self.special_numbers or {}).values()
        channels = len(self.accounts or {}) + len(self.inboxes or {})
        return channels + len(self.fallbacks or {}) + sum(map(len, numbers))

    def owners(self) -> Iterator[TenantArea]:
        """
        Every owner that a section names.
        """
        yield from (self.accounts or {}).values()
        yield from (self.inboxes or {}).values()
        yield from self.fallbacks or {}
        yield from self.special_numbers or {}


def sections_of(mappings: Iterable[ChannelMapping]) -> MappingSections:
    """
    The active *mappings* as sections, with the lowest fallback and all numbers of each owner.
    """
    accounts: dict[ChatwootId, TenantArea] = {}
    inboxes: dict[ChatwootId, TenantArea] = {}
    fallbacks: dict[TenantArea, int] = {}
    numbers: dict[TenantArea, frozenset[SpecialNumber]] = {}
    for mapping in mappings:
        if not mapping.active:
            continue
        key, owner = mapping.key, mapping.owner
        if key.inbox is not None:
            inboxes[key.inbox] = owner
        elif key.account is not None:
            accounts[key.account] = owner
        if mapping.fallback:
            fallbacks[owner] = min(mapping.sequence, fallbacks.get(owner, mapping.sequence))
        if mapping.numbers:
            numbers[owner] = numbers.get(owner, frozenset()) | frozenset(mapping.numbers)
    return MappingSections(accounts, inboxes, fallbacks, numbers)


def merged_sections(
    mappings: Iterable[ChannelMapping], sections: MappingSections
) -> tuple[ChannelMapping, ...]:
    """
    The mappings that change when *sections* are merged in.

    Accounts and inboxes are merged key by key. Fallbacks and special numbers, if given, replace
    those of all tenants.
    """
    channels = _Channels(mappings)
    channels.assign(sections)
    return channels.changed()


def replaced_sections(
    mappings: Iterable[ChannelMapping], sections: MappingSections
) -> tuple[ChannelMapping, ...]:
    """
    The mappings that change when *sections* replace the whole mapping.
    """
    channels = _Channels(mappings)
    channels.switch_off_all_but(sections.accounts or {}, sections.inboxes or {})
    channels.assign(sections.complete())
    return channels.changed()


class _Channels:
    """
    The mappings while sections are applied to them.
    """

    def __init__(self, mappings: Iterable[ChannelMapping]) -> None:
        self._before = {mapping.key: mapping for mapping in mappings}
        self._after = dict(self._before)

    def changed(self) -> tuple[ChannelMapping, ...]:
        return tuple(
            mapping for key, mapping in self._after.items() if self._before.get(key) != mapping
        )

    def switch_off_all_but(
        self, accounts: Collection[ChatwootId], inboxes: Collection[ChatwootId]
    ) -> None:
        for mapping in self._active():
            key = mapping.key
            listed = key.inbox in inboxes if key.inbox is not None else key.account in accounts
            if key.holder is None and not listed:
                self._put(evolve(mapping, active=False))

    def assign(self, sections: MappingSections) -> None:
        for account, owner in (sections.accounts or {}).items():
            self._give(ChannelKey(account), owner)
        known: dict[ChatwootId | None, list[ChannelKey]] = {}
        for mapping in self._active():
            known.setdefault(mapping.key.inbox, []).append(mapping.key)
        for inbox, owner in (sections.inboxes or {}).items():
            # Inbox ids are unique in a Chatwoot installation, so this is the same inbox as the
            # one that is mapped with its account.
            for key in known.get(inbox) or [ChannelKey(inbox=inbox)]:
                self._give(key, owner)
        if sections.fallbacks is not None:
            self._replace_fallbacks(sections.fallbacks)
        if sections.special_numbers is not None:
            self._replace_numbers(sections.special_numbers)

    def _active(self) -> list[ChannelMapping]:
        return [mapping for mapping in self._after.values() if mapping.active]

    def _owned(self) -> dict[TenantArea, list[ChannelMapping]]:
        owned: dict[TenantArea, list[ChannelMapping]] = {}
        for mapping in self._active():
            owned.setdefault(mapping.owner, []).append(mapping)
        return owned

    def _put(self, mapping: ChannelMapping) -> None:
        self._after[mapping.key] = mapping

    def _give(self, key: ChannelKey, owner: TenantArea) -> None:
        present = self._after.get(key)
        if present is None or not present.active or present.owner != owner:
            # The fallback and the numbers of a channel that moves were those of its old owner.
            self._put(ChannelMapping(key, owner))

    def _replace_fallbacks(self, wanted: dict[TenantArea, int]) -> None:
        present = sections_of(self._active()).fallbacks or {}
        owned = self._owned()
        for owner in {*present, *wanted}:
            sequence = wanted.get(owner)
            if sequence == present.get(owner):
                continue
            for mapping in owned.get(owner, ()):
                if mapping.fallback:
                    self._put(evolve(mapping, fallback=False))
            if sequence is not None:
                self._put(evolve(self._holder(owner), fallback=True, sequence=sequence))

    def _replace_numbers(self, wanted: dict[TenantArea, frozenset[SpecialNumber]]) -> None:
        present = sections_of(self._active()).special_numbers or {}
        owned = self._owned()
        for owner in {*present, *wanted}:
            numbers = wanted.get(owner, frozenset())
            known = present.get(owner, frozenset())
            if numbers == known:
                continue
            for mapping in owned.get(owner, ()):
                if mapping.numbers:
                    kept = tuple(special for special in mapping.numbers if special in numbers)
                    self._put(evolve(mapping, numbers=kept))
            added = sorted(numbers - known, key=lambda special: special.number.digits)
            if added:
                holder = self._holder(owner)
                self._put(evolve(holder, numbers=(*holder.numbers, *added)))

    def _holder(self, owner: TenantArea) -> ChannelMapping:
        key = ChannelKey(holder=owner)
        present = self._after.get(key)
        if present is None or not present.active:
            return ChannelMapping(key, owner)
        return present
