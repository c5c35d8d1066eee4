from __future__ import annotations

import difflib
from collections.abc import Callable

import pytest

from odoo_ai_config.adapters.yaml.yaml_codec import RuamelYamlCodec
from odoo_ai_config.domain.json_types import Json, JsonObject

CODEC = RuamelYamlCodec()

AUTHORED = """\
# Loja Exemplo: mantido por Ana
account_id: "123"   # do not change
name: 'Loja Exemplo'

# how to reach the systems
integrations:
    mcp:
        type: odoo-mcp     # only this one is known
        config:
            url: https://odoo.example   # test server
            db: prod
    redis: {prefix: "123", ttl: 60}  # seconds
enabled_collections:
- products      # always
# rules come last
- business_rules
hours:
  - day: monday
    open: 09:00   # a text, not a number
    close: 18:00
  - day: tuesday
    open: 09:00
greeting: |
  Olá!
  Como posso ajudar?

closing: ~    # not yet
# the end
"""


def put(*path_and_value: Json) -> Callable[[JsonObject], None]:
    *path, last, value = path_and_value

    def change(body: JsonObject) -> None:
        parent = at(body, path)
        if isinstance(parent, list):
            assert isinstance(last, int)
            parent.insert(last, value)
        else:
            parent[str(last)] = value

    return change


def drop(*path: Json) -> Callable[[JsonObject], None]:
    *path_to, last = path

    def change(body: JsonObject) -> None:
        parent = at(body, path_to)
        if isinstance(parent, list):
            assert isinstance(last, int)
            del parent[last]
        else:
            del parent[str(last)]

    return change


def at(body: JsonObject, path: list[Json]) -> JsonObject | list[Json]:
    found: JsonObject | list[Json] = body
    for step in path:
        part: Json
        if isinstance(found, list):
            assert isinstance(step, int)
            part = found[step]
        else:
            part = found[str(step)]
        assert isinstance(part, (dict, list))
        found = part
    return found


def changed_lines(before: str, after: str) -> list[str]:
    return [
        line
        for line in difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
        if not line.startswith(("---", "+++", "@@"))
    ]


def amended(text: str, change: Callable[[JsonObject], None]) -> list[str]:
    body = CODEC.parse(text)
    change(body)
    after = CODEC.amend(text, body)
    assert CODEC.parse(after) == body
    return changed_lines(text, after)


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        pytest.param(
            put("name", "Loja Nova"),
            ["-name: 'Loja Exemplo'", "+name: 'Loja Nova'"],
            id="a value keeps its quotes",
        ),
        pytest.param(
            put("integrations", "mcp", "config", "url", "https://new.example"),
            [
                "-            url: https://odoo.example   # test server",
                "+            url: https://new.example   # test server",
            ],
            id="a value keeps the comment beside it",
        ),
        pytest.param(
            put("integrations", "mcp", "config", "username", "ana"),
            ["+            username: ana"],
            id="a new key goes to the end of its mapping, in its indent",
        ),
        pytest.param(
            put("integrations", "redis", "prefix", "456"),
            [
                '-    redis: {prefix: "123", ttl: 60}  # seconds',
                '+    redis: {prefix: "456", ttl: 60}  # seconds',
            ],
            id="a flow mapping stays one",
        ),
        pytest.param(
            put("integrations", "redis", "db", 1),
            [
                '-    redis: {prefix: "123", ttl: 60}  # seconds',
                '+    redis: {prefix: "123", ttl: 60, db: 1}  # seconds',
            ],
            id="a flow mapping takes a new key",
        ),
        pytest.param(
            drop("integrations", "redis", "prefix"),
            [
                '-    redis: {prefix: "123", ttl: 60}  # seconds',
                "+    redis: {ttl: 60}  # seconds",
            ],
            id="a flow mapping loses a key",
        ),
        pytest.param(
            put("integrations", "qdrant", {"collection": "rules", "hosts": ["a", "b"]}),
            [
                "+    qdrant:",
                "+      collection: rules",
                "+      hosts:",
                "+        - a",
                "+        - b",
            ],
            id="a new section",
        ),
        pytest.param(
            drop("integrations", "mcp", "type"),
            ["-        type: odoo-mcp     # only this one is known"],
            id="a removed key takes its own comment along",
        ),
        pytest.param(
            put("enabled_collections", 1, "support"),
            ["+- support"],
            id="an item in the middle",
        ),
        pytest.param(
            put("enabled_collections", 2, "18:00"),
            ['+- "18:00"'],
            id="an item at the end that has to be quoted",
        ),
        pytest.param(
            drop("enabled_collections", 0),
            ["-- products      # always"],
            id="the first item",
        ),
        pytest.param(
            drop("hours", 0, "day"),
            [
                "-  - day: monday",
                "-    open: 09:00   # a text, not a number",
                "+  - open: 09:00   # a text, not a number",
            ],
            id="the key on the line of its dash",
        ),
        pytest.param(
            drop("hours", 0),
            ["-  - day: monday", "-    open: 09:00   # a text, not a number", "-    close: 18:00"],
            id="an item of several lines",
        ),
        pytest.param(
            put("greeting", "Oi!\nTudo bem?\n"),
            ["-  Olá!", "-  Como posso ajudar?", "+  Oi!", "+  Tudo bem?"],
            id="a text of several lines stays one",
        ),
        pytest.param(
            put("closing", "Até logo"),
            ["-closing: ~    # not yet", "+closing: Até logo    # not yet"],
            id="null becomes a text",
        ),
        pytest.param(
            put("closing", {"text": "Tchau"}),
            ["-closing: ~    # not yet", "+closing:    # not yet", "+  text: Tchau"],
            id="null becomes a section",
        ),
        pytest.param(
            put("integrations", "mcp", None),
            [
                "-    mcp:",
                "-        type: odoo-mcp     # only this one is known",
                "-        config:",
                "-            url: https://odoo.example   # test server",
                "-            db: prod",
                "+    mcp: null",
            ],
            id="a section becomes null",
        ),
    ],
)
def test_only_the_lines_of_the_change_are_touched(
    change: Callable[[JsonObject], None], lines: list[str]
) -> None:
    assert amended(AUTHORED, change) == lines


