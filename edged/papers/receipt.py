"""What goes with a copy: the receipt that whoever takes it signs (簽收單), and the label of its medium.

Until it is signed for, what is not known yet is blank, to be filled in by hand. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edged.office.cases import CopyWord
from edged.office.request import Receipt
from edged.papers.case_story import CopyStory, copy_story
from edged.papers.case_words import confidentiality, grouped, party, subject
from edged.papers.paper_case import PaperCase
from edged.papers.render import PaperCell, PaperTable, labelled, render

FIRST: Final = 16
"""Signs of a fingerprint that a label has room for."""
DECLASSIFY_MAX: Final = 60
"""Characters that a label has room for; a longer one stands on the receipt."""
ON_THE_RECEIPT: Final = "見簽收單"
NO_LIMIT: Final = "依該影音資料之保存期限"


def receipt(paper: PaperCase, copy: str) -> str:
    """As a page. `copy`: by its id. Unfit: the case has no such copy."""
    story = copy_story(paper.case, copy)
    values = {"table": _receipt(paper, story), "conditions": list(_conditions(paper, story))}
    return render("receipt", {"office": paper.profile.office, **values})


def label(paper: PaperCase, copy: str) -> str:
    """As a page of 90 × 60 mm. `copy`: by its id. Unfit: the case has no such copy."""
    story = copy_story(paper.case, copy)
    rows = (
        labelled("收文號", paper.number, "number"),
        labelled("複製編號", copy, "copy"),
        *_secrecy(paper, story, DECLASSIFY_MAX),
        labelled("銷毀期限", _destroy_by(paper, story), "destroy-by"),
        labelled("指紋", grouped(fingerprint(paper, story)[:FIRST]), "fingerprint"),
    )
    return render("label", {"office": paper.profile.office, "table": PaperTable("label", "", (), rows)})


def fingerprint(paper: PaperCase, story: CopyStory) -> str:
    """SHA-256 of the list of the copy, hex; "" where it is not known."""
    entered = "" if story.signed is None else story.signed.fingerprint
    return entered or paper.fingerprints.get(story.take.made, "")


def _destroy_by(paper: PaperCase, story: CopyStory) -> str:
    made = paper.made.get(story.take.made)
    return NO_LIMIT if made is None else paper.day(paper.clock(made[1]).date().toordinal())


def _secrecy(paper: PaperCase, story: CopyStory, most: int | None = None) -> Iterator[tuple[PaperCell, ...]]:
    """Where the text asks for it. `most`: characters that there is room for."""
    if paper.case.procedure.secrecy or story.take.secrecy is not None:
        until = paper.of_copy(story.take.made, CopyWord.DECLASSIFY)
        yield labelled("密等", story.take.secrecy or "", "secrecy")
        yield labelled("解密條件", until if most is None or len(until) <= most else ON_THE_RECEIPT, "declassify")


def _receipt(paper: PaperCase, story: CopyStory) -> PaperTable:
    copy, signed = story.take.made, story.signed
    rows = (
        labelled("收文號", paper.number, "number"),
        labelled("複製編號", copy, "copy"),
        labelled("申請人", party(paper), "applicant"),
        labelled("案由", subject(paper) or paper.withheld, "subject"),
        labelled("複製內容", "\n".join(paper.footage(story.take.scope)), "footage"),
        labelled("複製日期", paper.moment(story.taken.at.wall_ms), "made"),
        labelled("媒體", paper.of_copy(copy, CopyWord.MEDIUM), "medium"),
        labelled("檔案清單指紋\n（SHA-256）", grouped(fingerprint(paper, story)), "fingerprint"),
        *_secrecy(paper, story),
        *_fee(paper, signed),
        labelled("機關留存", _kept(signed), "kept"),
        labelled("領取人", paper.of_copy(copy, CopyWord.RECEIVER), "receiver"),
        labelled("查驗之身分證明文件", paper.of_copy(copy, CopyWord.IDENTITY), "identity"),
        labelled("領取日期", "" if signed is None else paper.day(signed.day, story.receipt), "day"),
    )
    return PaperTable("receipt", "", (), rows)


def _fee(paper: PaperCase, signed: Receipt | None) -> Iterator[tuple[PaperCell, ...]]:
    """Where the text asks for one."""
    if paper.case.procedure.fee:
        paid = "＿＿＿＿＿＿" if signed is None or signed.fee is None else f"{signed.fee:,}"
        yield labelled("費用", f"新臺幣 {paid} 元", "fee")


def _kept(signed: Receipt | None) -> str:
    if signed is None:
        return "□留存一份　□未留存"
    return "留存一份" if signed.kept else "未留存"


def _conditions(paper: PaperCase, story: CopyStory) -> Iterator[PaperCell]:
    """Under which it is handed over."""
    clause = confidentiality(paper)
    if clause is not None:
        yield PaperCell(f"「{paper.profile.title}」{clause.article}：{clause.words[0]}", "confidentiality")
    yield PaperCell("本件影音資料限供申請之事由及用途使用，不得另作他用、轉交他人或任意公開散布。")
    if paper.case.procedure.secrecy:
        yield PaperCell("應依標示之密等及解密條件，按文書保密作業規定保管。")
    yield PaperCell(
        f"返還或銷毀期限：{_destroy_by(paper, story)}。屆期應返還本機關、自行銷毀或依法附卷，並將辦理情形告知本機關。",
        "conditions",
    )
