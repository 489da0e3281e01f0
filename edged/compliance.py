"""法規查核: a profile and facts to one finding for each clause: met or not met, why, since when. Pure.

The rules have four subjects:

- Evidence: whether what is kept out of the ring has a ground, an approver and a term, and faults are seen to.
- People: whether they can do no more than their clause allows: what there is to call, roles, files that lie open.
- Retention: whether footage is kept as long as its clause demands and no longer, and every second accounted for.
- Streams: whether cameras send what their clause demands: all the time, large, often, in colour, heard.

What edged offers is read from the table of roles and from the calls as they are served, so that a verb or a route that
somebody adds is judged like all others. What is told to people is Chinese.

Begin with `Facts` and `ClauseFinding`, then `findings`. May enter evidence, for what it calls things, and the rooms
below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import combinations
from typing import Final
from zoneinfo import ZoneInfo

from edged.alarms.conditions import TAMPERED
from edged.config.model import CameraConfig
from edged.evidence.verify import CAUSES
from edged.health.faults import MediaFault, MediaHealth
from edged.host.file_access import OpenFiles
from edged.overview import CameraHealth, ComplianceSummary, Overview
from edged.profiles.loader import Judgement, Picture, Profile, ProfileClause
from edged.words import units
from edged.words.roles import NAMES, TABLE, Record, Role, Verb, VerbRule
from storage.pins.rules import Ground, Left, PinState
from storage.register.queries import Kept, Tally, Violation
from storage.retention.plan import effective
from storage.segments.coverage_queries import CoverageShares
from storage.words.model import OpenFault, VolumeState


class ClauseStatus(StrEnum):
    """How a clause stands. What was not measured is never met."""

    MET = "met"
    NOT_MET = "not-met"
    BY_HAND = "by-hand"
    NOT_BUILT = "not-built"


LABELS: Final[Mapping[ClauseStatus, str]] = {
    ClauseStatus.MET: "符合",
    ClauseStatus.NOT_MET: "不符合",
    ClauseStatus.BY_HAND: "人工查核",
    ClauseStatus.NOT_BUILT: "尚未建置",
}


GROUNDS: Final[Mapping[Ground, str]] = {
    Ground.LAW: "法律規定",
    Ground.INVESTIGATION: "犯罪或違法調查",
    Ground.INTERNAL: "機關自身事由",
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one judgement came to. `faults` break the clause; `evidence` is what was measured."""

    status: ClauseStatus
    faults: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClauseFinding:
    """One clause."""

    clause: ProfileClause
    status: ClauseStatus
    faults: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Nothing of the clause is left to people or to a later version."""
        return not (self.clause.by_hand or self.clause.not_built)


def met(*evidence: str) -> Outcome:
    return Outcome(ClauseStatus.MET, (), evidence)


def judged(faults: list[str], evidence: list[str]) -> Outcome:
    """Not met by one fault."""
    return Outcome(ClauseStatus.NOT_MET if faults else ClauseStatus.MET, tuple(faults), tuple(evidence))


def named(camera: CameraConfig) -> str:
    return camera.name if camera.name == camera.id else f"{camera.name}（{camera.id}）"


def span(seconds: float) -> str:
    """ "31天2時"."""
    return units.approximate_duration(seconds).translate(_UNITS)


def when(wall_ms: int, zone: ZoneInfo) -> str:
    """民國115年5月3日 08:00:00."""
    return units.roc(datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(zone).isoformat())


def percent(part: float) -> str:
    """Never rounded up to 100."""
    return "100%" if part >= 1 else f"{int(part * 10_000) / 100:.2f}%"


_UNITS: Final = str.maketrans({"d": "天", "h": "時", "m": "分", "s": "秒", " ": ""})


DAY_MS: Final = 86_400_000
REPORTED_WITHIN_MS: Final = DAY_MS
"""立即報修: the texts give no figure; a day of running time lets a night pass and no weekend."""


def pins(clause: ProfileClause, facts: Facts) -> Outcome:
    """Each that lasts has a case and somebody who answers for it, and none goes on beyond its term unapproved."""
    faults, evidence = [], []
    most = clause.demands.pin_default
    for left in facts.seen.measured.pins:
        faults += [f"證據保存 {left.pin.id}：{wrong}" for wrong in _lacks(left)]
        if most is not None and left.pin.order.span_ms > most.total_seconds() * 1000 and not _is_approved(left):
            faults.append(f"證據保存 {left.pin.id}：逾 {span(most.total_seconds())} 而未經核可")
        evidence.append(_pin_told(left, facts))
    default_s = facts.seen.config.pins.default.total_seconds()
    if most is not None and default_s > most.total_seconds():
        faults.append(f"證據保存預設 {span(default_s)}，應為 {span(most.total_seconds())} 以下")
    return judged(faults, [f"證據保存 {len(evidence)} 件；預設期限 {span(default_s)}", *evidence])


def _lacks(left: Left) -> list[str]:
    """One that an earlier database had, and of which its persons are lost, has to be looked after."""
    order = left.pin.order
    lacking = [what for what, text in (("案由", order.case), ("核可人", order.approver)) if not text.strip()]
    wrong = [f"沒有{'及'.join(lacking)}"] if lacking else []
    if order.ground.crosses_ceiling and not order.reference.strip():
        wrong.append("沒有法條或文號")
    return wrong


def _is_approved(left: Left) -> bool:
    return left.pin.state is PinState.APPROVED


def _pin_told(left: Left, facts: Facts) -> str:
    """Without names and cases, which are nobody's business here."""
    state = "已核可" if _is_approved(left) else "待核可"
    ground, lasts = GROUNDS[left.pin.order.ground], span(left.pin.order.span_ms / 1000)
    return f"{left.pin.id}：{ground}，{state}，期限 {lasts}，至 {when(left.until_ms, facts.seen.config.site.zone)}"


