"""Documents of single cameras: `edgectl snapshot`, `edgectl reference`, and `edgectl probe` of a new one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edged.documents.base import Document

Purpose = Literal["service", "maintenance", "repair", "inspection"]
"""What a live picture may be looked at for (J7): 檢視為民服務情形, 維護, 維修, 巡檢."""


class Snapshot(Document):
    schema_: Literal["edged.snapshot/1"] = Field(default="edged.snapshot/1", alias="schema")
    camera: str
    path: str = Field(description="where the JPEG was written")
    bytes: int
    sha256: str
    taken: str = Field(description="when the picture was fetched")
    purpose: Purpose


class Reference(Document):
    camera: str
    set: str | None = Field(description="when the view was vouched for; null: it has no reference, and is not judged")


class ReferenceList(Document):
    schema_: Literal["edged.reference-list/1"] = Field(default="edged.reference-list/1", alias="schema")
    references: list[Reference]


class ReferenceAsked(Document):
    reason: str = Field(default="", max_length=500)


class ReferenceSet(Document):
    schema_: Literal["edged.reference-set/1"] = Field(default="edged.reference-set/1", alias="schema")
    camera: str
    set: str


class ReferenceClear(Document):
    schema_: Literal["edged.reference-clear/1"] = Field(default="edged.reference-clear/1", alias="schema")
    camera: str
    cleared: bool = Field(description="false: it had none")


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
