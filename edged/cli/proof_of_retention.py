"""`edgectl proof-of-retention`: a signed statement on what became of a month of one camera, and its page for people.

The page is in Traditional Chinese with dates of the Republic of China where the locale asks for it, else in English.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import click
import rfc8785
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli.client import Address, CallError
from edged.cli.destroyed import BAD, GOOD, ODD, RULES, judged
from edged.cli.formatting import Language, clean, language_of, share, span
from edged.cli.options import AS_GIVEN, CAMERA, address_given, json_option
from edged.cli.output import Session, checked, may_write, write_new
from edged.documents import register as documents
from edged.evidence.statement import opened
from edged.evidence.verify import CAUSES, fingerprint
from edged.words import exit_codes, units
from edged.words.units import ROC, roc

GAPS_SHOWN: Final = 10
_STATES: Final = {"provisional": "待核可", "approved": "已核可", "released": "已解除", "lapsed": "已失效"}


@click.command(short_help="A signed statement on what became of a month of one camera.")
@click.option(
    "--camera", metavar="ID", type=CAMERA, required=True, help="Which camera; also one that is not configured any more."
)
@click.option("--month", metavar="YYYY-MM", required=True, help="Which month, in site time.")
@click.option("--out", metavar="FILE", type=AS_GIVEN, help="Write the signed statement there; it must not exist.")
@json_option
@address_given
def proof_of_retention(address: Address, *, camera: str, month: str, out: Path | None, as_json: bool) -> int:
    """What was recorded in a month, what is missing and why, what is kept, and what was destroyed: whether neither too
    early nor too late. Signed with the key of this box; `edgectl verify FILE` checks it.
    """
    try:
        wanted = documents.ProofAsked(camera=camera, month=month)
    except ValueError:
        raise click.UsageError("--month is written as 2026-05") from None
    if out is not None:
        may_write(out)
    session = Session(address.daemon(), as_json)
    body = session.daemon.post("/v1/proof-of-retention", wanted.model_dump_json().encode())
    document = checked(documents.ProofOfRetention, body)
    session.print(document, lambda: statement_screen(document, language_of(os.environ)))
    if out is None:
        return exit_codes.OK
    if document.envelope is None:
        raise CallError(f"nothing was written to {out}: {document.unsigned}", "edgectl alarms", exit_codes.FAILED)
    write_new(out, rfc8785.dumps(document.envelope.model_dump(mode="json")))
    click.echo(f"edgectl: written to {out}", err=True)
    return exit_codes.OK


Line = tuple[str, str, str]
"""Chinese, English, style."""


def statement_screen(document: documents.ProofOfRetention, tongue: Language) -> RenderableType:
    """What was signed, where it was; else what would have been."""
    envelope, which = document.envelope, 0 if tongue == "zh_TW" else 1
    told = document.statement if envelope is None else opened(envelope)
    parts: list[RenderableType] = []
    for heading, lines in sections(told, document.unsigned, tongue):
        parts.append(Text(heading[which], style="bold"))
        parts += [Padding(Text(clean(one[which]), style=one[2]), (0, 0, 0, 2)) for one in lines]
    return Group(*parts)


def sections(
    told: documents.Statement, unsigned: str, tongue: Language
) -> Iterator[tuple[tuple[str, str], list[Line]]]:
    yield ("錄影保存及銷毀證明", "Statement on retention and destruction"), list(_top(told))
    yield ("錄影", "Recorded"), list(_coverage(told, tongue))
    yield ("期限", "Floor and ceiling"), list(_bounds(told))
    yield ("仍保存", "Still kept"), list(_held(told))
    yield ("已銷毀", "Destroyed"), list(_destroyed(told, tongue))
    if told.pins:
        yield ("證據保存", "Pins"), [_pin(one) for one in told.pins]
    yield ("稽核軌跡", "Ledger"), list(_ledger(told))
    yield ("這裡不能證明", "Not proven by this"), [(one.zh, one.en, "") for one in told.limits]
    yield ("簽署", "Signature"), list(_signature(told, unsigned))


def _top(told: documents.Statement) -> Iterator[Line]:
    name = f"{told.camera.id} {told.camera.name}".strip()
    year, month = told.month.split("-")
    yield f"{told.site}（{told.office}／{told.node}）", f"{told.site} ({told.office}/{told.node})", ""
    yield f"攝影機 {name}", f"Camera {name}", ""
    begin, end = told.start, told.end
    zh = f"民國{int(year) - ROC}年{int(month)}月：{roc(begin)} 至 {roc(end)}（{told.timezone}）"
    yield zh, f"{told.month}: {plain_time(begin)} to {plain_time(end)} ({told.timezone})", ""
    if not told.over:
        yield "這個月尚未結束，只及於作成之時。", "The month is not over: this reaches up to when it was made.", ODD
    yield f"作成於 {roc(told.created)}，{told.software}", f"Made {plain_time(told.created)} by {told.software}", ""


def _coverage(told: documents.Statement, tongue: Language) -> Iterator[Line]:
    known = told.coverage
    if told.known_since is None or not known.known_ms:
        yield "這段時間沒有這支攝影機的紀錄。", "Nothing is known of this camera for that time.", BAD
        return
    if datetime.fromisoformat(told.known_since) > datetime.fromisoformat(told.start):
        since = told.known_since
        yield f"自 {roc(since)} 起才有紀錄。", f"Its account begins at {plain_time(since)}.", ODD
    part, gone = share(known.recorded_ms / known.known_ms), known.known_ms - known.recorded_ms
    zh = f"錄影完整率 {part}：錄影 {hours(known.recorded_ms)}，未錄影 {hours(gone)}"
    yield zh, f"{part}: recorded {hours(known.recorded_ms)}, not recorded {hours(gone)}", ""
    for one in known.causes:
        zh_cause, en_cause = CAUSES.get(one.cause, (one.cause, one.cause))
        count = units.counted(one.gaps, "gap")
        yield f"{zh_cause}：{one.gaps} 次，{hours(one.ms)}", f"{en_cause}: {count}, {hours(one.ms)}", ""
    if known.unexplained_ms:
        lost = span(known.unexplained_ms / 1000, tongue)
        yield f"原因不明：{lost}", f"Unexplained: {lost}", BAD
    else:
        yield "每一秒都有交代。", "Every second is accounted for.", GOOD
    longest = sorted(known.longest, key=_length, reverse=True)[:GAPS_SHOWN]
    for gap in sorted(longest, key=lambda one: one.start):
        zh_cause, en_cause = CAUSES.get(gap.cause, (gap.cause, gap.cause))
        zh_end, en_end = ("現在", "now") if gap.end is None else (roc(gap.end), plain_time(gap.end))
        zh_leaf, en_leaf = ("", "") if gap.leaf is None else (f"（第 {gap.leaf} 筆）", f" (entry {gap.leaf})")
        zh = f"中斷 {roc(gap.start)} 至 {zh_end}：{zh_cause}{zh_leaf}"
        yield zh, f"gap {plain_time(gap.start)} to {en_end}: {en_cause}{en_leaf}", "dim"


def _length(gap: documents.LongGap) -> float:
    begin = datetime.fromisoformat(gap.start)
    return float("inf") if gap.end is None else (datetime.fromisoformat(gap.end) - begin).total_seconds()


def _bounds(told: documents.Statement) -> Iterator[Line]:
    for bounds, zh, en in (
        (told.configured, "目前設定", "Configured now"),
        (told.in_force if told.in_force != told.configured else None, "目前適用", "In force now"),
    ):
        if bounds is not None:
            zh_span, en_span = _between(bounds)
            yield f"{zh}：{zh_span}", f"{en}: {en_span}", ""
    for stamped in told.stamped:
        zh_span, en_span = _between(stamped)
        count = units.counted(stamped.segments, "segment")
        yield f"錄下時：{zh_span}（{stamped.segments} 個）", f"When recorded: {en_span} ({count})", ""
    if told.configured is None and not told.stamped:
        yield "已不在設定中，也沒有仍保存的錄影。", "It is not configured any more, and nothing of it is kept.", ""


def _between(bounds: documents.Bounded) -> tuple[str, str]:
    floor, ceiling = span(bounds.floor_s, "zh_TW"), span(bounds.ceiling_s, "zh_TW")
    return f"最低保存 {floor}，至遲 {ceiling} 銷毀", f"floor {span(bounds.floor_s)}, ceiling {span(bounds.ceiling_s)}"


def _held(told: documents.Statement) -> Iterator[Line]:
    held = told.held
    size, count = units.format_size(held.bytes), units.counted(held.segments, "segment")
    if held.start is None or held.end is None:
        yield "沒有。", "Nothing.", ""
    else:
        zh = f"{held.segments} 個錄影檔，{size}，{roc(held.start)} 至 {roc(held.end)}"
        yield zh, f"{count}, {size}, {plain_time(held.start)} to {plain_time(held.end)}", ""
    for number, zh, en, style in (
        (held.pinned, "為證據保存", "pinned as evidence", ""),
        (held.away, "所在硬碟目前離線", "on a disk that is away now", ODD),
        (held.unproven, "為事後在硬碟上找到，沒有當時的紀錄", "found on a disk; nothing vouches for them", ODD),
        (held.quarantined, "無法辨讀，另行存放", "set aside, because they could not be read", ODD),
        (held.going, "正在銷毀", "on their way out", ""),
        (held.lost, "已隨硬碟遺失", "gone for good with their disk", BAD),
    ):
        if number:
            yield f"{number} 個{zh}", f"{number} {en}", style
    for kind, number in held.faults.items():
        yield f"{number} 個檔案與紀錄不符（{kind}）", f"{number} not as recorded ({kind})", BAD


def _destroyed(told: documents.Statement, tongue: Language) -> Iterator[Line]:
    gone = told.destroyed
    if not gone.rules and not gone.unread:
        yield "沒有。", "Nothing.", ""
        return
    size, count = units.format_size(gone.bytes), units.counted(gone.segments, "segment")
    zh_rules = "、".join(f"{RULES[rule][0]} {number}" for rule, number in gone.rules.items())
    en_rules = ", ".join(f"{RULES[rule][1]} {number}" for rule, number in gone.rules.items())
    zh_when, en_when = "", ""
    if gone.first is not None and gone.last is not None:
        zh_when = f"，於 {roc(gone.first)} 至 {roc(gone.last)}"
        en_when = f", {plain_time(gone.first)} to {plain_time(gone.last)}"
    yield f"{gone.segments} 個錄影檔，{size}{zh_when}（{zh_rules}）", f"{count}, {size}{en_when} ({en_rules})", ""
    yield from judged(gone)
    for one, zh, en in ((gone.youngest, "保存最短者", "The youngest"), (gone.oldest, "保存最久者", "The oldest")):
        if one is not None:
            kept, floor, ceiling = (span(s, tongue) for s in (one.kept_ms / 1000, one.floor_s, one.ceiling_s))
            zh_told = f"{zh}：至少 {kept}（最低 {floor}，至遲 {ceiling}），第 {one.leaf} 筆"
            yield zh_told, f"{en} was kept for at least {kept} (floor {floor}, ceiling {ceiling}), entry {one.leaf}", ""
    for one in gone.early:
        zh_told = f"未滿：{roc(one.start)} 的錄影，保存 {span(one.kept_ms / 1000, tongue)}，第 {one.leaf} 筆"
        kept = span(one.kept_ms / 1000, tongue)
        yield zh_told, f"too early: recorded {plain_time(one.start)}, kept for {kept}, entry {one.leaf}", BAD
    for one in gone.late:
        pins = " ".join(one.pins)
        zh_told = f"逾期：{roc(one.start)} 的錄影，{roc(one.destroyed)} 銷毀，第 {one.leaf} 筆 {pins}".rstrip()
        recorded, destroyed = plain_time(one.start), plain_time(one.destroyed)
        en_told = f"too late: recorded {recorded}, destroyed {destroyed}, entry {one.leaf} {pins}"
        yield zh_told, en_told.rstrip(), "" if pins else ODD


def _pin(one: documents.StatedPin) -> Line:
    zh = f"{one.id} {_STATES[one.state]}，{roc(one.start)} 至 {roc(one.end)}"
    return zh, f"{one.id} {one.state} ({one.ground}), {plain_time(one.start)} to {plain_time(one.end)}", ""


def _ledger(told: documents.Statement) -> Iterator[Line]:
    head = told.head
    if head is None:
        yield "尚無簽署的紀錄。", "There is no signed head yet.", BAD
        return
    last = head.first + head.size - 1
    zh = f"依據 {head.origin}，簽署至第 {last} 筆，樹根 {head.root}"
    yield zh, f"Rests on {head.origin}, signed up to entry {last}, root {head.root}", ""
    if not head.covers:
        yield f"第 {told.leaf} 筆尚未簽署。", f"Entries up to {told.leaf} are not under a signed head yet.", ODD
    if head.seen_until is None:
        yield "尚無外部留存的簽署結果。", "Nobody outside is known to have a head of it.", ODD
    else:
        until = head.seen_until
        yield (
            f"{roc(until)} 以前的紀錄，外部留有簽署結果。",
            f"Somebody outside has a head of all up to {plain_time(until)}.",
            "",
        )


def _signature(told: documents.Statement, unsigned: str) -> Iterator[Line]:
    if unsigned or told.key is None:
        yield f"未簽署：{unsigned}", f"NOT SIGNED: {unsigned}", BAD
        return
    digits = fingerprint(bytes.fromhex(told.key))
    zh = f"由本錄影主機的金鑰簽署。請將指紋 {digits} 與機關公布的比對。"
    yield zh, f"Signed with the key of this recorder. Compare its fingerprint with the published one: {digits}", ""


def plain_time(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M:%S}"


def hours(ms: int) -> str:
    """744:00:00; rounded down."""
    seconds = ms // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
