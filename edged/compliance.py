"""法規查核: a profile and facts to one finding for each clause: met or not met, why, since when. Pure.

The rules have five subjects:

- Evidence: whether what is kept out of the ring has a ground, an approver and a term, and faults are seen to.
- The office: whether nothing is shown or handed out but by a request, and each request was carried out as its clause
  says, complete and in time (`edged.office.findings`). What broke it stays until an auditor has closed it.
- People: whether they can do no more than their clause allows: what there is to call, roles, files that lie open.
- Retention: whether footage is kept as long as its clause demands and no longer, and every second accounted for.
- Streams: whether cameras send what their clause demands: all the time, large, often, in colour, heard.

What edged offers is read from the table of roles and from the calls as they are served, so that a verb or a route that
somebody adds is judged like all others. What is told is messages; clauses are quoted as they are, in Chinese.

Begin with `Facts` and `ClauseFinding`, then `findings`. May enter evidence, for what it calls things, and the rooms
below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from itertools import combinations
from typing import Final, NamedTuple

from edged.alarms.conditions import TAMPERED
from edged.config.model import CameraConfig
from edged.health.faults import MediaFault, MediaHealth
from edged.host.file_access import OpenFiles
from edged.office.findings import KINDS, CaseFinding, JudgedCase, OfficeRecord, is_look
from edged.office.leaks import LeakStatus
from edged.office.request import ViewingState
from edged.overview import CEILING_GRACE_S, DAY_MS, CameraHealth, ComplianceSummary, Overview
from edged.profiles.loader import Judgement, Picture, Profile, ProfileClause
from edged.profiles.loader import profile as profile_of
from edged.profiles.procedures import Procedure
from edged.words.roles import NAMES, TABLE, Record, Role, Verb, VerbRule
from edged.words.units import timestamp
from storage.pins.rules import Ground, Left, PinState
from storage.register.queries import Amount, Kept, Tally, Violation
from storage.retention.plan import effective
from storage.segments.coverage_queries import CoverageShares
from storage.words.message import NOTHING, Message, message
from storage.words.model import GAP_CAUSES, OpenFault, VolumeState


class ClauseStatus(StrEnum):
    """How a clause stands. What was not measured is never met."""

    MET = "met"
    NOT_MET = "not-met"
    BY_HAND = "by-hand"
    NOT_BUILT = "not-built"


GROUNDS: Final[Mapping[Ground, Message]] = {
    Ground.LAW: message("clause.ground.law", "law"),
    Ground.INVESTIGATION: message("clause.ground.investigation", "investigation of an offence"),
    Ground.INTERNAL: message("clause.ground.internal", "reasons of the office itself"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the control API, as it is served."""

    method: str
    path: str
    verb: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a judgement rests on, at one instant."""

    seen: Overview
    calls: tuple[Call, ...] = ()
    """Every call there is."""
    reached: OpenFiles | None = None
    """Who could read what lies on the disks; None while nobody has looked."""
    register: Tally | None = None
    """The register of destruction; None while it is not read to its end."""
    shares: Mapping[str, CoverageShares] = field(default_factory=dict)
    """Of the last 24 h, by camera."""
    office: OfficeRecord | None = None
    """None: nobody has looked yet, or it cannot be read."""
    office_shut: Message = NOTHING
    """Why it cannot be read."""
    findings: tuple[CaseFinding, ...] = ()
    """What of the office broke a clause, open and closed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one judgement came to. `faults` break the clause; `evidence` is what was measured."""

    status: ClauseStatus
    faults: tuple[Message, ...] = ()
    evidence: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class ClauseFinding:
    """One clause."""

    clause: ProfileClause
    status: ClauseStatus
    faults: tuple[Message, ...] = ()
    evidence: tuple[Message, ...] = ()
    findings: tuple[CaseFinding, ...] = ()
    """Those that are open, and those that an auditor has closed within 12 months."""

    @property
    def whole(self) -> bool:
        """Nothing of the clause is left to people or to a later version."""
        return not (self.clause.by_hand or self.clause.not_built)


def met(*evidence: Message) -> Outcome:
    return Outcome(ClauseStatus.MET, (), evidence)


def judged(faults: list[Message], evidence: list[Message]) -> Outcome:
    """Not met by one fault."""
    return Outcome(ClauseStatus.NOT_MET if faults else ClauseStatus.MET, tuple(faults), tuple(evidence))


def named(camera: CameraConfig) -> str:
    if camera.name == camera.id:
        return camera.name
    return message("clause.camera", "{name} ({camera})", name=camera.name, camera=camera.id)


def _of(camera: CameraConfig, what: Message) -> Message:
    return message("clause.of-camera", "{camera}: {what}", camera=named(camera), what=what)


def _paths(paths: list[str], *, more: bool) -> Message:
    if more:
        return message("clause.paths.more", "{paths} and others", paths=paths)
    return message("clause.paths", "{paths}", paths=paths)


def percent(part: float) -> str:
    """Never rounded up to 100."""
    return "100%" if part >= 1 else f"{int(part * 10_000) / 100:.2f}%"


REPORTED_WITHIN_MS: Final = DAY_MS
"""立即報修: the texts give no figure; a day of running time lets a night pass and no weekend."""


def pins(clause: ProfileClause, facts: Facts) -> Outcome:
    """Each that lasts has a case and somebody who answers for it, and none goes on beyond its term unapproved."""
    faults, told = [], []
    most = clause.demands.pin_default
    for left in facts.seen.measured.pins:
        if left.pin.is_request:  # it holds what is asked for, and keeps nothing
            continue
        faults += [message("clause.pin", "pin {pin}: {wrong}", pin=left.pin.id, wrong=wrong) for wrong in _lacks(left)]
        if most is not None and left.pin.order.span_ms > most.total_seconds() * 1000 and not _is_approved(left):
            faults.append(
                message(
                    "clause.pin.unapproved",
                    "pin {pin}: longer than {most_s}, and not approved",
                    pin=left.pin.id,
                    most_s=most.total_seconds(),
                )
            )
        told.append(_pin_told(left))
    default_s = facts.seen.config.pins.default.total_seconds()
    if most is not None and default_s > most.total_seconds():
        faults.append(
            message(
                "clause.pin-default",
                "pins last {default_s} unless said otherwise, and should last {most_s} at most",
                default_s=default_s,
                most_s=most.total_seconds(),
            )
        )
    count = message(
        "clause.pins", "{count} pins; they last {default_s} unless said otherwise", count=len(told), default_s=default_s
    )
    return judged(faults, [count, *told])


def _lacks(left: Left) -> list[Message]:
    """One that an earlier database had, and of which its persons are lost, has to be looked after."""
    order, wrong = left.pin.order, []
    case, approver = order.case.strip(), order.approver.strip()
    if not case and not approver:
        wrong.append(message("clause.pin.no-case-nor-approver", "it has no case and nobody who approves it"))
    elif not case:
        wrong.append(message("clause.pin.no-case", "it has no case"))
    elif not approver:
        wrong.append(message("clause.pin.no-approver", "it has nobody who approves it"))
    if order.ground.crosses_ceiling and not order.reference.strip():
        wrong.append(message("clause.pin.no-reference", "it has no article and no number of a letter"))
    return wrong


def _is_approved(left: Left) -> bool:
    return left.pin.state is PinState.APPROVED


_APPROVED: Final = message("clause.pin.approved", "approved")
_PROVISIONAL: Final = message("clause.pin.provisional", "waiting for approval")


def _pin_told(left: Left) -> Message:
    """Without names and cases, which are nobody's business here."""
    return message(
        "clause.pin.told",
        "{pin}: {ground}, {state}, for {span_s}, until {until_at}",
        pin=left.pin.id,
        ground=GROUNDS[left.pin.order.ground],
        state=_APPROVED if _is_approved(left) else _PROVISIONAL,
        span_s=left.pin.order.span_ms / 1000,
        until_at=timestamp(left.until_ms),
    )


