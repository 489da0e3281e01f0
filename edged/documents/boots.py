"""What `edgectl boots` prints: each boot, how long the box was off before it, and on whose word. Imports pydantic."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from edged.documents.base import Document

REASON_MAX: Final = 500
"""A sentence or two; it is read by the second person on a screen."""


class Boot(Document):
    number: int = Field(description="boots are counted 1, 2, 3… by this box")
    boot_id: str
    ran_s: float = Field(description="running time up to the last heartbeat")
    drift_s: float = Field(description="by how much the two clocks that count it have drifted apart meanwhile")
    off_low_s: float = Field(description="the box was off before it for so long at the least: what is proven")
    off_high_s: float | None = Field(description="the same at the most; null when nobody knows")
    word: Literal["unproven", "sync", "sync+rtc", "attested"] = Field(description="on whose word off_low_s rests")
    attested_s: float | None = Field(description="what two people have attested; null: nothing")
    synced_after_s: float | None = Field(
        description="when in this boot the wall clock was first known to be synchronised; null: never so far"
    )
    rtc: bool = Field(description="there was a hardware clock to ask")
    missing: str = Field(description="what keeps more from being credited; empty when nothing does")


class Boots(Document):
    schema_: Literal["edged.boots/1"] = Field(default="edged.boots/1", alias="schema")
    boots: list[Boot]


class AttestAsked(Document):
    """The body of a request."""

    boot: int
    off_ms: int = Field(gt=0)
    reason: str = Field(min_length=1, max_length=REASON_MAX)


class Attest(Document):
    schema_: Literal["edged.boots-attest/1"] = Field(default="edged.boots-attest/1", alias="schema")
    act: str = Field(description="the id under which it waits for a second person")
    sentence: str
    action: str = Field(description="what the second person types")
