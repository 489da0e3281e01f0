"""What `edgectl rebuild` prints: what was gone through, and what came back. Imports pydantic."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edged.documents.base import Document


class Rebuild(Document):
    schema_: Literal["edged.rebuild/1"] = Field(default="edged.rebuild/1", alias="schema")
    daemon: bool = Field(description="asked a running daemon; false: done on the files of one that is down")
    complete: bool = Field(description="everything that is there was gone through")
    volumes: list[str] = Field(description="ids of the volumes that were gone through")
    leaves: int = Field(description="leaves of the ledger that were put back")
    clashes: int = Field(description="leaves whose number another one has: what they tell of was taken in")
    unread: int = Field(description="leaves that this version cannot apply")
    directories: int = Field(description="directories of one day that were compared with the catalog")
    adopted: int = Field(description="files that no leaf told of, taken in by their own story")
    quarantined: int = Field(description="files that tell nothing, kept aside")
    missing: int = Field(description="segments whose file is missing or of another size: findings")
    gaps: int = Field(description="gaps that turned out to be recorded, wholly or in part")
    left: list[str] = Field(description="what could not be gone through, each with the reason")
    aside: str | None = Field(description="where the database lies that was set aside; null if there was none")
    took_s: float


class RebuildAsked(Document):
    """The body of a request."""
