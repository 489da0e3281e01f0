"""What `edgectl export` prints, what goes to and fro between it and the daemon, and what `edgectl verify` answers.

`Manifest` is the list of an export, `proof/manifest.json`. It has no fractions: it is signed as canonical JSON, which
every reader must make the same of. Times are RFC 3339 with milliseconds, in site time with its offset. docs/evidence.md
says what the folder is and what holds between them.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from edged.documents.base import VALUES, Document, Values

REASON_MAX: Final = 500
REFERENCE_MAX: Final = 200
CAMERAS_MAX: Final = 64
SPANS_TOLD: Final = 200


class ExportAsked(Document):
    """The body of a request."""

    cameras: list[str] = Field(min_length=1, max_length=CAMERAS_MAX)
    start: str
    end: str
    reason: str = Field(min_length=1, max_length=REASON_MAX)
    case: str | None = Field(default=None, min_length=1, max_length=REFERENCE_MAX)
    request: str | None = Field(default=None, min_length=1, max_length=REFERENCE_MAX)
    destroy_by: str | None
    whole_segments: bool
    max_file_bytes: int = Field(ge=1 << 16, le=1 << 62)
    dry_run: bool


class Span(Document):
    camera: str
    start: str
    end: str
    cause: str | None = Field(description="of a gap; null: nothing accounts for it")


class ExportCamera(Document):
    camera: str
    name: str
    segments: int
    bytes: int = Field(description="about as many as its films take")
    recorded_s: float = Field(description="of the interval; pauses are not")
    gaps: int
    destroyed: int = Field(description="entries that tell of what was destroyed")
    away: int = Field(description="segments on volumes that are not there, or gone: they cannot be copied")
    set_aside: int = Field(description="files that cannot be played; they are not copied")
    due_soon: int = Field(description="segments without a pin that reach their ceiling within a day")


class ExportPlan(Document):
    start: str
    end: str = Field(description="earlier than asked for where something is still being recorded")
    cut_by: str | None = Field(description="the camera that is still recording what was asked for beyond the end")
    cameras: list[ExportCamera]
    gaps: list[Span] = Field(description="at most 200")
    unaccounted: list[Span] = Field(description="what neither footage nor a gap accounts for; at most 200")
    bytes: int = Field(description="about as many as the folder takes")
    destroy_by: str
    volumes: list[str] = Field(description="where the footage itself lies: no folder is made there")


class Copied(Document):
    id: str
    state: Literal["open", "finished", "abandoned"]
    cameras: list[str]
    start: str
    end: str
    whole_segments: bool
    begun: str
    folder: str = Field(description="what its folder is called")
    office_request: str | None = Field(
        default=None, description="number of the request for footage by which it is made; null: by none"
    )


class Export(Document):
    schema_: Literal["edged.export/1"] = Field(default="edged.export/1", alias="schema")
    export: Copied | None = Field(description="null: nothing was begun")
    plan: ExportPlan | None = Field(description="null: an earlier one was gone on with, or undone")
    folder: str | None = Field(description="absolute; null: none was made, or it was undone")
    bytes: int = Field(description="that lie in the folder")
    key: str | None = Field(description="fingerprint of the key that signed the list")
    intact: bool | None = Field(description="what the verifier in the folder found; null: it was not checked")
    troubles: list[Trouble] = Field(description="segments that are not what their leaves say")


class ExportList(Document):
    schema_: Literal["edged.export-list/1"] = Field(default="edged.export-list/1", alias="schema")
    exports: list[Copied] = Field(description="the last ones first, at most 50")


class Trouble(Document):
    camera: str
    start: str
    file: str | None = Field(description="in the folder; null: it cannot be copied at all")
    what: str
    what_code: str = Field(default="", description="of `what`: what it says, for a program")
    what_values: Values = Field(default={}, description=VALUES)


class ExportFile(Document):
    path: str
    bytes: int


class Prepared(Document):
    """What leaves, once every segment was read."""

    digest: str
    files: list[ExportFile]
    troubles: list[Trouble]


class Sealed(Document):
    """Lists and proofs."""

    files: list[ExportFile]
    key: str = Field(description="fingerprint of the key that signed the list")


Export.model_rebuild()


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
    office_request: str | None = Field(
        default=None, description="number of the request for footage by which it was made; absent: by none"
    )
    office_row: str | None = Field(default=None, description="the procedure that this request goes by; likewise")
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
