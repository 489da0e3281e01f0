"""Requests for footage (調閱申請), persons and posts of the office, as programs and screens get them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from edged.documents.base import Document, Told
from edged.documents.exports import Copied, ExportPlan
from edged.documents.pins import Act, Pin

UseWord = Literal["view", "hold", "copy", "look"]
StatusWord = Literal["deciding", "supplement", "granted", "refused", "withdrawn", "closed", "unreadable"]
DoorWord = Literal["login", "paper", "word"]
DisposalWord = Literal["returned", "destroyed", "filed"]
DeliveryWord = Literal["mail", "handed", "exchange", "email"]
SecrecyWord = Literal["密", "機密", "極機密", "絕對機密"]
FIELDS_MAX = 100
TEXT_MAX = 2_000
"""Characters of a field of a form."""
SCAN_MAX: Final = 10_000_000
"""Bytes of a scan."""
SCAN_KINDS: Final = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg"}
"""How a PDF and a JPEG begin, and what each is called."""
Words = Annotated[str, Field(max_length=TEXT_MAX)]
Name = Annotated[str, Field(max_length=200)]
"""Of a post, a unit, a camera, a row: what edged or its configuration calls something."""
Number = Annotated[int, Field(ge=0, le=(1 << 31) - 1)]
"""Of a person or a version, a position."""


class Part(Document):
    """Footage of one camera."""

    camera: str
    start: str
    end: str


class Who(Document):
    """A person of the office."""

    person: int = Field(description="number of the table of persons; 0: an applicant from outside")
    name: str = Field(description='"" where it may not be shown, or was lost with its key')


class ShownSignature(Document):
    by: Who
    post: str
    unit: str
    door: DoorWord = Field(description="login: from an account of their own; paper; word: said by telephone")
    deputy: bool = Field(description="代為決行")
    day: str | None = Field(description="on the paper, or of the telephone call")
    entered_by: Who | None = Field(description="who entered what is on paper")
    scan: int | None = Field(description="position of its picture among the scans of the request")


class Step(Document):
    """One signature of a chain, by post."""

    post: str
    kind: Literal["apply", "receive", "sign", "decide"]
    unit: Literal["office", "applicant", "managing", "camera"] = Field(
        default="office",
        description="whose post it is: of the whole office, of the applicant's section, of the one that manages the "
        "recorder, of each unit whose cameras are meant",
    )
    signed: list[ShownSignature]
    lacking: list[str] = Field(description='units that have not signed; "" is the whole office; empty: done')


class ShownCheck(Document):
    name: str
    words: str
    outcomes: list[str]
    named: list[str] = Field(description="outcomes that name the document or law they rest on")
    applies: bool
    outcome: str | None
    document: str = Field(description='what was seen; "" where nothing was named, or it may not be shown')
    by: Who | None


class FormField(Document):
    name: str
    words: str = Field(description="as the annex calls it")
    under: str
    phase: Literal["application", "viewing", "keeping", "afterwards"]
    kind: str
    choices: list[str]
    open_choice: str = Field(default="", description='the choice that is told in words of its own; ""')
    required: bool
    applies: bool
    when_field: str = Field(default="", description='applies where this field has the choice `when`; "": always')
    when: str = ""
    hint: Told | None = Field(description="what may be typed; null where the words of the annex say all")
    value: str = Field(description='"" where it is not filled in, or may not be shown')


class ShownViewing(Document):
    day: str
    state: Literal["open", "ended", "cut"]
    operator: Who
    companion: Who
    present: str = Field(description='"" where it may not be shown')


class ShownReceipt(Document):
    """簽收."""

    day: str
    receiver: str = Field(description='"" where it may not be shown')
    identity: str = Field(description='which document showed who that is; "" likewise')
    medium: str
    fee: int | None = Field(description="in dollars; null: nobody pays by this procedure")
    fingerprint: str = Field(description='SHA-256 of the list of the copy; "" of one that was signed for before 1.1')


class ShownCopy(Document):
    """A copy that left."""

    id: str = Field(description="of the export")
    secrecy: str | None = Field(description="密等")
    declassify: str = Field(description="解密條件")
    receipt: ShownReceipt | None = Field(description="null: nobody has signed for it")
    kept: bool = Field(description="the office has one of it, too")
    ours: DisposalWord | None = Field(description="what has become of that")
    handed_out: DisposalWord | None = Field(description="what has become of what was handed over")


class ShownEntry(Document):
    """A row of the log book (附件5)."""

    version: int = Field(description="by which it is signed")
    use: UseWord
    signed: list[ShownSignature]
    lacking: list[str] = Field(description="posts that have not signed it")


class ShownHold(Part):
    pin: str | None = Field(description="null: it is not held")
    why_not: Told | None


class ShownDeadline(Document):
    what: Told
    day: str | None = Field(
        description="the last that belongs to it; null: no period is set, and it is due all the same"
    )
    left_days: int | None = Field(description="until then; negative: it is over")


class Remark(Document):
    """What looks wrong and may stand as written."""

    field: str
    words: str = Field(description="of the field, as the annex calls it")
    told: Told


class RequestLine(Document):
    """One request in a list."""

    number: str
    own: bool = Field(description="received at this box; else at another one of the office")
    row: str = Field(description="of the procedures of the profile")
    words: str = Field(description="who asks, as the text says it")
    received: str = Field(description="收文, the day")
    status: StatusWord
    version: int
    next: str = Field(description='post whose signature is next; "" where none is')
    deadline: ShownDeadline | None = Field(description="the one that ends first")
    erased: bool = Field(description="its persons are erased")
    to_erase: bool = Field(description="its period is over, and its persons are to be erased: edgectl request expire")
    unreadable: Told | None = Field(description="why this version cannot follow its story")


class ShownRequest(RequestLine):
    timezone: str = Field(description="the site's, such as Asia/Taipei: who signs by a post may read no status")
    synchronised: bool = Field(description="whether the clock was when it was received: else 未校時")
    clauses: list[str]
    asked: list[Part]
    uses: list[UseWord] = Field(description="what is asked for")
    may: list[UseWord] = Field(description="what this procedure can be granted at all")
    instead: str = Field(description="what to do instead of what it may not have")
    applicant: Who | None = Field(description="of the office; null for somebody from outside")
    granted: list[UseWord] | None = Field(description="null: not decided; empty: refused")
    scope: list[Part] = Field(description="what was granted")
    chain: list[Step]
    keeping: list[Step] = Field(description="who approves that something is kept")
    checks: list[ShownCheck]
    fields: list[FormField]
    nameless: bool = Field(description="its words cannot be read any more: erased, or lost with their key")
    private: bool = Field(description="words of persons are left out: whoever asks has no part in it")
    held: list[ShownHold]
    deadlines: list[ShownDeadline]
    viewings: list[ShownViewing]
    appointed: str | None
    companion: str
    paper_unseen: bool = Field(description="steps of it are on paper, which a second person has to see first")
    word_pending: bool = Field(description="it was decided by word; the signature is not there yet")
    kept: bool
    made: list[str] = Field(description="exports that left, and pins by which something is kept")
    copies: list[ShownCopy]
    entries: list[ShownEntry] = Field(description="rows of the log book; empty where the text has none")
    filed_as: str = Field(description='檔號 of its file (專卷); "": it has none yet')
    replied: str | None
    letter: str = Field(description='發文字號 of the reply; ""')
    delivery: DeliveryWord | None = Field(description="how the reply went out")
    reasons: list[str] = Field(description="why it was returned, supplemented, refused, in order")
    todo: list[Told] = Field(description="what is to be done now")


class RequestShow(Document):
    schema_: Literal["edged.request-show/1"] = Field(default="edged.request-show/1", alias="schema")
    request: ShownRequest
    remarks: list[Remark]
    slip: list[Told] = Field(description="what whoever asks is told: number, and what is not held")


class RequestList(Document):
    schema_: Literal["edged.request-list/1"] = Field(default="edged.request-list/1", alias="schema")
    requests: list[RequestLine]
    timezone: str = Field(description="the site's, such as Asia/Taipei: who signs by a post may read no status")
    open: bool = Field(description="whether the office is open: footage is shown by granted requests only")


class ShownProcedure(Document):
    """How a form is filled in."""

    row: str
    form: str
    words: str
    may: list[UseWord]
    instead: str
    notes: list[str]
    by_word: bool
    staff: bool = Field(description="the applicant is a person of the office")
    fields: list[FormField]


class Procedures(Document):
    schema_: Literal["edged.procedures/1"] = Field(default="edged.procedures/1", alias="schema")
    procedures: list[ShownProcedure]


class RequestExpire(Document):
    schema_: Literal["edged.request-expire/1"] = Field(default="edged.request-expire/1", alias="schema")
    act: Act


class Scanned(Document):
    schema_: Literal["edged.request-scan/1"] = Field(default="edged.request-scan/1", alias="schema")
    number: str
    scan: int
    bytes: int


class RequestPrint(Document):
    schema_: Literal["edged.request-print/1"] = Field(default="edged.request-print/1", alias="schema")
    number: str
    paper: str = Field(description="form, slip, notice, reply, receipt, label, case-file")
    path: str = Field(description="where the page was written")
    bytes: int
    sha256: str
    remark: Told | None = Field(default=None, description="why it came out otherwise than the office wants it")


class ShownFile(Document):
    """A film that may be seen now."""

    path: str
    camera: str
    start: str
    end: str
    bytes: int


class RequestView(Document):
    schema_: Literal["edged.request-view/1"] = Field(default="edged.request-view/1", alias="schema")
    request: ShownRequest
    directory: str | None = Field(description="where the films lie while the viewing is open; null: it is not")
    files: list[ShownFile]
    lacking: list[Told] = Field(
        description="what of it is not there: destroyed, never recorded, on a volume that is away"
    )


class RequestCopy(Document):
    schema_: Literal["edged.request-copy/1"] = Field(default="edged.request-copy/1", alias="schema")
    request: ShownRequest
    export: Copied | None = Field(description="what is copied now; null: only planned, or kept by a pin")
    plan: ExportPlan | None
    pin: Pin | None = Field(description="what is kept in the office; null: a copy that leaves")


class ShownLook(Document):
    schema_: Literal["edged.look/1"] = Field(default="edged.look/1", alias="schema")
    directory: str | None = Field(description="where the films lie; null: it is over")
    until: str | None = Field(description="then they are removed")
    files: list[ShownFile]
    lacking: list[Told]


class ShownPerson(Document):
    number: int
    name: str = Field(description='"": lost with its key; enter it anew')
    unit: str
    account: str | None = Field(description="null: signs on paper only")
    left: bool
    posts: list[str]


class PersonList(Document):
    schema_: Literal["edged.person-list/1"] = Field(default="edged.person-list/1", alias="schema")
    persons: list[ShownPerson]


class PersonAdd(Document):
    schema_: Literal["edged.person-add/1"] = Field(default="edged.person-add/1", alias="schema")
    person: int


class PersonTie(Document):
    schema_: Literal["edged.person-tie/1"] = Field(default="edged.person-tie/1", alias="schema")
    act: Act


class Holder(Document):
    person: int
    deputy_of: int | None
    start: str | None = Field(description="of a deputy")
    end: str | None
    signs: bool = Field(description="false: gave it to himself, or the time of a deputy is not now")


class Post(Document):
    post: str
    unit: str
    rows: list[str] = Field(description="of procedures that ask for it")
    holders: list[Holder]


class PostList(Document):
    schema_: Literal["edged.post-list/1"] = Field(default="edged.post-list/1", alias="schema")
    posts: list[Post]
    words: dict[str, str] = Field({}, description="who asks by a procedure, by its row, as its text calls them")
    timezone: str = Field(description="the site's, such as Asia/Taipei: who signs by a post may read no status")
    lacking: list[Told] = Field(description="why a procedure cannot be carried out")


class PostHold(Document):
    schema_: Literal["edged.post-hold/1"] = Field(default="edged.post-hold/1", alias="schema")
    act: Act


class PostDeputise(Document):
    schema_: Literal["edged.post-deputise/1"] = Field(default="edged.post-deputise/1", alias="schema")
    act: Act | None = Field(description="null: done, because the holder named the deputy")


class OfficeOpen(Document):
    schema_: Literal["edged.office-open/1"] = Field(default="edged.office-open/1", alias="schema")
    act: Act


# --- what is asked


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReceiveAsked(_Asked):
    row: Name
    received: str | None
    fields: dict[str, Words] = Field(max_length=FIELDS_MAX)
    applicant: Number | None
    number: Name = ""
    box: Name = ""
    """Of another box of the office, which received it under this number."""


class SignerAsked(_Asked):
    """By which post, and how."""

    post: Name = Field(description='"", of a row of the log book: the only one that it lacks and the signer holds')
    unit: Name = ""
    person: Number | None = None
    day: str | None = None
    scan: Number | None = None
    by_word: bool = False
    authorised: bool = False


class StepAsked(_Asked):
    version: Number


class SignAsked(StepAsked):
    signer: SignerAsked
    keeping: bool = False


class ReturnAsked(StepAsked):
    signer: SignerAsked
    to: Number
    reason: Words


class SupplementAsked(StepAsked):
    """Asked for by a signer until a day, or what came in."""

    signer: SignerAsked | None = None
    until: str | None = None
    reason: Words = ""
    fields: dict[str, Words] = Field(default={}, max_length=FIELDS_MAX)
    complete: bool = False
    """What was asked for is there."""


class ExamineAsked(StepAsked):
    """A check has an outcome; without one: the paper was seen by a second person."""

    check: Name | None = None
    outcome: Name = ""
    document: Words = ""


class PartAsked(_Asked):
    camera: Name
    start: str
    end: str


class GrantAsked(StepAsked):
    signer: SignerAsked
    uses: list[UseWord] | None = None
    scope: list[PartAsked] | None = None
    reason: Words = ""


class RefuseAsked(StepAsked):
    signer: SignerAsked
    reason: Words


class ReplyAsked(StepAsked):
    """Answered; with a signer: the time for it is lengthened instead."""

    day: str | None = None
    letter: Name = ""
    delivery: DeliveryWord | None = None
    signer: SignerAsked | None = None
    reason: Words = ""


class AppointAsked(StepAsked):
    at: str


class ViewAsked(StepAsked):
    """open: lay out what was granted; end: 未拍攝 is confirmed; cut: a fault ended it; here: whoever calls is the
    companion, and says so from an account of their own."""

    step: Literal["open", "end", "cut", "here"]
    companion: Number | None = None
    unit: Name = ""
    present: list[Words] = Field(default=[], max_length=20)
    not_filmed: bool = False
    scope: list[PartAsked] | None = None
    fields: dict[str, Words] = Field(default={}, max_length=FIELDS_MAX)


class CopyAsked(StepAsked):
    """`keep`: 保存, a pin in the office; else an export, which leaves."""

    keep: bool = False
    asks: bool = False
    """Keeping is asked for, and not yet made."""
    scope: list[PartAsked] | None = None
    destroy_by: str | None = None
    max_file_bytes: int = Field(default=(1 << 32) - 1, ge=1 << 16, le=1 << 62)
    whole_segments: bool = False
    dry_run: bool = False
    secrecy: SecrecyWord | None = None
    declassify: Words = ""
    fields: dict[str, Words] = Field(default={}, max_length=FIELDS_MAX)


class LookAsked(_Asked):
    purpose: Literal["maintenance", "repair", "inspection", "audit"]
    cameras: list[Name]
    start: str
    end: str
    companion: Number | None = None
    """Of an audit."""
    over: bool = False
    """What was laid out is removed."""
    here: bool = False
    """Whoever audits says that they are there; nothing is laid out."""


class CloseAsked(StepAsked):
    fields: dict[str, Words] = Field(default={}, max_length=FIELDS_MAX)
    filed_as: Name = ""
    """檔號; of a case that is closed, this alone."""


class ReceiptAsked(StepAsked):
    """簽收."""

    receiver: Words
    identity: Words
    medium: Words
    copy_id: Name = ""
    day: str | None = None
    fee: int | None = Field(default=None, ge=0, le=1_000_000)
    kept: bool = True


class DisposeAsked(StepAsked):
    """What has become of a copy: of the office's own, or of what was handed over."""

    copy_id: Name
    disposal: DisposalWord
    ours: bool
    day: str | None = None


class SignEntryAsked(StepAsked):
    """A row of the log book, by its version."""

    signer: SignerAsked
    entry: Number


class PersonAsked(_Asked):
    name: str
    unit: Name = ""
    number: Number | None = None
    """Of one whose name is written anew."""


class TieAsked(_Asked):
    account: Name | None
    left: bool = False
    """Works here no more."""


class PostAsked(_Asked):
    person: Number
    post: Name
    unit: Name = ""
    ends: bool = False


class DeputyAsked(_Asked):
    person: Number
    post: Name
    unit: Name = ""
    holder: Number | None = None
    start: str
    end: str