def faults(_clause: ProfileClause, facts: Facts) -> Outcome:
    """Each is reported soon, and followed until it is closed."""
    wrong, evidence = [], []
    for one in facts.seen.measured.faults:
        if one.reported_ms is None and one.age_ms > REPORTED_WITHIN_MS:
            wrong.append(f"{_fault(one)}：已 {span(one.age_ms / 1000)}，尚未報修")
        evidence.append(f"{_fault(one)}：已 {span(one.age_ms / 1000)}，{_stage(one)}")
    return judged(wrong, [f"未結故障 {len(evidence)} 件", *evidence])


def _fault(one: OpenFault) -> str:
    what = one.camera or one.volume or ""
    return f"故障 {one.id}{f'（{what}）' if what else ''}"


def _stage(one: OpenFault) -> str:
    if one.repaired_ms is not None:
        return "已修復，待查驗"
    if one.reported_ms is not None:
        return "已報修"
    return "已恢復，待報修結案" if one.over else "待報修"


DESTROYING: Final = frozenset({
    "delete", "destroy", "drop", "erase", "format", "kill", "prune", "purge", "remove", "rm", "scrub",
    "shred", "trim", "truncate", "unlink", "wipe",
})  # fmt: skip
"""What a verb or a route that deletes or formats would be called; `destroyed` only lists."""
DISCLOSING: Final = frozenset({"export", "snapshot", "live", "view", "play"})
"""First words of verbs by which pictures or sound leave the box."""
ON_RECORD: Final = frozenset({Record.SEEN, Record.DONE})
"""The leaf comes first, or nothing is shown."""
WATCHES: Final = ("internal:tamper watch", "internal:rescan")
"""Alarms that say that nobody notices a file that is removed."""


