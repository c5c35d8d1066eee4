"""
The curl examples of the documentation, in their order, against the hub.
"""

from __future__ import annotations

import re
import shlex

from tests.source_tree import ROOT
from tests.unit.entrypoints.http.web_hub import WebHub

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^curl .*?# (\d{3})$", re.DOTALL | re.MULTILINE)


def commands() -> list[tuple[list[str], int]]:
    page = (ROOT / "docs" / "http-api.md").read_text("utf-8")
    return [
        (shlex.split(found[0], comments=True), int(found[1]))
        for block in BLOCK.findall(page)
        for found in COMMAND.finditer(block)
    ]


async def run(web: WebHub, words: list[str]) -> tuple[int, str]:
    method, data, url = "GET", None, ""
    headers = {}
    arguments = iter(words[1:])
    for word in arguments:
        if word == "-X":
            method = next(arguments)
        elif word == "-H":
            name, _, value = next(arguments).partition(": ")
            headers[name] = value.replace("$KEY", web.key)
        elif word == "-d":
            data = next(arguments)
        else:
            url = word.removeprefix("$HUB")
    answer = await web.client.request(method, url, data=data, headers=headers)
    return answer.status, await answer.text()


async def test_every_example_is_answered_as_the_page_says(web: WebHub) -> None:
    examples = commands()
    assert len(examples) > 20
    for words, status in examples:
        answered, text = await run(web, words)
        assert answered == status, (words, text)
