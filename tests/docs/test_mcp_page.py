"""
The page about MCP lists the tools that there are, with their scopes.
"""

from __future__ import annotations

import re
from typing import Final

from odoo_ai_config.entrypoints.http.mcp.tools import TOOLS
from tests.source_tree import ROOT

_ROW: Final = re.compile(r"^\| `(\w+)` \| `([a-z:]+)` \|", re.MULTILINE)


def test_page_lists_every_tool_with_its_scope_those_that_change_something_last() -> None:
    listed = _ROW.findall((ROOT / "docs" / "mcp.md").read_text("utf-8"))
    assert listed == [(name, tool.scope.value) for name, tool in TOOLS.items()]
    changing = [tool.changes for tool in TOOLS.values()]
    assert changing == [False] * 10 + [True] * 5
