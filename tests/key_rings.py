from __future__ import annotations

import hashlib

from odoo_ai_config.adapters.crypto.key_ring import KeyRing, MasterKey
from odoo_ai_config.adapters.crypto.key_ring_file import KeyRingSetting


def master_key(name: str) -> MasterKey:
    """
    The master key of this name, the same in every test.
    """
    return MasterKey(hashlib.sha256(name.encode()).digest())


def fixed_ring(*names: str) -> KeyRingSetting:
    """
    A ring of the master keys of these names; the first is current.
    """
    return KeyRingSetting(KeyRing.of(*map(master_key, names)))