def undeletable(_clause: ProfileClause, facts: Facts) -> Outcome:
    """No verb and no route deletes or formats, and what is removed behind edged's back is noticed."""
    faults = [f"功能 {name} 可刪除或格式化" for name in destroying(Verb, facts)]
    if not facts.calls:
        faults.append("介面清單尚未讀取")
    for one in facts.seen.tampered:
        paths = "、".join(path for path, _ in one.files)
        faults.append(f"錄影硬碟 {one.path} 上有檔案遭移除或更動：{paths}{'等' if one.more else ''}")
    if any(row.raised and row.key in WATCHES for row in facts.seen.alarms):
        faults.append("檔案遭移除的監看未運作")
    told = f"已核對 {len(TABLE)} 項功能及 {len(facts.calls)} 個介面，均無刪除或格式化"
    return judged(faults, ["無檔案遭移除的異常通報（storage.tampered）", told] if not faults else [])


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
    faults = [f"沒有群組具有{_role(role)}的權限" for role in clause.demands.roles if not _groups(facts, role)]
    if not facts.seen.roles.looked:
        faults.append("群組尚未查核")
    faults += [f"設定中的群組 {group} 不存在" for group in facts.seen.roles.unknown]
    evidence = [f"{_role(role)}：群組 {' '.join(_groups(facts, role))}" for role in Role if _groups(facts, role)]
    return judged(faults, evidence)


def apart(clause: ProfileClause, facts: Facts) -> Outcome:
    """Nobody is both; an account that is in both groups holds neither role, and is told."""
    faults = [*_in_common(clause, facts), *_ungiven(clause.demands.apart, facts)]
    if not facts.seen.roles.looked:
        faults.append("帳號的群組尚未查核")
    names = "、".join(facts.seen.roles.clashing)
    if names:
        faults.append(f"帳號 {names} 同時在{'與'.join(map(_role, clause.demands.apart))}的群組內（兩項權限均已停用）")
    return judged(faults, [] if faults else ["沒有帳號兼具" + "與".join(map(_role, clause.demands.apart)) + "的權限"])


def offices(clause: ProfileClause, facts: Facts) -> Outcome:
    """Groups of their own for each; whether their people are of different units the office knows."""
    faults = [*_ungiven(clause.demands.roles, facts), *_in_common(clause, facts)]
    evidence = [f"{_role(role)}：群組 {' '.join(_groups(facts, role))}" for role in clause.demands.roles]
    return judged(faults, [] if faults else evidence)


def auditor(_clause: ProfileClause, facts: Facts) -> Outcome:
    faults = _ungiven([Role.AUDITOR], facts)
    return judged(
        faults, [f"{_role(Role.AUDITOR)}：群組 {' '.join(_groups(facts, Role.AUDITOR))}"] if not faults else []
    )


def recorded(_clause: ProfileClause, facts: Facts) -> Outcome:
    """Whatever shows footage is on record first."""
    loose = unrecorded({verb: rule for verb, rule in TABLE.items() if {call.verb for call in facts.calls} >= {verb}})
    faults = [f"功能 {name} 提供影像而不留紀錄" for name in loose]
    if not facts.calls:
        faults.append("介面清單尚未讀取")
    if facts.seen.roles.owed:
        faults.append(f"有 {facts.seen.roles.owed} 筆人員作業尚未寫入稽核軌跡")
    shown = "、".join(f"{rule.zh}（{verb}）" for verb, rule in TABLE.items() if _discloses(verb))
    return judged(faults, [f"提供影像的功能均先寫入稽核軌跡：{shown}"] if not faults else [])


def unrecorded(table: dict[Verb, VerbRule]) -> list[str]:
    """Verbs that show footage without a leaf that comes first."""
    return [verb.value for verb, rule in table.items() if _discloses(verb) and rule.record not in ON_RECORD]


def _discloses(verb: Verb) -> bool:
    return verb.value.split()[0] in DISCLOSING


