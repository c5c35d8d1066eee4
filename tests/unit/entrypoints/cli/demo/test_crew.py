from __future__ import annotations

import pytest

from odoo_ai_config.domain.messages.answer_bodies import answer_in
from odoo_ai_config.domain.messages.answers import Answer, action_of, steps_of
from odoo_ai_config.entrypoints.cli.demo import crew
from odoo_ai_config.entrypoints.cli.demo.desk import FOLDER, DeskFile
from odoo_ai_config.entrypoints.http.platform.pages import packaged


@pytest.mark.parametrize(
    ("said", "actions"),
    [
        ("Qual o horário?", ["message"]),
        ("Quanto custa?", ["note", "message"]),
        ("Boné", ["message"]),
        ("Camiseta", ["message"]),
        ("Pense devagar", ["message"]),
        ("Quero falar com uma pessoa", ["message", "labels", "note", "status"]),
        ("atendente!", ["message", "labels", "note", "status"]),
        ("Bom dia", ["message"]),
        ("", ["message"]),
    ],
)
def test_hub_understands_each_answer(said: str, actions: list[str]) -> None:
    task = {"text": said, "attachments": []}
    answer = answer_in(crew.answer_to(crew.said_in(task)))
    assert isinstance(answer, Answer)
    assert [action_of(step) for step in steps_of(answer)] == actions


def test_voice_counts_as_text_and_a_place_as_one() -> None:
    voice = {"transcription": "Qual o HORÁRIO?", "location": None}
    place = {"transcription": None, "location": {"latitude": -23.5, "longitude": -46.6}}
    hours = crew.answer_to("horário")
    assert crew.answer_to(crew.said_in({"text": None, "attachments": [voice]})) == hours
    assert "local" in str(crew.answer_to(crew.said_in({"text": None, "attachments": [place]})))


def test_phrases_of_the_page_are_answered() -> None:
    script = packaged(FOLDER, DeskFile.SCRIPT).content.decode()
    line = next(line for line in script.splitlines() if line.startswith("const PHRASES"))
    phrases = line.split('"')[1::2]
    answers = [str(crew.answer_to(phrase.lower())) for phrase in phrases]
    assert len({*answers, str(crew.answer_to(""))}) == len(phrases) + 1
