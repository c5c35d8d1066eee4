from __future__ import annotations

import json
import sys

import pytest

from odoo_ai_config.entrypoints.cli.terminal import say, say_json, say_table, say_text, tell

# Characters that move the cursor, end a line, reverse or hide text, or are not text.
UNSEEN = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\ufeff\ud800\udfff",
    "\U000e0041",
]
SEEN = "Ação ç 名 👩\u200d💻 ~"


@pytest.mark.parametrize("character", UNSEEN, ids=ascii)
def test_nothing_unseen_of_a_name_reaches_the_terminal(
    character: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"a{character}b"
    say(name)
    say_table(("N", "M"), [(name, "c")])
    say_json({name: [name]})
    tell(name)
    captured = capsys.readouterr()
    assert character not in (captured.out + captured.err).replace("\n", "")
    first, _, row, *rest = captured.out.splitlines()
    written = json.dumps(character)[1:-1]
    assert (first, row) == (f"a{written}b", f"a{written}b  c")
    assert json.loads("\n".join(rest)) == {name: [name]}
    assert captured.err == f"a{written}b\n"


def test_text_of_people_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    say(SEEN)
    say_table((), [])
    say_json(SEEN)
    tell(SEEN)
    captured = capsys.readouterr()
    assert captured.out.split("\n") == [SEEN, "", f'"{SEEN}"', ""]
    assert captured.err == f"{SEEN}\n"


@pytest.mark.parametrize(
    ("terminal_", "shown"), [(False, "a: \u202eb\t\nc"), (True, "a: \\u202eb\\t\nc")]
)
def test_document_is_changed_on_a_terminal_only(
    terminal_: bool,
    shown: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal_)
    say_text("a: \u202eb\t\nc")
    assert capsys.readouterr().out == shown + "\n"
