"""Persons and posts: who may sign by which post now, and what an office lacks to carry a procedure. Pure.

A person is a number of the table of persons; a Unix account is tied to at most one. A post (職位) is held by what two
persons agreed upon, or for a stated time by a deputy. Names are others' business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edged.office.request import Door, Hand, Unfit
from edged.profiles.procedures import ChainStep, Procedure, StepKind, Unit
from storage.words.message import Message, message


@dataclass(frozen=True, slots=True)
class Person:
    number: int
    unit: str
    account: int | None = None
    """Uid; None for whoever signs on paper only."""
    left: bool = False
    """Works here no more: signs nothing, and stays for what was signed."""


@dataclass(frozen=True, slots=True)
class PostHolding:
    """A person holds a post, of a unit or of the whole office (""). `given_by`: accounts of the two who agreed upon it.

    Accounts, because the first posts are given before anybody is a person of the table.
    """

    person: int
    post: str
    unit: str
    given_by: frozenset[int]


@dataclass(frozen=True, slots=True)
class Deputy:
    """代理: signs by a post in the place of whoever holds it, from and until a moment of the wall clock, ms."""

    person: int
    post: str
    unit: str
    holder: int
    from_ms: int
    to_ms: int
    named_by: frozenset[int]
    """Accounts: of the holder alone, or of two persons."""


@dataclass(frozen=True, slots=True)
class People:
    """All that holds now."""

    persons: tuple[Person, ...]
    holdings: tuple[PostHolding, ...]
    deputies: tuple[Deputy, ...] = ()

    def person(self, number: int) -> Person | None:
        return next((one for one in self.persons if one.number == number), None)

    def of_account(self, uid: int) -> Person | None:
        return next((one for one in self.persons if one.account == uid and not one.left), None)

    def has_account(self, number: int) -> bool:
        person = self.person(number)
        return person is not None and person.account is not None

    def holders(self, post: str, unit: str) -> list[int]:
        """Who holds it and was not among those who gave it."""
        return [
            one.person
            for one in self.holdings
            if (one.post, one.unit) == (post, unit)
            and self._works(one.person)
            and not self._among(one.person, one.given_by)
        ]

    def deputies_of(self, post: str, unit: str, now_ms: int) -> list[int]:
        holders = self.holders(post, unit)
        return [
            one.person
            for one in self.deputies
            if (one.post, one.unit) == (post, unit)
            and one.from_ms <= now_ms < one.to_ms
            and one.holder in holders
            and (self._among(one.holder, one.named_by) or self._named_by_others(one))
            and self._works(one.person)
        ]

    def signs_by(self, person: int, post: str, unit: str, now_ms: int) -> bool:
        """Whether it holds the post, or is its deputy now."""
        return person in (*self.holders(post, unit), *self.deputies_of(post, unit, now_ms))

    def _named_by_others(self, deputy: Deputy) -> bool:
        return len(deputy.named_by) >= 2 and not self._among(deputy.person, deputy.named_by)

    def _among(self, number: int, accounts: frozenset[int]) -> bool:
        person = self.person(number)
        return person is not None and person.account in accounts

    def _works(self, number: int) -> bool:
        person = self.person(number)
        return person is not None and not person.left


def hand(
    people: People,
    person: int,
    post: str,
    unit: str,
    now_ms: int,
    *,
    door: Door = Door.LOGIN,
    entered_by: int | None = None,
) -> Hand:
    """Somebody who signs by a post. Unfit: they may not, in words.

    Who has no account signs on paper; who signs on paper was seen by whoever enters it, who is another person.
    """
    known = people.person(person)
    if known is None or known.left:
        raise Unfit(message("office.no-person", "there is no such person: `edgectl person list`"))
    if door is Door.LOGIN and known.account is None:
        raise Unfit(message("office.no-account", "this person has no account, and signs on paper"))
    if door is not Door.LOGIN and entered_by == person:
        raise Unfit(message("office.own-paper", "nobody enters his own signature: whoever has an account signs by it"))
    if person in people.holders(post, unit):
        return Hand(person, post, door, unit, entered_by=entered_by)
    if person in people.deputies_of(post, unit, now_ms):
        return Hand(person, post, door, unit, deputy=True, entered_by=entered_by)
    raise Unfit(
        message(
            "office.not-holder",
            "this person does not hold the post {post}, or gave it to himself: `edgectl post list`",
            post=post,
        )
    )


def unit_of(step: ChainStep, applicant: Person | None, camera_unit: str) -> str:
    """Whose post a step asks for: "" for one of the whole office."""
    match step.unit:
        case Unit.APPLICANT:
            return "" if applicant is None else applicant.unit
        case Unit.CAMERA:
            return camera_unit
        case Unit.OFFICE | Unit.MANAGING:
            return ""


def logins_needed(procedure: Procedure) -> int:
    """Persons with an account of their own: where something is granted, one acts and another approves or confirms."""
    return 2 if procedure.may else 1


def lacks(procedure: Procedure, people: People, units: Iterable[str]) -> Iterator[Message]:
    """Why an office cannot carry a procedure: posts that nobody holds, and too few people with an account.

    `units`: those that cameras belong to.
    """
    every = tuple(sorted(set(units))) or ("",)
    sections = tuple(sorted({one.unit for one in people.persons if one.unit and not one.left})) or ("",)
    for step in (*procedure.chain, *procedure.hold_by):
        if step.kind is StepKind.APPLY:
            continue
        whose = {Unit.CAMERA: every, Unit.APPLICANT: sections}.get(step.unit, ("",))
        for unit in whose:
            if not people.holders(step.post, unit):
                yield _nobody(procedure, step.post, unit, people)
    if procedure.companion:
        for unit in every if procedure.companion_unit is Unit.CAMERA else ("",):
            there = people.holders(procedure.companion, unit)
            if not there:
                yield _nobody(procedure, procedure.companion, unit, people)
            elif procedure.companion_by_login and not any(people.has_account(one) for one in there):
                yield message(
                    "office.companion-account",
                    "{row}: {post} confirms from an account of their own, and nobody who holds the post has one",
                    row=procedure.row,
                    post=procedure.companion,
                )
    with_account = [one for one in people.persons if one.account is not None and not one.left]
    needed = logins_needed(procedure)
    if len(with_account) < needed:
        yield message(
            "office.too-few",
            "{row}: it takes {needed} persons with an account, and there are {found}",
            row=procedure.row,
            needed=needed,
            found=len(with_account),
        )


def _nobody(procedure: Procedure, post: str, unit: str, people: People) -> Message:
    if unit:
        return message(
            "office.nobody-holds-unit",
            "{row}: nobody signs by the post {post} of {unit}",
            row=procedure.row,
            post=post,
            unit=unit,
        )
    if any(one.post == post for one in people.holdings):
        return message(
            "office.nobody-holds-whole",
            "{row}: nobody holds the post {post} for the whole office (edgectl post hold, without --unit)",
            row=procedure.row,
            post=post,
        )
    return message("office.nobody-holds", "{row}: nobody signs by the post {post}", row=procedure.row, post=post)
