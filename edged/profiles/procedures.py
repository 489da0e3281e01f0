"""How an office is asked for footage, as data: who may ask, for what, with which fields, checks and signatures.

A procedure is a row of a regulation, `[[procedures]]` of the profile's file. The code knows steps, not offices: what
one office does otherwise than another stands here and nowhere else. The words are those of the text; what the text
leaves open and edged decides is marked `ours`: a field, check, step or clock by itself, any other key by its name in
`Procedure.ours`. Outcomes of checks are ours throughout. docs/design/office.md explains each key. Pure; imports
pydantic.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from edged.words.value_types import Span

NAME: Final = r"^[a-z][a-z0-9-]{0,31}$"
ROW: Final = r"^[WJPDN]-[a-z]{2,10}$"


class Applicant(StrEnum):
    """What a person is to the office. Nobody is two at once in one request."""

    STAFF = "staff"
    PUBLIC = "public"
    """Concerned, or with an interest; a natural or a legal person."""
    POLICE = "police"
    AGENCY = "agency"
    INVESTIGATOR = "investigator"
    """An agency that investigates offences and cannot wait for its own letter."""
    MEMBER = "member"
    """Of a school: teachers, staff, pupils, those who stand for them."""
    PERSON = "person"
    """Of the office or not: the text makes no difference."""
    OTHER = "other"


class Use(StrEnum):
    """What may be granted. A still picture is a copy."""

    VIEW = "view"
    """閱覽: seen in company, and nothing leaves."""
    HOLD = "hold"
    """保存, 轉拷: kept in the office, never handed over."""
    COPY = "copy"
    """複製: leaves the office."""
    LOOK = "look"
    """先行查看: two of the office look, and tell the outcome."""


class Phase(StrEnum):
    """The moment at which the annex has a field filled."""

    APPLICATION = "application"
    VIEWING = "viewing"
    KEEPING = "keeping"
    """Only where something is kept."""
    AFTERWARDS = "afterwards"


class FieldKind(StrEnum):
    TEXT = "text"
    DATE = "date"
    INTERVAL = "interval"
    """Site time, from and to."""
    CAMERAS = "cameras"
    PLACE = "place"
    """In the applicant's words; the office says in a field of cameras which ones that means."""
    CHOICE = "choice"
    CHOICES = "choices"
    """Any of them, at least one."""
    PERSON_ID = "person-id"
    """身分證字號 or 居留證號碼."""
    PARTY_ID = "party-id"
    """The same, or the 統一編號 of a legal person."""
    STUDENT_ID = "student-id"
    """學號, or the same."""
    PHONE = "phone"
    COUNT = "count"
    SIGNATURE = "signature"
    """Signed or stamped on the paper by whom it is of."""


def _enum(kind: type[StrEnum]) -> BeforeValidator:
    return BeforeValidator(lambda value: kind(value) if isinstance(value, str) else value)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Conditional(_Table):
    """Applies where another field, further up in the form, has a choice; else always."""

    when_field: str = ""
    when: str = ""
    """The choice. Both or neither."""

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if bool(self.when) != bool(self.when_field):
            raise ValueError(f"{self.when_field or self.when}: a condition is a field and its choice")
        return self