def faults(_clause: ProfileClause, facts: Facts) -> Outcome:
    """Each is reported soon, and followed until it is closed."""
    wrong, told = [], []
    for one in facts.seen.measured.faults:
        age_s = one.age_ms / 1000
        if one.reported_ms is None and one.age_ms > REPORTED_WITHIN_MS:
            wrong.append(
                message(
                    "clause.fault.unreported", "{fault}: for {age_s}, not reported yet", fault=_fault(one), age_s=age_s
                )
            )
        told.append(
            message(
                "clause.fault.stage", "{fault}: for {age_s}, {stage}", fault=_fault(one), age_s=age_s, stage=_stage(one)
            )
        )
    return judged(wrong, [message("clause.faults", "{count} open faults", count=len(told)), *told])


def _fault(one: OpenFault) -> Message:
    about = one.camera or one.volume
    if about:
        return message("clause.fault.about", "fault {fault} ({about})", fault=one.id, about=about)
    return message("clause.fault", "fault {fault}", fault=one.id)


def _stage(one: OpenFault) -> Message:
    if one.repaired_ms is not None:
        return message("clause.fault.repaired", "repaired, to be checked")
    if one.reported_ms is not None:
        return message("clause.fault.reported", "reported")
    if one.over:
        return message("clause.fault.over", "over, to be reported and closed")
    return message("clause.fault.found", "to be reported")


DESTROYING: Final = frozenset({
    "delete", "destroy", "drop", "erase", "format", "kill", "prune", "purge", "remove", "rm", "scrub",
    "shred", "trim", "truncate", "unlink", "wipe",
})  # fmt: skip
"""What a verb or a route that deletes or formats would be called; `destroyed` only lists."""
ON_RECORD: Final = frozenset({Record.SEEN, Record.DONE})
"""The leaf comes first, or nothing is shown."""
WATCHES: Final = ("internal:tamper watch", "internal:rescan")
"""Alarms that say that nobody notices a file that is removed."""


def undeletable(_clause: ProfileClause, facts: Facts) -> Outcome:
    """No verb and no route deletes or formats, and what is removed behind edged's back is noticed."""
    faults = [
        message("clause.destroying", "{function} can delete or format", function=name)
        for name in destroying(Verb, facts)
    ]
    if not facts.calls:
        faults.append(NO_CALLS)
    for one in facts.seen.tampered:
        paths = _paths([path for path, _ in one.files], more=one.more)
        faults.append(_tampered(str(one.path), paths))
    if any(row.raised and row.key in WATCHES for row in facts.seen.alarms):
        faults.append(message("clause.unwatched", "nothing notices whether a file is removed: the watch does not run"))
    if faults:
        return judged(faults, [])
    return met(
        message("clause.untampered", "no alarm tells of a file that was removed (storage.tampered)"),
        message(
            "clause.nothing-destroys",
            "{verbs} functions and {calls} calls were looked through: none deletes or formats",
            verbs=len(TABLE),
            calls=len(facts.calls),
        ),
    )


NO_CALLS: Final = message("clause.no-calls", "the calls that there are have not been read yet")


def _tampered(volume: str, paths: Message) -> Message:
    return message(
        "clause.tampered", "files on volume {volume} were removed or changed: {paths}", volume=volume, paths=paths
    )


def destroying(verbs: Iterable[Verb], facts: Facts) -> list[str]:
    """Names of verbs and calls that would delete or format, and of calls that no rule is for."""
    found = {verb.value for verb in verbs if DESTROYING & _parts(verb.value)}
    for call in facts.calls:
        if call.method == "DELETE" or DESTROYING & _parts(call.path) or call.verb not in {verb.value for verb in TABLE}:
            found.add(f"{call.method} {call.path}")
    return sorted(found)


def _parts(name: str) -> set[str]:
    return set(re.split(r"[^a-z]+", name.lower()))


def assigned(clause: ProfileClause, facts: Facts) -> Outcome:
    """Roles are given, by groups that this box has."""
    faults = _ungiven(clause.demands.roles, facts)
    if not facts.seen.roles.looked:
        faults.append(message("clause.groups-unseen", "the groups have not been looked up yet"))
    faults += [
        message("clause.group-unknown", "group {group} of the configuration file does not exist", group=group)
        for group in facts.seen.roles.unknown
    ]
    return judged(faults, [_given(role, facts) for role in Role if _groups(facts, role)])


