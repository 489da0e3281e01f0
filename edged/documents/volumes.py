"""What `edgectl volume …` prints: the disks (錄影硬碟), and what was done with one. Imports pydantic."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edged.documents import site
from edged.documents.base import Document


class Listed(site.Volume):
    takes_next: bool = Field(description="the next segments go there")


class VolumeList(Document):
    schema_: Literal["edged.volume-list/1"] = Field(default="edged.volume-list/1", alias="schema")
    volumes: list[Listed] = Field(
        description="as configured, then those that hold footage and take no more, then those that are gone for good"
    )


class VolumeInit(Document):
    schema_: Literal["edged.volume-init/1"] = Field(default="edged.volume-init/1", alias="schema")
    volume: str = Field(description="its id")
    path: str
    configured: bool = Field(description="it is used from now on; otherwise it has to be configured first")
    next: str = Field(description="what to do next; empty when nothing")


class VolumeRetire(Document):
    schema_: Literal["edged.volume-retire/1"] = Field(default="edged.volume-retire/1", alias="schema")
    volume: str
    path: str
    retired: bool = Field(description="false: it is used again")
    empty: bool = Field(description="nothing is left there: the disk can be taken out")
    next: str


class VolumeReplace(Document):
    schema_: Literal["edged.volume-replace/1"] = Field(default="edged.volume-replace/1", alias="schema")
    lost: str = Field(description="id of the volume that is gone for good")
    by: str | None = Field(description="id of the new one; null where its path is configured no longer")
    path: str
    segments: int = Field(description="what the catalog has of the lost one")
    below_floor: int = Field(description="of these, what had to be kept")
    pinned: int = Field(description="of these, what was held as evidence")
    first: str | None = Field(description="where what had to be kept begins")
    last: str | None


Text = Annotated[str, Field(min_length=1, max_length=1000)]


class InitAsked(Document):
    """The body of a request."""

    path: Text


class RetireAsked(Document):
    volume: Text = Field(description="id or path")
    undo: bool = False


class ReplaceAsked(Document):
    path: Text
    reason: Text