def test_every_comment_survives_a_sync_that_changes_every_value() -> None:
    body = CODEC.parse(AUTHORED)
    body |= {"account_id": "9", "name": "x", "greeting": "y", "closing": 1, "description": "new"}
    mcp: JsonObject = {"type": "t", "config": {"url": "u", "db": "d", "credential_ref": "r"}}
    body["integrations"] = {"mcp": mcp, "redis": {"prefix": "9", "ttl": 1}}

    after = CODEC.amend(AUTHORED, body)

    assert CODEC.parse(after) == body
    assert [line.split("#")[1] for line in after.splitlines() if "#" in line] == [
        line.split("#")[1] for line in AUTHORED.splitlines() if "#" in line
    ]


def test_lines_keep_their_windows_breaks_and_byte_order_mark() -> None:
    text = "\ufeff# top\r\na: 1 # one\r\nb: |\r\n  x\r\n  y\r\n"

    after = CODEC.amend(text, {"a": 2, "b": "x\ny\n", "c": 3})

    assert after == "\ufeff# top\r\na: 2 # one\r\nb: |\r\n  x\r\n  y\r\nc: 3\r\n"


def test_a_text_without_a_last_line_break_takes_new_keys() -> None:
    assert CODEC.amend("a: 1", {"a": 1, "b": 2}) == "a: 1\nb: 2\n"
    assert CODEC.parse(CODEC.amend("a: |\n  x", {"a": "x", "b": 2})) == {"a": "x", "b": 2}


def test_comments_of_an_otherwise_empty_text_survive() -> None:
    assert CODEC.amend("# to be filled in", {"a": 1}) == "# to be filled in\na: 1\n"
    assert CODEC.amend("# top\na: 1 # one\n# end\n", {}) == "# top\n# end\n"


def test_quotes_give_way_to_what_they_cannot_hold() -> None:
    assert CODEC.amend("a: 'x' # a\n", {"a": "it's"}) == "a: 'it''s' # a\n"
    assert CODEC.amend("a: 'x' # a\n", {"a": "x\ty"}) == 'a: "x\\ty" # a\n'
    assert CODEC.amend('a: "x" # a\n', {"a": 'say "y"'}) == 'a: "say \\"y\\"" # a\n'


def test_an_item_below_its_dash_keeps_its_place() -> None:
    text = "a:\n  -  # first\n    b: 1\n  - # second\n    2\n"

    assert CODEC.amend(text, {"a": [{"b": 3}, 2]}) == text.replace("b: 1", "b: 3")
    assert CODEC.amend(text, {"a": [{"b": 1}]}) == text.split("  - # second", maxsplit=1)[0]


def test_json_text_stays_json() -> None:
    text = '{\n  "a": 1,\n  "b": {"c": "x"}\n}\n'

    after = CODEC.amend(text, {"a": 1, "b": {"c": "y", "d": [1]}, "e": None})

    assert after == '{\n  "a": 1,\n  "b": {"c": "y", "d": [1]},\n  "e": null\n}\n'


DEFAULTS = """\
defaults: &defaults
  open: 09:00   # shop hours
  close: 18:00
monday:
  <<: *defaults   # as always
  close: 17:00
tuesday: *defaults
"""


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        pytest.param(
            put("monday", "open", "10:00"),
            ['+  open: "10:00"'],
            id="what was merged is overridden",
        ),
        pytest.param(
            drop("monday", "open"),
            ["-  <<: *defaults   # as always"],
            id="what was merged goes",
        ),
        pytest.param(
            put("tuesday", "open", "10:00"),
            ["-tuesday: *defaults", "+tuesday:", '+  open: "10:00"', '+  close: "18:00"'],
            id="an alias gives way to what differs",
        ),
        pytest.param(
            put("defaults", "open", "08:00"),
            [
                "-  open: 09:00   # shop hours",
                '+  open: "08:00"   # shop hours',
                "-tuesday: *defaults",
                '+  open: "09:00"',
                "+tuesday:",
                '+  open: "09:00"',
                '+  close: "18:00"',
            ],
            id="what hung on the anchor stays what it was",
        ),
    ],
)
def test_aliases_and_merge_keys_are_kept_where_they_still_hold(
    change: Callable[[JsonObject], None], lines: list[str]
) -> None:
    assert amended(DEFAULTS, change) == lines


def test_a_change_of_an_anchor_reaches_all_that_should_follow() -> None:
    body = CODEC.parse(DEFAULTS)
    for day in ("defaults", "monday", "tuesday"):
        hours = body[day]
        assert isinstance(hours, dict)
        hours["open"] = "noon"

    assert changed_lines(DEFAULTS, CODEC.amend(DEFAULTS, body)) == [
        "-  open: 09:00   # shop hours",
        "+  open: noon   # shop hours",
    ]
