"""Logging: one line per fact on standard error, for a person or for the journal.

Under systemd each line carries its priority as sd-daemon's `<N>` prefix and no time, which the journal adds. Secrets
never reach a record: whoever logs gets them only inside SecretStr or not at all.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Final

_PRIORITY: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class JournalFormatter(logging.Formatter):
    """`<priority>name: message`; continuation lines get the prefix too, or the journal would file them as info."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{_PRIORITY.get(record.levelno, 6)}>"
        return "\n".join(prefix + line for line in super().format(record).splitlines())


def set_up(level: int = logging.INFO) -> None:
    """Send all records of at least `level` to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    if "JOURNAL_STREAM" in os.environ:
        handler.setFormatter(JournalFormatter("%(name)s: %(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