class AnnexField(_Conditional):
    """A field of the form."""

    name: str = Field(pattern=NAME)
    """The same thing has the same name in every row: applicant, applicant-id, agent, reason, cameras, interval…"""
    words: str = Field(min_length=1)
    """Its name in the annex, to the letter."""
    under: str = ""
    """The heading or box of the annex that it stands under, to the letter."""
    kind: Annotated[FieldKind, _enum(FieldKind)] = FieldKind.TEXT
    phase: Annotated[Phase, _enum(Phase)] = Phase.APPLICATION
    choices: list[str] = Field(default_factory=list)
    """As the annex words them. The only one is filled in without asking."""
    open_choice: str = ""
    """The one of them that is told in words of its own (其他)."""
    uses: list[Annotated[Use, _enum(Use)]] = Field(default_factory=list)
    """What each choice asks for, in their order, from the field's phase on. A row without such a field at application
    asks at first for the first use that it may have."""
    required: bool = True
    personal: bool = False
    """It names or describes a person: encrypted, and gone after erasure."""
    ours: bool = False

    @model_validator(mode="after")
    def _choices_of_a_choice(self) -> Self:
        if bool(self.choices) != (self.kind in (FieldKind.CHOICE, FieldKind.CHOICES)):
            raise ValueError(f"{self.name}: choices are of a choice")
        if self.open_choice and self.open_choice not in self.choices:
            raise ValueError(f"{self.name}: {self.open_choice} is none of the choices")
        if self.uses and len(self.uses) != len(self.choices):
            raise ValueError(f"{self.name}: each choice asks for one use")
        return self


class RequestCheck(_Conditional):
    """What somebody of the office looks at before it is decided. Without an outcome, nothing is granted."""

    name: str = Field(pattern=NAME)
    words: str
    outcomes: list[str] = Field(default=["符合", "不符"], min_length=2)
    """The last one stands in the way of a grant unless `all_pass`."""
    all_pass: bool = False
    named: list[str] = Field(default_factory=list)
    """Outcomes that name what they rest on: the document that was seen, or the law."""
    ours: bool = False

    @model_validator(mode="after")
    def _named_are_outcomes(self) -> Self:
        if not set(self.named) <= set(self.outcomes):
            raise ValueError(f"{self.name}: {self.named} are not all outcomes")
        return self


class StepKind(StrEnum):
    APPLY = "apply"
    """The applicant signs."""
    RECEIVE = "receive"
    SIGN = "sign"
    DECIDE = "decide"
    """Grants, in part or whole, or refuses. The last of a chain."""


class Unit(StrEnum):
    """Whose post it is."""

    OFFICE = "office"
    APPLICANT = "applicant"
    """Of the section that the applicant belongs to."""
    MANAGING = "managing"
    """Of the section that manages the recorder."""
    CAMERA = "camera"
    """Of each unit whose cameras are meant: all of them sign."""


class ChainStep(_Table):
    """One signature, by post."""

    post: str
    """職位, as the text calls it."""
    kind: Annotated[StepKind, _enum(StepKind)] = StepKind.SIGN
    unit: Annotated[Unit, _enum(Unit)] = Unit.OFFICE
    or_authorised: bool = False
    """或其授權人: whom the holder has authorised in writing signs as well."""
    or_equal: bool = False
    """或相當職務以上."""
    ours: bool = False


class ReplyClock(_Conditional):
    """How long the office may take from 收文 to 函復. Legal days (行政程序法 48)."""

    days: int | None = Field(default=None, gt=0)
    """None: as soon as possible."""
    extension: int = Field(default=0, ge=0)
    """By so many it may be lengthened once, with notice."""
    working: bool = False
    """Working days are counted, else all."""
    by: str = ""
    """The law that it rests on, where it is not in the text."""
    ours: bool = False


class Register(_Table):
    """A log book that gets a row for each viewing and copy."""

    form: str
    """As `Procedure.register_form` calls it."""
    words: str
    columns: list[str] = Field(min_length=1)
    signed: list[str] = Field(min_length=1)
    """Who signs the row."""


