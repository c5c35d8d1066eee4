"""
The operator's page names every stage of a message and every reason why one is stuck.
"""

from __future__ import annotations

import re
from typing import Final

import pytest

from odoo_ai_config.application import errors as application
from odoo_ai_config.application.delivery_steps import Trouble
from odoo_ai_config.application.message_routing import NO_ROUTE
from odoo_ai_config.domain.errors import CrewNotFoundError
from odoo_ai_config.domain.inbox import SILENT, Stage
from tests.source_tree import ROOT

PAGE: Final = (ROOT / "docs" / "operations.md").read_text("utf-8")
REASONS: Final = {
    NO_ROUTE,
    *(trouble.value for trouble in Trouble),
    *(
        error.code
        for error in (
            CrewNotFoundError,
            application.CrewRefusedError,
            application.CrewUnavailableError,
            application.TargetForbiddenError,
            application.ChatwootRefusedError,
            application.ChatwootUnavailableError,
            application.SealBrokenError,
            application.MasterKeyMissingError,
        )
    ),
}


def rows_of(heading: str) -> set[str]:
    """
    The names in the first column of the table that has *heading* over it.
    """
    table = PAGE.partition(f"| {heading} |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| ([^|]*) \|", table, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_every_reason_why_a_message_is_stuck_has_a_remedy() -> None:
    assert rows_of("reason") == REASONS


def test_every_stage_is_explained() -> None:
    assert rows_of("stage") == {stage.value for stage in Stage}
    assert f"`{SILENT}`" in PAGE


@pytest.mark.parametrize("command", ["list", "show", "replay", "discard"])
def test_every_command_for_messages_is_shown(command: str) -> None:
    assert f"odoo-ai-config messages {command} " in PAGE
