"""Numbers of persons and companies against their published rule and published numbers; what is odd about a text."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office.identity_numbers import (
    company_number_fault,
    person_number_fault,
    phone_fault,
    plain_text,
    plain_text_faults,
)
from storage.words.message import Message

FULL_WIDTH: Final = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}

LETTERS: Final[dict[str, str]] = dict(
    re.findall(
        r"([A-Z])=(\d\d)",
        "A=10 B=11 C=12 D=13 E=14 F=15 G=16 H=17 I=34 J=18 K=19 L=20 M=21 "
        "N=22 O=35 P=23 Q=24 R=25 S=26 T=27 U=28 V=29 W=32 X=30 Y=31 Z=33",
    )
)
"""As the ministry lists them."""

PERSONS: Final = [
    "A123456789", "F131104093", "S152892614", "A234567893",  # 身分證
    "A800000014", "A900000016", "A803095426", "B801300667", "C800151116", "A900207177", "P908661184",  # since 2021
    "AA00000009", "AB12345677", "AC12345679", "AC01234567", "AD30196818", "AC94737017", "SB40558330",  # before
]  # fmt: skip
COMPANIES: Final = [
    "04595257", "10458575",  # the examples of 財政部, the second with a 7 in the seventh place
    "22099131", "53212539", "04541302", "84149961", "03079402", "96979933", "70759028", "04702088", "00651474",
    "00238778",  # right with the 7 counted as 1
]  # fmt: skip


def code(fault: Message | None) -> str:
    return "" if fault is None else fault.code


# --- persons


@pytest.mark.parametrize("number", PERSONS)
def test_published_numbers_of_persons_are_right(number: str) -> None:
    for text in (number, number.lower(), number.translate(FULL_WIDTH), f" {number}\u3000"):
        assert person_number_fault(text) is None


@pytest.mark.parametrize(
    ("number", "fault", "told"),
    [
        ("", "office.number.length", "it has 0 characters, and 10 belong there"),
        ("A12345678", "office.number.length", "it has 9 characters, and 10 belong there"),
        ("A1234567890", "office.number.length", "it has 11 characters, and 10 belong there"),
        ("1234567890", "office.person-number.letter", 'it begins with "1", where a letter belongs'),
        ("臺123456789", "office.person-number.letter", 'it begins with "臺", where a letter belongs'),
        ("A323456789", "office.person-number.second", 'its second character is "3"'),
        ("AE12345678", "office.person-number.second", 'its second character is "E"'),
        ("A12345678O", "office.number.digit", 'character 10 is "O", where a digit belongs'),
        ("A1٣3456789", "office.number.digit", 'character 3 is "٣", where a digit belongs'),
        ("A1\x003456789", "office.number.digit", 'character 3 is "\\u0000", where a digit belongs'),
        ("A123456788", "office.number.check", "its check digit does not fit"),
        ("A132456789", "office.number.check", "its check digit does not fit"),  # two digits swapped
        ("A234567890", "office.number.check", "its check digit does not fit"),
        ("A800000015", "office.number.check", "its check digit does not fit"),
        ("AA00000000", "office.number.check", "its check digit does not fit"),
    ],
)
def test_what_is_wrong_with_a_number_of_a_person_is_told(number: str, fault: str, told: str) -> None:
    found = person_number_fault(number)
    assert found is not None
    assert (found.code, found.startswith(told)) == (fault, True)


def person_check_digit(number: str) -> int:
    """Of the first nine characters, as the ministry has it: tens of the letter once, ones nine times, then 8 to 1."""
    letter = LETTERS[number[0]]
    second = LETTERS[number[1]][1] if number[1] in LETTERS else number[1]
    total = int(letter[0]) + 9 * int(letter[1]) + 8 * int(second)
    for place, digit in enumerate(number[2:9]):
        total += (7 - place) * int(digit)
    return -total % 10


@given(st.from_regex(r"[A-Z][1289A-D][0-9]{7}", fullmatch=True), st.integers(0, 9))
def test_of_ten_check_digits_one_is_right(begin: str, last: int) -> None:
    right = last == person_check_digit(begin)
    assert code(person_number_fault(f"{begin}{last}")) == ("" if right else "office.number.check")


# --- companies


@pytest.mark.parametrize("number", COMPANIES)
def test_published_numbers_of_companies_are_right(number: str) -> None:
    for text in (number, number.translate(FULL_WIDTH), f"\t{number} "):
        assert company_number_fault(text) is None


@pytest.mark.parametrize("number", ["04595252", "10458574", "10458570"])
def test_numbers_that_only_the_present_rule_has_are_right(number: str) -> None:
    assert company_number_fault(number) is None


@pytest.mark.parametrize(
    ("number", "fault", "told"),
    [
        ("2209913", "office.number.length", "it has 7 characters, and 8 belong there"),
        ("A123456789", "office.number.length", "it has 10 characters, and 8 belong there"),
        ("2209913I", "office.number.digit", 'character 8 is "I", where a digit belongs'),
        ("00000000", "office.company-number.zeros", "no company has the number of zeros"),
        ("22099132", "office.number.check", "its check digit does not fit"),
        ("04595253", "office.number.check", "its check digit does not fit"),
        ("12345678", "office.number.check", "its check digit does not fit"),
    ],
)
def test_what_is_wrong_with_a_number_of_a_company_is_told(number: str, fault: str, told: str) -> None:
    found = company_number_fault(number)
    assert found is not None
    assert (found.code, found.startswith(told)) == (fault, True)


def company_sums(number: str) -> set[int]:
    """As 財政部 explains it: tens and ones of each product are added; where that has two digits (only the seventh can),
    either may be taken.
    """
    sums = {0}
    for digit, weight in zip(number, "12121241", strict=True):
        tens, ones = divmod(int(digit) * int(weight), 10)
        sums = {total + int(one) for total in sums for one in str(tens + ones)}
    return sums


@given(st.from_regex(r"[0-9]{8}|[0-9]{6}7[0-9]", fullmatch=True).filter(lambda number: int(number) > 0))
def test_a_number_of_a_company_is_judged_as_published(number: str) -> None:
    sums = company_sums(number)
    is_right = any(total % 5 == 0 for total in sums)
    assert code(company_number_fault(number)) == ("" if is_right else "office.number.check")
    if any(total % 10 == 0 for total in sums):
        assert company_number_fault(number) is None, "right by the former rule"


@given(st.text(st.characters(exclude_categories=()), max_size=14) | st.from_regex(r"[A-Z0-9]{8}|[A-Z0-9]{10}"))
def test_whatever_was_typed_gets_a_word_that_does_not_repeat_it(text: str) -> None:
    for check in (person_number_fault, company_number_fault, phone_fault):
        fault = check(text)
        assert fault is None or fault.code.startswith("office.")
        typed = text.strip()
        assert fault is None or len(typed) < 8 or typed not in fault


# --- telephones


@pytest.mark.parametrize(
    "text",
    [
        "0912345678", "0912-345-678", "0912 345 678", "+886 912 345 678", "+886-2-2345-6789", "(02)2345-6789",
        "（０２）２３４５－６７８９", "02-2345-6789#123", "02-23456789 分機 12", "02-23456789轉5", "02–2345—6789",
        "2345678", "(02) 2345-6789 ext. 12", "+1 650 253 0000",
    ],
)  # fmt: skip
def test_telephones_are_right_as_people_write_them(text: str) -> None:
    assert phone_fault(text) is None


@pytest.mark.parametrize(
    ("text", "fault", "told"),
    [
        ("", "office.phone.digits", "it has 0 digits; a telephone number has 7 to 15"),
        ("0912", "office.phone.digits", "it has 4 digits"),
        ("#1234567", "office.phone.digits", "it has 0 digits"),
        ("0" * 16, "office.phone.digits", "it has 16 digits"),
        ("0912345678a", "office.phone.character", 'character 11 is "a", which does not belong there'),
        ("02+23456789", "office.phone.character", 'character 3 is "+"'),
        ("02-23456789#1#2", "office.phone.character", 'character 14 is "#"'),
        ("無", "office.phone.character", 'character 1 is "無"'),
        ("٠٩١٢٣٤٥٦٧٨", "office.phone.character", 'character 1 is "٠"'),
    ],
)
def test_what_is_odd_about_a_telephone_is_told(text: str, fault: str, told: str) -> None:
    found = phone_fault(text)
    assert found is not None
    assert (found.code, found.startswith(told)) == (fault, True)


# --- names and text


@pytest.mark.parametrize(
    "text",
    [
        "王小明",
        "Kilolo Pan-u",
        "\ue000\U000f0001",  # 造字
        "𠮷\U00031350",  # the second is of an extension that this Python does not know yet
        "محمد",
        "ព្រះ\u200d",
        "O'Brien 🙂",
    ],
)
def test_names_of_all_kinds_are_fine(text: str) -> None:
    assert plain_text_faults(text, 100) == []


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("王" * 4_000, ["office.text.too-long"]),
        ("", ["office.text.blank"]),
        (" \u3000\u00a0", ["office.text.blank"]),
        ("\u200b\ufeff", ["office.text.blank"]),
        ("\u3164", ["office.text.blank"]),
        ("王\x1b[2J", ["office.text.control"]),
        ("王\x00", ["office.text.control"]),
        ("王\x85", ["office.text.control"]),
        ("王\u2028明", ["office.text.control"]),
        ("王\n明", ["office.text.control"]),
        ("王\u202e明", ["office.text.direction"]),
        ("王\u2067明", ["office.text.direction"]),
        ("王\u200f明", ["office.text.direction"]),
        ("王\ud800", ["office.text.half"]),
        ("\t", ["office.text.blank", "office.text.control"]),
        (
            "\u202e\x07\udfff" * 50,
            ["office.text.too-long", "office.text.control", "office.text.direction", "office.text.half"],
        ),
    ],
)
def test_each_kind_of_odd_text_is_told_once(text: str, faults: list[str]) -> None:
    assert [fault.code for fault in plain_text_faults(text, 100)] == faults


def test_the_first_odd_sign_is_told_by_its_place_and_number() -> None:
    [control] = plain_text_faults("王小\x1b明\x07", 100)
    assert control == "character 3 is the control character U+001B"
    [turn] = plain_text_faults("王\u202e明\u202d", 100)
    assert turn.startswith("character 2 (U+202E) turns the direction of writing")


def test_a_text_may_have_lines_where_that_is_said() -> None:
    text = "遺失錢包。\r\n\t約下午三時。\n"
    assert plain_text(text) == "遺失錢包。\n\t約下午三時。\n"
    assert plain_text_faults(text, 100, lines=True) == []
    assert [fault.code for fault in plain_text_faults(text, 100)] == ["office.text.control"]
    assert [fault.code for fault in plain_text_faults("a\rb", 100, lines=True)] == ["office.text.control"]


def test_the_length_is_that_of_the_text_as_it_is_kept() -> None:
    assert plain_text_faults("e\u0301" * 100, 100) == []
    [fault] = plain_text_faults("e\u0301" * 101, 100)
    assert fault == "it has 101 characters, and at most 100 can be kept"


def test_a_rare_sign_of_a_name_keeps_its_form() -> None:
    """Negative control: NFC alone would change it."""
    name = "\ufa19\U0002f804e\u0301"
    assert plain_text(name) == "\ufa19\U0002f804\u00e9"
    assert unicodedata.normalize("NFC", name) == "\u795e\u4f60\u00e9"


texts = st.text(st.characters(exclude_categories=()) | st.sampled_from("e\u0301\r\n\ufa19\u202e가\u11a8"), max_size=40)


@given(texts)
def test_text_is_kept_whole(text: str) -> None:
    kept = plain_text(text)
    assert unicodedata.normalize("NFD", kept) == unicodedata.normalize("NFD", text.replace("\r\n", "\n"))
    assert plain_text(kept) == kept
    if not any("\uf900" <= sign <= "\ufaff" or "\U0002f800" <= sign <= "\U0002fa1f" for sign in text):
        assert kept == unicodedata.normalize("NFC", text.replace("\r\n", "\n"))


@given(texts, st.integers(1, 50), st.booleans())
def test_a_text_without_a_fault_can_be_kept_and_shown(text: str, limit: int, lines: bool) -> None:
    kept, faults = plain_text(text), plain_text_faults(text, limit, lines=lines)
    assert len({fault.code for fault in faults}) == len(faults)
    if not faults:
        assert kept.encode("utf-8").decode("utf-8") == kept
        assert kept.strip()
        assert len(kept) <= limit
        assert "\u202e" not in kept
        assert lines or len(kept.splitlines()) == 1
