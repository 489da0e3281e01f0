"""What goes with a copy: the receipt that whoever takes it signs (簽收單), and the label of its medium.

Until it is signed for, what is not known yet is blank, to be filled in by hand. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edged.office.cases import CopyWord
from edged.office.request import Receipt, Secrecy, Take
from edged.papers.case_words import confidentiality, copy_of, grouped, party, signed_for, subject, taken
from edged.papers.paper_case import PaperCase
from edged.papers.paper_table import PaperCell, PaperTable, labelled
from edged.papers.render import render

FIRST: Final = 16
"""Signs of a fingerprint that a label has room for."""
NO_LIMIT: Final = "依該影音資料之保存期限"


def receipt(paper: PaperCase, copy: str) -> str:
    """As a page. `copy`: by its id. Unfit: the case has no such copy."""
    return render("receipt", {"office": paper.profile.office, **_receipt(paper, copy)})


def label(paper: PaperCase, copy: str) -> str:
    """As a page of 90 × 60 mm. `copy`: by its id. Unfit: the case has no such copy."""
    copy_of(paper.case, copy)
    secrecy = _secrecy(paper, copy)
    rows = (
        labelled("案號", paper.number, "number"),
        labelled("複製編號", copy, "copy"),
        *(
            (
                labelled("密等", secrecy or "", "secrecy"),
                labelled("解密條件", paper.of_copy(copy, CopyWord.DECLASSIFY), "declassify"),
            )
            if paper.case.procedure.secrecy or secrecy
            else ()
        ),
        labelled("銷毀期限", _destroy_by(paper, copy), "destroy-by"),
        labelled("指紋", grouped(fingerprint(paper, copy)[:FIRST]), "fingerprint"),
    )
    return render("label", {"office": paper.profile.office, "table": PaperTable("label", "", (), rows)})


def fingerprint(paper: PaperCase, copy: str) -> str:
    """SHA-256 of the list of the copy, hex; "" where it is not known."""
    signed = signed_for(paper.case).get(copy)
    return (signed[1].fingerprint if signed is not None else "") or paper.fingerprints.get(copy, "")


def _destroy_by(paper: PaperCase, copy: str) -> str:
    made = paper.made.get(copy)
    return NO_LIMIT if made is None else paper.day(paper.clock(made[1]).date().toordinal())


def _secrecy(paper: PaperCase, copy: str) -> Secrecy | None:
    made = taken(paper.case, copy)
    return made.act.secrecy if made is not None and isinstance(made.act, Take) else None


def _receipt(paper: PaperCase, copy: str) -> dict[str, object]:
    case = paper.case
    copy_of(case, copy)
    made, signed = taken(case, copy), signed_for(case).get(copy)
    told = signed[1] if signed is not None else None
    rows = [
        labelled("案號", paper.number, "number"),
        labelled("複製編號", copy, "copy"),
        labelled("申請人", party(paper), "applicant"),
        labelled("案由", subject(paper), "subject"),
        labelled("複製內容", _footage(paper, made.act) if made is not None else "", "footage"),
        labelled("複製日期", paper.moment(made.at.wall_ms) if made is not None else "", "made"),
        labelled("媒體", paper.of_copy(copy, CopyWord.MEDIUM), "medium"),
        labelled("檔案清單指紋\n（SHA-256）", grouped(fingerprint(paper, copy)), "fingerprint"),
        *_by_row(paper, copy, told),
        labelled("機關留存", _kept(told), "kept"),
        labelled("領取人", paper.of_copy(copy, CopyWord.RECEIVER), "receiver"),
        labelled("查驗之身分證明文件", paper.of_copy(copy, CopyWord.IDENTITY), "identity"),
        labelled("領取日期", paper.day(told.day, signed[0]) if told is not None and signed else "", "day"),
    ]
    return {
        "table": PaperTable("receipt", "", (), tuple(rows)),
        "conditions": list(_conditions(paper, copy)),
    }


def _footage(paper: PaperCase, act: object) -> str:
    return "\n".join(paper.footage(act.scope)) if isinstance(act, Take) else ""


def _by_row(paper: PaperCase, copy: str, told: Receipt | None) -> Iterator[tuple[PaperCell, ...]]:
    """What only some texts ask for."""
    secrecy = _secrecy(paper, copy)
    if paper.case.procedure.secrecy or secrecy is not None:
        yield labelled("密等", secrecy or "", "secrecy")
        yield labelled("解密條件", paper.of_copy(copy, CopyWord.DECLASSIFY), "declassify")
    if paper.case.procedure.fee:
        paid = f"{told.fee:,}" if told is not None and told.fee is not None else "＿＿＿＿＿＿"
        yield labelled("費用", f"新臺幣 {paid} 元", "fee")


def _kept(told: Receipt | None) -> str:
    if told is None:
        return "□留存一份　□未留存"
    return "留存一份" if told.kept else "未留存"


def _conditions(paper: PaperCase, copy: str) -> Iterator[PaperCell]:
    """Under which it is handed over."""
    clause = confidentiality(paper)
    if clause is not None:
        yield PaperCell(f"「{paper.profile.title}」{clause.article}：{clause.words[0]}", "confidentiality")
    yield PaperCell("本件影音資料限供申請之事由及用途使用，不得另作他用、轉交他人或任意公開散布。")
    if paper.case.procedure.secrecy:
        yield PaperCell("應依標示之密等及解密條件，按文書保密作業規定保管。")
    yield PaperCell(
        f"返還或銷毀期限：{_destroy_by(paper, copy)}。屆期應返還本機關、自行銷毀或依法附卷，並將辦理情形告知本機關。",
        "conditions",
    )
