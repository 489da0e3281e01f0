"""Documents of the machine: the doctor's findings, boots, and the disks for footage. Imports pydantic.

`edgectl doctor`, and `edgectl status` while the daemon is down. `edgectl boots`: each boot, how long the box was off
before it, and on whose word. `edgectl volume …`: the disks (錄影硬碟), and what was done with one.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from edged.documents import site
from edged.documents.base import VALUES, Document, Values

CheckResult = Literal["ok", "warn", "critical", "unknown"]


class DoctorCheck(Document):
    name: str = Field(description="stable: what was looked at, with its subject behind a blank where there are several")
    result: CheckResult = Field(description="unknown: it could not be looked at, and `said` tells why")
    said: str
    said_code: str = Field(default="", description="of `said`: what it says, for a program")
    said_values: Values = Field(default={}, description=VALUES)
    action: str = Field(description="the first thing to do; empty where all is well")
    action_code: str = Field(default="", description="of `action`, likewise")
    action_values: Values = Field(default={}, description="of `action`, likewise")


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
    error_code: str = Field(default="", description="of `error`: what it says, for a program")
    error_values: Values = Field(default={}, description=VALUES)
    action: str = Field(description="what to do next")
    action_code: str = Field(default="", description="of `action`, likewise")
    action_values: Values = Field(default={}, description="of `action`, likewise")
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
    missing_code: str = Field(default="", description="of `missing`: what it says, for a program")
    missing_values: Values = Field(default={}, description=VALUES)


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
    sentence_code: str = Field(default="", description="what `sentence` says, for a program")
    sentence_values: Values = Field(default={}, description=VALUES)
    action_code: str = Field(default="", description="of `action`, likewise")
    action_values: Values = Field(default={}, description="of `action`, likewise")


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
    next_code: str = Field(default="", description="of `next`: what it says, for a program")
    next_values: Values = Field(default={}, description=VALUES)


class VolumeRetire(Document):
    schema_: Literal["edged.volume-retire/1"] = Field(default="edged.volume-retire/1", alias="schema")
    volume: str
    path: str
    retired: bool = Field(description="false: it is used again")
    empty: bool = Field(description="nothing is left there: the disk can be taken out")
    next: str
    next_code: str = Field(default="", description="of `next`: what it says, for a program")
    next_values: Values = Field(default={}, description=VALUES)


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
