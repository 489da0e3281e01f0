"""What `edgectl doctor` prints, and `edgectl status` while the daemon is down. Imports pydantic."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edged.documents.base import Document

CheckResult = Literal["ok", "warn", "critical", "unknown"]


class DoctorCheck(Document):
    name: str = Field(description="stable: what was looked at, with its subject behind a blank where there are several")
    result: CheckResult = Field(description="unknown: it could not be looked at, and `said` tells why")
    said: str
    action: str = Field(description="the first thing to do; empty where all is well")


class Doctor(Document):
    schema_: Literal["edged.doctor/1"] = Field(default="edged.doctor/1", alias="schema")
    verdict: CheckResult = Field(description="the worst of all: critical, warn, unknown, ok")
    daemon: bool = Field(description="it answered; false: what it would know was looked at from outside")
    checks: list[DoctorCheck]
    took_s: float


class StatusDown(Document):
    """Instead of a status: why there is none."""

    schema_: Literal["edged.status-down/1"] = Field(default="edged.status-down/1", alias="schema")
    error: str = Field(description="what happened, in a sentence")
    action: str = Field(description="what to do next")
    exit: int
    cause: str = Field(
        description="stable word for it: never-started, stopped-by-hand, watchdog, configuration, hung, …"
    )
    since: str | None = Field(description="when it ended, as systemd or the database tell; null where neither does")
    last_alive: str | None = Field(description="its last heartbeat in the database; null where that cannot be read")
    evidence: list[str] = Field(
        description="its last words in the journal, volumes that are away, what else explains it"
    )
    unseen: list[str] = Field(description="what this user could not look at")
