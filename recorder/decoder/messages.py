"""What the daemon and the decoder say to each other: one datagram each over a SOCK_SEQPACKET pair
(`recorder.words.messages`).

The decoder decodes what the network sent, so it is trusted no more than a worker: all it says is typed, bounded,
closed and checked on arrival. It keeps nothing between two looks: who asks sends along what is to be compared, so that
one that died and was restarted goes on at once.

    daemon                            decoder
    Look, with a socket ----------->  reads what the camera's worker puts into it (`recorder.worker.fan_out`,
    Kind.LOOK) <------------------------------   Begun                    from here on it may hang or die of this camera
    <------------------------------   Piece, of a snapshot
    <------------------------------   Seen or Unseen
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, TypeAlias

import msgspec

from recorder.words.messages import Count, WireMessage

GRID: Final = (8, 6)
"""Columns and rows of the blocks into which a picture is divided."""
BLOCKS: Final = GRID[0] * GRID[1]
THUMB: Final = (160, 90)
"""Columns and rows of the small grey picture that a reference is."""
THUMB_BYTES: Final = THUMB[0] * THUMB[1]
MAX_JPEG_BYTES: Final = 16 << 20
"""Longest snapshot; one of a 4K camera has 3 to 5 MB."""
PIECE_BYTES: Final = 45_000
"""Of a snapshot in one datagram, which carries it as base64."""

Level: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=255)]
"""0 is black, 255 white, whatever range the camera uses."""
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
Signed: TypeAlias = Annotated[float, msgspec.Meta(ge=-1, le=1)]
Positive: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Decibel: TypeAlias = Annotated[float, msgspec.Meta(ge=-120, le=0.5)]
PerBlock = Annotated[tuple[Level, ...], msgspec.Meta(min_length=BLOCKS, max_length=BLOCKS)]
PerDetail = Annotated[tuple[Positive, ...], msgspec.Meta(min_length=2, max_length=2)]
"""Fine and middle."""
Print: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Prints = Annotated[tuple[Print, ...], msgspec.Meta(min_length=BLOCKS, max_length=BLOCKS)]


class LookKind(StrEnum):
    """What a look is for."""

    MEASURE = "measure"
    THUMB = "thumb"
    """The measures and the small picture: what a reference is made of."""
    SNAPSHOT = "snapshot"
    """The picture in its full size, as a JPEG."""


class Look(WireMessage, frozen=True, tag="look"):
    """Look at one key frame and the sound with it. A socket comes with this datagram."""

    number: Count
    want: LookKind
    reference: Annotated[bytes, msgspec.Meta(max_length=THUMB_BYTES)] = b""
    """The small picture that the view is compared with; empty: with none."""


class Shift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the view lies to its reference."""

    across: Signed
    """To the right, as a share of the width."""
    down: Signed
    confidence: Share
    """How much more speaks for this place than for that of the reference: 0 nothing, 1 all that is to be seen."""
    likeness: Signed
    """Of the edges where they stand: 1 the same, 0 nothing in common."""


class Picture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one picture measures, most of it on 320×180 pixels."""

    width: Annotated[int, msgspec.Meta(ge=1, le=65_536)]
    height: Annotated[int, msgspec.Meta(ge=1, le=65_536)]
    mean: Level
    low: Level
    """2 % are darker."""
    high: Level
    """2 % are brighter."""
    spread: Level
    """Standard deviation of the brightness."""
    black: Share
    white: Share
    sharpness: PerDetail
    """Each against coarse detail."""
    saturation: Level
    """Mean distance from grey."""
    edges: PerBlock
    """Mean step between neighbours, block by block, row by row."""
    tones: PerBlock
    """Mean brightness of each block."""
    prints: Prints
    """CRC-32 of each block in full size; 0 where it is so even that it may repeat by itself."""
    shift: Shift | None = None


class Heard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What half a second of sound measures."""

    seconds: Annotated[float, msgspec.Meta(ge=0, le=60)]
    level_db: Decibel
    """Of full scale, root mean square; −120 for nothing at all."""
    peak_db: Decibel
    clipped: Share
    """Samples at full scale."""


class Begun(WireMessage, frozen=True, tag="begun"):
    """What the camera sent is being decoded."""

    number: Count


class Piece(WireMessage, frozen=True, tag="piece"):
    """A part of a snapshot, in order."""

    number: Count
    data: Annotated[bytes, msgspec.Meta(max_length=PIECE_BYTES)]


class Seen(WireMessage, frozen=True, tag="seen"):
    """A look that came to something."""

    number: Count
    picture: Picture
    heard: Heard | None
    """None: there is no sound, or none came, or it cannot be decoded."""
    thumb: Annotated[bytes, msgspec.Meta(max_length=THUMB_BYTES)] = b""


class UnseenReason(StrEnum):
    """Why a look came to nothing."""

    NO_PICTURE = "no-picture"
    """No key frame came."""
    NOT_SENT = "not-sent"
    """It was not waited for: nothing comes from this camera."""
    UNREADABLE = "unreadable"
    """It cannot be decoded."""
    TOO_LARGE = "too-large"
    BUSY = "busy"
    """Too much is asked at once."""


class Unseen(WireMessage, frozen=True, tag="unseen"):
    """A look that came to nothing."""

    number: Count
    why: UnseenReason


ToDaemon: TypeAlias = Begun | Piece | Seen | Unseen
