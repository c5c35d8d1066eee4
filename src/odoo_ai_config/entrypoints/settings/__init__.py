"""
What the operator can set, and where it is read from.

Flags win over the environment, the environment over ``.env``, and that over the YAML file.
"""

from __future__ import annotations

from odoo_ai_config.entrypoints.settings.errors import SettingsError
from odoo_ai_config.entrypoints.settings.reading import read_layers, read_settings
from odoo_ai_config.entrypoints.settings.schema import (
    PREFIX,
    Settings,
    StoreLocation,
    setting_names,
)
from odoo_ai_config.entrypoints.settings.sources import Origin, SettingLayers, SettingState

__all__ = [
    "PREFIX",
    "Origin",
    "SettingLayers",
    "SettingState",
    "Settings",
    "SettingsError",
    "StoreLocation",
    "read_layers",
    "read_settings",
    "setting_names",
]
