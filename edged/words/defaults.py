"""Where things are unless the configuration or an option says otherwise. Light: `edgectl` imports it at each run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ACCOUNT: Final = "edged"
"""Which runs the daemon (systemd/edged.sysusers.conf)."""
UNIT: Final = "edged.service"
DEFAULT_CONFIG: Final = Path("/etc/edged/edged.toml")
DEFAULT_STATE: Final = Path("/var/lib/edged")
DEFAULT_SOCKET: Final = Path("/run/edged/control.sock")
DEFAULT_VOLUME: Final = Path("/srv/edged")
