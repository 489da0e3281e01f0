"""State of what people do to keep a box well: faults that nobody has closed (報修), maintenance under way (維護).

As `mqtt.contract.messages`: closed models, and the topic of each. Who does it, why, and to whom it was reported is
not told.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mqtt.contract.messages import Payload, up


class Fault(Payload):
    """`up/fault/<id>`: a fault that nobody has closed; the topic is emptied once somebody has."""

    fault: str
    state: Literal["found", "reported", "repaired"]
    key: str = Field(description="of the alarm that found it; empty where a person did")
    camera: str | None
    volume: str | None
    found_ms: int
    reported_ms: int | None
    repaired_ms: int | None
    over: bool = Field(description="the box sees nothing of it any more, and it waits for a person to close it")

    def topic(self, node: str) -> str:
        return fault_topic(node, self.fault)


class Maintenance(Payload):
    """`up/maintenance`: somebody is at work, and alarms of that are held back; emptied when it is over."""

    maintenance: str
    cameras: list[str] = Field(description="what is worked on; empty: the whole box")
    started_ms: int
    until_ms: int = Field(description="when it ends by itself, if the box runs on: an estimate")
    held: int = Field(ge=0, description="alarms that are held back")

    def topic(self, node: str) -> str:
        return maintenance_topic(node)


def fault_topic(node: str, fault: str) -> str:
    return up(node, "fault", fault)


def maintenance_topic(node: str) -> str:
    return up(node, "maintenance")
