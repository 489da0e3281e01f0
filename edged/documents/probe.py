"""What `edgectl probe` prints of a camera that is not recorded yet. Imports pydantic."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edged.documents.base import Document


class ProbedTrack(Document):
    kind: Literal["video", "audio", "other"]
    codec: str = Field(description="as the device names it")
    clock_rate: int
    channels: int
    recorded: bool
    reason: str = Field(description="why it would not be recorded; empty where it would")


class ProbedPicture(Document):
    codec: str
    width: int
    height: int
    fps: float | None = Field(description="by the camera's own times; null where too few pictures came")
    steady: bool | None = Field(description="the pictures are equally far apart")
    key_interval_s: float | None = Field(description="the longest that was seen; null where no two key frames came")
    bitrate_bps: int | None
    b_frames: bool


class ProbedSound(Document):
    codec: str
    arrived: bool
    bitrate_bps: int | None


class Probe(Document):
    schema_: Literal["edged.probe/1"] = Field(default="edged.probe/1", alias="schema")
    recordable: bool
    url: str = Field(description="without what stands behind a secret word in it")
    cause: str = Field(description="why it cannot be recorded, as in gaps; empty where it can")
    tried: str
    came_back: str = Field(description="what came back instead; empty where it can be recorded")
    check: str = Field(description="what to check")
    transport: Literal["tcp", "udp", "tls", "built-in"]
    certificate: str = Field(description="rtsps: fingerprint of the certificate that was shown; empty elsewhere")
    trusted: bool = Field(description="rtsps: authorities vouch for it, or it was named by --certificate")
    tracks: list[ProbedTrack]
    picture: ProbedPicture | None
    sound: ProbedSound | None
    clock_reports: int = Field(description="RTCP sender reports, by which a camera tells its clock")
    clock_offset_ms: int | None = Field(description="the camera's clock minus ours; null where it does not tell")
    measured_s: float
    remarks: list[str]
    other_urls: list[str] = Field(description="of the same device, that have a picture where this one has none")
    configuration: str = Field(description="a [[cameras]] table to paste; empty where nothing can be recorded")
    took_s: float
