"""Fault tickets (報修): found, reported, repaired, checked. Maintenance (維護): what is under way, who announced it."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, Field

from edged.documents.base import CODE, VALUES, Document, Values

TEXT_MAX: Final = 500
"""Of a note: what fits into a box of a form."""
NAME_MAX: Final = 100


class Fault(Document):
    id: str
    state: Literal["found", "reported", "repaired", "checked"] = Field(description="checked: it is closed")
    key: str = Field(description="of the alarm that found it; empty where a person did")
    alarms: list[str] = Field(description="keys of all alarms that it has shown itself by")
    camera: str | None
    volume: str | None
    stands: str | None = Field(description="key of an alarm of it that stands now; null: the box sees nothing of it")
    over: bool = Field(description="the box has seen nothing of it for an hour, and it waits for a person to close it")
    found: str
    reported: str | None
    repaired: str | None
    checked: str | None
    age_s: float = Field(description="since it was found, in running time; of one that is closed: until it was")
    repair_s: float | None = Field(description="from when it was found until it was repaired; null: it is not")
    late: Literal["unreported", "overdue"] | None = Field(
        description="not reported within a day, or not repaired within two weeks, though it still stands"
    )


class Faults(Document):
    schema_: Literal["edged.faults/1"] = Field(default="edged.faults/1", alias="schema")
    faults: list[Fault]


class FaultStep(Document):
    step: Literal["found", "again", "joined", "over", "reported", "repaired", "checked"]
    at: str
    key: str = Field(description="of the alarm, where one did it; empty: none did")
    by: str = Field(description="who did it; empty: the box did, or that is not known any more")
    to: str = Field(description="to whom it was reported")
    reference: str = Field(description="the number under which they know it")
    repairer: str = Field(description="who repaired it, where that is somebody without an account")
    note: str
    leaf: int = Field(description="its number in the ledger")


class FaultsShow(Document):
    schema_: Literal["edged.faults-show/1"] = Field(default="edged.faults-show/1", alias="schema")
    fault: Fault
    steps: list[FaultStep]


class FaultsStep(Document):
    schema_: Literal["edged.faults-step/1"] = Field(default="edged.faults-step/1", alias="schema")
    fault: Fault


class AddAsked(BaseModel):
    """The bodies of requests."""

    note: str = Field(min_length=1, max_length=TEXT_MAX)
    camera: str | None = None
    volume: str | None = None


class ReportAsked(BaseModel):
    to: str = Field(min_length=1, max_length=NAME_MAX)
    reference: str = Field(default="", max_length=NAME_MAX)
    note: str = Field(default="", max_length=TEXT_MAX)


class RepairAsked(BaseModel):
    note: str = Field(min_length=1, max_length=TEXT_MAX)
    repairer: str = Field(default="", max_length=NAME_MAX)


class CheckAsked(BaseModel):
    note: str = Field(min_length=1, max_length=TEXT_MAX)


WORDS_MAX: Final = 200
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
    code: str = Field(default="", description=CODE)
    values: Values = Field(default={}, description=VALUES)
    action_code: str = Field(default="", description="of `action`, likewise")
    action_values: Values = Field(default={}, description="of `action`, likewise")


class Maintenance(Document):
    schema_: Literal["edged.maintenance/1"] = Field(default="edged.maintenance/1", alias="schema")
    maintenance: Under | None = Field(description="null: none is under way")
    reason: str = ""
    accompanied: str = Field(default="", description="who else is there: the vendor, or whoever accompanies him")
    held: list[Held] = Field(description="alarms that are held back until it ends; then they are raised at once")


class StartAsked(BaseModel):
    """The body of a request."""

    reason: str = Field(min_length=1, max_length=WORDS_MAX)
    cameras: list[str] = Field(default=[], max_length=CAMERAS_MAX)
    span_s: float = Field(gt=0)
    accompanied: str = Field(default="", max_length=WORDS_MAX)


class MaintenanceStart(Document):
    schema_: Literal["edged.maintenance-start/1"] = Field(default="edged.maintenance-start/1", alias="schema")
    maintenance: Under


class MaintenanceEnd(Document):
    schema_: Literal["edged.maintenance-end/1"] = Field(default="edged.maintenance-end/1", alias="schema")
    id: str
    started: str
    held: list[Held] = Field(description="alarms that were held back; what still stands is raised now")
