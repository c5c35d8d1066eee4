"""
The operator's settings and their sources.

Flags win over the environment, the environment over ``.env``, and that over the YAML file.
"""

from __future__ import annotations

from odoo_ai_config.entrypoints.settings.schema import (
    PREFIX,
    SCHEMA,
    Settings,
    SettingsError,
    StoreLocation,
)
from odoo_ai_config.entrypoints.settings.sources import (
    SettingSources,
    SettingState,
    Source,
    read_settings,
    read_sources,
)

__all__ = [
    "PREFIX",
    "SCHEMA",
    "SettingSources",
    "SettingState",
    "Settings",
    "SettingsError",
    "Source",
    "StoreLocation",
    "read_settings",
    "read_sources",
]
