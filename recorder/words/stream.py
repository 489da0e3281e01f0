"""The words of a camera's stream: tracks, parameter sets, coded units, and what the camera says of its clock.

Standard library only. A source (`recorder.rtsp`, `recorder.worker.test_pattern`) makes them,
`recorder.worker.recording` takes them, `recorder.mp4` writes them; none of these knows the other. Times are ticks of
a track's own clock, unwrapped: they go on where 32 bits of RTP would begin anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias

from storage.words.message import Message


class Codec(StrEnum):
    """What can be kept; named as ffprobe names them."""

    H264 = "h264"
    H265 = "hevc"
    AAC = "aac"
    PCMU = "pcm_mulaw"
    PCMA = "pcm_alaw"
    L16 = "pcm_s16be"


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameter sets of a picture, and what they say. Compared by value: other sets mean a new file."""

    codec: Codec
    sets: tuple[bytes, ...]
    """NAL units without start code or length; VPS, SPS, PPS in this order, by their id within each."""
    record: bytes
    """AVC or HEVC decoder configuration record made of them: what `avcC` or `hvcC` holds (ISO/IEC 14496-15)."""
    width: int
    height: int
    """As shown, i.e. after cropping; pixels."""
    reorder: int | None
    """Frames a decoder holds back to put them in order: 0 without B-frames; None where the stream does not say."""


@dataclass(frozen=True, slots=True)
class Video:
    """A track of pictures."""

    codec: Codec
    rate: int
    """Ticks a second."""
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Sound:
    """A track of sound."""

    codec: Codec
    rate: int
    """Ticks a second, which is samples a second too."""
    channels: int
    config: bytes = b""
    """AAC: AudioSpecificConfig (ISO/IEC 14496-3)."""


class Unit:
    """One coded frame, or one packet of sound, in decoding order. There are a hundred a second: compiled, a class like
    this one is made in a tenth of the time that a named tuple takes."""

    __slots__ = ("data", "duration", "key", "parameters", "pts", "video")

    def __init__(
        self, video: bool, pts: int, duration: int, key: bool, data: bytes, parameters: Parameters | None = None
    ) -> None:
        self.video = video
        self.pts = pts
        """When it is shown, in ticks of its track."""
        self.duration = duration
        """Ticks; 0 where the stream does not say (pictures)."""
        self.key = key
        """Decoding can begin here."""
        self.data = data
        """As it lies in a file: a picture's NAL units each with its length in 4 bytes before it, nothing left out;
        sound as it is."""
        self.parameters = parameters
        """On each key frame: the sets in force there, the very same object as long as they do not change."""


class SenderReport(NamedTuple):
    """The camera's own clock (RTCP sender report): at tick `at` of this track it stood at `wall_ns`."""

    video: bool
    at: int
    wall_ns: int
    """Since 1970, UTC as the camera has it."""


Item: TypeAlias = Unit | SenderReport


class Reading(NamedTuple):
    """What one look at the network brought."""

    items: list[Item]
    waited: bool
    """It was all that had come: nothing older is on its way."""


@dataclass(slots=True)
class Losses:
    """What never became a unit; counters only grow."""

    packets: int = 0
    """RTP packets that did not arrive (sequence numbers missing)."""
    frames: int = 0
    """Pictures thrown away because a part of them did not arrive or makes no sense."""


class Source(Protocol):
    """A stream that plays. Nothing here waits."""

    sound: Sound | None
    detail: Message
    """What was refused or is odd, in words for people; "" if nothing."""
    losses: Losses

    @property
    def ready(self) -> bool:
        """The picture is known; before, `take` gives nothing."""

    @property
    def video(self) -> Video:
        """As the camera says now. Raises ValueError before it is `ready`."""

    @property
    def aligned(self) -> bool:
        """Both tracks count from the same instant, as the camera says (RTP-Info); False while nobody knows."""

    @property
    def nap_s(self) -> float:
        """For how long nothing needs to be taken, once all was."""

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Readable when something comes; for whoever cannot wait (live view)."""

    def take(self, out: list[Item]) -> bool:
        """Append what has come. False: more may be there. `SessionEnded` (`recorder.words.outcome`) when the stream
        ends; what came before is in `out` then."""

    def close(self) -> None:
        """Say goodbye if that can be done at once, which takes a third of a second at most."""
