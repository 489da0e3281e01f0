"""The list of an export, `proof/manifest.json`, and what its verifier answers. Imports pydantic.

No fractions: the list is signed as canonical JSON, which every reader must make the same of. Times are RFC 3339 with
milliseconds, in site time with its offset. docs/evidence.md says what holds between them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from edged.documents.base import Document

Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FilePath = Annotated[
    str,
    StringConstraints(
        pattern=r"^([A-Za-z0-9_-]([A-Za-z0-9._-]*[A-Za-z0-9_-])?/){0,3}[A-Za-z0-9_-]([A-Za-z0-9._-]*[A-Za-z0-9_-])?$",
        max_length=255,
    ),
]
"""Within the folder, as FAT32 takes it; `/` between."""
Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$")]
Whole = Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]


class Opening(Document):
    text: str
    salt: Hex = Field(description="the leaf of the copy holds SHA-256(salt || text)")


class Asked(Document):
    from_: Time = Field(alias="from")
    to: Time


class Head(Document):
    origin: str
    first: Count = Field(description="number of the first leaf of this generation")
    size: Count
    root: Hex
    file: FilePath | None = Field(
        description="the signed head; null only of an earlier generation, which the first leaf of the next one names"
    )


class File(Document):
    path: FilePath
    bytes: Count
    sha256: Hex


class Film(Document):
    path: FilePath = Field(description="it begins with part 0 of its first segment")
    subtitles: FilePath


class Piece(Document):
    leaf: Count
    file: Count = Field(description="index into files")
    at: Count = Field(description="where its first part begins in the film")
    bytes: Count
    first_part: Count
    last_part: Count = Field(description="inclusive")
    sequence: Whole = Field(description="what was added to the number of each fragment")
    offsets: dict[Literal["1", "2"], Whole] = Field(description="ticks that were added to the times of each track")
    first_hash: Count = Field(description="index of the hash of its part 0 in the camera's hashes")
    header_bytes: Count = Field(description="length of its part 0, in the camera's headers")
    original: FilePath | None


class Loose(Document):
    leaf: Count
    original: FilePath


class ExportedGap(Document):
    leaf: Count
    from_: Time = Field(alias="from")
    to: Time
    cause: str


class Destroyed(Document):
    leaf: Count
    from_: Time = Field(alias="from")
    to: Time


class ExportedCamera(Document):
    id: str
    name: str
    from_: Time | None = Field(alias="from", description="of the first picture in its films; null: there is none")
    to: Time | None
    hashes: FilePath
    headers: FilePath = Field(description="part 0 of each segment that is in a film, one behind the other")
    files: list[Film]
    segments: list[Piece] = Field(description="in the order of the films; a segment in two films stands here twice")
    loose: list[Loose] = Field(description="segments of which no film could be made: their files are here whole")
    gaps: list[ExportedGap]
    destroyed: list[Destroyed]
    beside: list[Count] = Field(
        description="leaves of what is not in this copy and accounts for time between: the clock was set, a disk away"
    )


class Manifest(Document):
    schema_: Literal["edged.manifest/1"] = Field(default="edged.manifest/1", alias="schema")
    export: str
    node: str
    office: str
    site: str
    software: str
    timezone: str
    created: Time
    asked: Asked
    destroy_by: Time
    who: Opening
    reason: Opening
    case: Opening | None
    request: Opening | None
    key: Hex = Field(description="the node's public key, Ed25519")
    copy_: Count = Field(alias="copy", description="number of the leaf that says that this export was begun")
    checkpoints: list[Head] = Field(description="generations of the ledger, each following the one before it")
    clock: list[Count] = Field(description="leaves by which times from before the clock was in sync are put right")
    cameras: list[ExportedCamera]
    files: list[File] = Field(description="all of the folder but this list and its envelope")


class VerifyLine(Document):
    sign: Literal["+", "!", "x"] = Field(description="proven, to be known, wrong")
    code: str
    where: dict[str, str | int]
    zh: str
    en: str


class Limit(Document):
    zh: str
    en: str


class Verify(Document):
    schema_: Literal["edged.verify/1"] = Field(default="edged.verify/1", alias="schema")
    path: str
    intact: bool
    lines: list[VerifyLine]
    limits: list[Limit] = Field(description="what this does not prove")
