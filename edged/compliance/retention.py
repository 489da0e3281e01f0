"""Whether footage is kept as long as its clause demands and no longer, and every second accounted for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edged.alarms.storage import TAMPERED
from edged.compliance.model import GROUNDS, Facts, Outcome, judged, named, percent, span, when
from edged.config.model import CameraConfig
from edged.evidence.verify import CAUSES
from edged.profiles.loader import ProfileClause
from storage.register.queries import Violation
from storage.retention.plan import effective
from storage.words.results import VolumeState

DAY_MS: Final = 86_400_000
REGISTER_MS: Final = 365 * DAY_MS
"""What was destroyed against a bound breaks a clause for so long: what an auditor of a year would find."""
CEILING_GRACE_S: Final = 3600
"""S3: destroying what is past its ceiling takes at most this much running time."""
UNMEASURED: Final = "尚未量測：edged 剛啟動，或量測失敗"


def floor(clause: ProfileClause, facts: Facts) -> Outcome:
    """Nothing within its floor is gone, as far as the box has run."""
    faults, evidence = list(_unmeasured(facts)), []
    if not faults:
        faults += [*_configured(clause, facts), *_early(clause, facts), *_missing(facts)]
        for camera in facts.seen.config.cameras:
            told, wrong = _kept(camera, facts)
            evidence.append(told)
            faults += wrong
        faults += _of_others(facts)
        evidence.append(_read(facts))
    return judged(faults, evidence)


def _kept(camera: CameraConfig, facts: Facts) -> tuple[str, list[str]]:
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


def _missing(facts: Facts) -> Iterator[str]:
    """Footage that cannot be shown is not shown to be kept."""
    for one in facts.seen.tampered:
        named = "、".join(path for path, kind in one.files if kind in TAMPERED)
        yield f"錄影硬碟 {one.path} 上有檔案遭移除或更動：{named}{'等' if one.more else ''}"
    for status in facts.seen.measured.volumes:
        if status.state is VolumeState.AWAY:
            yield f"錄影硬碟 {status.path} 離線，其上錄影無法查核"


def _read(facts: Facts) -> str:
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
        faults, evidence = faults + wrong, [*evidence, *told, _read(facts)]
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
