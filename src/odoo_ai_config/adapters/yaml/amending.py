"""
Changes authored YAML text only where it differs from a wanted value.

The text is spliced at the places of its nodes instead of being loaded and dumped, so that every
other byte stays. The caller reads the result again and compares. A text that is too intricate
to splice is not amended.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import pairwise
from math import nan
from typing import Final

from odoo_ai_config.adapters.yaml import rendering
from odoo_ai_config.adapters.yaml.syntax_tree import (
    COLON,
    Alias,
    Collection,
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    merge_sources,
    resolved,
    to_json,
)
from odoo_ai_config.domain.identifiers import REF_SUFFIX
from odoo_ai_config.domain.json_types import Json, JsonObject

_BLANKS: Final = re.compile(r"[ \t]+")
_IN_FLOW: Final = -1
# Differs from every value that can be wanted.
_REMOVED: Final = nan
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*[ \t]*)+")


class IntricateError(Exception):
    """
    The text cannot be amended by splicing.
    """


def amend(text: str, root: Mapping, body: JsonObject) -> str:
    """
    *text* with its *root* changed to *body*; every line of *text* ends in a line feed.

    Raises:
        IntricateError: The text uses forms that splicing cannot handle.
    """
    amendment = _Amendment(text)
    try:
        amendment.mapping(root, body, is_root=True)
    except IntricateError:
        if not root.flow:
            raise
        # Only the comments around the root stay.
        return text[: root.start] + rendering.render(body).rstrip("\n") + text[root.end :]
    return amendment.applied()


def same_json(one: Json, other: Json) -> bool:
    """
    Whether two values are the same JSON: true, 1 and 1.0 differ, the order of keys does not count.
    """
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


class _Amendment:
    """
    The edits of one text.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._edits: list[tuple[int, int, str]] = []
        # The values of anchored nodes after the edits, by node.
        self._anchored: dict[int, Json] = {}

    def applied(self) -> str:
        """
        The text after all edits.
        """
        pieces: list[str] = []
        position = 0
        for start, end, replacement in sorted(self._edits, key=lambda edit: edit[:2]):
            if start < position:
                raise IntricateError
            pieces += (self._text[position:start], replacement)
            position = end
        return "".join([*pieces, self._text[position:]])

    def node(self, node: Node, wanted: Json, head: int, indent: int) -> None:
        """
        Change *node*, the value of an entry or an item of a sequence, to *wanted*.

        *head* is where the colon or dash before it ends, or `_IN_FLOW`; *indent* is the column
        for lines below that of the colon or dash.
        """
        if isinstance(node, Alias):
            if not same_json(self._value_after(node), wanted):
                self._replace(node, wanted, head, indent)
            return
        if node.anchor is not None:
            self._anchored[id(node)] = wanted
        if not node.has_alias and same_json(to_json(node), wanted):
            return
        edits = len(self._edits)
        try:
            if isinstance(node, Mapping) and isinstance(wanted, dict) and wanted:
                self.mapping(node, wanted)
            elif isinstance(node, Sequence) and isinstance(wanted, list) and wanted:
                edit = self._flow_sequence if node.flow else self._block_sequence
                edit(node, wanted)
            else:
                self._replace(node, wanted, head, indent)
        except IntricateError:
            del self._edits[edits:]
            self._replace(node, wanted, head, indent)

    def mapping(self, node: Mapping, wanted: JsonObject, *, is_root: bool = False) -> None:
        """
        Keep, change, remove and add the entries of *node*.
        """
        wanted = self._with_old_names(node, wanted)
        inherited = self._inherited(node, wanted)
        kept = [
            entry
            for entry in node.written
            if (inherited is not None if entry is node.merge else entry.key in wanted)
        ]
        if not kept and not is_root:
            raise IntricateError
        known = {entry.key for entry in node.entries} | (inherited or {}).keys()
        added = {key: value for key, value in wanted.items() if key not in known}
        edit = self._flow_mapping if node.flow else self._block_mapping
        edit(node, kept, wanted, added)

    def _with_old_names(self, node: Mapping, wanted: JsonObject) -> JsonObject:
        """
        *wanted*, where a value that a reference replaced has its old name.

        The entry is renamed in its place, so that its comments stay.
        """
        names = {entry.key for entry in node.entries}
        renamed = dict(wanted)
        for entry in node.entries:
            new = f"{entry.key}{REF_SUFFIX}"
            key = entry.key_node
            if entry.key in wanted or new not in wanted or new in names or key.anchor is not None:
                continue
            quote = self._text[key.end - 1] if self._text[key.start] in "\"'" else ""
            place = key.end - len(quote)
            self._edits.append((place, place, REF_SUFFIX))
            renamed[entry.key] = renamed.pop(new)
        return renamed

    def _inherited(self, node: Mapping, wanted: JsonObject) -> JsonObject | None:
        """
        What *node* still inherits by its merge entry; None if that entry cannot stay.
        """
        if node.merge is None:
            return None
        own = {entry.key for entry in node.entries}
        merged: JsonObject = {}
        for source in merge_sources(node):
            value = self._value_after(source)
            if not isinstance(value, dict):
                return None
            merged = value | merged
        if merged.keys() - wanted.keys():
            return None
        return {
            key: value
            for key, value in merged.items()
            if key not in own and same_json(value, wanted[key])
        }

    def _value_after(self, node: Node) -> Json:
        target = resolved(node)
        return self._anchored.get(id(target), to_json(target))

    def _block_mapping(
        self, node: Mapping, kept: list[Entry], wanted: JsonObject, added: JsonObject
    ) -> None:
        written = node.written
        column = written[0].key_node.column
        compact = self._prefix(written[0].key_node).strip() != ""
        if compact and not kept:
            raise IntricateError
        staying = set(kept)
        for entry in written:
            if entry in staying:
                if entry is not node.merge:
                    colon = self._colon(entry)
                    self.node(entry.value, wanted[entry.key], colon, column + 2)
                continue
            self._forget(entry.value)
            start = entry.key_node.start
            if entry is written[0] and compact:
                # The first key that stays moves to the dash before the first key.
                self._cut(start, kept[0].key_node.start)
            elif not compact or start > kept[0].key_node.start:
                if self._prefix(entry.key_node).strip():
                    raise IntricateError
                self._cut(self._line_start(start), self._below(entry.value))
        lines = rendering.block_lines(added, column, 1)
        self._insert(self._below(written[-1].value), lines)

    def _flow_mapping(
        self, node: Mapping, kept: list[Entry], wanted: JsonObject, added: JsonObject
    ) -> None:
        if self._text[node.end - 1] != "}" or not kept:
            raise IntricateError
        for entry in kept:
            if entry.value.start == entry.value.end:
                raise IntricateError
            if entry is not node.merge:
                self.node(entry.value, wanted[entry.key], _IN_FLOW, 0)
        written = node.written
        self._cut_from_flow(written, kept)
        as_json = self._text[written[0].key_node.start] == '"'
        separator = ", "
        if len(written) > 1 and written[-1].key_node.line != written[0].key_node.line:
            separator = ",\n" + " " * written[-1].key_node.column
        end = kept[-1].value.end
        for key, value in added.items():
            entry_text = rendering.flow_entry(key, value, as_json=as_json)
            self._edits.append((end, end, separator + entry_text))

    def _cut_from_flow(self, written: list[Entry], kept: list[Entry]) -> None:
        """
        Cut removed entries with the comma after each, the last ones with the comma before.
        """
        last = written.index(kept[-1])
        staying = set(kept)
        for entry, follower in pairwise(written[: last + 1]):
            if entry not in staying:
                self._forget(entry.value)
                self._cut(entry.key_node.start, follower.key_node.start)
        trailing = written[last + 1 :]
        if not trailing:
            return
        start, end = kept[-1].value.end, trailing[-1].value.end
        if "#" in self._text[start:end]:
            raise IntricateError
        for entry in trailing:
            self._forget(entry.value)
        self._cut(start, end)

    def _flow_sequence(self, node: Sequence, wanted: list[Json]) -> None:
        if len(node.items) != len(wanted):
            raise IntricateError
        for item, value in zip(node.items, wanted, strict=True):
            self.node(item, value, _IN_FLOW, 0)

    def _block_sequence(self, node: Sequence, wanted: list[Json]) -> None:
        """
        Pair the items before the common end one by one; add or remove the rest.
        """
        after = _common_end([self._value_after(item) for item in node.items], wanted)
        paired = min(len(node.items), len(wanted)) - after
        end = len(node.items) - after
        # The event of a sequence that is not indented ends after the first dash, not before it.
        first_dash = self._text.rfind("-", 0, node.content + 1)
        column = first_dash - self._line_start(first_dash)
        for index, item in enumerate(node.items):
            dash = self._dash(item, column)
            if paired <= index < end:
                self._forget(item)
                self._cut(self._own_line(dash), self._below(item))
            else:
                value = wanted[index if index < paired else index - len(node.items)]
                self.node(item, value, dash + 1, column + 2)
        if added := wanted[paired : len(wanted) - after]:
            if paired:
                place = self._below(node.items[paired - 1])
            else:
                place = self._own_line(self._dash(node.items[0], column))
            self._insert(place, rendering.block_lines(added, column, 1))

    def _replace(self, node: Node, wanted: Json, head: int, indent: int) -> None:
        """
        Write *wanted* in the place of *node*; *head* and *indent* as for `node`.
        """
        self._forget(node)
        anchor = ""
        if node.anchor is not None and not isinstance(node, Alias):
            self._anchored[id(node)] = wanted
            anchor = f"&{node.anchor} "
        if head == _IN_FLOW:
            if node.start == node.end:
                raise IntricateError
            as_json = self._text[node.start] == '"' or not isinstance(wanted, str)
            replacement = rendering.flow(wanted, as_json=as_json)
            self._edits.append((node.start, node.end, anchor + replacement))
            return
        inline, nested = rendering.value_lines(wanted, indent, 1)
        if isinstance(node, Scalar) and isinstance(wanted, str) and not nested:
            inline = _quoted_alike(node, wanted, inline)
        if isinstance(node, Collection) and not node.flow:
            self._replace_block(node, (anchor + inline).strip(), nested, head)
            return
        end = self._content_end(node)
        gap = self._text[head : node.start]
        if node.start == node.end or not _BLANKS.fullmatch(gap):
            gap = " "
        start = head if node.start != node.end else node.start
        inline = (anchor + inline).strip()
        self._edits.append((start, end, gap + inline if inline else ""))
        self._insert(self._below(node), nested)

    def _replace_block(self, node: Collection, inline: str, nested: list[str], head: int) -> None:
        properties = _PROPERTIES.match(self._text, node.start)
        head_end = properties.end() if properties else head
        line_end = self._line_end(head_end)
        if inline:
            inline = f" {inline}"
        if node.content < line_end:
            # The block starts on the line of its dash: "- a: 1".
            self._edits.append((head, self._content_end(node), inline))
            self._insert(self._below(node), nested)
            return
        self._edits.append((head, head_end, inline))
        self._cut(self._line_start(node.content), self._below(node), nested)

    def _forget(self, node: Node) -> None:
        """
        Note that the anchors in a removed part cannot be referred to.
        """
        if node.anchor is not None:
            self._anchored[id(node)] = _REMOVED
        for part in node.parts:
            self._forget(part)

    def _dash(self, item: Node, column: int) -> int:
        """
        The place of the dash of *item*, perhaps on a line above it.
        """
        line = self._line_start(item.start)
        while not self._text.startswith("-", line + column, self._line_end(line)):
            if line == 0:
                raise IntricateError
            line = self._line_start(line - 1)
        return line + column

    def _colon(self, entry: Entry) -> int:
        match = COLON.match(self._text, entry.key_node.end)
        if match is None:
            raise IntricateError
        return match.end()

    def _content_end(self, node: Node) -> int:
        """
        Where the last character of *node* ends, without the blank lines after it.
        """
        last = node
        while isinstance(last, Collection) and not last.flow:
            last = last.parts[-1]
        if not isinstance(last, Scalar) or last.style not in {"|", ">"}:
            return last.end
        return last.start + len(self._text[last.start : last.end].rstrip())

    def _below(self, node: Node) -> int:
        """
        Where the line after *node* starts.
        """
        return self._line_end(self._content_end(node)) + 1

    def _prefix(self, node: Node) -> str:
        return self._text[self._line_start(node.start) : node.start]

    def _own_line(self, position: int) -> int:
        start = self._line_start(position)
        if self._text[start:position].strip():
            raise IntricateError
        return start

    def _line_start(self, position: int) -> int:
        return self._text.rfind("\n", 0, position) + 1

    def _line_end(self, position: int) -> int:
        end = self._text.find("\n", position)
        if end < 0:
            raise IntricateError
        return end

    def _cut(self, start: int, end: int, lines: Iterable[str] = ()) -> None:
        self._edits.append((start, end, "".join(f"{line}\n" for line in lines)))

    def _insert(self, position: int, lines: list[str]) -> None:
        if lines:
            self._cut(position, position, lines)


def _common_end(old: list[Json], new: list[Json]) -> int:
    """
    The number of items that both end with, without those that both start with.
    """
    shortest = min(len(old), len(new))
    before = 0
    while before < shortest and same_json(old[before], new[before]):
        before += 1
    after = 0
    while after < shortest - before and same_json(old[-1 - after], new[-1 - after]):
        after += 1
    return after


def _quoted_alike(node: Scalar, text: str, otherwise: str) -> str:
    if node.style == '"':
        return rendering.double_quoted(text)
    if node.style == "'":
        return rendering.single_quoted(text)
    return otherwise
