"""
The script that sets up a real Odoo for the add-on's tests, with stand-ins for its programs.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.source_tree import ROOT

# Stands in for programs in the lab: the mirror has Odoo, and cannot install it.
_UNSHARE = """#!/usr/bin/env bash
case "$*" in
  *"apt-cache policy"*) echo "  Candidate: 19.0"; seq 20000 ;;
  *"apt-get install --simulate"*) exit 100 ;;
esac
"""
_ID = "#!/usr/bin/env bash\necho 0\n"


def test_package_that_the_mirror_has_is_found_however_much_there_is_to_say_of_it(
    tmp_path: Path,
) -> None:
    tools, lab = tmp_path / "tools", tmp_path / "lab"
    (lab / "chroot").mkdir(parents=True)
    (lab / "chroot" / ".bootstrapped").touch()
    tools.mkdir()
    for name, script in (("unshare", _UNSHARE), ("id", _ID)):
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)

    build = subprocess.run(
        [ROOT / "scripts" / "odoo_lab" / "lab.sh", "build"],
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "ODOO_LAB": str(lab)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert build.returncode == 3
    assert "does not fit" in build.stderr
    assert "does not have" not in build.stderr