def sealed(_clause: ProfileClause, facts: Facts) -> Outcome:
    """No account of people can read what lies on the disks: modes, owners, access lists, members of edged's group."""
    reached, faults = facts.reached, []
    if reached is None:
        return judged(["檔案權限尚未查核"], [])
    faults += [f"{one.path}：{one.why}" for one in reached.open]
    if reached.count > len(reached.open):
        faults.append(f"另有 {reached.count - len(reached.open)} 個檔案或目錄可供他人存取")
    faults += [f"{place} 無法查核" for place in reached.unread]
    if not facts.seen.roles.looked:
        faults.append("edged 群組的成員尚未查核")
    if facts.seen.roles.readers:
        faults.append(f"帳號 {'、'.join(facts.seen.roles.readers)} 在 edged 的群組內，可直接讀取錄影檔")
    whole = "全部" if reached.whole else "目前為止"
    told = f"已查核{whole} {reached.looked} 個檔案及目錄的擁有者、權限及存取清單"
    return judged(faults, [told] if faults else [told, "edged 的群組內沒有其他帳號"])


def _groups(facts: Facts, role: Role) -> list[str]:
    return list((facts.seen.config.assignment() or {}).get(role, ()))


def _ungiven(wanted: Iterable[Role], facts: Facts) -> list[str]:
    return [f"沒有群組具有{_role(role)}的權限" for role in wanted if not _groups(facts, role)]


def _in_common(clause: ProfileClause, facts: Facts) -> list[str]:
    both = (
        (first, second, sorted(set(_groups(facts, first)) & set(_groups(facts, second))))
        for first, second in combinations(clause.demands.apart, 2)
    )
    return [f"群組 {groups[0]} 同時具有{_role(one)}與{_role(other)}的權限" for one, other, groups in both if groups]


def _role(role: Role) -> str:
    return NAMES[role][0]


REGISTER_MS: Final = 365 * DAY_MS
"""What was destroyed against a bound breaks a clause for so long: what an auditor of a year would find."""
CEILING_GRACE_S: Final = 3600
"""S3: destroying what is past its ceiling takes at most this much running time."""
UNMEASURED: Final = "尚未量測：edged 剛啟動，或量測失敗"


def floor(clause: ProfileClause, facts: Facts) -> Outcome:
    """Nothing within its floor is gone, as far as the box has run."""
    faults, evidence = list(_unmeasured(facts)), []
    if not faults:
        faults += [*_configured(clause, facts), *_early(clause, facts), *_unshowable(facts)]
        for camera in facts.seen.config.cameras:
            told, wrong = _camera_kept(camera, facts)
            evidence.append(told)
            faults += wrong
        faults += _of_others(facts)
        evidence.append(_register_read(facts))
    return judged(faults, evidence)


def _camera_kept(camera: CameraConfig, facts: Facts) -> tuple[str, list[str]]:
    """A sentence on one camera, and what is wrong with it."""
    seen, zone = facts.seen, facts.seen.config.site.zone
    usage, bounds = seen.measured.usage.get(camera.id), seen.config.bounds(camera.id)
    name, least = named(camera), span(bounds.floor_s)
    if usage is None or usage.oldest_age_ms is None:
        wrong = [f"{name}：沒有錄影可供查核"] if camera.enabled else []
        return f"{name}：沒有錄影（最低 {least}）", wrong
    wrong = []
    if usage.gone_ms:
        wrong.append(f"{name}：最低期限內的錄影已銷毀 {span(usage.gone_ms / 1000)}")
    if usage.lost:
        wrong.append(f"{name}：仍應保存的錄影已隨硬碟遺失")
    coverage = seen.measured.coverage.get(camera.id)
    held_s = usage.oldest_age_ms / 1000
    short = ""
    if held_s < bounds.floor_s and coverage is not None and coverage.known_since_ms is not None:
        began = f"；自 {when(coverage.known_since_ms, zone)} 起納管，"
        is_young = seen.now.wall_ms - coverage.known_since_ms < bounds.floor_s * 1000
        short = began + ("尚未滿最低期限" if is_young else "更早的最低期限內沒有錄影（錄影中斷）")
    return f"{name}：已保存 {span(held_s)}（最低 {least}）{short}", wrong


