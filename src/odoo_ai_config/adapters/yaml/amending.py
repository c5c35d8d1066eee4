"""
Changes authored YAML text in the places that differ from a wanted value, and nowhere else.

The text is cut and spliced by the places of its nodes instead of being loaded and
dumped, so that whatever is not touched stays byte for byte. The caller reads the
result again and compares; a text that is too intricate to be spliced is given up.
"""

from __future__ import annotations

import re
from itertools import pairwise
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
from odoo_ai_config.domain.json_types import Json, JsonObject

_BLANKS: Final = re.compile(r"[ \t]+")
_IN_FLOW: Final = -1
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*[ \t]*)+")


class IntricateError(Exception):
    """
    A place cannot be amended by splicing.
    """


def amend(text: str, root: Mapping, body: JsonObject) -> str:
    """
    *text*, whose lines all end in a line feed, with its *root* changed to *body*.

    Raises:
        IntricateError: The text uses forms that splicing does not know.
    """
    amendment = _Amendment(text)
    try:
        amendment.mapping(root, body, is_root=True)
    except IntricateError:
        if not root.flow:
            raise
        # As good as new, but for the comments around it.
        return text[: root.start] + rendering.render(body).rstrip("\n") + text[root.end :]
    return amendment.applied()


def same_json(one: Json, other: Json) -> bool:
    """
    Whether two values are equal, and true is not 1, nor 1 the same as 1.0.
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            same_json(value, other[key]) for key, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return one == other


class _Amendment:
    """
    The edits of one text, gathered in the order of the text.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._edits: list[tuple[int, int, str]] = []
        # What anchored nodes stand for once the edits are made; None where they vanish.
        self._anchored: dict[int, tuple[Json] | None] = {}

    def applied(self) -> str:
        """
        The text with all edits made.
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
        Make *node* stand for *wanted*.

        Args:
            node: The value of an entry or an item of a sequence.
            wanted: What it should be.
            head: Where the colon or dash before it ends; nothing is below one in flow style.
            indent: The column for lines below that of the colon or dash.
        """
        if isinstance(node, Alias):
            if not self._stands_for(node, wanted):
                self._replace(node, wanted, head, indent)
            return
        if node.anchor is not None:
            self._anchored[id(node)] = (wanted,)
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
        kept = [entry for entry in node.entries if entry.key in wanted]
        inherited = self._inherited(node, wanted)
        if not kept and inherited is None and not is_root:
            raise IntricateError
        written = list(node.entries)
        if node.merge is not None:
            if inherited is not None:
                kept.append(node.merge)
            written.append(node.merge)
            written.sort(key=lambda entry: entry.key_node.start)
            kept.sort(key=lambda entry: entry.key_node.start)
        known = {entry.key for entry in node.entries} | (inherited or {}).keys()
        added = {key: value for key, value in wanted.items() if key not in known}
        edit = self._flow_mapping if node.flow else self._block_mapping
        edit(node, written, kept, wanted, added)

    def _with_old_names(self, node: Mapping, wanted: JsonObject) -> JsonObject:
        """
        *wanted*, where a value that a reference took the place of has its old name.

        The entry gets its new name where it stands, so that its comments stay too.
        """
        names = {entry.key for entry in node.entries}
        renamed = dict(wanted)
        for entry in node.entries:
            new = f"{entry.key}_ref"
            key = entry.key_node
            if entry.key in wanted or new not in wanted or new in names or key.anchor is not None:
                continue
            quote = self._text[key.end - 1] if self._text[key.start] in "\"'" else ""
            place = key.end - len(quote)
            self._edits.append((place, place, "_ref"))
            renamed[entry.key] = renamed.pop(new)
        return renamed

    def _inherited(self, node: Mapping, wanted: JsonObject) -> JsonObject | None:
        """
        What *node* may go on merging in; None if it has to say everything itself.
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
        after = self._anchored.get(id(target), (to_json(target),))
        return None if after is None else after[0]

    def _stands_for(self, alias: Alias, wanted: Json) -> bool:
        after = self._anchored.get(id(alias.target), (to_json(alias.target),))
        return after is not None and same_json(after[0], wanted)

    def _block_mapping(
        self,
        node: Mapping,
        written: list[Entry],
        kept: list[Entry],
        wanted: JsonObject,
        added: JsonObject,
    ) -> None:
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
                # The dash before the first key goes over to the first one that stays.
                self._cut(start, kept[0].key_node.start)
            elif not compact or start > kept[0].key_node.start:
                if self._prefix(entry.key_node).strip():
                    raise IntricateError
                self._cut(self._line_start(start), self._below(entry.value))
        lines = rendering.block_lines(added, column, 1)
        self._insert(self._below(written[-1].value), lines)

    def _flow_mapping(
        self,
        node: Mapping,
        written: list[Entry],
        kept: list[Entry],
        wanted: JsonObject,
        added: JsonObject,
    ) -> None:
        if self._text[node.end - 1] != "}" or not kept:
            raise IntricateError
        for entry in kept:
            if entry.value.start == entry.value.end:
                raise IntricateError
            if entry is not node.merge:
                self.node(entry.value, wanted[entry.key], _IN_FLOW, 0)
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
        Cut removed entries out, each with the comma after it, the last ones with that before.
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
        Pair the items up to those that both end with; add or remove what is left over.
        """
        after = _common_end([self._value_after(item) for item in node.items], wanted)
        paired = min(len(node.items), len(wanted)) - after
        surplus = len(node.items) - after - paired
        counterparts: list[tuple[Json] | None] = [
            *((value,) for value in wanted[:paired]),
            *([None] * surplus),
            *((value,) for value in wanted[len(wanted) - after :]),
        ]
        column = self._dash_column(node)
        dashes = [self._dash(item, column) for item in node.items]
        for item, dash, counterpart in zip(node.items, dashes, counterparts, strict=True):
            if counterpart is None:
                self._forget(item)
                self._cut(self._own_line(dash), self._below(item))
            else:
                self.node(item, counterpart[0], dash + 1, column + 2)
        if added := wanted[paired : len(wanted) - after]:
            place = self._below(node.items[paired - 1]) if paired else self._own_line(dashes[0])
            self._insert(place, rendering.block_lines(added, column, 1))

    def _replace(self, node: Node, wanted: Json, head: int, indent: int) -> None:
        """
        Write *wanted* in the place of *node*; *head* as for `node`.
        """
        self._forget(node)
        anchor = ""
        if node.anchor is not None and not isinstance(node, Alias):
            self._anchored[id(node)] = (wanted,)
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
            # It starts on the line of its dash: "- a: 1".
            self._edits.append((head, self._content_end(node), inline))
            self._insert(self._below(node), nested)
            return
        self._edits.append((head, head_end, inline))
        self._edits.append(
            (
                self._line_start(node.content),
                self._below(node),
                "".join(f"{line}\n" for line in nested),
            )
        )

    def _forget(self, node: Node) -> None:
        """
        Note that the anchors of a part that vanishes can no longer be referred to.
        """
        if node.anchor is not None:
            self._anchored[id(node)] = None
        if isinstance(node, Mapping):
            entries = node.entries if node.merge is None else [*node.entries, node.merge]
            for entry in entries:
                self._forget(entry.key_node)
                self._forget(entry.value)
        elif isinstance(node, Sequence):
            for item in node.items:
                self._forget(item)

    def _dash(self, item: Node, column: int) -> int:
        """
        The place of the dash of *item*, which may stand on a line above it.
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

    def _dash_column(self, node: Sequence) -> int:
        properties = _PROPERTIES.match(self._text, node.start)
        if properties is None:
            return node.column
        start = self._line_start(node.items[0].start)
        line = self._text[start : self._line_end(start)]
        return len(line) - len(line.lstrip(" "))

    def _content_end(self, node: Node) -> int:
        """
        Where the last character of *node* is, without the blank lines after it.
        """
        last = node
        while True:
            if isinstance(last, Mapping) and not last.flow:
                parts = [*last.entries, *([last.merge] if last.merge else [])]
                last = max(parts, key=lambda entry: entry.key_node.start).value
            elif isinstance(last, Sequence) and not last.flow:
                last = last.items[-1]
            else:
                break
        if not isinstance(last, Scalar) or last.style not in {"|", ">"}:
            return last.end
        return last.start + len(self._text[last.start : last.end].rstrip())

    def _below(self, node: Node) -> int:
        """
        Where the line after the last one of *node* starts.
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

    def _cut(self, start: int, end: int) -> None:
        self._edits.append((start, end, ""))

    def _insert(self, position: int, lines: list[str]) -> None:
        if lines:
            self._edits.append((position, position, "".join(f"{line}\n" for line in lines)))


def _common_end(old: list[Json], new: list[Json]) -> int:
    """
    How many items both end with, not counting those that both start with.
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
