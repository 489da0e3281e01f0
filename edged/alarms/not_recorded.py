"""Why a camera is not recorded through no fault of its own, in words. Pure."""

from __future__ import annotations

from typing import Final

from storage.words.model import GapCause

WITHHELD: Final = {
    GapCause.DISK_FULL: (
        "the disk is full",
        "what else lies on the volumes and whether one is away (`edgectl status`): free space, or add a volume",
    ),
    GapCause.FLOOR_PROTECT: (
        "the volumes are full of footage that must still be kept",
        "the size of the volumes against the floors (`edgectl retention`): add a volume, or raise max_bytes",
    ),
    GapCause.IO_ERROR: (
        "the disk does not take what is written",
        "the disk, its cable and its mount (`journalctl -k`, `smartctl -a`): replace it if it reports errors",
    ),
}
"""Troubles of the box and not of the camera, which the worker cannot put into words: what it is, what to check."""


def of_the_box(cause: str | None) -> bool:
    """Whether what keeps a camera from being recorded is a trouble of the box."""
    return cause in WITHHELD