def _of_others(facts: Facts) -> Iterator[str]:
    """What cameras left behind that are in the file no longer has its floor, too; without any camera nothing has."""
    cameras, usage = facts.seen.config.cameras, facts.seen.measured.usage
    for name in sorted(usage.keys() - {camera.id for camera in cameras}):
        if usage[name].lost:
            yield f"{name}（已不在設定中）：仍應保存的錄影已隨硬碟遺失"
    if not any(camera.enabled for camera in cameras) and not any(one.segments for one in usage.values()):
        yield "沒有啟用的攝影機，也沒有錄影可供查核"


def _configured(clause: ProfileClause, facts: Facts) -> Iterator[str]:
    """What holds may differ from the file: looser only before a profile was chosen."""
    config, demands = facts.seen.config, clause.demands
    for camera in config.cameras:
        bounds = config.bounds(camera.id)
        if demands.floor is not None and bounds.floor_s < demands.floor.total_seconds():
            yield f"{named(camera)}：最低期限為 {span(bounds.floor_s)}，應為 {span(demands.floor.total_seconds())} 以上"
    if demands.on_full and config.retention.on_full not in demands.on_full:
        yield "硬碟已滿時會銷毀未滿最低期限的錄影（on_full）"
    for breach in facts.seen.measured.ring.breaches:
        if "overwrite" not in demands.on_full:
            yield f"{breach.camera}：硬碟已滿，{breach.segments} 個未滿最低期限的錄影檔已遭覆蓋"


def _early(clause: ProfileClause, facts: Facts) -> Iterator[str]:
    kinds = [Violation.EARLY] if "overwrite" in clause.demands.on_full else [Violation.EARLY, Violation.PERMITTED]
    for kind in kinds:
        yield from _against(kind, "未滿最低期限即銷毀", facts)


def _against(kind: Violation, what: str, facts: Facts) -> Iterator[str]:
    if facts.register is None:
        return
    zone, since_ms = facts.seen.config.site.zone, facts.seen.now.wall_ms - REGISTER_MS
    for (camera, which), amount in sorted(facts.register.faults.items()):
        if which is kind and amount.wall_ms >= since_ms:
            last = f"最近一次 {when(amount.wall_ms, zone)}，稽核軌跡第 {amount.leaf} 筆"
            yield f"{camera}：銷毀紀錄有 {amount.segments} 個錄影檔{what}（{last}）"


def _unshowable(facts: Facts) -> Iterator[str]:
    """Footage that cannot be shown is not shown to be kept."""
    for one in facts.seen.tampered:
        paths = "、".join(path for path, kind in one.files if kind in TAMPERED)
        yield f"錄影硬碟 {one.path} 上有檔案遭移除或更動：{paths}{'等' if one.more else ''}"
    for status in facts.seen.measured.volumes:
        if status.state is VolumeState.AWAY:
            yield f"錄影硬碟 {status.path} 離線，其上錄影無法查核"


def _register_read(facts: Facts) -> str:
    number = facts.register.segments if facts.register is not None else 0
    return f"銷毀紀錄已查 {number} 個錄影檔"


def _unmeasured(facts: Facts) -> Iterator[str]:
    if not facts.seen.measured.volumes or facts.seen.last_sweep_ms is None:
        yield UNMEASURED
    elif facts.register is None:
        yield "銷毀紀錄尚未讀畢"
    elif facts.seen.recovering:
        yield "前次未正常停止的檔案尚在處理"


def ceiling(clause: ProfileClause, facts: Facts) -> Outcome:
    """Nothing without an excepting pin is older than its ceiling."""
    faults, evidence = list(_unmeasured(facts)), []
    if not faults:
        faults += [*_against(Violation.LATE, "逾銷毀期限始銷毀", facts), *_unmoved(facts)]
        for name in sorted(facts.seen.measured.usage):
            told, wrong = _oldest(name, clause, facts)
            evidence += told
            faults += wrong
        wrong, told = _holding(clause, facts)
        faults, evidence = faults + wrong, [*evidence, *told, _register_read(facts)]
    return judged(faults, evidence)