def apart(clause: ProfileClause, facts: Facts) -> Outcome:
    """Nobody is both; an account that is in both groups holds neither role, and is told."""
    faults = [*_in_common(clause, facts), *_ungiven(clause.demands.apart, facts)]
    roles = reduce(_and, map(_role, clause.demands.apart))
    if not facts.seen.roles.looked:
        faults.append(message("clause.members-unseen", "the groups of the accounts have not been looked up yet"))
    if facts.seen.roles.clashing:
        faults.append(
            message(
                "clause.clash",
                "accounts {accounts} are in the groups of {roles} (and so hold neither role)",
                accounts=list(facts.seen.roles.clashing),
                roles=roles,
            )
        )
    if faults:
        return judged(faults, [])
    return met(message("clause.apart", "no account holds the roles {roles} at once", roles=roles))


def offices(clause: ProfileClause, facts: Facts) -> Outcome:
    """Groups of their own for each; whether their people are of different units the office knows."""
    faults = [*_ungiven(clause.demands.roles, facts), *_in_common(clause, facts)]
    return judged(faults, [] if faults else [_given(role, facts) for role in clause.demands.roles])


def auditor(_clause: ProfileClause, facts: Facts) -> Outcome:
    faults = _ungiven([Role.AUDITOR], facts)
    return judged(faults, [] if faults else [_given(Role.AUDITOR, facts)])


def recorded(_clause: ProfileClause, facts: Facts) -> Outcome:
    """Whatever shows footage is on record first."""
    loose = unrecorded({verb: rule for verb, rule in TABLE.items() if {call.verb for call in facts.calls} >= {verb}})
    faults = [
        message("clause.unrecorded", "{function} shows footage and leaves no record", function=name) for name in loose
    ]
    if not facts.calls:
        faults.append(NO_CALLS)
    if facts.seen.roles.owed:
        faults.append(
            message(
                "clause.owed",
                "what people did is not all in the ledger yet: {count} entries are owed",
                count=facts.seen.roles.owed,
            )
        )
    if faults:
        return judged(faults, [])
    shown: list[str] = [
        message("clause.function", "{name} ({verb})", name=rule.name, verb=verb.value)
        for verb, rule in TABLE.items()
        if rule.discloses
    ]
    return met(
        message("clause.recorded", "what shows footage is entered in the ledger first: {functions}", functions=shown)
    )


def unrecorded(table: dict[Verb, VerbRule]) -> list[str]:
    """Verbs that show footage without a leaf that comes first."""
    return [verb.value for verb, rule in table.items() if rule.discloses and rule.record not in ON_RECORD]


def sealed(_clause: ProfileClause, facts: Facts) -> Outcome:
    """No account of people can read what lies on the disks: modes, owners, access lists, members of edged's group."""
    reached = facts.reached
    if reached is None:
        return judged([message("clause.modes-unseen", "the modes of the files have not been looked at yet")], [])
    faults = [message("clause.file-open", "{path}: {why}", path=one.path, why=one.why) for one in reached.open]
    if reached.count > len(reached.open):
        faults.append(
            message(
                "clause.files-open",
                "{count} more files or directories are open to others",
                count=reached.count - len(reached.open),
            )
        )
    faults += [message("clause.place-unseen", "{place} cannot be looked at", place=place) for place in reached.unread]
    if not facts.seen.roles.looked:
        faults.append(message("clause.readers-unseen", "the members of the group edged have not been looked up yet"))
    if facts.seen.roles.readers:
        faults.append(
            message(
                "clause.readers",
                "accounts {accounts} are in edged's group, and can read footage directly",
                accounts=list(facts.seen.roles.readers),
            )
        )
    if reached.whole:
        told = message(
            "clause.modes",
            "owner, mode and access list of all {count} files and directories were looked at",
            count=reached.looked,
        )
    else:
        told = message(
            "clause.modes.so-far",
            "owner, mode and access list of {count} files and directories were looked at so far",
            count=reached.looked,
        )
    if faults:
        return judged(faults, [told])
    return met(told, message("clause.no-readers", "there is no other account in edged's group"))


def _groups(facts: Facts, role: Role) -> list[str]:
    return list((facts.seen.config.assignment() or {}).get(role, ()))


def _given(role: Role, facts: Facts) -> Message:
    groups = " ".join(_groups(facts, role))
    return message("clause.role", "{role}: groups {groups}", role=_role(role), groups=groups)


def _ungiven(wanted: Iterable[Role], facts: Facts) -> list[Message]:
    return [
        message("clause.role-ungiven", "no group has the role {role}", role=_role(role))
        for role in wanted
        if not _groups(facts, role)
    ]


def _in_common(clause: ProfileClause, facts: Facts) -> list[Message]:
    both = (
        (first, second, sorted(set(_groups(facts, first)) & set(_groups(facts, second))))
        for first, second in combinations(clause.demands.apart, 2)
    )
    return [
        message("clause.group-of-both", "group {group} has the roles {roles}", group=groups[0], roles=roles)
        for one, other, groups in both
        if groups
        for roles in (_and(_role(one), _role(other)),)
    ]


def _role(role: Role) -> Message:
    return NAMES[role].name


def _and(one: Message, other: Message) -> Message:
    return message("clause.and", "{one} and {other}", one=one, other=other)


REGISTER_MS: Final = 365 * DAY_MS
"""What was destroyed against a bound breaks a clause for so long: what an auditor of a year would find."""
UNMEASURED: Final = message("clause.unmeasured", "not measured yet: edged has just started, or could not measure it")
NO_CAMERA: Final = message("clause.no-camera", "no camera is enabled")


def floor(clause: ProfileClause, facts: Facts) -> Outcome:
    """Nothing within its floor is gone, as far as the box has run."""
    faults: list[Message] = list(_unmeasured(facts))
    evidence: list[Message] = []
    if not faults:
        faults += [*_configured(clause, facts), *_early(clause, facts), *_unshowable(facts)]
        for camera in facts.seen.config.cameras:
            told, wrong = _camera_kept(camera, facts)
            evidence.append(told)
            faults += wrong
        faults += _of_others(facts)
        evidence.append(_register_read(facts))
    return judged(faults, evidence)


