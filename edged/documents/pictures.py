"""Documents of `edgectl snapshot` and `edgectl reference`."""

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
