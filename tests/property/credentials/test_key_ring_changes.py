from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

from odoo_ai_config.adapters.crypto.key_ring import KeyRing
from odoo_ai_config.adapters.crypto.key_ring_file import KeyRingFile
from odoo_ai_config.adapters.crypto.secret_vault import AesGcmSecretVault
from odoo_ai_config.application.ports.secret_vault import RingTrouble
from odoo_ai_config.domain.credentials.secrets import TenantKey
from tests.contract.secret_vault_contract import NOW, SECRET, TENANT, context
from tests.stand_ins.clock import ManualClock

# The steps of an operator, and the failures between them.
STEPS = ("add", "rotate", "retire")
MISHAPS = {
    "foreign": RingTrouble.FOREIGN,
    "removed": RingTrouble.MISSING,
    "damaged": RingTrouble.UNUSABLE,
    "shared": RingTrouble.UNUSABLE,
}


def spoil(path: Path, mishap: str) -> None:
    if mishap == "removed":
        path.unlink()
    elif mishap == "damaged":
        path.write_bytes(path.read_bytes()[:-5])
    elif mishap == "shared":
        path.chmod(0o644)
    else:
        elsewhere = path.with_name("elsewhere.json")
        elsewhere.unlink(missing_ok=True)
        KeyRingFile(elsewhere, ManualClock(NOW)).ring()
        elsewhere.replace(path)


def restore(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.touch(0o600)
    path.write_bytes(content)


@given(
    events=st.lists(st.sampled_from([*STEPS, *MISHAPS]), max_size=12),
    looking=st.lists(st.booleans(), min_size=12, max_size=12),
)
# It sleeps while its master key is replaced and retired, and wakes up to a spoiled file.
@example(["add", "add", "rotate", "retire", "foreign"], [False] * 4 + [True])
@example(["add", "rotate", "retire", "removed"], [False] * 3 + [True])
@example(["add", "rotate", "retire", "foreign", "damaged"], [False] * 3 + [True] * 2)
def test_right_key_ring_opens_everything_whatever_happens_to_its_file(
    events: list[str], looking: list[bool]
) -> None:
    """
    Two processes: one reads the key ring after every event, the other one now and then.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "keyring.json"
        operator = KeyRingFile(path, ManualClock(NOW))
        operator.ring()
        awake, drowsy = (AesGcmSecretVault(KeyRingFile(path, ManualClock(NOW))) for _ in range(2))
        stored: list[TenantKey] = []
        for vault in (awake, drowsy):
            vault.ensure_ring()
        for event, both in zip(events, looking, strict=False):
            right = path.read_bytes()
            vaults = (awake, drowsy) if both else (awake,)
            if event in MISHAPS:
                valid = operator.ring().ids
                spoil(path, event)
                for vault in vaults:
                    assert vault.ring_trouble is MISHAPS[event]
                    # docs/security.md has every process see a rotation before a key is retired.
                    # One that slept through both, and wakes up to a spoiled file, cannot know it.
                    if vault.current_master_id in valid:
                        stored.append(vault.new_tenant_key(TENANT, at=NOW))
                restore(path, right)
            elif event == "add":
                operator.add()
            elif event == "rotate":
                operator.make_current(operator.ring().newest.id)
            else:
                # In the order of docs/security.md: a key is retired when nothing needs it.
                stored = [AesGcmSecretVault(operator).rewrap(key) for key in stored]
                _retire(operator, path)
            for vault in vaults:
                vault.adopt_ring({key.master_id for key in stored})
                assert vault.ring_trouble is None
                stored.append(vault.new_tenant_key(TENANT, at=NOW))
                assert vault.current_master_id == operator.ring().current_id
        started = AesGcmSecretVault(KeyRingFile(path, ManualClock(NOW)))
        for key in stored:
            assert started.unseal(key, started.seal(key, context(), SECRET)) == SECRET


def _retire(operator: KeyRingFile, path: Path) -> None:
    ring = operator.ring()
    if len(ring.keys) > 1:
        operator._write(evolve(KeyRing.of(ring.current)))
        assert operator.ring().ids == (ring.current_id,)
