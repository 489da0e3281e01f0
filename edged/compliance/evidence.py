"""Whether what is kept out of the ring has a ground, an approver and a term, and faults are seen to. Pure."""

from __future__ import annotations

from typing import Final

from edged.compliance.model import GROUNDS, Facts, Outcome, judged, span, when
from edged.profiles.loader import ProfileClause
from storage.pins.rules import Left, PinState
from storage.words.results import OpenFault

REPORTED_WITHIN_MS: Final = 86_400_000
"""立即報修: the texts give no figure; a day of running time lets a night pass and no weekend."""


def pins(clause: ProfileClause, facts: Facts) -> Outcome:
    """Each that lasts has a case and somebody who answers for it, and none goes on beyond its term unapproved."""
    faults, evidence = [], []
    most = clause.demands.pin_default
    for left in facts.seen.measured.pins:
        faults += [f"證據保存 {left.pin.id}：{wrong}" for wrong in _lacks(left)]
        if most is not None and left.pin.order.span_ms > most.total_seconds() * 1000 and not _is_approved(left):
            faults.append(f"證據保存 {left.pin.id}：逾 {span(most.total_seconds())} 而未經核可")
        evidence.append(_told(left, facts))
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


def _told(left: Left, facts: Facts) -> str:
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
