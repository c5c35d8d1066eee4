"""
The refusal of a setting.
"""

from __future__ import annotations


class SettingsError(Exception):
    """
    A setting cannot be used. The text is for the operator and names the setting, never its value.
    """