def _camera_kept(camera: CameraConfig, facts: Facts) -> tuple[Message, list[Message]]:
    """A sentence on one camera, and what is wrong with it."""
    seen = facts.seen
    usage, bounds = seen.measured.usage.get(camera.id), seen.config.bounds(camera.id)
    if usage is None or usage.oldest_age_ms is None:
        nothing = message("clause.nothing-kept", "no footage (floor {floor_s})", floor_s=bounds.floor_s)
        wrong = [_of(camera, message("clause.nothing-to-check", "there is no footage to check"))]
        return _of(camera, nothing), wrong if camera.enabled else []
    wrong = []
    if usage.gone_ms:
        gone = message(
            "clause.gone-below-floor",
            "{gone_s} of footage within its floor was destroyed",
            gone_s=usage.gone_ms / 1000,
        )
        wrong.append(_of(camera, gone))
    if usage.lost:
        wrong.append(_of(camera, LOST))
    held_s = usage.oldest_age_ms / 1000
    kept = message("clause.kept", "kept for {held_s} (floor {floor_s})", held_s=held_s, floor_s=bounds.floor_s)
    coverage = seen.measured.coverage.get(camera.id)
    if held_s >= bounds.floor_s or coverage is None or coverage.known_since_ms is None:
        return _of(camera, kept), wrong
    since = timestamp(coverage.known_since_ms)
    if seen.now.wall_ms - coverage.known_since_ms < bounds.floor_s * 1000:
        short = message(
            "clause.kept.young",
            "{kept}; known since {since_at}, which is less than its floor",
            kept=kept,
            since_at=since,
        )
    else:
        short = message(
            "clause.kept.short",
            "{kept}; known since {since_at}, and within its floor nothing earlier was recorded (gaps)",
            kept=kept,
            since_at=since,
        )
    return _of(camera, short), wrong


LOST: Final = message("clause.lost", "footage that must still be kept is gone with its volume")


def _of_others(facts: Facts) -> Iterator[Message]:
    """What cameras left behind that are in the file no longer has its floor, too; without any camera nothing has."""
    cameras, usage = facts.seen.config.cameras, facts.seen.measured.usage
    for name in sorted(usage.keys() - {camera.id for camera in cameras}):
        if usage[name].lost:
            yield message("clause.of-former", "{camera} (not configured any more): {what}", camera=name, what=LOST)
    if not any(camera.enabled for camera in cameras) and not any(one.segments for one in usage.values()):
        yield message("clause.nothing-at-all", "no camera is enabled, and there is no footage to check")


def _configured(clause: ProfileClause, facts: Facts) -> Iterator[Message]:
    """What holds may differ from the file: looser only before a profile was chosen."""
    config, demands = facts.seen.config, clause.demands
    for camera in config.cameras:
        bounds = config.bounds(camera.id)
        if demands.floor is not None and bounds.floor_s < demands.floor.total_seconds():
            floor = message(
                "clause.floor-too-short",
                "its floor is {floor_s}, and should be {demanded_s} at least",
                floor_s=bounds.floor_s,
                demanded_s=demands.floor.total_seconds(),
            )
            yield _of(camera, floor)
    if demands.on_full and config.retention.on_full not in demands.on_full:
        yield message("clause.on-full", "when the disks are full, footage below its floor is destroyed (on_full)")
    for breach in facts.seen.measured.ring.breaches:
        if "overwrite" not in demands.on_full:
            yield message(
                "clause.overwritten",
                "{camera}: the disks were full, and {count} segments below their floor were overwritten",
                camera=breach.camera,
                count=breach.segments,
            )


def _early(clause: ProfileClause, facts: Facts) -> Iterator[Message]:
    kinds = [Violation.EARLY] if "overwrite" in clause.demands.on_full else [Violation.EARLY, Violation.PERMITTED]
    for kind in kinds:
        for one in _against(kind, facts):
            yield message(
                "clause.destroyed-early",
                "{camera}: by the register {count} segments were destroyed below their floor"
                " (the last on {last_at}, entry {leaf} of the ledger)",
                camera=one.camera,
                count=one.amount.segments,
                last_at=timestamp(one.amount.wall_ms),
                leaf=one.amount.leaf,
            )


class _Against(NamedTuple):
    """What of one camera was destroyed against a bound."""

    camera: str
    amount: Amount


def _against(kind: Violation, facts: Facts) -> Iterator[_Against]:
    if facts.register is None:
        return
    since_ms = facts.seen.now.wall_ms - REGISTER_MS
    for (camera, which), amount in sorted(facts.register.faults.items()):
        if which is kind and amount.wall_ms >= since_ms:
            yield _Against(camera, amount)


def _unshowable(facts: Facts) -> Iterator[Message]:
    """Footage that cannot be shown is not shown to be kept."""
    for one in facts.seen.tampered:
        paths = _paths([path for path, kind in one.files if kind in TAMPERED], more=one.more)
        yield _tampered(str(one.path), paths)
    for status in facts.seen.measured.volumes:
        if status.state is VolumeState.AWAY:
            yield message(
                "clause.away.unshown",
                "volume {volume} is away, and its footage cannot be checked",
                volume=str(status.path),
            )


def _register_read(facts: Facts) -> Message:
    number = facts.register.segments if facts.register is not None else 0
    return message("clause.register", "{count} segments of the register of destruction were looked at", count=number)


def _unmeasured(facts: Facts) -> Iterator[Message]:
    if not facts.seen.measured.volumes or facts.seen.last_sweep_ms is None:
        yield UNMEASURED
    elif facts.register is None:
        yield message("clause.register-unread", "the register of destruction has not been read to its end yet")
    elif facts.seen.recovering:
        yield message("clause.recovering", "files that an unclean stop left are still being worked off")


def ceiling(clause: ProfileClause, facts: Facts) -> Outcome:
    """Nothing without an excepting pin is older than its ceiling."""
    faults: list[Message] = list(_unmeasured(facts))
    evidence: list[Message] = []
    if not faults:
        faults += [*_late(facts), *_unmoved(facts)]
        for name in sorted(facts.seen.measured.usage):
            told, wrong = _oldest(name, clause, facts)
            evidence += told
            faults += wrong
        wrong, told = _holding(clause, facts)
        faults += wrong
        evidence += [*told, _register_read(facts)]
    return judged(faults, evidence)


def _late(facts: Facts) -> Iterator[Message]:
    for one in _against(Violation.LATE, facts):
        yield message(
            "clause.destroyed-late",
            "{camera}: by the register {count} segments were destroyed beyond their ceiling"
            " (the last on {last_at}, entry {leaf} of the ledger)",
            camera=one.camera,
            count=one.amount.segments,
            last_at=timestamp(one.amount.wall_ms),
            leaf=one.amount.leaf,
        )


