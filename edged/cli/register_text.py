"""Words of the register of destruction and of the statement on a month, in both languages. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from edged.cli.formatting import local
from edged.documents import register as documents
from edged.words import units

RULES: Final[dict[str, tuple[str, str]]] = {
    "ceiling": ("到期", "ceiling"),
    "space": ("循環覆蓋", "space"),
    "overwrite": ("強制覆蓋", "overwrite"),
    "lost": ("隨硬碟遺失", "lost"),
    "untold": ("未記載", "untold"),
    "before-ledger": ("紀錄之前", "before"),
}
"""到期: past its ceiling. 循環覆蓋: past its floor, and its space was needed. 強制覆蓋: below its floor, with leave."""
VERDICTS: Final[dict[str, tuple[str, str]]] = {
    "as-demanded": ("符合", "as demanded"),
    "below-floor": ("未滿最低保存期限", "below its floor"),
    "beyond-ceiling": ("逾銷毀期限", "beyond its ceiling"),
    "unknown": ("未記載", "not told"),
}
COLUMNS: Final = (
    ("攝影機", "camera"),
    ("序號", "seq"),
    ("錄影起", "recorded from"),
    ("錄影迄", "recorded to"),
    ("位元組", "bytes"),
    ("SHA-256", ""),
    ("錄影硬碟", "volume"),
    ("銷毀時間", "destroyed"),
    ("依據", "rule"),
    ("判定", "verdict"),
    ("最低保存天數", "floor (days)"),
    ("銷毀期限天數", "ceiling (days)"),
    ("已保存天數（至少）", "kept (days, at least)"),
    ("證據保存", "pins"),
    ("稽核軌跡編號", "leaf"),
    ("稽核軌跡名稱", "generation"),
    ("樹中位置", "index"),
    ("已簽署", "signed"),
    ("外部留存", "seen outside"),
)
GOOD, BAD, ODD = "green", "bold red", "yellow"


def summary_lines(told: documents.DestroyedSummary, zone: ZoneInfo) -> Iterator[tuple[str, str, str]]:
    """What it comes to: sentences in Chinese and English, each with its style."""
    if not (told.segments or told.rules or told.lost or told.unread):
        yield "這段時間沒有銷毀任何錄影。", "Nothing was destroyed in that time.", ""
        hint = "要查某段時間錄下的影像，請用 --recorded-from、--recorded-to。"
        yield hint, "What became of what was recorded then: --recorded-from, --recorded-to.", "dim"
        return
    size = units.format_size(told.bytes)
    rules = [(RULES[rule], count) for rule, count in told.rules.items()]
    by_zh = "、".join(f"{zh} {count}" for (zh, _), count in rules)
    by_en = ", ".join(f"{en} {count}" for (_, en), count in rules)
    first, last = local(told.first, zone), local(told.last, zone)
    when_zh, when_en = (f"，{first} 至 {last}", f", {first} to {last}") if told.first else ("", "")
    counted = units.counted(told.segments, "segment")
    yield f"共 {told.segments} 個錄影檔，{size}{when_zh}（{by_zh}）。", f"{counted}, {size}{when_en} ({by_en}).", ""
    yield from judged(told)
    for one in told.lost:
        style = BAD if one.below_floor or one.pinned else ODD
        at, counted = local(one.told, zone), units.counted(one.segments, "segment")
        zh = f"錄影硬碟 {one.volume} 於 {at} 認定遺失，"
        zh += f"含 {one.segments} 個錄影檔，{one.below_floor} 個未滿最低保存期限，{one.pinned} 個為證據保存。"
        en = f"Volume {one.volume} was told to be lost at {at}: "
        yield zh, en + f"{counted}, {one.below_floor} of them below their floor, {one.pinned} pinned.", style


class Judged(Protocol):
    """What was counted, of whatever interval."""

    @property
    def below_floor(self) -> int: ...
    @property
    def permitted(self) -> int: ...
    @property
    def beyond_ceiling(self) -> int: ...
    @property
    def explained(self) -> int: ...
    @property
    def unknown(self) -> int: ...
    @property
    def unread(self) -> int: ...


def judged(told: Judged) -> Iterator[tuple[str, str, str]]:
    """Whether all went neither too early nor too late."""
    yield from _early(told)
    yield from _late(told)
    if told.unknown:
        zh = f"{told.unknown} 筆沒有記載當時的存放時間，無從判定。"
        yield zh, f"{told.unknown} of them do not say how old it was: nothing is claimed of them.", ODD
    if told.unread:
        yield f"{told.unread} 筆紀錄無法辨讀。", f"{told.unread} of the entries cannot be read.", BAD


def _early(told: Judged) -> Iterator[tuple[str, str, str]]:
    if not told.below_floor:
        yield "沒有未滿最低保存期限即銷毀的。", "None of them below its floor.", GOOD
        return
    count, rest = told.below_floor, told.below_floor - told.permitted
    zh = f'{count} 個未滿最低保存期限即銷毀：{told.permitted} 個依 on_full = "overwrite"，{rest} 個沒有依據。'
    en = f'{count} below their floor: {told.permitted} by leave of on_full = "overwrite", {rest} by no rule at all.'
    yield zh, en, BAD


def _late(told: Judged) -> Iterator[tuple[str, str, str]]:
    if not told.beyond_ceiling:
        yield "沒有逾銷毀期限的。", "None of them beyond its ceiling.", GOOD
        return
    rest = told.beyond_ceiling - told.explained
    zh = f"{told.beyond_ceiling} 個逾銷毀期限一小時以上：{told.explained} 個因證據保存"
    en = f"{told.beyond_ceiling} beyond their ceiling by more than an hour: {told.explained} kept by a pin"
    if rest:
        zh += f"，{rest} 個未載明原因（主機停機、硬碟離線或時鐘未校時）"
        en += f", {rest} for a reason that no entry names (the box was off, the disk away, the clock not in sync)"
    yield f"{zh}。", f"{en}.", BAD if rest else ODD
