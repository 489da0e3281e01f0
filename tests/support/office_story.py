"""A request from its receipt to its close, as an office would carry it out, by calls of the control API.

Each step is what the box itself says is next. Who does it is said by the posts of `staffed`; every second signature
comes in on paper.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from edged.profiles.loader import profile
from edged.profiles.procedures import AnnexField, Applicant, FieldKind, Phase, Procedure, StepKind, Unit, Use
from tests.support.counter import OfficeClient

CLERK: Final = "chen"
SECOND: Final = "lin"
"""Another operator: is there at viewings, sees paper."""
HEAD: Final = "head"
"""Signs by posts, and has no role."""
DECIDES: Final = "hsu"
APPLICANT: Final = "staff"
PERSONS: Final = (CLERK, SECOND, HEAD, DECIDES, APPLICANT)
"""In the order of their numbers, from 1."""
OUTSIDE: Final = 0
OF_COPY: Final[Mapping[str, str]] = {
    "receiver": "王大明",
    "identity": "身分證",
    "medium": "光碟",
    "declassify": "本案結案後解密",
}
"""What is said of a copy."""
FILED_AS: Final = "0115/030102/1"
INSIDE: Final = frozenset({Applicant.STAFF, Applicant.POLICE})
TEXTS: Final[Mapping[FieldKind, str]] = {
    FieldKind.TEXT: "遺失皮夾一個",
    FieldKind.PERSON_ID: "A123456789",
    FieldKind.PARTY_ID: "A123456789",
    FieldKind.STUDENT_ID: "A123456789",
    FieldKind.PHONE: "02-2936-5522",
    FieldKind.COUNT: "1",
    FieldKind.SIGNATURE: "已簽章",
    FieldKind.PLACE: "大廳",
}


def number_of(who: str) -> int:
    return PERSONS.index(who) + 1


def called(who: str) -> str:
    return f"{who}君"


HeldPost = tuple[str, str, str]
"""Post, unit, who."""


async def staffed(
    counter: OfficeClient, name: str, sections: Mapping[str, str] | None = None, called: Callable[[str], str] = called
) -> list[HeldPost]:
    """Everybody is entered under the name that `called` gives them, and tied, and every post of the profile is held, by
    whom is said; the office is opened.
    """
    units = sections or {}
    for who in PERSONS:
        await counter.done(CLERK, "POST", "/v1/persons", {"name": called(who), "unit": units.get(who, "")})
        await counter.agreed(CLERK, "wang", f"/v1/persons/{number_of(who)}/tie", {"account": counter.account(who)})
    cameras = sorted(counter.units) or [""]
    wanted: list[HeldPost] = []
    for row in profile(name).procedures:
        for step in (*row.chain, *row.hold_by):
            if step.kind is not StepKind.APPLY:
                who = DECIDES if step.kind is StepKind.DECIDE or step in row.hold_by else HEAD
                whose = {Unit.CAMERA: cameras, Unit.APPLICANT: [units.get(APPLICANT, "")]}.get(step.unit, [""])
                wanted += [(step.post, unit, who) for unit in whose]
        if row.companion:
            whose = cameras if row.companion_unit is Unit.CAMERA else [""]
            wanted += [(row.companion, unit, SECOND) for unit in whose]
    held = list(dict.fromkeys(wanted))
    for post, unit, who in held:
        given = {"person": number_of(who), "post": post, "unit": unit}
        await counter.agreed(SECOND if who == CLERK else CLERK, "wang", "/v1/posts/hold", given)
    await counter.agreed(CLERK, "wang", "/v1/office/open", {})
    return held


def usual(one: AnnexField) -> str:
    """A text of its kind."""
    return TEXTS[one.kind]


def form(
    row: Procedure, phase: Phase, day: str, interval: str, camera: str, told: Callable[[AnnexField], str] = usual
) -> dict[str, str]:
    """What somebody would write, in every field; everything is asked for. `told`: in fields of free text."""

    def text(one: AnnexField) -> str:
        if one.kind in (FieldKind.CHOICE, FieldKind.CHOICES):
            every = one.choices if one.kind is FieldKind.CHOICES and one.uses else one.choices[:1]
            return "、".join(every)
        given = {FieldKind.DATE: day, FieldKind.INTERVAL: interval, FieldKind.CAMERAS: camera}
        return given.get(one.kind) or told(one)

    return {one.name: text(one) for one in row.of_phase(phase)}


Step = tuple[str, str, str, dict[str, Any]]
"""Who, verb, path behind the number, body."""


@dataclass(slots=True)
class Story:
    """Of one row, at one counter."""

    counter: OfficeClient
    row: Procedure
    day: str
    """Today, ISO 8601."""
    interval: str
    camera: str
    paper: Callable[[int], bool] = lambda step: step % 2 == 1
    """Whether the step of this number comes in on paper."""
    text: Callable[[AnnexField], str] = usual
    """What is written in a field of free text."""
    document: Callable[[str], str] = lambda _: "身分證"
    """On what a check rests, by its name."""
    present: Sequence[str] = ("王大明",)
    of_copy: Callable[[str], str] = OF_COPY.__getitem__
    """What is said of a copy, by its name."""
    disposes: bool = False
    """Once it is closed the office destroys its copy, and gets back what it handed over."""
    number: str = ""
    told: list[Step] = field(default_factory=list)

    def _form(self, phase: Phase) -> dict[str, str]:
        return form(self.row, phase, self.day, self.interval, self.camera, self.text)

    def receipt(self) -> dict[str, Any]:
        """What is entered at the counter."""
        return {
            "row": self.row.row,
            "received": self.day,
            "fields": self._form(Phase.APPLICATION),
            "applicant": number_of(APPLICANT) if self.row.applicant in INSIDE else None,
        }

    async def receive(self) -> Any:
        shown = await self.counter.done(CLERK, "POST", "/v1/requests", self.receipt())
        self.number = shown["request"]["number"]
        return shown

    async def now(self) -> Any:
        return (await self.counter.done(CLERK, "GET", f"/v1/requests/{self.number}"))["request"]

    async def do(self, step: Step) -> Any:
        who, _, path, body = step
        self.told.append(step)
        return await self.counter.done(who, "POST", f"/v1/requests/{self.number}/{path}", body)

    async def tell(self) -> None:
        """All of it."""
        await self.receive()
        async for step in self.steps():
            await self.do(step)

    async def steps(self) -> AsyncIterator[Step]:
        """Each as things stand when it is asked for; whoever asks has it done before the next one."""
        for part in (
            self._checks,
            self._chain,
            self._answer,
            self._paper,
            self._viewing,
            self._copies,
            self._receipts,
            self._log_book,
            self._end,
            self._disposals,
        ):
            async for step in part():
                yield step

    async def _checks(self) -> AsyncIterator[Step]:
        for one in (await self.now())["checks"]:
            if one["applies"]:
                version = (await self.now())["version"]
                told = {"check": one["name"], "outcome": one["outcomes"][0], "version": version}
                told["document"] = self.document(one["name"])
                yield CLERK, "check", "check", told

    def _signer(self, number: int, post: str, unit: str, who: str) -> tuple[str, dict[str, Any]]:
        """Who calls, and the signer."""
        signer: dict[str, Any] = {"post": post, "unit": unit}
        outside = self.row.chain[number].kind is StepKind.APPLY and self.row.applicant not in INSIDE
        if not outside and not self.paper(number):
            return who, signer
        person = OUTSIDE if outside else number_of(who)
        return CLERK, {**signer, "person": person, "day": self.day}

    async def _chain(self) -> AsyncIterator[Step]:
        for number, step in enumerate(self.row.chain):
            who = HEAD
            if step.kind is StepKind.APPLY:
                who = APPLICANT
            elif step.kind is StepKind.DECIDE:
                who = DECIDES
            for unit in (await self.now())["chain"][number]["lacking"]:
                now = await self.now()
                if step.kind is StepKind.DECIDE:
                    caller, signer = self._signer(number, step.post, "", who)
                    if self.row.by_word:
                        caller, signer = (
                            CLERK,
                            {"post": step.post, "person": number_of(who), "day": self.day, "by_word": True},
                        )
                    yield caller, "grant", "grant", {"version": now["version"], "signer": signer}
                else:
                    caller, signer = self._signer(number, step.post, unit, who)
                    yield caller, "sign", "sign", {"version": now["version"], "signer": signer}
        if self.row.by_word:
            now = await self.now()
            yield DECIDES, "sign", "sign", {"version": now["version"], "signer": {"post": self.row.chain[-1].post}}

    async def _answer(self) -> AsyncIterator[Step]:
        yield CLERK, "reply", "reply", {"version": (await self.now())["version"], "day": self.day}

    async def _paper(self) -> AsyncIterator[Step]:
        now = await self.now()
        if now["paper_unseen"] and self.row.may:
            yield SECOND, "check", "check", {"version": now["version"]}

    async def _viewing(self) -> AsyncIterator[Step]:
        if not {Use.VIEW, Use.LOOK} & set(self.row.may):
            return
        if self.row.appointment:
            yield (
                CLERK,
                "appoint",
                "appoint",
                {"version": (await self.now())["version"], "at": f"{self.day}T09:00:00+08:00"},
            )
        fields = self._form(Phase.VIEWING)
        if self.row.companion_by_login:
            yield SECOND, "view", "view", {"version": (await self.now())["version"], "step": "here"}
        now = await self.now()
        there = {"companion": number_of(SECOND), "present": [*self.present], "fields": fields}
        yield CLERK, "view", "view", {"version": now["version"], "step": "open", **there}
        yield CLERK, "view", "view", {"version": (await self.now())["version"], "step": "end", "not_filmed": True}

    async def _copies(self) -> AsyncIterator[Step]:
        now = await self.now()
        if Use.HOLD in self.row.may:
            if "hold" not in now["granted"]:
                part = now["scope"][0]
                yield CLERK, "copy", "copy", {"version": now["version"], "asks": True, "scope": [part]}
            for step in self.row.hold_by:
                version = (await self.now())["version"]
                yield DECIDES, "sign", "sign", {"version": version, "signer": {"post": step.post}, "keeping": True}
            fields = self._form(Phase.KEEPING)
            yield CLERK, "copy", "copy", {"version": (await self.now())["version"], "keep": True, "fields": fields}
        if "copy" in ((await self.now())["granted"] or []):
            secrecy = {"secrecy": "密", "declassify": self.of_copy("declassify")} if self.row.secrecy else {}
            yield CLERK, "copy", "copy", {"version": (await self.now())["version"], **secrecy}

    async def _receipts(self) -> AsyncIterator[Step]:
        for one in (await self.now())["copies"]:
            if one["receipt"] is None:
                await self.finish()
                told = {name: self.of_copy(name) for name in ("receiver", "identity", "medium")}
                fee = {"fee": 100} if self.row.fee else {}
                asked = {"version": (await self.now())["version"], "day": self.day, **told, **fee}
                yield CLERK, "receipt", "receipt", asked

    async def finish(self) -> None:
        """Copies that were begun leave, to their last byte."""
        exports = (await self.counter.done(CLERK, "GET", "/v1/exports"))["exports"]
        begun = {one["id"] for one in exports if one["state"] == "open"}
        for copy in begun.intersection(one["id"] for one in (await self.now())["copies"]):
            for step in ("prepare", "seal", "finish"):
                await self.counter.done(CLERK, "POST", f"/v1/exports/{copy}/{step}")

    async def _log_book(self) -> AsyncIterator[Step]:
        """Its rows are signed, the first post from an account, the second on paper."""
        for entry in (await self.now())["entries"]:
            for number, post in enumerate(entry["lacking"]):
                signer: dict[str, Any] = {"post": post}
                caller = HEAD
                if number:
                    caller, signer = CLERK, {"post": post, "person": number_of(HEAD), "day": self.day}
                version = (await self.now())["version"]
                yield caller, "entry", "entry", {"version": version, "signer": signer, "entry": entry["version"]}

    async def _end(self) -> AsyncIterator[Step]:
        fields = self._form(Phase.AFTERWARDS)
        yield (
            CLERK,
            "close",
            "close",
            {"version": (await self.now())["version"], "fields": fields, "filed_as": FILED_AS},
        )

    async def _disposals(self) -> AsyncIterator[Step]:
        for one in (await self.now())["copies"] if self.disposes else []:
            for disposal, ours in (("destroyed", True), ("returned", False)):
                told = {"copy_id": one["id"], "disposal": disposal, "ours": ours, "day": self.day}
                yield CLERK, "destroyed", "destroyed", {"version": (await self.now())["version"], **told}
