"""What `edgectl fsck` prints: each broken promise by its id, what, where, what to do. Imports pydantic."""

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