def _oldest(name: str, clause: ProfileClause, facts: Facts) -> tuple[list[Message], list[Message]]:
    """Of one camera, configured or not: footage of one that is gone has its ceiling, too."""
    seen = facts.seen
    usage, oldest = seen.measured.usage[name], seen.measured.oldest.get(name)
    configured = next((camera for camera in seen.config.cameras if camera.id == name), None)
    former = message("clause.former", "{camera} (not configured any more)", camera=name)
    shown = former if configured is None else named(configured)
    bounds = seen.config.bounds(name) if configured is not None or oldest is None else oldest.bounds
    wrong = []
    demanded = clause.demands.ceiling
    if configured is not None and demanded is not None and bounds.ceiling_s > demanded.total_seconds():
        wrong.append(
            message(
                "clause.ceiling-too-long",
                "{camera}: its ceiling is {ceiling_s}, and should be {demanded_s} at most",
                camera=shown,
                ceiling_s=bounds.ceiling_s,
                demanded_s=demanded.total_seconds(),
            )
        )
    if usage.oldest_age_ms is None:
        return [], wrong
    held_s = usage.oldest_age_ms / 1000
    in_force = seen.measured.ring.bounds.get(name, bounds)
    binding = effective(oldest.bounds, in_force) if oldest is not None else in_force
    most_s = binding.ceiling_s if demanded is None else min(binding.ceiling_s, demanded.total_seconds())
    if held_s > most_s + CEILING_GRACE_S:
        wrong.append(
            message(
                "clause.past-ceiling",
                "{camera}: its oldest footage is {held_s} old, beyond its ceiling of {most_s}",
                camera=shown,
                held_s=held_s,
                most_s=most_s,
            )
        )
    told = message(
        "clause.oldest",
        "{camera}: its oldest footage is {held_s} old (ceiling {ceiling_s})",
        camera=shown,
        held_s=held_s,
        ceiling_s=binding.ceiling_s,
    )
    waits = seen.measured.ring.waiting.get(name)
    if waits is not None:
        left_s = waits.left_ms / 1000
        told = message(
            "clause.oldest.shortened", "{told}; its shortened ceiling holds in {left_s}", told=told, left_s=left_s
        )
    return [told], wrong


def _unmoved(facts: Facts) -> Iterator[Message]:
    if facts.seen.ceiling_unproven:
        yield message(
            "clause.ceiling-unproven",
            "footage may be past its ceiling and is not destroyed, because it is not proven how long the box was off"
            " (edgectl boots)",
        )
    if any(row.key == "internal:destroying" and row.raised for row in facts.seen.alarms):
        yield message("clause.undestroyed", "footage that is past its ceiling cannot be removed (edgectl alarms)")
    for status in facts.seen.measured.volumes:
        if status.state is VolumeState.AWAY:
            yield message(
                "clause.away.undestroyed",
                "volume {volume} is away, and its footage cannot be destroyed",
                volume=str(status.path),
            )


def _holding(clause: ProfileClause, facts: Facts) -> tuple[list[Message], list[Message]]:
    """Pins that reach beyond a ceiling: on a ground that the text does not name, and on one that it does."""
    faults, evidence = [], []
    for left in facts.seen.measured.pins:
        order, crossing = left.pin.order, clause.demands.crossing
        age_s = (facts.seen.now.wall_ms - order.interval.first_ms) / 1000
        most_s = min((facts.seen.config.bounds(camera).ceiling_s for camera in order.cameras), default=0)
        if not order.ground.crosses_ceiling or age_s <= most_s + CEILING_GRACE_S:
            continue
        if crossing and order.ground not in crossing:
            faults.append(
                message(
                    "clause.pin.crossing-unnamed",
                    "pin {pin} holds footage beyond its ceiling, on a ground that the regulation does not name",
                    pin=left.pin.id,
                )
            )
        else:
            evidence.append(
                message(
                    "clause.pin.crossing",
                    "pin {pin} holds footage beyond its ceiling: {ground}",
                    pin=left.pin.id,
                    ground=GROUNDS[order.ground],
                )
            )
    return faults, evidence


def stated(_clause: ProfileClause, facts: Facts) -> Outcome:
    """The text names no period, the office does: a configuration without one is refused, so it is said."""
    retention = facts.seen.config.retention
    return met(
        message(
            "clause.stated",
            "the office has set: kept for {floor_s} at least, destroyed after {ceiling_s} at the latest",
            floor_s=retention.min.total_seconds(),
            ceiling_s=retention.max.total_seconds(),
        )
    )


def coverage(_clause: ProfileClause, facts: Facts) -> Outcome:
    """Every second of the last day is recorded, or in a gap with a cause; and now it is recorded."""
    faults: list[Message] = []
    evidence: list[Message] = []
    live = [camera for camera in facts.seen.config.cameras if camera.enabled]
    if not live:
        faults.append(NO_CAMERA)
    for camera in live:
        shares, health = facts.shares.get(camera.id), facts.seen.health.get(camera.id)
        if shares is None or health is None:
            faults.append(_of(camera, UNMEASURED))
            continue
        whole_ms = shares.recorded_ms + shares.unexplained_ms + sum(shares.causes.values())
        if not whole_ms:
            faults.append(_of(camera, message("clause.nothing-on-record", "nothing is on record yet")))
            continue
        evidence.append(_of(camera, _day(shares, whole_ms)))
        if shares.unexplained_ms:
            missing = message(
                "clause.unexplained",
                "{seconds} s are not recorded, and nobody knows why",
                seconds=_tenths(shares.unexplained_ms),
            )
            faults.append(_of(camera, missing))
        if health.condition.state.value == "down":
            faults.append(_of(camera, NOT_RECORDED))
    return judged(faults, evidence)


NOT_RECORDED: Final = message("clause.not-recorded", "it is not recorded now")


def _day(shares: CoverageShares, whole_ms: int) -> Message:
    told = message(
        "clause.coverage",
        "coverage of 24 hours {share}; unexplained {seconds} s",
        share=percent(shares.recorded_ms / whole_ms),
        seconds=_tenths(shares.unexplained_ms),
    )
    if not shares.causes:
        return told
    causes: list[str] = [
        message("clause.cause", "{cause} {seconds} s", cause=_cause(cause), seconds=_tenths(ms))
        for cause, ms in shares.causes.items()
    ]
    return message("clause.coverage.gaps", "{told}; gaps: {causes}", told=told, causes=causes)