def _oldest(name: str, clause: ProfileClause, facts: Facts) -> tuple[list[str], list[str]]:
    """Of one camera, configured or not: footage of one that is gone has its ceiling, too."""
    seen = facts.seen
    usage, oldest = seen.measured.usage[name], seen.measured.oldest.get(name)
    shown = next((named(camera) for camera in seen.config.cameras if camera.id == name), f"{name}（已停用）")
    configured = any(camera.id == name for camera in seen.config.cameras)
    bounds = seen.config.bounds(name) if configured or oldest is None else oldest.bounds
    wrong = []
    demanded = clause.demands.ceiling
    if configured and demanded is not None and bounds.ceiling_s > demanded.total_seconds():
        wrong.append(f"{shown}：銷毀期限為 {span(bounds.ceiling_s)}，應為 {span(demanded.total_seconds())} 以下")
    if usage.oldest_age_ms is None:
        return [], wrong
    held_s = usage.oldest_age_ms / 1000
    in_force = seen.measured.ring.bounds.get(name, bounds)
    binding = effective(oldest.bounds, in_force) if oldest is not None else in_force
    most_s = binding.ceiling_s if demanded is None else min(binding.ceiling_s, demanded.total_seconds())
    if held_s > most_s + CEILING_GRACE_S:
        wrong.append(f"{shown}：最舊的錄影已 {span(held_s)}，逾銷毀期限 {span(most_s)}")
    waits = seen.measured.ring.waiting.get(name)
    later = f"；縮短後的期限於 {span(waits.left_ms / 1000)}後適用" if waits is not None else ""
    return [f"{shown}：最舊的錄影 {span(held_s)}（至遲 {span(binding.ceiling_s)}）{later}"], wrong


def _unmoved(facts: Facts) -> Iterator[str]:
    if facts.seen.ceiling_unproven:
        yield "有錄影可能已逾銷毀期限，因關機時間無法證明而未銷毀（edgectl boots）"
    if any(row.key == "internal:destroying" and row.raised for row in facts.seen.alarms):
        yield "有逾期的錄影無法移除（edgectl alarms）"
    for status in facts.seen.measured.volumes:
        if status.state is VolumeState.AWAY:
            yield f"錄影硬碟 {status.path} 離線，其上錄影無法銷毀"


def _holding(clause: ProfileClause, facts: Facts) -> tuple[list[str], list[str]]:
    """Pins that reach beyond a ceiling: on a ground that the text does not name, and on one that it does."""
    faults, evidence = [], []
    for left in facts.seen.measured.pins:
        order, crossing = left.pin.order, clause.demands.crossing
        age_s = (facts.seen.now.wall_ms - order.interval.first_ms) / 1000
        most_s = min((facts.seen.config.bounds(camera).ceiling_s for camera in order.cameras), default=0)
        if order.ground.crosses_ceiling and age_s > most_s + CEILING_GRACE_S:
            if crossing and order.ground not in crossing:
                faults.append(f"證據保存 {left.pin.id} 逾銷毀期限，其事由不在規定之列")
            else:
                evidence.append(f"證據保存 {left.pin.id} 依{GROUNDS[order.ground]}逾期續存")
    return faults, evidence


def stated(_clause: ProfileClause, facts: Facts) -> Outcome:
    """The text names no period, the office does: a configuration without one is refused, so it is said."""
    retention = facts.seen.config.retention
    low, high = span(retention.min.total_seconds()), span(retention.max.total_seconds())
    return judged([], [f"機關訂定：最低保存 {low}，至遲 {high} 銷毀"])