class Procedure(_Table):
    """One row."""

    row: str = Field(pattern=ROW)
    form: str = ""
    """附件 or 附表; "" where the text has none."""
    words: str
    """Who asks, as the text says it."""
    applicant: Annotated[Applicant, _enum(Applicant)]
    clauses: list[str] = Field(min_length=1)
    """What it carries out; an answer names the first."""
    may: list[Annotated[Use, _enum(Use)]]
    """Empty: nothing, and the answer says whom to turn to."""
    instead: str = ""
    """What to do instead of what it may not have, in the words of the text."""
    own_data_only: bool = False
    agent: bool = False
    """By 代理人, who shows 委任關係."""
    reader: bool = False
    """閱覽人 may be another than the applicant."""
    letter: bool = False
    """Comes as a letter: fields `letter-number`, `letter-date`."""
    form_with_letter: bool = False
    """Letter and form, both."""
    by_word: bool = False
    """At once on the word of whoever decides; `clock` is the time for the signature, and no copy leaves before it."""
    fields: list[AnnexField] = Field(default_factory=list)
    checks: list[RequestCheck] = Field(default_factory=list)
    chain: list[ChainStep] = Field(default_factory=list)
    hold_by: list[ChainStep] = Field(default_factory=list)
    """Who approves 保存 beside, where the text names somebody."""
    capture_by: str = ""
    """The post that makes what is kept (轉拷, 擷取)."""
    viewers: list[str] = Field(default_factory=list)
    """Posts of which one looks, where the applicant does not."""
    companion: str = ""
    """The post that is there at each viewing."""
    companion_unit: Annotated[Unit, _enum(Unit)] = Unit.OFFICE
    companion_by_login: bool = False
    """The second person of a viewing confirms from an account of their own."""
    appointment: bool = False
    viewing_copy: bool = False
    """以複製後閱覽: made for the viewing, destroyed right after it."""
    once: bool = False
    """Used up by its viewing."""
    clock: ReplyClock | None = None
    other_clocks: list[ReplyClock] = Field(default_factory=list)
    """In the place of `clock` where their condition holds."""
    receipt: bool = False
    """簽收 for what is handed over."""
    fee: bool = False
    secrecy: bool = False
    """密等 and 解密條件 on what is handed over."""
    register_form: str = ""
    """The log book that gets a row each time: 附件5."""
    kept: Span | None = None
    """The form, from the viewing on."""
    held: Span | None = None
    """What was captured, from the capture on."""
    originals: int = Field(default=1, ge=1, le=2)
    notes: list[str] = Field(default_factory=list)
    """What is printed on the form beside its fields: 申請須知, 調閱說明, 備註."""
    ours: list[str] = Field(default_factory=list)
    """Keys of this row whose value is not in the text."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [one.name for one in self.fields] + [one.name for one in self.checks]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.row}: a field or check is there twice")
        deciding = [step.kind is StepKind.DECIDE for step in self.chain]
        if self.may and deciding != [False] * (len(deciding) - 1) + [True]:
            raise ValueError(f"{self.row}: its chain ends with who decides, and only there")
        if not self.may and (self.chain or self.companion):
            raise ValueError(f"{self.row}: nothing is granted, so nobody decides")
        if self.may and not self.companion:
            raise ValueError(f"{self.row}: nobody looks alone")
        if any(one.uses and not set(one.uses) <= set(self.may) for one in self.fields):
            raise ValueError(f"{self.row}: a field asks for what it may not have")
        strange = set(self.ours) - type(self).model_fields.keys()
        if strange:
            raise ValueError(f"{self.row}: {sorted(strange)} are no keys of a row")
        return self

    @model_validator(mode="after")
    def _conditions_can_hold(self) -> Self:
        choices: dict[str, list[str]] = {}
        for one in (*self.fields, *self.checks, *self.other_clocks):
            if one.when and one.when not in choices.get(one.when_field, []):
                raise ValueError(f"{self.row}: no field {one.when_field} further up has the choice {one.when}")
            if isinstance(one, AnnexField):
                choices[one.name] = one.choices
        if any(not one.when for one in self.other_clocks):
            raise ValueError(f"{self.row}: another clock has a condition")
        return self

    @property
    def by_staff(self) -> bool:
        """Whether who asks is a person of the office."""
        return self.applicant in (Applicant.STAFF, Applicant.POLICE) and bool(self.chain)

    def of_phase(self, phase: Phase) -> Iterator[AnnexField]:
        return (one for one in self.fields if one.phase is phase)

    def field(self, name: str) -> AnnexField:
        """KeyError for none of it."""
        return {one.name: one for one in self.fields}[name]
