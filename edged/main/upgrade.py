"""What script/install asks a version before the database is handed to it: `python -m edged.main.upgrade CONFIG`.

Prints the path of the database, if there is one and this version would change its form. That database, and not the code
of two versions, is what is looked at: versions may differ in all else.
"""

from __future__ import annotations

import sys
from pathlib import Path

from edged.cli.client import state_in
from storage.database.migrations import would_change
from storage.store.opening import DATABASE_NAME


def main(config: Path) -> int:
    """edged must be stopped. The configuration may have errors, or passwords that only systemd can read."""
    state = state_in(config)
    if state is None:
        sys.stderr.write(f"{config} does not say where the state directory is\n")
        return 1
    database = state / DATABASE_NAME
    if database.exists() and would_change(database):
        sys.stdout.write(f"{database}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
