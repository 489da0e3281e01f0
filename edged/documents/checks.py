"""What `edgectl fsck` and `edgectl rebuild` print: broken promises by their ids, and what came back of the catalog."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edged.documents.base import Document

Level = Literal["presence", "size", "hash"]


class Finding(Document):
    promise: str = Field(description="the id of the promise that is broken (DESIGN.md), e.g. S4")
    kind: str = Field(description="missing, size, content, appeared, strange, mode, link, pin, counter, hole, …")
    what: str
    where: str = Field(description="an absolute path, or whatever else names the place")
    action: str = Field(description="what to do first")


class Fsck(Document):
    schema_: Literal["edged.fsck/1"] = Field(default="edged.fsck/1", alias="schema")
    level: Level
    daemon: bool = Field(description="asked a running daemon; false: looked at the files of one that is down")
    clean: bool
    findings: list[Finding]
    unlisted: int = Field(description="findings beyond those that are listed")
    segments: int = Field(description="rows of the catalog that were looked at")
    files: int = Field(description="names on volumes that were looked at")
    bytes: int = Field(description="read, at level hash")
    whole_only: int = Field(
        default=0,
        description="segments of these, at level hash, that were recorded before edged entered their fragments in the "
        "ledger: compared as whole files, and exported as such",
    )
    took_s: float


class FsckAsked(Document):
    """The body of a request."""

    level: Level = "size"
    camera: str | None = None
    volume: str | None = None


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
