"""One line of `edgectl doctor`, and which of them is the worst. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from storage.words.message import NOTHING, Message, message

AS_ROOT: Final = message("doctor.as-root.action", "run edgectl doctor as root or with sudo")
BY_HAND: Final = message("doctor.by-hand.action", "look at it by hand")


class Result(StrEnum):
    """The worst first: what could not be seen hides nothing that was."""

    CRITICAL = "critical"
    WARN = "warn"
    UNKNOWN = "unknown"
    OK = "ok"


EXIT_OF: Final = {Result.OK: 0, Result.WARN: 1, Result.CRITICAL: 2, Result.UNKNOWN: 3}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`name` is stable, `said` one sentence, `action` the first thing to do; nothing where all is well."""

    name: str
    result: Result
    said: Message
    action: Message = NOTHING


@dataclass(frozen=True, slots=True)
class Missing:
    """What could not be gathered, and why."""

    why: Message
    root: bool = False
    """Root would see it."""
    action: Message = NOTHING
    """What to do, where it is not that."""

    def check(self, name: str) -> Diagnosis:
        return Diagnosis(name, Result.UNKNOWN, self.why, AS_ROOT if self.root else self.action or BY_HAND)


class CannotLook(Exception):
    """A gatherer cannot look; `missing` says why."""

    def __init__(self, why: Message, action: Message = NOTHING, *, root: bool = False) -> None:
        super().__init__(why)
        self.missing = Missing(why, root, action)


def ok(name: str, said: Message) -> Diagnosis:
    return Diagnosis(name, Result.OK, said)


def warn(name: str, said: Message, action: Message) -> Diagnosis:
    return Diagnosis(name, Result.WARN, said, action)


def critical(name: str, said: Message, action: Message) -> Diagnosis:
    return Diagnosis(name, Result.CRITICAL, said, action)


def unknown(name: str, said: Message, action: Message) -> Diagnosis:
    return Diagnosis(name, Result.UNKNOWN, said, action)


def worst(checks: Iterable[Diagnosis]) -> Result:
    """OK where there is none."""
    found = {check.result for check in checks}
    return next((result for result in Result if result in found), Result.OK)
