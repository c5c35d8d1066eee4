"""
Runs the examples of the documentation as readers would.

The language of a fence says what it contains:

- ``python``: the blocks of a page make one program, in which ``await`` may stand at the top
  level, as in ``python -m asyncio``. A comment behind a ``print`` is what it prints.
- ``bash`` and ``sh``: the blocks of a page are one shell session beside a new server. A comment
  behind a ``curl`` is the status of its answer, 200 by default.
- ``json`` directly after ``bash``: the whole output of the block; ``...`` stands for any text.
- ``py``: Python that needs another program around it; only its syntax is checked here, and the
  tests of some pages run it.
- Other languages are not run.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from odoo_ai_config.entrypoints.settings import SettingSources
from tests.e2e.hub_process import PATIENCE, HubProcess, environment, serving
from tests.source_tree import ROOT

# The Portuguese README has the same examples as the English one.
# Their programs use a hub that is elsewhere.
REMOTE = [ROOT / "docs" / "client.md", ROOT / "docs" / "client.pt-BR.md"]
PAGES = [
    ROOT / "README.md",
    *REMOTE,
    ROOT / "docs" / "crews.md",
    ROOT / "docs" / "crews.pt-BR.md",
    ROOT / "docs" / "http-api.md",
    ROOT / "docs" / "lgpd.md",
    ROOT / "docs" / "lgpd.pt-BR.md",
    ROOT / "docs" / "library.md",
    ROOT / "docs" / "mcp.md",
    ROOT / "docs" / "mcp.pt-BR.md",
    ROOT / "docs" / "odoo-api.md",
    ROOT / "docs" / "webhooks.md",
]
FENCE = re.compile(r"^```([\w-]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
REQUEST = re.compile(r"^curl (?:[^'\n]|'[^']*')*$", re.MULTILINE)
EXPECTED = re.compile(r"# (\d{3})$")
ANSWERED = re.compile(r"^HTTP (\d{3})$", re.MULTILINE)
PRINTED = re.compile(r"^ *print\(.*\)  # (.*)$", re.MULTILINE)
SETTING = re.compile(r"^\| `([A-Z_]+)` \| (?:`(.*?)`)? *\| (.*) \|$", re.MULTILINE)
INSTALLED = re.compile(r"`(pip install [^`\n]*odoo-ai-config)`")
SHELL = {"bash", "sh"}
NOT_RUN = {"text", "json", "yaml", "http", "ini", "nginx", "py"}
BINARIES = Path(sys.executable).parent

RUNNER = """
import ast, asyncio, sys, types
with open(sys.argv[1], encoding="utf-8") as file:
    code = compile(file.read(), sys.argv[1], "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
result = types.FunctionType(code, {"__name__": "__main__"})()
if asyncio.iscoroutine(result):
    asyncio.run(result)
"""
SESSION = r"""
set -euo pipefail
curl() { command curl -q -sS -w '%{stderr}HTTP %{http_code}\n' "$@"; }
"""
NEXT_BLOCK = "~~~ next block ~~~"


@frozen
class Block:
    """
    A fence, and the output that the page shows below it.
    """

    language: str
    text: str
    output: str | None


def blocks_in(page: str) -> list[Block]:
    fences = list(FENCE.finditer(page))
    blocks = []
    for fence, following in zip(fences, [*fences[1:], None], strict=True):
        output = None
        if (
            following is not None
            and (fence[1], following[1]) == ("bash", "json")
            and not page[fence.end() : following.start()].strip()
        ):
            output = following[2]
        blocks.append(Block(fence[1], fence[2], output))
    return blocks


def pages_with(*languages: str) -> list[Path]:
    return [
        page
        for page in PAGES
        if any(block.language in languages for block in blocks_in(page.read_text("utf-8")))
    ]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def run_program(page: str, folder: Path) -> None:
    """
    Run the Python blocks of *page*, and compare their output with their comments.
    """
    source = "\n".join(block.text for block in blocks_in(page) if block.language == "python")
    program = folder / "page.py"
    program.write_text(source, encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUNNER, str(program)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == PRINTED.findall(source)


def run_session(page: str, hub: HubProcess) -> None:
    """
    Run the shell blocks of *page*, and compare their output with that on the page.
    """
    blocks = [block for block in blocks_in(page) if block.language in SHELL]
    script = f"echo '{NEXT_BLOCK}'\n".join(block.text for block in blocks)
    for written, meant in {
        "localhost:8000": f"localhost:{hub.port}",
        "var/api-key": str(hub.folder / "var" / "api-key"),
        ".venv/bin/": f"{BINARIES}/",
    }.items():
        script = script.replace(written, meant)
    finished = subprocess.run(
        ["bash", "-c", SESSION + script],
        cwd=ROOT,
        env=environment(
            PATH=f"{BINARIES}{os.pathsep}{os.environ['PATH']}",
            SERVER_PORT=str(hub.port),
            ODOO_AI_CONFIG_DATA_DIR=str(hub.folder / "var"),
        ),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    expected = [EXPECTED.search(request) for request in REQUEST.findall(script)]
    statuses = ["200" if comment is None else comment[1] for comment in expected]
    assert ANSWERED.findall(finished.stderr) == statuses, finished.stdout
    outputs = finished.stdout.split(f"{NEXT_BLOCK}\n")
    for block, output in zip(blocks, outputs, strict=True):
        if block.output is not None:
            printed = json.loads(output)
            assert agrees(json.loads(block.output), printed), (block.output, printed)


def agrees(shown: Any, printed: Any) -> bool:
    """
    Whether *printed* matches *shown*, where ``...`` stands for any text.
    """
    if isinstance(shown, dict) and isinstance(printed, dict):
        return shown.keys() == printed.keys() and all(
            agrees(value, printed[key]) for key, value in shown.items()
        )
    if isinstance(shown, list) and isinstance(printed, list):
        return len(shown) == len(printed) and all(map(agrees, shown, printed))
    if isinstance(shown, str) and isinstance(printed, str):
        pattern = ".*".join(map(re.escape, shown.split("...")))
        return re.fullmatch(pattern, printed, re.DOTALL) is not None
    return type(shown) is type(printed) and bool(shown == printed)


@pytest.mark.parametrize(
    "page", [page for page in pages_with("python") if page not in REMOTE], ids=name_of
)
def test_programs_print_what_they_say(page: Path, tmp_path: Path) -> None:
    run_program(page.read_text("utf-8"), tmp_path)


@pytest.mark.parametrize("page", REMOTE, ids=name_of)
def test_programs_with_a_hub_elsewhere_print_what_they_say(page: Path, tmp_path: Path) -> None:
    with serving(tmp_path) as hub:
        key = hub.api_key
        text = page.read_text("utf-8").replace('"hub-key"', repr(key))
        run_program(text.replace("https://hub.example.com", hub.url), tmp_path)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    """
    A new server, on a machine with the programs that the examples need.
    """
    if shutil.which("bash") is None or shutil.which("curl") is None:
        reason = "bash or curl is missing"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with serving(tmp_path) as hub:
        yield hub


@pytest.mark.parametrize("page", pages_with(*SHELL), ids=name_of)
def test_commands_work_beside_a_new_server(page: Path, hub: HubProcess) -> None:
    run_session(page.read_text("utf-8"), hub)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_example_says_whether_it_runs(page: Path) -> None:
    languages = {block.language for block in blocks_in(page.read_text("utf-8"))}
    assert languages <= {"python"} | SHELL | NOT_RUN


@pytest.mark.parametrize("page", pages_with("py"), ids=name_of)
def test_python_for_other_programs_can_be_parsed(page: Path) -> None:
    for block in blocks_in(page.read_text("utf-8")):
        if block.language == "py":
            ast.parse(block.text)


def test_readmes_list_the_settings_with_their_defaults() -> None:
    settings = [(state.variable, state.default) for state in SettingSources({}).states()]
    for name in ("README.md", "README.pt-BR.md"):
        rows = SETTING.findall((ROOT / name).read_text("utf-8"))
        assert [(variable, default) for variable, default, _ in rows] == settings


@pytest.mark.parametrize("language", [".pt-BR.md", ".md"])
def test_all_pages_install_the_package_in_the_same_way(language: str) -> None:
    readme = ROOT / f"README{language}"
    told = {
        command
        for page in (readme, *(ROOT / "docs").glob("*.md"))
        if (".pt-BR" in page.name) == (".pt-BR" in language)
        for command in INSTALLED.findall(page.read_text("utf-8"))
    }
    assert told == set(INSTALLED.findall(readme.read_text("utf-8")))


def test_portuguese_readme_explains_the_settings_as_the_program_does() -> None:
    helps = [state.help for state in SettingSources({}).states()]
    rows = SETTING.findall((ROOT / "README.pt-BR.md").read_text("utf-8"))
    assert [text for _, _, text in rows] == helps


@pytest.mark.parametrize(
    "program",
    ["print(1 + 1)  # 3", "print(1)", "raise ValueError", "await nothing()"],
)
def test_example_that_is_wrong_is_caught(program: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run_program(f"```python\n{program}\n```\n", tmp_path)


@pytest.mark.parametrize(
    "block",
    [
        "```sh\nfalse\n```\n",
        "```sh\ncurl localhost:8000/nowhere\n```\n",
        "```sh\ncurl localhost:8000/health  # 404\n```\n",
        '```bash\ncurl localhost:8000/health\n```\n\n```json\n{"status": "ill"}\n```\n',
    ],
    ids=["failing", "refused", "status", "output"],
)
def test_commands_that_are_wrong_are_caught(block: str, hub: HubProcess) -> None:
    good = '```bash\ncurl localhost:8000/health\n```\n\n```json\n{"status": "h...y"}\n```\n'
    run_session(good, hub)
    with pytest.raises(AssertionError):
        run_session(good + block, hub)


def test_example_that_awaits_at_the_top_level_is_run(tmp_path: Path) -> None:
    page = (
        "```python\nimport asyncio\n```\n```python\nawait asyncio.sleep(0)\nprint(2)  # 2\n```\n"
    )
    run_program(page, tmp_path)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": 1, "b": 1}),
        ({"a": 1}, {"a": True}),
        (["x", "y"], ["x"]),
        ("sealed:...", "open"),
        ("1.0", "1x0"),
    ],
)
def test_output_that_differs_is_seen(shown: object, printed: object) -> None:
    assert not agrees(shown, printed)


def test_dots_stand_for_any_text() -> None:
    assert agrees({"a": ["sealed:...", 1]}, {"a": ["sealed:0f", 1]})
