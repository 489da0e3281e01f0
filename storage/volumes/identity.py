"""The file in which a volume says who it is (S10). Lean: a camera's worker asks before it writes."""

from __future__ import annotations

import json
from typing import Final

from storage.files.open_beneath import reading
from storage.words.layout import IDENTITY_NAME

IDENTITY_SCHEMA: Final = "edged.volume/1"
IDENTITY_MAX_BYTES: Final = 4096
"""An identity file has about 150; whatever is longer is not one."""


def read_identity(volume_fd: int) -> dict[str, str]:
    """What the identity file in an open directory says. `FileNotFoundError` without one, `ValueError` if unreadable."""
    with reading(volume_fd, IDENTITY_NAME) as file:
        text = file.read(IDENTITY_MAX_BYTES + 1)
    if len(text) > IDENTITY_MAX_BYTES:
        raise ValueError(f"more than {IDENTITY_MAX_BYTES} bytes")
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise ValueError("not an object of strings")
    return content
