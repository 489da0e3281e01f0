"""Where things lie on a volume, and how segments are called. Pure; imports the standard library and
`storage.words.model`.

`<volume>/<camera>/<YYYY-MM-DD>/<YYYYMMDDTHHMMSS.mmmZ>-<seq>.mp4`, in UTC, `.part` behind it while in progress.
Names are made from the wall clock and therefore prove nothing (S7); the sequence number keeps two names apart when the
clock was set back or two segments begin in one millisecond.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Final

from storage.words.model import WHOLE_MAX

IDENTITY_NAME: Final = ".edged-volume.json"
UNFINISHED: Final = IDENTITY_NAME + ".new"
"""An identity that a power cut kept from its name; no more than nothing."""
PROBES: Final = tuple(f"{IDENTITY_NAME}.probe{which}" for which in ("", "-link", "-moved"))
"""What a directory is tried out with before it becomes a volume."""
SEGMENT_SUFFIX: Final = ".mp4"
PART_SUFFIX: Final = ".part"
QUARANTINE_SUFFIX: Final = ".quarantined"
"""Behind the final name of what cannot be read, and is kept until its time comes all the same."""
DIR_MODE: Final = 0o750
FILE_MODE: Final = 0o640
"""Owner edged, readable by its group: no human account reads footage past the daemon."""

SEQ_LAST: Final = WHOLE_MAX
"""The highest number of a segment that is believed, whoever tells it. A camera counts for 40 million years to it; with
a higher one in the catalog there would be none left to count with."""
_SEQ_MAX: Final = (1 << 53) - 1
"""Above this a name is no segment's: room for what is counted from SEQ_LAST on."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS: Final = (datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
"""Four digits of year end here. A clock that is further off still gets a name: no clock stops a recording (S7)."""
_CAMERA_MAX_BYTES: Final = 128
"""Half of what file systems allow in a name, so that whatever is derived from a camera's id still fits."""
_ODD: Final = re.compile(r"[\\\udc80-\udcff]")
_ESCAPED: Final = re.compile(r"\\(?:x([89a-f][0-9a-f])|\\)")
_SEGMENT_NAME: Final = re.compile(
    r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)\.(\d{3})Z-(0|[1-9]\d{0,18})\.mp4(?:\.part)?", re.ASCII
)


def segment_path(camera: str, start_wall_ms: int, seq: int) -> PurePosixPath:
    """The final path of a segment, relative to its volume."""
    if not is_camera(camera):
        what = f"camera id {camera!r} cannot name a directory, or is longer than {_CAMERA_MAX_BYTES} bytes"
        raise ValueError(what)
    if not 0 <= seq <= _SEQ_MAX:
        raise ValueError(f"sequence number {seq} is negative, or nobody counts so far")
    at = _EPOCH + timedelta(milliseconds=min(max(start_wall_ms, 0), _LAST_MS))
    day = f"{at.year:04}-{at.month:02}-{at.day:02}"
    stamp = f"{at.year:04}{at:%m%dT%H%M%S}.{at.microsecond // 1000:03}Z"
    return PurePosixPath(camera, day, f"{stamp}-{seq}{SEGMENT_SUFFIX}")


def is_camera(name: str) -> bool:
    """It can name a directory on a volume: not hidden, and text whatever a disk or a stranger made of it."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= _CAMERA_MAX_BYTES and not name.startswith(".") and not set(name) & {"/", "\0"}


def in_words(path: PurePosixPath) -> str:
    """A path as text that a database and a screen take, whatever bytes somebody named it with: `\\xff`, `\\\\`."""
    return _ODD.sub(lambda found: "\\\\" if found[0] == "\\" else f"\\x{ord(found[0]) - 0xDC00:02x}", str(path))


def from_words(text: str) -> PurePosixPath:
    """What `in_words` told of."""
    return PurePosixPath(_ESCAPED.sub(lambda found: chr(0xDC00 + int(found[1], 16)) if found[1] else "\\", text))


def part_path(path: PurePosixPath) -> PurePosixPath:
    """How a segment is called while it is being written."""
    return path.with_name(path.name + PART_SUFFIX)


def aside_path(path: PurePosixPath) -> PurePosixPath:
    """How a file is called that cannot be read and is set aside, from either of its names."""
    return path.with_name(final_name(path.name) + QUARANTINE_SUFFIX)


def is_aside(relative: PurePosixPath) -> bool:
    """A path on a volume that `aside_path` can have made."""
    parts, name = relative.parts, relative.name.removesuffix(QUARANTINE_SUFFIX)
    apart = relative.name.endswith(QUARANTINE_SUFFIX) and parse_segment_name(name) is not None
    return apart and len(parts) == 3 and is_camera(parts[0]) and not parts[1].startswith(".")


def final_name(name: str) -> str:
    """How a segment's file is called once it is complete, from either of its names."""
    return name.removesuffix(PART_SUFFIX)


def parse_segment_name(name: str) -> tuple[int, int] | None:
    """`(start_wall_ms, seq)` of a file name, complete or in progress; None for what `segment_path` cannot have made."""
    match = _SEGMENT_NAME.fullmatch(name)
    if match is None:
        return None
    year, month, day, hour, minute, second, millisecond, seq = map(int, match.groups())
    try:
        at = datetime(year, month, day, hour, minute, second, millisecond * 1000, tzinfo=UTC)
    except ValueError:
        return None
    if at < _EPOCH or seq > _SEQ_MAX:
        return None
    return (at - _EPOCH) // timedelta(milliseconds=1), seq