def coverage(_clause: ProfileClause, facts: Facts) -> Outcome:
    """Every second of the last day is recorded, or in a gap with a cause; and now it is recorded."""
    faults, evidence = [], []
    live = [camera for camera in facts.seen.config.cameras if camera.enabled]
    if not live:
        faults.append("沒有啟用的攝影機")
    for camera in live:
        shares, health = facts.shares.get(camera.id), facts.seen.health.get(camera.id)
        if shares is None or health is None:
            faults.append(f"{named(camera)}：{UNMEASURED}")
            continue
        whole_ms = shares.recorded_ms + shares.unexplained_ms + sum(shares.causes.values())
        if not whole_ms:
            faults.append(f"{named(camera)}：尚無紀錄")
            continue
        causes = "、".join(f"{_cause(cause)} {ms / 1000:.1f} 秒" for cause, ms in shares.causes.items())
        part = percent(shares.recorded_ms / whole_ms)
        told = f"{named(camera)}：24 小時錄影完整率 {part}；原因不明 {shares.unexplained_ms / 1000:.1f} 秒"
        evidence.append(f"{told}{f'；中斷：{causes}' if causes else ''}")
        if shares.unexplained_ms:
            faults.append(f"{named(camera)}：有 {shares.unexplained_ms / 1000:.1f} 秒沒有錄影，原因不明")
        if health.condition.state.value == "down":
            faults.append(f"{named(camera)}：目前沒有錄影")
    return judged(faults, evidence)


def _cause(cause: str) -> str:
    return CAUSES.get(cause, (cause, cause))[0]


FPS_SLACK: Final = 0.02
"""Of a rate measured over 5 s or more: one image more or less at either end."""
DRIFT_MS: Final = 200
"""Sound this far from its picture is not that of what is seen (P2: drift below 0.2 s)."""
_UNHEARD: Final = {
    MediaFault.SILENT: "聽不到聲音",
    MediaFault.CLIPPED: "聲音過大而失真",
    MediaFault.MUTE: "沒有聲音",
    MediaFault.DRIFT: "聲音與畫面不同步",
}


def mode(_clause: ProfileClause, facts: Facts) -> Outcome:
    """Configured is recording all the time; so it has to be seen to."""
    faults, evidence = [], []
    for camera in facts.seen.config.cameras:
        health = facts.seen.health.get(camera.id)
        state = health.condition.state.value if health is not None else "down"
        if not camera.enabled:
            evidence.append(f"{named(camera)}：已停用")
        elif state in ("recording", "degraded"):
            evidence.append(f"{named(camera)}：全時錄影，目前錄影中")
        else:
            faults.append(f"{named(camera)}：設定為全時錄影，目前沒有錄影")
    if not any(camera.enabled for camera in facts.seen.config.cameras):
        faults.append("沒有啟用的攝影機")
    return judged(faults, evidence)


def picture(clause: ProfileClause, facts: Facts) -> Outcome:
    asked = clause.demands.picture
    faults: list[str] = []
    evidence: list[str] = []
    live = [camera for camera in facts.seen.config.cameras if camera.enabled]
    if asked is None or not live:
        return Outcome(ClauseStatus.NOT_MET, ("沒有啟用的攝影機",))
    for camera in live:
        wrong, told = _picture(facts.seen.health.get(camera.id), facts.seen.judged.get(camera.id), asked)
        faults += [f"{named(camera)}：{one}" for one in wrong]
        evidence += [f"{named(camera)}：{told}"] if told else []
    return judged(faults, evidence)


