"""
What the hub knows about a conversation: who has it, and who wrote when.
"""

from __future__ import annotations

import enum
from typing import Final

# Chatwoot has no limits for these. What is above is not kept, so that a record stays small.
MOST_LABELS: Final = 50
LONGEST_LABEL: Final = 100


class Status(enum.Enum):
    """
    Chatwoot's status of a conversation. A pending one is a bot's.
    """

    OPEN = "open"
    PENDING = "pending"
    RESOLVED = "resolved"
    SNOOZED = "snoozed"
