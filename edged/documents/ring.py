"""What the ring tells beside its figures: ceilings that wait, floors that were broken, why a segment stays or goes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edged.documents.base import Document


class ShortenedCeiling(Document):
    camera: str
    old_s: int = Field(description="the ceiling that holds until then")
    new_s: int = Field(description="the ceiling that is configured")
    left_s: float = Field(description="running time until it holds")
    holds: str = Field(description="when that will be if the box runs on")


class WaitingOverwrite(Document):
    left_s: float = Field(description="running time until it holds")
    holds: str = Field(description="when that will be if the box runs on")


class BrokenFloor(Document):
    camera: str
    since: str
    last: str
    segments: int = Field(description="destroyed below their floor since then")


class Explanation(Document):
    schema_: Literal["edged.explanation/1"] = Field(default="edged.explanation/1", alias="schema")
    segment: str
    state: str = Field(description="recording, committed, quarantined, garbage, destroyed or lost")
    decision: Literal["keep", "destroy"]
    reason: str
    sentence: str
    pins: list[str] = Field(description="ids of the pins that hold it")
    exports: list[str] = Field(description="ids of exports under way, which keep it from going for its space")
    held_s: float | None = Field(
        description="running time from now until the last of its pins lets go of it, if none is changed; null: no pin"
    )
    held: str | None = Field(description="when that will be if the box runs on")
    earliest_s: float | None = Field(
        description="running time from now until it goes if its space is needed; null where pinned or gone"
    )
    earliest: str | None = Field(description="when that will be if the box runs on")
    latest_s: float | None = Field(description="running time from now until it goes at the latest; null likewise")
    latest: str | None = Field(description="when that will be if the box runs on")
    volume_away: bool
