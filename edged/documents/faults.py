"""Fault tickets (報修): found, reported, repaired, checked."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, Field

from edged.documents.base import Document

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
