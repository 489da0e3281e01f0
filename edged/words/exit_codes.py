"""Exit codes of every command (docs/edgectl.md; numbers from sysexits.h)."""

from typing import Final

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 64
UNREACHABLE: Final = 69
TRY_LATER: Final = 75
NOT_ALLOWED: Final = 77
CONFIG: Final = 78
