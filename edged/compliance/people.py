"""Whether people can do no more than their clause allows: what there is to call, roles, files that lie open. Pure.

What edged offers is read from the table of roles and from the calls as they are served, so that a verb or a route that
somebody adds is judged like all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations
from typing import Final

from edged.compliance.model import Facts, Outcome, judged
from edged.profiles.loader import ProfileClause
from edged.words.roles import NAMES, TABLE, Record, Role, Verb, VerbRule

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
        named = "、".join(path for path, _ in one.files)
        faults.append(f"錄影硬碟 {one.path} 上有檔案遭移除或更動：{named}{'等' if one.more else ''}")
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
