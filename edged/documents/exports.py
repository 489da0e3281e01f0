"""What `edgectl export` prints and what goes to and fro between it and the daemon. Imports pydantic.

docs/evidence.md says what the folder is; its list is `edged.documents.evidence.Manifest`.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from edged.documents.base import Document

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
