"""Leak cases (疑似外洩) and what holds the footage that has leaked, as programs and screens get them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from edged.documents.base import Document
from edged.documents.office import Name, Part, ShownCopy, Who

ReportedToWord = Literal["ethics", "inspectors"]
LeakStatusWord = Literal["open", "reported", "closed"]
CAMERAS_MAX = 100
Letter = Annotated[str, Field(max_length=60)]
"""Number of a document of the office."""


class ShownLeakReport(Document):
    to: ReportedToWord = Field(description="ethics: 政風室; inspectors: 督察組")
    day: str
    letter: str


class ShownLeak(Document):
    id: str
    status: LeakStatusWord = Field(description="open: not reported yet; closed: by an auditor")
    day: str = Field(description="on which it was noticed")
    synchronised: bool = Field(description="whether the clock was when it was opened: else 未校時")
    scope: list[Part]
    request: str = Field(description='by which it is thought to have come out; ""')
    copy_id: str = Field(description='likewise: the id of the copy; ""')
    letter: str = Field(description='number of the document that says what was found; ""')
    opened: str
    reports: list[ShownLeakReport]
    closed: str | None
    touches: list[str] = Field(description="numbers of requests of which nothing is erased while it is not closed")


class ShownHolding(Document):
    """A copy or a viewing in which some of the footage was."""

    id: str = Field(description="of the export")
    viewed: bool = Field(description="looked at here; else a copy that left")
    request: str = Field(description='""; there was none')
    row: str = Field(description="of the procedures, or what a look was for; empty: neither")
    begun: str
    state: Literal["open", "finished", "abandoned"] = Field(
        description="abandoned: nobody said that it was finished, and part of it may have left"
    )
    parts: list[Part] = Field(description="what of the footage it holds")
    who: str = Field(description='by whose account it was made, as on record; "" where that is not known')
    why: str = Field(description='as on record; "" where it is not known, or may not be shown')
    operator: Who | None = Field(description="of a viewing of a request")
    companion: Who | None
    present: str = Field(description='who else was there; "" where it may not be shown')
    gone: bool = Field(description="of a viewing: nothing of it lies here any more")
    copy_state: ShownCopy | None = Field(description="what has become of a copy that left by a request")


class LeakList(Document):
    schema_: Literal["edged.leak-list/1"] = Field(default="edged.leak-list/1", alias="schema")
    leaks: list[ShownLeak]
    timezone: str = Field(description="the site's, such as Asia/Taipei")


class LeakShow(Document):
    schema_: Literal["edged.leak-show/1"] = Field(default="edged.leak-show/1", alias="schema")
    leak: ShownLeak
    holding: list[ShownHolding] = Field(description="the oldest first")
    timezone: str = Field(description="the site's, such as Asia/Taipei")


class LeakStep(Document):
    """It was reported, or closed."""

    schema_: Literal["edged.leak-step/1"] = Field(default="edged.leak-step/1", alias="schema")
    leak: ShownLeak


# --- what is asked


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LeakOpenAsked(_Asked):
    """Cameras and an interval; or a copy, whose they are."""

    cameras: list[Name] = Field(default=[], max_length=CAMERAS_MAX)
    start: str | None = None
    end: str | None = None
    request: Name = ""
    copy_id: Name = ""
    day: str | None = None
    letter: Letter = ""


class LeakReportAsked(_Asked):
    to: ReportedToWord
    letter: Letter
    day: str | None = None
