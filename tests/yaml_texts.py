"""
Strategies for bodies of documents, and for YAML as people write it.
"""

from __future__ import annotations

import json

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from odoo_ai_config.domain.json_types import Json, JsonObject

# Texts that some YAML parser reads as another type.
DELICATE_TEXTS = [
    "", " ", "  x", "x ", "\t", "x\ty", "~", "null", "Null", "NULL", "true", "True", "TRUE",
    "false", "yes", "Yes", "no", "No", "on", "off", "y", "n", "18:00", "09:00", "1:30:00",
    "190:20:30.15", "0", "1", "-1", "+1", "007", "0o7", "0x1F", "0b1", "1_000", "1e3", "1E3",
    "1.0", ".5", "5.", "-.5", "1e", "e1", ".inf", "-.inf", ".nan", ".NaN", "2024-01-01",
    "2001-12-14 21:59:43.10 -5", "2001-12-14t21:59:43Z", "<<", "=", "-", "- x", "--", "---",
    "--- x", "...", "... x", "?", "? x", ":", ": x", "x:", "x: y", "a:b", "x #y", "x#y", "#", "&a",
    "*a", "!a", "!!str 1", "|", ">", "|-\n x", "%YAML 1.1", "@x", "`x`", "'", "''", "'x'", '"',
    '"x"', "\\", "\\n", "{", "}", "[", "]", "{}", "[]", "{a: 1}", "[a]", ",", "a, b", "a,b",
    "a\nb", "a\nb\n", "a\n\nb", "a\n\n", "\na", " a\nb", "a\n b", "a \nb", "a\n \nb", "a\n#b",
    "a\n---\nb", "a\n...\n", "\n", "\n\n", "a\r\nb", "a\rb", "\u0085", "a\u0085b", "\u2028",
    "a\u2029b", "\ufeff", "a\ufeffb", "\xa0", "a\xa0b", "\u3000", "\x1b", "\x7f", "\x9f", "\ufffe",
    "\uffff", "🙂", "👩‍👩‍👧", "Saúde e Bem-Estar", "日本語", "+5511999990000", "5511999990000",
    "https://x.example/a?b=c#d", "a@b.example", "x" * 1100, "10%", "R$ 10", "(x)", "/a/b", "é: ç",
]  # fmt: skip

texts = st.sampled_from(DELICATE_TEXTS) | st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12
)
scalars: SearchStrategy[Json] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
json_values: SearchStrategy[Json] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=16,
)
json_objects: SearchStrategy[JsonObject] = st.dictionaries(texts, json_values, max_size=5)

# Few keys and values, so that two bodies have much in common.
_names = st.sampled_from(["a", "b", "c", "name", "18:00", "yes"])
_small_scalars: SearchStrategy[Json] = st.sampled_from(
    [None, True, 0, 1, 1.0, "x", "18:00", "two\nlines", "two\nlines\n", "it's", "", "- #: x"]
)
similar_values: SearchStrategy[Json] = st.recursive(
    _small_scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=10,
)
similar_objects: SearchStrategy[JsonObject] = st.dictionaries(_names, similar_values, max_size=4)


@st.composite
def authored_texts(draw: DrawFn, bodies: SearchStrategy[JsonObject] = similar_objects) -> str:
    """
    A body as a person may have written it: any style, any indent, comments everywhere.
    """
    body = draw(bodies)
    writer = _Writer(draw)
    lines = writer.block(body, draw(st.sampled_from([0, 0, 0, 2]))) if body else ["{}"]
    if draw(st.integers(0, 5)) == 0:
        lines = [writer.flow(body)]
    if draw(st.booleans()):
        lines.insert(0, "# the file")
    if draw(st.integers(0, 4)) == 0:
        lines.insert(0, "---")
    if draw(st.booleans()):
        lines.append("# the end")
    line_break = draw(st.sampled_from(["\n", "\n", "\n", "\r\n"]))
    return line_break.join(lines) + draw(st.sampled_from([line_break, line_break, "", "\n\n"]))


class _Writer:
    def __init__(self, draw: DrawFn) -> None:
        self._draw = draw
        self._named = 0
        self._anchors: list[tuple[str, Json]] = []

    def block(self, value: Json, indent: int, *, remarks: bool = True) -> list[str]:
        margin = " " * indent
        parts: list[tuple[str, Json]] = []
        if isinstance(value, dict):
            parts = [(f"{margin}{self._scalar(key)}:", part) for key, part in value.items()]
        elif isinstance(value, list):
            parts = [(f"{margin}-", part) for part in value]
        lines: list[str] = []
        for head, part in parts:
            if remarks:
                lines += self._remarks(margin)
            lines += self._part(head, part, indent)
        return lines

    def _part(self, head: str, value: Json, indent: int) -> list[str]:
        for name, known in self._anchors:
            if json.dumps(known) == json.dumps(value) and self._one_in(2):
                return [f"{head} *{name}{self._remark()}"]
        if not self._one_in(6):
            return self._value(head, value, indent)
        self._named += 1
        name = f"n{self._named}"
        lines = self._value(f"{head} &{name}", value, indent)
        # Known only now: an alias inside itself would be a cycle.
        self._anchors.append((name, value))
        return lines

    def _value(self, head: str, value: Json, indent: int) -> list[str]:
        if isinstance(value, (dict, list)):
            if not value or self._one_in(4):
                return [f"{head} {self.flow(value)}{self._remark()}"]
            in_sequence = head.lstrip().startswith("-")
            if in_sequence and head.endswith("-") and self._one_in(2):
                first, *others = self.block(value, indent + 2, remarks=False)
                return [f"{head} {first[indent + 2 :]}", *others]
            deeper = indent + self._draw(st.sampled_from([2, 2, 4, 1]))
            if isinstance(value, list) and not in_sequence and self._one_in(3):
                deeper = indent
            return [head + self._remark(), *self.block(value, deeper)]
        if isinstance(value, str) and "\n" in value and not self._one_in(3):
            margin = " " * (indent + 2)
            header = "|" if value.endswith("\n") else "|-"
            body = [margin + line for line in value.removesuffix("\n").split("\n")]
            return [f"{head} {header}{self._remark()}", *body, *[""] * self._one_in(3)]
        if value is None and self._one_in(2):
            return [head + self._remark()]
        return [f"{head} {self._scalar(value)}{self._remark()}"]

    def flow(self, value: Json) -> str:
        if isinstance(value, dict):
            separator = self._draw(st.sampled_from([", ", ",", " , "]))
            pairs = (f"{self._scalar(key)}: {self.flow(part)}" for key, part in value.items())
            return "{" + separator.join(pairs) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self.flow, value)) + "]"
        return self._scalar(value)

    def _scalar(self, value: Json) -> str:
        if value in {"a", "b", "c", "name", "x", "18:00", "yes"} and self._one_in(2):
            return str(value)
        if value in {"a", "b", "c", "name", "x", "18:00", "yes", "it's"} and self._one_in(2):
            return "'" + str(value).replace("'", "''") + "'"
        return json.dumps(value)

    def _remarks(self, margin: str) -> list[str]:
        return self._draw(st.sampled_from([[], [], [], [f"{margin}# remark"], [""]]))

    def _remark(self) -> str:
        return self._draw(st.sampled_from(["", "", "  # remark", " # it's: {a}"]))

    def _one_in(self, many: int) -> bool:
        return self._draw(st.integers(1, many)) == many
