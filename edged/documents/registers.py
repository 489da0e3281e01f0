"""Registers of the office (`edgectl register`), as programs, screens and pages get them.

Each row names the entries of the ledger that it rests on. Where words of persons may not be shown or cannot be read any
more, they are "", and `withheld` says why.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edged.documents.base import Document, Told
from edged.documents.office import DeliveryWord, DisposalWord, Part, SecrecyWord, ShownSignature, UseWord, Who

WithheldWord = Literal["", "private", "erased", "lost"]
OutcomeWord = Literal["deciding", "granted", "in-part", "refused", "withdrawn", "referred"]
MarkWord = Literal[
    "refused", "in-part", "withdrawn", "late", "overdue", "paper", "deputised", "urgent", "notice", "unsynced"
]
PurposeWord = Literal["maintenance", "repair", "inspection", "audit", "service", "unexplained"]
ApplicantWord = Literal["staff", "public", "police", "agency", "investigator", "member", "person", "other"]


class NamedPart(Part):
    """Footage of one camera, with its name."""

    name: str


class UnreadableRow(Document):
    """A request of which this version can tell nothing but this."""

    number: str
    row: str = Field(description="of the procedures of the profile")
    received: str = Field(description="收文, the day")
    why: Told
    leaves: list[int]


class RegisterRow(Document):
    """What all rows have that are of a request."""

    number: str = Field(default="", description='of the request; "": nothing of it rests on one')
    row: str = Field(default="", description='of the procedures of the profile; ""')
    words: str = Field(default="", description='who asks, as the text says it; ""')
    applicant: str = Field(default="", description='by name; "" where it may not be shown, or nobody is named')
    withheld: WithheldWord = Field(
        default="",
        description='why words of persons are left out: "" they are not; private: whoever asks has no part in the '
        "request; erased; lost with their key",
    )
    leaves: list[int] = Field(description="entries of the ledger that it rests on")


class LoggedUse(RegisterRow):
    """影音應用記錄簿: something was looked at, copied or kept."""

    entry: int | None = Field(
        default=None, description="by which the row is signed; null: the text has no log book for it"
    )
    day: str
    start: str = Field(description="when the viewing was opened, or the copy made")
    end: str | None = Field(
        default=None, description="when the viewing was over; null: it is open, or nothing was seen"
    )
    purpose: PurposeWord | None = Field(
        default=None,
        description="why something was shown without a request; unexplained: nobody knows by which; null: it is by one",
    )
    subject: str = Field(default="", description='案由; "" where it may not be shown')
    use: Literal["view", "look", "copy", "hold", "picture"]
    parts: list[NamedPart] = Field(description="what was shown, copied, kept")
    state: Literal["open", "ended", "cut"] | None = Field(
        default=None, description="of a viewing: ended: nobody has filmed (未拍攝), which is confirmed; cut: by a fault"
    )
    present: str = Field(
        default="", description='who was there beside operator and companion; "" where it may not be shown'
    )
    operator: Who | None = None
    account: str = Field(default="", description='of whoever looked without a request; ""')
    companion: Who | None = None
    made: str = Field(default="", description='export that left, or pin by which it is kept; ""')
    fingerprint: str = Field(default="", description='SHA-256 of the list of the copy; ""')
    medium: str = ""
    receiver: str = Field(default="", description='who took the copy; "" where it may not be shown')
    signed: list[ShownSignature] = Field(default=[])
    lacking: list[str] = Field(default=[], description="posts that have not signed the row")


class RegisteredRequest(RegisterRow):
    own: bool = Field(description="received at this box; else at another one of the office")
    received: str = Field(description="收文, the day")
    asked: list[NamedPart]
    uses: list[UseWord] = Field(description="what is asked for")
    outcome: OutcomeWord
    granted: list[UseWord]
    scope: list[NamedPart] = Field(description="what was granted")
    decided: str | None = Field(description="the day")
    replied: str | None = Field(description="the day of the reply")
    letter: str = Field(description='發文字號 of the reply; ""')
    delivery: DeliveryWord | None
    days: int | None = Field(description="from 收文 to the reply; null: there is none")
    last: str | None = Field(description="the last day for the reply, or for the signature of what was granted by word")
    viewings: int
    copies: int = Field(description="that left")
    closed: str | None = Field(description="the day")
    filed_as: str = Field(description='檔號 of its file (專卷); ""')
    marks: list[MarkWord] = Field(
        description="paper: every signature came on it; deputised: somebody signed 代為決行; urgent: granted by word; "
        "notice: told whom to turn to; unsynced: no clock vouched for the day of receipt (未校時)"
    )


class RegisteredCopy(RegisterRow):
    """A copy that left."""

    copy_id: str = Field(description="of the export")
    made: str = Field(description="when it was begun")
    parts: list[NamedPart]
    secrecy: SecrecyWord | None = Field(description="密等")
    declassify: str = Field(description="解密條件")
    handed: str | None = Field(description="簽收, the day; null: nobody has signed for it")
    receiver: str = Field(description='"" where it may not be shown')
    identity: str = Field(description='which document showed who that is; ""')
    medium: str
    fee: int | None = Field(description="in dollars; null: nobody pays by this procedure")
    fingerprint: str = Field(description='SHA-256 of its list; "": it is not finished')
    destroy_by: str | None = Field(description="until then it is to be destroyed")
    kept: bool = Field(description="the office has one of it, too")
    ours: DisposalWord | None = Field(description="what has become of that")
    ours_on: str | None
    handed_out: DisposalWord | None = Field(description="what has become of what was handed over")
    handed_out_on: str | None


class RegisterHead(Document):
    """The signed head of the ledger that the rows are under."""

    origin: str
    size: int
    root: str


class OfficeRegister(Document):
    title: str
    office: str
    box: str = Field(description="as this box is called ([site] node)")
    start: str = Field(description="the first day of the interval")
    end: str = Field(description="its last day")
    printed: str
    timezone: str
    head: RegisterHead | None = Field(description="null: the ledger is not signed")
    unreadable: list[UnreadableRow] = Field(description="requests of which something may be missing here")


class ViewingRegister(OfficeRegister):
    schema_: Literal["edged.register-viewings/1"] = Field(default="edged.register-viewings/1", alias="schema")
    columns: list[str] = Field(description="of the log book of the text; as edged calls them where it has none")
    posts: list[str] = Field(description="who signs a row")
    rows: list[LoggedUse]


class RequestRegister(OfficeRegister):
    schema_: Literal["edged.register-requests/1"] = Field(default="edged.register-requests/1", alias="schema")
    rows: list[RegisteredRequest]


class CopyRegister(OfficeRegister):
    schema_: Literal["edged.register-copies/1"] = Field(default="edged.register-copies/1", alias="schema")
    rows: list[RegisteredCopy]


class RegisterCounts(Document):
    received: int
    deciding: int
    granted: int
    in_part: int
    refused: int
    withdrawn: int
    referred: int = Field(description="told whom to turn to")
    unreadable: int
    open: int = Field(description="not closed")
    overdue: int
    late: int = Field(description="with those that are overdue")
    viewings: int = Field(description="of this year, whichever year their request is of")
    copies: int = Field(description="likewise")


class RegisterMonth(Document):
    """Requests of one class of applicants that were received in one month and had one outcome."""

    month: int
    applicant: ApplicantWord
    outcome: OutcomeWord
    requests: int
    median_days: float | None = Field(description="to the reply; null: none of them was answered")
    longest_days: int | None


class MarkedRequests(Document):
    mark: MarkWord
    numbers: list[str]


class YearRegister(OfficeRegister):
    schema_: Literal["edged.register-year/1"] = Field(default="edged.register-year/1", alias="schema")
    year: int = Field(description="of the Republic (民國)")
    counts: RegisterCounts
    months: list[RegisterMonth]
    marked: list[MarkedRequests]
    rows: list[RegisteredRequest]
