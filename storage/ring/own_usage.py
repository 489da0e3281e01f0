"""What edged keeps on a volume beside footage: the ledger's mirror, and the sidecars of pins. Blocking.

Looked at again only where a file came or went: a day's file of the ledger, its head every ten minutes, a pin. The links
of a pin are footage that counts already. No link of a stranger's is followed (S10).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Final

from storage.files.open_beneath import inside
from storage.ledger import checkpoint_files
from storage.pins.links import PINS_NAME, SIDECAR_NAME
from storage.volumes.volume import Volume

BLOCK: Final = 512
"""What `st_blocks` counts in."""


class OwnUsage:
    """Of all volumes; remembers what it saw."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[int, int]] = {}
        """By volume and directory: when that changed last, and the bytes that it and what is in it take."""

    def bytes_on(self, volume: Volume) -> int:
        """Bytes of the file system; 0 where nobody can tell."""
        with suppress(OSError), volume.held() as fd:
            ledger = self._looked((volume.id, checkpoint_files.NAME), fd, ("",))
            return ledger + self._looked((volume.id, PINS_NAME), fd, ("", f"/{SIDECAR_NAME}"))
        return 0

    def _looked(self, key: tuple[str, str], volume: int, parts: tuple[str, ...]) -> int:
        """`parts`: what counts of each entry, by what its path ends with."""
        with suppress(FileNotFoundError), inside(volume, PurePosixPath(key[1])) as directory:
            here = os.fstat(directory)
            if key not in self._seen or self._seen[key][0] != here.st_mtime_ns:
                paths = [f"{entry.name}{part}" for entry in os.scandir(directory) for part in parts]
                taken = here.st_blocks * BLOCK + sum(_taken(directory, path) for path in paths)
                self._seen[key] = (here.st_mtime_ns, taken)
            return self._seen[key][1]
        return 0


def _taken(directory: int, path: str) -> int:
    with suppress(OSError):
        return os.stat(path, dir_fd=directory, follow_symlinks=False).st_blocks * BLOCK
    return 0
