"""The file of a case (專卷): all of it on paper, as whoever audits the office follows it, with the entries of the
ledger that it rests on. Pure.

Each act has words in `act_words`; a new kind of act needs its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch
from typing import Final

from edged.office import forms
from edged.office import request as machine
from edged.office.cases import CHECKED, PRESENT, CopyWord
from edged.office.request import Hand, ViewingState
from edged.office.story import DatedAct
from edged.papers.case_story import CopyStory, approvals, copy_stories, signatures, with_versions
from edged.papers.case_words import (
    DELIVERIES,
    DISPOSALS,
    DOORS,
    PHASES,
    VIEWINGS,
    applicant,
    grouped,
    numeral,
    party,
    reason,
    subject,
    term,
    use_words,
)
from edged.papers.paper_case import PaperCase
from edged.papers.receipt import fingerprint
from edged.papers.render import PaperCell, PaperTable, labelled, render
from edged.profiles.procedures import Phase, Use

NO_FILE_NUMBER: Final = "＿＿＿＿＿＿＿＿＿＿"
BY_ARCHIVES_ACT: Final = "依檔案法及機關檔案保存年限規定"
NOT_CLOSED: Final = "尚未結案"
NEVER_LEFT: Final = "未交付"
SIGNATURE_HEAD: Final = ("職位", "簽章人", "方式", "代為決行", "日期", "登錄人", "掃描檔")


def case_file(paper: PaperCase) -> str:
    """As a page."""
    return render(
        "case-file",
        {
            "office": paper.profile.office,
            "title": paper.profile.title,
            "cover": PaperTable("cover", "", (), tuple(_cover(paper))),
            "sections": [(numeral(number), one) for number, one in enumerate(_sections(paper), 1)],
        },
    )


def _sections(paper: PaperCase) -> Iterator[PaperTable]:
    yield from _form(paper)
    yield _checks(paper)
    yield _chain(paper)
    yield _returns(paper)
    yield PaperTable("decision", "准駁", (), tuple(_decision(paper)))
    yield PaperTable("reply", "函復", (), tuple(_reply(paper)))
    yield _viewings(paper)
    yield from _keeping(paper)
    yield from _copies(paper)
    if paper.case.procedure.register_form:
        yield _log_book(paper)
    yield PaperTable("remarks", "備註", (), tuple(_remarks(paper)))
    yield _ledger(paper)


# --- cover ----------------------------------------------------------------------------------------------------------


def _cover(paper: PaperCase) -> Iterator[tuple[PaperCell, ...]]:
    case, procedure = paper.case, paper.case.procedure
    closed = case.last(machine.Close)
    yield labelled("案號", paper.number, "number")
    yield labelled("檔號", case.request.filed_as or NO_FILE_NUMBER, "file-number")
    yield labelled("案由", subject(paper) or paper.withheld, "subject")
    yield labelled("申請人", party(paper), "party")
    yield labelled("申請類別", f"{procedure.words}（{procedure.row}{_form_name(procedure.form)}）", "row")
    yield labelled("承辦", "、".join(paper.name(one) for one in _handlers(paper)), "handlers")
    unsynchronised = "" if case.synchronised else "（未校時）"
    yield labelled("收文日", f"{paper.day(case.row.day)}{unsynchronised}", "received")
    yield labelled("結案日", paper.day(None, closed) if closed else NOT_CLOSED, "closed")
    yield labelled("保存期限", _kept(paper), "kept")


def _form_name(form: str) -> str:
    return f"，{form}" if form else ""


def _kept(paper: PaperCase) -> str:
    kept = paper.case.procedure.kept
    if kept is None:
        return BY_ARCHIVES_ACT
    return f"申請表保存{term(kept)}，自最後一次閱覽起算，未閱覽者自結案起算"


def _handlers(paper: PaperCase) -> tuple[int, ...]:
    """Who has checked, entered or shown something, in order."""
    found: list[int | None] = []
    for one in paper.case.acts:
        hand = getattr(one.act, "hand", None)
        if isinstance(hand, Hand):
            found.append(hand.entered_by)
        elif isinstance(one.act, machine.Examine):
            found.append(one.act.by)
        elif isinstance(one.act, machine.OpenViewing):
            found.append(one.act.operator)
    return tuple(dict.fromkeys(one for one in found if one is not None))


# --- up to the decision -----------------------------------------------------------------------------------------------


def _form(paper: PaperCase) -> Iterator[PaperTable]:
    for phase in Phase:
        rows = tuple(
            labelled(forms.label(one), paper.text(one.name), f"field:{one.name}")
            for one in paper.case.procedure.of_phase(phase)
            if paper.text(one.name) or forms.applies(paper.case.procedure, one, paper.words)
        )
        if rows:
            yield PaperTable(f"form-{phase.value}", f"申請書（{PHASES[phase]}）", (), rows)


def _checks(paper: PaperCase) -> PaperTable:
    outcomes = paper.case.request.outcomes
    rows = tuple(
        (
            PaperCell(one.words),
            PaperCell(found.outcome, f"check:{one.name}"),
            PaperCell(paper.text(f"{CHECKED}{one.name}") if found.document else "", f"seen:{one.name}"),
            PaperCell(paper.name(found.by), f"checked-by:{one.name}"),
        )
        for one in paper.case.procedure.checks
        if (found := outcomes.get(one.name)) is not None
    )
    return PaperTable("checks", "審查", ("項目", "結果", "所憑文件或法令", "審查人"), rows)


def _signature(paper: PaperCase, hand: Hand, done: DatedAct, field: str) -> tuple[PaperCell, ...]:
    unit = f"（{hand.unit}）" if hand.unit else ""
    authorised = "（經授權）" if hand.authorised else ""
    return (
        PaperCell(f"{hand.post}{unit}"),
        PaperCell(f"{paper.name(hand.person)}{authorised}", field),
        PaperCell(DOORS[hand.door], f"{field}:door"),
        PaperCell("是" if hand.deputy else "", f"{field}:deputy"),
        PaperCell(paper.day(hand.paper_day, done), f"{field}:day"),
        PaperCell("" if hand.entered_by is None else paper.name(hand.entered_by), f"{field}:entered-by"),
        PaperCell("" if hand.scan is None else f"第{hand.scan}號", f"{field}:scan"),
    )


def _chain(paper: PaperCase) -> PaperTable:
    rows = tuple(
        _signature(paper, one.hand, done, f"signed:{number}")
        for number, (one, done) in enumerate(signatures(paper.case), 1)
    )
    return PaperTable("chain", "簽核", SIGNATURE_HEAD, rows)


def _returns(paper: PaperCase) -> PaperTable:
    """What did not go straight on, and why."""
    wanted = (machine.Return, machine.AskSupplement, machine.Supplemented, machine.Extend, machine.Withdraw)
    rows = tuple(
        (
            PaperCell(paper.moment(one.at.wall_ms)),
            PaperCell(act_words(one.act, paper)),
            PaperCell(reason(paper, version) if not isinstance(one.act, machine.Supplemented) else "", _why(version)),
        )
        for version, one in with_versions(paper.case)
        if isinstance(one.act, wanted)
    )
    return PaperTable("returns", "補正、退回、延長及撤回", ("時間", "事項", "理由"), rows)


def _why(version: int) -> str:
    return f"reason:{version}"


def _decision(paper: PaperCase) -> Iterator[tuple[PaperCell, ...]]:
    decision, request, procedure = paper.case.request.decision, paper.case.request, paper.case.procedure
    yield labelled("申請事項", use_words(procedure, request.uses), "asked-uses")
    yield labelled("申請範圍", "\n".join(paper.footage(request.asked)), "asked")
    if decision is None:
        yield labelled("准駁", "撤回，未為准駁" if request.withdrawn else "未為准駁", "outcome")
        return
    yield labelled("准駁", _outcome(request, decision), "outcome")
    yield labelled("同意事項", use_words(procedure, decision.uses), "uses")
    yield labelled("同意範圍", "\n".join(paper.footage(decision.scope)), "scope")
    yield labelled(
        "核定", f"{decision.hand.post}　{paper.signed(decision.hand, signatures(paper.case)[-1][1])}", "decided-by"
    )
    for version, one in with_versions(paper.case):
        if isinstance(one.act, machine.Decide) and (why := reason(paper, version)):
            yield labelled("理由", why, _why(version))
    if request.word_pending:
        yield labelled("口頭核可", "核可人尚未補行簽章", "word-pending")
    if request.paper_seen_by is not None:
        yield labelled("紙本複核", paper.name(request.paper_seen_by), "paper-seen-by")


def _outcome(request: machine.Request, decision: machine.Decision | machine.Decide) -> str:
    if not decision.uses:
        return "駁回"
    return "部分同意" if machine.grants_less(request, decision) else "同意"


# --- after it ---------------------------------------------------------------------------------------------------------


def _reply(paper: PaperCase) -> Iterator[tuple[PaperCell, ...]]:
    done = paper.case.last(machine.Reply)
    if done is not None and isinstance(done.act, machine.Reply):
        yield labelled("發文日期", paper.day(done.act.day, done), "reply-day")
        yield labelled("發文字號", done.act.letter, "letter")
        yield labelled("送達方式", DELIVERIES[done.act.delivery] if done.act.delivery else "", "delivery")


def _viewings(paper: PaperCase) -> PaperTable:
    rows = []
    for one in paper.case.acts:
        if isinstance(one.act, machine.Appoint):
            at = "" if one.act.at_ms is None else paper.moment(one.act.at_ms)
            rows.append((PaperCell("約定時間"), PaperCell(at, "appointed"), *(PaperCell("") for _ in range(5))))
    opened = [one for one in paper.case.acts if isinstance(one.act, machine.OpenViewing)]
    for number, (each, done) in enumerate(zip(paper.case.request.viewings, opened, strict=True), 1):
        ended = each.state is ViewingState.ENDED
        rows.append(
            (
                PaperCell(f"第{number}次"),
                PaperCell(f"{paper.day(each.day)} {paper.clock(done.at.wall_ms):%H:%M}", f"viewing:{number}"),
                PaperCell(VIEWINGS[each.state], f"viewing:{number}:state"),
                PaperCell(paper.name(each.operator), f"viewing:{number}:operator"),
                PaperCell(paper.name(each.companion), f"viewing:{number}:companion"),
                PaperCell(paper.text(f"{PRESENT}{number}"), f"viewing:{number}:present"),
                PaperCell("已確認" if ended else "", f"viewing:{number}:not-filmed"),
            )
        )
    head = ("次別", "時間", "情形", "操作人", "陪同人", "在場人", "未拍攝確認")
    return PaperTable("viewings", "約定及閱覽", head, tuple(rows))


def _keeping(paper: PaperCase) -> Iterator[PaperTable]:
    kept = [(one, one.act) for one in paper.case.acts if isinstance(one.act, machine.Take) and one.act.use is Use.HOLD]
    rows = [
        (
            PaperCell(act.made, f"kept:{number}"),
            PaperCell("\n".join(paper.footage(act.scope)), f"kept:{number}:scope"),
            PaperCell(paper.moment(one.at.wall_ms), f"kept:{number}:at"),
            PaperCell(_held(paper)),
        )
        for number, (one, act) in enumerate(kept, 1)
    ]
    if rows:
        yield PaperTable("keeping", "保存", ("保存編號", "範圍", "時間", "期限"), tuple(rows))
    if paper.case.request.hold_by:
        signed = (
            _signature(paper, hand, done, f"kept-by:{number}")
            for number, (hand, done) in enumerate(approvals(paper.case), 1)
        )
        yield PaperTable("kept-by", "保存之核可", SIGNATURE_HEAD, tuple(signed))


def _held(paper: PaperCase) -> str:
    held = paper.case.procedure.held
    return "依系統保存規定" if held is None else term(held)


def _copies(paper: PaperCase) -> Iterator[PaperTable]:
    for number, story in enumerate(copy_stories(paper.case), 1):
        rows = tuple(_copy(paper, number, story))
        yield PaperTable(f"copy-{number}", f"複製及簽收（{story.take.made or f'第{number}件'}）", (), rows)


def _copy(paper: PaperCase, number: int, story: CopyStory) -> Iterator[tuple[PaperCell, ...]]:
    at, made, copy, signed = f"copy:{number}", story.take.made, story.copy, story.signed
    yield labelled("複製編號", made, at)
    yield labelled("複製內容", "\n".join(paper.footage(story.take.scope)), f"{at}:scope")
    if story.take.secrecy is not None:
        yield labelled("密等", story.take.secrecy.value, f"{at}:secrecy")
        yield labelled("解密條件", paper.of_copy(made, CopyWord.DECLASSIFY), f"{at}:declassify")
    if (begun := paper.made.get(made)) is not None:
        yield labelled("銷毀期限", paper.moment(begun[1]), f"{at}:destroy-by")
    yield labelled("指紋（SHA-256）", grouped(fingerprint(paper, story)), f"{at}:fingerprint")
    if signed is None:
        yield labelled("簽收", NEVER_LEFT if copy.came_to_nothing else "未簽收", f"{at}:day")
    else:
        yield labelled("簽收日期", paper.day(signed.day, story.receipt), f"{at}:day")
        yield labelled("領取人", paper.of_copy(made, CopyWord.RECEIVER), f"{at}:receiver")
        yield labelled("查驗之身分證明文件", paper.of_copy(made, CopyWord.IDENTITY), f"{at}:identity")
        yield labelled("媒體", paper.of_copy(made, CopyWord.MEDIUM), f"{at}:medium")
        if signed.fee is not None:
            yield labelled("費用", f"新臺幣 {signed.fee:,} 元", f"{at}:fee")
        yield labelled("交付之複製檔", _disposed(copy.handed_out), f"{at}:handed-out")
    yield labelled("機關留存之複製檔", _disposed(copy.ours) if copy.kept else "未留存", f"{at}:ours")


def _disposed(found: machine.Disposal | None) -> str:
    return "未登錄返還、銷毀或附卷" if found is None else DISPOSALS[found]


def _log_book(paper: PaperCase) -> PaperTable:
    """Its rows that tell of this case."""
    rows = []
    for number, one in enumerate(paper.case.request.entries, 1):
        done = paper.case.acts[one.version - 2]
        signed = "\n".join(f"{hand.post}：{paper.signed(hand)}" for hand in one.signed)
        rows.append(
            (
                PaperCell(paper.moment(done.at.wall_ms), f"entry:{number}"),
                PaperCell(applicant(paper) or paper.withheld, f"entry:{number}:party"),
                PaperCell(subject(paper) or paper.withheld, f"entry:{number}:subject"),
                PaperCell(act_words(done.act, paper), f"entry:{number}:done"),
                PaperCell(signed or "未簽章", f"entry:{number}:signed"),
                PaperCell("、".join(one.lacking(paper.log_posts)), f"entry:{number}:lacking"),
            )
        )
    head = ("時間", "申請人", "案由", "應用情形", "簽章", "尚缺簽章")
    return PaperTable("log-book", f"影音應用記錄簿（{paper.case.procedure.register_form}）", head, tuple(rows))


def _remarks(paper: PaperCase) -> Iterator[tuple[PaperCell, ...]]:
    case = paper.case
    if not paper.durable:
        yield labelled("案號", "暫編：收文紀錄尚未寫入儲存媒體", "not-durable")
    if not case.synchronised:
        yield labelled("收文日", "未校時：收文時主機時間未校正，日期由人員填寫", "unsynchronised")
    if not case.row.own:
        yield labelled("收文主機", "本案由本機關其他主機收文，本機依其案號辦理", "other-box")
    if paper.withheld:
        yield labelled("人別資料", paper.withheld, "withheld")
    if not case.request.closed:
        yield labelled("結案", "本卷列印時尚未結案", "open")
    for stretch, ms in paper.destroyed:
        words = f"{paper.footage((stretch,))[0]}：申請前已依規定銷毀 {ms // 1000} 秒"
        yield labelled("已銷毀之影像", words, "destroyed")
    for stretch, why in paper.unheld:
        yield labelled("未保留之影像", f"{paper.footage((stretch,))[0]}：{why}", "unheld")
    yield from _remarks_of_hands([one.hand for one in case.request.signatures])
    yield labelled("列印", f"{paper.box}　{paper.day(paper.today.toordinal())}".strip(), "printed")


def _remarks_of_hands(hands: Sequence[Hand]) -> Iterator[tuple[PaperCell, ...]]:
    if any(hand.door is not machine.Door.LOGIN for hand in hands):
        yield labelled("紙本或口頭", "本案有以紙本或口頭辦理之簽核，見簽核欄及掃描檔", "on-paper")
    if any(hand.deputy for hand in hands):
        yield labelled("代為決行", "本案有代為決行之簽核，見簽核欄", "deputised")


def _ledger(paper: PaperCase) -> PaperTable:
    """Entries that all this rests on."""
    entries = [(paper.case.row.leaf, paper.case.row.received.wall_ms, "收文")]
    entries += [(one.leaf, one.at.wall_ms, act_words(one.act, paper)) for one in paper.case.acts]
    entries += [
        (paper.made[story.take.made][0], story.taken.at.wall_ms, f"開始製作複製檔 {story.take.made}")
        for story in copy_stories(paper.case)
        if story.take.made in paper.made
    ]
    rows = tuple(
        (
            PaperCell(str(leaf), f"leaf:{number}"),
            PaperCell(paper.moment(wall_ms), f"leaf:{number}:at"),
            PaperCell(words, f"leaf:{number}:what"),
        )
        for number, (leaf, wall_ms, words) in enumerate(sorted(entries), 1)
    )
    return PaperTable("ledger", "稽核軌跡", ("紀錄序號", "時間", "事項"), rows)


# --- acts in words ----------------------------------------------------------------------------------------------------


@singledispatch
def act_words(act: object, _paper: PaperCase) -> str:
    """What somebody did, without reasons or words of the form."""
    raise TypeError(act)


@act_words.register
def _(act: machine.Amend, paper: PaperCase) -> str:
    filled = "、".join(forms.label(one) for one in paper.case.procedure.fields if one.name in act.fields)
    changed = "變更申請範圍" if act.scope is not None or act.uses is not None else ""
    return "；".join(one for one in (f"填寫：{filled}" if filled else "", changed) if one) or "更正"


@act_words.register
def _(act: machine.Examine, paper: PaperCase) -> str:
    words = next((one.words for one in paper.case.procedure.checks if one.name == act.check), act.check)
    return f"審查「{words}」：{act.outcome}（{paper.name(act.by)}）"


@act_words.register
def _(act: machine.Sign, paper: PaperCase) -> str:
    return f"{act.hand.post}簽章：{paper.signed(act.hand)}"


@act_words.register
def _(act: machine.Return, paper: PaperCase) -> str:
    return f"退回「{paper.case.procedure.chain[act.to].post}」：{paper.signed(act.hand)}"


@act_words.register
def _(act: machine.AskSupplement, paper: PaperCase) -> str:
    until = f"，期限{paper.day(act.until_day)}" if act.until_day is not None else ""
    return f"通知補正{until}：{paper.signed(act.hand)}"


@act_words.register
def _(act: machine.Supplemented, paper: PaperCase) -> str:
    return f"補正完成 {paper.day(act.day)}".rstrip()


@act_words.register
def _(act: machine.Decide, paper: PaperCase) -> str:
    uses = f"（{use_words(paper.case.procedure, act.uses)}）" if act.uses else ""
    return f"{_outcome(paper.case.request, act)}{uses}：{act.hand.post} {paper.signed(act.hand)}"


@act_words.register
def _(act: machine.AskHold, paper: PaperCase) -> str:
    return f"申請保存：{'；'.join(paper.footage(act.scope))}"


@act_words.register
def _(act: machine.ApproveHold, paper: PaperCase) -> str:
    return f"核可保存：{act.hand.post} {paper.signed(act.hand)}"


@act_words.register
def _(act: machine.Extend, paper: PaperCase) -> str:
    return f"延長處理期間：{paper.signed(act.hand)}"


@act_words.register
def _(_act: machine.Withdraw, _paper: PaperCase) -> str:
    return "申請人撤回"


@act_words.register
def _(act: machine.Reply, paper: PaperCase) -> str:
    told = [paper.day(act.day), act.letter, DELIVERIES[act.delivery] if act.delivery else ""]
    return "　".join(["函復", *(one for one in told if one)])


@act_words.register
def _(act: machine.SeePaper, paper: PaperCase) -> str:
    return f"紙本複核：{paper.name(act.by)}"


@act_words.register
def _(act: machine.Appoint, paper: PaperCase) -> str:
    return "約定閱覽時間" + ("" if act.at_ms is None else f"：{paper.moment(act.at_ms)}")


@act_words.register
def _(act: machine.OpenViewing, paper: PaperCase) -> str:
    return (
        f"開始閱覽：操作人{paper.name(act.operator)}，陪同人{paper.name(act.companion.person)}"
        f"（{act.companion.post}），在場{act.present}人"
    )


@act_words.register
def _(_act: machine.EndViewing, _paper: PaperCase) -> str:
    return "閱覽結束，已確認未拍攝"


@act_words.register
def _(_act: machine.CutViewing, _paper: PaperCase) -> str:
    return "閱覽因故中斷"


@act_words.register
def _(act: machine.Take, paper: PaperCase) -> str:
    footage = "；".join(paper.footage(act.scope))
    secrecy = f"（{act.secrecy.value}）" if act.secrecy is not None else ""
    return f"{'保存' if act.use is Use.HOLD else '複製'} {act.made}{secrecy}：{footage}"


@act_words.register
def _(act: machine.Receipt, paper: PaperCase) -> str:
    fee = "" if act.fee is None else f"，費用新臺幣 {act.fee:,} 元"
    return f"簽收 {act.copy} {paper.day(act.day)}".rstrip() + fee


@act_words.register
def _(act: machine.Dispose, paper: PaperCase) -> str:
    whose = "機關留存" if act.ours else "交付"
    return f"{whose}之複製檔 {act.copy} {DISPOSALS[act.disposal]} {paper.day(act.day)}".rstrip()


@act_words.register
def _(act: machine.SignEntry, paper: PaperCase) -> str:
    return f"影音應用記錄簿簽章：{act.hand.post} {paper.signed(act.hand)}"


@act_words.register
def _(act: machine.FileCase, _paper: PaperCase) -> str:
    return f"編列檔號 {act.number}"


@act_words.register
def _(_act: machine.Close, _paper: PaperCase) -> str:
    return "結案"