def _picture(health: CameraHealth | None, seen: MediaHealth | None, asked: Picture) -> tuple[list[str], str]:
    """What is wrong, and what was measured."""
    stream = health.stream if health is not None else None
    if health is None or stream is None or not stream.width or not stream.height:
        return ["沒有畫面，無法量測"], ""
    pixels, fps, wrong = stream.width * stream.height, health.condition.fps, []
    if stream.height < asked.height:
        wrong.append(f"畫面高度 {stream.height}，應為 {asked.height} 以上")
    if pixels < asked.pixels:
        wrong.append(f"每張圖像 {stream.width}×{stream.height}＝{pixels:,} 圖素，應為 {asked.pixels:,} 以上")
    if fps is None:
        wrong.append("每秒張數尚未量測")
    elif fps < asked.fps * (1 - FPS_SLACK):
        wrong.append(f"每秒 {fps:.1f} 張，應為 {asked.fps:g} 張以上")
    colour, grey = _colour(seen)
    if asked.colour and grey:
        wrong.append(grey)
    rate = "每秒張數未知" if fps is None else f"每秒 {fps:.1f} 張"
    return wrong, f"{stream.width}×{stream.height}（{pixels:,} 圖素），{rate}，{stream.video}，{colour}"


def _colour(seen: MediaHealth | None) -> tuple[str, str]:
    """What was seen of colour, and what is wrong with it. Grey at night is no fault."""
    if seen is None or not seen.at_ms:
        return "色彩未知", "色彩尚未量測"
    if seen.day is False:
        return "夜間紅外線，無色彩", ""
    if any(one.fault is MediaFault.COLOURLESS for one in seen.findings) or (seen.colour is False and seen.day):
        return "日間無色彩", "日間畫面沒有色彩，應以彩色為主"
    if seen.colour is None:
        return "色彩未知", "色彩尚未量測"
    return ("彩色", "") if seen.colour else ("無色彩", "畫面沒有色彩，日夜尚未判定")


def sound(_clause: ProfileClause, facts: Facts) -> Outcome:
    """Of cameras at duty desks."""
    desks = [camera for camera in facts.seen.config.cameras if camera.duty_desk]
    if not desks:
        nobody = "設定中沒有標示值勤臺或受理民眾報案地點的攝影機（duty_desk），請查核是否確無"
        return Outcome(ClauseStatus.BY_HAND, (), (nobody,))
    faults: list[str] = []
    evidence: list[str] = []
    unknown = False
    for camera in desks:
        wrong, told, doubtful = _sound(camera, facts)
        faults += [f"{named(camera)}：{one}" for one in wrong]
        evidence += [f"{named(camera)}：{one}" for one in told]
        unknown = unknown or doubtful
    if unknown and not faults:
        return Outcome(ClauseStatus.BY_HAND, (), tuple(evidence))
    return judged(faults, evidence)


def _sound(camera: CameraConfig, facts: Facts) -> tuple[list[str], list[str], bool]:
    """What is wrong, what was measured, and whether some of it cannot be."""
    if not camera.enabled:
        return ["已停用，沒有錄影及錄音"], [], False
    health, ear = facts.seen.health.get(camera.id), facts.seen.judged.get(camera.id)
    if health is None or health.stream is None:
        return ["沒有訊號，無法量測"], [], False
    if not health.stream.audio:
        return ["沒有錄音"], [], False
    if ear is None or ear.sound_db is None:
        return ["音量尚未量測"], [f"錄音 {health.stream.audio}"], False
    wrong = [_UNHEARD[one.fault] for one in ear.findings if one.fault.of_sound]
    if ear.drift_ms is not None and abs(ear.drift_ms) >= DRIFT_MS and _UNHEARD[MediaFault.DRIFT] not in wrong:
        wrong.append(f"聲音與畫面相差 {abs(ear.drift_ms) / 1000:.2f} 秒，應小於 {DRIFT_MS / 1000:g} 秒")
    if ear.drift_ms is None:
        drift = "聲音與畫面的時間差無法量測，請人工查核"
    else:
        drift = f"聲音與畫面相差 {abs(ear.drift_ms) / 1000:.2f} 秒"
    return wrong, [f"錄音 {health.stream.audio}，音量 {ear.sound_db:.0f} dBFS，{drift}"], ear.drift_ms is None


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
    return ClauseFinding(clause, status, tuple(faults), tuple(told))


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