def _tenths(ms: int) -> str:
    return f"{ms / 1000:.1f}"


def _cause(cause: str) -> str:
    return next((words for known, words in GAP_CAUSES.items() if known == cause), cause)


FPS_SLACK: Final = 0.02
"""Of a rate measured over 5 s or more: one image more or less at either end."""
DRIFT_MS: Final = 200
"""Sound this far from its picture is not that of what is seen (P2: drift below 0.2 s)."""
_UNHEARD: Final = {
    MediaFault.SILENT: message("clause.sound.silent", "nothing can be heard"),
    MediaFault.CLIPPED: message("clause.sound.clipped", "the sound is so loud that it is cut off"),
    MediaFault.MUTE: message("clause.sound.mute", "there is no sound"),
    MediaFault.DRIFT: message("clause.sound.drift", "sound and picture lie apart"),
}


def mode(_clause: ProfileClause, facts: Facts) -> Outcome:
    """Configured is recording all the time; so it has to be seen to."""
    faults, evidence = [], []
    for camera in facts.seen.config.cameras:
        health = facts.seen.health.get(camera.id)
        state = health.condition.state.value if health is not None else "down"
        if not camera.enabled:
            evidence.append(_of(camera, message("clause.disabled", "disabled")))
        elif state in ("recording", "degraded"):
            evidence.append(_of(camera, message("clause.mode", "recorded all the time, and now")))
        else:
            faults.append(
                _of(camera, message("clause.mode.not-now", "to be recorded all the time, and not recorded now"))
            )
    if not any(camera.enabled for camera in facts.seen.config.cameras):
        faults.append(NO_CAMERA)
    return judged(faults, evidence)


def picture(clause: ProfileClause, facts: Facts) -> Outcome:
    asked = clause.demands.picture
    faults: list[Message] = []
    evidence: list[Message] = []
    live = [camera for camera in facts.seen.config.cameras if camera.enabled]
    if asked is None or not live:
        return Outcome(ClauseStatus.NOT_MET, (NO_CAMERA,))
    for camera in live:
        wrong, told = _picture(facts.seen.health.get(camera.id), facts.seen.judged.get(camera.id), asked)
        faults += [_of(camera, one) for one in wrong]
        evidence += [_of(camera, told)] if told else []
    return judged(faults, evidence)


def _picture(health: CameraHealth | None, seen: MediaHealth | None, asked: Picture) -> tuple[list[Message], Message]:
    """What is wrong, and what was measured."""
    stream = health.stream if health is not None else None
    if health is None or stream is None or not stream.width or not stream.height:
        return [message("clause.picture.none", "there is no picture to measure")], NOTHING
    pixels, fps, wrong = stream.width * stream.height, health.condition.fps, []
    if stream.height < asked.height:
        wrong.append(
            message(
                "clause.picture.low",
                "the picture is {height} high, and should be {demanded} at least",
                height=stream.height,
                demanded=asked.height,
            )
        )
    if pixels < asked.pixels:
        wrong.append(
            message(
                "clause.picture.small",
                "each picture has {width}×{height} = {pixels} pixels, and should have {demanded} at least",
                width=stream.width,
                height=stream.height,
                pixels=f"{pixels:,}",
                demanded=f"{asked.pixels:,}",
            )
        )
    if fps is None:
        wrong.append(message("clause.rate.unmeasured", "pictures a second have not been measured yet"))
    elif fps < asked.fps * (1 - FPS_SLACK):
        wrong.append(
            message(
                "clause.rate.low",
                "{fps} pictures a second, which should be {demanded} at least",
                fps=f"{fps:.1f}",
                demanded=f"{asked.fps:g}",
            )
        )
    colour, grey = _colour(seen)
    if asked.colour and grey:
        wrong.append(grey)
    told = message(
        "clause.picture",
        "{width}×{height} ({pixels} pixels), {rate}, {codec}, {colour}",
        width=stream.width,
        height=stream.height,
        pixels=f"{pixels:,}",
        rate=message("clause.rate.unknown", "pictures a second unknown")
        if fps is None
        else message("clause.rate", "{fps} pictures a second", fps=f"{fps:.1f}"),
        codec=str(stream.video),
        colour=colour,
    )
    return wrong, told


_COLOUR_UNKNOWN: Final = message("clause.colour.unknown", "colour unknown")
_COLOUR_UNMEASURED: Final = message("clause.colour.unmeasured", "colour has not been measured yet")


def _colour(seen: MediaHealth | None) -> tuple[Message, Message]:
    """What was seen of colour, and what is wrong with it. Grey at night is no fault."""
    if seen is None or not seen.at_ms:
        return _COLOUR_UNKNOWN, _COLOUR_UNMEASURED
    if seen.day is False:
        return message("clause.colour.night", "infrared at night, no colour"), NOTHING
    if any(one.fault is MediaFault.COLOURLESS for one in seen.findings) or (seen.colour is False and seen.day):
        return (
            message("clause.colour.none-by-day", "no colour by day"),
            message("clause.colour.grey-by-day", "its picture has no colour by day, and should have"),
        )
    if seen.colour is None:
        return _COLOUR_UNKNOWN, _COLOUR_UNMEASURED
    if seen.colour:
        return message("clause.colour", "in colour"), NOTHING
    return (
        message("clause.colour.none", "no colour"),
        message("clause.colour.grey", "its picture has no colour, and whether it is day is not known yet"),
    )


def sound(_clause: ProfileClause, facts: Facts) -> Outcome:
    """Of cameras at duty desks."""
    desks = [camera for camera in facts.seen.config.cameras if camera.duty_desk]
    if not desks:
        nobody = message(
            "clause.no-desk",
            "the configuration file marks no camera as one of a duty desk or a place where people report (duty_desk): "
            "see whether there is none",
        )
        return Outcome(ClauseStatus.BY_HAND, (), (nobody,))
    faults: list[Message] = []
    evidence: list[Message] = []
    unknown = False
    for camera in desks:
        wrong, told, doubtful = _sound(camera, facts)
        faults += [_of(camera, one) for one in wrong]
        evidence += [_of(camera, one) for one in told]
        unknown = unknown or doubtful
    if unknown and not faults:
        return Outcome(ClauseStatus.BY_HAND, (), tuple(evidence))
    return judged(faults, evidence)


