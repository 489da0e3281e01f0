"""edged.papers.receipt: what is signed when a copy is handed over, and what stands on its medium."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from edged.office.cases import CopyWord, copy_word
from edged.office.request import Receipt, Take, Unfit
from edged.papers.paper_case import ERASED, LOST, WITHHELD
from edged.papers.receipt import DECLASSIFY_MAX, ON_THE_RECEIPT, label, receipt
from edged.profiles.loader import Profile
from edged.profiles.procedures import Procedure, Use
from tests.support.paper_cases import COPY, FINGERPRINT, LOBBY, NUMBER, ROWS, PaperStory, fields_of

COPYING: Final = tuple((of, row) for of, row in ROWS if Use.COPY in row.may)
IDS: Final = [row.row for _, row in COPYING]
FOURS: Final = " ".join(["9f3c"] * 16)


def copied(of: Profile, row: Procedure) -> PaperStory:
    return PaperStory.of(of, row, {"reason": "案由<b>甲</b>&amp;"}).signed().decide().copied()


@pytest.mark.parametrize(("of", "row"), COPYING, ids=IDS)
def test_what_is_handed_over_stands_on_the_receipt(of: Profile, row: Procedure) -> None:
    told = copied(of, row).handed_over()
    paper = told.paper()
    fields = fields_of(receipt(paper, COPY))
    taken = next(one.act for one in told.acts if isinstance(one.act, Take))
    assert fields["footage"] == ["\n".join(paper.footage(taken.scope))]
    expected = {
        "number": NUMBER, "copy": COPY, "receiver": "領取人王", "identity": "國民身分證", "medium": "光碟一片",
        "fingerprint": FOURS, "kept": "留存一份", "day": "民國115年11月28日",
    }  # fmt: skip
    assert {name: fields[name] for name in expected} == {name: [text] for name, text in expected.items()}
    assert fields.get("fee", []) == (["新臺幣 1,200 元"] if row.fee else [])
    assert fields.get("secrecy", []) == (["機密"] if row.secrecy else [])
    assert fields.get("declassify", []) == (["本件於案件終結後解密"] if row.secrecy else [])
    assert "民國115年12月25日" in fields["conditions"][0]
    confidential = next(one for one in of.clauses if one.id in ("W2", "J6", "P12", "D1", "N9"))
    assert confidential.words[0] in fields["confidentiality"][0]
    if "reason" in {one.name for one in row.fields}:
        assert "案由<b>甲</b>&amp;" in fields["subject"][0]


@pytest.mark.parametrize(("of", "row"), COPYING, ids=IDS)
def test_before_that_it_is_a_form_to_be_signed_by_hand(of: Profile, row: Procedure) -> None:
    paper = copied(of, row).paper(fingerprints={COPY: FINGERPRINT})
    fields = fields_of(receipt(paper, COPY))
    for name in ("receiver", "identity", "medium", "day"):
        assert fields[name] == [""]
    assert (fields["kept"], fields["fingerprint"]) == (["□留存一份　□未留存"], [FOURS])
    assert fields.get("fee", []) == (["新臺幣 ＿＿＿＿＿＿ 元"] if row.fee else [])


@pytest.mark.parametrize(("of", "row"), COPYING, ids=IDS)
def test_the_label_says_what_the_medium_is(of: Profile, row: Procedure) -> None:
    fields = fields_of(label(copied(of, row).paper(fingerprints={COPY: FINGERPRINT}), COPY))
    secret = {"secrecy": ["機密"], "declassify": ["本件於案件終結後解密"]} if row.secrecy else {}
    assert fields == {
        "office": [of.office], "number": [NUMBER], "copy": [COPY], "destroy-by": ["民國115年12月25日"],
        "fingerprint": ["9f3c 9f3c 9f3c 9f3c"], **secret,
    }  # fmt: skip


def test_what_a_label_has_no_room_for_stands_on_the_receipt() -> None:
    """Else it would push the fingerprint off."""
    told = copied(*next(one for one in COPYING if one[1].secrecy))
    for length, stands in ((DECLASSIFY_MAX, "解" * DECLASSIFY_MAX), (DECLASSIFY_MAX + 1, ON_THE_RECEIPT)):
        paper, words = told.paper(), {copy_word(COPY, CopyWord.DECLASSIFY): "解" * length}
        paper = replace(paper, words={**paper.words, **words})
        assert fields_of(label(paper, COPY))["declassify"] == [stands]
        assert fields_of(receipt(paper, COPY))["declassify"] == ["解" * length]


def test_one_of_two_copies_is_meant() -> None:
    told = copied(*COPYING[0]).do(Take(Use.COPY, (LOBBY,), "E-2"), Receipt())
    assert fields_of(receipt(told.paper(), COPY))["kept"] == ["留存一份"]
    second = fields_of(receipt(told.paper(), "E-2"))
    assert (second["kept"], second["footage"]) == (["□留存一份　□未留存"], told.paper().footage((LOBBY,)))
    told.do(Receipt(kept=False))
    assert [fields_of(receipt(told.paper(), one))["kept"] for one in (COPY, "E-2")] == [["留存一份"], ["未留存"]]


@pytest.mark.parametrize("make", [receipt, label])
def test_a_copy_that_there_is_not_is_told_with_those_there_are(make: Any) -> None:
    with pytest.raises(Unfit, match=f"has no copy E-9: it has {COPY}"):
        make(copied(*COPYING[0]).paper(), "E-9")


@pytest.mark.parametrize(
    ("changes", "stands"), [({"erased": True}, ERASED), ({"nameless": True}, LOST), ({"private": True}, WITHHELD)]
)
@pytest.mark.parametrize(("of", "row"), COPYING, ids=IDS)
def test_without_words_of_persons_it_says_the_rest(
    of: Profile, row: Procedure, changes: dict[str, Any], stands: str
) -> None:
    paper = copied(of, row).handed_over().paper(words={}, shown={}, names={}, **changes)
    fields = fields_of(receipt(paper, COPY))
    assert (fields["receiver"], fields["identity"], fields["number"]) == ([stands], [stands], [NUMBER])
    assert fields_of(label(paper, COPY))["number"] == [NUMBER]
