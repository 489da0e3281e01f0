"""What is kept out of the ring (證據保存), what it costs, and acts that wait for a second person."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from edged.documents.base import VALUES, Document, Values


class Unreachable(Document):
    volume: str
    path: str
    state: Literal["away", "lost"] = Field(description="lost: gone for good, with what lay there")
    segments: int
    bytes: int


class Pin(Document):
    id: str
    origin: Literal["person", "centre", "request"] = Field(
        default="person", description="who placed it; a request holds what it asks for as long as its case lasts"
    )
    state: Literal["provisional", "approved", "released", "lapsed"]
    cameras: list[str]
    start: str = Field(description="of the interval that was asked for; what is held is rounded outward to segments")
    end: str
    case: str
    ground: Literal["law", "investigation", "internal"]
    reference: str = Field(description="article of the law, or number of the letter; empty for internal")
    placer: str
    approver: str = Field(description="who was named as answering for it")
    approved_by: str | None = Field(description="the second person, who approved it")
    placed: str
    until: str | None = Field(
        description="when it ends, or lapses without an approval, if the box runs on: it is counted in running time; "
        "null where it is over, or lasts as long as its case"
    )
    left_s: float = Field(description="running time until then")
    span_s: float = Field(description="how long it lasts from its placing once it is approved, in running time")
    segments: int
    bytes: int
    volumes: list[str]
    unreachable: list[Unreachable] = Field(description="what of this is protected, but on a volume that is not there")
    adopted: bool = Field(description="found on a volume without a row, after a crash or with an older database")
    ended: str | None
    ended_by: str | None
    reason: str | None = Field(description="why it ended")
    reason_code: str = Field(
        default="", description='what `reason` says, for a program; "" where a person wrote it, or an earlier version'
    )
    reason_values: Values = Field(default={}, description=VALUES)


class CameraCost(Document):
    camera: str
    start: str | None = Field(description="of the first segment that it will hold; null: nothing is recorded yet")
    end: str | None
    segments: int
    bytes: int
    coming_bytes: int = Field(description="what is still to be recorded, at the measured rate")


class VolumeCost(Document):
    volume: str
    path: str
    new_bytes: int
    pinned_bytes: int = Field(description="pinned there already")
    limit_bytes: int = Field(description="what edged may keep there; 0 while it is away")


class Cost(Document):
    segments: int
    bytes: int
    new_bytes: int = Field(description="not held by another pin already, and what is still to be recorded")
    headroom_s: float | None = Field(description="how long all cameras could have recorded into it; null: no rate yet")
    cameras: list[CameraCost]
    volumes: list[VolumeCost]


class Act(Document):
    id: str
    verb: str
    sentence: str = Field(description="what will be done")
    asked_by: str
    asked: str
    until: str = Field(description="after that one has to ask again; counted in running time")
    ended: str | None = Field(description="why it waits no longer, because what it is about has come to an end")
    sentence_code: str = Field(default="", description='what `sentence` says, for a program; "" where it has no code')
    sentence_values: Values = Field(default={}, description=VALUES)
    ended_code: str = Field(default="", description="of `ended`, likewise")
    ended_values: Values = Field(default={}, description="of `ended`, likewise")


class PinAdd(Document):
    schema_: Literal["edged.pin-add/1"] = Field(default="edged.pin-add/1", alias="schema")
    pin: Pin | None = Field(description="null: with --dry-run, nothing was pinned")
    cost: Cost


class PinList(Document):
    schema_: Literal["edged.pin-list/1"] = Field(default="edged.pin-list/1", alias="schema")
    pins: list[Pin]


class PinApprove(Document):
    schema_: Literal["edged.pin-approve/1"] = Field(default="edged.pin-approve/1", alias="schema")
    pin: Pin


class PinExtend(Document):
    schema_: Literal["edged.pin-extend/1"] = Field(default="edged.pin-extend/1", alias="schema")
    act: Act


class PinRelease(Document):
    schema_: Literal["edged.pin-release/1"] = Field(default="edged.pin-release/1", alias="schema")
    act: Act


class Approve(Document):
    schema_: Literal["edged.approve/1"] = Field(default="edged.approve/1", alias="schema")
    done: Act | None = Field(description="what was done just now")
    outcome: str = Field(description="what came of it and what to do now; empty where that needs no words")
    outcome_code: str = Field(default="", description='what `outcome` says, for a program; "" where it has no code')
    outcome_values: Values = Field(default={}, description=VALUES)
    acts: list[Act] = Field(description="what waits for a second person")
    ended: list[Act] = Field(description="what would wait on, had what it is about not come to an end")


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PinAddAsked(_Asked):
    cameras: list[str]
    start: str
    end: str
    case: str
    ground: Literal["law", "investigation", "internal"]
    reference: str
    approver: str
    until: str | None
    dry_run: bool
    request: str | None = None
    """The case, where it is a request for footage."""


class PinExtendAsked(_Asked):
    until: str
    reason: str


class PinReleaseAsked(_Asked):
    reason: str
