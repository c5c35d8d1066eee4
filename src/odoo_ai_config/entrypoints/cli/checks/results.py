"""
The result of a check, as `doctor` prints it.
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import Final

from attrs import frozen


class CheckStatus(Enum):
    """
    The status of a check.
    """

    PASSED = "ok"
    WARNING = "aviso"
    FAILED = "falha"


@frozen
class CheckResult:
    """
    One line of the report; *advice* says what to do if something is wrong.
    """

    status: CheckStatus
    subject: str
    text: str
    advice: str = ""

    def __str__(self) -> str:
        advice = f" -> {self.advice}" if self.advice else ""
        return f"{self.status.value:5}  {self.subject}: {self.text}{advice}"


passed: Final = partial(CheckResult, CheckStatus.PASSED)
warning: Final = partial(CheckResult, CheckStatus.WARNING)
failed: Final = partial(CheckResult, CheckStatus.FAILED)
