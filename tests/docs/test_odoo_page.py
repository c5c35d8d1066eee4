"""
The integrator's page knows every message of the Odoo add-on, and shows its forms.
"""

from __future__ import annotations

import ast
import re
import struct
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

from tests.source_tree import ROOT

PAGE: Final = (ROOT / "docs" / "odoo.md").read_text("utf-8")
TRANSLATIONS: Final = sorted((ROOT / "odoo_addons").glob("*/i18n/pt_BR.po"))
PICTURES: Final = ROOT / "docs" / "images" / "odoo"

ENTRY = re.compile(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n?)+)', re.MULTILINE)
ROW = re.compile(r"^\| (.+?) \| (.+?) \| (.+) \|$", re.MULTILINE)
PICTURE = re.compile(r"!\[(.*?)\]\((.*?)\)")
# Shorter texts are labels.
SHORTEST = 6
NO_PROBLEMS = {
    "Account %(account)s, inboxes without a line of their own",
    "Accounts where nobody has a channel",
    (
        "Nothing would change: the hub already has exactly this. Change something here, "
        "and ask again."
    ),
    "The hub answers, and accepts the key.",
    "The hub had lost %(lost)s records. They are sent again.",
    "The hub has everything that it acknowledged.",
    "The hub would accept this, and no message would go elsewhere.",
    "There may be more than is shown here.",
    "These messages would go elsewhere:",
}
WIDEST = 1280
LARGEST = 120 * 1024


@frozen
class Message:
    english: str
    portuguese: str

    def begins(self, english: str, portuguese: str) -> bool:
        return begins(self.english, english) and begins(self.portuguese, portuguese)


def begins(message: str, shown: str) -> bool:
    """
    Whether *message* begins as the page shows it, where ``...`` stands for any text.
    """
    pattern = re.escape(shown).replace(re.escape("..."), r"%\(\w+\)s")
    return re.match(pattern, message) is not None


@frozen
class Entry:
    """
    One entry of a translation file.
    """

    comments: str
    message: Message

    @property
    def tells_of_a_problem(self) -> bool:
        english = self.message.english
        return (
            "odoo-python" in self.comments
            and len(english.split()) >= SHORTEST
            and not english[0].islower()
            and english not in NO_PROBLEMS
        )


def entries(path: Path) -> list[Entry]:
    found = []
    for block in path.read_text("utf-8").split("\n\n")[1:]:
        entry = ENTRY.search(block)
        assert entry is not None, block
        texts = (
            "".join(ast.literal_eval(line) for line in text.splitlines())
            for text in entry.groups()
        )
        found.append(Entry(block[: entry.start()], Message(*texts)))
    return found


ENTRIES: Final = [entry for path in TRANSLATIONS for entry in entries(path)]
PROBLEMS: Final = {entry.message for entry in ENTRIES if entry.tells_of_a_problem}


def rows() -> list[tuple[str, str]]:
    section = PAGE.partition("## Mensagens / Messages\n")[2].partition("\n## ")[0]
    shown = [(row[1], row[2]) for row in ROW.finditer(section)]
    return [row for row in shown if row not in {("mensagem", "message"), ("---", "---")}]


@pytest.mark.parametrize(
    "message", sorted(PROBLEMS, key=str), ids=lambda message: message.english[:60]
)
def test_every_message_that_tells_of_a_problem_is_explained(message: Message) -> None:
    explained = [row for row in rows() if message.begins(english=row[1], portuguese=row[0])]
    assert len(explained) == 1, explained


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[1][:60])
def test_every_message_that_is_explained_exists(row: tuple[str, str]) -> None:
    assert any(entry.message.begins(english=row[1], portuguese=row[0]) for entry in ENTRIES)


@pytest.mark.parametrize("path", TRANSLATIONS, ids=lambda path: path.parts[-3])
def test_everything_that_can_be_translated_is(path: Path) -> None:
    messages = [entry.message for entry in entries(path)]
    assert [message.english for message in messages if not message.portuguese] == []
    [template] = path.parent.glob("*.pot")
    sources = [entry.message.english for entry in entries(template)]
    assert [message.english for message in messages] == sources


def test_every_picture_is_shown_in_both_languages_and_described() -> None:
    portuguese, _, english = PAGE.partition("\n## In English\n")
    names = sorted(f"images/odoo/{path.name}" for path in PICTURES.iterdir())
    for part in (portuguese, english):
        shown = PICTURE.findall(part)
        assert sorted(name for _, name in shown) == names
        assert all(description for description, _ in shown)


@pytest.mark.parametrize("path", sorted(PICTURES.iterdir()), ids=lambda path: path.stem)
def test_picture_is_small_enough_for_a_page(path: Path) -> None:
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG")
    [width] = struct.unpack(">I", content[16:20])
    assert width <= WIDEST
    assert len(content) <= LARGEST


@pytest.mark.parametrize(
    "reader",
    [
        "mail.group_mail_template_editor",
        "mail.restrict.template.rendering",
        "website.group_website_designer",
        "ai_hub_secret",
    ],
)
def test_both_languages_say_who_can_read_secrets_past_their_rights(reader: str) -> None:
    portuguese, _, english = PAGE.partition("\n## In English\n")
    assert reader in portuguese.partition("\n### Quem pode ler os segredos\n")[2]
    assert reader in english.partition("\n### Who can read the secrets\n")[2]