def _sound(camera: CameraConfig, facts: Facts) -> tuple[list[Message], list[Message], bool]:
    """What is wrong, what was measured, and whether some of it cannot be."""
    if not camera.enabled:
        return [message("clause.sound.disabled", "disabled: neither picture nor sound is recorded")], [], False
    health, ear = facts.seen.health.get(camera.id), facts.seen.judged.get(camera.id)
    if health is None or health.stream is None:
        return [message("clause.sound.no-stream", "there is no stream to measure")], [], False
    if not health.stream.audio:
        return [message("clause.sound.none", "no sound is recorded")], [], False
    codec = str(health.stream.audio)
    if ear is None or ear.sound_db is None:
        unmeasured = message("clause.sound.unmeasured", "how loud it is has not been measured yet")
        return [unmeasured], [message("clause.sound.codec", "sound {codec}", codec=codec)], False
    wrong = [_UNHEARD[one.fault] for one in ear.findings if one.fault.of_sound]
    drift = (
        message("clause.sound.drift-unknown", "how far sound and picture lie apart cannot be measured: look at it")
        if ear.drift_ms is None
        else message("clause.sound.drift-told", "sound and picture lie {seconds} s apart", seconds=_drift(ear.drift_ms))
    )
    if ear.drift_ms is not None and abs(ear.drift_ms) >= DRIFT_MS and _UNHEARD[MediaFault.DRIFT] not in wrong:
        wrong.append(
            message(
                "clause.sound.drift-too-long",
                "sound and picture lie {seconds} s apart, and should lie less than {demanded} s",
                seconds=_drift(ear.drift_ms),
                demanded=f"{DRIFT_MS / 1000:g}",
            )
        )
    told = message(
        "clause.sound",
        "sound {codec}, {loudness} dBFS, {drift}",
        codec=codec,
        loudness=f"{ear.sound_db:.0f}",
        drift=drift,
    )
    return wrong, [told], ear.drift_ms is None


def _drift(ms: float) -> str:
    return f"{abs(ms) / 1000:.2f}"


PERIOD_MS: Final = 365 * DAY_MS
"""Cases are told of the last 12 months, by running time, of which the low bound counts: no clock that is set makes one
older. A finding stays until it is closed.
"""
UNSEEN: Final = message("clause.office-unseen", "the office has not been looked at yet")


def _office(facts: Facts) -> tuple[OfficeRecord | None, Outcome]:
    """What is known of it; where nothing is, how a clause stands by that."""
    if facts.office is not None:
        return facts.office, met()
    if not facts.office_shut:
        return None, judged([UNSEEN], [])
    shut = message("clause.office-shut", "{reason}; until then nobody is shown anything", reason=facts.office_shut)
    return None, judged([shut], [])


def _rows(clause: ProfileClause, facts: Facts) -> list[Procedure]:
    """By which the clause is carried out."""
    name = facts.seen.config.site.profile
    return [] if name is None else [row for row in profile_of(name).procedures if clause.id in row.clauses]


def opened(clause: ProfileClause, facts: Facts) -> Outcome:
    """Nothing gets through but by a request, and each chain has somebody for each of its steps."""
    record, outcome = _office(facts)
    if record is None:
        return outcome
    rows = _rows(clause, facts)
    names = {row.row for row in rows}
    lacking = [why for row in rows for why in record.lacking.get(row.row, ())]
    told = [_cases(rows, record) if rows else _looks(record)]
    if record.opened is None:
        return judged([NOT_OPENED, *([LACKING] if lacking else [])], told)
    faults = lacking + [
        message(
            "clause.case-unreadable",
            "request {number} cannot be read by this version, and nothing is shown by it",
            number=one.row.number,
        )
        for one in record.unreadable
        if one.row.row in names
    ]
    is_open = message(
        "clause.office-opened",
        "the office is opened (entry {leaf} of the ledger): footage is shown and handed out by granted requests only",
        leaf=record.opened,
    )
    return judged(faults, [is_open, *told])


NOT_OPENED: Final = message(
    "clause.office-not-opened", "the office is not opened: footage leaves by the word of two persons, without a request"
)
LACKING: Final = message(
    "clause.office-lacking", "its procedures lack persons or posts: `edgectl post list` names them"
)
NO_CASES: Final = message("clause.no-cases", "no case in this period (12 months)")


def _cases(rows: Iterable[Procedure], record: OfficeRecord) -> Message:
    """Of the last 12 months; nobody is named."""
    names = {row.row for row in rows}
    some = [one.case.request for one in record.cases if one.case.row.row in names and _in_period(one, record)]
    if not some:
        return NO_CASES
    granted = sum(one.decision is not None and one.decision.granted for one in some)
    refused = sum(one.decision is not None and not one.decision.granted for one in some)
    return message(
        "clause.cases",
        "{count} cases in 12 months: {granted} granted, {refused} refused, {others} others; {viewings} viewings,"
        " {copies} copies",
        count=len(some),
        granted=granted,
        refused=refused,
        others=len(some) - granted - refused,
        viewings=sum(viewing.state is not ViewingState.CUT for one in some for viewing in one.viewings),
        copies=sum(len(one.copies) for one in some),
    )


def _looks(record: OfficeRecord) -> Message:
    """Without a request, of the last 12 months."""
    looks = [one for one in record.exports if is_look(one) and record.now.age(one.begun) <= PERIOD_MS]
    return message(
        "clause.looks", "{count} looks for maintenance, repair, inspection or audit in 12 months", count=len(looks)
    )


def _in_period(one: JudgedCase, record: OfficeRecord) -> bool:
    last = one.case.acts[-1].at if one.case.acts else one.case.row.received
    return record.now.age(last) <= PERIOD_MS


def by_findings(judgement: Judgement) -> Callable[[ProfileClause, Facts], Outcome]:
    """What went wrong of what this judgement asks for; it is met where all of it is closed, or there is none."""

    def judge(clause: ProfileClause, facts: Facts) -> Outcome:
        record, outcome = _office(facts)
        if record is None:
            return outcome
        faults, told = [], [_cases(_rows(clause, facts), record)]
        for one in facts.findings:
            if one.clause == clause.id:
                faults += [_broken(one, each.said) for each in one.breaches if each.kind in KINDS[judgement]]
        illegible = [one.case.row.number for one in record.cases if _is_illegible(one, clause, facts)]
        if judgement is Judgement.FORMS and illegible:
            told.append(
                message(
                    "clause.forms-illegible",
                    "the forms of {count} cases cannot be read here any more: see the paper",
                    count=len(illegible),
                )
            )
        return judged(faults, told)

    return judge


