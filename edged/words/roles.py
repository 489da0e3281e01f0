"""Who may do what: five roles, each verb of `edgectl` with the roles that have it, and how an account comes to a role.

Pure; the system's databases are asked in `edged.host.accounts`. The table is the law: the guard of the control API asks
nothing else, and docs/roles.md is made from it (`script/roles`). Roles come from Unix groups (`[roles]`) and nowhere
else, so an account has as many as its groups give it. Keeps S14: there is no verb that deletes or formats.

Grants for single cameras (J3, N3) will narrow what a role has, never widen it: their place is a field of `Holding`,
filled where groups are resolved, and asked by the calls that name a camera.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from typing import Final, NamedTuple, TypeAlias

from storage.words.message import Message, message

ROOT: Final = 0
UNASSIGNED: Final = "unconfigured"
"""What leaves name as the role of root and of the daemon's own account until there are roles."""


class Role(StrEnum):
    """The first that grants a verb is the one that its leaf names."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    AUTHORITY = "authority"
    AUDITOR = "auditor"
    TECHNICIAN = "technician"


class Verb(StrEnum):
    """As typed behind `edgectl`; `approve` alone shows what waits, with an ID it does it."""

    STATUS = "status"
    CAMERAS = "cameras"
    ALARMS = "alarms"
    ALARMS_ACK = "alarms ack"
    FAULTS = "faults"
    FAULTS_SHOW = "faults show"
    FAULTS_ADD = "faults add"
    FAULTS_REPORT = "faults report"
    FAULTS_REPAIR = "faults repair"
    FAULTS_CHECK = "faults check"
    MAINTENANCE = "maintenance"
    MAINTENANCE_START = "maintenance start"
    MAINTENANCE_END = "maintenance end"
    RETENTION = "retention"
    VERSION = "version"
    SEGMENTS = "segments"
    GAPS = "gaps"
    DESTROYED = "destroyed"
    PROOF = "proof-of-retention"
    SNAPSHOT = "snapshot"
    REFERENCE_LIST = "reference list"
    REFERENCE_SET = "reference set"
    REFERENCE_CLEAR = "reference clear"
    COMPLIANCE = "compliance"
    COMPLIANCE_CLOSE = "compliance close"
    VOLUME_LIST = "volume list"
    VOLUME_INIT = "volume init"
    VOLUME_RETIRE = "volume retire"
    VOLUME_REPLACE = "volume replace"
    BOOTS = "boots"
    BOOTS_ATTEST = "boots attest"
    FSCK = "fsck"
    REBUILD = "rebuild"
    RELOAD = "reload"
    PIN_LIST = "pin list"
    PIN_ADD = "pin add"
    PIN_APPROVE = "pin approve"
    PIN_EXTEND = "pin extend"
    PIN_RELEASE = "pin release"
    EXPORT = "export"
    REQUEST_NEW = "request new"
    REQUEST_LIST = "request list"
    REQUEST_SHOW = "request show"
    REQUEST_RECEIVE = "request receive"
    REQUEST_SUPPLEMENT = "request supplement"
    REQUEST_CHECK = "request check"
    REQUEST_SIGN = "request sign"
    REQUEST_RETURN = "request return"
    REQUEST_GRANT = "request grant"
    REQUEST_REFUSE = "request refuse"
    REQUEST_WITHDRAW = "request withdraw"
    REQUEST_REPLY = "request reply"
    REQUEST_APPOINT = "request appoint"
    REQUEST_VIEW = "request view"
    REQUEST_COPY = "request copy"
    REQUEST_PRINT = "request print"
    REQUEST_RECEIPT = "request receipt"
    REQUEST_DESTROYED = "request destroyed"
    REQUEST_CLOSE = "request close"
    REQUEST_EXPIRE = "request expire"
    REGISTER = "register"
    REGISTER_SIGN = "register sign"
    LEAK_LIST = "leak list"
    LEAK_SHOW = "leak show"
    LEAK_OPEN = "leak open"
    LEAK_REPORT = "leak report"
    LEAK_CLOSE = "leak close"
    PERSON_LIST = "person list"
    PERSON_ADD = "person add"
    PERSON_TIE = "person tie"
    POST_LIST = "post list"
    POST_HOLD = "post hold"
    POST_DEPUTISE = "post deputise"
    LOOK = "look"
    OFFICE_OPEN = "office open"
    LEDGER = "ledger"
    LEDGER_VERIFY = "ledger verify"
    LEDGER_RENEW = "ledger renew"
    APPROVE = "approve"
    APPROVE_ID = "approve ID"


class Record(StrEnum):
    """What the ledger has to know of a call before it may happen."""

    NONE = "none"
    """It tells how the machine is, and of nobody: no leaf, and it answers whatever is broken."""
    SEEN = "seen"
    """It discloses or inspects: its leaf comes first, or nothing is shown. The same again in a minute is counted."""
    LISTED = "listed"
    """It names footage and shows none: its leaf comes if it can. All that a person lists in a day is counted."""
    DONE = "done"
    """It changes something: its leaf comes first, or nothing is changed."""
    ASKED = "asked"
    """It waits for a second person: leaf and act are one fact, so that the leaf names the act."""
    MENDED = "mended"
    """It keeps evidence or heals the box: its leaf comes first if it can, else it is made up for, with an alarm."""


@dataclass(frozen=True, slots=True)
class VerbRule:
    """One line of the table."""

    who: frozenset[Role]
    name: Message
    record: Record = Record.NONE
    result: str = "done"
    """What the leaf says became of it: done, asked (it waits for a second person), approved."""
    why: str = ""
    clauses: tuple[str, ...] = ()
    by_post: bool = False
    """Whoever has a part in the request that is named, by a post or as the applicant, may call it as well: of those
    that name none, whoever is a person of the office."""
    discloses: bool = False
    """It shows footage or hands it out: with a profile nobody does without a grant (`edged.office.disclosure`)."""

    @property
    def two(self) -> bool:
        """It takes two persons, of whom this is the first or the second."""
        return self.result in ("asked", "approved")

    @property
    def shows(self) -> bool:
        """Footage, or what there is of it."""
        return self.discloses or self.record in (Record.SEEN, Record.LISTED)

    @property
    def changes(self) -> bool:
        """If nothing comes of it, that is on record."""
        return self.record in (Record.DONE, Record.ASKED, Record.MENDED)


VIEWER, OPERATOR, AUTHORITY, AUDITOR, TECHNICIAN = Role
ALL: Final = frozenset(Role)
KNOWING: Final = ALL - {VIEWER}


def _only(*roles: Role) -> frozenset[Role]:
    return frozenset(roles)


_SEEING_TO: Final = _only(OPERATOR, AUTHORITY, TECHNICIAN)
"""Whoever may see to what is out of order."""
TABLE: Final[Mapping[Verb, VerbRule]] = {
    Verb.STATUS: VerbRule(ALL, message("role.verb.status", "status")),
    Verb.CAMERAS: VerbRule(ALL, message("role.verb.cameras", "cameras")),
    Verb.ALARMS: VerbRule(ALL, message("role.verb.alarms", "alarms")),
    Verb.ALARMS_ACK: VerbRule(
        _only(OPERATOR, AUTHORITY, TECHNICIAN),
        message("role.verb.alarms-ack", "acknowledge an alarm"),
        Record.DONE,
        why="whoever does something about it; the alarm goes on standing",
    ),
    Verb.FAULTS: VerbRule(
        KNOWING,
        message("role.verb.faults", "list of faults"),
        why="what is out of order; names nobody",
        clauses=("J2", "P10"),
    ),
    Verb.FAULTS_SHOW: VerbRule(
        KNOWING,
        message("role.verb.faults-show", "record of a fault"),
        Record.LISTED,
        why="names who did what about it",
        clauses=("J2", "P10"),
    ),
    Verb.FAULTS_ADD: VerbRule(
        _SEEING_TO,
        message("role.verb.faults-add", "enter a fault"),
        Record.DONE,
        why="whoever finds it",
        clauses=("J2", "N6"),
    ),
    Verb.FAULTS_REPORT: VerbRule(
        _SEEING_TO, message("role.verb.faults-report", "report a fault"), Record.DONE, clauses=("J2", "P10")
    ),
    Verb.FAULTS_REPAIR: VerbRule(
        _SEEING_TO, message("role.verb.faults-repair", "enter a repair"), Record.DONE, clauses=("J2", "P10")
    ),
    Verb.FAULTS_CHECK: VerbRule(
        _only(OPERATOR, AUTHORITY),
        message("role.verb.faults-check", "check a repair"),
        Record.DONE,
        why="another person than who repaired it; the box says whether it sees it still",
        clauses=("J2", "P10"),
    ),
    Verb.MAINTENANCE: VerbRule(
        KNOWING,
        message("role.verb.maintenance", "maintenance"),
        why="what is worked on, who announced it, which alarms wait",
    ),
    Verb.MAINTENANCE_START: VerbRule(
        _only(AUTHORITY),
        message("role.verb.maintenance-start", "begin maintenance"),
        Record.DONE,
        why="holds alarms back and explains gaps: opened by the top right, and over by itself",
        clauses=("P5", "W3"),
    ),
    Verb.MAINTENANCE_END: VerbRule(
        _only(AUTHORITY), message("role.verb.maintenance-end", "end maintenance"), Record.DONE, clauses=("P5", "W3")
    ),
    Verb.RETENTION: VerbRule(ALL, message("role.verb.retention", "retention")),
    Verb.VERSION: VerbRule(ALL, message("role.verb.version", "version")),
    Verb.SEGMENTS: VerbRule(
        _only(OPERATOR, AUDITOR),
        message("role.verb.segments", "list of segments"),
        Record.LISTED,
        why="for whoever will copy or inspect; names files, shows no picture",
    ),
    Verb.GAPS: VerbRule(
        KNOWING, message("role.verb.gaps", "gaps"), why="when nothing was recorded is not for everybody's eyes"
    ),
    Verb.DESTROYED: VerbRule(
        _only(OPERATOR, AUTHORITY, AUDITOR),
        message("role.verb.destroyed", "register of destruction"),
        Record.LISTED,
        why="whoever is asked for footage must be able to say that it is destroyed; names files, shows no picture",
        clauses=("W1", "J4", "P4", "P13", "N4"),
    ),
    Verb.PROOF: VerbRule(
        _only(AUTHORITY, AUDITOR),
        message("role.verb.proof", "proof of retention"),
        Record.DONE,
        why="signed in the name of the office: that it was handed out is on record",
        clauses=("W1", "J4", "P4", "P13", "N4"),
    ),
    Verb.SNAPSHOT: VerbRule(
        _only(OPERATOR),
        message("role.verb.snapshot", "take a picture"),
        Record.SEEN,
        why="shows a live picture, so it says what for; whoever watches or inspects, and nobody else",
        clauses=("W2", "J7"),
        discloses=True,
    ),
    Verb.REFERENCE_LIST: VerbRule(
        KNOWING, message("role.verb.reference-list", "reference views"), why="names cameras, shows no picture"
    ),
    Verb.REFERENCE_SET: VerbRule(
        _only(OPERATOR),
        message("role.verb.reference-set", "set a reference view"),
        Record.DONE,
        why="says what a camera is to show: who turned it may not be who says so unseen",
        clauses=("J14",),
    ),
    Verb.REFERENCE_CLEAR: VerbRule(
        _only(OPERATOR),
        message("role.verb.reference-clear", "clear a reference view"),
        Record.DONE,
        why="nobody is told any more that it was turned",
        clauses=("J14",),
    ),
    Verb.COMPLIANCE: VerbRule(
        KNOWING,
        message("role.verb.compliance", "compliance"),
        Record.SEEN,
        why="names accounts that hold too much; that it was looked at is evidence",
        clauses=("P15", "D8"),
    ),
    Verb.COMPLIANCE_CLOSE: VerbRule(
        _only(AUDITOR),
        message("role.verb.compliance-close", "close a finding"),
        Record.DONE,
        why="a clause returns when the auditor is content; nobody closes what is about himself",
        clauses=("P15", "D8"),
    ),
    Verb.VOLUME_LIST: VerbRule(KNOWING, message("role.verb.volume-list", "volumes")),
    Verb.VOLUME_INIT: VerbRule(
        _only(TECHNICIAN), message("role.verb.volume-init", "initialise a volume"), Record.DONE, clauses=("P14",)
    ),
    Verb.VOLUME_RETIRE: VerbRule(
        _only(TECHNICIAN), message("role.verb.volume-retire", "retire a volume"), Record.DONE, clauses=("P14",)
    ),
    Verb.VOLUME_REPLACE: VerbRule(
        _only(TECHNICIAN),
        message("role.verb.volume-replace", "replace a volume"),
        Record.DONE,
        why="only a disk that is gone already",
        clauses=("P14",),
    ),
    Verb.BOOTS: VerbRule(_only(AUTHORITY, AUDITOR, TECHNICIAN), message("role.verb.boots", "boots")),
    Verb.BOOTS_ATTEST: VerbRule(
        _only(AUTHORITY, TECHNICIAN),
        message("role.verb.boots-attest", "attest how long the box was off"),
        Record.ASKED,
        "asked",
        "makes footage older: takes two persons",
    ),
    Verb.FSCK: VerbRule(
        _only(AUDITOR, TECHNICIAN),
        message("role.verb.fsck", "check of the files"),
        Record.SEEN,
        why="changes nothing; that it was done is evidence",
        clauses=("P15",),
    ),
    Verb.REBUILD: VerbRule(_only(TECHNICIAN), message("role.verb.rebuild", "rebuild the database"), Record.DONE),
    Verb.RELOAD: VerbRule(
        _only(AUTHORITY, TECHNICIAN),
        message("role.verb.reload", "read the configuration file again"),
        Record.MENDED,
        why="what loosens a bound waits for `approve ID`; heals, so no leaf can hold it up",
    ),
    Verb.PIN_LIST: VerbRule(
        _only(OPERATOR, AUTHORITY, AUDITOR),
        message("role.verb.pin-list", "list of pins"),
        Record.SEEN,
        why="names cases and people",
    ),
    Verb.PIN_ADD: VerbRule(
        _only(OPERATOR),
        message("role.verb.pin-add", "pin footage"),
        Record.MENDED,
        why="stops destruction, so no leaf can hold it up",
        clauses=("P5", "W6"),
    ),
    Verb.PIN_APPROVE: VerbRule(
        _only(OPERATOR, AUTHORITY),
        message("role.verb.pin-approve", "approve a pin"),
        Record.MENDED,
        "approved",
        "another person than who placed it",
        ("W6",),
    ),
    Verb.PIN_EXTEND: VerbRule(
        _only(OPERATOR),
        message("role.verb.pin-extend", "ask to extend a pin"),
        Record.ASKED,
        "asked",
        "takes two persons",
        ("P5",),
    ),
    Verb.PIN_RELEASE: VerbRule(
        _only(OPERATOR),
        message("role.verb.pin-release", "ask to release a pin"),
        Record.ASKED,
        "asked",
        "its footage may then be destroyed: takes two persons",
    ),
    Verb.EXPORT: VerbRule(
        _only(OPERATOR),
        message("role.verb.export", "copy (export)"),
        Record.SEEN,
        why="what leaves is on record before its first byte: leaves `copy` with who, why, when and how much",
        clauses=("P5", "P6"),
        discloses=True,
    ),
    Verb.REQUEST_NEW: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-new", "receive a request"),
        Record.DONE,
        why="whoever takes it in at the counter; its footage is held from then on",
        clauses=("W8", "J5", "P7", "D4", "N1"),
    ),
    Verb.REQUEST_LIST: VerbRule(
        _only(OPERATOR, AUTHORITY, AUDITOR),
        message("role.verb.request-list", "list of requests"),
        Record.LISTED,
        why="number, procedure and state; names nobody",
        clauses=("W10", "J10"),
        by_post=True,
    ),
    Verb.REQUEST_SHOW: VerbRule(
        _only(OPERATOR, AUTHORITY, AUDITOR),
        message("role.verb.request-show", "a request"),
        Record.SEEN,
        why="persons are shown to who handles it or signs it, never by the role alone",
        clauses=("P11",),
        by_post=True,
    ),
    Verb.REQUEST_RECEIVE: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-receive", "take over the request of another box"),
        Record.DONE,
        why="one number for both boxes of an office",
        clauses=("W8",),
    ),
    Verb.REQUEST_SUPPLEMENT: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-supplement", "supplement of a request"),
        Record.DONE,
        why="asked for by whoever signs it, entered when it comes",
        clauses=("J5",),
        by_post=True,
    ),
    Verb.REQUEST_CHECK: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-check", "check of a request"),
        Record.DONE,
        why="what was looked at before it is decided, and that a second person saw the paper",
        clauses=("P9",),
        by_post=True,
    ),
    Verb.REQUEST_SIGN: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-sign", "sign a request"),
        Record.DONE,
        why="by a post, never for oneself; on paper it is entered by an operator",
        clauses=("W2", "J6", "P12", "N2"),
        by_post=True,
    ),
    Verb.REQUEST_RETURN: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-return", "return a request"),
        Record.DONE,
        why="to a step before",
        clauses=("J6",),
        by_post=True,
    ),
    Verb.REQUEST_GRANT: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-grant", "grant a request"),
        Record.DONE,
        why="the last signature of its chain, in part or whole",
        clauses=("W2", "W6", "J6", "P12", "D1", "N2"),
        by_post=True,
    ),
    Verb.REQUEST_REFUSE: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-refuse", "refuse a request"),
        Record.DONE,
        why="with the reason, and what to do instead",
        clauses=("J6", "D1"),
        by_post=True,
    ),
    Verb.REQUEST_WITHDRAW: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-withdraw", "withdraw a request"),
        Record.DONE,
        why="for whoever asked",
    ),
    Verb.REQUEST_REPLY: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-reply", "answer a request"),
        Record.DONE,
        why="the day of the letter ends the time for it; who signs may lengthen it once",
        clauses=("J5",),
        by_post=True,
    ),
    Verb.REQUEST_APPOINT: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-appoint", "appoint a viewing"),
        Record.DONE,
        why="day and hour",
        clauses=("J8", "P7"),
    ),
    Verb.REQUEST_VIEW: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-view", "view footage of a request"),
        Record.SEEN,
        why="shows what was granted, in company; who is there may say so from an account of their own",
        clauses=("W3", "W5", "J8", "D5", "N3"),
        by_post=True,
        discloses=True,
    ),
    Verb.REQUEST_COPY: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-copy", "copy footage of a request"),
        Record.SEEN,
        why="hands out what was granted; what is kept is pinned",
        clauses=("W6", "J9", "P8", "D7", "N2"),
        discloses=True,
    ),
    Verb.REQUEST_PRINT: VerbRule(
        _only(OPERATOR, AUTHORITY, AUDITOR),
        message("role.verb.request-print", "print a paper of a request"),
        Record.SEEN,
        why="form, reply, receipt, case file; persons as in request show",
        clauses=("J11", "P8", "D3", "N10"),
        by_post=True,
    ),
    Verb.REQUEST_RECEIPT: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-receipt", "have a copy signed for"),
        Record.DONE,
        why="who took it, on what medium, with its fingerprint",
        clauses=("P7", "P8", "D5"),
    ),
    Verb.REQUEST_DESTROYED: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-destroyed", "enter what has become of a copy"),
        Record.DONE,
        why="returned, destroyed or filed; nothing is removed by it",
        clauses=("P8",),
    ),
    Verb.REQUEST_CLOSE: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-close", "close a request"),
        Record.DONE,
        why="its hold ends with it",
        clauses=("W10",),
    ),
    Verb.REQUEST_EXPIRE: VerbRule(
        _only(OPERATOR),
        message("role.verb.request-expire", "let go of the persons of a request"),
        Record.ASKED,
        "asked",
        why="when the period of the text is over: takes two persons",
        clauses=("W10",),
    ),
    Verb.REGISTER: VerbRule(
        _only(OPERATOR, AUTHORITY, AUDITOR),
        message("role.verb.register", "registers of requests"),
        Record.SEEN,
        why="log book, viewings, copies, the year; persons as in request show",
        clauses=("J11", "P8", "D3", "W10"),
    ),
    Verb.REGISTER_SIGN: VerbRule(
        _only(OPERATOR),
        message("role.verb.register-sign", "sign a row of the log book"),
        Record.DONE,
        why="by the posts that the log book names; on paper it is entered by an operator",
        clauses=("J11",),
        by_post=True,
    ),
    Verb.LEAK_LIST: VerbRule(
        _only(OPERATOR, AUTHORITY, AUDITOR),
        message("role.verb.leak-list", "list of leak cases"),
        Record.LISTED,
        why="cameras, intervals and days; names nobody",
        clauses=("P9",),
    ),
    Verb.LEAK_SHOW: VerbRule(
        _only(OPERATOR, AUTHORITY, AUDITOR),
        message("role.verb.leak-show", "a leak case"),
        Record.SEEN,
        why="which copies and viewings hold what has leaked",
        clauses=("P9",),
    ),
    Verb.LEAK_OPEN: VerbRule(
        _only(OPERATOR, AUTHORITY, AUDITOR),
        message("role.verb.leak-open", "open a leak case"),
        Record.DONE,
        why="whoever hears of it; what it touches is not erased meanwhile",
        clauses=("P9",),
    ),
    Verb.LEAK_REPORT: VerbRule(
        _only(OPERATOR, AUTHORITY, AUDITOR),
        message("role.verb.leak-report", "enter that a leak was reported"),
        Record.DONE,
        why="to whom, on which day, under which number",
        clauses=("P9",),
    ),
    Verb.LEAK_CLOSE: VerbRule(
        _only(AUDITOR),
        message("role.verb.leak-close", "close a leak case"),
        Record.DONE,
        why="by an auditor, once it is reported",
        clauses=("P9",),
    ),
    Verb.PERSON_LIST: VerbRule(
        _only(OPERATOR, AUTHORITY, AUDITOR),
        message("role.verb.person-list", "persons"),
        Record.SEEN,
        why="names who works here, and nobody who asked for footage",
    ),
    Verb.PERSON_ADD: VerbRule(
        _only(OPERATOR),
        message("role.verb.person-add", "enter a person"),
        Record.DONE,
        why="without an account and without a post they can sign nothing",
    ),
    Verb.PERSON_TIE: VerbRule(
        _only(OPERATOR),
        message("role.verb.person-tie", "tie a person to an account"),
        Record.ASKED,
        "asked",
        why="who signs by login is who the account is tied to: takes two persons",
    ),
    Verb.POST_LIST: VerbRule(
        KNOWING,
        message("role.verb.post-list", "posts"),
        Record.NONE,
        why="which post is held by which number; names nobody",
        by_post=True,
    ),
    Verb.POST_HOLD: VerbRule(
        _only(OPERATOR),
        message("role.verb.post-hold", "give or take a post"),
        Record.ASKED,
        "asked",
        why="who holds a post signs by it: takes two persons",
        clauses=("W2", "P12"),
    ),
    Verb.POST_DEPUTISE: VerbRule(
        _only(OPERATOR, AUTHORITY),
        message("role.verb.post-deputise", "name a deputy"),
        Record.DONE,
        why="the holder alone, for a stated time",
        by_post=True,
    ),
    Verb.LOOK: VerbRule(
        _only(OPERATOR, AUDITOR),
        message("role.verb.look", "look without a request"),
        Record.SEEN,
        why="only for what a text allows without one: maintenance, repair, inspection, audit; "
        "an auditor says that they are there, and an operator shows it",
        clauses=("J7", "W3", "P15"),
        discloses=True,
    ),
    Verb.OFFICE_OPEN: VerbRule(
        _only(OPERATOR, AUTHORITY),
        message("role.verb.office-open", "open the office"),
        Record.ASKED,
        "asked",
        why="from then on footage is shown and handed out by granted requests only: takes two persons",
        clauses=("W2", "J6", "P12", "D1", "N2"),
    ),
    Verb.LEDGER: VerbRule(
        _only(AUTHORITY, AUDITOR),
        message("role.verb.ledger", "ledger"),
        Record.SEEN,
        why="names who did what",
        clauses=("P15",),
    ),
    Verb.LEDGER_VERIFY: VerbRule(
        _only(AUTHORITY, AUDITOR, TECHNICIAN),
        message("role.verb.ledger-verify", "check of the ledger"),
        Record.SEEN,
        why="changes nothing; that it was done is evidence",
        clauses=("P15",),
    ),
    Verb.LEDGER_RENEW: VerbRule(
        _only(AUTHORITY, TECHNICIAN),
        message("role.verb.ledger-renew", "new key of the ledger"),
        Record.ASKED,
        "asked",
        "who holds the key speaks for the box: takes two persons",
        ("P14", "W3"),
    ),
    Verb.APPROVE: VerbRule(
        _only(OPERATOR, AUTHORITY, AUDITOR),
        message("role.verb.approve", "acts that wait"),
        Record.SEEN,
        why="names people and reasons",
    ),
    Verb.APPROVE_ID: VerbRule(
        _only(AUTHORITY),
        message("role.verb.approve-id", "approve"),
        Record.DONE,
        "approved",
        "another person than who asked, from a login of their own",
        ("W3", "P5"),
    ),
}
"""What each role has. Whoever needs a verb gets it here, in one line, or not at all."""

LOCAL: Final[Mapping[str, str]] = {
    "config check": "reads a file, and asks no daemon",
    "verify": "reads an export, and asks no daemon",
    "doctor": "looks at the machine as whoever calls it, and asks the daemon for no more than `status`",
    "probe": "speaks with a camera as whoever calls it, with the password that they give, and asks no daemon",
}
"""Verbs that ask no daemon: what they need is the right to read what they are given."""


class RoleWords(NamedTuple):
    """What a role is called, and what for."""

    name: Message
    purpose: str
    full: Message
    """As `[roles]` has it and as the regulations do, in either language."""


NAMES: Final[Mapping[Role, RoleWords]] = {
    Role.VIEWER: RoleWords(
        message("role.viewer", "viewer"),
        "sees how things are: cameras, alarms, periods",
        message("role.viewer.full", "viewer (檢視人員)"),
    ),
    Role.OPERATOR: RoleWords(
        message("role.operator", "operator"),
        "keeps and copies footage",
        message("role.operator.full", "operator (專責人員)"),
    ),
    Role.AUTHORITY: RoleWords(
        message("role.authority", "authority"),
        "approves: configuration, keys, roles, whatever takes two persons",
        message("role.authority.full", "authority (權限管理者)"),
    ),
    Role.AUDITOR: RoleWords(
        message("role.auditor", "auditor"),
        "reads everything, closes findings, changes nothing else",
        message("role.auditor.full", "auditor (稽核人員)"),
    ),
    Role.TECHNICIAN: RoleWords(
        message("role.technician", "technician"),
        "keeps the box healthy: disks, checks, the file; sees no case and no picture",
        message("role.technician.full", "technician (維護人員)"),
    ),
}
CLAUSES: Final[Mapping[Role, tuple[str, ...]]] = {
    Role.VIEWER: (),
    Role.OPERATOR: ("P5", "P6"),
    Role.AUTHORITY: ("P5", "P6", "P14", "W3"),
    Role.AUDITOR: ("P14", "P15", "D8"),
    Role.TECHNICIAN: ("P14", "W3"),
}

APART: Final = frozenset({Role.OPERATOR, Role.AUTHORITY})
"""Whoever is in both holds neither (P6)."""

Assignment: TypeAlias = Mapping[Role, Collection[str]]
"""`[roles]`: which groups have which role."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account may, now."""

    roles: frozenset[Role]
    assigned: bool = True
    """False: nobody has configured roles, and the account may do all or nothing."""
    clashes: bool = False
    """It is in a group of operators and in one of authorities."""

    def under(self, verb: Verb) -> str | None:
        """The role as which it may, for its leaf; None where it may not."""
        granting = next((role for role in Role if role in self.roles & TABLE[verb].who), None)
        if granting is None:
            return None
        return granting.value if self.assigned else UNASSIGNED

    @property
    def named(self) -> str:
        """All it is, for the leaf of a refusal."""
        return ",".join(role for role in Role if role in self.roles) or "none"


