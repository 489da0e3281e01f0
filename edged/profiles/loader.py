"""The offices whose rules edged knows by name: what a regulation says, clause by clause, and what of it a configuration
must keep to.

Reads the data files beside it, each once; imports pydantic and the types of a configuration. Who refuses what breaks a
clause is `edged.config.rules`, who judges a running box `edged.compliance`. Months of the texts are counted as their
longest (31, 92 days), so that no month comes out short.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from edged.profiles.procedures import Procedure, Register
from edged.words.roles import Role
from edged.words.value_types import PROFILES, OnFull, Span
from storage.pins.rules import Ground

__all__ = ["PROFILES", "Basis", "Demands", "Inspection", "Judgement", "Picture", "Profile", "ProfileClause", "profile"]

MAX_WORDS: Final = 12
"""Passages of one clause; a clause that quotes more of its text than that quotes all of it."""


class Judgement(StrEnum):
    """What of a clause is measured on a running box; `edged.compliance` has one function for each."""

    FLOOR = "floor"
    CEILING = "ceiling"
    COVERAGE = "coverage"
    STATED = "stated"
    MODE = "mode"
    PICTURE = "picture"
    SOUND = "sound"
    UNDELETABLE = "undeletable"
    ASSIGNED = "assigned"
    APART = "apart"
    OFFICES = "offices"
    AUDITOR = "auditor"
    SEALED = "sealed"
    RECORDED = "recorded"
    PINS = "pins"
    FAULTS = "faults"
    OPENED = "opened"
    """The office is opened, and every chain that carries the clause out has its posts: nothing else gets through."""
    DISCLOSED = "disclosed"
    ONCE = "once"
    REPLIED = "replied"
    SIGNED = "signed"
    CONFIRMED = "confirmed"
    VIEWING_COPIES = "viewing-copies"
    FORMS = "forms"
    REVIEWED = "reviewed"
    CAPTURED = "captured"
    RECEIPTS = "receipts"
    LOGGED = "logged"
    FILED = "filed"
    ARCHIVED = "archived"
    LEAKS = "leaks"
    UNITS = "units"


class Basis(StrEnum):
    """What a judgement of a clause rests on above all, in the words of procedures that the office is judged by."""

    MEASURED = "measured"
    """量測: bytes, streams, modes."""
    ENFORCED = "enforced"
    """強制: nothing else gets through."""
    RECORDED = "recorded"
    """紀錄: entries that are complete, in order, in time."""
    BY_HAND = "by-hand"
    """人工: a line of the inspection."""


def _enum(kind: type[StrEnum]) -> BeforeValidator:
    return BeforeValidator(lambda value: kind(value) if isinstance(value, str) else value)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Picture(_Table):
    """What each camera sends at the least, by day; grey at night is no fault."""

    height: int = Field(gt=0)
    pixels: int = Field(gt=0)
    fps: float = Field(gt=0)
    colour: bool


class Inspection(_Table):
    """How often a person looks, and when that is reported."""

    every: Literal["day", "week", "fortnight", "half-year"]
    at: Literal["any", "morning", "random"]
    report_by: int | None = Field(default=None, ge=1, le=31)
    """Day of the month by which it goes to whoever is in charge; None: no such report is asked for."""


class Demands(_Table):
    """What of a clause can be kept or broken by a configuration; nothing where it says nothing of it."""

    floor: Span | None = None
    """No camera may have a shorter one."""
    ceiling: Span | None = None
    """No camera may have a longer one."""
    ceiling_by: str = ""
    """The article that it rests on, and its words, where those of the clause itself speak of something else."""
    stated: bool = False
    """The text names no period: the office says both floor and ceiling."""
    on_full: list[OnFull] = Field(default_factory=list)
    """What may be done where nothing may go; empty: either."""
    crossing: list[Annotated[Ground, _enum(Ground)]] = Field(default_factory=list)
    """Grounds of pins that may hold something beyond the ceiling."""
    pin_default: Span | None = None
    """A pin lasts no longer unless that is asked for and approved."""
    picture: Picture | None = None
    sound: bool = False
    """Of cameras that are marked with `duty_desk`."""
    roles: list[Annotated[Role, _enum(Role)]] = Field(default_factory=list)
    """Each has a group."""
    apart: list[Annotated[Role, _enum(Role)]] = Field(default_factory=list)
    """No group has two of them."""
    inspection: Inspection | None = None


class ProfileClause(_Table):
    id: str = Field(pattern=r"^[WJPDN][1-9][0-9]?$")
    article: str
    words: list[str] = Field(min_length=1, max_length=MAX_WORDS)
    """Its own, as they stand in the text but for line breaks."""
    basis: Annotated[Basis, _enum(Basis)]
    demands: Demands = Demands()
    judged: list[Annotated[Judgement, _enum(Judgement)]] = Field(default_factory=list)
    by_hand: list[str] = Field(default_factory=list)
    """What only a person can look at."""
    not_built: list[str] = Field(default_factory=list)
    """What edged does not do yet."""


class Profile(_Table):
    name: str
    office: str
    title: str
    clauses: list[ProfileClause] = Field(min_length=1)
    procedures: list[Procedure] = Field(default_factory=list)
    """How it is asked for footage; `[[procedures]]`."""
    registers: list[Register] = Field(default_factory=list)

    def procedure(self, row: str) -> Procedure | None:
        return next((one for one in self.procedures if one.row == row), None)

    def demanding(self, name: str) -> Iterator[ProfileClause]:
        """Clauses that say something of this field of `Demands`."""
        unsaid = getattr(Demands(), name)
        return (clause for clause in self.clauses if getattr(clause.demands, name) != unsaid)

    @property
    def floor(self) -> timedelta | None:
        """The longest that any clause demands."""
        return max((floor for clause in self.clauses if (floor := clause.demands.floor)), default=None)

    @property
    def ceiling(self) -> timedelta | None:
        """The shortest that any clause demands."""
        return min((ceiling for clause in self.clauses if (ceiling := clause.demands.ceiling)), default=None)

    @property
    def picture(self) -> Picture | None:
        return next((clause.demands.picture for clause in self.demanding("picture")), None)


@cache
def profile(name: str) -> Profile:
    """One of `PROFILES`. Its file is part of edged: that it cannot be read is a defect."""
    text = resources.files("edged.profiles").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return Profile.model_validate({"name": name, **tomllib.loads(text)})