def _is_illegible(one: JudgedCase, clause: ProfileClause, facts: Facts) -> bool:
    return not one.legible and any(row.row == one.case.row.row for row in _rows(clause, facts))


def _broken(one: CaseFinding, said: Message) -> Message:
    return message("clause.finding", "finding {finding}: {what}", finding=one.id, what=said)


def archived(clause: ProfileClause, facts: Facts) -> Outcome:
    """Forms are kept for their term and can be read, and what is over waits for nobody's answer for long."""
    outcome, seen = by_findings(Judgement.ARCHIVED)(clause, facts), facts.seen.office
    if facts.office is None:
        return outcome
    mine = {one.case.row.number for one in facts.office.cases if clause.id in one.case.procedure.clauses}
    faults = [
        message(
            "clause.form-lost",
            "request {number}: its form cannot be read any more; enter its persons again from the paper",
            number=number,
        )
        for number in seen.nameless
        if number in mine
    ]
    kept = message("clause.forms-kept", "{count} forms are kept here", count=len(mine))
    return judged([*outcome.faults, *faults], [*outcome.evidence, kept])


def leaks(_clause: ProfileClause, facts: Facts) -> Outcome:
    """Each leak case is reported; whether there was a leak that nobody entered, people look at."""
    record, outcome = _office(facts)
    if record is None:
        return outcome
    unreported = [one for one in record.leaks if one.status is LeakStatus.OPEN]
    faults = [
        message("clause.leak-unreported", "leak case {leak} is open, and is not reported", leak=one.id)
        for one in unreported
    ]
    told = [one for one in record.leaks if record.now.age(one.opened) <= PERIOD_MS]
    if faults:
        counted = message(
            "clause.leaks-unreported",
            "{count} leak cases in 12 months, {unreported} of all not reported",
            count=len(told),
            unreported=len(unreported),
        )
        return judged(faults, [counted])
    counted = message("clause.leaks", "{count} leak cases in 12 months, all reported", count=len(told))
    return Outcome(ClauseStatus.BY_HAND, (), (counted if told else NO_CASES,))


def units(_clause: ProfileClause, facts: Facts) -> Outcome:
    """Each camera belongs to a unit."""
    cameras = facts.seen.config.cameras
    faults = [
        _of(camera, message("clause.no-unit", "it belongs to no unit (unit in the configuration file)"))
        for camera in cameras
        if not camera.unit
    ]
    told = [
        message(
            "clause.unit", "{unit}: {cameras}", unit=unit, cameras=[named(one) for one in cameras if one.unit == unit]
        )
        for unit in sorted({camera.unit for camera in cameras} - {""})
    ]
    return judged(faults, told)


JUDGES: Final[Mapping[Judgement, Callable[[ProfileClause, Facts], Outcome]]] = {
    Judgement.FLOOR: floor,
    Judgement.CEILING: ceiling,
    Judgement.COVERAGE: coverage,
    Judgement.STATED: stated,
    Judgement.MODE: mode,
    Judgement.PICTURE: picture,
    Judgement.SOUND: sound,
    Judgement.UNDELETABLE: undeletable,
    Judgement.ASSIGNED: assigned,
    Judgement.APART: apart,
    Judgement.OFFICES: offices,
    Judgement.AUDITOR: auditor,
    Judgement.SEALED: sealed,
    Judgement.RECORDED: recorded,
    Judgement.PINS: pins,
    Judgement.FAULTS: faults,
    Judgement.OPENED: opened,
    Judgement.UNITS: units,
    **{one: by_findings(one) for one in KINDS},
    Judgement.ARCHIVED: archived,
    Judgement.LEAKS: leaks,
}
_GRAVITY: Final = (ClauseStatus.NOT_MET, ClauseStatus.BY_HAND, ClauseStatus.MET)
"""The gravest of what a clause is judged by is how it stands."""


def findings(profile: Profile, facts: Facts) -> list[ClauseFinding]:
    """Each clause, in the order of the text."""
    return [_finding(clause, facts) for clause in profile.clauses]


def _finding(clause: ProfileClause, facts: Facts) -> ClauseFinding:
    if not clause.judged:
        return ClauseFinding(clause, ClauseStatus.NOT_BUILT if clause.not_built else ClauseStatus.BY_HAND)
    outcomes = [JUDGES[judgement](clause, facts) for judgement in clause.judged]
    status = next(status for status in _GRAVITY if any(one.status is status for one in outcomes))
    faults = dict.fromkeys(fault for one in outcomes for fault in one.faults)
    told = dict.fromkeys(words for one in outcomes for words in one.evidence)
    found = tuple(one for one in facts.findings if one.clause == clause.id and _is_told(one, facts))
    return ClauseFinding(clause, status, tuple(faults), tuple(told), found)


def _is_told(one: CaseFinding, facts: Facts) -> bool:
    """A closed one for as long as cases are."""
    closed = one.closing.at if one.closing is not None else None
    return one.is_open or (
        closed is not None and facts.office is not None and facts.office.now.age(closed) <= PERIOD_MS
    )


def summary(profile: Profile, found: Iterable[ClauseFinding], kept: Mapping[str, Kept]) -> ComplianceSummary:
    """`kept`: since when each stands as it does."""
    statuses = {one.clause.id: one.status for one in found}
    counts = {status: list(statuses.values()).count(status) for status in ClauseStatus}
    unmet = (clause for clause, status in statuses.items() if status is ClauseStatus.NOT_MET)
    return ComplianceSummary(
        profile.name,
        counts[ClauseStatus.MET],
        counts[ClauseStatus.NOT_MET],
        counts[ClauseStatus.BY_HAND],
        counts[ClauseStatus.NOT_BUILT],
        tuple((clause, kept[clause].since_ms) for clause in unmet if clause in kept),
    )


def advanced(before: Mapping[str, Kept], findings: Iterable[ClauseFinding], now_ms: int) -> dict[str, Kept]:
    """What is kept from now on: of a clause that stands as it stood, since when; of any other, now."""
    after = {}
    for one in findings:
        known = before.get(one.clause.id)
        same = known is not None and known.status == one.status.value
        after[one.clause.id] = known if known is not None and same else Kept(one.status.value, now_ms)
    return after
