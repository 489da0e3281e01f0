"""Maintenance (維護): what is under way, who announced it, which alarms it holds back."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, Field

from edged.documents.base import Document

TEXT_MAX: Final = 200
"""Of a name or a reason: a line on a screen and on a form."""
CAMERAS_MAX: Final = 256


class Under(Document):
    """As the status shows it."""

    id: str
    cameras: list[str] = Field(description="what is worked on; empty: the whole box")
    started: str
    until: str = Field(description="when it ends by itself, if the box runs on: it is counted in running time")
    left_s: float = Field(description="running time until then")
    by: str = Field(description="who announced it; empty where that is not known any more")
    held: int = Field(description="alarms that are held back")


class Held(Document):
    """An alarm that would be raised, and is not while maintenance lasts."""

    key: str
    severity: Literal["info", "warning", "critical"]
    text: str
    action: str


class Maintenance(Document):
    schema_: Literal["edged.maintenance/1"] = Field(default="edged.maintenance/1", alias="schema")
    maintenance: Under | None = Field(description="null: none is under way")
    reason: str = ""
    accompanied: str = Field(default="", description="who else is there: the vendor, or whoever accompanies him")
    held: list[Held] = Field(description="alarms that are held back until it ends; then they are raised at once")


class StartAsked(BaseModel):
    """The body of a request."""

    reason: str = Field(min_length=1, max_length=TEXT_MAX)
    cameras: list[str] = Field(default=[], max_length=CAMERAS_MAX)
    span_s: float = Field(gt=0)
    accompanied: str = Field(default="", max_length=TEXT_MAX)


class MaintenanceStart(Document):
    schema_: Literal["edged.maintenance-start/1"] = Field(default="edged.maintenance-start/1", alias="schema")
    maintenance: Under


class MaintenanceEnd(Document):
    schema_: Literal["edged.maintenance-end/1"] = Field(default="edged.maintenance-end/1", alias="schema")
    id: str
    started: str
    held: list[Held] = Field(description="alarms that were held back; what still stands is raised now")