def is_of_the_house(uid: int, own_uid: int) -> bool:
    """Root and the daemon's own account: what they may hangs on no group."""
    return uid in (ROOT, own_uid)


def resolve(uid: int, own_uid: int, groups: Collection[str], assignment: Assignment | None) -> Holding:
    """What the account of this number may, with the groups it is in."""
    if assignment is None:
        return Holding(ALL if is_of_the_house(uid, own_uid) else frozenset(), assigned=False)
    if is_of_the_house(uid, own_uid):
        return Holding(frozenset({Role.TECHNICIAN}))
    held = frozenset(role for role, named in assignment.items() if not set(named).isdisjoint(groups))
    return Holding(apart(held), clashes=held >= APART)


def apart(held: frozenset[Role]) -> frozenset[Role]:
    """What is left of the roles of somebody's groups."""
    return held - APART if held >= APART else held


def named_groups(assignment: Assignment | None, roles: Collection[Role] = ALL) -> tuple[str, ...]:
    """All groups that have one of these roles, each once."""
    found = (group for role, groups in (assignment or {}).items() if role in roles for group in groups)
    return tuple(dict.fromkeys(found))


def refusal(verb: Verb, account: str, holding: Holding, assignment: Assignment | None) -> tuple[Message, Message]:
    """Why not, and what to do: which role it takes and who has it."""
    if assignment is None:
        return (
            message(
                "role.none-configured",
                "{account} may not ask this daemon: no roles are configured, so only root and edged's own account may",
                account=account,
            ),
            message(
                "role.none-configured.action",
                "run edgectl as root or with sudo, or have [roles] written (docs/roles.md)",
            ),
        )
    wanted = [role for role in Role if role in TABLE[verb].who]
    takes = reduce(_or, (NAMES[role].full for role in wanted))
    if holding.clashes and not APART.isdisjoint(wanted):
        return (
            message(
                "role.clash",
                "{account} is in a group of operators and in one of authorities, and so holds neither role: "
                "`{verb}` takes {roles}",
                account=account,
                verb=verb.value,
                roles=takes,
            ),
            message("role.clash.action", "have it taken out of one of the two"),
        )
    what = message(
        "role.lacking",
        "{account} may not `{verb}`: it takes the role {roles}",
        account=account,
        verb=verb.value,
        roles=takes,
    )
    if TABLE[verb].by_post:
        what = message("role.or-post", "{what}, or a part in the request by a post", what=what)
    having = [f"{role}: {' '.join(assignment[role])}" for role in wanted if assignment.get(role)]
    if not having:
        return what, message("role.ungiven.action", "no group has it: see [roles]")
    return what, message("role.lacking.action", "ask somebody of these groups ({groups})", groups="; ".join(having))


def _or(one: Message, other: Message) -> Message:
    return message("role.or", "{one} or {other}", one=one, other=other)
